"""Attendance as a school's system would report it, by day or by lesson."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from riskmodel.core.windows import is_before
from riskmodel.simulation.absence import N_DAYS, AbsenceDays, missed_minutes
from riskmodel.simulation.frames import NO_DATE, EventRows, Presence
from riskmodel.simulation.geography import FloatArray, IntArray
from riskmodel.simulation.latent import BoolArray
from riskmodel.simulation.parameters import AttendanceChoices, CalendarChoices
from riskmodel.simulation.school_days import DateArray, list_school_days
from riskmodel.simulation.spec import COMPULSORY_YEARS


def attendance_rows(
    rng: np.random.Generator,
    days: AbsenceDays,
    dates: DateArray,
    presence: Presence,
    not_reported: FloatArray,
    choices: AttendanceChoices,
    granularity: Literal["day", "lesson"],
) -> EventRows:
    """Lay out one school year's attendance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    days : AbsenceDays
        What was missed.
    dates : numpy.ndarray of datetime64[D], shape (n, n_days)
        The school days of each pupil's year, NaT after the last.
    presence : Presence
        When the pupils go to school in the region.
    not_reported : numpy.ndarray of float, shape (n,)
        Share that each pupil's school does not report.
    choices : AttendanceChoices
        Minutes of the lessons, corrections, other activities.
    granularity : {"day", "lesson"}
        One row per day, or per lesson.

    Returns
    -------
    EventRows
        By pupil and date. Where a row is not reported, its minutes are missing except for those
        offered.
    """
    start, end = presence.start[:, None], presence.end[:, None]
    held = ~is_before(dates, start) & is_before(dates, end)
    pupil, day = np.nonzero(held)
    missed, invalid = days.missed[pupil, day], days.invalid[pupil, day]
    other = (missed == 0) & (rng.random(len(pupil), dtype=np.float32) < choices.other_activity)
    date = dates[pupil, day]
    if granularity == "day":
        minutes = _day_minutes(missed, other, choices)
    else:
        n_lessons = len(choices.lesson_minutes)
        minutes = _lesson_minutes(missed, other, choices)
        pupil, date = np.repeat(pupil, n_lessons), np.repeat(date, n_lessons)
        invalid = np.repeat(invalid, n_lessons)
    reported = rng.random(len(pupil), dtype=np.float32) >= not_reported[pupil].astype(np.float32)
    rows = EventRows(
        pupil,
        date,
        _columns(minutes, invalid, reported),
        _draw_corrections(rng, date, choices),
    )
    return presence.known(rows)


def school_day_table(cohort: IntArray, grade: int, calendar: CalendarChoices) -> DateArray:
    """Return each pupil's school days in one grade.

    Parameters
    ----------
    cohort : numpy.ndarray of int, shape (n,)
        Years in which compulsory school ends.
    grade : int
        6 to 9, or 11 to 13.
    calendar : CalendarChoices
        Rules of the school calendar.

    Returns
    -------
    numpy.ndarray of datetime64[D], shape (n, n_days)
        NaT after the last day.
    """
    shift = grade - (COMPULSORY_YEARS[-1] + 1) - (grade > COMPULSORY_YEARS[-1])
    years, position = np.unique(cohort + shift, return_inverse=True)
    table = np.full((len(years), N_DAYS), NO_DATE)
    for row, year in enumerate(years.tolist()):
        school_days = list_school_days(year, calendar)
        table[row, : len(school_days)] = school_days
    return table[position]


def _day_minutes(
    missed: NDArray[np.int8], other: BoolArray, choices: AttendanceChoices
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return minutes offered, away and on another activity, by day."""
    table = missed_minutes(choices)
    away = table[missed]
    elsewhere = np.where(other, float(choices.lesson_minutes[0]), 0.0)
    return np.full(len(missed), table[-1]), away, elsewhere


def _lesson_minutes(
    missed: NDArray[np.int8], other: BoolArray, choices: AttendanceChoices
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return minutes offered, away and on another activity, by lesson."""
    length = np.array(choices.lesson_minutes, dtype=float)
    number = np.arange(len(length))
    away = (number >= len(length) - missed[:, None]) * length
    elsewhere = (other[:, None] & (number == 0)) * length
    return np.tile(length, len(missed)), away.reshape(-1), elsewhere.reshape(-1)


def _columns(
    minutes: tuple[FloatArray, FloatArray, FloatArray], invalid: BoolArray, reported: BoolArray
) -> dict[str, NDArray[np.generic]]:
    """Split minutes into the columns of the table; not reported means missing."""
    offered, away, other = minutes
    without = np.where(reported, 0.0, np.nan)
    return {
        "offered_minutes": offered,
        "attended_minutes": offered - away - other + without,
        "valid_absence_minutes": away * ~invalid + without,
        "invalid_absence_minutes": away * invalid + without,
        "other_minutes": other + without,
        "is_reported": reported,
    }


def _draw_corrections(
    rng: np.random.Generator, date: DateArray, choices: AttendanceChoices
) -> DateArray:
    """Draw which rows were entered or corrected later, and when."""
    corrected = np.flatnonzero(rng.random(len(date), dtype=np.float32) < choices.corrected)
    known = np.full(len(date), NO_DATE)
    delay = rng.integers(1, choices.correction_days + 1, len(corrected))
    known[corrected] = date[corrected] + delay
    return known
