"""A plausible Swedish school calendar: terms, breaks and free days of any school year."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from riskmodel.simulation.parameters import CalendarChoices, DayOfYear

DateArray = NDArray[np.datetime64]
"""Days, as ``datetime64[D]``."""


def find_easter(year: int) -> date:
    """Return Easter Sunday of a year.

    Parameters
    ----------
    year : int
        In the Gregorian calendar.

    Returns
    -------
    datetime.date
        Easter Sunday.

    References
    ----------
    The anonymous Gregorian computus, Nature 13 (1876), 487.

    Examples
    --------
    >>> find_easter(2024)
    datetime.date(2024, 3, 31)
    """
    golden = year % 19
    century, rest = divmod(year, 100)
    leap, drift = divmod(century, 4)
    moon = (19 * golden + century - leap - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * drift + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=256)
def list_school_days(autumn_year: int, choices: CalendarChoices) -> DateArray:
    """Return the days with teaching in one school year.

    Parameters
    ----------
    autumn_year : int
        The calendar year in which the school year begins.
    choices : CalendarChoices
        The rules.

    Returns
    -------
    numpy.ndarray of datetime64[D]
        In order; about 178 days, never a weekend or a public holiday.
    """
    autumn = _weekdays(
        _day(autumn_year, choices.autumn_start), _day(autumn_year, choices.autumn_end)
    )
    year = autumn_year + 1
    spring = _weekdays(_day(year, choices.spring_start), _day(year, choices.spring_end))
    days = np.concatenate([autumn, spring])
    easter = np.datetime64(find_easter(year), "D")
    around_easter = easter + np.array(choices.easter_days, dtype="timedelta64[D]")
    fixed = [
        _first_weekday(_day(any_year, day))
        for day in choices.free_days
        for any_year in (autumn_year, year)
    ]
    free = np.concatenate([around_easter, np.array(fixed)])
    weeks = np.array([moment.isocalendar().week for moment in days.tolist()])
    return days[~np.isin(days, free) & ~np.isin(weeks, choices.break_weeks)]


def _day(year: int, day: DayOfYear) -> date:
    """Return a day of the calendar in a year."""
    return date(year, day.month, day.day)


def _weekdays(first: date, last: date) -> DateArray:
    """Return Monday to Friday from `first` to `last`, both included."""
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)
    return days[np.is_busday(days)]


def _first_weekday(day: date) -> np.datetime64:
    """Return the day itself, or the Monday after a weekend."""
    return np.busday_offset(np.datetime64(day, "D"), 0, roll="forward")
