"""What a row says: a feature's filters, value and denominator as Ibis columns."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import ibis

from riskmodel.core.schema import Column
from riskmodel.features.aggregations import AGGREGATIONS, FIXED_POINT, Row
from riskmodel.features.rows import Presence, find_used_columns, take_column
from riskmodel.features.specs import Conditions, FeatureSpec, Weekday

_SOURCE, _INPUT = "source_", "input_"
"""What stands before the number of a column made of a single one, and of several."""

_PRESENT, _NUMBER, _FIXED = "present", "number", "fixed"
"""What is made of a column: whether it is there, a number, and that number in fixed point."""

_LARGEST_EXACT = 1 << 53
"""Up to here every whole number is a floating one."""


class Inputs:
    """What the features of a pass read of a row, each thing computed once.

    An engine computes a column that has a name once, and one that has none wherever it stands.
    So what is made of a single column gets a name first, and what is made of several next.

    Parameters
    ----------
    table : ibis.Table
        The rows.
    columns : mapping of str to Column
        The declared columns.
    specs : sequence of FeatureSpec
        The features.
    presence : Presence
        Which rows have what.

    Attributes
    ----------
    sources : dict of str to ibis column
        What is made of single columns, to be selected from the table before anything else is
        done with its rows.
    """

    def __init__(
        self,
        table: Any,
        columns: Mapping[str, Column],
        specs: Sequence[FeatureSpec],
        presence: Presence,
    ) -> None:
        self._specs = specs
        self._presence = presence
        self._source_names: dict[tuple[str, Any], str] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._scales: dict[tuple[str, str], int] = {}
        self._shared: dict[Any, str] = {}
        self._rows: Any = None
        self._columns: dict[str, Any] = {}
        self.sources: dict[str, Any] = {}
        raw = {name: take_column(table, name, columns) for name in find_used_columns(specs)}
        for spec in specs:
            for name, values in (*spec.where.items(), *spec.match.items()):
                self._add_source(name, values, raw[name].isin(list(values)))
            for name in (*spec.value, *spec.denominator, *spec.match):
                self._add_source(name, _PRESENT, raw[name].notnull())
            for name in (*spec.value, *spec.denominator):
                number = _make_number(raw[name])
                self._add_source(name, _NUMBER, number)
                self._add_source(name, _FIXED, _fix_point(number)[0])

    def _add_source(self, name: str, kind: Any, column: Any) -> None:
        """Add what is made of a column, or find it among what is there already."""
        source = self._shared.setdefault(column.op(), f"{_SOURCE}{len(self._shared)}")
        self._source_names[name, kind] = source
        self.sources[source] = column

    def combine(self, rows: Any) -> dict[str, Any]:
        """Return what features read, made of the sources.

        Parameters
        ----------
        rows : ibis.Table
            With the columns of `sources`.

        Returns
        -------
        dict of str to ibis column
            By name, to be selected from the rows before they are grouped.
        """
        self._rows = rows
        for spec in self._specs:
            self._add_spec(spec)
        return self._columns

    def _add_spec(self, spec: FeatureSpec) -> None:
        """Add what a feature reads."""
        meets = self._read_conditions(spec.where)
        has_value = self._find_present(spec, spec.value)
        has_weight = self._find_present(spec, spec.denominator)
        fits = self._find_decided(spec)
        self._add_condition(spec, "counts", [*meets, *has_value, *has_weight, *fits])
        if AGGREGATIONS[spec.aggregation].kind == "values":
            self._add(spec, "value", self._take(spec.value[0], _NUMBER))
            return
        # Where a value or a weight is missing if the row does not meet the conditions, the row
        # need be asked only for the rest.
        if spec.value:
            value = self._keep_met(spec, spec.value, self._add_up(spec, spec.value))
            self._add(spec, "value", value)
            self._add_fixed(spec, "amount", spec.value)
            self._add_condition(spec, "counts_valued", [*has_weight, *fits])
        if spec.denominator:
            self._add_fixed(spec, "weight", spec.denominator)
            self._add_condition(spec, "counts_weighted", [*has_value, *fits])
        if spec.match:
            # Null where it cannot be told, so that this need not be asked again.
            self._add(spec, "hit", _all(self._read_conditions(spec.match)))
            self._add_condition(spec, "counts_matched", [*meets, *has_value, *has_weight])
        elif spec.above is not None and spec.value:
            self._add(spec, "hit", _exceeds(value, spec.above))

    def _take(self, name: str, kind: Any) -> Any:
        """Return what was made of a column."""
        return self._rows[self._source_names[name, kind]]

    def _find_decided(self, spec: FeatureSpec) -> list[Any]:
        """Return the condition that it can be told whether a row matches."""
        if len(spec.match) < 2:
            return self._find_present(spec, tuple(spec.match))
        # It can as soon as one condition fails.
        return [_all(self._read_conditions(spec.match)).cast("int64").notnull()]

    def _find_present(self, spec: FeatureSpec, names: Sequence[str]) -> list[Any]:
        """Return the condition that a row has one of some columns, if it can be unmet."""
        if not names or (self._is_known(spec) and self._presence.complete & set(names)):
            return []
        return [functools.reduce(operator.or_, [self._take(name, _PRESENT) for name in names])]

    def _is_known(self, spec: FeatureSpec) -> bool:
        """Return whether it is known which rows have what among those a feature asks for."""
        return spec.where == self._presence.where

    def _read_conditions(self, conditions: Conditions) -> list[Any]:
        """Return one boolean column per condition, null where its column is missing."""
        return [self._take(name, values) for name, values in conditions.items()]

    def _add_condition(self, spec: FeatureSpec, kind: str, conditions: list[Any]) -> None:
        """Add the column that says whether all conditions hold, if there are any."""
        if conditions:
            self._add(spec, kind, _all(conditions))

    def _add(self, spec: FeatureSpec, kind: str, column: Any) -> None:
        """Add a column, or find it among those of other features."""
        name = self._shared.setdefault(column.op(), f"{_INPUT}{len(self._shared)}")
        self._names[spec.name, kind] = name
        self._columns[name] = column

    def _add_fixed(self, spec: FeatureSpec, kind: str, names: Sequence[str]) -> None:
        """Add columns added up, in fixed point, where the row meets the conditions."""
        fixed, self._scales[spec.name, kind] = _fix_point(self._add_up(spec, names))
        if len(names) == 1:
            fixed = self._take(names[0], _FIXED)
        self._add(spec, kind, self._keep_met(spec, names, fixed))

    def _keep_met(self, spec: FeatureSpec, names: Sequence[str], column: Any) -> Any:
        """Return what is made of columns where the row meets the conditions, null elsewhere."""
        if self._is_known(spec) and self._presence.only >= set(names):
            return column
        return _keep_where(self._read_conditions(spec.where), column)

    def _add_up(self, spec: FeatureSpec, names: Sequence[str]) -> Any:
        """Return columns added up where some are there, a missing one as 0."""
        columns = [self._take(name, _NUMBER) for name in names]
        if len(columns) < 2:
            return columns[0]
        columns = [_widen(column) for column in columns]
        total = functools.reduce(operator.add, columns)
        if self._is_known(spec) and self._presence.complete >= set(names):
            return total
        terms = [ibis.coalesce(column, 0) for column in columns]
        is_present = functools.reduce(operator.or_, [column.notnull() for column in columns])
        some = ibis.ifelse(is_present, functools.reduce(operator.add, terms), None)
        # Mostly all are there, and the rest need not be looked at.
        return ibis.coalesce(total, some)

    def value_name(self, spec: FeatureSpec) -> str:
        """Return the column of a feature's values.

        Parameters
        ----------
        spec : FeatureSpec
            A feature that has a value.

        Returns
        -------
        str
            A name of what `combine` returns.
        """
        return self._names[spec.name, "value"]

    def read(self, placed: Any, spec: FeatureSpec) -> Row:
        """Return what each row offers to a feature's moments.

        Parameters
        ----------
        placed : ibis.Table
            With what `combine` returns, and ``day`` (counted from 1970), ``weekday``, ``offset``
            and ``bit``.
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
        decides = "counts"
        if hit is not None:
            decides = "counts_matched" if spec.match else "counts_valued"
        hits = keep(decides, one if hit is None else hit.cast("int32"))
        is_number = hit is None and amount is not None
        number = keep("counts_valued", amount) if is_number else hits
        return Row(
            one=keep("counts", one),
            value=keep("counts_valued", value) if is_number else hits,
            amount=number,
            amount_scale=self._scales[spec.name, "amount"] if is_number else 1,
            on_weekdays=number if on_weekdays is None else number * on_weekdays.cast("int32"),
            hit=hits,
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
