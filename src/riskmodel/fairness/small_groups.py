"""Small groups: what can be said of each when it borrows strength from all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import betaln

from riskmodel.fairness.comparisons import TOO_FEW
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import Counts
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS, find_design_effect
from riskmodel.fairness.measures import RATES
from riskmodel.privacy.disclosure import SUPPRESSED

Array = npt.NDArray[np.float64]

SHRUNKEN = ("base_rate", "selection_rate", "miss_rate", "false_positive_rate")
"""The rates that are shrunken."""

SHOWN = "shown"

METHOD = "beta-binomial empirical Bayes, hyperparameters integrated"
_MEANS = np.linspace(0.005, 0.995, 100)
_SPREADS = np.linspace(0.02, 0.98, 49)
"""Prior standard deviations as shares of the largest possible one, all equally likely."""

_GAP, _POWER = 0.15, 0.8


@dataclass(frozen=True)
class Shrunken:
    """Rates of groups, drawn towards what groups have in common.

    Parameters
    ----------
    value, lower, upper : numpy.ndarray of float, shape (n_groups,)
        Posterior mean and equal-tailed limits in [0, 1].
    """

    value: Array
    lower: Array
    upper: Array


def shrink_rates(successes: Array, trials: Array, level: float = 0.95) -> Shrunken:
    """Shrink the rates of groups towards their common distribution.

    Parameters
    ----------
    successes, trials : numpy.ndarray of float, shape (n_groups,)
        Counts; they need not be whole (effective numbers of pupils). A group without trials
        gets what is expected of a further group.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    Shrunken
        Means and limits under a beta distribution of the groups' true rates whose mean and
        spread are integrated out over a grid (flat in both), so that what is not known of
        them widens the intervals. The limits are those of a beta distribution with the
        posterior's mean and variance.

    References
    ----------
    Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., section 5.3. CRC Press.
    Herlihy, C. et al. (2024). A structured regression approach for evaluating model
    performance across intersectional subgroups. FAccT '24.

    Examples
    --------
    >>> found = shrink_rates(np.array([5.0, 40.0, 38.0]), np.array([5.0, 200.0, 200.0]))
    >>> bool(found.value[0] < 0.9)
    True
    """
    mean, spread = (grid.ravel() for grid in np.meshgrid(_MEANS, _SPREADS, indexing="ij"))
    size = 1 / spread**2 - 1  # of a beta distribution with this share of the largest spread
    a, b = mean * size, (1 - mean) * size
    k, rest = successes[:, np.newaxis], (trials - successes)[:, np.newaxis]
    fit = (betaln(a + k, b + rest) - betaln(a, b)).sum(axis=0)
    weight = np.exp(fit - fit.max())
    kept = weight > weight.max() * 1e-8
    a, b, weight = a[kept], b[kept], weight[kept] / weight[kept].sum()
    total = a + b + trials[:, np.newaxis]
    centre = (a + k) / total
    value = centre @ weight
    second = (centre * (a + k + 1) / (total + 1)) @ weight
    variance = np.maximum(second - value**2, 1e-12)
    known = np.maximum(value * (1 - value) / variance - 1, 1e-6)
    tail = (1 - level) / 2
    lower, upper = (stats.beta.ppf(q, value * known, (1 - value) * known) for q in (tail, 1 - tail))
    return Shrunken(value, lower, upper)


def find_needed(rate: float, share: float, effect: float, level: float) -> int:
    """Return how many pupils of a group a comparison would need.

    Parameters
    ----------
    rate : float
        The rate of all groups together, in (0, 1).
    share : float
        The group's share of the pupils whom the rate is of, in [0, 1).
    effect : float
        By how much clustering inflates variances.
    level : float
        Confidence level of one comparison.

    Returns
    -------
    int
        Pupils in the rate's denominator with whom a true gap of 15 points to all others is
        found in 8 of 10 samples: the normal approximation for two rates with the variance of
        the common one.

    Examples
    --------
    >>> find_needed(0.5, 0.0, 1.0, 0.95)
    88
    """
    quantiles = stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(_POWER)
    needed = effect * rate * (1 - rate) * (quantiles / _GAP) ** 2 / (1 - share)
    return int(np.ceil(needed))


def find_needed_counts(context: AuditContext, name: str) -> npt.NDArray[np.int64]:
    """Return how many pupils of each group a comparison of a rate would need.

    Parameters
    ----------
    context : AuditContext
        The audit.
    name : str
        One of `measures.RATES`.

    Returns
    -------
    numpy.ndarray of int, shape (n_groups,)
        Of every group of the lattice, in the rate's denominator, rounded up to two figures;
        0 where more pupils alone would not do: the group is in too few schools, or the rate
        of all pupils is 0, 1, undefined or may not be shown. A group that may not be shown is
        counted as one of no size, so that nothing follows on it.
    """
    spec = context.spec
    successes, trials, effect = count_effective(context, name)
    hidden = context.hidden[RATES[name].needs]
    if hidden[0] or not 0 < successes[0] < trials[0]:
        return np.zeros(len(trials), dtype=np.int64)
    rate = float(successes[0] / trials[0])
    n_compared = len(spec.compared) * max(len(trials) - 1, 1)
    level = 1 - (1 - spec.level) / n_compared
    shares = np.where(hidden, 0.0, np.minimum(trials / trials[0], 0.99))
    needed = [_round_up(find_needed(rate, float(share), effect, level)) for share in shares]
    return np.where(_are_in_few_schools(context, name), 0, np.array(needed, dtype=np.int64))


def _are_in_few_schools(context: AuditContext, name: str) -> npt.NDArray[np.bool_]:
    """Return of which groups the rate is of pupils in too few schools."""
    clusters = (RATES[name].count(context.cells)[1] > 0).sum(axis=1)
    return np.asarray(context.is_clustered & (clusters < MINIMUM_CLUSTERS))


def describe_small_groups(context: AuditContext) -> dict[str, Any]:
    """Return raw and shrunken rates side by side, and what is too few to say.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        `method`, and for each attribute its `name` and `groups`; each group has for every
        rate of `SHRUNKEN` its `state` (``shown``, ``too_few`` or ``suppressed``), the
        `shrunken` figure, and `n_needed` where there are too few.

    Notes
    -----
    Only groups that may be shown are shrunken, and only from one another, so that nothing
    follows on the others. Where pupils stand in schools, their number is divided by the
    design effect of all pupils.
    """
    attributes = []
    for grouping, numbers in iterate_attributes(context):
        entries: list[dict[str, Any]] = [{"group": label} for label in grouping.labels]
        for name in SHRUNKEN:
            for entry, figure in zip(entries, _describe_rate(context, name, numbers), strict=True):
                entry[name] = figure
        attributes.append({"name": grouping.name, "groups": entries})
    return {"method": METHOD, "attributes": attributes}


def iterate_attributes(context: AuditContext) -> Iterator[tuple[Any, npt.NDArray[np.int64]]]:
    """Give every grouping with the places of its groups in the lattice.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Yields
    ------
    tuple of Grouping and numpy.ndarray of int
        In the order of the audit.
    """
    start = 1
    for grouping in context.rows.groupings:
        yield grouping, start + np.arange(len(grouping.values))
        start += len(grouping.values)


def count_effective(context: AuditContext, name: str) -> tuple[Counts, Counts, float]:
    """Return a rate's counts by group, and the design effect of all pupils.

    Parameters
    ----------
    context : AuditContext
        The audit.
    name : str
        One of `measures.RATES`.

    Returns
    -------
    successes, trials : numpy.ndarray of float, shape (n_groups,)
        Of every group of the lattice.
    effect : float
        At least 1; 1 where pupils are independent.
    """
    successes, trials = RATES[name].count(context.cells)
    enough = context.is_clustered and int((trials[0] > 0).sum()) >= MINIMUM_CLUSTERS
    effect = find_design_effect(successes[0], trials[0]) if enough else 1.0
    return successes.sum(axis=1), trials.sum(axis=1), effect


def _describe_rate(
    context: AuditContext, name: str, numbers: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Return one rate of the groups of one attribute."""
    spec = context.spec
    successes, trials, effect = count_effective(context, name)
    hidden = context.hidden[RATES[name].needs][numbers]
    k, n = successes[numbers], trials[numbers]
    shown = ~hidden & (n > 0)
    found = shrink_rates(k[shown] / effect, n[shown] / effect, spec.level) if shown.any() else None
    place = iter(range(int(shown.sum())))
    every = find_needed_counts(context, name)
    few_schools = _are_in_few_schools(context, name)[numbers]
    described = []
    for number in range(len(numbers)):
        if not shown[number] or found is None:
            reason = SUPPRESSED if hidden[number] else RATES[name].undefined
            figure: dict[str, Any] = {"state": SUPPRESSED if hidden[number] else TOO_FEW}
            described.append(figure | {"shrunken": {"value": None, "reason": reason}})
            continue
        at = next(place)
        needed = int(every[numbers[number]])
        is_few = bool(n[number] < min(needed, trials[0] / 2)) or bool(few_schools[number])
        figure = {
            "state": TOO_FEW if is_few else SHOWN,
            "shrunken": {
                "value": float(found.value[at]),
                "lower": float(found.lower[at]),
                "upper": float(found.upper[at]),
                "method": METHOD,
            },
        }
        described.append(figure | ({"n_needed": needed} if is_few and needed else {}))
    return described


def _round_up(number: int) -> int:
    """Return a number rounded up to two figures: it is an approximation."""
    step = int(10 ** max(len(str(number)) - 2, 0))
    return -(-number // step) * step
