"""Intervals from leaving out one unit at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import norm, t

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.sample import MINIMUM_CLUSTERS, Sample, regroup

FloatArray = npt.NDArray[np.float64]
Scale = Literal["identity", "log", "logit"]

_AT_THE_END = "no interval: the value is at the end of its range"

FEWEST_CASES = 20
"""The fewest pupils with, and without, the outcome from which ranking has an interval."""


def describe_units(sample: Sample) -> str:
    """Return what is left out in turn, in words.

    Parameters
    ----------
    sample : Sample
        With its units.

    Returns
    -------
    str
        The first part of an interval's method.
    """
    if sample.is_clustered:
        return f"delete-one-school jackknife over {sample.n_units} schools"
    return (
        f"delete-a-group jackknife over independent pupils (fewer than {MINIMUM_CLUSTERS} schools)"
        if sample.n_clusters < MINIMUM_CLUSTERS
        else "delete-a-group jackknife over pupils"
    )


def find_few_cases(n_positive: int, n_negative: int, fewest: int = FEWEST_CASES) -> str | None:
    """Return why so few pupils have no interval, if they are too few.

    Parameters
    ----------
    n_positive, n_negative : int
        Pupils with, and without, the outcome.
    fewest : int, default 20
        How many of either it takes.

    Returns
    -------
    str or None
        The reason.
    """
    if min(n_positive, n_negative) >= fewest:
        return None
    return f"no interval: fewer than {fewest} pupils with, or without, the outcome"


def make_interval(
    value: float, without: FloatArray, sample: Sample, *, level: float, scale: Scale
) -> Estimate:
    """Return a value with its jackknife interval.

    Parameters
    ----------
    value : float
        The measure on all rows.
    without : numpy.ndarray of float, shape (n_units,)
        The measure without each unit; NaN where it is not defined.
    sample : Sample
        With its units.
    level : float
        The share of intervals that cover the true value.
    scale : {'identity', 'log', 'logit'}
        The scale on which the interval is symmetric.

    Returns
    -------
    Estimate
        Without an interval, and with the reason, where there is none.

    Notes
    -----
    The standard error on the scale is that of the measure divided by the slope of the scale
    at the value; the interval uses Student's t with one degree of freedom fewer than units.

    References
    ----------
    Efron, B. and Stein, C. (1981). The jackknife estimate of variance. Annals of Statistics
    9, 586-596.
    Cameron, A. C. and Miller, D. L. (2015). A practitioner's guide to cluster-robust
    inference. Journal of Human Resources 50, 317-372.
    """
    if (reason := find_gap(without, sample)) is not None:
        return Estimate(value, reason=reason)
    if (scale == "logit" and not 0 < value < 1) or (scale == "log" and value <= 0):
        return Estimate(value, reason=_AT_THE_END)
    n_units = sample.n_units
    error = float(np.sqrt((n_units - 1) / n_units * np.sum((without - value) ** 2)))
    quantile = float(t.ppf(0.5 + level / 2, n_units - 1))
    method = f"{describe_units(sample)}, t({n_units - 1}), {scale} scale"
    lower, upper = _spread(value, error * quantile, scale)
    return Estimate(value, lower, upper, method)


def find_gap(without: FloatArray, sample: Sample) -> str | None:
    """Return why there is no jackknife interval, if a value without some unit is not defined.

    Parameters
    ----------
    without : numpy.ndarray of float, shape (n_units, ...)
        What was measured without each unit; NaN where it is not defined.
    sample : Sample
        With its units.

    Returns
    -------
    str or None
        The reason.
    """
    if sample.n_units >= 2 and not np.isnan(without).any():
        return None
    unit = "school" if sample.is_clustered else "group of pupils"
    return f"no interval: not defined without one {unit}"


def make_wide_interval(
    measure: Callable[[Sample], tuple[float, FloatArray]],
    sample: Sample,
    *,
    level: float,
    scale: Scale,
) -> Estimate:
    """Return a measure with the wider of its intervals over schools and over pupils.

    Parameters
    ----------
    measure : callable
        Gives the value, and the same without each unit.
    sample : Sample
        With its units.
    level : float
        The share of intervals that cover the true value.
    scale : {'identity', 'log', 'logit'}
        The scale on which an interval is symmetric.

    Returns
    -------
    Estimate
        Without an interval, and with the reason, where fewer than 20 pupils have, or have not,
        the outcome.

    Notes
    -----
    With few schools, or few pupils with the outcome in each, the spread over schools is itself
    uncertain and often too small for measures that rest on these few. Groups of pupils do not
    know schools but are many. Simulations show that the wider of both covers, and that with fewer
    than 20 such pupils neither does.
    """
    by_unit = make_ranking_interval(*measure(sample), sample, level=level, scale=scale)
    if not sample.is_clustered or by_unit.lower is None or by_unit.upper is None:
        return by_unit
    pupils = regroup(sample)
    by_pupil = make_interval(*measure(pupils), pupils, level=level, scale=scale)
    if by_pupil.lower is None or by_pupil.upper is None:
        return by_pupil
    return Estimate(
        by_unit.value,
        min(by_unit.lower, by_pupil.lower),
        max(by_unit.upper, by_pupil.upper),
        f"the wider of {by_unit.method} and {describe_units(pupils)}",
    )


def make_ranking_interval(
    value: float, without: FloatArray, sample: Sample, *, level: float, scale: Scale
) -> Estimate:
    """Return a measure of ranking with its interval, if it rests on enough pupils for one.

    Parameters
    ----------
    value : float
        The measure on all rows.
    without : numpy.ndarray of float, shape (n_units,)
        The measure without each unit.
    sample : Sample
        With its units.
    level : float
        The share of intervals that cover the true value.
    scale : {'identity', 'log', 'logit'}
        The scale on which the interval is symmetric.

    Returns
    -------
    Estimate
        Without an interval, and with the reason, where fewer than 20 pupils have, or have not,
        the outcome.
    """
    if (reason := find_few_cases(sample.n_positive, sample.n_negative)) is not None:
        return Estimate(value, reason=reason)
    return make_interval(value, without, sample, level=level, scale=scale)


def _spread(value: float, half: float, scale: Scale) -> tuple[float, float]:
    """Return the ends of an interval that is symmetric on a scale."""
    if scale == "logit":
        centre, half = float(logit(value)), half / (value * (1 - value))
        return float(expit(centre - half)), float(expit(centre + half))
    if scale == "log":
        factor = float(np.exp(min(half / value, 700.0)))
        return value / factor, value * factor
    return value - half, value + half


def make_difference(
    one: tuple[float, FloatArray], other: tuple[float, FloatArray], sample: Sample, *, level: float
) -> Estimate:
    """Return the difference of a measure of two models on the same rows.

    Parameters
    ----------
    one, other : tuple of float and numpy.ndarray of float, shape (n_units,)
        The measure, in [0, 1], and the same without each unit.
    sample : Sample
        With the units of both.
    level : float
        The share of intervals that cover the true value.

    Returns
    -------
    Estimate
        The first less the second; units are left out of both at once. Without an interval
        where one is 0 and the other 1: leaving units out does not tell how sure that is.
    """
    if {one[0], other[0]} == {0.0, 1.0}:
        return Estimate(one[0] - other[0], reason=_AT_THE_END)
    return make_interval(
        one[0] - other[0], one[1] - other[1], sample, level=level, scale="identity"
    )


def make_ranking_difference(
    one: tuple[float, FloatArray], other: tuple[float, FloatArray], sample: Sample, *, level: float
) -> Estimate:
    """Return the difference of a measure of ranking of two models on the same rows.

    Parameters
    ----------
    one, other : tuple of float and numpy.ndarray of float, shape (n_units,)
        The measure, and the same without each unit.
    sample : Sample
        With the units and the labels of both.
    level : float
        The share of intervals that cover the true value.

    Returns
    -------
    Estimate
        The first less the second, without an interval wherever the measure itself has none (see
        `make_ranking_interval`).
    """
    return make_ranking_interval(
        one[0] - other[0], one[1] - other[1], sample, level=level, scale="identity"
    )


def make_share_interval(
    value: float, without: FloatArray, counts: FloatArray, sample: Sample, level: float
) -> Estimate:
    """Return a share with its interval, also where it is 0 or 1.

    Parameters
    ----------
    value : float
        In [0, 1].
    without : numpy.ndarray of float, shape (n_units,)
        The share without each unit.
    counts : numpy.ndarray of float, shape (n_units,)
        The pupils in its denominator, by unit.
    sample : Sample
        With its units.
    level : float
        The share of intervals that cover the true value.

    Returns
    -------
    Estimate
        See `make_edge_interval` for 0 and 1, `make_interval` for all others.
    """
    if value in (0.0, 1.0):
        return make_edge_interval(value, counts, sample, level)
    return make_interval(value, without, sample, level=level, scale="logit")


def make_edge_interval(value: float, counts: FloatArray, sample: Sample, level: float) -> Estimate:
    """Return a share of 0 or 1 with Wilson's interval.

    Parameters
    ----------
    value : float
        0 or 1.
    counts : numpy.ndarray of float, shape (n_units,)
        The pupils in the share's denominator, by unit.
    sample : Sample
        Its labels tell how alike the pupils of a school are.
    level : float
        The share of intervals that cover the true value.

    Returns
    -------
    Estimate
        With an interval for as many independent pupils as the clustered ones are worth.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
    inference. Journal of the American Statistical Association 22, 209-212.
    Kish, L. (1965). Survey Sampling. Wiley.
    """
    total = float(counts.sum())
    mean_size = float((counts**2).sum() / total)
    effect = 1 + max(mean_size - 1, 0.0) * find_intraclass_correlation(sample)
    worth = total / effect
    z_squared = float(norm.ppf(0.5 + level / 2)) ** 2
    width = z_squared / (worth + z_squared)
    lower, upper = (0.0, width) if value == 0 else (1 - width, 1.0)
    return Estimate(value, lower, upper, "Wilson, effective number of pupils")


def find_intraclass_correlation(sample: Sample) -> float:
    """Return how alike the outcomes of a school's pupils are.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    float
        The intraclass correlation by analysis of variance, in [0, 1]; 0 where the units are
        not schools.
    """
    if not sample.is_clustered:
        return 0.0
    label = sample.known_label
    sizes = sample.add_up(np.ones(len(label)))
    means = sample.add_up(label) / sizes
    n_rows, n_units = len(label), sample.n_units
    if n_rows <= n_units:
        return 0.0
    between = float((sizes * (means - label.mean()) ** 2).sum()) / (n_units - 1)
    within = float((sizes * means * (1 - means)).sum()) / (n_rows - n_units)
    typical = (n_rows - float((sizes**2).sum()) / n_rows) / (n_units - 1)
    spread = between + (typical - 1) * within
    return min(max((between - within) / spread, 0.0), 1.0) if spread > 0 else 0.0
