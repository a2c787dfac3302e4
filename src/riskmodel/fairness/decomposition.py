"""Where a gap arises: between schools, or between pupils of the same school."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from riskmodel.evaluation.sample import MINIMUM_CLUSTERS
from riskmodel.fairness.comparisons import NO_VARIATION, TOO_FEW
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import Counts
from riskmodel.fairness.measures import RATES
from riskmodel.fairness.small_groups import iterate_attributes
from riskmodel.privacy.disclosure import SUPPRESSED

Array = npt.NDArray[np.float64]

DECOMPOSED = ("base_rate", "selection_rate", "miss_rate", "false_positive_rate")
"""The rates whose gaps are taken apart."""

METHOD = "delete-one-school jackknife"


@dataclass(frozen=True)
class Parts:
    """A group's rate less that of all others, in two parts that add up to it.

    Parameters
    ----------
    gap : numpy.ndarray of float, shape (...)
        The whole.
    between : numpy.ndarray of float, shape (...)
        What would remain if in every school the group had the same rate as all its pupils.
    within : numpy.ndarray of float, shape (...)
        What arises between pupils of the same school.
    """

    gap: Array
    between: Array
    within: Array


def split_gap(successes: Counts, trials: Counts, own: Counts, own_trials: Counts) -> Parts:
    """Split gaps into a part between and a part within schools.

    Parameters
    ----------
    successes, trials : numpy.ndarray of float, shape (..., n_schools)
        Counts of all pupils.
    own, own_trials : numpy.ndarray of float, shape (..., n_schools)
        Counts of the group.

    Returns
    -------
    Parts
        NaN where the group, or its rest, has nobody.

    Notes
    -----
    With the share w of the group's pupils (v of all others') in school s, and the school's
    rate r: between = sum of (w - v) r, and within is the sum of w (own - r) less that of
    v (others - r). Their sum is the gap, exactly.

    References
    ----------
    Kitagawa, E. M. (1955). Components of a difference between two rates. Journal of the
    American Statistical Association 50, 1168-1194.

    Examples
    --------
    >>> k, n = np.array([8.0, 2.0]), np.array([10.0, 10.0])
    >>> parts = split_gap(k, n, np.array([8.0, 0.0]), np.array([10.0, 0.0]))
    >>> round(float(parts.between), 9), round(float(parts.within), 9)
    (0.6, 0.0)
    """
    rest, rest_trials = successes - own, trials - own_trials
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = own.sum(axis=-1) / own_trials.sum(axis=-1) - rest.sum(axis=-1) / rest_trials.sum(
            axis=-1
        )
        rate = np.where(trials > 0, successes / np.maximum(trials, 1), 0.0)
        share = own_trials / own_trials.sum(axis=-1, keepdims=True)
        other = rest_trials / rest_trials.sum(axis=-1, keepdims=True)
    between = ((share - other) * rate).sum(axis=-1)
    return Parts(gap, between, gap - between)


def describe_decomposition(context: AuditContext) -> dict[str, Any]:
    """Return for each group how much of its gaps lies between and within schools.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        The `reason` without schools, or with fewer than 6; else `method` and, for each single
        attribute, its `name` and `groups`, each with the `gap`, `between` and `within` of the
        rates of `DECOMPOSED` (value, lower, upper), or the `reason`.
    """
    if not context.is_clustered or context.rows.n_clusters < MINIMUM_CLUSTERS:
        return {"reason": "no_schools" if not context.is_clustered else TOO_FEW}
    attributes = []
    for grouping, numbers in iterate_attributes(context):
        if len(grouping.features) > 1:
            continue
        groups = [
            {"group": label, **{name: _describe(context, name, int(at)) for name in DECOMPOSED}}
            for label, at in zip(grouping.labels, numbers, strict=True)
        ]
        attributes.append({"name": grouping.name, "groups": groups})
    return {"method": METHOD, "attributes": attributes}


def _describe(context: AuditContext, name: str, at: int) -> dict[str, Any]:
    """Return the parts of one group's gap in one rate."""
    rate = RATES[name]
    successes, trials = rate.count(context.cells[[0, at]])
    if context.hidden[rate.needs][at] or context.hidden[rate.needs][0]:
        return {"reason": SUPPRESSED}
    sizes = trials[1].sum(), trials[0].sum() - trials[1].sum()
    if min(sizes) < context.spec.minimum_count or (trials[1] > 0).sum() < MINIMUM_CLUSTERS:
        return {"reason": TOO_FEW}
    if successes[0].sum() in (0, trials[0].sum()):
        return {"reason": NO_VARIATION}
    found = split_gap(successes[0], trials[0], successes[1], trials[1])
    keep = 1 - np.eye(trials.shape[1])
    without = split_gap(
        successes[0] * keep, trials[0] * keep, successes[1] * keep, trials[1] * keep
    )
    return {
        part: _make_figure(getattr(found, part), getattr(without, part), context.spec.level)
        for part in ("gap", "between", "within")
    }


def _make_figure(value: Array, without: Array, level: float) -> dict[str, float | None]:
    """Return a value with its jackknife interval."""
    n = len(without)
    error = float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    is_known = not np.isnan(half)
    return {
        "value": float(value),
        "lower": float(value) - half if is_known else None,
        "upper": float(value) + half if is_known else None,
    }
