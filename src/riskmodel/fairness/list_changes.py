"""What another list would change for each group, as far as it may be shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import Counts, Grouping, count_cells, find_cells
from riskmodel.fairness.intervals import influence_limits
from riskmodel.fairness.measures import RATES
from riskmodel.privacy.disclosure import SUPPRESSED

Bools = npt.NDArray[np.bool_]

_SHOWN = ("miss_rate", "false_positive_rate")
_OVERALL = ("recall", "precision", "false_positive_rate")


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
    today, then = (count_list(context, grouping, one, units) for one in (rows.is_flagged, flagged))
    changes = find_changes(today, then)
    masked = _hide(changes, hidden, minimum)
    whole = describe_overall(context, today, then, flagged)
    if "reason" in whole:
        return whole
    return whole | {
        "groups": [
            {"group": label, **_describe_group(today[at], then[at], bool(masked[at]))}
            for at, label in enumerate(grouping.labels)
        ],
    }


def describe_overall(
    context: AuditContext, today: Counts, then: Counts, flagged: Bools
) -> dict[str, Any]:
    """Return what another list would change for all pupils together.

    Parameters
    ----------
    context : AuditContext
        The audit, with today's list.
    today, then : numpy.ndarray of float, shape (n_groups, n_units, 4)
        What `count_list` returned for both lists.
    flagged : numpy.ndarray of bool, shape (n,)
        Who would be listed.

    Returns
    -------
    dict
        `places`, `entering`, `leaving` and `overall`, or the `reason`.
    """
    is_flagged = context.rows.is_flagged
    entering = int((flagged & ~is_flagged).sum())
    leaving = int((is_flagged & ~flagged).sum())
    moved = np.array([entering, leaving, *find_changes(today, then).sum(axis=0)])
    if has_small(moved, context.spec.minimum_count) or context.hidden["inner"][0]:
        return {"reason": SUPPRESSED}
    return {
        "places": entering - leaving,
        "entering": entering,
        "leaving": leaving,
        "overall": {
            name: _change(name, today.sum(axis=0), then.sum(axis=0), context.spec.level)
            for name in _OVERALL
        },
    }


def count_list(
    context: AuditContext, grouping: Grouping, flagged: Bools, units: npt.NDArray[np.int64]
) -> Counts:
    """Return the cells of a list by group and unit.

    Parameters
    ----------
    context : AuditContext
        The audit.
    grouping : Grouping
        The groups.
    flagged : numpy.ndarray of bool, shape (n,)
        Who would be listed.
    units : numpy.ndarray of int, shape (n,)
        Each pupil's cluster, or independent part.

    Returns
    -------
    numpy.ndarray of float, shape (n_groups, n_units, 4)
        The last axis as in `groups.CELLS`.
    """
    cells = find_cells(context.rows.y_true, flagged)
    return count_cells(grouping.codes, len(grouping.values), units, int(units.max()) + 1, cells)


def find_changes(before: Counts, after: Counts) -> Counts:
    """Return by how much each cell of each group changes, added up over units.

    Parameters
    ----------
    before, after : numpy.ndarray of float, shape (n_groups, n_units, 4)
        What `count_list` returned.

    Returns
    -------
    numpy.ndarray of float, shape (n_groups, 4)
        Moves within a unit may cancel out, moves in different units do not.
    """
    changes: Counts = np.abs(after - before).sum(axis=1)
    return changes


def has_small(counts: Counts | npt.NDArray[np.int64], minimum: int) -> bool:
    """Tell whether one of some counts may not be shown.

    Parameters
    ----------
    counts : numpy.ndarray
        Of pupils.
    minimum : int
        The smallest that may, beside 0.

    Returns
    -------
    bool
        True if one is from 1 to below the minimum.
    """
    return bool(((counts > 0) & (counts < minimum)).any())


def _hide(changes: Counts, hidden: Bools, minimum: int) -> Bools:
    """Return which groups may not be shown: one alone would follow from the others."""
    masked: Bools = hidden | np.array([has_small(change, minimum) for change in changes])
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
    value = float(rate_then - rate_today)
    lower, upper = influence_limits(value, influence, level)
    return {"value": value, "lower": lower, "upper": upper}
