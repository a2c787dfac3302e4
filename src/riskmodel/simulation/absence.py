"""Absence day by day: who is away, for how long, with leave or without.

Each pupil has a chance of being away that follows from the latent traits, rises from year 8
to year 9 with disengagement, varies by season and from week to week, and lasts: a day away
makes the next one more likely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from riskmodel.core.randomness import make_generator
from riskmodel.simulation.geography import FloatArray
from riskmodel.simulation.latent import BoolArray, Pupils
from riskmodel.simulation.parameters import AttendanceChoices, Line
from riskmodel.simulation.spec import COMPULSORY_YEARS, UPPER_SECONDARY_OFFSET

N_DAYS = 190
"""No school year has more days than this (skollagen 7:17)."""

PROBLEM_SHARE = 0.15
"""Absence from this share on counts as much, in the national survey of 2021."""

_SCHOOL_WEEK = 5
_RISE_STARTS = 8
_RISE_YEARS = 2
_LONGEST_PART = 3
_BRACKET = 7.0
_PROBLEM_WIDTH = 0.002


@dataclass(frozen=True)
class AbsenceDays:
    """How the days of one school year went; arrays of shape (n, n_days).

    Parameters
    ----------
    missed : numpy.ndarray of int8
        Lessons missed, counted from the end of the day.
    invalid : numpy.ndarray of bool
        Whether without leave.
    """

    missed: NDArray[np.int8]
    invalid: BoolArray


def absence_level(
    pupils: Pupils, performance: FloatArray, grade: int, choices: AttendanceChoices
) -> FloatArray:
    """Return each pupil's log-odds of being away, less the intercept and the rise.

    Parameters
    ----------
    pupils : Pupils
        Latent traits.
    performance : numpy.ndarray of float, shape (n,)
        Standardised general performance.
    grade : int
        6 to 9, or 11 to 13.
    choices : AttendanceChoices
        Loadings.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Log-odds.
    """
    is_upper = grade > UPPER_SECONDARY_OFFSET
    return np.asarray(
        choices.engagement * pupils.engagement
        + choices.performance * performance
        + choices.mental_health * pupils.mental_health
        + choices.disengagement_level * pupils.disengagement
        + is_upper * (choices.upper_secondary + choices.adaptation * pupils.adaptation)
    )


def draw_absence(
    rng: np.random.Generator,
    level: FloatArray,
    disengagement: FloatArray,
    grade: int,
    choices: AttendanceChoices,
) -> AbsenceDays:
    """Draw which lessons each pupil misses in one school year.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    level : numpy.ndarray of float, shape (n,)
        Log-odds of being away, with the intercept and the pupil's own deviation.
    disengagement : numpy.ndarray of float, shape (n,)
        Latent trait.
    grade : int
        6 to 9, or 11 to 13.
    choices : AttendanceChoices
        Loadings and persistence.

    Returns
    -------
    AbsenceDays
        `N_DAYS` days; the last ones are not used in a shorter year.
    """
    n = len(level)
    level = level + rng.normal(0, choices.year_sd, n)
    chance = _daily_chance(rng, level, disengagement, grade, choices)
    away, invalid = _run_days(rng, chance, disengagement, choices)
    part_chance = _chance(choices.part_of_day, disengagement)
    part = ~away & (rng.random((N_DAYS, n), dtype=np.float32) < part_chance)
    missed = np.where(away, np.int8(len(choices.lesson_minutes)), np.int8(0))
    places = np.nonzero(part)
    missed[places] = rng.integers(1, _LONGEST_PART + 1, len(places[0]), dtype=np.int8)
    invalid[places] = (
        rng.random(len(places[0])) < _chance(choices.invalid_part, disengagement)[places[1]]
    )
    return AbsenceDays(np.ascontiguousarray(missed.T), np.ascontiguousarray(invalid.T))


def missed_minutes(choices: AttendanceChoices) -> FloatArray:
    """Return the minutes missed with each number of missed lessons.

    Parameters
    ----------
    choices : AttendanceChoices
        Minutes of the lessons.

    Returns
    -------
    numpy.ndarray of float, shape (n_lessons + 1,)
        Lessons are missed from the end of the day.
    """
    backwards = np.array(choices.lesson_minutes[::-1], dtype=float)
    return np.concatenate([[0.0], np.cumsum(backwards)])


def absence_share(days: AbsenceDays, choices: AttendanceChoices) -> FloatArray:
    """Return each pupil's share of teaching missed in the year.

    Parameters
    ----------
    days : AbsenceDays
        All days of the year.
    choices : AttendanceChoices
        Minutes of the lessons.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        In [0, 1].
    """
    minutes = missed_minutes(choices)
    return np.asarray(minutes[days.missed].mean(axis=1) / minutes[-1])


def draw_deviation(rng: np.random.Generator, n: int, choices: AttendanceChoices) -> FloatArray:
    """Draw what makes a pupil's absence differ, over the years, from that of others alike.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    n : int
        Number of pupils.
    choices : AttendanceChoices
        The standard deviation.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Log-odds.
    """
    return rng.normal(0, choices.pupil_sd, n)


def solve_absence(
    pupils: Pupils,
    performance: FloatArray,
    choices: AttendanceChoices,
    share: float,
    *,
    random_state: int,
) -> float:
    """Solve the intercept under which a given share of year 9 misses at least 15 %.

    Parameters
    ----------
    pupils : Pupils
        To solve on; as many as `solve_pupils` are used.
    performance : numpy.ndarray of float, shape (n,)
        Standardised general performance.
    choices : AttendanceChoices
        Loadings.
    share : float
        Wanted share of pupils.
    random_state : int
        The run's seed.

    Returns
    -------
    float
        Log-odds.
    """
    grade, n = COMPULSORY_YEARS[-1], choices.solve_pupils
    level = absence_level(pupils, performance, grade, choices)[:n]

    def miss(intercept: float) -> float:
        rng = make_generator(random_state, "simulation", "absence")
        own = draw_deviation(rng, len(level), choices)
        days = draw_absence(rng, intercept + level + own, pupils.disengagement[:n], grade, choices)
        # A smooth step, so that the root does not hang on single pupils.
        away = (absence_share(days, choices) - PROBLEM_SHARE) / _PROBLEM_WIDTH
        return float(expit(away).mean() - share)

    return float(brentq(miss, -_BRACKET, 0.0, xtol=0.01))


def _chance(line: Line, disengagement: FloatArray) -> NDArray[np.float32]:
    """Return a chance that rises with disengagement."""
    logit = line.intercept + line.disengagement * disengagement
    return np.asarray(expit(logit), dtype=np.float32)


def _daily_chance(
    rng: np.random.Generator,
    level: FloatArray,
    disengagement: FloatArray,
    grade: int,
    choices: AttendanceChoices,
) -> NDArray[np.float32]:
    """Return the chance of being away on each day, shape (n_days, n)."""
    day = np.arange(N_DAYS)
    since = 0.0 if grade > UPPER_SECONDARY_OFFSET else grade - _RISE_STARTS
    rise = np.clip((since + day / N_DAYS) / _RISE_YEARS, 0, 1)
    season = -choices.season * np.cos(2 * np.pi * day / N_DAYS)
    weeks = rng.normal(0, choices.week_sd, (-(-N_DAYS // _SCHOOL_WEEK), len(level)))
    slope = choices.disengagement_rise * disengagement
    logit = level + np.outer(rise, slope) + season[:, None] + np.repeat(weeks, _SCHOOL_WEEK, axis=0)
    return np.asarray(expit(logit), dtype=np.float32)


def _run_days(
    rng: np.random.Generator,
    chance: NDArray[np.float32],
    disengagement: FloatArray,
    choices: AttendanceChoices,
) -> tuple[BoolArray, BoolArray]:
    """Run the days in order: whole days away that last, each spell with one kind of leave."""
    n = chance.shape[1]
    lasting = np.minimum(
        choices.persistence + choices.persistence_disengagement * disengagement,
        choices.longest_persistence,
    ).astype(np.float32)
    starting = chance * (1 - lasting)
    draw = rng.random(chance.shape, dtype=np.float32)
    invalid_spell = rng.random(chance.shape, dtype=np.float32) < _chance(
        choices.invalid_day, disengagement
    )
    away = np.empty(chance.shape, dtype=bool)
    invalid = np.empty(chance.shape, dtype=bool)
    before, kind = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for day in range(len(chance)):
        now = draw[day] < starting[day] + lasting * before
        kind = np.where(before, kind, invalid_spell[day])
        away[day], invalid[day] = now, kind & now
        before = now
    return away, invalid
