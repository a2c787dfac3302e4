"""What a row says: a feature's filters, value and denominator as Ibis columns."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import ibis

from riskmodel.core.schema import Column
from riskmodel.features.aggregations import AGGREGATIONS, FIXED_POINT, Row
from riskmodel.features.specs import Conditions, FeatureSpec, Weekday

INPUT = "input_"
"""What stands before a column's name once its table is read, apart from the plan's columns."""

_TYPES = {
    "string": "string",
    "date": "date",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
}
_LARGEST = sys.float_info.max
"""Neither an infinite nor an undefined number lies between this and its opposite, on any engine."""

_EPOCH_WEEKDAY = 3 + 7 * 100_000
"""The first of January 1970 was a Thursday, counted from Monday as 0; earlier days count too."""


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
    if kind == "float64" and column.type().is_integer():
        return column.cast("int64")
    if column.type().is_floating():
        column = ibis.ifelse(column.between(-_LARGEST, _LARGEST), column, None)
    return column.cast(kind)


def read_row(table: Any, spec: FeatureSpec) -> Row:
    """Return what each row offers to a feature's moments.

    Parameters
    ----------
    table : ibis.Table
        With the columns of `find_used_columns`, each after `INPUT`, and ``day`` (counted from
        1970), ``offset`` and ``bit``.
    spec : FeatureSpec
        The feature.

    Returns
    -------
    Row
        Null where a row does not pass `where` and `weekdays` or lacks a value asked for.
    """
    aggregation = AGGREGATIONS[spec.aggregation]
    one = ibis.literal(1, "int64")
    is_key = aggregation.kind == "values"
    value = table[INPUT + spec.value[0]] if is_key else _add_columns(table, spec.value)
    weight = _add_columns(table, spec.denominator)
    indicator = _read_indicator(table, spec, value)
    on_weekdays = _find_weekdays(table, spec)
    filters = _read_conditions(table, spec.where)
    if on_weekdays is not None and aggregation.weekdays != "needed":
        filters.append(on_weekdays)
    hit = one if indicator is None else indicator.cast("int64")
    present = [value, weight, None if indicator is None else hit]
    needed = [column for column in present if column is not None]

    def keep(column: Any, *conditions: Any) -> Any:
        """Return a column where the row counts, null elsewhere."""
        given = [*filters, *(other.notnull() for other in needed if other is not column)]
        given += conditions
        if given:
            return ibis.ifelse(functools.reduce(operator.and_, given), column, None)
        is_literal = column is one
        return ibis.ifelse(table.day.notnull(), column, None) if is_literal else column

    amount = hit if indicator is not None or value is None or is_key else value
    fixed, scale = _fix_point(amount)
    fixed_weight, weight_scale = _fix_point(one if weight is None else weight)
    is_hit = [] if indicator is None else [indicator]
    return Row(
        one=keep(one),
        value=keep(amount),
        amount=keep(fixed),
        amount_scale=scale,
        on_weekdays=keep(fixed if on_weekdays is None else ibis.ifelse(on_weekdays, fixed, 0)),
        hit=keep(hit),
        weight=keep(fixed_weight),
        weight_scale=weight_scale,
        day=keep(table.day),
        hit_day=keep(table.day, *is_hit),
        offset=table.offset,
        bit=keep(table.bit),
        hit_bit=keep(table.bit, *is_hit),
    )


def _fix_point(column: Any) -> tuple[Any, int]:
    """Return a number as a whole one, and what it has been multiplied by for that."""
    if not column.type().is_floating():
        return column, 1
    return (column * FIXED_POINT).round().cast("int64"), FIXED_POINT


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
    aggregation = AGGREGATIONS[spec.aggregation]
    conditions = [sorted(spec.where.items()), sorted(spec.match.items())]
    days = (aggregation.weekdays == "needed", sorted(spec.weekdays))
    identity = (aggregation.kind == "values", conditions, days if spec.weekdays else ())
    return repr((*identity, spec.value, spec.above, spec.denominator))


def _add_columns(table: Any, names: Sequence[str]) -> Any | None:
    """Return columns added up, a missing one as 0 unless all are missing; None without any."""
    columns = [_make_number(table[INPUT + name]) for name in names]
    if len(columns) < 2:
        return columns[0] if columns else None
    total = functools.reduce(operator.add, [ibis.coalesce(column, 0) for column in columns])
    return ibis.ifelse(ibis.coalesce(*columns).notnull(), total, None)


def _make_number(column: Any) -> Any:
    """Return a column that can be added up; whole numbers stay whole."""
    return column.cast("int64") if column.type().is_boolean() else column


def _read_conditions(table: Any, conditions: Conditions) -> list[Any]:
    """Return one boolean column per condition, null where its column is missing."""
    return [table[INPUT + name].isin(list(values)) for name, values in conditions.items()]


def _read_indicator(table: Any, spec: FeatureSpec, value: Any) -> Any | None:
    """Return what `match` or `above` says of each row; None without either."""
    if spec.match:
        return functools.reduce(operator.and_, _read_conditions(table, spec.match))
    return value > spec.above if spec.above is not None else None


def _find_weekdays(table: Any, spec: FeatureSpec) -> Any | None:
    """Return which rows lie on the weekdays named; None where none are."""
    if not spec.weekdays:
        return None
    names = get_args(Weekday)
    return ((table.day + _EPOCH_WEEKDAY) % 7).isin([names.index(day) for day in spec.weekdays])
