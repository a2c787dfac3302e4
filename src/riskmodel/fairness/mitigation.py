"""What could be done about a gap with the same number of places, and what it would cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from riskmodel.core.randomness import make_generator
from riskmodel.fairness.calibration import find_units
from riskmodel.fairness.comparisons import TOO_FEW
from riskmodel.fairness.context import AuditContext, AuditedRows
from riskmodel.fairness.groups import Counts, Grouping, count_cells, find_cells
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS, ratio_variance
from riskmodel.fairness.measures import RATES
from riskmodel.fairness.small_groups import iterate_attributes
from riskmodel.privacy.disclosure import SUPPRESSED

Bools = npt.NDArray[np.bool_]

POLICIES = ("equal_recall", "equal_false_alarms", "level_up")
"""Ways to choose pupils: the same recall in all groups, the same false positive rate, or
today's list with places added until each group's recall reaches that of all pupils."""

_SHOWN = ("miss_rate", "false_positive_rate")
_OVERALL = ("recall", "precision", "false_positive_rate")


def rank_within_groups(
    risk: Counts, codes: npt.NDArray[np.int64], reference: Bools, *, minimum_count: int
) -> Counts:
    """Return for each pupil which share of the group's reference pupils has at least its risk.

    Parameters
    ----------
    risk : numpy.ndarray of float, shape (n,)
        In [0, 1].
    codes : numpy.ndarray of int, shape (n,)
        Each pupil's group.
    reference : numpy.ndarray of bool, shape (n,)
        The pupils whom shares are of, such as those with the outcome in other schools.
    minimum_count : int
        A group with fewer reference pupils is ranked among those of all groups.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        In [0, 1]. Flagging all up to the same value gives every group the same share of its
        reference pupils: the same recall, if these have the outcome.
    """
    everyone = np.sort(risk[reference])
    found = np.empty(len(risk))
    for code in np.unique(codes):
        own = codes == code
        pool = np.sort(risk[reference & own])
        if len(pool) < minimum_count:
            pool = everyone
        below = np.searchsorted(pool, risk[own], side="left")
        found[own] = 1 - below / max(len(pool), 1)
    return found


def choose_pupils(rows: AuditedRows, codes: npt.NDArray[np.int64], policy: str,
                  halves: Bools, *, minimum_count: int) -> Bools:  # fmt: skip
    """Return whom a policy would flag, its thresholds taken from the other half.

    Parameters
    ----------
    rows : AuditedRows
        The pupils and who of them is flagged today.
    codes : numpy.ndarray of int, shape (n,)
        Each pupil's group.
    policy : str
        One of `POLICIES`.
    halves : numpy.ndarray of bool, shape (n,)
        Two parts of the pupils: each is flagged by what the other one says.
    minimum_count : int
        The fewest pupils that a group's own threshold rests on.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        As many as today in each half, save where places are added. No chance is involved;
        ties go by risk, then by the order of the rows.
    """
    flagged = rows.is_flagged.copy()
    kind = 0.0 if policy == "equal_false_alarms" else 1.0
    target = rows.is_flagged[rows.y_true == 1].mean() if (rows.y_true == 1).any() else 0.0
    for half in (halves, ~halves):
        reference = ~half & (rows.y_true == kind)
        place = rank_within_groups(rows.risk, codes, reference, minimum_count=minimum_count)
        if policy == "level_up":
            flagged |= half & (place <= target)
            continue
        inside = np.flatnonzero(half)
        order = inside[np.lexsort((-rows.risk[inside], place[inside]))]
        flagged[inside] = False
        flagged[order[: int(rows.is_flagged[inside].sum())]] = True
    return flagged


def describe_mitigation(context: AuditContext) -> dict[str, Any]:
    """Return what other ways to choose would change, by attribute and policy.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        The `reason` where schools are too few to hold some out; else
        `requires_legal_review` (true: thresholds that depend on a group are for a lawyer to
        judge) and, for each single attribute, its `name` and `policies`. Each policy has
        `places` (more than today), `entering` and `leaving`, the change `overall` in recall,
        precision and false positive rate with limits, and for each group its `miss_rate` and
        `false_positive_rate` today and then.

    Notes
    -----
    Each half of the schools is flagged by thresholds from the other, so that what is shown
    is not fitted to the same pupils. A group's figures are hidden where one of its cells
    changes by a small number, and a second group's with it, as one alone would follow.

    References
    ----------
    Delaney, E. et al. (2024). OxonFair: a flexible toolkit for algorithmic fairness. NeurIPS.
    Hardt, M., Price, E. and Srebro, N. (2016). Equality of opportunity in supervised
    learning. NeurIPS.
    """
    units = find_units(context)
    n_units = int(units.max()) + 1
    if n_units < 2 * MINIMUM_CLUSTERS:
        return {"reason": TOO_FEW}
    # The halves are the same for every seed: the choice of pupils must not depend on chance.
    halves = (make_generator(0, "fairness", "halves").permutation(n_units) < n_units // 2)[units]
    attributes = [
        {
            "name": grouping.name,
            "policies": {
                policy: _describe_policy(context, grouping, numbers, policy, halves, units)
                for policy in POLICIES
            },
        }
        for grouping, numbers in iterate_attributes(context)
        if len(grouping.features) == 1
    ]
    return {"requires_legal_review": True, "attributes": attributes}


def _describe_policy(
    context: AuditContext,
    grouping: Grouping,
    numbers: npt.NDArray[np.int64],
    policy: str,
    halves: Bools,
    units: npt.NDArray[np.int64],
) -> dict[str, Any]:
    """Return what one policy would change."""
    flagged = choose_pupils(
        context.rows, grouping.codes, policy, halves, minimum_count=context.spec.minimum_count
    )
    return describe_change(context, grouping, context.hidden["inner"][numbers], flagged, units)


def describe_change(
    context: AuditContext,
    grouping: Grouping,
    hidden: Bools,
    flagged: Bools,
    units: npt.NDArray[np.int64],
) -> dict[str, Any]:
    """Return what another list would change, as far as it may be shown.

    Parameters
    ----------
    context : AuditContext
        The audit, with today's list.
    grouping : Grouping
        The groups.
    hidden : numpy.ndarray of bool, shape (n_groups,)
        Those whose cells are not shown today.
    flagged : numpy.ndarray of bool, shape (n,)
        Who would be listed.
    units : numpy.ndarray of int, shape (n,)
        Each pupil's cluster, or independent part.

    Returns
    -------
    dict
        `places`, `entering`, `leaving`, `overall` and `groups`, or the `reason`.
    """
    rows, minimum = context.rows, context.spec.minimum_count
    n_units = int(units.max()) + 1

    def count(chosen: Bools) -> Counts:
        """Return cells by group and unit."""
        cells = find_cells(rows.y_true, chosen)
        return count_cells(grouping.codes, len(grouping.values), units, n_units, cells)

    today, then = count(rows.is_flagged), count(flagged)
    entering = int((flagged & ~rows.is_flagged).sum())
    leaving = int((rows.is_flagged & ~flagged).sum())
    changes = np.abs(then - today).sum(axis=1)  # moves of single pupils, not their balance
    masked = _hide(changes, hidden, minimum)
    moved = np.array([entering, leaving, *changes.sum(axis=0)])
    if _is_small(moved, minimum) or context.hidden["inner"][0]:
        return {"reason": SUPPRESSED}
    return {
        "places": entering - leaving,
        "entering": entering,
        "leaving": leaving,
        "overall": {
            name: _change(name, today.sum(axis=0), then.sum(axis=0), context.spec.level)
            for name in _OVERALL
        },
        "groups": [
            {"group": label, **_describe_group(today[at], then[at], bool(masked[at]))}
            for at, label in enumerate(grouping.labels)
        ],
    }


def _is_small(counts: Counts | npt.NDArray[np.int64], minimum: int) -> bool:
    """Tell whether one of some counts may not be shown."""
    return bool(((counts > 0) & (counts < minimum)).any())


def _hide(changes: Counts, hidden: Bools, minimum: int) -> Bools:
    """Return which groups may not be shown: one alone would follow from the others."""
    masked: Bools = hidden | np.array([_is_small(change, minimum) for change in changes])
    if masked.sum() == 1 and len(masked) > 1:
        totals = np.where(masked, np.inf, changes.sum(axis=1))
        masked[int(np.argmin(totals))] = True
    return masked


def _describe_group(today: Counts, then: Counts, is_hidden: bool) -> dict[str, Any]:
    """Return a group's rates today and then."""
    if is_hidden:
        return {"reason": SUPPRESSED}
    rates: dict[str, Any] = {}
    for name in _SHOWN:
        values = [_divide(*RATES[name].count(cells.sum(axis=0))) for cells in (today, then)]
        rates[name] = {"today": values[0], "then": values[1]}
    return rates


def _divide(top: Any, bottom: Any) -> float | None:
    """Return a share, None of nobody."""
    return float(top / bottom) if bottom > 0 else None


def _change(name: str, today: Counts, then: Counts, level: float) -> dict[str, float | None]:
    """Return how an overall rate would change, paired on the same pupils, with limits."""
    count: Callable[[Counts], tuple[Counts, Counts]] = RATES[name].count
    (k_today, n_today), (k_then, n_then) = count(today), count(then)
    if n_today.sum() == 0 or n_then.sum() == 0:
        return {"value": None, "lower": None, "upper": None}
    rate_today, rate_then = k_today.sum() / n_today.sum(), k_then.sum() / n_then.sum()
    # Each unit's influence on the difference of the two ratios, as one ratio over units.
    influence = (k_then - rate_then * n_then) / n_then.sum() - (
        k_today - rate_today * n_today
    ) / n_today.sum()
    n_units = len(influence)
    variance = float(ratio_variance(influence[np.newaxis], np.ones((1, n_units)))[0]) * n_units**2
    half = float(stats.t.ppf((1 + level) / 2, n_units - 1)) * float(np.sqrt(variance))
    value = float(rate_then - rate_today)
    return {"value": value, "lower": value - half, "upper": value + half}
