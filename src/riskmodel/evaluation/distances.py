"""Mean distances from where risks should lie: never negative, and never 0 in a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from riskmodel.core.randomness import make_generator
from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import describe_units, find_few_cases, find_gap
from riskmodel.evaluation.sample import Sample

FloatArray = npt.NDArray[np.float64]

FEWEST_CASES_AT_PLACES = 50
"""The fewest pupils with, and without, the outcome from which a distance has an interval."""

_DRAWS = 1000
_DOUBLINGS = 40
_HALVINGS = 12


@dataclass(frozen=True, eq=False)
class Distance:
    """How far risks lie from what was observed, at several places.

    Parameters
    ----------
    value : float
        The mean distance over the pupils, at least 0.
    deviations : numpy.ndarray of float, shape (n_places,)
        Observed less predicted, with its sign.
    without : numpy.ndarray of float, shape (n_units, n_places)
        The same without each unit; NaN where it is not defined.
    weights : numpy.ndarray of float, shape (n_places,)
        The share of the pupils at each place.
    power : int
        1 for a mean absolute, 2 for a mean squared distance.
    """

    value: float
    deviations: FloatArray
    without: FloatArray
    weights: FloatArray
    power: int


def make_distance_interval(distance: Distance, sample: Sample, *, level: float) -> Estimate:
    """Return a mean distance with its interval, which may begin at 0.

    Parameters
    ----------
    distance : Distance
        What was measured.
    sample : Sample
        With its units.
    level : float
        The share of intervals that cover the true value.

    Returns
    -------
    Estimate
        Without an interval, and with the reason, where fewer than 50 pupils have, or have not,
        the outcome: then it covered too seldom.

    Notes
    -----
    Chance alone keeps the observed shares away from right risks, so that such a distance is too
    large on average and its jackknife interval misses small true values. Here the interval
    holds the true distances under which one as large as the observed one is neither too rare nor
    too common. The deviations, made larger or smaller by one factor, stand for the truth, for
    the upper end also those along which chance varies most, which it can hide best. The
    chance around it is normal, as large as leaving out units says, and divided by the root of a
    chi-square with one degree of freedom fewer than units, as in Student's t. The same thousand
    draws of it serve every factor.

    References
    ----------
    Carpenter, J. (1999). Test inversion bootstrap confidence intervals. Journal of the Royal
    Statistical Society B 61, 159-172.
    Ferro, C. A. T. and Fricker, T. E. (2012). A bias-corrected decomposition of the Brier
    score. Quarterly Journal of the Royal Meteorological Society 138, 1954-1960.
    """
    few = find_few_cases(sample.n_positive, sample.n_negative, FEWEST_CASES_AT_PLACES)
    reason = few or find_gap(distance.without, sample)
    if reason is not None:
        return Estimate(distance.value, reason=reason)
    n_units, power = sample.n_units, distance.power
    spread = (distance.without - distance.deviations) * np.sqrt((n_units - 1) / n_units)
    noise = _draw_noise(spread)
    observed = float(np.abs(distance.deviations) ** power @ distance.weights)
    main = _find_main_direction(spread, distance.weights)
    size = float(np.abs(main) ** power @ distance.weights)
    main = main * (observed / size) ** (1 / power) if size > 0 else main

    def find_factor(direction: FloatArray, share: float) -> float:
        """Return from which factor on the observed distance is reached as often as asked."""

        def find_share(factor: float) -> float:
            moved = np.abs(factor * direction + noise) ** power @ distance.weights
            return float((moved >= observed).mean())

        return _find_factor(find_share, share)

    lower = find_factor(distance.deviations, 0.5 - level / 2)
    upper = max(find_factor(one, 0.5 + level / 2) for one in (distance.deviations, main))
    lower, upper = (distance.value * end**power for end in (lower, upper))
    method = f"{describe_units(sample)}, t({sample.n_units - 1}), inverted test"
    return Estimate(distance.value, min(lower, distance.value), max(upper, distance.value), method)


def _draw_noise(spread: FloatArray) -> FloatArray:
    """Draw what chance adds to the deviations, one row for each draw."""
    n_units = len(spread)
    rng = make_generator(0, "evaluation", "distances")
    stretch = np.sqrt((n_units - 1) / rng.chisquare(n_units - 1, _DRAWS))
    noise = rng.standard_normal((_DRAWS, n_units)) @ spread
    return np.asarray(noise * stretch[:, np.newaxis], dtype=np.float64)


def _find_main_direction(spread: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the deviations along which chance varies most."""
    roots = np.sqrt(weights)
    scaled = spread * roots
    main = np.linalg.eigh(scaled.T @ scaled)[1][:, -1]
    return np.asarray(np.divide(main, roots, out=np.zeros(len(main)), where=roots > 0))


def _find_factor(find_share: Callable[[float], float], share: float) -> float:
    """Return from which factor on the observed distance is reached as often as asked."""
    if find_share(0.0) >= share:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(_DOUBLINGS):
        if find_share(high) >= share:
            break
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if find_share(middle) >= share else (middle, high)
    return high
