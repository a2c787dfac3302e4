"""A pupil's value beside that of others at the same school, or in the same class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis

from riskmodel.features.specs import FeatureSpec

_SCALE, _MOST = 1e9, 9e9
"""Values are added as whole numbers of billionths, which must fit into 64 bits."""

_WIDE = "decimal(27, 0)"
"""Leaves room for a sum and a difference within the 38 digits that every engine has."""

_COUNT, _SUM = "_count", "_sum"

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


def compare_with_peers(table: Any, features: Mapping[str, str], prediction_date: str) -> Any:
    """Replace pupils' values by their distance from the mean of the others in their group.

    Parameters
    ----------
    table : ibis.Table
        One row per pupil and date.
    features : mapping of str to str
        The floating columns with values, and for each the column that peers share; missing
        where there are none.
    prediction_date : str
        The column with the dates.

    Returns
    -------
    ibis.Table
        The table with the compared values in place of the values: null without a value or a
        group, or where fewer than `FEWEST_PEERS` others have a value.

    Notes
    -----
    The pupil's own value is not part of the mean, which in a small class would hide how far
    the pupil is from it. Values are added in fixed point with nine decimals, in any order;
    one beyond nine billion is not compared.
    """
    for group in dict.fromkeys(features.values()):
        names = [name for name, by in features.items() if by == group]
        table = _compare_within(table, names, [prediction_date, group])
    return table


def _compare_within(table: Any, names: Sequence[str], key: Sequence[str]) -> Any:
    """Replace columns by their distance from the mean of the others with the same key."""
    values = {n: ibis.ifelse(table[n].between(-_MOST, _MOST), table[n], None) for n in names}
    table = table.mutate(**values)
    totals: dict[str, Any] = {}
    for name in names:
        totals[f"{name}{_COUNT}"] = table[name].count()
        totals[f"{name}{_SUM}"] = _fix(table[name]).sum()
    joined = table.left_join(table.group_by(*key).aggregate(**totals), list(key))
    compared = {}
    for name in names:
        value, others = joined[name], joined[f"{name}{_COUNT}"] - 1
        rest = (joined[f"{name}{_SUM}"] - _fix(value)).cast("float64")
        mean = rest / (others.nullif(0) * _SCALE)
        compared[name] = ibis.ifelse(others >= FEWEST_PEERS, value - mean, None)
    return joined.select(*(n for n in table.columns if n not in compared), **compared)


def _fix(value: Any) -> Any:
    """Return a value in fixed point."""
    return (value * _SCALE).round().cast(_WIDE)
