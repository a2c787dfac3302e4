"""Checking prediction dates before any table is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from riskmodel.cohort.specs import CohortSpec, PredictionDate, Where
from riskmodel.core.windows import SchoolCalendar, is_before


def find_date_errors(spec: CohortSpec, calendar: SchoolCalendar) -> list[str]:
    """Find prediction dates that are ambiguous, or that lie after the outcome.

    Two dates may fall on one day, such as year 6 of one cohort and year 9 of another, if no
    enrolment can meet the conditions of both.

    Parameters
    ----------
    spec : CohortSpec
        Cohorts, points and outcome.
    calendar : SchoolCalendar
        When school years start and grades are in.

    Returns
    -------
    list of str
        One sentence for each pair of points that share days, and for each point too late.
    """
    dates = spec.prediction_dates(calendar)
    return [*_find_shared(dates), *_find_late(dates)]


def _find_shared(dates: Sequence[PredictionDate]) -> list[str]:
    """Return a finding for each pair of points that one enrolment may meet on one day."""
    by_day: dict[object, list[PredictionDate]] = {}
    for item in dates:
        by_day.setdefault(item.date, []).append(item)
    shared: dict[tuple[str, str], list[str]] = {}
    for day, items in by_day.items():
        for one, two in combinations(items, 2):
            if not _are_disjoint(one.conditions, two.conditions):
                text = f"cohorts {one.cohort} and {two.cohort} on {day}"
                shared.setdefault((one.point, two.point), []).append(text)
    return [
        f"prediction_points.{two}: falls on the same day as {one} and for the same enrolments "
        f"({texts[0]}{f' and {len(texts) - 1} more' if len(texts) > 1 else ''})"
        for (one, two), texts in shared.items()
    ]


def _are_disjoint(one: Sequence[Where], two: Sequence[Where]) -> bool:
    """Tell whether no row can meet both conditions, because of some column."""
    return any(
        not set(values) & set(other[column])
        for first in one
        for column, values in first.items()
        for other in two
        if column in other
    )


def _find_late(dates: Sequence[PredictionDate]) -> list[str]:
    """Return a finding for each point from which the outcome is no longer ahead."""
    late: dict[str, list[str]] = {}
    for item in dates:
        if not is_before(item.outcome_window.start, item.outcome_window.end):
            late.setdefault(item.point, []).append(item.cohort)
    return [
        f"prediction_points.{point}: lies after the outcome's last day in {len(cohorts)} "
        f"cohort(s), the first is {cohorts[0]}. Choose an earlier day or a longer horizon."
        for point, cohorts in late.items()
    ]
