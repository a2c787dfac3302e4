"""The card of each listed pupil: reasons as bars, attendance and grades over time, what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

import pandas as pd

from riskmodel.features.history import Histories
from riskmodel.report.formatting import format_date, format_days, format_percent
from riskmodel.report.language import Texts

_TERMS_SHOWN = 3
_TERMS = ("HT", "VT")


def collect_cards(
    pupils: Sequence[Mapping[str, Any]],
    histories: Histories | None,
    moved: Mapping[str, Sequence[str]],
    t: Texts,
    *,
    moment: date | str | None = None,
) -> dict[str, Any]:
    """Put all that the cards show into one plain dictionary.

    Parameters
    ----------
    pupils : sequence of mapping
        The listed pupils, as the page shows them.
    histories : Histories or None
        Their attendance and grades; None where these may not be shown or are not known.
    moved : mapping of str to sequence of str
        What has moved the risk of each pupil who is new on the list.
    t : Texts
        The reader's language.
    moment : datetime.date or str, optional
        The day until which the data hold; it stands on every card, since one may be printed.

    Returns
    -------
    dict
        `labels` (headings), `periods` (of attendance, the oldest first) and `pupils`, in the
        order of the list.
    """
    periods, shares = _collect_absence(histories, t)
    grades = _collect_grades(histories, t)
    return {
        "labels": {
            "title": t("card.title"),
            "raising": t("card.raising"),
            "protecting": t("card.protecting"),
            "nothing": t("screening.list.no_reasons"),
            "changeable": t("screening.list.changeable"),
            "bar": t("card.bar"),
            "moved": t("card.moved"),
            "absence": t("card.absence"),
            "absence_note": t("card.absence_note"),
            "period": t("card.period"),
            "share": t("card.share"),
            "unreported": t("card.unreported"),
            "grades": t("card.grades"),
            "subject": t("card.subject"),
            "no_grade": t("card.no_grade"),
            "reminder": _remind(moment, t),
        },
        "periods": periods,
        "pupils": [
            {
                "id": pupil["short_id"],
                "facts": _describe_facts(pupil, t),
                "notes": [note["text"] for note in pupil["notes"]],
                "raising": _group_by_area(pupil["reasons"]),
                "protecting": _group_by_area(pupil["protective"]),
                "moved": list(moved.get(pupil["subject_id"], ())),
                "absence": shares.get(pupil["subject_id"], []),
                "grades": grades.get(pupil["subject_id"]),
            }
            for pupil in pupils
        ],
    }


def _remind(moment: date | str | None, t: Texts) -> str:
    """Return what must be borne in mind of a card, and from when it is."""
    said = t("card.reminder")
    if moment is None:
        return said
    return f"{t('card.date', date=format_date(moment, t.language))} {said}"


def _describe_facts(pupil: Mapping[str, Any], t: Texts) -> list[list[str]]:
    """Return label and text of what stands at the top of a card."""
    risk = f"{pupil['percent']}, {pupil['words']}"
    facts = [
        [t("screening.list.school"), pupil["school_unit"]],
        [t("screening.list.class"), pupil["school_class"]],
        [t("screening.list.rank"), str(pupil["rank"])],
        [t("screening.list.risk"), risk],
        [t("card.certainty"), pupil["certainty"] or pupil["doubt"]],
    ]
    return [fact for fact in facts if fact[1]]


def _group_by_area(reasons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return reasons, which stand by focus area, with each area named once."""
    shown = ("main", "aside", "changeable", "weight")
    return [
        {"area": area, "reasons": [{name: reason[name] for name in shown} for reason in same]}
        for area, same in groupby(reasons, key=itemgetter("area"))
    ]


def _collect_absence(
    histories: Histories | None, t: Texts
) -> tuple[list[str], dict[str, list[str | None]]]:
    """Return the periods' names, and each pupil's absence in each, None where not reported."""
    if histories is None or histories.absence.empty:
        return [], {}
    frame = histories.absence
    starts = sorted(frame["start"].unique())
    ends = frame.drop_duplicates("start").set_index("start")["end"]
    table = frame.pivot(index="subject_id", columns="start", values="absence_share")[starts]
    shares = {
        str(subject): [None if pd.isna(share) else format_percent(share, t.language)
                       for share in row]
        for subject, row in zip(table.index, table.to_numpy(), strict=True)
    }  # fmt: skip
    return [format_days(start, ends[start], t.language) for start in starts], shares


def _collect_grades(histories: Histories | None, t: Texts) -> dict[str, dict[str, Any]]:
    """Return each pupil's grades of the last terms that have any."""
    if histories is None or histories.grades.empty:
        return {}
    frame = histories.grades.sort_values("subject_id", kind="stable")
    columns = [
        [None if is_unknown else value
         for value, is_unknown in zip(frame[name], frame[name].isna(), strict=True)]
        for name in ("subject_id", "school_year", "term", "subject", "grade")
    ]  # fmt: skip
    by_pupil = groupby(zip(*columns, strict=True), key=itemgetter(0))
    return {str(pupil): _tabulate_grades([row[1:] for row in rows], t) for pupil, rows in by_pupil}


def _tabulate_grades(rows: Sequence[tuple[Any, ...]], t: Texts) -> dict[str, Any]:
    """Return one pupil's grades, a line for each subject and a column for each of the last terms.

    Rows hold grade level, term, subject and grade, the earliest term first.
    """
    terms = list(dict.fromkeys((year, term) for year, term, _, _ in rows))[-_TERMS_SHOWN:]
    known = {(subject, year, term): grade for year, term, subject, grade in rows}
    lines = [
        [subject, *(known.get((subject, *term)) or "" for term in terms)]
        for subject in sorted({subject for _, _, subject, _ in rows})
    ]
    return {
        "terms": [_name_term(year, term, t) for year, term in terms],
        "lines": [line for line in lines if any(line[1:])],
    }


def _name_term(year: Any, term: Any, t: Texts) -> str:
    """Return a term of a grade level in words."""
    name = t.named("term", term) if term is None or term in _TERMS else str(term)
    return name if year is None else t("card.term", term=name, year=int(year))
