"""A pupil's attendance and grades over time, as they were known at the prediction date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.core.schema import Table
from riskmodel.core.windows import SchoolCalendar, Window, is_before
from riskmodel.engine.session import Engine
from riskmodel.features.compiler import compute_features
from riskmodel.features.placement import find_known, take_date
from riskmodel.features.schemas import KNOWN, PREDICTION, SUBJECT
from riskmodel.features.specs import Conditions, Domain, FeatureSpec

PERIOD_DAYS = 28
"""The length of a period of attendance: four weeks, so that each holds the same weekdays."""

ABSENCE_DOMAIN: Domain = "school_attendance"
GRADES_DOMAIN: Domain = "results"
"""The focus areas that the two parts of a history belong to."""

_ABSENT = ("valid_absence_minutes", "invalid_absence_minutes")
_OFFERED = ("offered_minutes",)
_GRADE_COLUMNS = ("subject", "grade", "term", "school_year")


@dataclass(frozen=True, eq=False)
class Histories:
    """What was known of some pupils over time.

    Parameters
    ----------
    absence : pandas.DataFrame
        `subject_id`, `start` and `end` of a period (`datetime.date`, half-open) and
        `absence_share` in [0, 1], NaN where no lesson was reported; the oldest first.
    grades : pandas.DataFrame
        `subject_id`, `school_year`, `term`, `subject` and `grade`: the latest that was known,
        the oldest term first.
    """

    absence: pd.DataFrame
    grades: pd.DataFrame


def read_histories(
    engine: Engine,
    tables: Mapping[str, Any],
    subjects: Sequence[str],
    prediction_date: date,
    *,
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
    n_periods: int = 10,
) -> Histories:
    """Read the attendance and grades of some pupils before a prediction date.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        The event tables, with `subject_id`. Without `attendance` or `grades` that part is
        empty.
    subjects : sequence of str
        The pupils.
    prediction_date : datetime.date
        The first day that is not seen.
    schemas : mapping of str to Table
        The tables' columns and dates, from `feature_schemas`.
    calendar : SchoolCalendar
        Where school years start.
    n_periods : int, default 10
        How many periods of four weeks before the prediction date; ten are about a school year.

    Returns
    -------
    Histories
        Of the pupils that have any.

    Notes
    -----
    Absence is added up by the same engine as the features, in windows of growing length, of
    which each period is the difference: rows that became known later, or that were replaced,
    count as they do there.
    """
    names = sorted({str(subject) for subject in subjects})
    cohort = pd.DataFrame({SUBJECT: names, PREDICTION: [prediction_date] * len(names)})
    absence = pd.DataFrame(columns=[SUBJECT, "start", "end", "absence_share"])
    grades = pd.DataFrame(columns=[SUBJECT, "school_year", "term", "subject", "grade"])
    if names and {*_ABSENT, *_OFFERED} <= set(_columns_of(tables.get("attendance"))):
        absence = _read_absence(engine, tables, cohort, n_periods, schemas, calendar)
    if names and set(_GRADE_COLUMNS) <= set(_columns_of(tables.get("grades"))):
        grades = _read_grades(engine, tables["grades"], schemas["grades"], cohort)
    return Histories(absence, grades)


def _columns_of(table: Any | None) -> Sequence[str]:
    """Return a table's columns, none of a table that is not there."""
    return () if table is None else tuple(table.columns)


def _read_absence(
    engine: Engine,
    tables: Mapping[str, Any],
    cohort: pd.DataFrame,
    n_periods: int,
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
) -> pd.DataFrame:
    """Return the share of absence in each period."""
    lengths = [PERIOD_DAYS * number for number in range(1, n_periods + 1)]
    reported: Conditions = (
        {"is_reported": (True,)} if "is_reported" in tables["attendance"].columns else {}
    )
    specs = [
        _make_sum(f"{kind}_{days}", columns, days, reported)
        for kind, columns in (("absent", _ABSENT), ("offered", _OFFERED))
        for days in lengths
    ]
    sums = compute_features(engine, tables, cohort, specs, schemas=schemas, calendar=calendar)
    absent, offered = (
        np.diff(
            sums[[f"{kind}_{days}" for days in lengths]].fillna(0.0).to_numpy(),
            axis=1,
            prepend=0.0,
        )
        for kind in ("absent", "offered")
    )
    shares = np.full(absent.shape, np.nan)
    np.divide(absent, offered, out=shares, where=offered > 0)
    moment = cohort[PREDICTION].iloc[0]
    ends = [Window(days=days).bounds(moment, calendar).start for days in lengths]
    frames = [
        pd.DataFrame({
            SUBJECT: sums[SUBJECT],
            "start": ends[number],
            "end": moment if number == 0 else ends[number - 1],
            "absence_share": np.clip(shares[:, number], 0.0, 1.0),
        })
        for number in reversed(range(n_periods))
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _make_sum(name: str, columns: tuple[str, ...], days: int, where: Conditions) -> FeatureSpec:
    """Return the sum of some minutes over the last days, of lessons that count."""
    return FeatureSpec(
        name=name,
        table="attendance",
        aggregation="sum",
        value=columns,
        window=Window(days=days),
        where=where,
        name_sv=name,
        name_en=name,
        unit="count",
        domain=ABSENCE_DOMAIN,
        direction=0,
        changeable=False,
        missing="keep",
    )


def _read_grades(engine: Engine, grades: Any, schema: Table, cohort: pd.DataFrame) -> pd.DataFrame:
    """Return each pupil's latest known grade in each subject and term."""
    moment = cohort[PREDICTION].iloc[0]
    wanted = engine.register(cohort[[SUBJECT]], "history_subjects")
    rows = grades.semi_join(wanted, SUBJECT)
    seen = is_before(take_date(rows, schema), moment)
    known = find_known(rows, schema)
    if known is not None:
        seen = seen & (known.isnull() | is_before(known, moment))
    rows = rows.filter(seen).mutate(_date=take_date(rows, schema))
    if known is None:
        rows = rows.mutate(**{KNOWN: rows["_date"]})
    frame = engine.to_pandas(rows.select(SUBJECT, *_GRADE_COLUMNS, "_date", KNOWN))
    frame[KNOWN] = frame[KNOWN].fillna(frame["_date"])
    fact = [SUBJECT, "school_year", "term", "subject"]
    frame = frame.sort_values([*fact, KNOWN, "_date", "grade"], kind="stable")
    latest = frame.drop_duplicates(fact, keep="last")
    order = latest.assign(_spring=latest["term"].eq("VT")).sort_values(
        [SUBJECT, "school_year", "_spring", "subject"], kind="stable"
    )
    return order[[*fact, "grade"]].reset_index(drop=True)
