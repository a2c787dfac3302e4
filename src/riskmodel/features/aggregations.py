"""How rows become a number: aggregations as moments that add up over cells of time.

A moment is gathered once per subject and cell, and the cells of a window are then put
together by the same reduction: sums by adding, the smallest of the smallest. An aggregation
names its moments and says how the number follows from them. To add one, add an entry to
`AGGREGATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import ibis

from riskmodel.core.windows import is_before

REFERENCE_DAY = 18_262
"""Days are counted from 1 January 2020 (this many after 1970), which keeps numbers small."""

_DECIMALS = "decimal(38, 9)"

Demand = Literal["needed", "allowed", "refused"]


@dataclass(frozen=True)
class Row:
    """What one row offers to a moment, as Ibis columns; null where the row does not count.

    Parameters
    ----------
    one : ibis integer column
        1.
    value : ibis floating column
        What is aggregated.
    hit : ibis integer column
        1, or what an indicator says.
    weight : ibis floating column
        What a share is of; 1 without a denominator.
    day : ibis integer column
        The day of the row, counted from `REFERENCE_DAY`.
    hit_day : ibis integer column
        The same, only where `hit` is 1.
    """

    one: Any
    value: Any
    hit: Any
    weight: Any
    day: Any
    hit_day: Any


@dataclass(frozen=True)
class Moment:
    """One quantity gathered over rows.

    Parameters
    ----------
    name : str
        Unique among moments.
    reduction : {"sum", "min", "max"}
        How rows, and then cells, are put together.
    of : callable
        From a `Row` to the column that is reduced.
    """

    name: str
    reduction: Literal["sum", "min", "max"]
    of: Callable[[Row], Any]

    def gather(self, row: Row) -> Any:
        """Return the reduction over rows.

        Parameters
        ----------
        row : Row
            The rows' columns.

        Returns
        -------
        ibis scalar
            Sums of fractions are taken in fixed point with nine decimals, so that they do not
            depend on the order of the rows.
        """
        column = self.of(row)
        if self.reduction == "sum" and column.type().is_floating():
            column = column.cast(_DECIMALS)
        return reduce_column(column, self.reduction)


def reduce_column(column: Any, reduction: str) -> Any:
    """Return the sum, minimum or maximum of a column.

    Parameters
    ----------
    column : ibis column
        What is reduced; nulls are passed over.
    reduction : {"sum", "min", "max"}
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
        The prediction date, counted from `REFERENCE_DAY`.
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
    finish : callable
        From `Moments` to the number; null where it is not defined.
    value, denominator, indicator, baseline, latest : {"needed", "allowed", "refused"}
        What a feature with this aggregation must, may or may not declare.
    key : {"value", "day"}, optional
        Count different values, or different days: such features need a pass of their own,
        because what differs does not add up over cells.
    always_latest : bool
        Look only at the latest day with a row unless the feature says how many days.
    """

    moments: tuple[Moment, ...]
    finish: Callable[[Moments], Any]
    value: Demand = "needed"
    denominator: Demand = "refused"
    indicator: Demand = "allowed"
    baseline: Demand = "refused"
    latest: Demand = "allowed"
    key: Literal["value", "day"] | None = None
    always_latest: bool = False


def _take_weighted_day(row: Row) -> Any:
    """Return the day where it has a weight, so that a trend knows how far apart days lie."""
    return ibis.ifelse(row.weight > 0, row.day, None)


ROWS = Moment("rows", "sum", lambda row: row.one)
VALUE = Moment("value", "sum", lambda row: row.value)
HITS = Moment("hits", "sum", lambda row: row.hit)
WEIGHT = Moment("weight", "sum", lambda row: row.weight)
SMALLEST = Moment("smallest", "min", lambda row: row.value)
GREATEST = Moment("greatest", "max", lambda row: row.value)
ANY_HIT = Moment("any_hit", "max", lambda row: row.hit)
LAST_HIT = Moment("last_hit", "max", lambda row: row.hit_day)
_FIRST_WEIGHTED = Moment("first_weighted", "min", _take_weighted_day)
_LAST_WEIGHTED = Moment("last_weighted", "max", _take_weighted_day)
_WEIGHT_DAY = Moment("weight_day", "sum", lambda row: row.weight * row.day)
_WEIGHT_DAY_DAY = Moment("weight_day_day", "sum", lambda row: row.weight * row.day * row.day)
_VALUE_DAY = Moment("value_day", "sum", lambda row: row.value * row.day)
_TREND = (
    VALUE,
    WEIGHT,
    _FIRST_WEIGHTED,
    _LAST_WEIGHTED,
    _WEIGHT_DAY,
    _WEIGHT_DAY_DAY,
    _VALUE_DAY,
)


def _divide(value: Any, weight: Any) -> Any:
    """Return a ratio, null where there is nothing to divide by."""
    return value / weight.nullif(0)


def _finish_trend(moments: Moments) -> Any:
    """Return the slope of value over weight by day: weighted least squares."""
    sums, origin = moments.window, moments.prediction_day
    weight, value = sums["weight"], sums["value"]
    # Days are counted from the prediction date, so that little is lost in the differences.
    day = sums["weight_day"] - origin * weight
    square = sums["weight_day_day"] - 2 * origin * sums["weight_day"] + origin * origin * weight
    cross = sums["value_day"] - origin * value
    slope = _divide(weight * cross - day * value, weight * square - day * day)
    has_span = is_before(sums["first_weighted"], sums["last_weighted"])
    return ibis.ifelse(has_span, slope * moments.per_days, None)


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
    "share": Aggregation(
        (VALUE, WEIGHT),
        lambda moments: _divide(moments.window["value"], moments.window["weight"]),
        denominator="allowed",
    ),
    "mean": Aggregation(
        (VALUE, ROWS), lambda moments: _divide(moments.window["value"], moments.window["rows"])
    ),
    "min": Aggregation((SMALLEST,), lambda moments: moments.window["smallest"]),
    "max": Aggregation((GREATEST,), lambda moments: moments.window["greatest"]),
    "last": Aggregation(
        (VALUE, ROWS),
        lambda moments: _divide(moments.window["value"], moments.window["rows"]),
        always_latest=True,
    ),
    "days_since_last": Aggregation(
        (LAST_HIT,),
        lambda moments: moments.prediction_day - moments.window["last_hit"],
        value="allowed",
        latest="refused",
    ),
    "trend": Aggregation(_TREND, _finish_trend, denominator="allowed", latest="refused"),
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
        key="value",
    ),
    "day_count": Aggregation(
        (ROWS, ANY_HIT), _finish_count_of_keys, value="allowed", latest="refused", key="day"
    ),
}
"""The aggregations by name."""
