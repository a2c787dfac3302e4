"""Whether the tables hold what features ask of them: dates that are dates, and days in reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from riskmodel.core.schema import Table
from riskmodel.core.windows import Interval, SchoolCalendar, is_before
from riskmodel.engine.session import Engine
from riskmodel.errors import DataContractError
from riskmodel.features.checks import PEER_COLUMNS, check_specs
from riskmodel.features.rows import find_used_columns, take_column
from riskmodel.features.schemas import KNOWN, PREDICTION
from riskmodel.features.specs import FeatureSpec

Points = Mapping[str, tuple[date, ...]]


@dataclass(frozen=True)
class TableFacts:
    """What one scan of a table says.

    Parameters
    ----------
    days : Interval or None
        From the first day with a row to the last; None without a dated row.
    first_known : datetime.date or None
        The first day on which a row was known.
    filled : frozenset of str
        The columns that hold a value in some row.
    """

    days: Interval | None
    first_known: date | None
    filled: frozenset[str]


@dataclass(frozen=True)
class FitFeatures:
    """The features that can be computed, and what a user should know of the others.

    Parameters
    ----------
    specs : tuple of FeatureSpec
        Those whose columns hold something, in the same order.
    notices : tuple of str
        What was left out, and which prediction points see nothing of some features.
    """

    specs: tuple[FeatureSpec, ...]
    notices: tuple[str, ...]


def fit_to_tables(
    engine: Engine,
    tables: Mapping[str, Any],
    cohort: pd.DataFrame,
    specs: Sequence[FeatureSpec],
    *,
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
) -> FitFeatures:
    """Return the features that the tables can give, and refuse tables that cannot be right.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        The event tables that there are, with `subject_id`.
    cohort : pandas.DataFrame
        ``prediction_date``, and where there are any ``point`` and the columns of peers.
    specs : sequence of FeatureSpec
        The features; those of other tables are left out.
    schemas : mapping of str to Table
        The tables' columns and dates, from `feature_schemas`.
    calendar : SchoolCalendar
        Where school years and terms start.

    Returns
    -------
    FitFeatures
        Without the features of columns that hold nothing in any row.

    Raises
    ------
    ConfigurationError
        If features do not fit the tables' schemas, with all findings.
    DataContractError
        With every finding: a column that is not of its type; a table without a row, without a
        row known before the last prediction date, or without a row in reach of any prediction
        date of a point.

    Notes
    -----
    Each table is scanned once. Findings name tables, columns, features and points, no value.
    """
    check_specs(specs, schemas)
    findings: list[str] = []
    notices: list[str] = []
    kept: list[FeatureSpec] = []
    points = _list_points(cohort)
    for name, group in _group_by_table(specs, tables).items():
        reads = _tell_readers(group)
        unfit = list(_find_wrong_types(name, tables[name], schemas[name], group))
        if unfit:
            findings += [f"{text} {reads}" for text in unfit]
            continue
        facts = inspect_table(engine, tables[name], schemas[name], find_used_columns(group))
        found = _find_out_of_reach(name, facts, group, points, calendar)
        findings += [f"{text} {reads}" for text in found]
        full = [spec for spec in group if _is_filled(spec, facts, cohort)]
        kept += full
        notices += _tell_left_out(name, group, full)
        notices += [] if found else _tell_unseen(name, facts, full, points, calendar)
    if findings:
        raise DataContractError(
            f"`tables` must hold what features look for, got {len(findings)} finding(s). Mend "
            "the extract, or leave out its features or the prediction point.",
            findings,
        )
    chosen = {spec.name for spec in kept}
    return FitFeatures(tuple(spec for spec in specs if spec.name in chosen), tuple(notices))


def leave_out_unknown(fit: FitFeatures, frame: pd.DataFrame) -> FitFeatures:
    """Leave out the features that are missing for everyone.

    Parameters
    ----------
    fit : FitFeatures
        The features.
    frame : pandas.DataFrame
        Their values, one column for each.

    Returns
    -------
    FitFeatures
        Those that are known of somebody, with a notice on the others.
    """
    unknown = [spec.name for spec in fit.specs if frame[spec.name].isna().all()]
    if not unknown:
        return fit
    specs = tuple(spec for spec in fit.specs if spec.name not in unknown)
    notice = f"left out, known of nobody at any prediction date: {', '.join(unknown)}"
    return FitFeatures(specs, (*fit.notices, notice))


def inspect_table(engine: Engine, table: Any, schema: Table, columns: Iterable[str]) -> TableFacts:
    """Return what one scan of a table says.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    table : ibis.Table
        The rows.
    schema : Table
        Their columns and date.
    columns : iterable of str
        The columns of which to tell whether they hold anything.

    Returns
    -------
    TableFacts
        Of the rows with a date.
    """
    assert schema.date is not None
    happened = take_column(table, schema.date, schema.columns)
    known = happened
    if schema.has_known_date and KNOWN in table.columns:
        known = ibis.coalesce(take_column(table, KNOWN, schema.columns), happened)
    names = list(columns)
    counts = {
        f"filled_{place}": take_column(table, name, schema.columns).count()
        for place, name in enumerate(names)
    }
    dates = {
        "first": happened.min(),
        "last": happened.max(),
        "known": ibis.greatest(known, happened).min(),
    }
    row = engine.to_pandas(table.aggregate(**dates, **counts)).iloc[0]
    filled = frozenset(name for place, name in enumerate(names) if row[f"filled_{place}"] > 0)
    if pd.isna(row["first"]):
        return TableFacts(None, None, filled)
    first, last, earliest = (pd.Timestamp(row[name]).date() for name in dates)
    return TableFacts(Interval(first, last + timedelta(days=1)), earliest, filled)


def _list_points(cohort: pd.DataFrame) -> Points:
    """Return the prediction dates of each point, in order."""
    names = cohort["point"] if "point" in cohort.columns else pd.Series("", cohort.index)
    days = pd.to_datetime(cohort[PREDICTION]).dt.date
    return {str(name): tuple(sorted(set(group))) for name, group in days.groupby(names)}


def _group_by_table(
    specs: Sequence[FeatureSpec], tables: Mapping[str, Any]
) -> dict[str, list[FeatureSpec]]:
    """Return the features of each table that is there."""
    groups: dict[str, list[FeatureSpec]] = {}
    for spec in specs:
        if spec.table in tables:
            groups.setdefault(spec.table, []).append(spec)
    return groups


def _tell_readers(specs: Sequence[FeatureSpec]) -> str:
    """Return which features read a table."""
    others = f" and {len(specs) - 1} more" if len(specs) > 1 else ""
    return f"(read by `{specs[0].name}`{others})"


def _find_wrong_types(
    name: str, table: Any, schema: Table, specs: Sequence[FeatureSpec]
) -> Iterator[str]:
    """Yield a finding for each column that does not hold what its schema says."""
    dates = {schema.date, KNOWN} if schema.has_known_date else {schema.date}
    if schema.date not in table.columns:
        yield f"{name}: column `{schema.date}` must be there"
    for column in (*sorted(filter(None, dates)), *find_used_columns(specs)):
        if column not in table.columns:
            continue
        held, wanted = table[column].type(), schema.columns[column].type
        if not _holds(held, wanted):
            yield f"{name}: column `{column}` must be of the type {wanted}, got {held}"


def _holds(held: Any, wanted: str) -> bool:
    """Tell whether a column's type can stand for a declared one."""
    if held.is_null():
        return True
    if wanted == "date":
        return bool(held.is_date() or held.is_timestamp())
    if wanted == "string":
        return bool(held.is_string())
    if wanted == "boolean":
        return bool(held.is_boolean())
    return bool(held.is_numeric() or held.is_boolean())


def _find_out_of_reach(
    name: str,
    facts: TableFacts,
    specs: Sequence[FeatureSpec],
    points: Points,
    calendar: SchoolCalendar,
) -> list[str]:
    """Return what keeps a table's rows from all features, at all dates or at a point."""
    if facts.days is None or facts.first_known is None:
        return [f"{name}: must hold at least one row with a date, got none"]
    last = max(day for days in points.values() for day in days)
    if not is_before(facts.first_known, last):
        return [f"{name}: must hold a row known before the last prediction date, got none"]
    return [
        f"{name}: must hold rows in reach of the point '{point}', got none at any of its "
        f"{len(days)} prediction date(s)"
        for point, days in points.items()
        if not any(_sees(spec, facts, days, calendar) for spec in specs)
    ]


def _sees(
    spec: FeatureSpec, facts: TableFacts, days: Sequence[date], calendar: SchoolCalendar
) -> bool:
    """Tell whether a feature has a day with data in its window at any of some dates."""
    assert facts.days is not None
    return any(
        is_before(facts.first_known, day) and _meet(spec.window.bounds(day, calendar), facts.days)
        for day in days
    )


def _meet(one: Interval, two: Interval) -> bool:
    """Tell whether two intervals share a day."""
    return bool(is_before(one.start, two.end) and is_before(two.start, one.end))


def _is_filled(spec: FeatureSpec, facts: TableFacts, cohort: pd.DataFrame) -> bool:
    """Tell whether the columns that a feature reads hold anything."""
    needed = [*spec.where, *spec.match]
    groups = [spec.value, spec.denominator]
    return (
        all(name in facts.filled for name in needed)
        and all(not names or facts.filled.intersection(names) for names in groups)
        and (spec.relative_to is None or _has_peers(spec.relative_to, cohort))
    )


def _has_peers(column: str, cohort: pd.DataFrame) -> bool:
    """Tell whether the cohort says who a pupil's peers are."""
    return column in PEER_COLUMNS and column in cohort.columns and bool(cohort[column].count())


def _tell_left_out(
    name: str, specs: Sequence[FeatureSpec], full: Sequence[FeatureSpec]
) -> list[str]:
    """Return a notice if features were left out."""
    empty = [spec.name for spec in specs if spec not in full]
    if not empty:
        return []
    return [f"{name}: left out for want of a filled column: {', '.join(empty)}"]


def _tell_unseen(
    name: str,
    facts: TableFacts,
    specs: Sequence[FeatureSpec],
    points: Points,
    calendar: SchoolCalendar,
) -> list[str]:
    """Return a notice for each point at which some features see no day with data."""
    notices = []
    for point, days in points.items():
        unseen = [spec.name for spec in specs if not _sees(spec, facts, days, calendar)]
        if unseen:
            notices.append(f"{name}: no data at the point '{point}' for {', '.join(unseen)}")
    return notices
