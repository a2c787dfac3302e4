"""What each step from today's list towards equal recall would cost, and what it would gain."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import CELLS, Counts, Grouping
from riskmodel.fairness.intervals import find_limits, measure_gap
from riskmodel.fairness.list_changes import (
    Bools,
    count_list,
    describe_overall,
    find_changes,
    has_small,
)
from riskmodel.fairness.measures import RATES
from riskmodel.fairness.policies import choose_pupils
from riskmodel.privacy.disclosure import SUPPRESSED

STEPS = (0.25, 0.5, 0.75, 1.0)
"""How far from today's list, 0, towards the same recall in every group, 1."""

_PAIR = (("others",), ("group",))


def describe_frontier(
    context: AuditContext,
    grouping: Grouping,
    hidden: Bools,
    halves: Bools,
    units: npt.NDArray[np.int64],
) -> dict[str, Any]:
    """Return the steps between today's list and the same recall in every group.

    Parameters
    ----------
    context : AuditContext
        The audit, with today's list.
    grouping : Grouping
        The groups.
    hidden : numpy.ndarray of bool, shape (n_groups,)
        Those whose cells are not shown today.
    halves : numpy.ndarray of bool, shape (n,)
        Two parts of the pupils: each is flagged by what the other one says.
    units : numpy.ndarray of int, shape (n,)
        Each pupil's cluster, or independent part.

    Returns
    -------
    dict
        The `reason` where no group can be named; else the `group` that is reached least
        today, its `gap` today, and `steps`: each with its `step` in (0, 1] and the `reason`,
        or `places`, `entering`, `leaving`, the change `overall` and the `gap` then. A gap is
        the group's recall less that of all other pupils, with limits.

    Notes
    -----
    Each pupil's place is a weighted mean of the place among all pupils and that within the
    group, so that the number of places is today's at every step. A step is left out where a
    count that follows by taking it from the last one shown, or from today's list, is small.

    References
    ----------
    Corbett-Davies, S. et al. (2017). Algorithmic decision making and the cost of fairness.
    KDD, 797-806.
    """
    minimum = context.spec.minimum_count
    worst = _find_least_reached(context, grouping, hidden)
    if worst is None:
        return {"reason": SUPPRESSED}
    inside = (grouping.codes == worst).astype(np.int64)
    pair = Grouping(grouping.features, _PAIR, inside)
    today = count_list(context, pair, context.rows.is_flagged, units)
    last, steps = today, []
    for step in STEPS:
        flagged = choose_pupils(
            context.rows, grouping.codes, "equal_recall", halves, minimum_count=minimum, step=step
        )
        then = count_list(context, pair, flagged, units)
        described: dict[str, Any] = {"reason": SUPPRESSED}
        if not any(_tells_too_much(before, then, minimum) for before in (today, last)):
            described = describe_overall(context, today, then, flagged)
        if "reason" not in described:
            described |= {"gap": _measure_gap(then, context.spec.level)}
            last = then
        steps.append({"step": step, **described})
    gap = _measure_gap(today, context.spec.level)
    return {"group": grouping.labels[worst], "gap": gap, "steps": steps}


def _tells_too_much(before: Counts, after: Counts, minimum: int) -> bool:
    """Tell whether small counts follow from two lists' gaps and overall rates."""
    changes = find_changes(before, after)
    reached = changes[:, CELLS.index("true_positive")]
    return has_small(reached, minimum) or has_small(changes.sum(axis=0), minimum)


def _find_least_reached(context: AuditContext, grouping: Grouping, hidden: Bools) -> int | None:
    """Return the group of enough pupils with the outcome that has the lowest recall today."""
    rows = context.rows
    positive = rows.y_true == 1
    counts = np.bincount(grouping.codes[positive], minlength=len(grouping.values))
    reached = np.bincount(
        grouping.codes[positive & rows.is_flagged], minlength=len(grouping.values)
    )
    enough = ~hidden & (counts >= max(context.spec.minimum_count, 1))
    if enough.sum() < 2:
        return None
    recall = np.where(enough, reached / np.maximum(counts, 1), np.inf)
    return int(np.argmin(recall))


def _measure_gap(cells: Counts, level: float) -> dict[str, float]:
    """Return a group's recall less that of all other pupils, with limits over units."""
    top, bottom = RATES["recall"].count(cells[::-1])
    value, variance = measure_gap(top, bottom, is_clustered=True)
    lower, upper = find_limits(value, variance, top.shape[1] - 1, level)
    return {"value": value, "lower": lower, "upper": upper}
