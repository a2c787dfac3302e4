"""Compiling features into one Ibis expression.

Each table is read in one grouped pass over subject and cell of time; the small table of cells
is then added up per prediction date and window. Features that count different values, or look
at the first or the latest days only, need a pass with one key more, over the rows of their own
windows only; so do those that read a column which became known later than its row.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import ibis
import pandas as pd

from riskmodel.core.schema import Table
from riskmodel.core.windows import SchoolCalendar
from riskmodel.engine.session import Engine
from riskmodel.errors import UsageError
from riskmodel.features.cells import CellPlan, plan_cells, plan_cohort
from riskmodel.features.checks import check_specs
from riskmodel.features.days import make_bits
from riskmodel.features.passes import FEATURE, Pass, compile_pass, find_passes
from riskmodel.features.peers import compare_with_peers, find_peer_columns
from riskmodel.features.placement import KEY, Plan, find_replaced, make_key, take_date
from riskmodel.features.rows import can_count, find_presence
from riskmodel.features.schemas import PREDICTION, SUBJECT
from riskmodel.features.specs import FLAG_SUFFIX, FeatureSpec


def compute_features(
    engine: Engine,
    tables: Mapping[str, Any],
    cohort: pd.DataFrame,
    specs: Sequence[FeatureSpec],
    *,
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
) -> pd.DataFrame:
    """Compute features at prediction dates.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        The event tables, with `subject_id`.
    cohort : pandas.DataFrame
        ``subject_id`` and ``prediction_date``, one row per pair; further columns are ignored.
    specs : sequence of FeatureSpec
        The features.
    schemas : mapping of str to Table
        The tables' columns and dates, from `feature_schemas`.
    calendar : SchoolCalendar
        Where school years start.

    Returns
    -------
    pandas.DataFrame
        ``subject_id``, ``prediction_date`` (`datetime.date`), then the features as floats in
        the order of `specs`, each with its missing flag behind it if it has one; sorted by
        subject and date. Every row of the cohort is there.

    Raises
    ------
    ConfigurationError
        If features do not fit the tables, with all findings.
    UsageError
        If the cohort has no rows, missing keys or repeated ones, or a table is not there.
    """
    with _without_collecting():
        expr = compile_features(engine, tables, cohort, specs, schemas=schemas, calendar=calendar)
        return engine.to_pandas(expr)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Let Python not look for garbage meanwhile.

    Expressions are very many small objects, all of them in use: each look at them, and at all
    that was loaded before, takes time and finds nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def compile_features(
    engine: Engine,
    tables: Mapping[str, Any],
    cohort: pd.DataFrame,
    specs: Sequence[FeatureSpec],
    *,
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
) -> Any:
    """Compute features pass by pass, and compile what joins them into one expression.

    Parameters
    ----------
    engine : Engine
        Where the tables live; the cohort and the plan of cells are registered in it.
    tables : mapping of str to ibis.Table
        The event tables, with `subject_id`.
    cohort : pandas.DataFrame
        ``subject_id`` and ``prediction_date``, one row per pair; further columns are ignored.
    specs : sequence of FeatureSpec
        The features.
    schemas : mapping of str to Table
        The tables' columns and dates, from `feature_schemas`.
    calendar : SchoolCalendar
        Where school years start.

    Returns
    -------
    ibis.Table
        As `compute_features` returns it, with nulls for missing values.

    Raises
    ------
    ConfigurationError
        If features do not fit the tables, with all findings.
    UsageError
        If the cohort has no rows, missing keys or repeated ones, or a table is not there.

    Notes
    -----
    A row counts if its date lies in the window and it was known before the prediction date.
    The order of rows and the other rows of the cohort do not change a value, save where a
    feature compares with peers.
    """
    check_specs(specs, schemas)
    _check_tables(tables, specs)
    plan = plan_cohort(cohort, find_peer_columns(specs))
    rows = engine.register(plan.rows, ibis.util.gen_name("cohort"))
    planned = _plan_passes(engine, tables, rows, plan.dates, specs, schemas, calendar)
    results = []
    with engine.compute_ahead() as compute:

        def materialise(table: Any) -> Any:
            """Compute a table by itself: it is read more than once, or its memory is wanted."""
            return compute(table, ibis.util.gen_name("cells"))

        for part, placed in planned:
            table, schema = tables[part.table], schemas[part.table]
            results.append(materialise(compile_pass(part, table, schema, placed, materialise)))
        return _assemble(rows, results, specs)


def _plan_passes(
    engine: Engine,
    tables: Mapping[str, Any],
    rows: Any,
    dates: tuple[date, ...],
    specs: Sequence[FeatureSpec],
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
) -> list[tuple[Pass, Plan]]:
    """Return the passes over tables, with what must be known of the rows before any is made."""
    viewers = rows.select("row_no", "date_no", **{KEY: make_key(rows, engine.shorten_key)})
    viewers = engine.materialise(viewers, ibis.util.gen_name("viewers"))
    bits = engine.register(make_bits(), ibis.util.gen_name("bits"))
    parts = find_passes([spec for spec in specs if can_count(spec, tables[spec.table])], schemas)
    names = dict.fromkeys(part.table for part in parts)
    replaced = {name: find_replaced(engine, tables[name], schemas[name]) for name in names}

    @functools.cache
    def earliest(name: str) -> date | None:
        """Find the first day in a table."""
        return _find_earliest(engine, tables[name], schemas[name])

    planned = []
    for part in parts:
        table, columns = tables[part.table], schemas[part.table].columns
        cells = _plan_cells(part, dates, calendar, earliest)
        placed = Plan(
            cells=cells,
            days=engine.register(cells.days, ibis.util.gen_name("days")),
            members=engine.register(cells.members, ibis.util.gen_name("members")),
            viewers=viewers,
            bits=bits,
            replaced=replaced[part.table],
            shorten_key=engine.shorten_key,
            presence=find_presence(engine, table, columns, part.specs),
        )
        planned.append((part, placed))
    return planned


def _check_tables(tables: Mapping[str, Any], specs: Sequence[FeatureSpec]) -> None:
    """Raise if a feature reads a table that was not given."""
    absent = sorted({spec.table for spec in specs} - set(tables))
    if absent:
        raise UsageError(
            f"`tables` must hold every table that features read, got {len(absent)} missing: "
            f"{', '.join(absent)}. Add the source, or leave out its features."
        )


def _plan_cells(
    part: Pass,
    dates: tuple[date, ...],
    calendar: SchoolCalendar,
    find_earliest: Callable[[str], date | None],
) -> CellPlan:
    """Cut the time of one pass into cells, as far back as there is anything to see."""
    is_open = any(span.window.kind == "ever" for span in part.spans)
    return plan_cells(
        dates,
        tuple(part.spans),
        calendar,
        earliest=find_earliest(part.table) if is_open else None,
        longest_days=part.longest_days,
    )


def _find_earliest(engine: Engine, table: Any, schema: Table) -> date | None:
    """Return the first day on which anything happened, or None if nothing did."""
    earliest = take_date(table, schema).min()
    (found,) = engine.to_pandas(table.aggregate(earliest=earliest))["earliest"]
    return None if pd.isna(found) else pd.Timestamp(found).date()


def _assemble(rows: Any, results: Sequence[Any], specs: Sequence[FeatureSpec]) -> Any:
    """Join the passes to the cohort, compare with peers and apply the missing rules.

    A feature that is in no pass is missing for all.
    """
    joined, names = rows, list(rows.columns)
    for number, result in enumerate(results):
        features = [name for name in result.columns if name.startswith(FEATURE)]
        named = result.select(*features, **{f"row_{number}": result.row_no})
        joined = joined.left_join(named, rows.row_no == named[f"row_{number}"])
        names += features
    joined = joined.select(*names)
    compared = {
        FEATURE + spec.name: spec.relative_to
        for spec in specs
        if spec.relative_to is not None and FEATURE + spec.name in names
    }
    joined = compare_with_peers(joined, compared, PREDICTION)
    columns = {SUBJECT: joined[SUBJECT], PREDICTION: joined[PREDICTION]}
    for spec in specs:
        name = FEATURE + spec.name
        value = joined[name] if name in names else ibis.null("float64")
        filled = value if spec.missing.constant is None else value.fill_null(spec.missing.constant)
        columns[spec.name] = filled.cast("float64")
        if spec.has_flag:
            columns[spec.name + FLAG_SUFFIX] = value.isnull().cast("float64")
    # The rows are numbered by subject and date.
    return joined.order_by("row_no").select(**columns)


def select_available(
    specs: Sequence[FeatureSpec], tables: Mapping[str, Any]
) -> tuple[FeatureSpec, ...]:
    """Return the features whose table is there.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features, for example those of a catalogue.
    tables : mapping
        The tables that are there, by name.

    Returns
    -------
    tuple of FeatureSpec
        In the same order.
    """
    return tuple(spec for spec in specs if spec.table in tables)
