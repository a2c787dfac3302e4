"""What a row says: a feature's filters, value and denominator as Ibis columns."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import ibis

from riskmodel.core.schema import Column
from riskmodel.features.aggregations import AGGREGATIONS, REFERENCE_DAY, Row
from riskmodel.features.specs import Conditions, FeatureSpec

INPUT = "input_"
"""What stands before a column's name once its table is read, apart from the plan's columns."""

_LARGEST = sys.float_info.max
"""Neither an infinite nor an undefined number lies between this and its opposite, on any engine."""

_TYPES = {
    "string": "string",
    "date": "date",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
}


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
        Numbers that are not finite are missing; of a timestamp the day is taken.
    """
    kind = _TYPES[columns[name].type]
    if name not in table.columns:
        return ibis.null(kind)
    column = table[name]
    if column.type().is_floating():
        column = ibis.ifelse(column.between(-_LARGEST, _LARGEST), column, None)
    return column.cast(kind)


def read_row(table: Any, spec: FeatureSpec, day: Any) -> Row:
    """Return what each row offers to a feature's moments.

    Parameters
    ----------
    table : ibis.Table
        With the columns of `find_used_columns`, each after `INPUT`.
    spec : FeatureSpec
        The feature.
    day : ibis integer column
        The days of the rows, counted from 1970.

    Returns
    -------
    Row
        Null where a row does not pass `where` or lacks a value asked for.
    """
    one = ibis.literal(1, "int64")
    is_key = AGGREGATIONS[spec.aggregation].key == "value"
    value = table[INPUT + spec.value[0]] if is_key else _add_columns(table, spec.value)
    weight = _add_columns(table, spec.denominator)
    indicator = _read_indicator(table, spec, value)
    hit = one if indicator is None else indicator.cast("int64")
    needed = [column for column in (value, weight, hit) if column is not None]
    filters = [*_read_conditions(table, spec.where), *(column.notnull() for column in needed)]
    counts = functools.reduce(operator.and_, filters, day.notnull())
    amount = hit if indicator is not None or value is None or is_key else value
    day = day - REFERENCE_DAY

    def keep(column: Any, condition: Any = counts) -> Any:
        return ibis.ifelse(condition, column, None)

    return Row(
        one=keep(one),
        value=keep(amount),
        hit=keep(hit),
        weight=keep(one if weight is None else weight),
        day=keep(day),
        hit_day=keep(day, counts & (hit > 0)),
    )


def describe_row(spec: FeatureSpec) -> str:
    """Return a text that two features share if their rows offer the same.

    Parameters
    ----------
    spec : FeatureSpec
        The feature.

    Returns
    -------
    str
        Filters, value and denominator.
    """
    is_key = AGGREGATIONS[spec.aggregation].key == "value"
    conditions = [sorted(spec.where.items()), sorted(spec.match.items())]
    return repr((is_key, conditions, spec.value, spec.above, spec.denominator))


def _add_columns(table: Any, names: Sequence[str]) -> Any | None:
    """Return columns added up, a missing one as 0 unless all are missing; None without any."""
    columns = [table[INPUT + name].cast("float64") for name in names]
    if len(columns) < 2:
        return columns[0] if columns else None
    total = functools.reduce(operator.add, [ibis.coalesce(column, 0.0) for column in columns])
    return ibis.ifelse(ibis.coalesce(*columns).notnull(), total, None)


def _read_conditions(table: Any, conditions: Conditions) -> list[Any]:
    """Return one boolean column per condition, null where its column is missing."""
    return [table[INPUT + name].isin(list(values)) for name, values in conditions.items()]


def _read_indicator(table: Any, spec: FeatureSpec, value: Any) -> Any | None:
    """Return what `match` or `above` says of each row; None without either."""
    if spec.match:
        return functools.reduce(operator.and_, _read_conditions(table, spec.match))
    return value > spec.above if spec.above is not None else None
