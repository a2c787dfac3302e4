"""How rows become a number: aggregations as moments that add up over cells of time.

A moment is gathered once per subject and cell, and the cells of a window are then put
together by the same reduction: sums by adding, the smallest of the smallest. An aggregation
names its moments and says how the number follows from them. To add one, add an entry to
`AGGREGATIONS`.

Numbers are summed in fixed point with six decimals, as whole numbers, so that a sum does not
depend on the order of the rows. Days on which something happened are kept as the bits of one
whole number per cell, which is why a cell is then at most `LONGEST_CELL_DAYS` long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import ibis

LONGEST_CELL_DAYS = 62
"""The most days whose bits, and a sign, fit into a whole number of 64 bits."""

FIXED_POINT = 1_000_000
"""What a number that is no whole number is multiplied by before it is summed."""

_SMALLEST_SPREAD = 1e-13
"""Days that lie closer, as a share of their distance from the prediction date, are one day."""

_WIDE, _NARROW = "decimal(28, 0)", "decimal(10, 0)"

Demand = Literal["needed", "allowed", "refused"]
Reduction = Literal["sum", "min", "max", "bit_or"]


@dataclass(frozen=True)
class Row:
    """What one row offers to a moment, as Ibis columns; null where the row does not count.

    Parameters
    ----------
    one : ibis integer column
        1.
    value : ibis column
        What is aggregated.
    amount : ibis integer column
        The same in fixed point.
    amount_scale : int
        What the amount has been multiplied by.
    on_weekdays : ibis integer column
        The amount on the weekdays named, 0 on others.
    hit : ibis integer column
        1, or what an indicator says.
    weight : ibis integer column
        What a share is of, in fixed point; 1 without a denominator.
    weight_scale : int
        What the weight has been multiplied by.
    day : ibis integer column
        The day of the row, counted from 1970.
    hit_day : ibis integer column
        The same, only where `hit` is 1.
    offset : ibis integer column
        The day counted from the first of its cell.
    bit : ibis integer column
        2 to the power of `offset`.
    hit_bit : ibis integer column
        The same, only where `hit` is 1.
    """

    one: Any
    value: Any
    amount: Any
    amount_scale: int
    on_weekdays: Any
    hit: Any
    weight: Any
    weight_scale: int
    day: Any
    hit_day: Any
    offset: Any
    bit: Any
    hit_bit: Any


@dataclass(frozen=True)
class Moment:
    """One quantity gathered over rows.

    Parameters
    ----------
    name : str
        Unique among moments.
    reduction : {"sum", "min", "max", "bit_or"}
        How rows, and then cells, are put together.
    of : callable
        From a `Row` to the column that is reduced.
    scale : {"amount", "weight"}, optional
        By which of the row's scales the column has been multiplied.
    """

    name: str
    reduction: Reduction
    of: Callable[[Row], Any]
    scale: Literal["amount", "weight"] | None = None

    def take(self, row: Row) -> tuple[Any, int]:
        """Return what a row has of the quantity, and what it has been multiplied by.

        Parameters
        ----------
        row : Row
            The rows' columns.

        Returns
        -------
        ibis column
            To be reduced.
        int
            The scale; 1 where there is none.
        """
        scales = {"amount": row.amount_scale, "weight": row.weight_scale, None: 1}
        return self.of(row), scales[self.scale]


def reduce_column(column: Any, reduction: Reduction) -> Any:
    """Return the sum, minimum, maximum or union of bits of a column.

    Parameters
    ----------
    column : ibis column
        What is reduced; nulls are passed over.
    reduction : {"sum", "min", "max", "bit_or"}
        How.

    Returns
    -------
    ibis scalar
        Null where there is nothing but nulls.
    """
    return getattr(column, reduction)()


@dataclass(frozen=True)
class Moments:
    """The moments of one window at one prediction date, as floating Ibis columns.

    Parameters
    ----------
    window : mapping of str to ibis column
        By the moment's name.
    baseline : mapping of str to ibis column
        The same over the days compared with; empty without any.
    prediction_day : ibis column
        The prediction date, counted from 1970.
    per_days : int
        The days that a trend is given per.
    """

    window: Mapping[str, Any]
    baseline: Mapping[str, Any]
    prediction_day: Any
    per_days: int


@dataclass(frozen=True)
class Aggregation:
    """One way to turn rows into a number.

    Parameters
    ----------
    moments : tuple of Moment
        What is gathered.
    finish : callable, optional
        From `Moments` to the number; null where it is not defined. Without it the number is
        made from the bits of the days.
    value, denominator, indicator, baseline, latest, weekdays : {"needed", "allowed", "refused"}
        What a feature with this aggregation must, may or may not declare.
    kind : {"cells", "line", "days", "runs", "values"}
        From what the number is made: from moments alone; from moments with the place of each
        cell in time; from the days as bits; from the order of these days; or from the
        different values, which need a pass of their own as they do not add up over cells.
    edge : {"latest", "earliest"}, optional
        Look only at the latest (earliest) day with a row, or at the latest `latest_days`.
    """

    moments: tuple[Moment, ...]
    finish: Callable[[Moments], Any] | None = None
    value: Demand = "needed"
    denominator: Demand = "refused"
    indicator: Demand = "allowed"
    baseline: Demand = "refused"
    latest: Demand = "allowed"
    weekdays: Demand = "allowed"
    kind: Literal["cells", "line", "days", "runs", "values"] = "cells"
    edge: Literal["latest", "earliest"] | None = None

    @property
    def needs_short_cells(self) -> bool:
        """Whether a cell may be at most `LONGEST_CELL_DAYS` long."""
        return self.kind in ("line", "days", "runs")


ROWS = Moment("rows", "sum", lambda row: row.one)
VALUE = Moment("value", "sum", lambda row: row.amount, "amount")
HITS = Moment("hits", "sum", lambda row: row.hit)
WEIGHT = Moment("weight", "sum", lambda row: row.weight, "weight")
SMALLEST = Moment("smallest", "min", lambda row: row.value)
GREATEST = Moment("greatest", "max", lambda row: row.value)
ANY_HIT = Moment("any_hit", "max", lambda row: row.hit)
LAST_HIT = Moment("last_hit", "max", lambda row: row.hit_day)
FIRST_DAY = Moment("first_day", "min", lambda row: row.day)
LAST_DAY = Moment("last_day", "max", lambda row: row.day)
DAYS = Moment("days", "bit_or", lambda row: row.bit)
HIT_DAYS = Moment("hit_days", "bit_or", lambda row: row.hit_bit)
_ON_WEEKDAYS = Moment("on_weekdays", "sum", lambda row: row.on_weekdays, "amount")
_WEIGHT_OFFSET = Moment(
    "weight_offset", "sum", lambda row: row.weight.cast("int64") * row.offset, "weight"
)
_WEIGHT_SQUARE = Moment(
    "weight_square",
    "sum",
    lambda row: row.weight.cast("int64") * row.offset * row.offset,
    "weight",
)
_VALUE_OFFSET = Moment(
    "value_offset", "sum", lambda row: row.amount.cast("int64") * row.offset, "amount"
)
_LINE = (VALUE, WEIGHT, _WEIGHT_OFFSET, _WEIGHT_SQUARE, _VALUE_OFFSET)


def shift_line(moments: Mapping[str, Any], origin: Any) -> dict[str, Any]:
    """Return the moments of a line with days counted from the prediction date.

    Parameters
    ----------
    moments : mapping of str to ibis integer column
        One cell's moments, with days counted from the cell's first.
    origin : ibis integer column
        The cell's first day less the prediction date.

    Returns
    -------
    dict of str to ibis column
        The same moments, exact, to be summed over cells.
    """
    shift, wide = origin.cast(_NARROW), {n: moments[n].cast(_WIDE) for n in moments}
    square = (origin * origin).cast(_NARROW)
    double = (origin * 2).cast(_NARROW)
    return {
        "value": wide["value"],
        "weight": wide["weight"],
        "weight_offset": wide["weight_offset"] + wide["weight"] * shift,
        "weight_square": wide["weight_square"]
        + wide["weight_offset"] * double
        + wide["weight"] * square,
        "value_offset": wide["value_offset"] + wide["value"] * shift,
    }


def _divide(value: Any, weight: Any) -> Any:
    """Return a ratio, null where there is nothing to divide by."""
    return value / weight.nullif(0)


def _finish_trend(moments: Moments) -> Any:
    """Return the slope of value over weight by day: weighted least squares."""
    sums = moments.window
    weight, value = sums["weight"], sums["value"]
    day, square, cross = sums["weight_offset"], sums["weight_square"], sums["value_offset"]
    spread = weight * square - day * day
    slope = _divide(weight * cross - day * value, spread)
    return ibis.ifelse(spread > _SMALLEST_SPREAD * weight * square, slope * moments.per_days, None)


def _finish_mean(moments: Moments) -> Any:
    """Return the mean of the value over the rows."""
    return _divide(moments.window["value"], moments.window["rows"])


def _finish_share(moments: Moments) -> Any:
    """Return the value over the weight."""
    return _divide(moments.window["value"], moments.window["weight"])


def _finish_change(moments: Moments) -> Any:
    """Return the share (or mean) of the window less that of the baseline."""
    now, before = moments.window, moments.baseline
    return _divide(now["value"], now["weight"]) - _divide(before["value"], before["weight"])


def _finish_count_of_keys(moments: Moments) -> Any:
    """Return how many keys there are, null where no row counts."""
    return ibis.ifelse(moments.window["rows"] > 0, moments.window["keys"], None)


AGGREGATIONS: dict[str, Aggregation] = {
    "sum": Aggregation((VALUE,), lambda moments: moments.window["value"]),
    "count": Aggregation((HITS,), lambda moments: moments.window["hits"], value="allowed"),
    "share": Aggregation((VALUE, WEIGHT), _finish_share, denominator="allowed"),
    "weekday_share": Aggregation(
        (VALUE, _ON_WEEKDAYS),
        lambda moments: _divide(moments.window["on_weekdays"], moments.window["value"]),
        weekdays="needed",
    ),
    "mean": Aggregation((VALUE, ROWS), _finish_mean),
    "min": Aggregation((SMALLEST,), lambda moments: moments.window["smallest"]),
    "max": Aggregation((GREATEST,), lambda moments: moments.window["greatest"]),
    "first": Aggregation((VALUE, ROWS), _finish_mean, latest="refused", edge="earliest"),
    "last": Aggregation((VALUE, ROWS), _finish_mean, edge="latest"),
    "days_since_last": Aggregation(
        (LAST_HIT,),
        lambda moments: moments.prediction_day - moments.window["last_hit"],
        value="allowed",
        latest="refused",
    ),
    "trend": Aggregation(
        _LINE, _finish_trend, denominator="allowed", latest="refused", kind="line"
    ),
    "change": Aggregation(
        (VALUE, WEIGHT),
        _finish_change,
        denominator="allowed",
        baseline="needed",
        latest="refused",
    ),
    "distinct_count": Aggregation(
        (ROWS, ANY_HIT),
        _finish_count_of_keys,
        indicator="refused",
        latest="refused",
        kind="values",
    ),
    "day_count": Aggregation((DAYS, HIT_DAYS), value="allowed", latest="refused", kind="days"),
    "longest_run": Aggregation((DAYS, HIT_DAYS), indicator="needed", latest="refused", kind="runs"),
    "current_run": Aggregation((DAYS, HIT_DAYS), indicator="needed", latest="refused", kind="runs"),
}
"""The aggregations by name."""
