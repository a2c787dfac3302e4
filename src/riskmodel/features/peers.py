"""A pupil's value beside that of others at the same school, or in the same class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis

from riskmodel.features.specs import FeatureSpec

_EXACT = "decimal(38, 12)"

FEWEST_PEERS = 5
"""The fewest others with a value from which there is a mean to compare with."""


def find_peer_columns(specs: Sequence[FeatureSpec]) -> tuple[str, ...]:
    """Return the columns of the cohort that features compare peers by.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.

    Returns
    -------
    tuple of str
        Each once.
    """
    return tuple(dict.fromkeys(spec.relative_to for spec in specs if spec.relative_to is not None))


def compare_with_peers(value: Any, group: Any, prediction_date: Any) -> Any:
    """Return a value less the mean of the others in its group at the same date.

    Parameters
    ----------
    value : ibis floating column
        The pupils' values.
    group : ibis column
        What peers share; missing where there are none.
    prediction_date : ibis date column
        The dates.

    Returns
    -------
    ibis floating column
        Null without a value or a group, or where fewer than `FEWEST_PEERS` others have a value.

    Notes
    -----
    The pupil's own value is not part of the mean, which in a small class would hide how far
    the pupil is from it. Values are added in fixed point with twelve decimals, in any order.
    """
    window = ibis.window(group_by=[prediction_date, group])
    fixed = value.cast(_EXACT)
    others = value.count().over(window) - 1
    mean = (fixed.sum().over(window) - fixed).cast("float64") / others.nullif(0)
    has_peers = group.notnull() & (others >= FEWEST_PEERS)
    return ibis.ifelse(has_peers, value - mean, None)
