"""A pupil's value beside that of others at the same school, or in the same class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis

from riskmodel.features.specs import FeatureSpec

_SCALE, _MOST = 1e9, 9e9
"""Values are added as whole numbers of billionths, which must fit into 64 bits."""

_WIDE = "decimal(27, 0)"
"""Leaves room for a sum and a difference within the 38 digits that every engine has."""

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
    the pupil is from it. Values are added in fixed point with nine decimals, in any order;
    one beyond nine billion is not compared.
    """
    window = ibis.window(group_by=[prediction_date, group])
    value = ibis.ifelse(value.between(-_MOST, _MOST), value, None)
    fixed = (value * _SCALE).round().cast(_WIDE)
    others = value.count().over(window) - 1
    mean = (fixed.sum().over(window) - fixed).cast("float64") / (others.nullif(0) * _SCALE)
    has_peers = group.notnull() & (others >= FEWEST_PEERS)
    return ibis.ifelse(has_peers, value - mean, None)
