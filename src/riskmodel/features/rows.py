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
from riskmodel.engine.interface import Engine
from riskmodel.features.aggregations import AGGREGATIONS, FIXED_POINT, Row
from riskmodel.features.specs import Conditions, FeatureSpec, Weekday

INPUT = "input_"
"""What stands before a column's name once its table is read, apart from the plan's columns."""

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

_LARGEST_EXACT = 1 << 53
"""Up to here every whole number is a floating one."""


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


@dataclass(frozen=True)
class Complete:
    """Columns that no row lacks which meets what most features of a pass ask of it.

    Parameters
    ----------
    where : Conditions
        What they ask.
    columns : frozenset of str
        The columns.
    """

    where: Conditions
    columns: frozenset[str]


def find_complete(
    engine: Engine, table: Any, columns: Mapping[str, Column], specs: Sequence[FeatureSpec]
) -> Complete:
    """Find the columns that need not be asked for one row at a time.

    Parameters
    ----------
    engine : Engine
        Where the table lives; it counts what rows lack.
    table : ibis.Table
        The rows.
    columns : mapping of str to Column
        The declared columns.
    specs : sequence of FeatureSpec
        The features of a pass.

    Returns
    -------
    Complete
        Without columns if the features are few or do not share a condition: to count takes
        as long as to read the columns once.
    """
    asked = [spec.where for spec in specs]
    where = max(asked, key=asked.count)
    sharing = [spec for spec in specs if spec.where == where]
    if not where or 2 * len(sharing) < len(specs) or len(specs) < _FEWEST_SHARING:
        return Complete({}, frozenset())
    names = [name for name in find_used_columns(sharing) if name in table.columns]
    met = table.filter(
        [take_column(table, n, columns).isin(list(values)) for n, values in where.items()]
    )
    counts = {f"{INPUT}{name}": take_column(met, name, columns).count() for name in names}
    (found,) = engine.to_pandas(met.aggregate(n_rows=met.count(), **counts)).to_dict("records")
    complete = [name for name in names if found[f"{INPUT}{name}"] == found["n_rows"]]
    return Complete(where, frozenset(complete))


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
    complete : Complete
        The columns that rows are known not to lack.

    Attributes
    ----------
    columns : dict of str to ibis column
        To be selected from the table before anything else is done with its rows: an engine
        computes a column that has a name once, and one that has none wherever it stands.
    """

    def __init__(
        self,
        table: Any,
        columns: Mapping[str, Column],
        specs: Sequence[FeatureSpec],
        complete: Complete,
    ) -> None:
        self._complete = complete
        self._raw = {name: take_column(table, name, columns) for name in find_used_columns(specs)}
        self._names: dict[tuple[str, str], str] = {}
        self._scales: dict[tuple[str, str], int] = {}
        self._shared: dict[Any, str] = {}
        self.columns: dict[str, Any] = {}
        for spec in specs:
            self._add_spec(spec)

    def _add_spec(self, spec: FeatureSpec) -> None:
        """Add what a feature reads."""
        meets = self._read_conditions(spec.where)
        has_value = self._find_present(spec, spec.value)
        has_weight = self._find_present(spec, spec.denominator)
        fits = self._find_decided(spec)
        self._add_condition(spec, "counts", [*meets, *has_value, *has_weight, *fits])
        if AGGREGATIONS[spec.aggregation].kind == "values":
            self._add(spec, "value", self._raw[spec.value[0]])
            return
        # Where a value or a weight is missing if the row does not meet the conditions, the row
        # need be asked only for the rest.
        value, weight = (self._add_up(names) for names in (spec.value, spec.denominator))
        if value is not None:
            value = _keep_where(meets, value)
            self._add(spec, "value", value)
            self._add_fixed(spec, "amount", value)
            self._add_condition(spec, "counts_valued", [*has_weight, *fits])
        if weight is not None:
            self._add_fixed(spec, "weight", _keep_where(meets, weight))
            self._add_condition(spec, "counts_weighted", [*has_value, *fits])
        if spec.match:
            self._add(spec, "hit", _all(self._read_conditions(spec.match)))
        elif spec.above is not None and value is not None:
            self._add(spec, "hit", _exceeds(value, spec.above))

    def _find_decided(self, spec: FeatureSpec) -> list[Any]:
        """Return the condition that it can be told whether a row matches."""
        if len(spec.match) < 2:
            return self._find_present(spec, tuple(spec.match))
        # It can as soon as one condition fails.
        return [_all(self._read_conditions(spec.match)).cast("int64").notnull()]

    def _find_present(self, spec: FeatureSpec, names: Sequence[str]) -> list[Any]:
        """Return the condition that a row has one of some columns, if it can be unmet."""
        is_known = spec.where == self._complete.where
        if not names or (is_known and self._complete.columns & set(names)):
            return []
        return [functools.reduce(operator.or_, [self._raw[name].notnull() for name in names])]

    def _read_conditions(self, conditions: Conditions) -> list[Any]:
        """Return one boolean column per condition, null where its column is missing."""
        return [self._raw[name].isin(list(values)) for name, values in conditions.items()]

    def _add_condition(self, spec: FeatureSpec, kind: str, conditions: list[Any]) -> None:
        """Add the column that says whether all conditions hold, if there are any."""
        if conditions:
            self._add(spec, kind, _all(conditions))

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
            With `columns`, and ``day`` (counted from 1970), ``weekday``, ``offset`` and ``bit``.
        spec : FeatureSpec
            The feature.

        Returns
        -------
        Row
            Null where a row does not pass `where` and `weekdays` or lacks a value asked for.
        """
        value, amount, weight, hit = (
            self._find(placed, spec, kind) for kind in ("value", "amount", "weight", "hit")
        )
        on_weekdays = _find_weekdays(placed, spec)
        is_filter = on_weekdays is not None and AGGREGATIONS[spec.aggregation].weekdays != "needed"
        filters = [on_weekdays] if is_filter else []

        def keep(kind: str, column: Any) -> Any:
            """Return a column where a condition holds and the weekday is right."""
            return _keep_where([self._find(placed, spec, kind), *filters], column)

        def keep_hits(column: Any) -> Any:
            """Return a column where the row counts and is a hit."""
            kept = keep(decides, column)
            return kept if hit is None else ibis.ifelse(hit, kept, None)

        # Small ones: the engine's sums of them take less room and time.
        one = ibis.literal(1, "int32")
        if not filters and self._find(placed, spec, "counts") is None:
            one = ibis.ifelse(placed.day.notnull(), one, None)  # a sum wants a column
        hits = one if hit is None else hit.cast("int32")
        decides = "counts_valued" if spec.above is not None and not spec.match else "counts"
        is_number = hit is None and amount is not None
        number = amount if is_number else hits
        chosen = number if on_weekdays is None else ibis.ifelse(on_weekdays, number, 0)
        return Row(
            one=keep("counts", one),
            value=keep("counts_valued", value) if is_number else keep(decides, hits),
            amount=keep("counts_valued", amount) if is_number else keep(decides, hits),
            amount_scale=self._scales[spec.name, "amount"] if is_number else 1,
            on_weekdays=keep("counts", chosen),
            hit=keep(decides, hits),
            weight=keep("counts", one) if weight is None else keep("counts_weighted", weight),
            weight_scale=self._scales.get((spec.name, "weight"), 1),
            day=keep("counts", placed.day),
            hit_day=keep_hits(placed.day),
            offset=placed.offset,
            bit=keep("counts", placed.bit),
            hit_bit=keep_hits(placed.bit),
        )

    def _find(self, placed: Any, spec: FeatureSpec, kind: str) -> Any | None:
        """Return a column of a feature that may not be there."""
        name = self._names.get((spec.name, kind))
        return None if name is None else placed[name]


def _keep_where(conditions: Sequence[Any | None], column: Any) -> Any:
    """Return a column where all conditions that there are hold, null elsewhere."""
    held = [condition for condition in conditions if condition is not None]
    return ibis.ifelse(_all(held), column, None) if held else column


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
    return table.weekday.isin([names.index(day) for day in spec.weekdays])
