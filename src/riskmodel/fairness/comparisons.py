"""Comparing every group with all others, so that a flag means what it says.

All groups of all attributes and all compared rates are tested together: the chance of one
false flag or more, where nothing differs, is the level that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    """One rate's counts by atom and cluster, by stratum, and which groups can be compared."""

    successes: Array
    trials: Array
    members: Array
    strata: Array
    reason: list[str | None]

    @property
    def tested(self) -> npt.NDArray[np.bool_]:
        """The groups of which something can be said."""
        return np.array([reason is None for reason in self.reason])

    @property
    def sizes(self) -> Array:
        """The denominators of all pupils, by stratum."""
        return np.asarray(self.strata @ self.trials.sum(axis=1))

    @property
    def rates(self) -> Array:
        """The rates of all pupils, by stratum."""
        return _divide(self.strata @ self.successes.sum(axis=1), self.sizes)

    @property
    def shares(self) -> Array:
        """Each group's share of a stratum, shape (n_strata, n_groups)."""
        inside = self.strata @ (self.trials.sum(axis=1)[:, np.newaxis] * self.members.T)
        return _divide(inside, self.sizes[:, np.newaxis])

    @property
    def information(self) -> Array:
        """How many pairs of groups and their rests the strata hold, in pupils."""
        return np.asarray(self.sizes @ (self.shares * (1 - self.shares)))

    @property
    def difference(self) -> Array:
        """Each group's rate minus that of all others, by stratum and put together.

        Mantel and Haenszel's weights; without strata the plain difference.
        """
        k = self.members @ self.successes.sum(axis=1)
        expected = (self.shares * (self.sizes * self.rates)[:, np.newaxis]).sum(axis=0)
        gap: Array = np.where(self.information > 0, _divide(k - expected, self.information), np.nan)
        return gap


def compare_groups(
    rates: dict[str, tuple[Counts, Counts]],
    members: Counts,
    *,
    strata: npt.NDArray[np.int64] | None = None,
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
    strata : numpy.ndarray of int, shape (n_atoms,), optional
        Who is alike in the control features: groups are compared within each stratum, and
        the differences are put together with Mantel and Haenszel's weights.
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
    minus overall rate (of the stratum), less what the group's share of all pupils explains.
    With clusters its variance is the mean of two estimates: from the group's own scores by
    cluster, which alone is too small whenever a group has few cases, and from one correlation
    of pupils within clusters, the same for all groups. The bootstrap multiplies each cluster's
    residuals under equality by a random sign, the same for all groups and rates, and estimates
    the overall rate and the groups' own variances anew. Without clusters the outcomes are
    permuted over the pupils. The p-value is the share of resamples whose largest
    statistic, over all groups and rates, reaches the observed one. The interval is the
    difference plus and minus the matching quantile times the larger of the standard errors
    with and without the restriction. A group, or its rest, in fewer than 6 clusters is not
    compared: so few signs cannot give a small p-value. The cost is independent of the number
    of pupils.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008). Bootstrap-based improvements for
    inference with clustered errors. Review of Economics and Statistics 90, 414-427.
    Mantel, N. and Haenszel, W. (1959). Statistical aspects of the analysis of data from
    retrospective studies of disease. Journal of the National Cancer Institute 22, 719-748.
    Westfall, P. H. and Young, S. S. (1993). Resampling-based multiple testing. Wiley.
    """
    codes = np.zeros(members.shape[1], dtype=np.int64) if strata is None else strata
    layers = (codes == np.unique(codes)[:, np.newaxis]).astype(np.float64)
    contrasts = {
        name: _make_contrast(k, n, members, layers, minimum_count, is_clustered)
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


def flag_by_holm(figures: Sequence[dict[str, Any]], limit: float) -> None:
    """Mark what is significant after Holm's correction.

    Parameters
    ----------
    figures : sequence of dict
        Each with its `p_value`; their `flagged` is set.
    limit : float
        The chance of one false flag or more, where nothing differs.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
    Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> figures = [{"p_value": 0.04}, {"p_value": 0.001}]
    >>> flag_by_holm(figures, 0.05)
    >>> [figure["flagged"] for figure in figures]
    [True, True]
    """
    is_open = True
    ranked = sorted(figures, key=lambda figure: float(figure["p_value"]))
    for place, figure in enumerate(ranked):
        is_open = is_open and figure["p_value"] <= limit / (len(ranked) - place)
        figure["flagged"] = is_open


def _make_contrast(
    successes: Counts,
    trials: Counts,
    members: Counts,
    strata: Array,
    minimum_count: int,
    is_clustered: bool,
) -> _Contrast:
    """Return a contrast with the groups marked of which nothing can be said."""
    n = members @ trials
    rest = trials.sum(axis=0) - n
    contrast = _Contrast(successes, trials, members, strata, [None] * len(members))
    few = np.minimum(n.sum(axis=1), rest.sum(axis=1)) < minimum_count
    few |= contrast.information < minimum_count / 2
    if is_clustered:
        n_clusters = np.minimum((n > 0).sum(axis=1), (rest > 0).sum(axis=1))
        few |= n_clusters < MINIMUM_CLUSTERS
    is_constant = not (contrast.rates * (1 - contrast.rates)).any()
    reason = [TOO_FEW if bad else NO_VARIATION if is_constant else None for bad in few]
    return replace(contrast, reason=reason)


def _bootstrap(contrast: _Contrast, signs: Array) -> tuple[Array, Array, Array]:
    """Return statistics, standard errors and resampled statistics of the tested groups."""
    tested, strata = contrast.tested, contrast.strata
    members, shares = contrast.members[tested], contrast.shares[:, tested]
    k, n, sizes = contrast.successes, contrast.trials, contrast.sizes
    n_clusters = n.shape[1]
    residuals = k - (contrast.rates @ strata)[:, np.newaxis] * n
    by_stratum = strata @ residuals
    inside = np.stack([members @ (layer[:, np.newaxis] * n) for layer in strata])
    everyone = (strata @ n)[:, np.newaxis]
    scores = members @ residuals - shares.T @ by_stratum
    weights = inside - shares[:, :, np.newaxis] * everyone
    own = (scores**2).sum(axis=1)
    pooled = _exchangeable_variance(contrast, by_stratum.sum(axis=0), weights.sum(axis=0))
    shifts = _divide(signs @ by_stratum.T, sizes)
    drawn = np.tile(own, (len(signs), 1))
    for place, shift in enumerate(shifts.T):
        drawn -= 2 * shift[:, np.newaxis] * (signs @ (scores * weights[place]).T)
        for other, second in enumerate(shifts.T):
            product = (weights[place] * weights[other]).sum(axis=1)
            drawn += (shift * second)[:, np.newaxis] * product
    observed = _divide(scores.sum(axis=1), np.sqrt((own + pooled) / 2))
    draws = _divide(signs @ scores.T, np.sqrt((np.maximum(drawn, 0.0) + pooled) / 2))
    share = shares[:, :, np.newaxis]
    slopes = ((1 - share) ** 2 * inside + share**2 * (everyone - inside)).sum(axis=0)
    free = scores - contrast.difference[tested][:, np.newaxis] * slopes
    variance = np.maximum((own + pooled) / 2, (free**2).sum(axis=1))
    error = np.sqrt(variance * n_clusters / max(n_clusters - 1, 1))
    return observed, _divide(error, contrast.information[tested]), draws


def _exchangeable_variance(contrast: _Contrast, residuals: Array, weights: Array) -> Array:
    """Return the scores' variance if pupils of one cluster are all equally alike."""
    clusters = contrast.trials.sum(axis=0)
    total = max(clusters.sum(), 1.0)
    sizes, shares = contrast.sizes, contrast.shares[:, contrast.tested]
    binomial = contrast.rates * (1 - contrast.rates)
    mean = float(sizes @ binomial) / total
    pairs = (clusters * (clusters - 1)).sum()
    excess = float(_divide((residuals**2).sum() - mean * total, mean * pairs))
    correlation = min(max(excess, 0.0), 1.0)
    alone = (1 - correlation) * ((sizes * binomial) @ (shares * (1 - shares)))
    variance: Array = alone + correlation * mean * (weights**2).sum(axis=1)
    return variance


def _permute(
    contrast: _Contrast, n_resamples: int, generator: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return statistics, standard errors and permuted statistics of the tested groups."""
    members, shares = contrast.members[contrast.tested], contrast.shares[:, contrast.tested]
    k, n = contrast.successes.sum(axis=1), contrast.trials.sum(axis=1)
    sizes, rates = contrast.sizes, contrast.rates
    pairs = sizes[:, np.newaxis] * shares * (1 - shares)
    information = pairs.sum(axis=0)
    error = _divide(np.sqrt((rates * (1 - rates)) @ pairs), information)
    drawn = np.zeros((n_resamples, len(n)))
    for layer in contrast.strata:
        drawn += generator.multivariate_hypergeometric(
            (layer * n).astype(np.int64), int(layer @ k), size=n_resamples, method="marginals"
        )
    expected = (sizes * rates) @ shares

    def standardise(counts: Array) -> Array:
        """Return each group's difference in standard errors."""
        return _divide(_divide(counts - expected, information), error)

    cases, inside = (np.stack([members @ (layer * part) for layer in contrast.strata])
                     for part in (k, n))  # fmt: skip
    rest = (sizes * rates)[:, np.newaxis] - cases, sizes[:, np.newaxis] - inside
    free = sum(
        _divide((top + 1) * (size - top + 1), (size + 2) ** 3)
        for top, size in ((cases, inside), rest)
    )
    spread = np.sqrt(_divide((pairs**2 * free).sum(axis=0), information**2))
    return standardise(members @ k), np.maximum(error, spread), standardise(drawn @ members.T)


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
