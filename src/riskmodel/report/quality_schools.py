"""The schools at which a check of the data found more than its limit, one fold for each check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskmodel.report.language import Texts
from riskmodel.report.quality_counts import Finding, write_found, write_share, write_span
from riskmodel.report.table_cells import make_table

SCHOOLS_NAMED = 3
"""So many schools are named in a sentence; of more only the number is said."""

_NOTHING = "–"
_WHEN_SHOWN = 3


def school_blocks(quality: Mapping[str, Any], t: Texts) -> list[dict[str, Any]]:
    """Return what is above a limit, by check and behind that by school.

    Parameters
    ----------
    quality : mapping
        As written to `data_quality.json`: without small counts.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Blocks for the templates: the schools that never reported, and a fold for each check
        and table with the schools above the limit, those with most first.
    """
    blocks: list[dict[str, Any]] = []
    if quality["never_reported"]:
        names = ", ".join(quality["never_reported"])
        blocks.append({"kind": "text", "text": t("quality.schools.never", schools=names)})
    folds = [
        _describe_fold(one, place, t)
        for place, one in enumerate(quality["findings"])
        if one["status"] == "noted" and list_flagged(one)
    ]
    if folds:
        return [*blocks, {"kind": "text", "text": t("quality.schools.intro")}, *folds]
    return [*blocks, {"kind": "text", "text": t("quality.schools.none")}]


def list_flagged(finding: Finding) -> list[str]:
    """Return the schools above the limit of a check.

    Parameters
    ----------
    finding : mapping
        What one check found in one table.

    Returns
    -------
    list of str
        Their names, those with the largest share first.
    """
    # A share is unsaid where few rows are without what was found: next to all of them.
    flagged = [
        (-1.0 if one["share"] is None else -one["share"], name)
        for name, one in finding["schools"].items()
        if one["is_flagged"]
    ]
    return [name for _, name in sorted(flagged)]


def name_schools(names: Sequence[str], t: Texts) -> str:
    """Return the names of a few schools, or the number of many.

    Parameters
    ----------
    names : sequence of str
        At least one; the empty name stands for pupils who were at no school.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        A part of a sentence.
    """
    if len(names) > SCHOOLS_NAMED:
        return t("quality.schools.number", count=len(names))
    return ", ".join(name or t("quality.schools.no_school") for name in names)


def _describe_fold(finding: Finding, place: int, t: Texts) -> dict[str, Any]:
    """Return one check of one table in a line, with its schools behind it."""
    names, check = list_flagged(finding), finding["check"]
    title = t(f"quality.checks.{check}.title")
    table = t.named("quality.tables", finding["table"])
    columns = [
        (t("quality.schools.school"), False),
        (t("quality.all.found"), True),
        (t("quality.all.share"), True),
        (t("quality.schools.when"), False),
    ]
    rows = [_describe_school(name, finding, t) for name in names]
    span = write_span([finding["schools"][name] for name in names], check, t)
    return {
        "kind": "fold",
        "title": title,
        "text": t("quality.schools.row", table=table, schools=name_schools(names, t), span=span),
        "table": make_table(f"by-school-{place}", f"{title} · {table}", columns, rows),
    }


def _describe_school(name: str, finding: Finding, t: Texts) -> dict[str, Any]:
    """Return what one check found at one school as a row."""
    found = finding["schools"][name]
    when, share = found["when"], found["share"]
    shown = ", ".join(_write_when(one, t) for one in when[-_WHEN_SHOWN:]) or _NOTHING
    if len(when) > _WHEN_SHOWN:
        shown = t("quality.schools.more", first=shown)
    return {
        "label": name or t("quality.schools.no_school").capitalize(),
        "cells": [
            {"text": write_found(found["value"], finding["check"], t)},
            {"text": _NOTHING if share is None else write_share(share, t)},
            {"text": shown},
        ],
    }


def _write_when(when: str, t: Texts) -> str:
    """Return a school year as it is, and a week as readers say it."""
    year, is_week, week = when.partition("-W")
    return t("quality.schools.week", year=year, week=int(week)) if is_week else when
