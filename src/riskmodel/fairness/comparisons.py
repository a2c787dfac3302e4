"""Comparing every group with all others, so that a flag means what it says.

All groups of all attributes and all compared rates are tested together: the chance of one
false flag or more, where nothing differs, is the level that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.fairness.groups import Counts
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS

Array = npt.NDArray[np.float64]

TOO_FEW = "too_few"
NO_VARIATION = "no_variation"

BOOTSTRAP = "restricted studentised wild bootstrap over clusters, max-t"
PERMUTATION = "permutation, max-t"


@dataclass(frozen=True)
class Comparisons:
    """Each group's rate minus that of all others, for one rate.

    Parameters
    ----------
    difference, lower, upper, p_value : numpy.ndarray of float, shape (n_groups,)
        Simultaneous over all groups and rates; NaN where nothing can be said.
    reason : list of str or None
        Why nothing can be said.
    method : str
        How it was tested.
    """

    difference: Array
    lower: Array
    upper: Array
    p_value: Array
    reason: list[str | None]
    method: str


@dataclass(frozen=True)
class _Contrast:
    """One rate's counts by group and cluster, and which groups can be compared."""

    successes: Array
    trials: Array
    members: Array
    reason: list[str | None]

    @property
    def tested(self) -> npt.NDArray[np.bool_]:
        """The groups of which something can be said."""
        return np.array([reason is None for reason in self.reason])

    @property
    def difference(self) -> Array:
        """Each group's rate minus that of all others."""
        k, n = self.members @ self.successes.sum(axis=1), self.members @ self.trials.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            gap: Array = k / n - (self.successes.sum() - k) / (self.trials.sum() - n)
        return gap


def compare_groups(
    rates: dict[str, tuple[Counts, Counts]],
    members: Counts,
    *,
    is_clustered: bool,
    minimum_count: int,
    level: float,
    n_resamples: int,
    generator: np.random.Generator,
) -> dict[str, Comparisons]:
    """Compare each group with all others, in every rate, with simultaneous inference.

    Parameters
    ----------
    rates : dict of str to (numpy.ndarray, numpy.ndarray), each of shape (n_atoms, n_clusters)
        Numerators and denominators of each rate, by atom (a part of the pupils that no group
        divides) and cluster. Different rates are of different pupils.
    members : numpy.ndarray of float, shape (n_groups, n_atoms)
        1 where a group holds an atom. Groups may overlap.
    is_clustered : bool
        Whether the columns are clusters; if not, pupils are independent.
    minimum_count : int
        The least denominator of a group, and of all others, to be compared.
    level : float
        Simultaneous confidence level in (0, 1).
    n_resamples : int
        Number of resamples.
    generator : numpy.random.Generator
        Source of the resamples.

    Returns
    -------
    dict of str to Comparisons
        One for each rate.

    Notes
    -----
    The statistic is the score of a group's difference: the sum over its pupils of outcome
    minus overall rate, less what the group's share of all pupils explains. With clusters its
    variance is the mean of two estimates: from the group's own scores by cluster, which alone
    is too small whenever a group has few cases, and from one correlation of pupils within
    clusters, the same for all groups. The bootstrap multiplies each cluster's residuals under
    equality by a random sign, the same for all groups and rates, and estimates the overall
    rate and the groups' own variances anew. Without clusters the
    outcomes are permuted over the pupils. The p-value is the share of resamples whose largest
    statistic, over all groups and rates, reaches the observed one. The interval is the
    difference plus and minus the matching quantile times the larger of the standard errors
    with and without the restriction. A group, or its rest, in fewer than 6 clusters is not
    compared: so few signs cannot give a small p-value. The cost is independent of the number
    of pupils.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008). Bootstrap-based improvements for
    inference with clustered errors. Review of Economics and Statistics 90, 414-427.
    Westfall, P. H. and Young, S. S. (1993). Resampling-based multiple testing. Wiley.
    """
    contrasts = {
        name: _make_contrast(k, n, members, minimum_count, is_clustered)
        for name, (k, n) in rates.items()
    }
    n_clusters = next(iter(contrasts.values())).trials.shape[1]
    signs = generator.choice(np.array([-1.0, 1.0]), size=(n_resamples, n_clusters))
    statistics, errors = {}, {}
    largest = np.zeros(n_resamples)
    for name, contrast in contrasts.items():
        if is_clustered:
            statistics[name], errors[name], draws = _bootstrap(contrast, signs)
        else:
            statistics[name], errors[name], draws = _permute(contrast, n_resamples, generator)
        largest = np.maximum(largest, np.abs(draws).max(axis=1, initial=0.0))
    critical = float(np.quantile(largest, level, method="higher"))
    method = BOOTSTRAP if is_clustered else PERMUTATION
    return {
        name: _summarise(contrast, statistics[name], critical * errors[name], largest, method)
        for name, contrast in contrasts.items()
    }


def _make_contrast(
    successes: Counts, trials: Counts, members: Counts, minimum_count: int, is_clustered: bool
) -> _Contrast:
    """Return a contrast with the groups marked of which nothing can be said."""
    n = members @ trials
    rest = trials.sum(axis=0) - n
    few = np.minimum(n.sum(axis=1), rest.sum(axis=1)) < minimum_count
    if is_clustered:
        n_clusters = np.minimum((n > 0).sum(axis=1), (rest > 0).sum(axis=1))
        few |= n_clusters < MINIMUM_CLUSTERS
    is_constant = successes.sum() in (0, trials.sum())
    reason = [TOO_FEW if bad else NO_VARIATION if is_constant else None for bad in few]
    return _Contrast(successes, trials, members, reason)


def _bootstrap(contrast: _Contrast, signs: Array) -> tuple[Array, Array, Array]:
    """Return statistics, standard errors and resampled statistics of the tested groups."""
    members = contrast.members[contrast.tested]
    k, n = contrast.successes, contrast.trials
    total, n_clusters = max(n.sum(), 1.0), n.shape[1]
    residuals = k - k.sum() / total * n
    by_cluster = residuals.sum(axis=0)
    share = (members @ n.sum(axis=1) / total)[:, None]
    scores = members @ residuals - share * by_cluster
    weights = members @ n - share * n.sum(axis=0)
    own = (scores**2).sum(axis=1)
    pooled = _exchangeable_variance(contrast, by_cluster, weights, share[:, 0])
    shifts = (signs @ by_cluster / total)[:, None]
    drawn = own - 2 * shifts * (signs @ (scores * weights).T) + shifts**2 * (weights**2).sum(axis=1)
    observed = _divide(scores.sum(axis=1), np.sqrt((own + pooled) / 2))
    draws = _divide(signs @ scores.T, np.sqrt((np.maximum(drawn, 0.0) + pooled) / 2))
    free = scores - contrast.difference[contrast.tested][:, None] * _slopes(members, n, share)
    variance = np.maximum((own + pooled) / 2, (free**2).sum(axis=1))
    error = np.sqrt(variance * n_clusters / max(n_clusters - 1, 1))
    return observed, _divide(error, total * share[:, 0] * (1 - share[:, 0])), draws


def _exchangeable_variance(
    contrast: _Contrast, residuals: Array, weights: Array, share: Array
) -> Array:
    """Return the scores' variance if pupils of one cluster are all equally alike."""
    sizes = contrast.trials.sum(axis=0)
    total = max(sizes.sum(), 1.0)
    rate = contrast.successes.sum() / total
    binomial = rate * (1 - rate)
    pairs = (sizes * (sizes - 1)).sum()
    excess = float(_divide((residuals**2).sum() - binomial * total, binomial * pairs))
    correlation = min(max(excess, 0.0), 1.0)
    alone = (1 - correlation) * total * share * (1 - share)
    variance: Array = binomial * (alone + correlation * (weights**2).sum(axis=1))
    return variance


def _slopes(members: Counts, trials: Counts, share: Array) -> Array:
    """Return how each cluster's score grows with the group's difference."""
    inside = members @ trials
    slopes: Array = (1 - share) ** 2 * inside + share**2 * (trials.sum(axis=0) - inside)
    return slopes


def _permute(
    contrast: _Contrast, n_resamples: int, generator: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return statistics, standard errors and permuted statistics of the tested groups."""
    members = contrast.members[contrast.tested]
    k, n = contrast.successes.sum(axis=1), contrast.trials.sum(axis=1)
    total, cases = n.sum(), k.sum()
    inside = members @ n
    rate = cases / total if total else 0.0
    error = np.sqrt(rate * (1 - rate) * total / np.maximum(inside * (total - inside), 1.0))
    drawn = generator.multivariate_hypergeometric(
        n.astype(np.int64), int(cases), size=n_resamples, method="marginals"
    )

    def standardise(counts: Array) -> Array:
        """Return each group's difference in standard errors."""
        gap = _divide(counts, inside) - _divide(cases - counts, total - inside)
        return _divide(gap, error)

    sides = (members @ k, inside), (cases - members @ k, total - inside)
    free = sum(_divide((top + 1) * (size - top + 1), (size + 2) ** 3) for top, size in sides)
    return (
        standardise(members @ k),
        np.maximum(error, np.sqrt(free)),
        standardise(drawn @ members.T),
    )


def _divide(top: Any, bottom: Any) -> Array:
    """Divide, giving 0 where the divisor is 0."""
    tops, bottoms = np.broadcast_arrays(np.asarray(top, float), np.asarray(bottom, float))
    ratio: Array = np.divide(tops, bottoms, out=np.zeros(tops.shape), where=bottoms > 0)
    return ratio


def _summarise(
    contrast: _Contrast, statistics: Array, half: Array, largest: Array, method: str
) -> Comparisons:
    """Return the comparisons of one rate, NaN for the groups that were not tested."""
    tested = contrast.tested
    gaps = contrast.difference[tested]
    reached = (largest[:, None] >= np.abs(statistics) - 1e-12).sum(axis=0)

    def spread(values: Array) -> Array:
        """Return values for all groups, NaN where a group was not tested."""
        full = np.full(len(tested), np.nan)
        full[tested] = values
        return full

    return Comparisons(
        difference=spread(gaps),
        lower=spread(np.maximum(gaps - half, -1.0)),
        upper=spread(np.minimum(gaps + half, 1.0)),
        p_value=spread((1 + reached) / (len(largest) + 1)),
        reason=contrast.reason,
        method=method,
    )
