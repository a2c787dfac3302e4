"""What becomes of each pupil: eligibility, programme, diploma, moves, and when records end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from riskmodel.core.windows import is_before
from riskmodel.simulation.diploma import (
    INTRODUCTORY,
    KINDS,
    NOT_STARTED,
    VOCATIONAL,
    DiplomaModel,
    diploma_risk,
    draw_upper_schools,
    preparatory_chance,
)
from riskmodel.simulation.frames import NO_DATE, Presence, first_days, random_days
from riskmodel.simulation.geography import FloatArray, IntArray, Region
from riskmodel.simulation.latent import BoolArray, Pupils, draw_named
from riskmodel.simulation.parameters import DayOfYear, Parameters, UpperSecondaryChoices
from riskmodel.simulation.school_days import DateArray
from riskmodel.simulation.spec import COMPULSORY_YEARS

NORMAL_YEARS = 3
"""Years of a national programme."""

LONGEST_YEARS = 4
"""Years after which a diploma no longer counts."""

_ARRIVAL_MONTHS = 7
_DAYS_A_YEAR = 365.25
_JULY = (7, 1)


@dataclass(frozen=True)
class Paths:
    """The ways of a block of pupils; every array has one entry per pupil.

    Parameters
    ----------
    eligible : numpy.ndarray of bool
        Eligible for a vocational programme by the final grades.
    kind : numpy.ndarray of int
        Kind of programme, or `NOT_STARTED`.
    programme : numpy.ndarray of str
        Code of the first year's programme; empty if not started.
    later_programme : numpy.ndarray of str
        Code from the second year on.
    school : numpy.ndarray of int
        Upper secondary school at the start.
    diploma_risk : numpy.ndarray of float
        Chance of no diploma, from which `has_diploma` was drawn; NaN if not started.
    has_diploma : numpy.ndarray of bool
        A diploma within four years.
    years : numpy.ndarray of int
        Years begun in upper secondary; 0 if not started.
    graded_years : numpy.ndarray of int
        Years completed on a national programme.
    region_end : numpy.ndarray of datetime64[D]
        The day of moving out of the region or dying; NaT for neither.
    deceased : numpy.ndarray of bool
        Whether that day is the day of death.
    presence : Presence
        When the pupil goes to school in the region.
    """

    eligible: BoolArray
    kind: IntArray
    programme: NDArray[np.str_]
    later_programme: NDArray[np.str_]
    school: IntArray
    diploma_risk: FloatArray
    has_diploma: BoolArray
    years: IntArray
    graded_years: IntArray
    region_end: DateArray
    deceased: BoolArray
    presence: Presence

    @property
    def started(self) -> BoolArray:
        """Who starts upper secondary."""
        return np.asarray(self.kind != NOT_STARTED)


def draw_paths(
    rng: np.random.Generator,
    pupils: Pupils,
    eligible: BoolArray,
    level: FloatArray,
    region: Region,
    model: DiplomaModel,
    parameters: Parameters,
    *,
    extract: date,
) -> Paths:
    """Draw what becomes of each pupil.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    pupils : Pupils
        Background and latent traits.
    eligible : numpy.ndarray of bool, shape (n,)
        By the final grades.
    level : numpy.ndarray of float, shape (n,)
        General performance in the final term of compulsory school.
    region : Region
        Upper secondary schools.
    model : DiplomaModel
        Solved coefficients.
    parameters : Parameters
        Design choices.
    extract : datetime.date
        The last day of which anything is known.

    Returns
    -------
    Paths
        Whole lives, also beyond the extract.
    """
    choices = parameters.upper_secondary
    kind = _draw_kinds(rng, pupils, eligible, level, model, choices)
    started = kind != NOT_STARTED
    school = draw_upper_schools(rng, pupils, region)
    effect = region.upper_secondary.effect[school]
    risk = diploma_risk(pupils, level, kind, effect, model, choices)
    has_diploma = started & (rng.random(len(pupils)) >= risk)
    programme, later = _draw_programmes(rng, pupils, kind, has_diploma, choices)
    years, leaving = _draw_years(rng, pupils, kind, has_diploma, choices)
    completed = years - ~np.isnat(leaving)
    arrival = _draw_arrival(rng, pupils, parameters.calendar.autumn_start)
    region_end, deceased = _draw_region_end(rng, pupils, arrival, parameters)
    end = _earliest(_earliest(leaving, region_end), first_days(pupils.cohort + years, *_JULY))
    return Paths(
        eligible=eligible,
        kind=kind,
        programme=programme,
        later_programme=later,
        school=school,
        diploma_risk=np.where(started, risk, np.nan),
        has_diploma=has_diploma,
        years=years,
        graded_years=np.where((kind == INTRODUCTORY) | ~started, 0, completed),
        region_end=region_end,
        deceased=deceased,
        presence=Presence(arrival, end, extract),
    )


def start_of_grade(cohort: IntArray, school_year: int, start: DayOfYear) -> DateArray:
    """Return the day on which each cohort begins a year of compulsory school.

    Parameters
    ----------
    cohort : numpy.ndarray of int
        Years in which compulsory school ends.
    school_year : int
        6 to 9; 10 stands for the first year of upper secondary.
    start : DayOfYear
        When the autumn term begins.

    Returns
    -------
    numpy.ndarray of datetime64[D], same shape
        The days.
    """
    return first_days(cohort - (COMPULSORY_YEARS[-1] + 1 - school_year), start.month, start.day)


def _earliest(one: DateArray, other: DateArray) -> DateArray:
    """Return the earlier of two days, an absent one never being it."""
    return np.fmin(one, other)


def _draw_kinds(
    rng: np.random.Generator,
    pupils: Pupils,
    eligible: BoolArray,
    level: FloatArray,
    model: DiplomaModel,
    choices: UpperSecondaryChoices,
) -> IntArray:
    """Draw the kind of programme: introductory or none for those not eligible."""
    draw = rng.random(len(pupils))
    chance = preparatory_chance(pupils, level, model, choices)
    national = VOCATIONAL + (draw < chance)
    other = np.where(draw < model.start_introductory, INTRODUCTORY, NOT_STARTED)
    return np.where(eligible, national, other)


def _draw_programmes(
    rng: np.random.Generator,
    pupils: Pupils,
    kind: IntArray,
    has_diploma: BoolArray,
    choices: UpperSecondaryChoices,
) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Draw the programme codes of the first year and of the later ones."""
    n = len(pupils)
    by_kind = [draw_named(rng, n, choices.programmes[name]) for name in KINDS]
    language = pupils.arrival_grade > COMPULSORY_YEARS[0]
    by_kind[INTRODUCTORY] = np.where(language, choices.language_introduction, by_kind[INTRODUCTORY])
    first = np.where(kind == NOT_STARTED, "", np.choose(np.maximum(kind, 0), by_kind))
    moves_on = (kind == INTRODUCTORY) & has_diploma
    return first, np.where(moves_on, by_kind[VOCATIONAL], first)


def _draw_years(
    rng: np.random.Generator,
    pupils: Pupils,
    kind: IntArray,
    has_diploma: BoolArray,
    choices: UpperSecondaryChoices,
) -> tuple[IntArray, DateArray]:
    """Draw the years begun in upper secondary, and the day of leaving early (NaT for none)."""
    n = len(pupils)
    draw = rng.random(n)
    slow = (draw < choices.fourth_year_diploma) | (kind == INTRODUCTORY)
    with_diploma = np.where(slow, LONGEST_YEARS, NORMAL_YEARS)
    stays = (draw < choices.stays_fourth_year) & (kind != INTRODUCTORY)
    without = np.where(stays, LONGEST_YEARS, NORMAL_YEARS)
    leaves = ~has_diploma & (rng.random(n) < choices.leaves_early) & (kind != NOT_STARTED)
    leaving_year = rng.integers(1, NORMAL_YEARS + 1, n)
    start = first_days(pupils.cohort + leaving_year - 1, 9, 1)
    end = first_days(pupils.cohort + leaving_year, 6, 1)
    leaving = np.where(leaves, random_days(rng, start, end), NO_DATE)
    years = np.where(has_diploma, with_diploma, np.where(leaves, leaving_year, without))
    return np.where(kind == NOT_STARTED, 0, years), leaving


def _draw_region_end(
    rng: np.random.Generator, pupils: Pupils, arrival: DateArray, parameters: Parameters
) -> tuple[DateArray, BoolArray]:
    """Draw the day of moving out of the region or dying, and which of the two."""
    moves, n = parameters.moves, len(pupils)
    until_move = rng.exponential(_DAYS_A_YEAR / moves.leave_region, n)
    until_death = rng.exponential(_DAYS_A_YEAR / moves.decease, n)
    wait = np.minimum(until_move, until_death)
    end = first_days(pupils.cohort + LONGEST_YEARS, *_JULY)
    days = arrival + np.ceil(np.minimum(wait, 100 * _DAYS_A_YEAR)).astype(np.int64)
    within = is_before(days, end)
    return np.where(within, days, NO_DATE), within & (until_death < until_move)


def _draw_arrival(rng: np.random.Generator, pupils: Pupils, start: DayOfYear) -> DateArray:
    """Draw the first day in the region's records: in the year of arrival, else the start."""
    first = first_days(
        pupils.cohort - (COMPULSORY_YEARS[-1] + 1) + pupils.arrival_grade, start.month, start.day
    )
    last = first + int(_ARRIVAL_MONTHS * _DAYS_A_YEAR / 12)
    late = pupils.arrival_grade > COMPULSORY_YEARS[0]
    return np.where(late, random_days(rng, first, last), first)
