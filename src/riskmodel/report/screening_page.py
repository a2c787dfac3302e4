"""The page for a school-health team: which pupils to begin with, why, and how far to trust it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from riskmodel.report.formatting import (
    count_of_ten,
    format_number,
    format_percent,
    shorten_pseudonym,
)
from riskmodel.report.language import Texts, load_texts
from riskmodel.report.page import (
    describe_facts,
    describe_footer,
    describe_notices,
    describe_point,
    find_outcome,
    render_page,
)

_ASIDE = re.compile(r" \([^()]*\)$")
"""What a reason ends with in brackets: the comparison, or when a value is missing from."""

_UNITS = ("school", "team", "all")
_READING = ("risk", "order", "reasons", "missing", "changeable", "alarm", "talk")
_CAN = ("can_1", "can_2", "can_3")
_CANNOT = ("cannot_1", "cannot_2", "cannot_3", "cannot_4")


def collect_screening(
    frame: pd.DataFrame,
    summary: Mapping[str, Any],
    *,
    run: Mapping[str, Any],
    performance: Mapping[str, Any] | None = None,
    language: str = "sv",
) -> dict[str, Any]:
    """Put all that the screening page and workbook show into one plain dictionary.

    Parameters
    ----------
    frame : pandas.DataFrame
        The list, as in `ScreeningList.frame`: `subject_id`, `school_unit`,
        `prediction_date`, `rank`, `risk` in [0, 1], and for each reason ``i`` `reason_i`,
        `domain_i`, `changeable_i`, `is_missing_i`.
    summary : mapping
        `ScreeningList.to_dict()`.
    run : mapping
        About the run: `title`, `purpose`, `legal_basis`, `outcome`, `model`, `cohort`,
        `point`, `prediction_date`, `created`, `is_simulated`, `provenance`. Each may be
        missing or None.
    performance : mapping, optional
        What the same rule gave on earlier pupils, as in `ListPerformance.to_dict()`:
        `precision` and `recall` (each with `value`, `lower`, `upper`, or null with its
        reason), `n`, `cohorts`, and the rule's `capacity`. Without it the page says that
        nothing is known.
    language : {"sv", "en"}, default "sv"
        The reader's.

    Returns
    -------
    dict
        Strings, numbers, lists and dictionaries; the same for page and workbook.
    """
    t = load_texts(language)
    known = {"title": "", **run}
    moment = known.get("prediction_date") or _latest(frame)
    known["prediction_date"] = moment
    notes = _list_notes(summary, t)
    return {
        "language": t.language,
        "run": known,
        "contents": [
            {"id": name, "label": t(f"screening.{name}.title")}
            for name in ("hits", "use", "list", "read")
        ],
        "eyebrow": t("screening.eyebrow"),
        "title": t("screening.title"),
        "lead": t("screening.lead"),
        "facts": _describe_facts(known, summary, t),
        "notices": describe_notices(known, t),
        "footer": describe_footer(known, t, has_pupils=True),
        "hits": _describe_hits(performance or {}, known, t),
        "hits_basis": _describe_basis(performance or {}, t),
        "use": [
            {"title": t("screening.use.can_title"), "lines": _lines("screening.use", _CAN, t)},
            {
                "title": t("screening.use.cannot_title"),
                "lines": _lines("screening.use", _CANNOT, t),
            },
        ],
        "list_notes": notes,
        "schools": [{"name": name} for name in sorted(frame["school_unit"].unique())],
        "pupils": _describe_pupils(frame, t),
        "n_reasons": int(summary["n_reasons"]),
        "reading": [
            {
                "label": t(f"screening.read.{name}_label"),
                "text": t(f"screening.read.{name}", outcome=find_outcome(known, t, "infinitive")),
            }
            for name in _READING
        ],
    }


def render_screening(data: Mapping[str, Any]) -> str:
    """Render the screening page.

    Parameters
    ----------
    data : mapping
        What `collect_screening` returned.

    Returns
    -------
    str
        One self-contained HTML file.
    """
    return render_page("screening", data, script="screening")


def describe_risk(risk: float, t: Texts) -> str:
    """Return a risk as a number of ten.

    Parameters
    ----------
    risk : float
        Calibrated, in [0, 1].
    t : Texts
        The reader's language.

    Returns
    -------
    str
        For example "ungefär 6 av 10".
    """
    count = count_of_ten(risk)
    if count == 0:
        return t("screening.words.none")
    if count == 10:
        return t("screening.words.all")
    return t("screening.words.some", count=count)


def _describe_facts(
    run: Mapping[str, Any], summary: Mapping[str, Any], t: Texts
) -> list[dict[str, Any]]:
    """Return the facts of the list, first for whom it is where there are several views."""
    facts = describe_facts(run, t, scope=_describe_scope(run, summary, t))
    if not run.get("view"):
        return facts
    return [{"label": t("screening.view"), "text": str(run["view"]), "is_wide": False}, *facts]


def _latest(frame: pd.DataFrame) -> str | None:
    """Return the list's prediction date in ISO form, None for an empty list."""
    return str(frame["prediction_date"].max())[:10] if len(frame) else None


def _lines(group: str, names: Sequence[str], t: Texts) -> list[str]:
    """Return some texts of a group."""
    return [t(f"{group}.{name}") for name in names]


def _describe_scope(run: Mapping[str, Any], summary: Mapping[str, Any], t: Texts) -> str:
    """Return which pupils the list is about."""
    schools = t.count("screening.scope.schools", summary["n_schools"], count=summary["n_schools"])
    rule = _describe_rule("scope", summary["capacity"], summary["unit"], t)
    return t("screening.scope.all_of", point=describe_point(run, t), rule=rule, schools=schools)


def _describe_rule(group: str, capacity: float, unit: str, t: Texts) -> str:
    """Return how many pupils there is place for."""
    unit = unit if unit in _UNITS else _UNITS[-1]
    if isinstance(capacity, int):
        return t(f"screening.{group}.number_{unit}", count=capacity)
    return t(f"screening.{group}.share_{unit}", share=format_percent(capacity, t.language))


def _list_notes(summary: Mapping[str, Any], t: Texts) -> list[str]:
    """Return what must be said of this very list."""
    notes = []
    domains = summary.get("withheld_domains") or []
    if domains:
        names = ", ".join(t.named("domain", str(domain)).lower() for domain in domains)
        notes.append(t("screening.list.withheld", domains=names))
    elif summary.get("withheld_features"):
        notes.append(t("screening.list.withheld_some"))
    for key, name in (
        ("wholly", "n_units_wholly_listed"),
        ("no_pupils", "n_units_empty"),
        ("tied", "n_units_tied_at_cut"),
    ):
        if not summary[name]:
            continue
        if summary["unit"] == "school":
            notes.append(t.count(f"screening.list.{key}", summary[name], count=summary[name]))
        elif key != "no_pupils":
            notes.append(t(f"screening.list.{key}_unit"))
    return notes


def _describe_hits(
    performance: Mapping[str, Any], run: Mapping[str, Any], t: Texts
) -> list[dict[str, Any]]:
    """Return the two honest sentences: who stands here in vain, and who does not stand here."""
    hits: list[dict[str, Any]] = []
    for name, form in (("precision", "infinitive"), ("recall", "present")):
        measure = performance.get(name) or {}
        share = measure.get("value")
        outcome = find_outcome(run, t, form)
        if share is None:
            plural = find_outcome(run, t, "present")
            hits.append(
                {
                    "of_ten": None,
                    "statement": t(f"screening.hits.unknown_{name}", outcome=plural),
                    "detail": t("screening.hits.unknown_detail"),
                }
            )
            continue
        count = count_of_ten(share)
        detail = [_describe_spread(measure, t)]
        if name == "precision":
            detail.append(t("screening.hits.other_side", count=10 - count))
        else:
            detail.append(t("screening.hits.recall_detail", missed=10 - count))
        statement = t(f"screening.hits.{name}", count=count, outcome=outcome)
        text = " ".join(part for part in detail if part)
        hits.append({"of_ten": count, "statement": statement, "detail": text})
    return hits


def _describe_spread(measure: Mapping[str, Any], t: Texts) -> str:
    """Return how sure a share is, as numbers of ten."""
    lower, upper = measure.get("lower"), measure.get("upper")
    if lower is None or upper is None:
        return ""
    ends = [format_number(end * 10, t.language, 1) for end in (lower, upper)]
    return t("screening.hits.precision_detail", lower=ends[0], upper=ends[1])


def _describe_basis(performance: Mapping[str, Any], t: Texts) -> str:
    """Return on which pupils the sentences rest."""
    capacity = performance.get("capacity")
    if capacity is None:
        return ""
    rule = _describe_rule("hits", capacity, str(performance.get("unit") or "all"), t)
    if not performance.get("n"):
        return t("screening.hits.basis_short", rule=rule)
    return t(
        "screening.hits.basis",
        n=format_number(performance["n"], t.language),
        cohorts=", ".join(performance.get("cohorts", ())),
        rule=rule,
    )


def _describe_pupils(frame: pd.DataFrame, t: Texts) -> list[dict[str, Any]]:
    """Return the listed pupils with their reasons."""
    numbers = sorted(
        int(name.removeprefix("reason_")) for name in frame.columns if name.startswith("reason_")
    )
    short = _short_pseudonyms(frame["subject_id"].astype(str).to_list())
    return [
        {
            "subject_id": str(row["subject_id"]),
            "short_id": short[str(row["subject_id"])],
            "school_unit": str(row["school_unit"]),
            "rank": int(row["rank"]),
            "risk": round(float(row["risk"]), 6),
            "percent": format_percent(float(row["risk"]), t.language),
            "width": round(100 * float(row["risk"]), 1),
            "words": describe_risk(float(row["risk"]), t),
            "reasons": [
                _describe_reason(row, number, t)
                for number in numbers
                if pd.notna(row[f"reason_{number}"])
            ],
        }
        for row in frame.to_dict("records")
    ]


def _describe_reason(row: Mapping[Any, Any], number: int, t: Texts) -> dict[str, Any]:
    """Return one reason of one pupil."""
    domain = row.get(f"domain_{number}")
    text = str(row[f"reason_{number}"])
    aside = _ASIDE.search(text)
    return {
        "text": text,
        "main": text[: aside.start()] if aside else text,
        "aside": aside.group().strip() if aside else "",
        "area": t.named("domain", None if pd.isna(domain) else str(domain) or None),
        "changeable": bool(row.get(f"changeable_{number}", False)),
        "is_missing": bool(row.get(f"is_missing_{number}", False)),
    }


def _short_pseudonyms(subject_ids: Sequence[str]) -> dict[str, str]:
    """Return short forms that tell the listed pupils apart, or the whole pseudonyms."""
    short = {subject_id: shorten_pseudonym(subject_id) for subject_id in subject_ids}
    if len(set(short.values())) == len(short):
        return short
    return {subject_id: subject_id for subject_id in subject_ids}
