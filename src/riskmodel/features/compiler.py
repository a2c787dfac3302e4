"""Compiling features into one Ibis expression.

Each table is read in one grouped pass over subject, cell of the date and cell of the known
date; the small table of cells is then added up per prediction date and window. Features that
count different values or days, or look at the latest days only, need a pass with one key
more, over the rows of their own windows only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import pandas as pd

from riskmodel.core.schema import Table
from riskmodel.core.windows import SchoolCalendar
from riskmodel.engine.session import Engine
from riskmodel.errors import UsageError
from riskmodel.features.cells import CohortPlan, plan_cohort
from riskmodel.features.checks import check_specs
from riskmodel.features.passes import FEATURE, Pass, compile_pass, find_passes
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
    expr = compile_features(engine, tables, cohort, specs, schemas=schemas, calendar=calendar)
    return engine.to_pandas(expr)


def compile_features(
    engine: Engine,
    tables: Mapping[str, Any],
    cohort: pd.DataFrame,
    specs: Sequence[FeatureSpec],
    *,
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
) -> Any:
    """Compile features into an expression, to be computed or written to a file.

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
    The order of rows and the other rows of the cohort do not change a value.
    """
    check_specs(specs, schemas)
    _check_tables(tables, specs)
    plan = plan_cohort(cohort)
    rows = engine.register(plan.rows, ibis.util.gen_name("cohort"))
    subjects = engine.register(plan.subjects, ibis.util.gen_name("subjects"))
    results = [
        _run_pass(engine, tables, part, subjects, plan, schemas=schemas, calendar=calendar)
        for part in find_passes(specs)
    ]
    return _assemble(rows, results, specs)


def _check_tables(tables: Mapping[str, Any], specs: Sequence[FeatureSpec]) -> None:
    """Raise if a feature reads a table that was not given."""
    absent = sorted({spec.table for spec in specs} - set(tables))
    if absent:
        raise UsageError(
            f"`tables` must hold every table that features read, got {len(absent)} missing: "
            f"{', '.join(absent)}. Add the source, or leave out its features."
        )


def _run_pass(
    engine: Engine,
    tables: Mapping[str, Any],
    part: Pass,
    subjects: Any,
    plan: CohortPlan,
    *,
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
) -> Any:
    """Register the cells of one pass and return its table of features."""
    cells = part.plan_cells(plan, calendar)
    days = engine.register(cells.days, ibis.util.gen_name("days"))
    members = engine.register(cells.members, ibis.util.gen_name("members"))
    return compile_pass(
        part,
        tables[part.table],
        schemas[part.table],
        subjects,
        days=days,
        members=members,
        first_day=cells.first_day,
    )


def _assemble(rows: Any, results: Sequence[Any], specs: Sequence[FeatureSpec]) -> Any:
    """Join the passes to the cohort and apply the missing rules."""
    joined = rows
    for result in results:
        features = [name for name in result.columns if name.startswith(FEATURE)]
        wider = joined.left_join(result, ["subject_no", "point"])
        joined = wider.select(*joined.columns, *features)
    columns = {SUBJECT: joined[SUBJECT], PREDICTION: joined[PREDICTION]}
    for spec in specs:
        value = joined[FEATURE + spec.name]
        filled = value if spec.missing.constant is None else value.fill_null(spec.missing.constant)
        columns[spec.name] = filled.cast("float64")
        if spec.has_flag:
            columns[spec.name + FLAG_SUFFIX] = value.isnull().cast("float64")
    return joined.select(**columns).order_by([SUBJECT, PREDICTION])


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
