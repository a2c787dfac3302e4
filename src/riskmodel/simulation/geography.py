"""Municipalities, schools and how they differ."""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmodel.core.randomness import make_generator
from riskmodel.simulation.parameters import (
    MIGRATION,
    GeographyChoices,
    Margins,
    Parameters,
    load_municipalities,
)
from riskmodel.simulation.spec import SimulationSpec

FloatArray = NDArray[np.float64]
"""Numbers."""

IntArray = NDArray[np.int64]
"""Whole numbers, mostly positions in another array."""

CLASS_LETTERS = np.array(list(string.ascii_uppercase))
"""A class is named by its year and one of these."""

_ROUNDS = 60


@dataclass(frozen=True)
class Schools:
    """The schools of one school type.

    Parameters
    ----------
    codes : numpy.ndarray of str, shape (n_schools,)
        School unit codes, obviously synthetic.
    place : numpy.ndarray of int, shape (n_schools,)
        Position of the municipality (compulsory school) or subregion (upper secondary).
    weight : numpy.ndarray of float, shape (n_schools,)
        Share of all pupils; adds up to 1.
    effect : numpy.ndarray of float, shape (n_schools,)
        What the school adds: to performance, or to the log-odds of no diploma.
    tilt : numpy.ndarray of float, shape (n_schools,)
        Added to the log-odds of a foreign background among the pupils.
    not_reported : numpy.ndarray of float, shape (n_schools,)
        Share of attendance that the school does not report.
    """

    codes: NDArray[np.str_]
    place: IntArray
    weight: FloatArray
    effect: FloatArray
    tilt: FloatArray
    not_reported: FloatArray


@dataclass(frozen=True)
class Region:
    """The places of a simulated region.

    Parameters
    ----------
    municipality_codes : numpy.ndarray of str, shape (49,)
        In order of code.
    municipality_subregion : numpy.ndarray of int, shape (49,)
        Position of the subregion, in alphabetical order.
    compulsory : Schools
        Compulsory schools with the municipality's effect in theirs.
    n_classes : numpy.ndarray of int, shape (n_compulsory_schools,)
        Classes of each year at each compulsory school, at least one.
    upper_secondary : Schools
        Upper secondary schools.
    migration_logits : numpy.ndarray of float, shape (2,)
        Log-odds of the two foreign backgrounds at a school without tilt.
    """

    municipality_codes: NDArray[np.str_]
    municipality_subregion: IntArray
    compulsory: Schools
    n_classes: IntArray
    upper_secondary: Schools
    migration_logits: FloatArray


def build_region(
    spec: SimulationSpec, parameters: Parameters, margins: Margins, *, random_state: int
) -> Region:
    """Draw the schools of a region and their effects.

    Parameters
    ----------
    spec : SimulationSpec
        Its number of pupils decides how many schools there are.
    parameters : Parameters
        Sizes and standard deviations.
    margins : Margins
        Shares of migration background in the whole region.
    random_state : int
        The run's seed.

    Returns
    -------
    Region
        The same for the same seed and number of pupils.
    """
    choices = parameters.geography
    rows = load_municipalities()
    size = np.array([row[3] for row in rows])
    subregions = sorted({row[2] for row in rows})
    subregion = np.array([subregions.index(row[2]) for row in rows])
    rng = make_generator(random_state, "simulation", "geography")
    per_cohort: FloatArray = spec.n_pupils / spec.n_cohorts * size / size.sum()
    codes = np.array([row[0] for row in rows])
    reporting = (
        parameters.attendance.not_reported,
        parameters.attendance.not_reported_concentration,
    )
    compulsory = _draw_compulsory(rng, per_cohort, codes, choices, reporting)
    return Region(
        municipality_codes=codes,
        municipality_subregion=subregion,
        compulsory=compulsory,
        n_classes=_count_classes(compulsory.weight * per_cohort.sum(), choices.pupils_per_class),
        upper_secondary=_draw_upper_secondary(rng, per_cohort, subregion, choices, reporting),
        migration_logits=_solve_migration(compulsory, margins),
    )


def migration_shares(logits: FloatArray, tilt: FloatArray) -> FloatArray:
    """Return the shares of migration background under each tilt.

    Parameters
    ----------
    logits : numpy.ndarray of float, shape (2,)
        Log-odds of the two foreign backgrounds without tilt.
    tilt : numpy.ndarray of float, shape (n,)
        Added to both.

    Returns
    -------
    numpy.ndarray of float, shape (n, 3)
        Each row adds up to 1.

    Examples
    --------
    >>> migration_shares(np.zeros(2), np.zeros(1)).round(3).tolist()
    [[0.333, 0.333, 0.333]]
    """
    odds = np.exp(np.column_stack([np.zeros_like(tilt), logits[0] + tilt, logits[1] + tilt]))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _draw_compulsory(
    rng: np.random.Generator,
    per_cohort: FloatArray,
    codes: NDArray[np.str_],
    choices: GeographyChoices,
    reporting: tuple[float, float],
) -> Schools:
    """Draw the compulsory schools of each municipality."""
    n_places = len(per_cohort)
    counts = np.maximum(1, np.rint(per_cohort / choices.pupils_per_school).astype(int))
    place = np.repeat(np.arange(n_places), counts)
    within = np.concatenate([np.arange(count) for count in counts])
    city = choices.city_tilt * (np.log(per_cohort) - np.log(per_cohort).mean())
    place_effect = rng.normal(0, choices.municipality_effect_sd, n_places)
    place_tilt = city + rng.normal(0, choices.municipality_tilt_sd, n_places)
    n = len(place)
    effect = place_effect[place] + rng.normal(0, choices.school_effect_sd, n)
    tilt = place_tilt[place] + rng.normal(0, choices.school_tilt_sd, n) * (counts[place] > 1)
    names = np.array(
        [f"{codes[at]}-G{number + 1:03d}" for at, number in zip(place, within, strict=True)]
    )
    return Schools(
        codes=names,
        place=place,
        weight=_draw_weights(rng, place, per_cohort),
        effect=effect,
        tilt=tilt,
        not_reported=_draw_not_reported(rng, n, reporting),
    )


def _count_classes(per_cohort: FloatArray, pupils_per_class: float) -> IntArray:
    """Return into how many classes each school divides a year, as many as there are letters."""
    return np.clip(np.rint(per_cohort / pupils_per_class).astype(np.int64), 1, len(CLASS_LETTERS))


def _draw_upper_secondary(
    rng: np.random.Generator,
    per_cohort: FloatArray,
    subregion: IntArray,
    choices: GeographyChoices,
    reporting: tuple[float, float],
) -> Schools:
    """Draw the upper secondary schools of each subregion."""
    total = np.asarray(np.bincount(subregion, weights=per_cohort), dtype=np.float64)
    wanted = np.rint(total / choices.pupils_per_upper_secondary).astype(int)
    counts = np.maximum(choices.fewest_upper_secondary, wanted)
    place = np.repeat(np.arange(len(total)), counts)
    within = np.concatenate([np.arange(count) for count in counts])
    n = len(place)
    return Schools(
        codes=np.array(
            [f"U{at + 1}-{number + 1:03d}" for at, number in zip(place, within, strict=True)]
        ),
        place=place,
        weight=_draw_weights(rng, place, total),
        effect=rng.normal(0, choices.upper_secondary_effect_sd, n),
        tilt=np.zeros(n),
        not_reported=_draw_not_reported(rng, n, reporting),
    )


def _draw_weights(rng: np.random.Generator, place: IntArray, size: FloatArray) -> FloatArray:
    """Split each place's pupils over its schools, unevenly."""
    raw = rng.gamma(6.0, 1.0, len(place))
    share = raw / np.bincount(place, weights=raw)[place]
    weight = share * size[place]
    return np.asarray(weight / weight.sum())


def _draw_not_reported(
    rng: np.random.Generator, n: int, reporting: tuple[float, float]
) -> FloatArray:
    """Draw each school's share of attendance that is not reported."""
    mean, concentration = reporting
    return rng.beta(mean * concentration, (1 - mean) * concentration, n)


def _solve_migration(schools: Schools, margins: Margins) -> FloatArray:
    """Solve the log-odds under which the region has the wanted shares of background."""
    published = margins.background["migration_background"]
    target = np.array([published.share(group) for group in MIGRATION])
    logits = np.log(target[1:] / target[0])
    for _ in range(_ROUNDS):
        got = schools.weight @ migration_shares(logits, schools.tilt)
        logits = logits + np.log(target[1:] / got[1:]) - np.log(target[0] / got[0])
    return np.asarray(logits)
