"""The rates by group over all sizes of the list, from a single ordering of the pupils."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.evaluation.specs import count_places
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import Counts, Grouping
from riskmodel.fairness.intervals import rate_intervals
from riskmodel.fairness.measures import RATES
from riskmodel.fairness.small_groups import iterate_attributes

SWEPT = ("selection_rate", "miss_rate", "false_positive_rate", "precision")
"""The rates that are followed."""

CAPACITIES = tuple(round(0.025 * step, 3) for step in range(1, 21))
"""The shares of pupils on the list, beside that which the audit asks about."""

_DIGITS = 4


def describe_sweep(context: AuditContext) -> dict[str, Any]:
    """Return the rates of each group over sizes of the list.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        For each single attribute its `name` and `points`, by rising `capacity` (the share of
        pupils on the list, with its `threshold`, the lowest risk on it); each point has for
        every group that may be shown the rates of `SWEPT` with pointwise limits, rounded to
        four decimals.

    Notes
    -----
    A point is left out unless, for every shown group, for all hidden ones together and for
    the whole, the pupils with and without the outcome who come onto the list between it and
    its neighbours, from nobody up to everybody, are none or at least the minimum count. So
    neither a point nor the difference of two gives a small count away. The audit's own list
    is a point from which the others are kept or dropped.
    """
    rows = context.rows
    order = np.argsort(-rows.risk, kind="stable")
    attributes = []
    for grouping, numbers in iterate_attributes(context):
        if len(grouping.features) == 1:
            hidden = context.hidden["inner"][numbers]
            points = _describe_attribute(context, grouping, hidden, order)
            attributes.append({"name": grouping.name, "points": points})
    return {"attributes": attributes}


def choose_sizes(listed: Counts, anchor: int, minimum_count: int) -> list[int]:
    """Return at which sizes of the list counts may be shown.

    Parameters
    ----------
    listed : numpy.ndarray of float, shape (n_sizes, n_cells)
        How many of each cell are listed at each size; the first size is nobody, the last one
        everybody.
    anchor : int
        The size that is shown already.
    minimum_count : int
        The least positive number that may come in between two sizes.

    Returns
    -------
    list of int
        Rising places in `listed`, without nobody and everybody.

    Examples
    --------
    >>> choose_sizes(np.array([[0.0], [4.0], [12.0], [14.0], [30.0]]), 2, 10)
    [2]
    """

    def is_safe(first: int, second: int) -> bool:
        """Tell whether nobody or enough come in between."""
        added = np.abs(listed[second] - listed[first])
        return bool(((added == 0) | (added >= minimum_count)).all())

    last = len(listed) - 1
    chosen = [anchor]
    for step, end in ((1, last), (-1, 0)):
        at = anchor
        for place in range(anchor + step, end, step):
            if is_safe(at, place) and is_safe(place, end):
                at = place
                chosen.append(place)
    return sorted(chosen)


def _describe_attribute(
    context: AuditContext,
    grouping: Grouping,
    hidden: npt.NDArray[np.bool_],
    order: npt.NDArray[np.int64],
) -> list[dict[str, Any]]:
    """Return the points of one attribute."""
    rows, spec = context.rows, context.spec
    n, n_flagged = len(order), int(rows.is_flagged.sum())
    if context.hidden["inner"][0] or hidden.all():
        return []
    sizes = sorted({0, n, n_flagged, *(count_places(share, n) for share in CAPACITIES)})
    counts = _count(context, grouping, order, sizes)
    merged = np.concatenate(
        [counts[:, ~hidden], counts[:, hidden].sum(axis=1, keepdims=True),
         counts.sum(axis=1, keepdims=True)], axis=1,
    ).sum(axis=2)  # fmt: skip
    listed = merged.reshape(len(sizes), -1)
    places = choose_sizes(listed, sizes.index(n_flagged), spec.minimum_count)
    total = counts[-1]
    points = []
    for place in places:
        if not 0 < sizes[place] < n:
            continue
        inside, rest = counts[place], total - counts[place]
        # The cells in the order of `groups.CELLS`: listed with, not listed with, and without.
        cells = np.stack([inside[..., 0], rest[..., 0], inside[..., 1], rest[..., 1]], axis=-1)
        points.append(
            {
                "capacity": round(sizes[place] / n, _DIGITS),
                "threshold": round(float(rows.risk[order[sizes[place] - 1]]), _DIGITS),
                "groups": _describe_groups(context, grouping, hidden, cells),
            }
        )
    return points


def _count(
    context: AuditContext, grouping: Grouping, order: npt.NDArray[np.int64], sizes: list[int]
) -> Counts:
    """Return how many are listed at each size, by group, cluster and with or without outcome."""
    rows = context.rows
    shape = (len(grouping.values), rows.n_clusters, 2)
    without = (rows.y_true == 0).astype(np.int64)
    flat = np.ravel_multi_index((grouping.codes, rows.cluster_codes, without), shape)[order]
    size = int(np.prod(shape))
    parts = [
        np.bincount(flat[start:end], minlength=size)
        for start, end in zip([0, *sizes], sizes, strict=False)
    ]
    return np.cumsum(parts, axis=0).reshape(len(sizes), *shape).astype(np.float64)


def _describe_groups(
    context: AuditContext, grouping: Grouping, hidden: npt.NDArray[np.bool_], cells: Counts
) -> list[dict[str, Any]]:
    """Return the rates of the groups that may be shown."""
    found = {
        name: rate_intervals(
            *RATES[name].count(cells), context.spec.level, is_clustered=context.is_clustered
        )
        for name in SWEPT
    }
    groups = []
    for at, label in enumerate(grouping.labels):
        if hidden[at]:
            continue
        entry: dict[str, Any] = {"group": label}
        for name, intervals in found.items():
            value = float(intervals.value[at])
            entry[name] = None if np.isnan(value) else {
                "value": round(value, _DIGITS),
                "lower": round(float(intervals.lower[at]), _DIGITS),
                "upper": round(float(intervals.upper[at]), _DIGITS),
            }  # fmt: skip
        groups.append(entry)
    return groups
