"""What a row says: a feature's filters, value and denominator as Ibis columns."""

from __future__ import annotations

import functools
import math
import operator
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

_LARGEST_EXACT = 1 << 53
"""Up to here every whole number is a floating one."""

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
    if kind in ("int64", "float64") and column.type().is_integer():
        return column
    if column.type().is_floating():
        column = ibis.ifelse(column.between(-_LARGEST, _LARGEST), column, None)
    return column.cast(kind)


class Inputs:
    """What the features of a pass read of a row, each thing computed once.

    Parameters
    ----------
    table : ibis.Table
        The rows.
    columns : mapping of str to Column
        The declared columns.
    specs : sequence of FeatureSpec
        The features.

    Attributes
    ----------
    columns : dict of str to ibis column
        To be selected from the table before anything else is done with its rows: an engine
        computes a column that has a name once, and one that has none wherever it stands.
    """

    def __init__(
        self, table: Any, columns: Mapping[str, Column], specs: Sequence[FeatureSpec]
    ) -> None:
        self._raw = {name: take_column(table, name, columns) for name in find_used_columns(specs)}
        self._names: dict[tuple[str, str], str] = {}
        self._scales: dict[tuple[str, str], int] = {}
        self._shared: dict[Any, str] = {}
        self.columns: dict[str, Any] = {}
        for spec in specs:
            self._add_spec(spec)

    def _add_spec(self, spec: FeatureSpec) -> None:
        """Add what a feature reads."""
        is_key = AGGREGATIONS[spec.aggregation].kind == "values"
        value = self._raw[spec.value[0]] if is_key else self._add_up(spec.value)
        if value is not None:
            self._add(spec, "value", value)
            if not is_key:
                self._add_fixed(spec, "amount", value)
        weight = self._add_up(spec.denominator)
        if weight is not None:
            self._add_fixed(spec, "weight", weight)
        conditions = self._list_conditions(spec)
        if spec.where or spec.match or len(conditions) > 1:
            self._add(spec, "counts", _all(conditions))
        if spec.match:
            self._add(spec, "hit", _all(self._read_conditions(spec.match)))
        elif spec.above is not None and value is not None:
            self._add(spec, "hit", _exceeds(value, spec.above))

    def _list_conditions(self, spec: FeatureSpec) -> list[Any]:
        """Return what a row must meet and have to count, its weekday apart."""
        conditions = self._read_conditions(spec.where)
        for names in (spec.value, spec.denominator):
            if names:
                present = [self._raw[name].notnull() for name in names]
                conditions.append(functools.reduce(operator.or_, present))
        if len(spec.match) == 1:
            conditions += [self._raw[name].notnull() for name in spec.match]
        elif spec.match:
            # Whether a row fits is known as soon as one condition fails.
            is_hit = _all(self._read_conditions(spec.match)).cast("int64")
            conditions.append(is_hit.notnull())
        return conditions

    def _add(self, spec: FeatureSpec, kind: str, column: Any) -> None:
        """Add a column, or find it among those of other features."""
        name = self._shared.setdefault(column.op(), f"{INPUT}{len(self._shared)}")
        self._names[spec.name, kind] = name
        self.columns.setdefault(name, column)

    def _add_fixed(self, spec: FeatureSpec, kind: str, column: Any) -> None:
        """Add a number in fixed point."""
        fixed, self._scales[spec.name, kind] = _fix_point(column)
        self._add(spec, kind, fixed)

    def _add_up(self, names: Sequence[str]) -> Any | None:
        """Return columns added up, a missing one as 0 unless all are missing; None without any."""
        columns = [_make_number(self._raw[name]) for name in names]
        if len(columns) < 2:
            return columns[0] if columns else None
        columns = [_widen(column) for column in columns]
        terms = [ibis.coalesce(column, 0) for column in columns]
        is_present = functools.reduce(operator.or_, [column.notnull() for column in columns])
        some = ibis.ifelse(is_present, functools.reduce(operator.add, terms), None)
        # Mostly all are there, and the rest need not be looked at.
        return ibis.coalesce(functools.reduce(operator.add, columns), some)

    def _read_conditions(self, conditions: Conditions) -> list[Any]:
        """Return one boolean column per condition, null where its column is missing."""
        return [self._raw[name].isin(list(values)) for name, values in conditions.items()]

    def value_name(self, spec: FeatureSpec) -> str:
        """Return the column of a feature's values.

        Parameters
        ----------
        spec : FeatureSpec
            A feature that has a value.

        Returns
        -------
        str
            A name of `columns`.
        """
        return self._names[spec.name, "value"]

    def read(self, placed: Any, spec: FeatureSpec) -> Row:
        """Return what each row offers to a feature's moments.

        Parameters
        ----------
        placed : ibis.Table
            With `columns`, and ``day`` (counted from 1970), ``offset`` and ``bit``.
        spec : FeatureSpec
            The feature.

        Returns
        -------
        Row
            Null where a row does not pass `where` and `weekdays` or lacks a value asked for.
        """
        value, amount, weight, counts = (
            self._find(placed, spec, kind) for kind in ("value", "amount", "weight", "counts")
        )
        hit = self._find(placed, spec, "hit") if spec.is_indicator else None
        on_weekdays = _find_weekdays(placed, spec)
        filters = [] if counts is None else [counts]
        if on_weekdays is not None and AGGREGATIONS[spec.aggregation].weekdays != "needed":
            filters.append(on_weekdays)
        counted = _Counted(placed.day.notnull(), filters, value if counts is None else None, hit)
        # Small ones: the engine's sums of them take less room and time.
        one = ibis.literal(1, "int32")
        hits = one if hit is None else hit.cast("int32")
        is_number = hit is None and amount is not None
        source = value if is_number else None
        amount = amount if is_number else hits
        chosen = amount if on_weekdays is None else ibis.ifelse(on_weekdays, amount, 0)
        return Row(
            one=counted.keep(one),
            value=counted.keep(value if is_number else hits, source),
            amount=counted.keep(amount, source),
            amount_scale=self._scales[spec.name, "amount"] if is_number else 1,
            on_weekdays=counted.keep(chosen),
            hit=counted.keep(hits),
            weight=counted.keep(one) if weight is None else counted.keep(weight, weight),
            weight_scale=self._scales.get((spec.name, "weight"), 1),
            day=counted.keep(placed.day),
            hit_day=counted.keep_hits(placed.day),
            offset=placed.offset,
            bit=counted.keep(placed.bit),
            hit_bit=counted.keep_hits(placed.bit),
        )

    def _find(self, placed: Any, spec: FeatureSpec, kind: str) -> Any | None:
        """Return a column of a feature that may not be there."""
        name = self._names.get((spec.name, kind))
        return None if name is None else placed[name]


@dataclass(frozen=True)
class _Counted:
    """Which rows count: those that meet all filters and have the value, if one is asked for."""

    every_row: Any
    filters: list[Any]
    value: Any | None
    hit: Any | None

    def keep(self, column: Any, source: Any | None = None) -> Any:
        """Return a column where the row counts, null elsewhere, as it is where `source` is."""
        if source is not None and not self.filters:
            return column
        has_value = [] if self.value is None else [self.value.notnull()]
        return ibis.ifelse(_all([*self.filters, *has_value] or [self.every_row]), column, None)

    def keep_hits(self, column: Any) -> Any:
        """Return a column where the row counts and is a hit, null elsewhere."""
        kept = self.keep(column)
        return kept if self.hit is None else ibis.ifelse(self.hit, kept, None)


def _all(conditions: Sequence[Any]) -> Any:
    """Return whether all of some conditions hold."""
    return functools.reduce(operator.and_, conditions)


def _exceeds(value: Any, limit: float) -> Any:
    """Return whether numbers are greater than a limit; whole ones are compared as such."""
    is_whole = not value.type().is_floating() and abs(limit) <= _LARGEST_EXACT
    return value > (math.floor(limit) if is_whole else limit)


def _fix_point(column: Any) -> tuple[Any, int]:
    """Return a number as a whole one, and what it has been multiplied by for that."""
    if not column.type().is_floating():
        return column, 1
    return (column * FIXED_POINT).round().cast("int64"), FIXED_POINT


def _make_number(column: Any) -> Any:
    """Return a column that can be summed; whole numbers stay whole."""
    return column.cast("int64") if column.type().is_boolean() else column


def _widen(column: Any) -> Any:
    """Return a column whose sums and products with days fit into its type."""
    return column if column.type().is_floating() else column.cast("int64")


def _find_weekdays(table: Any, spec: FeatureSpec) -> Any | None:
    """Return which rows lie on the weekdays named; None where none are."""
    if not spec.weekdays:
        return None
    names = get_args(Weekday)
    return ((table.day + _EPOCH_WEEKDAY) % 7).isin([names.index(day) for day in spec.weekdays])
