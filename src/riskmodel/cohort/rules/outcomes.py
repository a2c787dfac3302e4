"""The table of outcomes, computed from final grades where nobody has recorded it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from riskmodel.cohort.population import is_void
from riskmodel.cohort.rules.courses import find_programme_courses
from riskmodel.cohort.rules.diploma import (
    choose_programme_subjects,
    count_rows,
    find_diplomas,
    find_starters,
    list_codes,
    name_course_rows,
)
from riskmodel.cohort.rules.eligibility import find_eligible
from riskmodel.cohort.rules.final_grades import (
    check_grades,
    decisions,
    final_rows,
    name_subjects,
)
from riskmodel.cohort.rules.merit import compute_merit
from riskmodel.cohort.rules.specs import (
    DIPLOMA,
    DiplomaRules,
    FromGradesSpec,
    MeritVersion,
    Version,
    load_compulsory_rules,
    load_diploma_rules,
)
from riskmodel.cohort.rules.versions import holds_on
from riskmodel.core.validation import find_missing_columns
from riskmodel.core.windows import SchoolCalendar, add_months, is_before
from riskmodel.engine.session import Engine
from riskmodel.errors import DataContractError, UsageError

_ENROLMENT_COLUMNS = ("subject_id", "start_date", "end_date")
_MET = "cohort_rule_met"
_STARTERS = "cohort_starters"
_FINAL = "cohort_final_grades"
_ROWS = "cohort_named_grades"
_RESULT = "cohort_outcomes"


@dataclass(frozen=True)
class DerivedOutcomes:
    """Outcomes that were computed from grades, and by which rule.

    Parameters
    ----------
    table : ibis.Table
        In the form of the table ``outcomes``: subject_id, outcome, date, value, status and
        known_date.
    rule : str
        The rule's name.
    versions : tuple of Version
        Its wordings.
    counts : dict of str to int
        Pupils who completed, who did not, and who left before; final grades that are in no
        subject known. May be small: not for release as they are.
    """

    table: Any
    rule: str
    versions: tuple[Version, ...]
    counts: dict[str, int]


@dataclass(frozen=True)
class _Found:
    """Who met the rule on which day, who had not on the day of a decision, and who had left."""

    met: Any
    missed: Any
    left: Any
    versions: tuple[Version, ...]
    counts: dict[str, int]


def derive_outcomes(
    engine: Engine,
    tables: Mapping[str, Any],
    outcome: str,
    spec: FromGradesSpec,
    *,
    enrolments: str = "enrolments",
    calendar: SchoolCalendar,
) -> DerivedOutcomes:
    """Compute an outcome from final grades.

    A pupil who meets the rule has a row with the value 1, dated by the grade with which it was
    met. A pupil who does not when the final grades of a school year are in has one with the
    value 0, dated by the last of them; a later success adds a row with 1. Both were known when
    the grades were. A pupil without a final grade in the final grade level has not been decided
    on: who is no longer enrolled is censored on the day of leaving, and of the others nothing is
    known. If there is a table of outcomes beside, its rows of pupils who moved, died or were
    censored are taken over.

    Parameters
    ----------
    engine : Engine
        The engine of the tables.
    tables : mapping of str to ibis.Table
        ``grades``, the enrolments, and ``outcomes`` if there is one, pseudonymised.
    outcome : str
        What the outcome is called.
    spec : FromGradesSpec
        Which rule.
    enrolments : str, default "enrolments"
        The name of the table of enrolments.
    calendar : SchoolCalendar
        On which day a school year starts.

    Returns
    -------
    DerivedOutcomes
        The outcomes and how they came about.

    Raises
    ------
    UsageError
        If there is no table of grades or enrolments.
    DataContractError
        If a column is missing, or no grade is final and in a subject known.
    """
    rule = spec.rule or outcome
    _check_tables(tables, enrolments, rule)
    final = final_rows(tables["grades"], courses=rule == DIPLOMA)
    final = engine.materialise(final, _FINAL)
    if rule == DIPLOMA:
        found = _find_diplomas(engine, final, tables, enrolments, spec, calendar)
    else:
        found = _find_compulsory(engine, final, tables, enrolments, rule, spec, calendar)
    table = engine.materialise(_lay_out(found, tables, outcome), _RESULT)
    return DerivedOutcomes(table, rule, found.versions, _count(table) | found.counts)


def _find_compulsory(
    engine: Engine,
    final: Any,
    tables: Mapping[str, Any],
    enrolments: str,
    rule: str,
    spec: FromGradesSpec,
    calendar: SchoolCalendar,
) -> _Found:
    """Apply a rule about final grades from compulsory school."""
    rules = load_compulsory_rules()
    rows = engine.materialise(name_subjects(final), _ROWS)
    n_final, n_known = count_rows(final), count_rows(rows)
    if n_known == 0:
        raise DataContractError(
            "`grades.is_final` must mark the final grades of compulsory school, in subjects whose "
            "codes or names are known, got none. Map `is_final` and `subject` in the configuration."
        )
    versions: tuple[Version, ...]
    if rule in rules.eligibility:
        versions = rules.eligibility[rule]
        met = find_eligible(rows, rules.eligibility[rule])
    else:
        versions = rules.merit[rule]
        met = _find_merit(rows, rules.merit[rule], spec.at_least or 0.0)
    met = engine.materialise(met, _MET)
    missed = _find_missed(rows, met, versions, calendar)
    counts = {"final_grades_not_recognised": n_final - n_known}
    left = _find_left(tables[enrolments], tables["grades"])
    return _Found(met, missed, left, versions, counts)


def _find_diplomas(
    engine: Engine,
    final: Any,
    tables: Mapping[str, Any],
    enrolments: str,
    spec: FromGradesSpec,
    calendar: SchoolCalendar,
) -> _Found:
    """Apply the rule about the diploma.

    Who has none when the years are over has not completed; that a pupil is no longer enrolled
    is no reason to leave them out, since leaving school is what is asked about.
    """
    rules = load_diploma_rules()
    rows = engine.materialise(name_course_rows(final), _ROWS)
    starters = engine.materialise(find_starters(tables[enrolments], rules), _STARTERS)
    _check_whole(rows, rules)
    own = spec.programme_subjects
    met = engine.materialise(find_diplomas(engine, rows, starters, rules.versions, own), _MET)
    told = _last_day_told(tables[enrolments], tables["grades"])
    days = starters.select("first_day").distinct().to_pyarrow()["first_day"].to_pylist()
    ends = pd.DataFrame(
        {"first_day": days, "day": [_last_day(day, spec.years, calendar) for day in days]},
        dtype="object",
    )
    due = starters.join(
        ibis.memtable(ends, schema={"first_day": "date", "day": "date"}), "first_day"
    )
    joined = due.left_join(met.select("subject_id", met_day=met.day), "subject_id")
    not_yet = joined.met_day.isnull() | is_before(joined.day, joined.met_day)
    missed = joined.filter(not_yet & ~is_before(told, joined.day))
    counts = {"programme_subjects_not_checked": _count_unchecked(rows, starters, rules, own)}
    return _Found(
        met, missed.select("subject_id", "day", known=missed.day), None, rules.versions, counts
    )


def _check_whole(rows: Any, rules: DiplomaRules) -> None:
    """Raise if no pupil's courses come to the points of a whole programme."""
    least = min(version.points for version in rules.versions)
    totals = rows.group_by("subject_id").aggregate(points=rows.points.sum())
    n_whole = count_rows(totals.filter(totals.points >= least))
    if n_whole == 0:
        raise DataContractError(
            f"`grades` must hold all courses or levels of upper secondary school, got no pupil "
            f"with {least} points. Add the grades with their points, or give a table of outcomes."
        )


def _count_unchecked(
    rows: Any, starters: Any, rules: DiplomaRules, own: Mapping[str, Sequence[str]]
) -> int:
    """Count the pupils whose passes in subjects common to their programme were not asked for."""
    codes = list_codes(rows)
    unchecked = []
    for version in rules.versions:
        chosen = choose_programme_subjects(version, codes, own)
        told = sorted(set(find_programme_courses(codes, chosen)["programme"]))
        asked = [name for name, kind in version.kinds.items() if kind.programme_points]
        here = starters.filter(
            holds_on(version, starters.began)
            & starters.kind.isin(asked)
            & ~starters.programme.isin(told)
        )
        unchecked.append(count_rows(here))
    return sum(unchecked)


def _last_day(first: date, years: int, calendar: SchoolCalendar) -> date:
    """Return the last day of some school years, the first of which holds a day."""
    return add_months(calendar.year_start(first), 12 * years) - timedelta(days=1)


def _check_tables(tables: Mapping[str, Any], enrolments: str, rule: str) -> None:
    """Refuse to compute without the tables and columns needed."""
    for name in ("grades", enrolments):
        if name not in tables:
            raise UsageError(
                f"`tables` must hold '{name}' to compute an outcome, got {len(tables)} others. "
                "Add it to the sources."
            )
    check_grades(tables["grades"])
    needed = [*_ENROLMENT_COLUMNS, *(("school_type", "programme") if rule == DIPLOMA else ())]
    findings = find_missing_columns(tables[enrolments].columns, needed, where=enrolments)
    if findings:
        raise DataContractError(
            f"`{enrolments}` must have the columns that an outcome is computed from, got "
            f"{len(findings)} missing. Map them in the configuration.",
            findings,
        )


def _find_merit(rows: Any, versions: Sequence[MeritVersion], at_least: float) -> Any:
    """Return the day on which each pupil's merit value was high enough."""
    moments = rows.group_by("subject_id", "day").aggregate(known=rows.known.max())
    until = ibis.cumulative_window(group_by=moments.subject_id, order_by=moments.day)
    moments = moments.mutate(known=moments.known.max().over(until))
    merit = compute_merit(rows, moments, versions)
    enough = merit.filter(merit.merit >= at_least)
    return enough.group_by("subject_id").aggregate(day=enough.day.min(), known=enough.known.min())


def _find_missed(rows: Any, met: Any, versions: Sequence[Version], calendar: SchoolCalendar) -> Any:
    """Return the decisions on which a pupil had not yet met the rule."""
    decided = decisions(rows, calendar=calendar)
    joined = decided.left_join(met.select("subject_id", met_day=met.day), "subject_id")
    not_yet = joined.met_day.isnull() | is_before(joined.day, joined.met_day)
    holds = ibis.or_(*(holds_on(version, joined.day) for version in versions))
    return joined.filter(not_yet & holds).select("subject_id", "day", "known")


def _lay_out(found: _Found, tables: Mapping[str, Any], outcome: str) -> Any:
    """Return the rows of outcomes, those of pupils who left before a decision among them."""
    decided = ibis.union(
        _to_rows(found.met, outcome, 1, "observed"),
        _to_rows(found.missed, outcome, 0, "observed"),
    )
    parts = [decided]
    if found.left is not None:
        left = found.left.anti_join(decided, "subject_id")
        parts.append(_to_rows(left, outcome, None, "censored"))
    if "outcomes" in tables:
        parts.append(_take_over(tables["outcomes"], outcome))
    return ibis.union(*parts) if len(parts) > 1 else decided


def _to_rows(found: Any, outcome: str, value: int | None, status: str) -> Any:
    """Return pupils and days as rows of outcomes."""
    return found.select(
        subject_id=found.subject_id,
        outcome=ibis.literal(outcome),
        date=found.day,
        value=ibis.null("float64") if value is None else ibis.literal(value).cast("float64"),
        status=ibis.literal(status),
        known_date=found.known,
    )


def _find_left(enrolments: Any, grades: Any) -> Any:
    """Return the pupils who are no longer enrolled, and the first day on which they were not.

    A planned end that lies after the last day told of is not yet known to come.
    """
    told = _last_day_told(enrolments, grades)
    real = enrolments.filter(~is_void(enrolments))
    ends = real.group_by("subject_id").aggregate(
        day=real.end_date.max(), is_open=real.end_date.isnull().any()
    )
    left = ends.filter(~ends.is_open & ~is_before(told, ends.day))
    return left.select("subject_id", "day", known=left.day)


def _last_day_told(enrolments: Any, grades: Any) -> Any:
    """Return the last day on which an enrolment began or a grade was given."""
    return ibis.literal(
        max(
            enrolments.start_date.max().to_pyarrow().as_py(),
            grades["date"].max().to_pyarrow().as_py(),
        ),
        type="date",
    )


def _take_over(outcomes: Any, outcome: str) -> Any:
    """Return the rows of a table of outcomes about pupils who moved, died or were censored."""
    rows = outcomes.filter((outcomes.outcome == outcome) & (outcomes.status != "observed"))
    known = rows.known_date if "known_date" in rows.columns else ibis.null("date")
    return rows.select(
        subject_id=rows.subject_id,
        outcome=rows.outcome,
        date=rows["date"],
        value=ibis.null("float64"),
        status=rows.status,
        known_date=ibis.coalesce(known, rows["date"]),
    )


def _count(table: Any) -> dict[str, int]:
    """Count the pupils who completed at some time, who never did, and who left before."""
    by_pupil = table.group_by("subject_id").aggregate(
        completed=(table.value == 1).any(), observed=(table.status == "observed").any()
    )
    completed = by_pupil.completed.fill_null(False)
    counts = by_pupil.aggregate(
        completed=completed.cast("int64").sum(),
        not_completed=(~completed & by_pupil.observed).cast("int64").sum(),
        left_before=(~by_pupil.observed).cast("int64").sum(),
    )
    row = counts.to_pyarrow().to_pylist()[0]
    return {name: int(value or 0) for name, value in row.items()}
