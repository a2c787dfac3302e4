"""Perturbing all that was not known at each prediction: dropped, changed, added.

Each prediction of the sample becomes a pupil of its own, with the pupil's rows perturbed
relative to that one prediction date, so that all dates are tested in one pass. A row is from
the future if any of its dates (but for declared plans) lies on or after the prediction date:
this trusts the known date no more than the other dates of the row.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd

from riskmodel.core.randomness import make_generator
from riskmodel.core.schema import Table
from riskmodel.core.windows import is_before
from riskmodel.features.rows import take_column
from riskmodel.features.schemas import KNOWN, PREDICTION, SUBJECT

CHANGES = ("dropped", "changed", "added", "hidden")
"""What is done: rows of the future are dropped, changed or added, and so are the columns of
rows of the past that were not known yet."""

VIRTUAL = "leak_subject"
"""The column that names a prediction of the sample as a pupil of its own."""

NUMBER = "leak_number"
DAY = "leak_day"
_DRAW = "leak_draw"
_DRAWS = 1_000_003
_POOL = "leak_pool"
_POOL_SIZE = 211

# Days from the prediction date to the date and to the known date of a row that is added: on
# the day itself, later, and before but known on the day or later. None: not told.
_PLACES: tuple[tuple[int, int | None], ...] = (
    (0, None), (0, 0), (45, 45), (200, None), (-1, 0), (-3, 1), (-40, 10), (-300, 0),
)  # fmt: skip


@dataclass(frozen=True)
class SampledTable:
    """The rows of a sample's pupils in one table, once for each prediction.

    Parameters
    ----------
    name : str
        The table.
    schema : Table
        Its columns and dates.
    source : ibis.Table
        The declared columns, in their declared types.
    rows : ibis.Table
        The same columns with `VIRTUAL`, the prediction date and a random number by row.
    """

    name: str
    schema: Table
    source: Any
    rows: Any

    @property
    def dates(self) -> tuple[str, ...]:
        """The columns that place a row in time, plans left out."""
        return tuple(
            name
            for name, column in self.schema.columns.items()
            if column.type == "date" and not column.is_plan and name in self.source.columns
        )

    @property
    def has_known(self) -> bool:
        """Whether rows can tell when they were known."""
        return KNOWN in self.dates

    def is_late(self, name: str) -> Any:
        """Return whether a date lies on or after the prediction date; a missing one does not.

        Parameters
        ----------
        name : str
            A date column.

        Returns
        -------
        ibis boolean column
            Never null.
        """
        late = ~is_before(self.rows[name].cast("date"), self.rows[DAY])
        return late.fill_null(False)

    def is_future(self) -> Any:
        """Return whether any date of a row lies on or after the prediction date.

        Returns
        -------
        ibis boolean column
            Never null.
        """
        return functools.reduce(operator.or_, [self.is_late(name) for name in self.dates])

    def is_believed(self) -> Any:
        """Return whether a row says of itself that it happened and was known before.

        Returns
        -------
        ibis boolean column
            Never null.
        """
        assert self.schema.date is not None
        happened = is_before(self.rows[self.schema.date].cast("date"), self.rows[DAY])
        known = ~self.is_late(KNOWN) if self.has_known else ibis.literal(True)
        return happened.fill_null(False) & known


def draw_sample(
    cohort: pd.DataFrame, peers: Collection[str], size: int | None, random_state: int
) -> pd.DataFrame:
    """Draw predictions on every date, whole groups where features look at peers.

    Parameters
    ----------
    cohort : pandas.DataFrame
        ``subject_id``, ``prediction_date`` and the columns of `peers`.
    peers : collection of str
        The columns that features compare within: their groups are drawn whole.
    size : int or None
        About how many predictions; None for all.
    random_state : int
        The seed.

    Returns
    -------
    pandas.DataFrame
        Some rows of the cohort with `VIRTUAL`, `NUMBER` and `DAY`, numbered from 0.
    """
    rows = cohort.reset_index(drop=True)
    days = pd.to_datetime(rows[PREDICTION]).dt.date
    rows = rows.assign(**{DAY: days})
    if size is not None and len(rows) > size:
        unit = _find_units(rows, sorted(peers))
        chosen = _draw_units(rows[DAY], unit, size, random_state)
        rows = rows[unit.isin(chosen)].reset_index(drop=True)
    rows[NUMBER] = np.arange(len(rows))
    rows[VIRTUAL] = [f"{number:09d}" for number in range(len(rows))]
    return rows


def _find_units(rows: pd.DataFrame, peers: list[str]) -> pd.Series:
    """Return the number of the group that each row is drawn with."""
    if not peers:
        return pd.Series(np.arange(len(rows)))
    for widest in peers:
        others = [name for name in peers if name != widest]
        within = [rows.groupby([DAY, name])[widest].nunique(dropna=False) for name in others]
        if all((counts <= 1).all() for counts in within):
            return rows.groupby([DAY, widest], dropna=False).ngroup()
    return rows.groupby(DAY).ngroup()


def _draw_units(days: pd.Series, unit: pd.Series, size: int, random_state: int) -> Collection[int]:
    """Return the groups drawn: on every date until its share of the sample is there."""
    sizes = pd.DataFrame({"day": days, "unit": unit}).value_counts(sort=False).reset_index()
    order = make_generator(random_state, "leakage", "sample").permutation(len(sizes))
    shuffled = sizes.iloc[order]
    before = shuffled.groupby("day")["count"].cumsum() - shuffled["count"]
    share = -(-size // days.nunique())
    return set(shuffled.loc[before < share, "unit"])


def read_declared(table: Any, schema: Table) -> Any:
    """Return the columns of a table that are declared, in their declared types.

    Parameters
    ----------
    table : ibis.Table
        With `subject_id`; may lack columns, which stay absent.
    schema : Table
        Its columns.

    Returns
    -------
    ibis.Table
        As features read it.
    """
    names = [name for name in schema.columns if name in table.columns and name != SUBJECT]
    columns = {name: take_column(table, name, schema.columns) for name in names}
    return table.select(SUBJECT, **columns)


def sample_rows(table: Any, virtuals: Any, seed: int) -> Any:
    """Return the rows of the sample's pupils, once for each prediction.

    Parameters
    ----------
    table : ibis.Table
        With `subject_id`.
    virtuals : ibis.Table
        ``subject_id``, `VIRTUAL`, `NUMBER`, `DAY`.
    seed : int
        Of the random number that each row gets.

    Returns
    -------
    ibis.Table
        The table's columns and those of `virtuals`, and a random number by row.
    """
    rows = table.inner_join(virtuals, SUBJECT)
    texts = [rows[name].cast("string").fill_null("") for name in table.columns]
    text = functools.reduce(lambda one, other: one + "|" + other, texts, rows[VIRTUAL])
    draw = ((ibis.literal(f"{seed}|") + text).hash() % _DRAWS).abs().cast("int64")
    return rows.mutate(**{_DRAW: draw})


def perturb(
    table: SampledTable, virtuals: Any, changes: Collection[str], n_pool: int
) -> tuple[Any, dict[str, Any]]:
    """Return a table with the future of each prediction perturbed.

    Parameters
    ----------
    table : SampledTable
        The rows.
    virtuals : ibis.Table
        The predictions of the sample.
    changes : collection of str
        What to do, of `CHANGES`; nothing gives the rows as they are.
    n_pool : int
        How many rows there are.

    Returns
    -------
    tuple of ibis.Table and dict of str to ibis integer scalar
        The table's own columns, `subject_id` being that of the prediction; and how many rows
        each change concerns.
    """
    rows, future = table.rows, table.is_future()
    is_even, never = rows[_DRAW] % 2 == 0, rows[_DRAW].isnull()
    is_dropped = future & is_even if "dropped" in changes else never
    is_changed = future & ~is_even if "changed" in changes else never
    hidden = _find_hidden(table, future) if "hidden" in changes else {}
    columns = {
        name: _change_column(table, name, is_changed, hidden.get(name))
        for name in table.source.columns
        if name != SUBJECT
    }
    parts = [rows.filter(~is_dropped).select(**{SUBJECT: rows[VIRTUAL]}, **columns)]
    if "added" in changes and n_pool:
        parts += [_add_rows(table, virtuals, min(n_pool, _POOL_SIZE)), *_add_corrections(table)]
    counts = {"dropped": is_dropped, "changed": is_changed}
    counts["hidden"] = functools.reduce(operator.or_, hidden.values(), never)
    shaped = [_shape(part, table.source) for part in parts]
    return functools.reduce(lambda one, other: one.union(other), shaped), {
        name: condition.cast("int64").sum() for name, condition in counts.items()
    }


def _shape(part: Any, source: Any) -> Any:
    """Return rows with the columns and types of the table that they stand in for."""
    types = source.schema()
    columns = {name: part[name].cast(types[name]) for name in source.columns if name != SUBJECT}
    return part.select(**{SUBJECT: part[SUBJECT].cast("string")}, **columns)


def _find_hidden(table: SampledTable, future: Any) -> dict[str, Any]:
    """Return, by column, the rows of the past in which it was not known yet."""
    found = {}
    for name, column in table.schema.columns.items():
        if column.known_from is None or name not in table.source.columns:
            continue
        if column.known_from not in table.source.columns:
            found[name] = ~future
            continue
        known = table.rows[column.known_from].cast("date")
        found[name] = ~future & ~is_before(known, table.rows[DAY]).fill_null(False)
    return found


def _change_column(table: SampledTable, name: str, is_changed: Any, hidden: Any | None) -> Any:
    """Return a column, changed where its row is from the future or it was not known yet."""
    column = table.rows[name]
    where = is_changed if hidden is None else is_changed | hidden
    if _is_date(table, name):
        return _move_date(table, name, is_changed)
    return ibis.ifelse(where, _find_other_value(table, name), column)


def _move_date(table: SampledTable, name: str, is_changed: Any) -> Any:
    """Return the date with rows known too late moved to before, and late ones moved on."""
    rows = table.rows
    column = rows[name].cast("date")
    if name != table.schema.date:
        return column
    back = (rows[DAY] - (1 + rows[_DRAW] % 60).as_interval("D")).cast("date")
    on = (column + (rows[_DRAW] % 30).as_interval("D")).cast("date")
    others = [table.is_late(other) for other in table.dates if other != name]
    held = functools.reduce(operator.or_, others, ibis.literal(False))
    return ibis.cases(
        (is_changed & held, back), (is_changed & table.is_late(name), on), else_=column
    )


def _find_other_value(table: SampledTable, name: str) -> Any:
    """Return another value for each row of a column: another row's text, another number."""
    column = table.rows[name]
    kind = column.type()
    if kind.is_boolean():
        return ibis.coalesce(~column, True)
    if kind.is_numeric():
        # Bounded, so that the smallest type can hold it.
        return ibis.coalesce(column.cast("float64") % 61 * 1.5 + 11, 7.0).cast(kind)
    rule = table.schema.columns.get(name)
    if rule is not None and rule.allowed and len(rule.allowed) > 1:
        turned = zip(rule.allowed, (*rule.allowed[1:], rule.allowed[0]), strict=True)
        cases = [(column == old, ibis.literal(new)) for old, new in turned]
        return ibis.cases(*cases, else_=rule.allowed[0])
    order = ibis.window(order_by=[table.rows[_DRAW], table.rows[VIRTUAL]])
    other = column.lag(1).over(order)
    if not kind.is_string():
        return other
    return ibis.coalesce(other.nullif(column), column + "~", "~")


def _add_rows(table: SampledTable, virtuals: Any, n_pool: int) -> Any:
    """Return rows of the future for every prediction, like some that there are."""
    rows, date = table.rows, table.schema.date
    assert date is not None
    pool = rows.order_by([rows[_DRAW], rows[VIRTUAL]]).limit(n_pool)
    order = ibis.window(order_by=[pool[_DRAW], pool[VIRTUAL]])
    pool = pool.mutate(**{_POOL: ibis.row_number().over(order)})
    pool = pool.select(_POOL, *(name for name in table.source.columns if name != SUBJECT))
    wanted = virtuals.select(VIRTUAL, NUMBER, DAY).cross_join(_list_places(table))
    number = (wanted[NUMBER] * 7 + wanted["leak_place"] * 31) % n_pool
    wanted = wanted.mutate(**{_POOL: number.cast("int64")})
    added = wanted.inner_join(pool, _POOL)
    moved = (added[DAY] + added["leak_date"].as_interval("D")).cast("date")
    shift = moved.epoch_days() - added[date].cast("date").epoch_days()
    columns = {}
    for name in table.source.columns:
        if name != SUBJECT and _is_date(table, name):
            day = added[name].cast("date")
            columns[name] = (day + shift.as_interval("D")).cast("date")
    columns[date] = moved
    if table.has_known:
        known = (added[DAY] + added["leak_known"].as_interval("D")).cast("date")
        columns[KNOWN] = known
    kept = {
        name: added[name]
        for name in table.source.columns
        if name != SUBJECT and name not in columns
    }
    return added.select(**{SUBJECT: added[VIRTUAL]}, **kept, **columns)


def _is_date(table: SampledTable, name: str) -> bool:
    """Tell whether a column of the table is declared a date."""
    return name in table.schema.columns and table.schema.columns[name].type == "date"


def _list_places(table: SampledTable) -> Any:
    """Return where in time rows are added."""
    places = [place for place in _PLACES if table.has_known or place[0] >= 0]
    return ibis.memtable(
        {
            "leak_place": list(range(len(places))),
            "leak_date": [date for date, _ in places],
            "leak_known": [known for _, known in places],
        },
        schema={"leak_place": "int64", "leak_date": "int64", "leak_known": "int64"},
    )


def _add_corrections(table: SampledTable) -> list[Any]:
    """Return versions of facts of the past, with other values, that came too late."""
    if not table.has_known:
        return []
    rows = table.rows.filter(~table.is_future() & (table.rows[_DRAW] % 7 == 0))
    late = SampledTable(table.name, table.schema, table.source, rows)
    keys = {*table.schema.fact_key, *(name for name in table.source.columns if name in late.dates)}
    columns = {
        name: rows[name] if name in keys else _change_column(late, name, ibis.literal(True), None)
        for name in table.source.columns
        if name != SUBJECT
    }
    columns[KNOWN] = (rows[DAY] + (rows[_DRAW] % 3).as_interval("D")).cast("date")
    return [rows.select(**{SUBJECT: rows[VIRTUAL]}, **columns)]
