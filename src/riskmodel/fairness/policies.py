"""Ways to choose as many pupils as today, with thresholds that depend on their group."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from riskmodel.fairness.context import AuditedRows
from riskmodel.fairness.groups import Counts

Bools = npt.NDArray[np.bool_]

POLICIES = ("equal_recall", "equal_false_alarms", "level_up")
"""Ways to choose pupils: the same recall in all groups, the same false positive rate, or
today's list with places added until each group's recall reaches that of all pupils."""


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


def choose_pupils(
    rows: AuditedRows,
    codes: npt.NDArray[np.int64],
    policy: str,
    halves: Bools,
    *,
    minimum_count: int,
    step: float = 1.0,
) -> Bools:
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
    step : float, default 1
        How far from today's list, 0, towards the policy, 1; levelling up knows no steps.

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
        if step < 1:
            alike = np.zeros_like(codes)
            among_all = rank_within_groups(rows.risk, alike, reference, minimum_count=1)
            place = (1 - step) * among_all + step * place
        inside = np.flatnonzero(half)
        order = inside[np.lexsort((-rows.risk[inside], place[inside]))]
        flagged[inside] = False
        flagged[order[: int(rows.is_flagged[inside].sum())]] = True
    return flagged
