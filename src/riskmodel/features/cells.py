"""Cutting time into cells, so that one pass over a table serves every window and date.

Subjects are put into plans: those whose first and last prediction dates agree. Within a plan
the edges of all windows over all its prediction dates cut time into disjoint cells. A row
then falls into the cell of its date and into the cell of the day on which it became known,
and each window at each prediction date is a union of cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.core.windows import Interval, SchoolCalendar, Window, cut_into_cells, is_before
from riskmodel.errors import UsageError
from riskmodel.features.aggregations import REFERENCE_DAY
from riskmodel.features.schemas import PREDICTION, SUBJECT

MOST_PLANS = 64
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Span:
    """The days of a window, less those of another.

    Parameters
    ----------
    window : Window
        The days.
    without : Window, optional
        The days left out.
    """

    window: Window
    without: Window | None = None

    def bounds(
        self, prediction_date: date, calendar: SchoolCalendar
    ) -> tuple[Interval, Interval | None]:
        """Return the two intervals for one prediction date.

        Parameters
        ----------
        prediction_date : datetime.date
            The first day that is not seen.
        calendar : SchoolCalendar
            Where school years start.

        Returns
        -------
        tuple of Interval and (Interval or None)
            The days, and the days left out.
        """
        inner = None if self.without is None else self.without.bounds(prediction_date, calendar)
        return self.window.bounds(prediction_date, calendar), inner


@dataclass(frozen=True)
class CohortPlan:
    """The cohort, with subjects numbered and put into plans.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per subject and prediction date: ``subject_id``, ``prediction_date``,
        ``subject_no``, ``point`` (the prediction date's place in its plan).
    subjects : pandas.DataFrame
        One row per subject: ``subject_id``, ``subject_no``, ``plan``.
    dates : tuple of tuple of datetime.date
        The prediction dates of each plan, in order.
    """

    rows: pd.DataFrame
    subjects: pd.DataFrame
    dates: tuple[tuple[date, ...], ...]


@dataclass(frozen=True)
class CellPlan:
    """Which day is in which cell, and which cell in which window.

    Parameters
    ----------
    first_day : datetime.date
        Earlier days stand in for by this one.
    days : pandas.DataFrame
        One row per plan and day: ``plan``, ``day``, ``cell``, and ``known``, the number of
        the plan's prediction dates on or before the day. A fact known on that day counts for
        the prediction dates from that place on.
    members : pandas.DataFrame
        One row per cell and prediction date that sees it: ``cell``, ``point``,
        ``prediction_day`` and one boolean column per span, ``span_0`` and so on.
    """

    first_day: date
    days: pd.DataFrame
    members: pd.DataFrame


def plan_cohort(cohort: pd.DataFrame) -> CohortPlan:
    """Give the subjects of a cohort numbers and put them into plans.

    Parameters
    ----------
    cohort : pandas.DataFrame
        ``subject_id`` and ``prediction_date`` (dates or timestamps), one row per pair.

    Returns
    -------
    CohortPlan
        Sorted by subject and date; at most `MOST_PLANS` plans.

    Raises
    ------
    UsageError
        If there is no row, a key is missing, or a pair repeats.
    """
    check_columns(list(cohort.columns), [SUBJECT, PREDICTION], where="cohort")
    rows = cohort[[SUBJECT, PREDICTION]].reset_index(drop=True)
    _check_cohort(rows)
    codes, days = pd.factorize(pd.to_datetime(rows[PREDICTION]).dt.normalize(), sort=True)
    numbers, names = pd.factorize(rows[SUBJECT], sort=True)
    _check_pairs(numbers, codes)
    order = np.lexsort((codes, numbers))
    codes, numbers = codes[order], numbers[order]
    moments = np.array([day.date() for day in days], dtype=object)
    plans = _assign_plans(numbers, codes, len(names))
    dates, points = _place_dates(plans[numbers], codes, moments)
    return CohortPlan(
        rows=pd.DataFrame(
            {
                SUBJECT: np.asarray(names, dtype=object)[numbers],
                PREDICTION: moments[codes],
                "subject_no": numbers,
                "point": points,
            }
        ),
        subjects=pd.DataFrame({SUBJECT: names, "subject_no": np.arange(len(names)), "plan": plans}),
        dates=dates,
    )


def _check_cohort(rows: pd.DataFrame) -> None:
    """Raise if the cohort has no rows or lacks keys."""
    if rows.empty:
        raise UsageError(
            "`cohort` must have at least one row, got 0. Check who is eligible at the dates."
        )
    absent = int(rows.isna().any(axis=1).sum())
    if absent:
        raise UsageError(
            f"`cohort` must have a subject and a prediction date in every row, got {absent} "
            "without. Drop these rows."
        )


def _check_pairs(numbers: npt.NDArray[np.int64], codes: npt.NDArray[np.int64]) -> None:
    """Raise if a subject has the same prediction date twice."""
    pairs = numbers.astype(np.int64) * (int(codes.max()) + 1) + codes
    repeated = len(pairs) - len(np.unique(pairs))
    if repeated:
        raise UsageError(
            f"`cohort` must have one row per subject and prediction date, got {repeated} "
            "repeated. Drop the repetitions."
        )


def _assign_plans(
    numbers: npt.NDArray[np.int64], codes: npt.NDArray[np.int64], n_subjects: int
) -> npt.NDArray[np.int64]:
    """Return each subject's plan, by first and last date; rows are sorted by subject and date."""
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    ends = np.append(starts[1:], len(numbers)) - 1
    _, plans = np.unique(np.stack([codes[starts], codes[ends]]), axis=1, return_inverse=True)
    plans = plans.reshape(n_subjects)
    n_plans = int(plans.max()) + 1
    if n_plans > MOST_PLANS:
        plans = plans * MOST_PLANS // n_plans
    return np.asarray(plans, dtype=np.int64)


def _place_dates(
    plans: npt.NDArray[np.int64], codes: npt.NDArray[np.int64], moments: npt.NDArray[np.object_]
) -> tuple[tuple[tuple[date, ...], ...], npt.NDArray[np.int64]]:
    """Return each plan's dates in order, and each row's place among them."""
    pairs, places = np.unique(np.stack([plans, codes]), axis=1, return_inverse=True)
    starts = np.flatnonzero(np.diff(pairs[0], prepend=-1))
    groups = np.split(moments[pairs[1]], starts[1:])
    points = places.reshape(len(plans)) - starts[plans]
    return tuple(tuple(group) for group in groups), np.asarray(points, dtype=np.int64)


def plan_cells(
    dates: Sequence[Sequence[date]], spans: Sequence[Span], calendar: SchoolCalendar
) -> CellPlan:
    """Cut each plan's time into cells and tell which windows they make up.

    Parameters
    ----------
    dates : sequence of sequence of datetime.date
        The prediction dates of each plan, in order.
    spans : sequence of Span
        What is looked at from each date.
    calendar : SchoolCalendar
        Where school years start.

    Returns
    -------
    CellPlan
        Cells are numbered through all plans. Days in no window have no cell.
    """
    cut = [_cut_plan(moments, spans, calendar) for moments in dates]
    first_day = min(_find_first_edge(cells) for cells in cut) - timedelta(days=1)
    days, members, offset = [], [], 0
    for plan, (moments, cells) in enumerate(zip(dates, cut, strict=True)):
        days.append(_list_days(plan, moments, cells, first_day, offset))
        members += list(_list_members(moments, cells, spans, calendar, offset))
        offset += len(cells)
    columns = ["cell", "point", "prediction_day", *(f"span_{i}" for i in range(len(spans)))]
    return CellPlan(first_day, pd.concat(days), pd.DataFrame(members, columns=columns))


def _cut_plan(
    moments: Sequence[date], spans: Sequence[Span], calendar: SchoolCalendar
) -> Sequence[Interval]:
    """Return the cells of one plan; each prediction date is an edge."""
    intervals = [Interval(moment, moment) for moment in moments]
    for moment in moments:
        for span in spans:
            intervals += [part for part in span.bounds(moment, calendar) if part is not None]
    return cut_into_cells(intervals)


def _find_first_edge(cells: Sequence[Interval]) -> date:
    """Return the first day at which a cell begins, or the first one ends if it has no beginning."""
    return cells[0].end if cells[0].start == date.min else cells[0].start


def _list_days(
    plan: int, moments: Sequence[date], cells: Sequence[Interval], first_day: date, offset: int
) -> pd.DataFrame:
    """Return the days of one plan with their cells; a cell without a beginning starts late."""
    starts = [first_day if cell.start == date.min else cell.start for cell in cells]
    lengths = [(cell.end - start).days for start, cell in zip(starts, cells, strict=True)]
    known = [sum(not is_before(start, moment) for moment in moments) for start in starts]
    days = np.datetime64(starts[0], "D") + np.arange(sum(lengths))
    return pd.DataFrame(
        {
            "plan": plan,
            "day": days.astype(object),
            "cell": np.repeat(np.arange(len(cells)) + offset, lengths),
            "known": np.repeat(known, lengths),
        }
    )


def _list_members(
    moments: Sequence[date],
    cells: Sequence[Interval],
    spans: Sequence[Span],
    calendar: SchoolCalendar,
    offset: int,
) -> Iterator[tuple[int | bool, ...]]:
    """Yield each pair of a cell and a prediction date that sees it."""
    for point, moment in enumerate(moments):
        bounds = [span.bounds(moment, calendar) for span in spans]
        day = (moment - _EPOCH).days - REFERENCE_DAY
        for number, cell in enumerate(cells):
            seen = [
                outer.contains(cell.start) and not (inner and inner.contains(cell.start))
                for outer, inner in bounds
            ]
            if any(seen):
                yield (number + offset, point, day, *seen)
