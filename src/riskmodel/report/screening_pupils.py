"""How a listed pupil is told of: the risk in words, how sure it is, reasons and notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from riskmodel.report.formatting import (
    PERCENT,
    count_of_ten,
    format_percent,
    format_range,
    shorten_pseudonym,
)
from riskmodel.report.language import Texts
from riskmodel.screening.lists import PROTECTIVE

_ASIDE = re.compile(r" \([^()]*\)$")
"""What a reason ends with in brackets: the comparison, or when a value is missing from."""

_PARTS = ("reason", "domain", "changeable", "is_missing", "weight")
_UNDECIDED = ("either", "neither")


def describe_pupils(frame: pd.DataFrame, t: Texts) -> list[dict[str, Any]]:
    """Return the listed pupils as page and workbook show them.

    Parameters
    ----------
    frame : pandas.DataFrame
        As in `ScreeningList.frame`.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        In the order of the list: who and where, the risk in figures and in words, how sure it
        is, notes, reasons and protective factors.
    """
    short = shorten_pseudonyms(frame["subject_id"].astype(str).to_list())
    numbers = {prefix: find_numbers(frame, prefix) for prefix in ("", PROTECTIVE)}

    @cache
    def tell(*parts: Any) -> dict[str, Any]:
        """Return one reason, the same for all pupils who share it."""
        return _describe_reason(dict(zip(_PARTS, parts, strict=True)), t)

    return [
        {
            "subject_id": str(row["subject_id"]),
            "prediction_date": str(row["prediction_date"])[:10],
            "short_id": short[str(row["subject_id"])],
            "school_unit": str(row["school_unit"]),
            "school_class": str(row["school_class"]) if is_known(row, "school_class") else "",
            "rank": int(row["rank"]),
            "risk": round(float(row["risk"]), 6),
            "percent": format_percent(float(row["risk"]), t.language),
            "width": round(100 * float(row["risk"]), 1),
            "words": describe_risk(float(row["risk"]), t),
            "certainty": describe_certainty(row, t),
            "doubt": describe_doubt(row, t),
            "notes": _describe_notes(row, t),
            "reasons": _describe_reasons(row, "", numbers[""], tell),
            "protective": _describe_reasons(row, PROTECTIVE, numbers[PROTECTIVE], tell),
        }
        for row in frame.to_dict("records")
    ]


def find_numbers(frame: pd.DataFrame, prefix: str) -> list[int]:
    """Return the numbers of the reasons that have columns.

    Parameters
    ----------
    frame : pandas.DataFrame
        A list.
    prefix : str
        Empty for reasons, `PROTECTIVE` for protective factors.

    Returns
    -------
    list of int
        In order.
    """
    start = f"{prefix}reason_"
    return sorted(int(name.removeprefix(start)) for name in frame.columns if name.startswith(start))


def is_known(row: Mapping[Any, Any], name: str) -> bool:
    """Tell whether a row says anything in a column.

    Parameters
    ----------
    row : mapping
        One pupil.
    name : str
        The column, which need not be there.

    Returns
    -------
    bool
        False for a missing value.
    """
    return name in row and bool(pd.notna(row[name]))


def _is_thin(row: Mapping[Any, Any]) -> bool:
    """Tell whether there is not enough to judge a pupil by."""
    return is_known(row, "has_enough_data") and not row["has_enough_data"]


def describe_doubt(row: Mapping[Any, Any], t: Texts) -> str:
    """Return that there is not enough to judge a pupil by, where it is so.

    Parameters
    ----------
    row : mapping
        One pupil; `has_enough_data` need not be there.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        Empty where there is enough, or it is not known.
    """
    return t("screening.list.too_thin") if _is_thin(row) else ""


def describe_certainty(row: Mapping[Any, Any], t: Texts) -> str:
    """Return between what the share of earlier pupils with this risk lay.

    Parameters
    ----------
    row : mapping
        One pupil; `risk_lower`, `risk_upper` and `has_enough_data` need not be there.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        For example "58–69 %"; empty where it is not known, or there is not enough to go by.
    """
    if _is_thin(row) or not (is_known(row, "risk_lower") and is_known(row, "risk_upper")):
        return ""
    ends = [float(row["risk_lower"]), float(row["risk_upper"])]
    return format_range(ends[0], ends[1], t.language, percent=True) + PERCENT[t.language]


def _describe_notes(row: Mapping[Any, Any], t: Texts) -> list[dict[str, str]]:
    """Return what must be known of one pupil, the kind beside the text."""
    notes = []
    if is_known(row, "is_new") and row["is_new"]:
        notes.append({"kind": "new", "text": t("screening.list.is_new")})
    if _is_thin(row):
        notes.append({"kind": "thin", "text": t("screening.list.thin_note")})
    sets = row.get("possible_outcomes")
    if sets in _UNDECIDED:
        notes.append({"kind": "sets", "text": t(f"screening.sets.{sets}")})
    return notes


def _describe_reasons(
    row: Mapping[Any, Any],
    prefix: str,
    numbers: Sequence[int],
    tell: Callable[..., dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return the reasons, or the protective factors, of one pupil by area, the weightiest first."""
    reasons = [
        tell(*(row.get(f"{prefix}{name}_{number}") for name in _PARTS))
        for number in numbers
        if is_known(row, f"{prefix}reason_{number}")
    ]
    areas = [reason["area"] for reason in reasons]
    return sorted(reasons, key=lambda reason: areas.index(reason["area"]))


def _describe_reason(parts: Mapping[str, Any], t: Texts) -> dict[str, Any]:
    """Return one reason of one pupil."""
    text = str(parts["reason"])
    aside = _ASIDE.search(text)
    return {
        "text": text,
        "main": text[: aside.start()] if aside else text,
        "aside": aside.group().strip() if aside else "",
        "area": _name_area(parts["domain"], t),
        "changeable": bool(parts["changeable"]),
        "is_missing": bool(parts["is_missing"]),
        "weight": int(parts["weight"] or 0),
    }


def _name_area(domain: Any, t: Texts) -> str:
    """Return the name of a focus area, which is missing or empty where it is not known."""
    return t.named("domain", None if pd.isna(domain) else str(domain) or None)


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


def shorten_pseudonyms(subject_ids: Sequence[str]) -> dict[str, str]:
    """Return short forms that tell the listed pupils apart, or the whole pseudonyms.

    Parameters
    ----------
    subject_ids : sequence of str
        Pseudonyms.

    Returns
    -------
    dict of str to str
        By pseudonym.
    """
    short = {subject_id: shorten_pseudonym(subject_id) for subject_id in subject_ids}
    if len(set(short.values())) == len(short):
        return short
    return {subject_id: subject_id for subject_id in subject_ids}
