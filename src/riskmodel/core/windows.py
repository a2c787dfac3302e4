"""Time: half-open intervals, and the only code that compares dates.

Features see ``[prediction_date - lookback, prediction_date)``, outcomes
``[prediction_date + gap, prediction_date + gap + horizon)``. A fact counts only if it was
known before the prediction date.
"""

from __future__ import annotations

import calendar as month_lengths
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from riskmodel.core.spec import Spec


@dataclass(frozen=True, order=True)
class Interval:
    """The half-open span of days ``[start, end)``.

    Parameters
    ----------
    start : datetime.date
        The first day inside. `datetime.date.min` stands for no beginning.
    end : datetime.date
        The first day after.

    Examples
    --------
    >>> week = Interval(date(2024, 1, 1), date(2024, 1, 8))
    >>> week.contains(date(2024, 1, 1)), week.contains(date(2024, 1, 8))
    (True, False)
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        """Refuse an interval that ends before it starts."""
        if self.end < self.start:
            raise ValueError("`end` must not lie before `start`. Swap the two dates.")

    @property
    def days(self) -> int:
        """The number of days inside."""
        return (self.end - self.start).days

    def contains(self, moments: Any) -> Any:
        """Tell which moments lie inside.

        Parameters
        ----------
        moments : datetime.date, pandas.Series, numpy.ndarray or ibis column
            Dates; with timestamps, midnight belongs to the day that it begins.

        Returns
        -------
        bool or the like of `moments`
            True inside. A missing date is not inside.
        """
        return (moments >= self.start) & (moments < self.end)


def is_before(moments: Any, limit: Any) -> Any:
    """Tell which moments lie strictly before a limit.

    Parameters
    ----------
    moments : datetime.date, pandas.Series, numpy.ndarray or ibis column
        Dates.
    limit : datetime.date or the like of `moments`
        The first day that is too late.

    Returns
    -------
    bool or the like of `moments`
        True before the limit.
    """
    return moments < limit


def is_current(starts: Any, ends: Any, moment: Any) -> Any:
    """Tell which spans ``[start, end)`` hold a moment, an absent end being open.

    Parameters
    ----------
    starts : ibis column
        First days.
    ends : ibis column
        First days after; null where the span has not ended.
    moment : datetime.date or ibis column
        The day asked about.

    Returns
    -------
    ibis boolean column
        True where ``start <= moment < end``.
    """
    return (starts <= moment) & (ends.isnull() | (ends > moment))


class DayOfYear(Spec):
    """A day of the calendar that every year has."""

    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)

    @model_validator(mode="after")
    def _check_day(self) -> Self:
        """Demand a day that always exists."""
        longest = month_lengths.monthrange(2023, self.month)[1]
        if self.day > longest:
            raise ValueError(f"`day` must be at most {longest} in that month")
        return self

    def date_after(self, start: date) -> date:
        """Return the first such day on or after a day.

        Parameters
        ----------
        start : datetime.date
            A day.

        Returns
        -------
        datetime.date
            Less than a year after `start`.

        Examples
        --------
        >>> DayOfYear(month=2, day=1).date_after(date(2023, 7, 1))
        datetime.date(2024, 2, 1)
        """
        same_year = date(start.year, self.month, self.day)
        return same_year if same_year >= start else date(start.year + 1, self.month, self.day)


class CalendarPoint(Spec):
    """A named point of time in a span that starts on some day, such as 1 November.

    A day of the calendar (the first such day on or after the start), a number of days after
    the start, or an event of the school calendar: after the autumn or the spring term's grades.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    month: int | None = Field(default=None, ge=1, le=12)
    day: int | None = Field(default=None, ge=1, le=31)
    offset_days: int | None = Field(default=None, ge=0)
    after: Literal["autumn_grades", "spring_grades"] | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Demand exactly one of the ways to name a day, and a day that always exists."""
        if (self.month is None) != (self.day is None):
            raise ValueError("`month` and `day` belong together, give both or neither")
        ways = [self.month, self.offset_days, self.after]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("give one of `month` with `day`, `offset_days`, and `after`")
        if self.month is not None and self.day is not None:
            DayOfYear(month=self.month, day=self.day)
        return self

    def date_after(self, start: date, calendar: SchoolCalendar) -> date:
        """Return the point's date in a span that starts on a day.

        Parameters
        ----------
        start : datetime.date
            The first day of the span, for example of a school year.
        calendar : SchoolCalendar
            When each term's grades are in.

        Returns
        -------
        datetime.date
            On or after `start`.

        Examples
        --------
        >>> february = CalendarPoint(name="february", month=2, day=1)
        >>> february.date_after(date(2023, 7, 1), SchoolCalendar())
        datetime.date(2024, 2, 1)
        """
        if self.offset_days is not None:
            return start + timedelta(days=self.offset_days)
        if self.after is not None:
            return calendar.first_day_after(self.after, start)
        assert self.month is not None
        assert self.day is not None
        return DayOfYear(month=self.month, day=self.day).date_after(start)


class SchoolCalendar(Spec):
    """On which days of the year a school year and its terms start, and their grades are in.

    By default a school year starts on 1 July and the spring term on 1 January; the autumn term
    starts with the school year. Swedish schools set grades at the end of each term (skollagen
    10:15): those of autumn are in by 20 December, those of spring by 15 June.
    """

    month: int = Field(default=7, ge=1, le=12)
    day: int = Field(default=1, ge=1, le=28)
    spring_term: DayOfYear = DayOfYear(month=1, day=1)
    autumn_grades: DayOfYear = DayOfYear(month=12, day=20)
    spring_grades: DayOfYear = DayOfYear(month=6, day=15)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        """Demand two terms, and grades that are in before the school year is over."""
        start = date(2022, self.month, self.day)
        autumn, spring = (day.date_after(start) for day in (self.autumn_grades, self.spring_grades))
        findings = []
        if self.spring_term.date_after(start) == start:
            findings.append("`spring_term` must not be the day on which the school year starts")
        if autumn >= spring:
            findings.append("`autumn_grades` must come before `spring_grades` in the school year")
        if spring + timedelta(days=1) == self.year_start(start, -1):
            findings.append("`spring_grades` must not be the last day of the school year")
        if findings:
            raise ValueError("; ".join(findings))
        return self

    def first_day_after(
        self, event: Literal["autumn_grades", "spring_grades"], start: date
    ) -> date:
        """Return the first day on which a term's grades are known and may be used.

        Parameters
        ----------
        event : {"autumn_grades", "spring_grades"}
            Which grades.
        start : datetime.date
            They come in on this day or later.

        Returns
        -------
        datetime.date
            The day after the one on which the grades are in, since what became known on a
            prediction date does not count yet.

        Examples
        --------
        >>> SchoolCalendar().first_day_after("spring_grades", date(2023, 7, 1))
        datetime.date(2024, 6, 16)
        """
        day: DayOfYear = getattr(self, event)
        return day.date_after(start) + timedelta(days=1)

    def year_start(self, moment: date, years_back: int = 0) -> date:
        """Return the first day of the school year that holds a moment.

        Parameters
        ----------
        moment : datetime.date
            A day.
        years_back : int, default 0
            How many school years earlier.

        Returns
        -------
        datetime.date
            The school year's first day.

        Examples
        --------
        >>> SchoolCalendar().year_start(date(2024, 2, 1))
        datetime.date(2023, 7, 1)
        """
        this_year = date(moment.year, self.month, self.day)
        year = moment.year if this_year <= moment else moment.year - 1
        return date(year - years_back, self.month, self.day)

    def term_start(self, moment: date) -> date:
        """Return the first day of the term that holds a moment.

        Parameters
        ----------
        moment : datetime.date
            A day.

        Returns
        -------
        datetime.date
            The term's first day.

        Examples
        --------
        >>> SchoolCalendar().term_start(date(2023, 11, 1))
        datetime.date(2023, 7, 1)
        >>> SchoolCalendar().term_start(date(2024, 2, 1))
        datetime.date(2024, 1, 1)
        """
        start = self.year_start(moment)
        spring = self.spring_term.date_after(start)
        return spring if spring <= moment else start

    def term_ends(self, moment: date, count: int) -> tuple[date, ...]:
        """Return the first day after the term that holds a moment, and after those that follow.

        Parameters
        ----------
        moment : datetime.date
            A day.
        count : int
            How many terms.

        Returns
        -------
        tuple of datetime.date
            In order; each is the first day of the next term.

        Examples
        --------
        >>> [str(day) for day in SchoolCalendar().term_ends(date(2023, 11, 1), 3)]
        ['2024-01-01', '2024-07-01', '2025-01-01']
        """
        ends: list[date] = []
        while len(ends) < count:
            start = self.year_start(moment)
            spring = self.spring_term.date_after(start)
            moment = spring if moment < spring else self.year_start(start, -1)
            ends.append(moment)
        return tuple(ends)


class Window(Spec):
    """The days that a feature looks at, always ending just before the prediction date.

    ``lookback`` looks `days` days back; ``term`` and ``school_year`` look from the first day
    of the term or school year that holds the prediction date; ``previous_school_year`` looks
    at the whole school year before; ``ever`` looks at all that lies before.
    """

    kind: Literal["lookback", "term", "school_year", "previous_school_year", "ever"] = "lookback"
    days: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        """Demand `days` for a lookback and for nothing else."""
        if (self.kind == "lookback") != (self.days is not None):
            raise ValueError("`days` belongs to the kind 'lookback', and to no other")
        return self

    def bounds(self, prediction_date: date, calendar: SchoolCalendar) -> Interval:
        """Return the interval that this window is for one prediction date.

        Parameters
        ----------
        prediction_date : datetime.date
            The first day that is not seen.
        calendar : SchoolCalendar
            Where school years and terms start.

        Returns
        -------
        Interval
            Half-open, never reaching the prediction date.

        Examples
        --------
        >>> Window(days=30).bounds(date(2024, 11, 1), SchoolCalendar())
        Interval(start=datetime.date(2024, 10, 2), end=datetime.date(2024, 11, 1))
        """
        if self.kind == "lookback":
            assert self.days is not None
            return Interval(prediction_date - timedelta(days=self.days), prediction_date)
        if self.kind == "term":
            return Interval(calendar.term_start(prediction_date), prediction_date)
        if self.kind == "school_year":
            return Interval(calendar.year_start(prediction_date), prediction_date)
        if self.kind == "previous_school_year":
            return Interval(
                calendar.year_start(prediction_date, 1), calendar.year_start(prediction_date)
            )
        return Interval(date.min, prediction_date)


class Horizon(Spec):
    """When an outcome must fall to count: ``[date + gap, date + gap + horizon)``.

    With ``counted_from: cohort`` the months are counted from the first day of the cohort's own
    year, so that the window ends on the same day whatever the prediction date.
    """

    gap_days: int = Field(default=0, ge=0)
    months: int = Field(ge=1)
    counted_from: Literal["point", "cohort"] = "point"

    def bounds(self, prediction_date: date, cohort_start: date | None = None) -> Interval:
        """Return the outcome interval for one prediction date.

        Parameters
        ----------
        prediction_date : datetime.date
            The day of the prediction.
        cohort_start : datetime.date, optional
            The first day of the cohort's own year, from which the months are counted if it is
            given: the interval then starts on it, or after the gap if that is later.

        Returns
        -------
        Interval
            Half-open; empty if the prediction date lies after the outcome.

        Examples
        --------
        >>> Horizon(months=12).bounds(date(2024, 11, 1))
        Interval(start=datetime.date(2024, 11, 1), end=datetime.date(2025, 11, 1))
        >>> Horizon(months=12).bounds(date(2021, 11, 1), date(2024, 7, 1))
        Interval(start=datetime.date(2024, 7, 1), end=datetime.date(2025, 7, 1))
        """
        start = prediction_date + timedelta(days=self.gap_days)
        if cohort_start is None:
            return Interval(start, add_months(start, self.months))
        start = max(start, cohort_start)
        return Interval(start, max(start, add_months(cohort_start, self.months)))


def add_months(moment: date, months: int) -> date:
    """Return the day some months later, at the latest the last day of that month.

    Parameters
    ----------
    moment : datetime.date
        A day.
    months : int
        How many months later; negative for earlier.

    Returns
    -------
    datetime.date
        The day.

    Examples
    --------
    >>> add_months(date(2024, 1, 31), 1)
    datetime.date(2024, 2, 29)
    """
    count = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(count, 12)
    day = min(moment.day, month_lengths.monthrange(year, month + 1)[1])
    return date(year, month + 1, day)


def cut_into_cells(
    intervals: Iterable[Interval], *, longest_days: int | None = None
) -> Sequence[Interval]:
    """Cut time at every edge of some intervals into disjoint cells.

    Parameters
    ----------
    intervals : iterable of Interval
        May overlap.
    longest_days : int, optional
        The most days that a cell may hold; longer ones are cut further.

    Returns
    -------
    sequence of Interval
        Disjoint, in order, without gaps from the first edge to the last. Each given
        interval is the union of some of them.

    Examples
    --------
    >>> week = Interval(date(2024, 1, 1), date(2024, 1, 9))
    >>> [cell.days for cell in cut_into_cells([week, Interval(date(2024, 1, 5), week.end)])]
    [4, 4]
    >>> [cell.days for cell in cut_into_cells([week], longest_days=3)]
    [3, 3, 2]
    """
    edges = sorted({edge for span in intervals for edge in (span.start, span.end)})
    if longest_days is not None:
        edges = [
            edge + timedelta(days=step)
            for edge, following in zip(edges, [*edges[1:], edges[-1]], strict=True)
            for step in range(0, max(1, (following - edge).days), longest_days)
        ]
    return [Interval(start, end) for start, end in pairwise(edges)]
