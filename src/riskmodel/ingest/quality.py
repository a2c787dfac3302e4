"""Soft findings: what in the extracts is worth a look, by school, and stops nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from riskmodel.core.schema import Table
from riskmodel.core.windows import SchoolCalendar
from riskmodel.engine.session import Engine
from riskmodel.ingest.quality_days import YEAR, ReportingGaps, find_gaps
from riskmodel.ingest.quality_findings import (
    CHECKS,
    QualityFinding,
    QualityReport,
    SchoolFinding,
)
from riskmodel.ingest.quality_places import SCHOOL, Places, place_pupils
from riskmodel.ingest.quality_rows import (
    DAY,
    N_AFFECTED,
    N_PUPILS,
    N_ROWS,
    NO_SCHOOL,
    RowCounts,
    count_attendance,
    count_days,
    count_outside,
    count_repeated,
    count_unknown_grades,
    count_unlikely_ages,
)
from riskmodel.ingest.quality_specs import QualitySpec
from riskmodel.privacy.disclosure import is_small, suppress_small_groups

_BOUND_TO_SCHOOL = ("attendance", "grades", "health_contacts", "support")
"""Tables whose rows come about at a school, so that an enrolment should cover their day."""

_DIGITS = 4


def measure_quality(
    engine: Engine,
    tables: Mapping[str, Any],
    schemas: Mapping[str, Table],
    spec: QualitySpec,
    *,
    calendar: SchoolCalendar,
) -> QualityReport:
    """Find what in the tables is worth a look, by school.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        Pseudonymised: `subjects`, `enrolments`, and any others.
    schemas : mapping of str to Table
        The schemas of the tables, by name.
    spec : QualitySpec
        The limits.
    calendar : SchoolCalendar
        When a school year starts.

    Returns
    -------
    QualityReport
        Persons with a protected identity are not in the tables, so that nothing here tells
        of them. A figure rests on `spec.min_count` pupils at least, counted where they were
        at school, and no smaller one follows from it by subtraction.

    Notes
    -----
    Attendance is scanned once to count rows by school and day, once to find repeated days,
    and once, narrowed, for the pupils that are concerned.
    """
    dated = {name: schemas[name].date for name in sorted(tables) if name in schemas}
    days_of = {name: day for name, day in dated.items() if day is not None}
    until = _find_last_day(engine, tables, days_of) + timedelta(days=1)
    places = place_pupils(engine, tables["enrolments"], until)
    counts, days = [], pd.DataFrame()
    others = {name: day for name, day in days_of.items() if name != "attendance"}
    outside = count_outside(engine, places, tables, others)
    n_rows = {one.table: one.frame[N_ROWS] for one in outside}
    counts += [one for one in outside if one.table in _BOUND_TO_SCHOOL]
    if "attendance" in days_of:
        days = count_days(engine, places, tables["attendance"])
        counts += count_attendance(engine, places, tables["attendance"], days)
        n_rows["attendance"] = days.groupby(SCHOOL)[N_ROWS].sum()
    counts += count_repeated(engine, places, tables, schemas, n_rows)
    if "grades" in tables:
        counts.append(count_unknown_grades(engine, places, tables["grades"], n_rows["grades"]))
    ages: Any = {"until": until, "calendar": calendar, "tolerance": spec.age_years}
    counts.append(
        count_unlikely_ages(engine, places, tables["enrolments"], tables["subjects"], **ages)
    )
    findings = [
        _release(one, places, spec, _find_years(one, days, calendar, spec)) for one in counts
    ]
    gaps = find_gaps(engine, places, days, spec, calendar) if len(days) else None
    findings += [_release_gaps(gaps, places, spec), _release_drops(gaps, places, spec)]
    never = gaps.never if gaps is not None else ()
    return QualityReport(
        tuple(sorted(findings, key=lambda one: (CHECKS.index(one.check), one.table))),
        len(places.schools),
        tuple(str(places.schools["school_unit"][school]) for school in never),
        spec,
    )


def _find_last_day(engine: Engine, tables: Mapping[str, Any], days_of: Mapping[str, str]) -> date:
    """Return the last day that any table tells of."""
    lasts = [tables[name].aggregate(last=tables[name][day].max()) for name, day in days_of.items()]
    found = engine.to_pandas(ibis.union(*lasts) if len(lasts) > 1 else lasts[0])["last"].dropna()
    return max(found, default=date.min)


def _find_limit(check: str, spec: QualitySpec) -> float:
    """Return the share of rows beyond which a check is worth a look."""
    limits = {
        "not_reported": spec.not_reported_share,
        "repeated_rows": spec.duplicate_share,
        "grade_scale": spec.grade_scale_share,
        "outside_enrolment": spec.outside_enrolment_share,
        "age_for_grade": spec.age_share,
    }
    return limits[check]


def _find_years(
    counts: RowCounts, days: pd.DataFrame, calendar: SchoolCalendar, spec: QualitySpec
) -> dict[int, tuple[str, ...]]:
    """Return the school years in which schools report too little, where that is what is asked."""
    if counts.check != "not_reported":
        return {}
    starts = {day: calendar.year_start(day).year for day in days[DAY].unique()}
    sums = days.assign(**{YEAR: days[DAY].map(starts)}).groupby([SCHOOL, YEAR])
    totals = sums[[N_ROWS, "n_not_reported"]].sum()
    is_low = totals["n_not_reported"] > spec.not_reported_share * totals[N_ROWS]
    is_low &= totals["n_not_reported"] >= spec.min_count
    found: dict[int, tuple[str, ...]] = {}
    for school, year in totals[is_low].index.to_list():
        found[school] = (*found.get(school, ()), _name_year(year))
    return found


def _name_year(year: int) -> str:
    """Return a school year as it is written, for example ``2023/24``."""
    return f"{year}/{(year + 1) % 100:02d}"


def _release(
    counts: RowCounts, places: Places, spec: QualitySpec, years: Mapping[int, tuple[str, ...]]
) -> QualityFinding:
    """Return one check of one table without small counts; a hidden school is not flagged."""
    limit, frame = _find_limit(counts.check, spec), counts.frame
    is_above = frame[N_AFFECTED] > limit * frame[N_ROWS]
    if counts.check == "not_reported":
        is_above = pd.Series(frame.index.isin(list(years)), index=frame.index)
    hidden, shows_total = _hide(frame[N_PUPILS], is_above, spec.min_count)
    schools = {}
    for school, n_rows, n_affected in zip(
        frame.index.to_list(), frame[N_ROWS].to_list(), frame[N_AFFECTED].to_list(), strict=True
    ):
        if n_affected == 0:
            continue
        found = SchoolFinding(None, None, False)
        if school not in hidden:
            share = _find_share(n_affected, n_rows, spec.min_count)
            when = years.get(school, ())
            found = SchoolFinding(n_affected, share, bool(is_above[school]), when)
        schools[_name_school(school, places)] = found
    total, n_all = int(frame[N_AFFECTED].sum()), int(frame[N_ROWS].sum())
    is_noted = any(found.is_flagged for found in schools.values())
    is_noted |= shows_total and total > limit * n_all
    return QualityFinding(
        counts.check,
        counts.table,
        "noted" if is_noted else "clear",
        limit,
        total if shows_total else None,
        _find_share(total, n_all, spec.min_count) if shows_total else None,
        schools,
    )


def _hide(n_pupils: pd.Series, is_above: pd.Series, min_count: int) -> tuple[set[int], bool]:
    """Return the schools whose figures are hidden, and whether the total may be shown.

    Where the total would cost a school that is worth a look, the total is hidden instead.
    """
    sizes = {str(school): int(n) for school, n in n_pupils.items()}
    shown = suppress_small_groups(sizes, limit=min_count)
    hidden = {int(school) for school in shown.hidden}
    small = {int(school) for school, n in sizes.items() if is_small(n, min_count)}
    if any(is_above[school] for school in hidden - small):
        return small, False
    return hidden, shown.total is not None


def _find_share(part: int, whole: int, min_count: int) -> float | None:
    """Return a share, unless few rows are without what it counts."""
    if whole == 0 or 0 < whole - part < min_count:
        return None
    return round(part / whole, _DIGITS)


def _name_school(school: int, places: Places) -> str:
    """Return a school's name; empty for none."""
    return "" if school == NO_SCHOOL else str(places.schools["school_unit"][school])


def _release_gaps(gaps: ReportingGaps | None, places: Places, spec: QualitySpec) -> QualityFinding:
    """Return the school days without rows. They tell of schools with enough pupils only."""
    check = ("calendar_gap", "attendance")
    if gaps is None or not gaps.assessed_types:
        return QualityFinding(*check, "not_assessed", spec.gap_days)
    schools = {}
    for school in sorted(set(gaps.frame[SCHOOL].to_list())):
        rows = gaps.frame[gaps.frame[SCHOOL] == school]
        count, n_days = int(rows["n_gap_days"].sum()), int(rows["n_school_days"].sum())
        years = rows.loc[rows["n_gap_days"] > spec.gap_days, YEAR]
        if count:
            schools[_name_school(school, places)] = SchoolFinding(
                count, round(count / n_days, _DIGITS), bool(len(years)),
                tuple(_name_year(year) for year in years),
            )  # fmt: skip
    return _gather(check, spec.gap_days, schools, int(gaps.frame["n_school_days"].sum()))


def _release_drops(gaps: ReportingGaps | None, places: Places, spec: QualitySpec) -> QualityFinding:
    """Return the weeks with few rows. They tell of schools with enough pupils only."""
    check = ("reporting_drop", "attendance")
    if gaps is None or not gaps.assessed_types:
        return QualityFinding(*check, "not_assessed", spec.drop_share)
    schools = {}
    for school in sorted(set(gaps.frame[SCHOOL].to_list())):
        rows = gaps.frame[gaps.frame[SCHOOL] == school]
        weeks = tuple(week for found in rows["drop_weeks"] for week in found)
        if weeks:
            share = round(len(weeks) / int(rows["n_weeks"].sum()), _DIGITS)
            name = _name_school(school, places)
            schools[name] = SchoolFinding(len(weeks), share, True, weeks)
    return _gather(check, spec.drop_share, schools, int(gaps.frame["n_weeks"].sum()))


def _gather(
    check: tuple[str, str], limit: float, schools: dict[str, SchoolFinding], whole: int
) -> QualityFinding:
    """Return a finding of days or weeks."""
    count = sum(found.count or 0 for found in schools.values())
    is_noted = any(found.is_flagged for found in schools.values())
    return QualityFinding(
        *check,
        "noted" if is_noted else "clear",
        limit,
        count,
        round(count / whole, _DIGITS) if whole else None,
        schools,
    )
