"""The page for a school-health team: which pupils to begin with, why, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from riskmodel.features.history import Histories
from riskmodel.report.formatting import (
    count_of_ten,
    format_number,
    format_percent,
)
from riskmodel.report.language import Texts, load_texts
from riskmodel.report.page import (
    describe_facts,
    describe_frame,
    describe_point,
    find_outcome,
    render_page,
)
from riskmodel.report.screening_cards import collect_cards
from riskmodel.report.screening_change import describe_change
from riskmodel.report.screening_pupils import describe_pupils

_UNITS = ("school", "team", "all")
_READING = (
    "risk",
    "certainty",
    "thin",
    "order",
    "reasons",
    "protective",
    "missing",
    "changeable",
    "alarm",
    "talk",
)
_CAN = ("can_1", "can_2", "can_3")
_CANNOT = ("cannot_1", "cannot_2", "cannot_3", "cannot_4")


def collect_screening(
    frame: pd.DataFrame,
    summary: Mapping[str, Any],
    *,
    run: Mapping[str, Any],
    performance: Mapping[str, Any] | None = None,
    language: str = "sv",
    change: tuple[Mapping[str, Any], pd.DataFrame] | None = None,
    histories: Histories | None = None,
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
    change : tuple of mapping and pandas.DataFrame, optional
        What has changed since an earlier list: `ListChange.to_dict()` and `ListChange.pupils`.
    histories : Histories, optional
        The listed pupils' attendance and grades over time.

    Returns
    -------
    dict
        Strings, numbers, lists and dictionaries; the same for page and workbook.
    """
    t = load_texts(language)
    known = {"title": "", **run}
    moment = known.get("prediction_date") or _latest(frame)
    known["prediction_date"] = moment
    pupils = describe_pupils(frame, t)
    changed = describe_change(*change, t) if change is not None else None
    moved = changed["moved"] if changed is not None else {}
    names = ("hits", "use", "list", *(("change",) if changed is not None else ()), "read")
    contents = [{"id": name, "title": t(f"screening.{name}.title")} for name in names]
    return describe_frame("screening", known, t, contents=contents, has_pupils=True) | {
        "title": t("screening.title"),
        "lead": t(f"screening.lead_{_find_unit(summary)}"),
        "facts": _describe_facts(known, summary, t),
        "hits": _describe_hits(performance or {}, known, t),
        "hits_basis": _describe_basis(performance or {}, t),
        "use": [
            {"title": t("screening.use.can_title"), "lines": _lines("screening.use", _CAN, t)},
            {
                "title": t("screening.use.cannot_title"),
                "lines": _lines("screening.use", _CANNOT, t),
            },
        ],
        "list_notes": [*_list_notes(summary, t), *_describe_thin(summary, t)],
        "schools": [{"name": name} for name in sorted(frame["school_unit"].unique())],
        "classes": sorted({pupil["school_class"] for pupil in pupils} - {""}),
        "pupils": pupils,
        "cards": collect_cards(pupils, histories, moved, t, moment=moment),
        "change": changed,
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
    rule = _describe_rule("scope", summary["capacity"], _find_unit(summary), t)
    return t("screening.scope.all_of", point=describe_point(run, t), rule=rule, schools=schools)


def _describe_rule(group: str, capacity: float, unit: str, t: Texts) -> str:
    """Return how many pupils there is place for."""
    if isinstance(capacity, int):
        return t(f"screening.{group}.number_{unit}", count=capacity)
    return t(f"screening.{group}.share_{unit}", share=format_percent(capacity, t.language))


def _find_unit(summary: Mapping[str, Any]) -> str:
    """Return within what pupils are put in order."""
    unit = summary.get("unit")
    return str(unit) if unit in _UNITS else _UNITS[-1]


def _describe_thin(summary: Mapping[str, Any], t: Texts) -> list[str]:
    """Return how many pupils cannot be judged, on the list or not."""
    count = str(summary.get("n_without_enough_data", "0"))
    if count == "0":
        return []
    if count.startswith("<"):
        count = t("screening.list.fewer", limit=count.removeprefix("<"))
    return [t("screening.list.thin", count=count)]


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
    rule = _describe_rule("hits", capacity, _find_unit(performance), t)
    if not performance.get("n"):
        return t("screening.hits.basis_short", rule=rule)
    return t(
        "screening.hits.basis",
        n=format_number(performance["n"], t.language),
        cohorts=", ".join(performance.get("cohorts", ())),
        rule=rule,
    )
