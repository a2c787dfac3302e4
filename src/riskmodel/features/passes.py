"""One pass over a table: rows into cells, and cells into features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis

from riskmodel.core.schema import Table
from riskmodel.core.windows import SchoolCalendar, is_before
from riskmodel.features.aggregations import (
    AGGREGATIONS,
    ANY_HIT,
    ROWS,
    Moment,
    Moments,
    reduce_column,
)
from riskmodel.features.cells import CellPlan, CohortPlan, Span, plan_cells
from riskmodel.features.rows import (
    INPUT,
    describe_row,
    find_used_columns,
    read_row,
    take_column,
)
from riskmodel.features.schemas import KNOWN, SUBJECT
from riskmodel.features.specs import FeatureSpec

DAY_KEY = ":day"
"""The key of the passes over days; no column has this name."""

FEATURE = "feature_"
"""What stands before a feature's name in the table of a pass, apart from its own columns."""

_GROUP = ("subject_no", "cell", "known")


@dataclass(frozen=True)
class Pass:
    """The features of one table that are made from the same grouping of its rows.

    Parameters
    ----------
    table : str
        The table.
    key : str
        Empty, `DAY_KEY`, or the column whose different values are counted.
    specs : tuple of FeatureSpec
        The features.
    """

    table: str
    key: str
    specs: tuple[FeatureSpec, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """The different spans of days that the features look at."""
        used = [Span(spec.window) for spec in self.specs]
        used += [_get_baseline(spec) for spec in self.specs if spec.baseline is not None]
        return tuple(dict.fromkeys(used))

    def plan_cells(self, plan: CohortPlan, calendar: SchoolCalendar) -> CellPlan:
        """Return the cells that this pass needs.

        Parameters
        ----------
        plan : CohortPlan
            The cohort.
        calendar : SchoolCalendar
            Where school years start.

        Returns
        -------
        CellPlan
            With the columns of `spans` in their order.
        """
        return plan_cells(plan.dates, self.spans, calendar)


def find_passes(specs: Sequence[FeatureSpec]) -> tuple[Pass, ...]:
    """Return the passes that features need: one per table, and one per further key.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.

    Returns
    -------
    tuple of Pass
        Each feature is in one of them.
    """
    parts: dict[tuple[str, str], list[FeatureSpec]] = {}
    for spec in specs:
        parts.setdefault((spec.table, _find_key(spec)), []).append(spec)
    return tuple(Pass(table, key, tuple(group)) for (table, key), group in parts.items())


def compile_pass(
    part: Pass,
    table: Any,
    schema: Table,
    subjects: Any,
    *,
    days: Any,
    members: Any,
    first_day: date,
) -> Any:
    """Return the features of one pass per subject and prediction date.

    Parameters
    ----------
    part : Pass
        The features.
    table : ibis.Table
        The rows.
    schema : Table
        Their columns and date.
    subjects : ibis.Table
        ``subject_id``, ``subject_no``, ``plan``.
    days, members : ibis.Table
        The cells, as in `CellPlan`.
    first_day : datetime.date
        What stands for all earlier days.

    Returns
    -------
    ibis.Table
        ``subject_no``, ``point`` and one floating column per feature, null where not defined.
        A subject and prediction date without any row may be absent.
    """
    placed = _place_rows(part, table, schema, subjects, days, first_day)
    measures, cells = _gather_cells(part, placed)
    seen = cells.join(members, [cells.cell == members.cell, cells.known <= members.point])
    seen = seen.select(*cells.columns, *(name for name in members.columns if name != "cell"))
    return _combine_cells(part, seen, measures)


def _find_key(spec: FeatureSpec) -> str:
    """Return by what a feature's rows are grouped besides the cells."""
    key = AGGREGATIONS[spec.aggregation].key
    if key == "value":
        return spec.value[0]
    return DAY_KEY if key == "day" or _get_latest_days(spec) is not None else ""


def _get_latest_days(spec: FeatureSpec) -> int | None:
    """Return how many of the latest days a feature looks at, or None for all."""
    default = 1 if AGGREGATIONS[spec.aggregation].always_latest else None
    return spec.latest_days or default


def _get_baseline(spec: FeatureSpec) -> Span:
    """Return the days that a feature's window is compared with."""
    assert spec.baseline is not None
    return Span(spec.baseline, without=spec.window)


def _place_rows(
    part: Pass, table: Any, schema: Table, subjects: Any, days: Any, first_day: date
) -> Any:
    """Return the rows of the cohort's subjects with their day and their cells."""
    assert schema.date is not None
    happened = take_column(table, schema.date, schema.columns)
    has_known = KNOWN in schema.columns and KNOWN in table.columns
    known = take_column(table, KNOWN, schema.columns) if has_known else happened
    inputs = {
        INPUT + name: take_column(table, name, schema.columns)
        for name in find_used_columns(part.specs)
    }
    # Days before the first edge share a cell; a fact is not known before it has happened, as
    # far as windows that end by the prediction date can tell.
    early = ibis.literal(first_day)
    rows = table.filter(happened.notnull()).select(
        subject_id=table[SUBJECT],
        row_day=happened.epoch_days(),
        day=ibis.greatest(happened, early),
        known_day=ibis.greatest(ibis.coalesce(known, happened), happened, early),
        **inputs,
    )
    rows = rows.inner_join(subjects, SUBJECT).drop(SUBJECT)
    placed = rows.inner_join(days, ["plan", "day"])
    if not has_known:
        return placed.drop("plan", "day", "known_day")
    later = days.select(plan="plan", known_day="day", known_later="known")
    placed = placed.drop("known").inner_join(later, ["plan", "known_day"])
    return placed.drop("plan", "day", "known_day").rename(known="known_later")


def _gather_cells(part: Pass, placed: Any) -> tuple[dict[tuple[str, str], str], Any]:
    """Return the names of the measures, and the rows grouped into cells with them."""
    measures: dict[tuple[str, str], str] = {}
    columns: dict[str, Any] = {}
    for spec in part.specs:
        row = read_row(placed, spec, placed.row_day)
        for moment in _get_moments(spec):
            identity = (describe_row(spec), moment.name)
            if identity not in measures:
                measures[identity] = f"measure_{len(measures)}"
                columns[measures[identity]] = moment.gather(row)
    keys = {} if not part.key else {"key": _get_key(part, placed)}
    return measures, placed.group_by(*_GROUP, **keys).aggregate(**columns)


def _get_key(part: Pass, placed: Any) -> Any:
    """Return the column that rows are grouped by besides the cells."""
    return placed.row_day if part.key == DAY_KEY else placed[INPUT + part.key]


def _get_moments(spec: FeatureSpec) -> tuple[Moment, ...]:
    """Return the moments of a feature; to find the latest day, rows are counted too."""
    moments = AGGREGATIONS[spec.aggregation].moments
    return (*moments, ROWS) if _get_latest_days(spec) and ROWS not in moments else moments


class _Combiner:
    """Collects what is added up over the cells of windows, each thing once.

    Parameters
    ----------
    part : Pass
        The features.
    seen : ibis.Table
        One row per cell and prediction date that sees it.
    measures : dict
        The measures' columns by row text and moment.
    """

    def __init__(self, part: Pass, seen: Any, measures: Mapping[tuple[str, str], str]) -> None:
        self._measures = measures
        self._spans = {span: f"span_{number}" for number, span in enumerate(part.spans)}
        self._latest: dict[tuple[str, Span], str] = {}
        self.seen = self._find_latest(part, seen)
        self._names: dict[tuple[str, ...], str] = {}
        self.columns: dict[str, Any] = {"prediction_day": self.seen.prediction_day.max()}

    def _find_latest(self, part: Pass, seen: Any) -> Any:
        """Return the cells with the latest day on which a row counts, where asked for."""
        group = ibis.window(group_by=[seen.subject_no, seen.point])
        columns: dict[str, Any] = {}
        for spec in part.specs:
            identity = (describe_row(spec), Span(spec.window))
            if _get_latest_days(spec) is None or identity in self._latest:
                continue
            self._latest[identity] = name = f"latest_{len(self._latest)}"
            counts = (
                seen[self._spans[identity[1]]]
                & seen[self._measures[identity[0], ROWS.name]].notnull()
            )
            columns[name] = ibis.ifelse(counts, seen.key, None).max().over(group)
        return seen.mutate(**columns) if columns else seen

    def add(self, spec: FeatureSpec, span: Span, latest_days: int | None) -> dict[str, str]:
        """Return the names of the sums of a feature's moments over a span."""
        condition = self._look_at(spec, span, latest_days)
        aggregation = AGGREGATIONS[spec.aggregation]
        text = describe_row(spec)
        where = (self._spans[span], str(latest_days), text if latest_days else "")
        sums = {}
        for moment in aggregation.moments:
            measure = self._measures[text, moment.name]
            kept = ibis.ifelse(condition, self.seen[measure], None)
            sums[moment.name] = self._name((*where, measure), reduce_column(kept, moment.reduction))
        if aggregation.key:
            measure = self._measures[text, ANY_HIT.name]
            kept = ibis.ifelse(condition & (self.seen[measure] > 0), self.seen.key, None)
            sums["keys"] = self._name((*where, measure, "keys"), kept.nunique())
        return sums

    def _look_at(self, spec: FeatureSpec, span: Span, latest_days: int | None) -> Any:
        """Return which rows lie in the span, and among its latest days where asked for."""
        inside = self.seen[self._spans[span]]
        if latest_days is None:
            return inside
        latest = self.seen[self._latest[describe_row(spec), span]]
        return inside & is_before(latest - latest_days, self.seen.key)

    def _name(self, identity: tuple[str, ...], column: Any) -> str:
        """Return the name of a sum, adding it if it is new."""
        if identity not in self._names:
            self._names[identity] = f"sum_{len(self._names)}"
            self.columns[self._names[identity]] = column.cast("float64")
        return self._names[identity]


def _combine_cells(part: Pass, seen: Any, measures: Mapping[tuple[str, str], str]) -> Any:
    """Return the features, from the cells that each prediction date sees."""
    combiner = _Combiner(part, seen, measures)
    names = []
    for spec in part.specs:
        window = combiner.add(spec, Span(spec.window), _get_latest_days(spec))
        baseline = combiner.add(spec, _get_baseline(spec), None) if spec.baseline else {}
        names.append((spec, window, baseline))
    sums = combiner.seen.group_by("subject_no", "point").aggregate(**combiner.columns)
    features = {
        FEATURE + spec.name: AGGREGATIONS[spec.aggregation]
        .finish(
            Moments(
                window={moment: sums[name] for moment, name in window.items()},
                baseline={moment: sums[name] for moment, name in baseline.items()},
                prediction_day=sums.prediction_day,
                per_days=spec.per_days,
            )
        )
        .cast("float64")
        for spec, window, baseline in names
    }
    return sums.select("subject_no", "point", **features)
