"""Rows into cells: where a row lies in time, from when it is known, and until when it holds."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis

from riskmodel.core.schema import Table
from riskmodel.core.windows import is_before
from riskmodel.engine.interface import Engine
from riskmodel.features.cells import CellPlan
from riskmodel.features.inputs import Inputs
from riskmodel.features.rows import Presence, find_used_columns, take_column
from riskmodel.features.schemas import KNOWN, SUBJECT
from riskmodel.features.specs import FeatureSpec

KEY = "subject_key"
"""The column that stands for the subject where rows are grouped or joined."""


@dataclass(frozen=True)
class Plan:
    """What places the rows of one pass, with its tables registered.

    Parameters
    ----------
    cells : CellPlan
        The cells.
    days, members : ibis.Table
        Those of the cells.
    viewers : ibis.Table
        The cohort's rows: ``row_no``, ``date_no`` and the subject's key.
    bits : ibis.Table
        One row per bit of a cell's days: ``value`` (the bit) and ``upto`` (it and all before).
    replaced : ibis.Table or None
        Which rows later ones replace, as `find_replaced` returns them, where there are any.
    shorten_key : callable
        The engine's `shorten_key`.
    presence : Presence
        Which rows have what.
    """

    cells: CellPlan
    days: Any
    members: Any
    viewers: Any
    bits: Any
    replaced: Any | None
    shorten_key: Callable[[Any], Any]
    presence: Presence


def make_key(table: Any, shorten_key: Callable[[Any], Any]) -> Any:
    """Return the column that stands for the subject where rows are grouped or joined.

    Parameters
    ----------
    table : ibis.Table
        With `subject_id`.
    shorten_key : callable
        The engine's.

    Returns
    -------
    ibis column
        To be called `KEY`.
    """
    return shorten_key(table[SUBJECT].cast("string"))


def find_late_columns(spec: FeatureSpec, schema: Table) -> tuple[str, ...]:
    """Return the dates before which columns that a feature reads were not known.

    Parameters
    ----------
    spec : FeatureSpec
        The feature.
    schema : Table
        Its table.

    Returns
    -------
    tuple of str
        Date columns of the table, sorted.
    """
    columns = [schema.columns[name] for name in find_used_columns([spec])]
    return tuple(sorted({column.known_from for column in columns if column.known_from}))


def find_known(table: Any, schema: Table, late_columns: Sequence[str] = ()) -> Any | None:
    """Return the days on which rows became known, where that is said.

    Parameters
    ----------
    table : ibis.Table
        The rows.
    schema : Table
        Their columns and date.
    late_columns : sequence of str, default ()
        Further dates: the latest counts.

    Returns
    -------
    ibis date column or None
        Null for rows known on the day they happened; it may lie before that day. None where
        no row says.
    """
    names = [KNOWN, *late_columns] if KNOWN in schema.columns else list(late_columns)
    names = [name for name in names if name in table.columns]
    dates = [take_column(table, name, schema.columns) for name in names]
    if len(dates) < 2:
        return dates[0] if dates else None
    # The greatest of dates passes over missing ones.
    return ibis.greatest(*dates)


def find_replaced(engine: Engine, table: Any, schema: Table) -> Any | None:
    """Return which rows a later row of the same fact replaces, and from when.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    table : ibis.Table
        The rows.
    schema : Table
        Their columns, date and fact key.

    Returns
    -------
    ibis.Table or None
        The key, ``version`` (the day from which the row counts) and ``replaced`` (the day from
        which the next one does); rows that became known on the same day do not replace one
        another. None where the table does not have the whole key, or nothing is replaced.
    """
    known, fact = find_known(table, schema), schema.fact_key
    is_on_one_day = schema.date in fact
    if not fact or not set(fact) <= set(table.columns) or (known is None and is_on_one_day):
        return None
    key = [SUBJECT, *fact]
    # A number made of the key finds facts with several rows cheaply; that others may share it
    # does no harm.
    number = functools.reduce(operator.xor, [engine.hash_values(table[name]) for name in key])
    has_key = [table[name].notnull() for name in fact]
    versions = table.filter(*has_key).select(
        *key, number=number, version=_find_version(table, schema)
    )
    numbers = versions.select("number")
    if is_on_one_day:
        # Such a fact has two versions only if one of them came late.
        late = table.filter(*has_key, known > take_date(table, schema)).select(number=number)
        numbers = numbers.semi_join(late, "number")
    counted = numbers.group_by("number").aggregate(n_rows=numbers.count())
    several = engine.materialise(
        counted.filter(counted.n_rows > 1).select("number"), ibis.util.gen_name("several")
    )
    if not len(engine.to_pandas(several.limit(1))):
        return None
    different = versions.semi_join(several, "number").select(*key, "version").distinct()
    following = different.version.lead().over(
        group_by=[different[name] for name in key], order_by=different.version
    )
    marked = different.mutate(replaced=following)
    marked = marked.filter(marked.replaced.notnull())
    marked = engine.materialise(marked, ibis.util.gen_name("replaced"))
    return marked if len(engine.to_pandas(marked.limit(1))) else None


def take_date(table: Any, schema: Table) -> Any:
    """Return the days on which rows happened.

    Parameters
    ----------
    table : ibis.Table
        The rows.
    schema : Table
        Their columns and date.

    Returns
    -------
    ibis date column
        Null where a row has none.
    """
    assert schema.date is not None
    return take_column(table, schema.date, schema.columns)


def mark_replaced(table: Any, schema: Table, replaced: Any) -> Any:
    """Add the day from which a later row of the same fact stands in a row's place.

    Parameters
    ----------
    table : ibis.Table
        The rows.
    schema : Table
        Their columns, date and fact key.
    replaced : ibis.Table
        As `find_replaced` returns it.

    Returns
    -------
    ibis.Table
        With ``replaced``; null where nothing replaces the row.
    """
    marked = table.mutate(version=_find_version(table, schema))
    joined = marked.left_join(replaced, [SUBJECT, *schema.fact_key, "version"])
    return joined.select(*table.columns, "replaced")


def _find_version(table: Any, schema: Table) -> Any:
    """Return the days from which rows count: never before that on which they happened."""
    happened, known = take_date(table, schema), find_known(table, schema)
    return happened if known is None else ibis.greatest(happened, ibis.coalesce(known, happened))


def place_rows(
    table: Any,
    schema: Table,
    late_columns: Sequence[str],
    plan: Plan,
    inputs: Inputs,
) -> Any:
    """Return the rows that any prediction date may see, with their cells.

    Parameters
    ----------
    table : ibis.Table
        The rows, marked by `mark_replaced` where the plan has rows that are replaced.
    schema : Table
        Their columns and date.
    late_columns : sequence of str
        The dates before which the columns read were not known.
    plan : Plan
        The cells.
    inputs : Inputs
        What features read of the rows.

    Returns
    -------
    ibis.Table
        The subject's key, the columns of the plan's days, the columns read, and, where rows can
        be known late or be replaced, ``late`` and ``until``: the first place of a prediction
        date that sees the row, where that is not the first after its day, and the first that
        does not any more.

    Notes
    -----
    Rows are not joined to the cohort here: grouping all of them first, by what stands for the
    subject, took half the time.
    """
    happened = take_date(table, schema)
    known = find_known(table, schema, late_columns)
    reach, dates = plan.cells.reach, plan.cells.dates
    is_inside, moment = reach.contains(happened), happened
    if plan.cells.is_open:
        is_inside, moment = is_before(happened, reach.end), ibis.greatest(happened, reach.start)
    for name in late_columns:
        # What is known from a day that is not known is not known.
        is_inside = is_inside & take_column(table, name, schema.columns).notnull()
    passed: dict[str, Any] = {}
    if known is not None:
        is_inside = is_inside & (known.isnull() | is_before(known, reach.end))
        if len(dates) > 1:
            passed["known"] = known
    if plan.replaced is not None:
        passed["until"] = _find_place(table.replaced, dates)
    passed[KEY] = make_key(table, plan.shorten_key)
    rows = table.filter(is_inside).select(date=moment, **passed, **inputs.sources)
    placed = rows.inner_join(plan.days, "date")
    kept = [KEY, "cell", "day", "weekday", "offset", "bit", *(passed.keys() & {"until"})]
    late = {}
    if "known" in passed:
        is_late = ~is_before(placed.known, placed.next_date)
        late["late"] = ibis.ifelse(is_late, _find_place(placed.known, dates), None)
    return placed.select(*kept, **late, **inputs.combine(placed))


def _find_place(moments: Any, dates: Sequence[date]) -> Any:
    """Return how many prediction dates lie on or before days; null for a missing day."""
    places = [(~is_before(moments, limit), number) for number, limit in enumerate(dates, start=1)]
    return ibis.cases((moments.isnull(), None), *reversed(places), else_=0).cast("int32")


def group_names(placed: Any) -> tuple[str, ...]:
    """Return by what placed rows are grouped into cells.

    Parameters
    ----------
    placed : ibis.Table
        As `place_rows` returns them.

    Returns
    -------
    tuple of str
        Names of columns.
    """
    return tuple(n for n in (KEY, "cell", "late", "until") if n in placed.columns)


def see_cells(cells: Any, plan: Plan, edges: Any | None = None) -> Any:
    """Join cells to the rows of the cohort that see them.

    Parameters
    ----------
    cells : ibis.Table
        With the columns of `group_names`; or rows of a table, with their day as ``key``.
    plan : Plan
        The cohort and the cells' members.
    edges : ibis.Table, optional
        Per row of the cohort that sees anything ``row_no``, ``before`` and ``after``: only
        rows earlier than the one or later than the other are seen.

    Returns
    -------
    ibis.Table
        The cells' columns, ``row_no``, ``prediction_day``, ``origin``, the spans, and further
        columns of the edges.
    """
    viewers = plan.viewers
    conditions: list[Any] = [KEY]
    if edges is not None:
        viewers = viewers.inner_join(edges, "row_no")
        conditions.append(
            is_before(viewers.after, cells.key) | is_before(cells.key, viewers.before)
        )
    seen = cells.inner_join(viewers, conditions).inner_join(plan.members, ["cell", "date_no"])
    if "late" in cells.columns:
        seen = seen.filter(seen.late.fill_null(0) <= seen.date_no)
    if "until" in cells.columns:
        seen = seen.filter(seen.date_no < seen.until.fill_null(len(plan.cells.dates)))
    return seen.drop(KEY, "date_no", *({"late", "until"} & set(cells.columns)))
