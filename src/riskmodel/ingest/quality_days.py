"""School days without rows, and weeks with far fewer rows than a school has otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.windows import SchoolCalendar
from riskmodel.engine.session import Engine
from riskmodel.ingest.quality_places import SCHOOL, Places
from riskmodel.ingest.quality_rows import DAY, N_ROWS, NO_SCHOOL
from riskmodel.ingest.quality_specs import QualitySpec

YEAR = "school_year"
"""The calendar year in which a school year begins."""

_MIN_SCHOOLS = 3
_MIN_WEEKS = 5
_COLUMNS = [SCHOOL, YEAR, "n_pupils", "n_school_days", "n_gap_days", "n_weeks", "drop_weeks"]


@dataclass(frozen=True)
class ReportingGaps:
    """How steadily schools report attendance.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row for each school and school year in which it should report: its number, the
        year, the pupils enrolled on a usual day, school days, those without any row, weeks
        with rows, and the weeks (``2024-W35``) with far fewer than usual.
    never : tuple of int
        Schools with enough pupils enrolled and no row at all.
    assessed_types : tuple of str
        Types of school with enough schools that report to know their school days.
    """

    frame: pd.DataFrame
    never: tuple[int, ...]
    assessed_types: tuple[str, ...]


@dataclass(frozen=True)
class _Grid:
    """Rows and pupils of the schools of one type on its school days, one row per school."""

    schools: npt.NDArray[np.int64]
    days: pd.DatetimeIndex
    years: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    pupils: npt.NDArray[np.int64]


def find_gaps(
    engine: Engine,
    places: Places,
    days: pd.DataFrame,
    spec: QualitySpec,
    calendar: SchoolCalendar,
) -> ReportingGaps:
    """Find where schools that should have reported did not, or hardly.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    places : Places
        Where pupils were.
    days : pandas.DataFrame
        As `count_days` gives it.
    spec : QualitySpec
        What a school day and a drop are.
    calendar : SchoolCalendar
        When a school year starts.

    Returns
    -------
    ReportingGaps
        A school should report from the first to the last school year in which it does, on
        each school day of its type of school on which enough pupils are enrolled.

    Notes
    -----
    The engine counts rows by school and day, and enrolments by first and last day; what is
    done here is on a table of schools by days. A week is held against the median of the
    school's own weeks of that school year, in rows per enrolled pupil and school day, so that
    neither size, growth nor days off count as a drop.
    """
    days = days[days[SCHOOL] != NO_SCHOOL].assign(**{DAY: lambda frame: frame[DAY].astype("M8[s]")})
    starts, ends = _count_spans(engine, places)
    frames, assessed = [], []
    for school_type, members in places.schools.groupby("school_type"):
        grid = _make_grid(days[days[SCHOOL].isin(members.index)], spec, calendar, starts, ends)
        if grid is not None:
            assessed.append(str(school_type))
            frames.append(_assess(grid, spec))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_COLUMNS)
    return ReportingGaps(
        frame.sort_values([SCHOOL, YEAR]).reset_index(drop=True),
        _find_never(places, days, assessed, starts, spec),
        tuple(assessed),
    )


def _count_spans(engine: Engine, places: Places) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how many enrolments begin, and how many end, at each school on each day."""
    counts = []
    for column in ("start_date", "end_date"):
        dated = places.spans.filter(places.spans[column].notnull())
        sizes = dated.group_by(SCHOOL, column).aggregate(n=dated.count())
        frame = engine.to_pandas(sizes).rename(columns={column: DAY})
        frame[DAY] = frame[DAY].astype("M8[s]")
        counts.append(frame.sort_values([SCHOOL, DAY]).reset_index(drop=True))
    return counts[0], counts[1]


def _make_grid(
    days: pd.DataFrame,
    spec: QualitySpec,
    calendar: SchoolCalendar,
    starts: pd.DataFrame,
    ends: pd.DataFrame,
) -> _Grid | None:
    """Return schools by school days, None where too few schools report to know those."""
    rows = days.pivot_table(
        index=SCHOOL, columns=DAY, values=N_ROWS, aggfunc="sum", fill_value=0
    ).astype("int64")
    if len(rows) < _MIN_SCHOOLS:
        return None
    moments = pd.DatetimeIndex(rows.columns)
    years = np.array([calendar.year_start(day.date()).year for day in moments])
    has_rows = rows.to_numpy() > 0
    reporting = _any_by_year(has_rows, years)
    is_school_day = has_rows.sum(axis=0) > spec.school_day_share * reporting.sum(axis=0)
    is_school_day &= reporting.sum(axis=0) >= _MIN_SCHOOLS
    schools = rows.index.to_numpy(dtype="int64")
    kept = moments[is_school_day]
    pupils = _count_enrolled(starts, schools, kept, inclusive=True)
    pupils -= _count_enrolled(ends, schools, kept, inclusive=False)
    return _Grid(schools, kept, years[is_school_day], rows.to_numpy()[:, is_school_day], pupils)


def _any_by_year(
    has_rows: npt.NDArray[np.bool_], years: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return, for each day, which schools have rows at all in its school year."""
    reporting = np.zeros_like(has_rows)
    for year in np.unique(years):
        reporting[:, years == year] = has_rows[:, years == year].any(axis=1, keepdims=True)
    return reporting


def _count_enrolled(
    events: pd.DataFrame,
    schools: npt.NDArray[np.int64],
    days: pd.DatetimeIndex,
    *,
    inclusive: bool,
) -> npt.NDArray[np.int64]:
    """Return how many events each school has had up to each day."""
    counts = np.zeros((len(schools), len(days)), dtype=np.int64)
    side: Literal["left", "right"] = "right" if inclusive else "left"
    moments = days.to_numpy()
    by_school = dict(tuple(events.groupby(SCHOOL)))
    for row, school in enumerate(schools):
        if school not in by_school:
            continue
        mine = by_school[school]
        total = np.concatenate([[0], mine["n"].to_numpy().cumsum()])
        counts[row] = total[np.searchsorted(mine[DAY].to_numpy(), moments, side=side)]
    return counts


def _assess(grid: _Grid, spec: QualitySpec) -> pd.DataFrame:
    """Return the gaps and drops of each school and year in which it should report."""
    iso = grid.days.isocalendar()
    weeks = (iso["year"].to_numpy() * 100 + iso["week"].to_numpy()).astype("int64")
    found = []
    years = {int(year): np.flatnonzero(grid.years == year) for year in np.unique(grid.years)}
    for row, school in enumerate(grid.schools):
        reported = [year for year, days in years.items() if grid.rows[row, days].any()]
        for year, days in years.items():
            if not reported or not reported[0] <= year <= reported[-1]:
                continue
            due = days[grid.pupils[row, days] >= spec.min_count]
            if not len(due):
                continue
            rows, pupils = grid.rows[row, due], grid.pupils[row, due]
            drops, n_weeks = _find_drops(rows, pupils, weeks[due], spec.drop_share)
            size, n_gaps = int(np.median(pupils)), int((rows == 0).sum())
            found.append((int(school), year, size, len(rows), n_gaps, n_weeks, drops))
    return pd.DataFrame(found, columns=_COLUMNS)


def _find_drops(
    rows: npt.NDArray[np.int64],
    pupils: npt.NDArray[np.int64],
    weeks: npt.NDArray[np.int64],
    share: float,
) -> tuple[tuple[str, ...], int]:
    """Return the weeks of one school and year below a share of their median, and all weeks."""
    numbers, place = np.unique(weeks, return_inverse=True)
    n_rows = np.bincount(place, weights=rows)
    rates = n_rows / np.bincount(place, weights=pupils)
    is_open = n_rows > 0
    if is_open.sum() < _MIN_WEEKS:
        return (), int(is_open.sum())
    is_drop = is_open & (rates < share * np.median(rates[is_open]))
    labels = tuple(f"{week // 100}-W{week % 100:02d}" for week in numbers[is_drop])
    return labels, int(is_open.sum())


def _find_never(
    places: Places,
    days: pd.DataFrame,
    assessed: list[str],
    starts: pd.DataFrame,
    spec: QualitySpec,
) -> tuple[int, ...]:
    """Return the schools of an assessed type with enough enrolments and no rows."""
    n_starts: Any = starts.groupby(SCHOOL)["n"].sum()
    schools = places.schools[places.schools["school_type"].isin(assessed)].index
    silent = schools.difference(pd.Index(days[SCHOOL]))
    return tuple(int(school) for school in silent if n_starts.get(school, 0) >= spec.min_count)
