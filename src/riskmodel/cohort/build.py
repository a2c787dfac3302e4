"""Building the cohort: one row per pupil and prediction date, with what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd

from riskmodel.cohort.dates import find_date_errors
from riskmodel.cohort.leakage import LateCohort, leave_out_late
from riskmodel.cohort.population import choose_enrolments
from riskmodel.cohort.specs import (
    CohortSpec,
    CrossFittedSplit,
    OutcomeSpec,
    PredictionDate,
    TemporalSplit,
)
from riskmodel.core.validation import find_missing_columns, suggest_name
from riskmodel.core.windows import SchoolCalendar, is_before, is_current
from riskmodel.errors import ConfigurationError, DataContractError, UsageError

LABEL_COLUMNS = (
    "subject_id",
    "prediction_date",
    "cohort",
    "point",
    "school_unit",
    "school_class",
    "label",
    "status",
    "outcome_known_date",
    "split",
)
"""The columns of the labels, in order."""

_KEYS = ("subject_id", "cohort", "point")
_ENROLMENT_COLUMNS = ("subject_id", "school_unit", "start_date", "end_date")
_OUTCOME_COLUMNS = ("subject_id", "outcome", "date", "value", "status")
UNLABELLED = ("deceased", "moved", "censored", "unknown")
"""The statuses of pupils without a label."""
_MOST_PUPILS = 0.5


@dataclass(frozen=True)
class FlowCount:
    """How many pupils reached one step of making one cohort at one point.

    Parameters
    ----------
    cohort, point : str
        Which cohort, at which prediction point.
    step : str
        ``enrolled`` = ``cancelled`` (whose enrolment never came about) + ``eligible``, and
        ``eligible`` = ``labelled`` + ``moved`` + ``deceased`` + ``censored`` + ``unknown``.
    count : int
        Number of pupils. May be small: not for release as it is.
    """

    cohort: str
    point: str
    step: str
    count: int


@dataclass(frozen=True)
class CohortResult:
    """The cohort's rows with their labels, and how they came about.

    Parameters
    ----------
    labels : pandas.DataFrame
        One row per pupil and prediction date, sorted by prediction date and pupil, with the
        columns of `LABEL_COLUMNS`. `school_class` is named together with its school unit and
        missing where it is not known; `label` is 1 for not completed, 0 for completed, NaN for
        not known; `status` says why (observed, moved, deceased, censored, unknown);
        `outcome_known_date` is when the label was known, None where there is none; `split`
        is train, test or none.
    flow : tuple of FlowCount
        Counts of pupils by step, cohort and point.
    left_out : tuple of LateCohort
        Training cohorts left out at a point, since their outcomes were not known in time.
    """

    labels: pd.DataFrame
    flow: tuple[FlowCount, ...]
    left_out: tuple[LateCohort, ...] = ()

    def flow_frame(self) -> pd.DataFrame:
        """Return the flow with one row per cohort and point and one column per step.

        Returns
        -------
        pandas.DataFrame
            Counts of pupils.
        """
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for item in self.flow:
            row = rows.setdefault(
                (item.cohort, item.point), {"cohort": item.cohort, "point": item.point}
            )
            row[item.step] = item.count
        return pd.DataFrame(list(rows.values()))


def build_cohort(
    tables: Mapping[str, Any], spec: CohortSpec, *, calendar: SchoolCalendar
) -> CohortResult:
    """Find who is in the population at each prediction date, and label them.

    A pupil is in the population if an enrolment that meets the point's conditions is current
    on the prediction date and was known before it (an enrolment that ends on that day is not
    current). An enrolment marked as cancelled counts until its end date, because the mark was
    set then; without an end date it never came about. Where several are current, the one
    that started last gives the school unit, then the first in alphabetical order; it also
    gives the point and cohort, where points of several grade levels fall on one day.

    Of the outcomes inside the window, one completed gives the label 0, else one observed
    gives 1; else the label is missing and the status says whether the pupil died, moved or
    was censored between the prediction date and the window's end, or nothing is known.

    Training cohorts whose outcomes were not known before a point's first test prediction date
    are left out of training at that point.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The population's table (columns subject_id, school_unit, start_date, end_date and the
        ones that `where` names; school_class, cancelled and known_date if there are any) and
        ``outcomes``
        (subject_id, outcome, date, value, status; known_date if there is one).
    spec : CohortSpec
        Population, cohorts, prediction points, outcome and split.
    calendar : SchoolCalendar
        On which day a school year starts, and when grades are in.

    Returns
    -------
    CohortResult
        Labels, flow and the cohorts left out of training.

    Raises
    ------
    UsageError
        If a table is not given.
    DataContractError
        If a column is missing or has another type.
    ConfigurationError
        If prediction dates are ambiguous or too late, or nobody is in the population at any
        of a point's dates.
    LeakageError
        If a point has nothing left to train on, or a late cohort in a split of its own.

    Notes
    -----
    One query over both tables, whatever the number of prediction dates. The result does not
    depend on the order of the rows.
    """
    _check_dates(spec, calendar)
    dates = spec.prediction_dates(calendar)
    enrolments, outcomes = _select_tables(tables, spec, dates)
    chosen = choose_enrolments(enrolments, dates)
    labelled = _attach_outcomes(chosen, outcomes, spec)
    rows = labelled.to_pyarrow().to_pandas()
    eligible = rows[~rows["void"]]
    _check_points(eligible, dates)
    labels, left_out = _finish(eligible, spec)
    return CohortResult(labels, _count_flow(rows, dates), left_out)


def _check_dates(spec: CohortSpec, calendar: SchoolCalendar) -> None:
    """Refuse prediction dates that are ambiguous, or that lie after the outcome."""
    findings = find_date_errors(spec, calendar)
    if findings:
        raise ConfigurationError(
            "`prediction_points` must fall on different days, or be for different enrolments, "
            f"before the outcome, got {len(findings)} that do not. Mend each of them.",
            findings,
        )


def _check_points(eligible: pd.DataFrame, dates: Sequence[PredictionDate]) -> None:
    """Refuse points at which nobody is predicted for, or the outcome is known already."""
    findings = []
    for point in dict.fromkeys(item.point for item in dates):
        rows = eligible[eligible["point"] == point]
        if rows.empty:
            findings.append(_describe_empty([item for item in dates if item.point == point]))
        elif rows["label"].isna().all() and rows["was_known"].mean() > _MOST_PUPILS:
            findings.append(
                f"prediction_points.{point}: lies after the outcome, which most pupils had before"
            )
    if findings:
        raise ConfigurationError(
            "`population` must match an enrolment at a date of every prediction point, before "
            f"the outcome, got {len(findings)} point(s) without. Check the grade levels, "
            "`where`, the cohorts' dates and the dates in the enrolment table.",
            findings,
        )


def _describe_empty(dates: Sequence[PredictionDate]) -> str:
    """Return the finding for a point at which there is nobody."""
    first, last = dates[0], dates[-1]
    wanted = "; ".join(
        f"{column} {', '.join(str(value) for value in values)}"
        for where in first.conditions
        for column, values in where.items()
    )
    return (
        f"prediction_points.{first.point}: no enrolment ({wanted or 'any'}) is current from "
        f"{first.date} (cohort {first.cohort}) to {last.date} (cohort {last.cohort})"
    )


def _select_tables(
    tables: Mapping[str, Any], spec: CohortSpec, dates: Sequence[PredictionDate]
) -> tuple[Any, Any]:
    """Return the two tables after checking that they are there with the columns needed."""
    name, where = spec.population.table, _all_filters(dates)
    for needed in (name, "outcomes"):
        if needed not in tables:
            raise UsageError(
                f"`tables` must hold '{needed}', got {len(tables)} others."
                f"{suggest_name(needed, tables)} Add it to the sources."
            )
    enrolments, outcomes = tables[name], tables["outcomes"]
    findings = [
        *find_missing_columns(
            enrolments.columns, [*_ENROLMENT_COLUMNS, *sorted(where)], where=name
        ),
        *find_missing_columns(outcomes.columns, _OUTCOME_COLUMNS, where="outcomes"),
    ]
    if not findings:
        findings = [
            *_find_wrong_dates(enrolments, ("start_date", "end_date", "known_date"), name),
            *_find_wrong_dates(outcomes, ("date", "known_date"), "outcomes"),
            *_find_wrong_filters(enrolments, where),
        ]
    if findings:
        raise DataContractError(
            f"`tables` must have the columns that the cohort needs, got {len(findings)} "
            "findings. Map the columns in the configuration.",
            findings,
        )
    return enrolments, outcomes


def _all_filters(dates: Sequence[PredictionDate]) -> dict[str, set[type]]:
    """Return the columns that a point or a cohort filters on, with the values' types."""
    found: dict[str, set[type]] = {}
    for item in dates:
        for where in item.conditions:
            for column, values in where.items():
                found.setdefault(column, set()).update(type(value) for value in values)
    return found


def _find_wrong_dates(table: Any, columns: Sequence[str], where: str) -> list[str]:
    """Return a finding for each column that is no date."""
    return [
        f"{where}: column `{name}` must be a date, got {table[name].type()}."
        for name in columns
        if name in table.columns and not table[name].type().is_date()
    ]


def _find_wrong_filters(table: Any, where: Mapping[str, set[type]]) -> list[str]:
    """Return a finding for each filter whose values are of another kind than the column."""
    findings = []
    for column, kinds in where.items():
        held = table[column].type()
        expected = str if held.is_string() else bool if held.is_boolean() else int
        if kinds - {expected}:
            findings.append(
                f"where: values for `{column}` must be {expected.__name__}, like the column."
            )
    return findings


def select_outcome(outcomes: Any, spec: OutcomeSpec) -> Any:
    """Return the rows of one outcome, and what each of them says.

    Parameters
    ----------
    outcomes : ibis.Table
        Columns subject_id, outcome, date, value and status; known_date if there is one.
    spec : OutcomeSpec
        Which outcome, and what completing it means.

    Returns
    -------
    ibis.Table
        Columns subject_id, `day`, `known` (when it was known), `observed`, `completed` and
        status.
    """
    table = outcomes.filter(outcomes.outcome == spec.name)
    known = table["date"]
    if "known_date" in table.columns:
        known = ibis.coalesce(table.known_date, table["date"])
    is_observed = table.status == "observed"
    return table.select(
        "subject_id",
        day=table["date"],
        known=known,
        observed=is_observed & table.value.notnull(),
        completed=is_observed & (table.value == spec.completed_value),
        status=table.status,
    )


def _attach_outcomes(chosen: Any, outcomes: Any, spec: CohortSpec) -> Any:
    """Add label, status and the day on which the label was known."""
    table = select_outcome(outcomes, spec.outcome)
    joined = chosen.join(table, "subject_id")
    counts = is_current(joined.outcome_start, joined.outcome_end, joined.day)
    ahead = is_current(joined.prediction_date, joined.outcome_end, joined.day)
    found = joined.group_by(list(_KEYS)).aggregate(
        completed_known=joined.known.min(where=joined.completed & counts),
        observed_known=joined.known.max(where=joined.observed & counts),
        was_known=(joined.observed & is_before(joined.day, joined.prediction_date)).any(),
        **{f"is_{name}": ((joined.status == name) & ahead).any() for name in UNLABELLED[:-1]},
    )
    rows = chosen.left_join(found, list(_KEYS))
    return rows.select(
        *_KEYS,
        "prediction_date",
        "school_unit",
        "school_class",
        "void",
        was_known=rows.was_known.fill_null(False),
        label=_make_label(rows),
        status=_make_status(rows),
        outcome_known_date=ibis.coalesce(rows.completed_known, rows.observed_known),
    )


def _make_label(rows: Any) -> Any:
    """Return 0 for completed, 1 for observed otherwise, null for not known."""
    return ibis.cases((rows.completed_known.notnull(), 0.0), (rows.observed_known.notnull(), 1.0))


def _make_status(rows: Any) -> Any:
    """Return why there is a label, or why there is none."""
    observed = rows.completed_known.notnull() | rows.observed_known.notnull()
    cases = [(rows[f"is_{name}"].fill_null(False), name) for name in UNLABELLED[:-1]]
    return ibis.cases((observed, "observed"), *cases, else_="unknown")


def _finish(rows: pd.DataFrame, spec: CohortSpec) -> tuple[pd.DataFrame, tuple[LateCohort, ...]]:
    """Put rows and columns in order and add the split, less the cohorts that come too late."""
    sides = pd.DataFrame(
        [
            (point.name, cohort, side)
            for point in spec.prediction_points
            for cohort, side in _find_sides(spec.split_at(point.name), spec.cohort_names).items()
        ],
        columns=["point", "cohort", "split"],
    )
    split = rows[["point", "cohort"]].merge(sides, how="left")["split"].astype("str")
    labels = rows.assign(
        split=split.set_axis(rows.index),
        label=rows["label"].astype("float64"),
        school_class=rows["school_class"].astype("str"),
    )
    ordered = labels[list(LABEL_COLUMNS)].sort_values(["prediction_date", "subject_id"])
    strict = [point.name for point in spec.prediction_points if point.split is not None]
    return leave_out_late(ordered.reset_index(drop=True), strict=strict)


def _find_sides(split: TemporalSplit | CrossFittedSplit, cohorts: Sequence[str]) -> dict[str, str]:
    """Return each cohort's side of a split."""
    if not isinstance(split, TemporalSplit):
        return dict.fromkeys(cohorts, "train")
    none = dict.fromkeys(cohorts, "none")
    return none | dict.fromkeys(split.train, "train") | dict.fromkeys(split.test, "test")


def _count_flow(rows: pd.DataFrame, dates: Sequence[PredictionDate]) -> tuple[FlowCount, ...]:
    """Count pupils by step for every cohort and point, also where there are none."""
    eligible = rows[~rows["void"]]
    keys = ["cohort", "point"]
    steps = {
        "enrolled": rows.groupby(keys).size(),
        "eligible": eligible.groupby(keys).size(),
        "labelled": eligible.groupby(keys)["label"].count(),
    }
    by_status = eligible.groupby([*keys, "status"]).size()
    flow = []
    for item in dates:
        place = (item.cohort, item.point)
        found = {name: int(counts.get(place, 0)) for name, counts in steps.items()}
        counts = {
            "enrolled": found["enrolled"],
            "cancelled": found["enrolled"] - found["eligible"],
            "eligible": found["eligible"],
            "labelled": found["labelled"],
        }
        counts |= {name: int(by_status.get((*place, name), 0)) for name in UNLABELLED}
        flow += [FlowCount(*place, *step) for step in counts.items()]
    return tuple(flow)
