"""What all pages share: the frame of facts around a report, and its rendering to one file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from riskmodel.report.formatting import format_date
from riskmodel.report.language import Texts, load_texts

_HASH_SHOWN = 12


def describe_frame(
    page: str,
    run: Mapping[str, Any],
    t: Texts,
    *,
    contents: Iterable[Mapping[str, Any]],
    has_pupils: bool = False,
) -> dict[str, Any]:
    """Return what stands around every page's own content.

    Parameters
    ----------
    page : str
        The page's name among the texts.
    run : mapping
        About the run: `title`, `created` (ISO), `is_simulated`, `legal_basis` and `provenance`
        are read. Each may be missing.
    t : Texts
        The reader's language.
    contents : iterable of mapping
        The page's parts in order, each with `id` and `title`.
    has_pupils : bool, default False
        Whether the page shows single pupils.

    Returns
    -------
    dict
        `language`, `run`, `contents`, `eyebrow`, `notices` and `footer`.
    """
    return {
        "language": t.language,
        "run": {"title": "", **run},
        "contents": [{"id": one["id"], "label": one["title"]} for one in contents],
        "eyebrow": t(f"{page}.eyebrow"),
        "notices": _describe_notices(run, t),
        "footer": _describe_footer(run, t, has_pupils),
    }


def describe_facts(run: Mapping[str, Any], t: Texts, *, scope: str) -> list[dict[str, Any]]:
    """Return the facts at the head of a page.

    Parameters
    ----------
    run : mapping
        About the run: `purpose`, `prediction_date` (ISO), `model` (family), `legal_basis`
        (with `text` and `reference`). Each may be missing or None.
    t : Texts
        The reader's language.
    scope : str
        Which pupils the page is about.

    Returns
    -------
    list of dict
        Each with `label`, `text` and `is_wide`.
    """
    missing = t("page.unknown")
    moment = run.get("prediction_date")
    basis = describe_legal_basis(run, t)
    entries = (
        ("page.purpose", run.get("purpose") or missing, True),
        ("page.legal_basis", basis, True),
        ("page.scope", scope or missing, True),
        ("page.date", format_date(moment, t.language) if moment else missing, False),
        ("page.model", t.named("model", run.get("model")), False),
    )
    return [
        {"label": t(key), "text": str(text), "is_wide": is_wide} for key, text, is_wide in entries
    ]


def describe_legal_basis(run: Mapping[str, Any], t: Texts) -> str:
    """Return the run's legal basis in words.

    Parameters
    ----------
    run : mapping
        About the run; `legal_basis` may be missing.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        The basis with its reference, or that there is none.
    """
    basis = run.get("legal_basis") or {}
    parts = [str(basis[key]) for key in ("text", "reference") if basis.get(key)]
    return " – ".join(parts) if parts else t("page.no_legal_basis")


def _describe_notices(run: Mapping[str, Any], t: Texts) -> list[str]:
    """Return what a reader must know before anything else: sentences, often none."""
    notices = [t("page.simulated")] if run.get("is_simulated") else []
    return notices if run.get("legal_basis") else [*notices, t("page.no_legal_basis_notice")]


def _describe_footer(run: Mapping[str, Any], t: Texts, has_pupils: bool) -> list[str]:
    """Return the lines at the foot of a page: about pseudonyms, and how the page was made."""
    provenance = run.get("provenance") or {}
    line = t("page.made_by", version=provenance.get("version", t("page.unknown")))
    if run.get("created"):
        line += " " + t("page.created", date=format_date(run["created"], t.language))
    if provenance.get("settings"):
        line += " " + t(
            "page.provenance",
            seed=provenance.get("random_state", t("page.unknown")),
            settings=str(provenance["settings"])[:_HASH_SHOWN],
        )
    return [*([t("page.pseudonyms")] if has_pupils else []), line]


def describe_point(run: Mapping[str, Any], t: Texts) -> str:
    """Return the cohort and prediction point in words.

    Parameters
    ----------
    run : mapping
        About the run: `cohort` and `point`, either of which may be missing.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        For example ``"2024/25, november"``, empty where neither is known.
    """
    cohort, point = run.get("cohort"), run.get("point")
    if cohort and point:
        return t("page.cohort_point", cohort=cohort, point=t.named("point", point))
    return str(cohort or (t.named("point", point) if point else ""))


def find_outcome(run: Mapping[str, Any], t: Texts, form: str) -> str:
    """Return how the run's outcome is said.

    Parameters
    ----------
    run : mapping
        About the run: `outcome` is read.
    t : Texts
        The reader's language.
    form : str
        ``name``, ``present``, ``infinitive``, ``past`` or ``done``.

    Returns
    -------
    str
        The words for that outcome, or those for any outcome.
    """
    key = f"outcome.{run.get('outcome')}.{form}"
    return t(key) if t.has(key) else t(f"outcome.other.{form}")


def render_page(template: str, data: Mapping[str, Any], *, script: str | None = None) -> str:
    """Render a page's data to one self-contained HTML file.

    Parameters
    ----------
    template : str
        The template's name without its ending.
    data : mapping
        The page's plain dictionary; `language` is read here.
    script : str, optional
        The name of a script to put into the page.

    Returns
    -------
    str
        HTML that asks for nothing from outside: its content security policy forbids it.
    """
    code = _read("templates", f"{script}.js") if script else ""
    # The policy allows this very script and no other; the template puts a line feed before it.
    digest = hashlib.sha256(("\n" + code).encode("utf-8")).digest()
    source = f"'sha256-{base64.b64encode(digest).decode('ascii')}'" if code else "'none'"
    return (
        _environment()
        .get_template(f"{template}.html.j2")
        .render(
            data=data,
            t=load_texts(str(data["language"])),
            style=Markup(_read("templates", "style.css")),
            script=Markup(code),
            script_source=Markup(source),
        )
    )


@cache
def _environment() -> Environment:
    """Return the templates' environment, which escapes everything and misses nothing."""
    environment = Environment(
        loader=PackageLoader("riskmodel.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("macros.html.j2")
    environment.globals["ui"] = template.module
    return environment


@cache
def _read(*parts: str) -> str:
    """Return a text file of this package."""
    return files("riskmodel.report").joinpath(*parts).read_text(encoding="utf-8")
