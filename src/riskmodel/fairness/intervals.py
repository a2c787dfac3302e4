"""Confidence intervals for rates and means by group, with or without clusters.

All functions take whole tables of groups at once and return NaN where a group has no value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]

MINIMUM_CLUSTERS = 6
"""With fewer clusters their variance cannot be estimated: pupils are taken as independent."""

WILSON = "wilson"
CLUSTERED = "cluster-robust variance, t on the logit scale"
CLUSTERED_MEAN = "cluster-robust variance, t"
INDEPENDENT_MEAN = "normal"
FEW_CLUSTERS = f" (fewer than {MINIMUM_CLUSTERS} clusters: pupils taken as independent)"
DESIGN_EFFECT = "wilson with the design effect of all pupils"


@dataclass(frozen=True)
class Intervals:
    """Values with their limits, one for each group.

    Parameters
    ----------
    value, lower, upper : numpy.ndarray of shape (n_groups,)
        Estimate and limits; NaN where the group has nobody to count.
    method : list of str of length n_groups
        How the limits were found.
    """

    value: Array
    lower: Array
    upper: Array
    method: list[str]


def wilson_interval(successes: Array, trials: Array, level: float) -> tuple[Array, Array]:
    """Return Wilson's score interval for rates of independent pupils.

    Parameters
    ----------
    successes, trials : numpy.ndarray of shape (n_groups,)
        Counts; they need not be whole (an effective number of trials).
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    lower, upper : numpy.ndarray of shape (n_groups,)
        Limits in [0, 1]; NaN without trials.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
    inference. Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> lower, upper = wilson_interval(np.array([0.0]), np.array([10.0]), 0.95)
    >>> float(lower[0]), round(float(upper[0]), 3)
    (0.0, 0.278)
    """
    z = stats.norm.ppf((1 + level) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = successes / trials
        centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
        spread = np.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
        half = z * spread / (1 + z**2 / trials)
    lower = np.where(rate == 0, 0.0, np.maximum(centre - half, 0.0))
    upper = np.where(rate == 1, 1.0, np.minimum(centre + half, 1.0))
    undefined = np.isnan(rate)
    return np.where(undefined, np.nan, lower), np.where(undefined, np.nan, upper)


def rate_intervals(
    successes: Array, trials: Array, level: float, *, is_clustered: bool
) -> Intervals:
    """Return rates by group with intervals that allow for clusters where there are any.

    Parameters
    ----------
    successes, trials : numpy.ndarray of shape (n_groups, n_clusters)
        Counts by group and cluster.
    level : float
        Confidence level in (0, 1).
    is_clustered : bool
        Whether the columns are clusters; if not, pupils are independent and the interval is
        Wilson's.

    Returns
    -------
    Intervals
        In [0, 1]. With clusters: the ratio's cluster-robust (CR1) variance and a t
        distribution with one degree of freedom less than the group has clusters, on the
        logit scale; the variance is taken as no less than that of independent pupils, as an
        estimate from few clusters can be far too small. Rates of 0 and 1 have no such
        variance: Wilson's interval with the number of trials divided by the design effect of
        all groups together.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008). Bootstrap-based improvements for
    inference with clustered errors. Review of Economics and Statistics 90, 414-427.
    """
    k, n = successes.sum(axis=1), trials.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = k / n
    lower, upper = wilson_interval(k, n, level)
    if not is_clustered:
        return Intervals(rate, lower, upper, [WILSON] * len(rate))
    n_clusters = (trials > 0).sum(axis=1)
    enough = n_clusters >= MINIMUM_CLUSTERS
    inner = enough & (rate > 0) & (rate < 1)
    edge = enough & ((rate == 0) | (rate == 1))
    deflated = n / find_design_effect(successes.sum(axis=0), trials.sum(axis=0))
    edge_limits = wilson_interval(rate * deflated, deflated, level)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.maximum(ratio_variance(successes, trials), rate * (1 - rate) / n)
    inner_limits = _logit_limits(rate, variance, n_clusters, level)
    lower = np.where(inner, inner_limits[0], np.where(edge, edge_limits[0], lower))
    upper = np.where(inner, inner_limits[1], np.where(edge, edge_limits[1], upper))
    names = np.where(inner, CLUSTERED, np.where(edge, DESIGN_EFFECT, WILSON + FEW_CLUSTERS))
    return Intervals(rate, lower, upper, names.tolist())


def mean_intervals(
    sums: Array,
    squares: Array,
    counts: Array,
    level: float,
    *,
    is_clustered: bool,
    least: Array | None = None,
) -> Intervals:
    """Return means by group with intervals that allow for clusters where there are any.

    Parameters
    ----------
    sums, squares, counts : numpy.ndarray of shape (n_groups, n_clusters)
        Sums of the values, of their squares, and the number of pupils.
    level : float
        Confidence level in (0, 1).
    is_clustered : bool
        Whether the columns are clusters.
    least : numpy.ndarray of float, shape (n_groups,), optional
        The least variance of each mean, where it is known from elsewhere.

    Returns
    -------
    Intervals
        In the unit of the values; the limits are NaN for fewer than two pupils. With clusters
        the variance is no less than that of independent pupils, as for rates.
    """
    n = counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.sum(axis=1) / n
        variance = (squares.sum(axis=1) / n - mean**2).clip(min=0) / (n - 1)
    variance = np.where(n > 1, variance, np.nan)
    critical = np.full(len(mean), stats.norm.ppf((1 + level) / 2))
    names = [INDEPENDENT_MEAN] * len(mean)
    if is_clustered:
        n_clusters = (counts > 0).sum(axis=1)
        enough = n_clusters >= MINIMUM_CLUSTERS
        clustered = np.maximum(ratio_variance(sums, counts), variance)
        variance = np.where(enough, clustered, variance)
        critical = np.where(enough, _t_quantile(n_clusters, level), critical)
        names = np.where(enough, CLUSTERED_MEAN, INDEPENDENT_MEAN + FEW_CLUSTERS).tolist()
    if least is not None:
        variance = np.maximum(variance, least)
    half = critical * np.sqrt(variance)
    return Intervals(mean, mean - half, mean + half, names)


def ratio_variance(tops: Array, bottoms: Array) -> Array:
    """Return the cluster-robust (CR1) variance of each group's ratio of sums over clusters.

    Parameters
    ----------
    tops, bottoms : numpy.ndarray of shape (n_groups, n_clusters)
        Sums above and below the fraction line.

    Returns
    -------
    numpy.ndarray of shape (n_groups,)
        NaN with fewer than two clusters, or where there is nothing to divide by.
    """
    n = bottoms.sum(axis=1)
    n_clusters = (bottoms > 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        residuals = tops - (tops.sum(axis=1) / n)[:, None] * bottoms
        correction = n_clusters / (n_clusters - 1)
        variance: Array = correction * (residuals**2).sum(axis=1) / n**2
    return variance


def measure_gap(successes: Array, trials: Array, *, is_clustered: bool) -> tuple[float, float]:
    """Return a group's rate less that of all others, and its variance.

    Parameters
    ----------
    successes, trials : numpy.ndarray of float, shape (2, n_clusters)
        Counts of the group, then of all others.
    is_clustered : bool
        Whether the columns are clusters.

    Returns
    -------
    gap, variance : float
        The variance is cluster-robust (CR1), and no less than that of independent pupils: of
        these one more with, and one without, is counted too, so that rates of 0 and 1 do not
        seem sure.

    References
    ----------
    Agresti, A. and Caffo, B. (2000). Simple and effective confidence intervals for proportions
    and differences of proportions result from adding two successes and two failures. The
    American Statistician 54, 280-288.
    """
    k, n = successes.sum(axis=1), trials.sum(axis=1)
    rates = k / n
    plain = rates * (1 - rates) / n
    variance = float(np.maximum(plain, (k + 1) * (n - k + 1) / (n + 2) ** 3).sum())
    if is_clustered:
        residuals = (successes - rates[:, np.newaxis] * trials) / n[:, np.newaxis]
        n_clusters = int((trials.sum(axis=0) > 0).sum())
        own = ((residuals[0] - residuals[1]) ** 2).sum() * n_clusters / max(n_clusters - 1, 1)
        variance = max(variance, float(own))
    return float(rates[0] - rates[1]), variance


def find_limits(value: float, variance: float, freedom: float, level: float) -> tuple[float, float]:
    """Return limits by Student's t.

    Parameters
    ----------
    value, variance : float
        The figure and its variance.
    freedom : float
        Degrees of freedom; infinite for the normal distribution.
    level : float
        The confidence level.

    Returns
    -------
    tuple of (float, float)
        Lower and upper limit.
    """
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * float(np.sqrt(variance))
    return value - half, value + half


def influence_limits(
    value: float, influence: Array, level: float
) -> tuple[float, float] | tuple[None, None]:
    """Return limits of a figure from what each cluster has added to its error.

    Parameters
    ----------
    value : float
        The figure.
    influence : numpy.ndarray of shape (n_clusters,)
        Each cluster's part of the linearised figure; they add up to 0.
    level : float
        The confidence level.

    Returns
    -------
    tuple of (float, float) or of (None, None)
        Lower and upper limit, by t with one degree of freedom less than clusters; none with
        fewer than 6 clusters.
    """
    n = len(influence)
    if n < MINIMUM_CLUSTERS:
        return None, None
    variance = float(ratio_variance(influence[None], np.ones((1, n)))[0]) * n**2
    return find_limits(value, variance, n - 1, level)


def find_design_effect(successes: Array, trials: Array) -> float:
    """Return by how much clustering inflates the variance of the overall rate.

    Parameters
    ----------
    successes, trials : numpy.ndarray of shape (n_clusters,)
        Counts by cluster.

    Returns
    -------
    float
        At least 1.
    """
    total = trials.sum()
    rate = successes.sum() / total if total else 0.0
    independent = rate * (1 - rate) / total if total else 0.0
    if independent == 0:
        return 1.0
    return max(1.0, float(ratio_variance(successes[None], trials[None])[0]) / independent)


def _logit_limits(
    rate: Array, variance: Array, n_clusters: npt.NDArray[np.int64], level: float
) -> tuple[Array, Array]:
    """Return the limits of rates strictly between 0 and 1, found on the logit scale."""
    inside = np.where((rate > 0) & (rate < 1), rate, 0.5)
    logit = np.log(inside / (1 - inside))
    half = _t_quantile(n_clusters, level) * np.sqrt(variance) / (inside * (1 - inside))
    return _expit(logit - half), _expit(logit + half)


def _t_quantile(n_clusters: npt.NDArray[np.int64], level: float) -> Array:
    """Return the two-sided quantile with one degree of freedom less than clusters."""
    quantile: Array = stats.t.ppf((1 + level) / 2, np.maximum(n_clusters - 1, 1))
    return quantile


def _expit(values: Array) -> Array:
    """Return the inverse logit."""
    result: Array = 1 / (1 + np.exp(-values))
    return result
