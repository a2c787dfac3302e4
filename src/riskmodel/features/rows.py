"""The columns of a table in their declared types, and which of them no row lacks."""

from __future__ import annotations

import functools
import operator
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from riskmodel.core.schema import Column
from riskmodel.engine.interface import Engine
from riskmodel.features.specs import Conditions, FeatureSpec

_FEWEST_SHARING = 4
"""In a pass of fewer features it is not worth while to look for what they share."""

_TYPES = {
    "string": "string",
    "date": "date",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
}
_LARGEST = sys.float_info.max
"""Neither an infinite nor an undefined number lies between this and its opposite, on any engine."""


def find_used_columns(specs: Sequence[FeatureSpec]) -> tuple[str, ...]:
    """Return the columns that features read, besides the subject and the dates.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        Features over one table.

    Returns
    -------
    tuple of str
        Sorted.
    """
    used: set[str] = set()
    for spec in specs:
        used.update(spec.value, spec.denominator, spec.where, spec.match)
    return tuple(sorted(used))


def take_column(table: Any, name: str, columns: Mapping[str, Column]) -> Any:
    """Return a column of a table in its declared type.

    Parameters
    ----------
    table : ibis.Table
        May lack the column, which is then wholly missing.
    name : str
        The column.
    columns : mapping of str to Column
        The declared columns.

    Returns
    -------
    ibis column
        Numbers that are not finite are missing; of a timestamp the day is taken. Numbers that
        are stored as whole ones stay whole, which makes sums of them cheap.
    """
    kind = _TYPES[columns[name].type]
    if name not in table.columns:
        return ibis.null(kind)
    column = table[name]
    if kind in ("int64", "float64") and column.type().is_integer():
        return column
    if column.type().is_floating():
        column = ibis.ifelse(column.between(-_LARGEST, _LARGEST), column, None)
    return column.cast(kind)


def can_count(spec: FeatureSpec, table: Any) -> bool:
    """Tell whether a table has the columns without which no row counts for a feature.

    Parameters
    ----------
    spec : FeatureSpec
        The feature.
    table : ibis.Table
        Its rows.

    Returns
    -------
    bool
        If not, the feature is missing for all.
    """
    there = set(table.columns)
    choices = (spec.value, spec.denominator, spec.match)
    return there >= set(spec.where) and all(there & set(names) for names in choices if names)


@dataclass(frozen=True)
class Presence:
    """Which rows have a value in a column, told from what most features of a pass ask of rows.

    Parameters
    ----------
    where : Conditions
        What they ask.
    complete : frozenset of str
        The columns that no row lacks which meets it.
    only : frozenset of str
        The columns that no other row has.
    """

    where: Conditions
    complete: frozenset[str]
    only: frozenset[str]


def find_presence(
    engine: Engine, table: Any, columns: Mapping[str, Column], specs: Sequence[FeatureSpec]
) -> Presence:
    """Find what need not be asked one row at a time.

    Parameters
    ----------
    engine : Engine
        Where the table lives; it counts what rows have.
    table : ibis.Table
        The rows.
    columns : mapping of str to Column
        The declared columns.
    specs : sequence of FeatureSpec
        The features of a pass.

    Returns
    -------
    Presence
        Of the columns that several features read: to count takes as long as to read the
        columns once. Nothing if the features are few or do not share a condition.
    """
    asked = [spec.where for spec in specs]
    where = max(asked, key=asked.count)
    sharing = [spec for spec in specs if spec.where == where]
    if not where or 2 * len(sharing) < len(specs) or len(specs) < _FEWEST_SHARING:
        return Presence({}, frozenset(), frozenset())
    readers = Counter(name for spec in sharing for name in find_used_columns([spec]))
    names = [n for n in sorted(readers) if readers[n] > 1 and n in table.columns and n not in where]
    if not names:
        return Presence(where, frozenset(where), frozenset())
    conditions = [
        take_column(table, name, columns).isin(list(values)) for name, values in where.items()
    ]
    meets = functools.reduce(operator.and_, conditions).fill_null(False)
    counts = {f"n_{name}": take_column(table, name, columns).count() for name in names}
    counted = table.group_by(meets=meets).aggregate(n_rows=table.count(), **counts)
    found = {bool(line["meets"]): line for line in engine.to_pandas(counted).to_dict("records")}
    met, others = found.get(True), found.get(False)
    return Presence(
        where,
        complete=frozenset(where) | {n for n in names if not met or met[f"n_{n}"] == met["n_rows"]},
        only=frozenset(n for n in names if not others or not others[f"n_{n}"]),
    )
