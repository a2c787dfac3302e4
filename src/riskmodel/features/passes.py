"""One pass over a table: rows into cells, and cells into features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from riskmodel.core.schema import Table
from riskmodel.core.windows import is_before
from riskmodel.features.aggregations import (
    AGGREGATIONS,
    ANY_HIT,
    DAYS,
    FIRST_DAY,
    HIT_DAYS,
    LAST_DAY,
    LONGEST_CELL_DAYS,
    Moment,
    Moments,
    reduce_column,
    shift_line,
)
from riskmodel.features.cells import Span
from riskmodel.features.days import (
    RUN_PARTS,
    DaySet,
    count_days,
    find_runs,
    number_misses,
    unite_days,
)
from riskmodel.features.inputs import Inputs
from riskmodel.features.placement import (
    Plan,
    find_late_columns,
    group_names,
    mark_replaced,
    place_rows,
    see_cells,
)
from riskmodel.features.specs import FeatureSpec

DAY_KEY = ":day"
"""The key of the passes over days; no column has this name."""

_EDGE_DAYS = {"latest": LAST_DAY, "earliest": FIRST_DAY}
"""The days on which rows count that an end of a window is found by."""

FEATURE = "feature_"
"""What stands before a feature's name in the table of a pass, apart from its own columns."""


@dataclass(frozen=True)
class Pass:
    """The features of one table that are made from the same grouping of its rows.

    Parameters
    ----------
    table : str
        The table.
    key : str
        Empty, `DAY_KEY`, or the column whose different values are counted.
    late_columns : tuple of str
        The dates before which columns that are read were not known.
    specs : tuple of FeatureSpec
        The features.
    """

    table: str
    key: str
    late_columns: tuple[str, ...]
    specs: tuple[FeatureSpec, ...]

    @property
    def spans(self) -> dict[Span, str]:
        """The different spans of days that the features look at, with their columns."""
        used = [Span(spec.window) for spec in self.specs]
        used += [get_baseline(spec) for spec in self.specs if spec.baseline is not None]
        return {span: f"span_{number}" for number, span in enumerate(dict.fromkeys(used))}

    @property
    def longest_days(self) -> int | None:
        """The most days that a cell may hold, or None for any number."""
        is_short = any(AGGREGATIONS[spec.aggregation].needs_short_cells for spec in self.specs)
        return LONGEST_CELL_DAYS if is_short else None


def find_passes(specs: Sequence[FeatureSpec], schemas: Mapping[str, Table]) -> tuple[Pass, ...]:
    """Return the passes that features need: one per table, and one per further key.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.
    schemas : mapping of str to Table
        The tables' columns.

    Returns
    -------
    tuple of Pass
        Each feature is in one of them.
    """
    parts: dict[tuple[str, str, tuple[str, ...]], list[FeatureSpec]] = {}
    for spec in specs:
        late_columns = find_late_columns(spec, schemas[spec.table])
        parts.setdefault((spec.table, _find_key(spec), late_columns), []).append(spec)
    return tuple(Pass(*names, tuple(group)) for names, group in parts.items())


def compile_pass(
    part: Pass,
    table: Any,
    schema: Table,
    plan: Plan,
    materialise: Callable[[Any], Any],
) -> Any:
    """Return the features of one pass per row of the cohort.

    Parameters
    ----------
    part : Pass
        The features.
    table : ibis.Table
        The rows.
    schema : Table
        Their columns and date.
    plan : Plan
        The cohort and the cells.
    materialise : callable
        Computes a table at once, to be read from then on.

    Returns
    -------
    ibis.Table
        ``row_no`` and one floating column per feature, null where not defined. A row of the
        cohort that sees nothing may be absent.
    """
    if plan.replaced is not None:
        table = mark_replaced(table, schema, plan.replaced)
    inputs = Inputs(table, schema.columns, part.specs, plan.presence)
    placed = place_rows(table, schema, part.late_columns, plan, inputs)
    if part.key == DAY_KEY:
        measures, seen, edges = _see_days(part, placed, inputs, plan, materialise)
    else:
        measures, cells = _gather_cells(part, placed, inputs)
        if any(AGGREGATIONS[spec.aggregation].finish is None for spec in part.specs):
            cells = materialise(cells)
        seen, edges = see_cells(cells, plan), {}
    combiner = _Combiner(part, seen, measures, edges)
    requests = {spec.name: combiner.request(spec) for spec in part.specs}
    sums = combiner.compute(plan.bits)
    features = {
        FEATURE + spec.name: _finish(spec, sums, *requests[spec.name]).cast("float64")
        for spec in part.specs
    }
    return sums.select("row_no", **features)


def get_baseline(spec: FeatureSpec) -> Span:
    """Return the days that a feature's window is compared with.

    Parameters
    ----------
    spec : FeatureSpec
        A feature with a baseline.

    Returns
    -------
    Span
        The baseline without the window.
    """
    assert spec.baseline is not None
    return Span(spec.baseline, without=spec.window)


def _find_key(spec: FeatureSpec) -> str:
    """Return by what a feature's rows are grouped besides the cells."""
    if AGGREGATIONS[spec.aggregation].kind == "values":
        return spec.value[0]
    return DAY_KEY if _find_edge(spec) else ""


def _find_edge(spec: FeatureSpec) -> tuple[str, int] | None:
    """Return which end of the window a feature looks at and for how many days, or None."""
    edge = AGGREGATIONS[spec.aggregation].edge
    if edge is None and spec.latest_days is None:
        return None
    return edge or "latest", spec.latest_days or 1


def _get_edge(spec: FeatureSpec) -> tuple[str, int]:
    """Return the end and the days that a feature of a pass over days looks at."""
    edge = _find_edge(spec)
    assert edge is not None
    return edge


def _get_moments(spec: FeatureSpec) -> tuple[Moment, ...]:
    """Return the moments of a feature."""
    return AGGREGATIONS[spec.aggregation].moments


@dataclass(frozen=True)
class _Measures:
    """The columns that rows are gathered into, each thing once.

    Parameters
    ----------
    names : dict
        The columns by feature and moment.
    scales : dict
        What each column has been multiplied by.
    """

    names: dict[tuple[str, str], str]
    scales: dict[str, int]

    def get(self, spec: FeatureSpec, moment: Moment) -> str:
        """Return the column of a feature's moment."""
        return self.names[spec.name, moment.name]


def _read_rows(
    part: Pass,
    placed: Any,
    inputs: Inputs,
    list_moments: Callable[[FeatureSpec], Sequence[Moment]],
) -> tuple[_Measures, dict[str, tuple[Any, Moment]]]:
    """Return the measures, and each one's column of the rows with how it is reduced."""
    measures = _Measures({}, {})
    columns: dict[str, tuple[Any, Moment]] = {}
    shared: dict[Any, str] = {}
    for spec in part.specs:
        row = inputs.read(placed, spec)
        for moment in list_moments(spec):
            column, scale = moment.take(row)
            identity = (column.op(), moment.reduction, scale)
            name = shared.setdefault(identity, f"measure_{len(shared)}")
            measures.names[spec.name, moment.name] = name
            measures.scales[name] = scale
            columns.setdefault(name, (column, moment))
    return measures, columns


def _gather_cells(
    part: Pass,
    placed: Any,
    inputs: Inputs,
    list_moments: Callable[[FeatureSpec], Sequence[Moment]] = _get_moments,
) -> tuple[_Measures, Any]:
    """Return the measures, and the rows grouped into cells with them."""
    measures, columns = _read_rows(part, placed, inputs, list_moments)
    reduced = {
        name: reduce_column(column, moment.reduction) for name, (column, moment) in columns.items()
    }
    is_by_value = part.key not in ("", DAY_KEY)
    keys = {"key": placed[inputs.value_name(part.specs[0])]} if is_by_value else {}
    return measures, placed.group_by(*group_names(placed), **keys).aggregate(**reduced)


def _see_days(
    part: Pass, placed: Any, inputs: Inputs, plan: Plan, materialise: Callable[[Any], Any]
) -> tuple[_Measures, Any, dict[str, str]]:
    """Return the measures, the rows that the cohort sees, and the edges of features' windows.

    Only few rows lie near an edge: to find the edges first and then look at these rows takes
    less than grouping all rows by day.
    """
    measures, columns = _read_rows(part, placed, inputs, _get_moments)
    taken = {name: column for name, (column, _) in columns.items()}
    rows = placed.select(*group_names(placed), key=placed.day, **taken)
    names, edges = _find_edges(part, placed, inputs, plan)
    return measures, see_cells(rows, plan, materialise(edges)), names


def _find_edges(part: Pass, placed: Any, inputs: Inputs, plan: Plan) -> tuple[dict[str, str], Any]:
    """Return the columns of features, and the first or last days on which rows count for them."""
    moments = {spec.name: _EDGE_DAYS[_get_edge(spec)[0]] for spec in part.specs}
    measures, cells = _gather_cells(part, placed, inputs, lambda spec: [moments[spec.name]])
    seen, spans = see_cells(cells, plan), part.spans
    names: dict[str, str] = {}
    days: dict[str, Any] = {}
    reach: dict[tuple[str, str], int] = {}
    for spec in part.specs:
        moment, span = moments[spec.name], spans[Span(spec.window)]
        measure = measures.get(spec, moment)
        names[spec.name] = name = f"edge_{measure}_{span}"
        inside = ibis.ifelse(seen[span], seen[measure], None)
        days.setdefault(name, reduce_column(inside, moment.reduction))
        end, n_days = _get_edge(spec)
        reach[name, end] = max(n_days, reach.get((name, end), 0))
    edges = seen.group_by("row_no").aggregate(**days)
    after = [edges[name] - n for (name, end), n in reach.items() if end == "latest"]
    before = [edges[name] + n for (name, end), n in reach.items() if end == "earliest"]
    return names, edges.mutate(
        after=_take_outermost(ibis.least, after), before=_take_outermost(ibis.greatest, before)
    )


def _take_outermost(choose: Callable[..., Any], days: Sequence[Any]) -> Any:
    """Return the least or greatest of some days; Spark's own functions refuse a single one."""
    if len(days) < 2:
        return days[0] if days else ibis.null("int32")
    return choose(*days)


class _Combiner:
    """Collects what is added up over the cells of windows, each thing once.

    Parameters
    ----------
    part : Pass
        The features.
    seen : ibis.Table
        One row per cell, or per row of the table, and row of the cohort that sees it.
    measures : _Measures
        The measures' columns.
    edges : mapping of str to str
        The columns with the first or last day of features' windows, by feature.
    """

    def __init__(
        self, part: Pass, seen: Any, measures: _Measures, edges: Mapping[str, str]
    ) -> None:
        self._measures = measures
        self._spans = part.spans
        self._edges = edges
        self._seen = seen
        self._names: dict[tuple[str, ...], str] = {}
        self._columns: dict[str, Any] = {"prediction_day": self._seen.prediction_day.max()}
        self._day_sets: dict[DaySet, str] = {}
        self._with_runs: set[DaySet] = set()

    def request(self, spec: FeatureSpec) -> tuple[dict[str, str], dict[str, str]]:
        """Ask for what a feature needs, and return the columns of its window and baseline."""
        span = Span(spec.window)
        if AGGREGATIONS[spec.aggregation].finish is None:
            return self._request_days(spec, span), {}
        baseline = {} if spec.baseline is None else self._request(spec, get_baseline(spec), None)
        return self._request(spec, span, _find_edge(spec)), baseline

    def _request_days(self, spec: FeatureSpec, span: Span) -> dict[str, str]:
        """Ask for days as bits in a span."""
        days, hits = (self._measures.get(spec, moment) for moment in (DAYS, HIT_DAYS))
        item = DaySet(days, hits, self._spans[span])
        name = self._day_sets.setdefault(item, f"set_{len(self._day_sets)}")
        if AGGREGATIONS[spec.aggregation].kind == "runs":
            self._with_runs.add(item)
        return {part: f"{name}_{part}" for part in ("days", "hits", *RUN_PARTS)}

    def _request(
        self, spec: FeatureSpec, span: Span, edge: tuple[str, int] | None
    ) -> dict[str, str]:
        """Ask for a feature's moments over a span, or over its first or last days."""
        condition, where = self._look_at(spec, span, edge)
        aggregation = AGGREGATIONS[spec.aggregation]
        read = {moment.name: self._measures.get(spec, moment) for moment in aggregation.moments}
        columns = {name: self._seen[measure] for name, measure in read.items()}
        if aggregation.kind == "line":
            columns |= shift_line(columns, self._seen.origin)
        sums = {}
        for moment in aggregation.moments:
            kept = ibis.ifelse(condition, columns[moment.name], None)
            total = reduce_column(kept, moment.reduction).cast("float64")
            scale = self._measures.scales[read[moment.name]]
            identity = (*where, read[moment.name], aggregation.kind)
            sums[moment.name] = self._name(identity, total if scale == 1 else total / scale)
        if aggregation.kind == "values":
            measure = self._measures.get(spec, ANY_HIT)
            kept = ibis.ifelse(condition & (self._seen[measure] > 0), self._seen.key, None)
            sums["keys"] = self._name((*where, measure, "keys"), kept.nunique().cast("float64"))
        return sums

    def _look_at(
        self, spec: FeatureSpec, span: Span, edge: tuple[str, int] | None
    ) -> tuple[Any, tuple[str, ...]]:
        """Return which rows lie in the span, or among its first or last days, and a name for it."""
        inside = self._seen[self._spans[span]]
        if edge is None:
            return inside, (self._spans[span],)
        end, days = edge
        name = self._edges[spec.name]
        day, key = self._seen[name], self._seen.key
        is_near = is_before(day - days, key) if end == "latest" else is_before(key, day + days)
        return inside & is_near, (name, str(days))

    def _name(self, identity: tuple[str, ...], column: Any) -> str:
        """Return the name of a sum, adding it if it is new."""
        if identity not in self._names:
            self._names[identity] = f"sum_{len(self._names)}"
            self._columns[self._names[identity]] = column
        return self._names[identity]

    def compute(self, bits: Any) -> Any:
        """Return all that was asked for, per row of the cohort."""
        sums = self._seen.group_by("row_no").aggregate(**self._columns)
        if not self._day_sets:
            return sums
        united = unite_days(self._seen, tuple(self._day_sets))
        sets = {name: item for item, name in self._day_sets.items()}
        parts = [count_days(united, sets)]
        with_runs = {name: item for name, item in sets.items() if item in self._with_runs}
        numbered = number_misses(united, with_runs) if with_runs else None
        for name in with_runs:
            runs = find_runs(numbered, name, bits)
            parts.append(runs.rename({f"{name}_{part}": part for part in RUN_PARTS}))
        for part in parts:
            wider = sums.left_join(part, "row_no")
            sums = wider.select(*sums.columns, *(n for n in part.columns if n != "row_no"))
        return sums


def _finish(
    spec: FeatureSpec, sums: Any, window: Mapping[str, str], baseline: Mapping[str, str]
) -> Any:
    """Return a feature from what was added up for it."""
    aggregation = AGGREGATIONS[spec.aggregation]
    if aggregation.finish is None:
        days, hits = sums[window["days"]], sums[window["hits"]]
        found = hits
        if spec.aggregation == "longest_run":
            found = sums[window["longest"]]
        elif spec.aggregation == "current_run":
            found = sums[window["current"]]
        return ibis.ifelse(days > 0, found.fill_null(0), None)
    return aggregation.finish(
        Moments(
            window={moment: sums[name] for moment, name in window.items()},
            baseline={moment: sums[name] for moment, name in baseline.items()},
            prediction_day=sums.prediction_day,
            per_days=spec.per_days,
        )
    )
