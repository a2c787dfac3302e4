"""Building the cohort: one row per pupil and prediction date, with what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd

from riskmodel.cohort.specs import CohortSpec, PredictionDate, TemporalSplit, Where
from riskmodel.core.validation import find_missing_columns, suggest_name
from riskmodel.core.windows import SchoolCalendar, is_before, is_current
from riskmodel.errors import ConfigurationError, DataContractError, UsageError

LABEL_COLUMNS = (
    "subject_id",
    "prediction_date",
    "cohort",
    "point",
    "school_unit",
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
        columns of `LABEL_COLUMNS`. `label` is 1 for not completed, 0 for completed, NaN for
        not known; `status` says why (observed, moved, deceased, censored, unknown);
        `outcome_known_date` is when the label was known, None where there is none; `split`
        is train, test or none.
    flow : tuple of FlowCount
        Counts of pupils by step, cohort and point.
    """

    labels: pd.DataFrame
    flow: tuple[FlowCount, ...]

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

    A pupil is in the population if an enrolment that meets `where` is current on the
    prediction date and was known before it (an enrolment that ends on that day is not
    current). An enrolment marked as cancelled counts until its end date, because the mark was
    set then; without an end date it never came about. Where several are current, the one
    that started last gives the school unit, then the first in alphabetical order.

    Of the outcomes inside the window, one completed gives the label 0, else one observed
    gives 1; else the label is missing and the status says whether the pupil died, moved or
    was censored, or nothing is known.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The population's table (columns subject_id, school_unit, start_date, end_date and the
        ones that `where` names; cancelled and known_date if there are any) and ``outcomes``
        (subject_id, outcome, date, value, status; known_date if there is one).
    spec : CohortSpec
        Population, cohorts, prediction points, outcome and split.
    calendar : SchoolCalendar
        On which day a school year starts.

    Returns
    -------
    CohortResult
        Labels and flow.

    Raises
    ------
    UsageError
        If a table is not given.
    DataContractError
        If a column is missing or has another type.
    ConfigurationError
        If two prediction dates coincide, or nobody is in the population.

    Notes
    -----
    One query over both tables, whatever the number of prediction dates. The result does not
    depend on the order of the rows.
    """
    dates = spec.prediction_dates(calendar)
    _check_dates(dates)
    enrolments, outcomes = _select_tables(tables, spec)
    points = _make_points(dates)
    chosen = _choose_enrolments(enrolments, points, spec.population.where, dates)
    labelled = _attach_outcomes(chosen, outcomes, spec)
    rows = labelled.to_pyarrow().to_pandas()
    eligible = rows[~rows["void"]]
    if eligible.empty:
        raise ConfigurationError(
            "`population` must match an enrolment at a prediction date, got none. "
            "Check `where`, the cohorts' dates and the dates in the enrolment table."
        )
    return CohortResult(_finish(eligible, spec), _count_flow(rows, dates))


def _check_dates(dates: Sequence[PredictionDate]) -> None:
    """Refuse two cohorts or points that fall on one day."""
    names: dict[Any, list[str]] = {}
    for item in dates:
        names.setdefault(item.date, []).append(f"{item.cohort} {item.point}")
    findings = [f"{day}: {', '.join(found)}" for day, found in names.items() if len(found) > 1]
    if findings:
        raise ConfigurationError(
            f"`prediction_points` must fall on different days, got {len(findings)} shared. "
            "Leave out one of the points or cohorts.",
            findings,
        )


def _select_tables(tables: Mapping[str, Any], spec: CohortSpec) -> tuple[Any, Any]:
    """Return the two tables after checking that they are there with the columns needed."""
    name, where = spec.population.table, _all_filters(spec)
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


def _all_filters(spec: CohortSpec) -> dict[str, set[type]]:
    """Return the columns that the population or a cohort filters on, with the values' types."""
    filters = [spec.population.where]
    if isinstance(spec.cohorts, tuple):
        filters += [period.where for period in spec.cohorts]
    found: dict[str, set[type]] = {}
    for where in filters:
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


def _make_points(dates: Sequence[PredictionDate]) -> Any:
    """Return the prediction dates as a table."""
    frame = pd.DataFrame(
        {
            "cohort": [item.cohort for item in dates],
            "point": [item.point for item in dates],
            "prediction_date": [item.date for item in dates],
            "outcome_start": [item.outcome_window.start for item in dates],
            "outcome_end": [item.outcome_window.end for item in dates],
        }
    )
    days = dict.fromkeys(("prediction_date", "outcome_start", "outcome_end"), "date")
    return ibis.memtable(frame, schema={"cohort": "string", "point": "string", **days})


def _match(table: Any, where: Where) -> Any:
    """Return the condition that a row has one of the values in every column named."""
    condition = ibis.literal(True)
    for column, values in where.items():
        condition = condition & table[column].isin(values)
    return condition


def _choose_enrolments(
    enrolments: Any, points: Any, where: Where, dates: Sequence[PredictionDate]
) -> Any:
    """Return one enrolment per pupil and prediction date; `void` if it never came about."""
    void = ibis.literal(False)
    if "cancelled" in enrolments.columns:
        void = enrolments.cancelled.fill_null(False) & enrolments.end_date.isnull()
    table = enrolments.filter(_match(enrolments, where)).mutate(void=void)
    conditions = [is_current(table.start_date, table.end_date, points.prediction_date)]
    if "known_date" in table.columns:
        known = is_before(table.known_date, points.prediction_date)
        conditions.append(table.known_date.isnull() | known)
    for period in {item.cohort: item.period for item in dates}.values():
        if period.where:
            conditions.append((points.cohort != period.name) | _match(table, period.where))
    joined = table.join(points, conditions)[
        [*_KEYS, *points.columns[2:], "school_unit", "start_date", "void"]
    ]
    order = [joined.void, joined.start_date.desc(), joined.school_unit]
    rank = ibis.row_number().over(group_by=[joined[key] for key in _KEYS], order_by=order)
    return joined.mutate(rank=rank).filter(lambda row: row["rank"] == 0).drop("rank", "start_date")


def _attach_outcomes(chosen: Any, outcomes: Any, spec: CohortSpec) -> Any:
    """Add label, status and the day on which the label was known."""
    table = outcomes.filter(outcomes.outcome == spec.outcome.name)
    known = table["date"]
    if "known_date" in table.columns:
        known = ibis.coalesce(table.known_date, table["date"])
    table = table.select(
        "subject_id",
        day=table["date"],
        known=known,
        observed=(table.status == "observed") & table.value.notnull(),
        completed=(table.status == "observed") & (table.value == spec.outcome.completed_value),
        status=table.status,
    )
    inside = is_current(chosen.outcome_start, chosen.outcome_end, table.day)
    joined = chosen.join(table, [chosen.subject_id == table.subject_id, inside])
    found = joined.group_by(list(_KEYS)).aggregate(
        completed_known=joined.known.min(where=joined.completed),
        observed_known=joined.known.max(where=joined.observed),
        **{f"is_{name}": (joined.status == name).any() for name in UNLABELLED[:-1]},
    )
    rows = chosen.left_join(found, list(_KEYS))
    return rows.select(
        *_KEYS,
        "prediction_date",
        "school_unit",
        "void",
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


def _finish(rows: pd.DataFrame, spec: CohortSpec) -> pd.DataFrame:
    """Add the split, and put rows and columns in order."""
    split = spec.split
    sides = dict.fromkeys(spec.cohort_names, "train")
    if isinstance(split, TemporalSplit):
        sides = dict.fromkeys(spec.cohort_names, "none")
        sides |= dict.fromkeys(split.train, "train") | dict.fromkeys(split.test, "test")
    labels = rows.assign(
        split=rows["cohort"].map(sides).astype("str"), label=rows["label"].astype("float64")
    )
    ordered = labels[list(LABEL_COLUMNS)].sort_values(["prediction_date", "subject_id"])
    return ordered.reset_index(drop=True)


def _count_flow(rows: pd.DataFrame, dates: Sequence[PredictionDate]) -> tuple[FlowCount, ...]:
    """Count pupils by step for every cohort and point, also where there are none."""
    flow = []
    for item in dates:
        here = rows[(rows["cohort"] == item.cohort) & (rows["point"] == item.point)]
        eligible = here[~here["void"]]
        counts = {
            "enrolled": len(here),
            "cancelled": len(here) - len(eligible),
            "eligible": len(eligible),
            "labelled": int(eligible["label"].notna().sum()),
        }
        counts |= {name: int((eligible["status"] == name).sum()) for name in UNLABELLED}
        flow += [FlowCount(item.cohort, item.point, *step) for step in counts.items()]
    return tuple(flow)
