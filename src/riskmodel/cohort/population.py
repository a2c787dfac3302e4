"""Choosing the enrolment that says who a pupil is on a prediction date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import ibis
import pandas as pd

from riskmodel.cohort.specs import PredictionDate, Where
from riskmodel.core.windows import is_before, is_current

Conditions = tuple[Where, ...]
"""What an enrolment must meet, all of it."""

CLASS_SIGN = " / "
"""What stands between the school unit and the name of a class."""

_T = TypeVar("_T")


def _make_points(dates: Sequence[PredictionDate]) -> Any:
    """Return the prediction dates as a table, with the numbers of their conditions and grades."""
    rules = _number(item.other_conditions for item in dates)
    grades = _number(item.grade_levels for item in dates)
    frame = pd.DataFrame(
        {
            "cohort": [item.cohort for item in dates],
            "point": [item.point for item in dates],
            "rule": [rules.index(item.other_conditions) for item in dates],
            "grade": [grades.index(item.grade_levels) for item in dates],
            "prediction_date": [item.date for item in dates],
            "outcome_start": [item.outcome_window.start for item in dates],
            "outcome_end": [item.outcome_window.end for item in dates],
        }
    )
    days = dict.fromkeys(("prediction_date", "outcome_start", "outcome_end"), "date")
    names = {"cohort": "string", "point": "string", "rule": "int64", "grade": "int64"}
    return ibis.memtable(frame, schema=names | days)


def _number(values: Iterable[_T]) -> list[_T]:
    """Return the different values in the order of their first place, which is their number."""
    found: list[_T] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def match_rows(table: Any, conditions: Conditions) -> Any:
    """Return the condition that a row has one of the values in every column named.

    Parameters
    ----------
    table : ibis.Table
        With the columns.
    conditions : tuple of mapping
        Columns and their values.

    Returns
    -------
    ibis boolean column
        True for every row where there are no conditions.
    """
    condition = ibis.literal(True)
    for where in conditions:
        for column, values in where.items():
            condition = condition & table[column].isin(values)
    return condition


def is_void(enrolments: Any) -> Any:
    """Return the condition that an enrolment never came about: cancelled, and never ended.

    Parameters
    ----------
    enrolments : ibis.Table
        Column end_date; cancelled if there is one.

    Returns
    -------
    ibis boolean column
        False for every row where nothing says what was cancelled.
    """
    if "cancelled" not in enrolments.columns:
        return ibis.literal(False)
    return enrolments.cancelled.fill_null(False) & enrolments.end_date.isnull()


def choose_enrolments(enrolments: Any, dates: Sequence[PredictionDate]) -> Any:
    """Choose one enrolment per pupil and prediction date.

    Where the population is told by grade levels, the enrolment that started last says in which
    of them a pupil is: one that was never ended does not put a pupil back into an earlier one.

    Parameters
    ----------
    enrolments : ibis.Table
        Columns subject_id, school_unit, start_date, end_date and those of the conditions;
        school_class, cancelled and known_date if there are any.
    dates : sequence of PredictionDate
        When, and for whom.

    Returns
    -------
    ibis.Table
        Columns subject_id, cohort, point, prediction_date, outcome_start, outcome_end,
        school_unit, school_class, and `void`, which is true if the enrolment never came about.
    """
    points = _make_points(dates)
    table = _match_rules(_tidy_enrolments(enrolments, dates[0].grade_column), dates)
    conditions = [
        table.rule == points.rule,
        is_current(table.start_date, table.end_date, points.prediction_date),
        table.known_date.isnull() | is_before(table.known_date, points.prediction_date),
    ]
    kept = ["school_unit", "school_class", "grade_level", "start_date", "void"]
    joined = table.join(points, conditions)[["subject_id", *points.columns, *kept]]
    fits = _fits_grade(joined, dates)
    order = [joined.void, joined.start_date.desc(), fits.desc(), joined.school_unit]
    rank = ibis.row_number().over(
        group_by=[joined.subject_id, joined.prediction_date],
        order_by=[*order, joined.school_class.fill_null(""), joined.cohort, joined.point],
    )
    ranked = joined.mutate(rank=rank, fits=fits)
    chosen = ranked.filter(lambda row: (row["rank"] == 0) & row.fits)
    return chosen.drop("rank", "fits", "rule", "grade", "grade_level", "start_date")


def _match_rules(table: Any, dates: Sequence[PredictionDate]) -> Any:
    """Return the enrolments that meet each of the conditions, with its number."""
    rules = _number(item.other_conditions for item in dates)
    return ibis.union(
        *(
            table.filter(match_rows(table, conditions)).mutate(rule=ibis.literal(number, "int64"))
            for number, conditions in enumerate(rules)
        )
    )


def _fits_grade(joined: Any, dates: Sequence[PredictionDate]) -> Any:
    """Return the condition that an enrolment is of the grade level that its point is for."""
    fits = ibis.literal(False)
    for number, levels in enumerate(_number(item.grade_levels for item in dates)):
        is_level = joined.grade_level.isin(levels) if levels else ibis.literal(True)
        fits = fits | ((joined.grade == number) & is_level)
    return fits


def _tidy_enrolments(enrolments: Any, grade_column: str | None) -> Any:
    """Return the enrolments with every optional column and whether they never came about.

    Enrolments without a grade level, as of leisure-time centres, say nothing of it. A class is
    named together with its school, since there is a class 9A at every school.
    """
    columns = enrolments.columns
    void = is_void(enrolments)
    school_class = ibis.null("string")
    if "school_class" in columns:
        school_class = enrolments.school_unit + CLASS_SIGN + enrolments.school_class
    known = enrolments.known_date if "known_date" in columns else ibis.null("date")
    if grade_column is None:
        level = ibis.null("int64")
    else:
        level = enrolments[grade_column]
        enrolments = enrolments.filter(level.notnull())
    return enrolments.mutate(
        void=void, school_class=school_class, known_date=known, grade_level=level
    )
