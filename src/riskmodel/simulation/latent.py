"""Pupils: who they are, and the unobserved traits that their records follow from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskmodel.core.schema import SECURITY_NONE
from riskmodel.simulation.geography import FloatArray, IntArray, Region, migration_shares
from riskmodel.simulation.parameters import EDUCATION, MIGRATION, LatentChoices, Margins, Parameters
from riskmodel.simulation.school_days import DateArray
from riskmodel.simulation.spec import COMPULSORY_YEARS

BoolArray = NDArray[np.bool_]
"""Yes or no."""

_AGE_AT_END = 16
_EPOCH = 1970
_DAYS_IN_YEAR = 365
_ALREADY_HERE = COMPULSORY_YEARS[0]
_LATE_YEARS = COMPULSORY_YEARS[1:]


@dataclass(frozen=True)
class Pupils:
    """A block of pupils; every array has one entry (or row) per pupil.

    Parameters
    ----------
    number : numpy.ndarray of int
        Running number in the whole region; makes the identifier.
    cohort : numpy.ndarray of int
        Calendar year in which compulsory school ends.
    birth_date : numpy.ndarray of datetime64[D]
        Day of birth.
    boy : numpy.ndarray of bool
        Sex.
    migration, education : numpy.ndarray of int
        Positions in `MIGRATION` and `EDUCATION`: the truth, also where the register is empty.
    migration_known, education_known : numpy.ndarray of bool
        Whether the register has it.
    municipality, school : numpy.ndarray of int
        Home municipality and the compulsory school of year 9.
    arrival_grade : numpy.ndarray of int
        The grade in which the pupil joined the region; 6 for those who were there before.
    second_language : numpy.ndarray of bool
        Takes Swedish as a second language.
    language : numpy.ndarray of str
        Code of the modern language; empty without one.
    security : numpy.ndarray of str
        Security marking.
    ability_late, ability_early, engagement, mental_health, disengagement, adaptation : ndarray
        Latent traits (float); mental health and disengagement are worse the higher they are.
        Ability turns from early to late, see `performance`. Disengagement is at least 0.
    subject_late, subject_early : numpy.ndarray of float, shape (n, n_subjects)
        Aptness in each subject, turning likewise.
    school_effect : numpy.ndarray of float
        What school and municipality add to performance.
    """

    number: IntArray
    cohort: IntArray
    birth_date: DateArray
    boy: BoolArray
    migration: IntArray
    education: IntArray
    migration_known: BoolArray
    education_known: BoolArray
    municipality: IntArray
    school: IntArray
    arrival_grade: IntArray
    second_language: BoolArray
    language: NDArray[np.str_]
    security: NDArray[np.str_]
    ability_late: FloatArray
    ability_early: FloatArray
    engagement: FloatArray
    mental_health: FloatArray
    disengagement: FloatArray
    adaptation: FloatArray
    subject_late: FloatArray
    subject_early: FloatArray
    school_effect: FloatArray

    def __len__(self) -> int:
        """Return the number of pupils."""
        return len(self.number)


def draw_pupils(
    rng: np.random.Generator,
    number: IntArray,
    cohort: IntArray,
    region: Region,
    parameters: Parameters,
    margins: Margins,
) -> Pupils:
    """Draw pupils with their background and latent traits.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of this block alone.
    number, cohort : numpy.ndarray of int, shape (n,)
        Running number and cohort of each.
    region : Region
        Places.
    parameters : Parameters
        Design choices.
    margins : Margins
        The share of boys.

    Returns
    -------
    Pupils
        One entry per number.
    """
    n = len(number)
    n_subjects = len(parameters.performance.subjects)
    background = _draw_background(rng, n, region, parameters, margins)
    traits = _draw_traits(rng, background["boy"], parameters.latent)
    return Pupils(
        number=number,
        cohort=cohort,
        birth_date=_draw_birth_dates(rng, cohort),
        language=draw_named(rng, n, parameters.background.languages, otherwise=""),
        security=draw_named(
            rng, n, parameters.background.security_markings, otherwise=SECURITY_NONE
        ),
        ability_late=rng.normal(size=n),
        ability_early=rng.normal(size=n),
        subject_late=rng.normal(size=(n, n_subjects)),
        subject_early=rng.normal(size=(n, n_subjects)),
        **background,
        **traits,
    )


def draw_categories(rng: np.random.Generator, weights: FloatArray) -> IntArray:
    """Draw one category per row.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    weights : numpy.ndarray of float, shape (n, k)
        Not negative, some positive in each row.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        Positions in [0, k).
    """
    edges = np.cumsum(weights, axis=1)
    draw = rng.random(len(weights)) * edges[:, -1]
    return np.asarray((draw[:, None] >= edges[:, :-1]).sum(axis=1))


def draw_named(
    rng: np.random.Generator, n: int, shares: dict[str, float], *, otherwise: str | None = None
) -> NDArray[np.str_]:
    """Draw names with given shares.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    n : int
        How many to draw.
    shares : dict
        Weight of each name; shares of the whole if there is an `otherwise`.
    otherwise : str, optional
        The name of what the shares leave over.

    Returns
    -------
    numpy.ndarray of str, shape (n,)
        Names.
    """
    names, weights = list(shares), list(shares.values())
    if otherwise is not None:
        names.append(otherwise)
        weights.append(1 - sum(weights))
    edges = np.cumsum(weights) / np.sum(weights)
    position = np.searchsorted(edges[:-1], rng.random(n), side="right")
    return np.array(names)[position]


def _draw_background(
    rng: np.random.Generator, n: int, region: Region, parameters: Parameters, margins: Margins
) -> dict[str, Any]:
    """Draw sex, school, migration background, parental education and what goes with them."""
    choices = parameters.background
    boy = rng.random(n) < margins.background["sex"].share("Man")
    school = rng.choice(len(region.compulsory.codes), n, p=region.compulsory.weight)
    tilt = region.compulsory.tilt[school]
    migration = draw_categories(rng, migration_shares(region.migration_logits, tilt))
    table = np.array([choices.parental_education[group] for group in MIGRATION])
    slope = parameters.geography.education_tilt * (len(EDUCATION) // 2 - np.arange(len(EDUCATION)))
    education = draw_categories(rng, table[migration] * np.exp(np.outer(tilt, slope)))
    unknown = np.array(choices.unknown)[migration]
    late = (migration == len(MIGRATION) - 1) & (rng.random(n) < choices.late_arrival)
    second = rng.random(n) < np.array(choices.second_language)[migration]
    return {
        "boy": boy,
        "migration": migration,
        "education": education,
        "migration_known": rng.random(n) >= unknown,
        "education_known": rng.random(n) >= unknown,
        "municipality": region.compulsory.place[school],
        "school": school,
        "arrival_grade": np.where(late, rng.choice(_LATE_YEARS, n), _ALREADY_HERE),
        "second_language": second | late,
        "school_effect": region.compulsory.effect[school],
    }


def _draw_birth_dates(rng: np.random.Generator, cohort: IntArray) -> DateArray:
    """Draw a day of the year in which each cohort was born."""
    first = np.array(cohort - _AGE_AT_END - _EPOCH, dtype="datetime64[Y]").astype("datetime64[D]")
    return np.asarray(first + rng.integers(0, _DAYS_IN_YEAR, len(cohort)))


def _draw_traits(
    rng: np.random.Generator, boy: BoolArray, choices: LatentChoices
) -> dict[str, Any]:
    """Draw engagement, mental health, disengagement and adaptation to upper secondary."""
    n = len(boy)
    engagement = rng.normal(size=n)
    mental_health = rng.normal(size=n) + choices.mental_health_girls * (0.5 - boy)
    cause = (
        -choices.disengagement_engagement * engagement
        + choices.disengagement_mental_health * mental_health
        + choices.disengagement_own * rng.normal(size=n)
    )
    return {
        "engagement": engagement,
        "mental_health": mental_health,
        "disengagement": np.logaddexp(0, choices.disengagement_steepness * cause),
        "adaptation": rng.normal(size=n),
    }
