"""What could be done about a gap with the same number of places, and what it would cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.core.randomness import make_generator
from riskmodel.fairness.calibration import find_units
from riskmodel.fairness.comparisons import TOO_FEW
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.frontier import describe_frontier
from riskmodel.fairness.groups import Grouping
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS
from riskmodel.fairness.list_changes import Bools, describe_change
from riskmodel.fairness.policies import POLICIES, choose_pupils
from riskmodel.fairness.small_groups import iterate_attributes


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
        `false_positive_rate` today and then. `frontier` has the steps from today's list to
        the same recall in every group.

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
            "frontier": describe_frontier(
                context, grouping, context.hidden["inner"][numbers], halves, units
            ),
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
