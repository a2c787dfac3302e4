"""How many labels would have to be wrong before a conclusion on a group turned."""

from __future__ import annotations

from typing import Any

import numpy as np

from riskmodel.fairness.comparisons import TOO_FEW
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import Counts
from riskmodel.fairness.measures import RATES
from riskmodel.fairness.small_groups import iterate_attributes
from riskmodel.privacy.disclosure import SUPPRESSED

EXAMINED = ("miss_rate", "false_positive_rate")
"""The rates whose gaps are examined."""

ERRORS = {
    "missed": (3, 1),
    "false": (1, 3),
}
"""The kinds of wrong labels, as the cells that pupils move from and to: ``missed`` are
pupils who were not flagged and are recorded as having completed though they did not, ``false``
those recorded as not having completed though they did."""

_ROUND_TO = 5


def find_turning_point(cells: Counts, others: Counts, name: str, error: str) -> int | None:
    """Return how many of a group's labels must be wrong before its gap vanishes or turns.

    Parameters
    ----------
    cells, others : numpy.ndarray of float, shape (4,)
        The group's counts of right and wrong flags, and those of all others, as in
        `groups.CELLS`.
    name : str
        One of `EXAMINED`.
    error : str
        One of `ERRORS`. For the false positive rate the pupils who are wrongly labelled are
        flagged ones: false alarms that were right, or hits that were false.

    Returns
    -------
    int or None
        The least number, exact; 0 if there is no gap; None if no number of such errors does,
        or if there is no gap because one side has nobody to count.

    Examples
    --------
    >>> find_turning_point(np.array([30.0, 10, 0, 60]), np.array([50.0, 50, 0, 100]),
    ...                    "miss_rate", "missed")
    20
    """
    source, target = ERRORS[error]
    if name == "false_positive_rate":
        # Flagged pupils: a false alarm that was right all along, or a hit that was not.
        source, target = (2, 0) if error == "missed" else (0, 2)
    rate = RATES[name]
    top, bottom = rate.count(others)
    if bottom == 0:
        return None
    limit = top / bottom
    numbers = np.arange(int(cells[source]) + 1)
    moved = np.tile(cells, (len(numbers), 1))
    moved[:, source] -= numbers
    moved[:, target] += numbers
    tops, bottoms = rate.count(moved)
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = np.where(bottoms > 0, tops / bottoms - limit, np.nan)
    if np.isnan(gaps[0]):
        return None
    sign = np.sign(gaps[0])
    is_turned = (np.sign(gaps) != sign) | (np.abs(gaps) < 1e-12)
    turned = np.flatnonzero(is_turned & ~np.isnan(gaps))
    if sign == 0:
        return 0
    return int(turned[0]) if len(turned) else None


def describe_label_bias(context: AuditContext) -> dict[str, Any]:
    """Return for each group how many wrong labels would turn its gaps.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        For each single attribute its `name` and `groups`; each group has, for the rates of
        `EXAMINED` and the errors of `ERRORS`, the `number` of labels, rounded up to five, as
        a `share` of the group, or the `reason`: ``never`` where no number of such errors
        does, ``suppressed`` or ``too_few``.

    Notes
    -----
    The gap is that of the group to all others, whose labels are taken as they are. The
    number is rounded so that no cell can be worked out from it.

    References
    ----------
    Fogliato, R., Chouldechova, A. and G'Sell, M. (2020). Fairness evaluation in presence of
    biased noisy labels. AISTATS.
    """
    counts = context.cells.sum(axis=1)
    attributes = []
    for grouping, numbers in iterate_attributes(context):
        if len(grouping.features) > 1:
            continue
        groups = []
        for label, at in zip(grouping.labels, numbers, strict=True):
            entry: dict[str, Any] = {"group": label}
            for name in EXAMINED:
                entry[name] = {
                    error: _describe(context, counts[at], counts[0] - counts[at], name, error,
                                     is_hidden=bool(context.hidden["inner"][[0, at]].any()))
                    for error in ERRORS
                }  # fmt: skip
            groups.append(entry)
        attributes.append({"name": grouping.name, "groups": groups})
    return {"attributes": attributes}


def _describe(
    context: AuditContext, cells: Counts, others: Counts, name: str, error: str, *, is_hidden: bool
) -> dict[str, Any]:
    """Return one turning point, fit to show."""
    if is_hidden:
        return {"number": None, "share": None, "reason": SUPPRESSED}
    rate = RATES[name]
    if min(rate.count(cells)[1], rate.count(others)[1]) < context.spec.minimum_count:
        return {"number": None, "share": None, "reason": TOO_FEW}
    found = find_turning_point(cells, others, name, error)
    if found is None:
        return {"number": None, "share": None, "reason": "never"}
    number = -(-found // _ROUND_TO) * _ROUND_TO
    return {"number": number, "share": number / float(cells.sum()), "reason": None}
