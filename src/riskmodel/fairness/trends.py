"""The same audit for every cohort: whether a group's gap has changed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from riskmodel.fairness.comparisons import TOO_FEW, flag_by_holm
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS, find_limits, measure_gap
from riskmodel.fairness.measures import RATES
from riskmodel.fairness.small_groups import iterate_attributes
from riskmodel.privacy.disclosure import SUPPRESSED

Array = npt.NDArray[np.float64]

METHOD = "difference of independent cohorts, cluster-robust, t; Holm over all changes"


def describe_trends(contexts: Mapping[str, AuditContext]) -> dict[str, Any]:
    """Return how each group's gaps have changed from cohort to cohort.

    Parameters
    ----------
    contexts : mapping of str to AuditContext
        The same audit by cohort, in order of time.

    Returns
    -------
    dict
        The `reason` with fewer than two cohorts; else `cohorts`, `method` and, for each
        attribute, its `name` and `groups`. Each group has for every compared rate the `gaps`
        to all others by cohort (value, lower, upper, or the reason) and the `changes` from
        one cohort to the next (value, lower, upper, p_value, and `flagged` after Holm's
        correction over all groups, rates and cohorts; None where it cannot be said).

    Notes
    -----
    Cohorts are of different pupils and are taken as independent. Their groups must be
    hidden alike in all cohorts, else one would follow from the others.
    """
    names = list(contexts)
    if len(names) < 2:
        return {"reason": "one_cohort"}
    first = contexts[names[0]]
    attributes: list[dict[str, Any]] = []
    for grouping, numbers in iterate_attributes(first):
        groups = [
            {"group": label, **{
                name: _describe_group(contexts, name, int(at)) for name in first.spec.compared
            }}
            for label, at in zip(grouping.labels, numbers, strict=True)
        ]  # fmt: skip
        attributes.append({"name": grouping.name, "groups": groups})
    changes = [
        change
        for attribute in attributes
        for group in attribute["groups"]
        for name in first.spec.compared
        for change in group[name]["changes"]
        if change.get("p_value") is not None
    ]
    flag_by_holm(changes, 1 - first.spec.level)
    return {"cohorts": names, "method": METHOD, "attributes": attributes}


def _describe_group(contexts: Mapping[str, AuditContext], name: str, at: int) -> dict[str, Any]:
    """Return one group's gaps and their changes."""
    measured = [_measure(context, name, at) for context in contexts.values()]
    level = next(iter(contexts.values())).spec.level
    gaps = [_show_gap(found, level) for found in measured]
    changes: list[dict[str, Any]] = []
    for before, after in pairwise(measured):
        if isinstance(before, str) or isinstance(after, str):
            reason = before if isinstance(before, str) else str(after)
            changes.append({"value": None, "flagged": None, "reason": reason})
            continue
        value, variance = after[0] - before[0], after[1] + before[1]
        freedom = min(before[2], after[2])
        lower, upper = find_limits(value, variance, freedom, level)
        p_value = 2 * float(stats.t.sf(abs(value) / np.sqrt(variance), freedom))
        changes.append({"value": value, "lower": lower, "upper": upper,
                        "p_value": p_value, "flagged": None, "reason": None})  # fmt: skip
    return {"gaps": gaps, "changes": changes}


def _measure(context: AuditContext, name: str, at: int) -> tuple[float, float, float] | str:
    """Return a gap, its variance and degrees of freedom, or the reason why there is none."""
    rate = RATES[name]
    if context.hidden[rate.needs][at] or context.hidden[rate.needs][0]:
        return SUPPRESSED
    successes, trials = rate.count(context.cells[[at, 0]])
    successes[1] -= successes[0]
    trials[1] -= trials[0]
    if trials.sum(axis=1).min() < context.spec.minimum_count:
        return TOO_FEW
    freedom = np.inf
    if context.is_clustered:
        n_clusters = (trials > 0).sum(axis=1).min()
        if n_clusters < MINIMUM_CLUSTERS:
            return TOO_FEW
        freedom = float(n_clusters - 1)
    return *measure_gap(successes, trials, is_clustered=context.is_clustered), freedom


def _show_gap(found: tuple[float, float, float] | str, level: float) -> dict[str, Any]:
    """Return a gap with its own interval."""
    if isinstance(found, str):
        return {"value": None, "reason": found}
    value, variance, freedom = found
    lower, upper = find_limits(value, variance, freedom, level)
    return {"value": value, "lower": lower, "upper": upper}
