"""Cutting time into cells, so that one pass over a table serves every window and date.

The edges of all windows, over all prediction dates, cut time into disjoint cells. A row falls
into the cell of its date, and each window at each prediction date is a union of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.core.windows import Interval, SchoolCalendar, Window, cut_into_cells
from riskmodel.errors import UsageError
from riskmodel.features.aggregations import LONGEST_CELL_DAYS
from riskmodel.features.schemas import PREDICTION, SUBJECT

_EPOCH = date(1970, 1, 1)

_LONGEST_REACH_DAYS = 73_050
"""A window without a beginning is cut into cells this many days, two hundred years, back."""


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
            Where school years and terms start.

        Returns
        -------
        tuple of Interval and (Interval or None)
            The days, and the days left out.
        """
        inner = None if self.without is None else self.without.bounds(prediction_date, calendar)
        return self.window.bounds(prediction_date, calendar), inner


@dataclass(frozen=True)
class CohortPlan:
    """The cohort, with its rows and prediction dates numbered.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per subject and prediction date: ``subject_id``, ``prediction_date``,
        ``row_no``, ``date_no`` (the prediction date's place among `dates`), and the columns
        that features compare peers by; sorted by subject and date.
    dates : tuple of datetime.date
        The different prediction dates, in order.
    """

    rows: pd.DataFrame
    dates: tuple[date, ...]


@dataclass(frozen=True)
class CellPlan:
    """Which day is in which cell, and which cell in which window.

    Parameters
    ----------
    reach : Interval
        From the first day in any cell to the last prediction date.
    is_open : bool
        Whether earlier days stand in the first cell: some window has no beginning.
    dates : tuple of datetime.date
        The prediction dates, in order.
    days : pandas.DataFrame
        One row per day in reach: ``date``, ``day`` (counted from 1970), ``weekday`` (0 is
        Monday), ``cell``, ``offset`` (the day counted from the first of its cell), ``bit`` (2
        to the power of `offset`; 0 in cells too long for it) and ``next_date``, the first
        prediction date after the day.
    members : pandas.DataFrame
        One row per cell and prediction date that sees it: ``cell``, ``date_no``,
        ``prediction_day``, ``origin`` (the cell's first day less the prediction date) and
        one boolean column per span, ``span_0`` and so on.
    """

    reach: Interval
    is_open: bool
    dates: tuple[date, ...]
    days: pd.DataFrame
    members: pd.DataFrame


def plan_cohort(cohort: pd.DataFrame, groups: Sequence[str] = ()) -> CohortPlan:
    """Give the rows and the prediction dates of a cohort numbers.

    Parameters
    ----------
    cohort : pandas.DataFrame
        ``subject_id`` and ``prediction_date`` (dates or timestamps), one row per pair.
    groups : sequence of str, default ()
        Further columns to keep: those that features compare peers by.

    Returns
    -------
    CohortPlan
        Sorted by subject and date.

    Raises
    ------
    UsageError
        If there is no row, a column or a key is missing, or a pair repeats.
    """
    check_columns(list(cohort.columns), [SUBJECT, PREDICTION, *groups], where="cohort")
    rows = cohort[[SUBJECT, PREDICTION, *groups]].reset_index(drop=True)
    _check_cohort(rows[[SUBJECT, PREDICTION]])
    codes, days = pd.factorize(pd.to_datetime(rows[PREDICTION]).dt.normalize(), sort=True)
    subjects, names = pd.factorize(rows[SUBJECT], sort=True)
    order = np.lexsort((codes, subjects))
    codes, subjects = codes[order], subjects[order]
    _check_pairs(subjects, codes)
    moments = np.array([day.date() for day in days], dtype=object)
    return CohortPlan(
        rows=pd.DataFrame(
            {
                SUBJECT: names.take(subjects),
                PREDICTION: moments[codes],
                "row_no": np.arange(len(rows), dtype=np.int32),
                "date_no": codes.astype(np.int32),
                **{name: rows[name].array.take(order) for name in groups},
            }
        ),
        dates=tuple(moments),
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


def _check_pairs(subjects: npt.NDArray[np.int64], codes: npt.NDArray[np.int64]) -> None:
    """Raise if a subject has the same prediction date twice; rows are sorted."""
    repeated = int(((np.diff(subjects) == 0) & (np.diff(codes) == 0)).sum())
    if repeated:
        raise UsageError(
            f"`cohort` must have one row per subject and prediction date, got {repeated} "
            "repeated. Drop the repetitions."
        )


def plan_cells(
    dates: tuple[date, ...],
    spans: Sequence[Span],
    calendar: SchoolCalendar,
    *,
    earliest: date | None = None,
    longest_days: int | None = None,
) -> CellPlan:
    """Cut time into cells and tell which windows they make up.

    Parameters
    ----------
    dates : tuple of datetime.date
        The prediction dates, in order.
    spans : sequence of Span
        What is looked at from each date.
    calendar : SchoolCalendar
        Where school years and terms start.
    earliest : datetime.date, optional
        The first day on which anything happened, from which windows without a beginning are
        cut.
    longest_days : int, optional
        The most days that a cell may hold.

    Returns
    -------
    CellPlan
        Cells are numbered in order of time.
    """
    bounds = {moment: [span.bounds(moment, calendar) for span in spans] for moment in dates}
    parts = [part for pairs in bounds.values() for pair in pairs for part in pair if part]
    intervals = [Interval(moment, moment) for moment in dates]
    intervals += [_bound(part, earliest) for part in parts]
    cells = cut_into_cells(intervals, longest_days=longest_days)
    starts = np.array([(cell.start - _EPOCH).days for cell in cells], dtype=np.int64)
    reach = Interval(cells[0].start, dates[-1])
    members = [_list_members(starts, number, dates[number], bounds) for number in range(len(dates))]
    return CellPlan(
        reach=reach,
        is_open=any(part.start == date.min for part in parts),
        dates=dates,
        days=_list_days(starts, reach, dates),
        members=pd.concat(members, ignore_index=True),
    )


def _bound(part: Interval, earliest: date | None) -> Interval:
    """Return an interval with a beginning, of a day at least."""
    if part.start > date.min:
        return part
    nearest = part.end - timedelta(days=1)
    if earliest is not None:
        nearest = min(earliest, nearest)
    return Interval(max(nearest, part.end - timedelta(days=_LONGEST_REACH_DAYS)), part.end)


def _list_days(
    starts: npt.NDArray[np.int64], reach: Interval, dates: Sequence[date]
) -> pd.DataFrame:
    """Return the days in reach with their cells."""
    days = (reach.start - _EPOCH).days + np.arange(reach.days)
    cells = np.searchsorted(starts, days, side="right") - 1
    offsets = days - starts[cells]
    bits = np.where(offsets < LONGEST_CELL_DAYS, 1 << np.minimum(offsets, LONGEST_CELL_DAYS), 0)
    moments = np.array([(moment - _EPOCH).days for moment in dates])
    following = moments[np.searchsorted(moments, days, side="right")]
    return pd.DataFrame(
        {
            "date": days.astype("datetime64[D]").astype(object),
            "day": days.astype(np.int32),
            # The first of January 1970 was a Thursday, counted from Monday as 0.
            "weekday": ((days + 3) % 7).astype(np.int32),
            "cell": cells.astype(np.int32),
            "offset": offsets.astype(np.int32),
            "bit": bits.astype(np.int64),
            "next_date": following.astype("datetime64[D]").astype(object),
        }
    )


def _list_members(
    starts: npt.NDArray[np.int64],
    number: int,
    moment: date,
    bounds: dict[date, list[tuple[Interval, Interval | None]]],
) -> pd.DataFrame:
    """Return the cells that one prediction date sees, with the spans that they are in."""
    day = (moment - _EPOCH).days
    spans: dict[str, Any] = {}
    for place, (outer, inner) in enumerate(bounds[moment]):
        is_inside = _are_inside(starts, outer)
        if inner is not None:
            is_inside &= ~_are_inside(starts, inner)
        spans[f"span_{place}"] = is_inside
    frame = pd.DataFrame(
        {
            "cell": np.arange(len(starts), dtype=np.int32),
            "date_no": np.int32(number),
            "prediction_day": np.int32(day),
            "origin": (starts - day).astype(np.int32),
            **spans,
        }
    )
    return frame[np.any(list(spans.values()), axis=0)]


def _are_inside(starts: npt.NDArray[np.int64], part: Interval) -> npt.NDArray[np.bool_]:
    """Tell which cells lie in an interval; the first cell holds all that is earlier."""
    first = 0 if part.start == date.min else np.searchsorted(starts, (part.start - _EPOCH).days)
    after = np.searchsorted(starts, (part.end - _EPOCH).days)
    places = np.arange(len(starts))
    return np.asarray((places >= first) & (places < after))
