"""On which days a wording of a rule holds."""

from __future__ import annotations

from typing import Any

import ibis

from riskmodel.cohort.rules.specs import Version
from riskmodel.core.windows import is_current


def holds_on(version: Version, moments: Any) -> Any:
    """Tell on which days a version holds.

    Parameters
    ----------
    version : Version
        One wording of a rule.
    moments : ibis column
        Days.

    Returns
    -------
    ibis boolean column
        True from its first day on, and before its end.
    """
    end = ibis.null("date") if version.valid_to is None else ibis.literal(version.valid_to)
    return is_current(ibis.literal(version.valid_from), end, moments)
