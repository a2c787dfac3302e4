"""When the grades of upper secondary school make a diploma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import ibis
import pandas as pd

from riskmodel.cohort.population import is_void
from riskmodel.cohort.rules.courses import (
    COURSE_SCHEMA,
    find_programme_courses,
    name_courses,
)
from riskmodel.cohort.rules.specs import DiplomaRules, DiplomaVersion
from riskmodel.cohort.rules.versions import holds_on
from riskmodel.core.windows import is_before
from riskmodel.engine.session import Engine

_CLOCKS: tuple[Literal["day", "known"], ...] = ("day", "known")
_KEYS = ["subject_id", "course"]


def name_course_rows(rows: Any) -> Any:
    """Return the grades of upper secondary school with the course or level that they are in.

    Parameters
    ----------
    rows : ibis.Table
        What `riskmodel.cohort.rules.final_grades.final_rows` returned of courses.

    Returns
    -------
    ibis.Table
        The same columns, those of `COURSE_SCHEMA`, and `has_grade`, false for
        a dash.
    """
    kept = rows.filter(rows.code.notnull())
    named = kept.join(ibis.memtable(name_courses(list_codes(kept)), schema=COURSE_SCHEMA), "code")
    return named.mutate(has_grade=named.grade_points.notnull())


def list_codes(rows: Any) -> list[str]:
    """Return the different codes of some rows.

    Parameters
    ----------
    rows : ibis.Table
        Column `code`.

    Returns
    -------
    list of str
        In order.
    """
    return sorted(rows.select("code").distinct().to_pyarrow()["code"].to_pylist())


def count_rows(table: Any) -> int:
    """Return how many rows a table has.

    Parameters
    ----------
    table : ibis.Table
        Any.

    Returns
    -------
    int
        Their number.
    """
    return int(table.count().to_pyarrow().as_py())


def find_starters(enrolments: Any, rules: DiplomaRules) -> Any:
    """Return who began upper secondary school, when, and on which national programme.

    Parameters
    ----------
    enrolments : ibis.Table
        Columns subject_id, school_type, programme, start_date and end_date; cancelled if there
        is one.
    rules : DiplomaRules
        Which codes are of which kind of programme.

    Returns
    -------
    ibis.Table
        Columns subject_id, `first_day` of upper secondary, `began`, the first day on a national
        programme, and `programme` and `kind` of the latest one. The last three are missing for
        a pupil who has not been on any.
    """
    real = enrolments.filter(enrolments.school_type.isin(rules.school_types) & ~is_void(enrolments))
    code = real.programme.fill_null("").upper().substr(0, 2)
    kinds = [(code.isin(codes), ibis.literal(kind)) for kind, codes in rules.programmes.items()]
    placed = real.mutate(code=code, kind=ibis.cases(*kinds, else_=ibis.null("string")))
    rank = ibis.row_number().over(
        group_by=[placed.subject_id, placed.kind.isnull()],
        order_by=[placed.start_date.desc(), placed.code],
    )
    ranked = placed.mutate(is_latest=(rank == 0) & placed.kind.notnull())
    return ranked.group_by("subject_id").aggregate(
        first_day=ranked.start_date.min(),
        began=ranked.start_date.min(where=ranked.kind.notnull()),
        programme=ranked.code.max(where=ranked.is_latest),
        kind=ranked.kind.max(where=ranked.is_latest),
    )


def find_diplomas(
    engine: Engine,
    rows: Any,
    starters: Any,
    versions: Sequence[DiplomaVersion],
    subjects: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Return the day on which each pupil's grades were enough for a diploma.

    Parameters
    ----------
    engine : Engine
        The engine of the tables.
    rows : ibis.Table
        What `name_course_rows` returned.
    starters : ibis.Table
        What `find_starters` returned.
    versions : sequence of DiplomaVersion
        The rule's wordings, the oldest first. The first day on a national programme says which
        one holds. Who gets a grade after the day before which a version's education is to be
        completed completes it by the next one.
    subjects : mapping of str to sequence of str, optional
        Subjects common to a programme in place of the versions' own.

    Returns
    -------
    ibis.Table
        Columns subject_id, `day` and `known`. One row for each pupil with a diploma.

    Notes
    -----
    The day is the latest of the days on which there were points enough, passed points enough,
    each level, the project, and a grade in place of every dash.
    """
    own, found = subjects or {}, []
    for number, version in enumerate(versions):
        begun = starters.filter(holds_on(version, starters.began))
        done = _find_version(engine, rows, begun, version, own, f"cohort_courses_{number}")
        if version.completed_before is not None:
            limit = ibis.literal(version.completed_before)
            done = done.filter(is_before(done.day, limit))
            late = rows.filter(~is_before(rows.day, limit)).group_by("subject_id")
            late = late.aggregate(late_day=rows.day.min(), late_known=rows.known.min())
            if count_rows(late):
                here = begun.semi_join(late, "subject_id")
                place = f"cohort_courses_{number}_late"
                later = _find_version(engine, rows, here, versions[number + 1], own, place)
                found.append(_move_after(later, late))
        found.append(done)
    every = ibis.union(*found) if len(found) > 1 else found[0]
    return every.group_by("subject_id").aggregate(day=every.day.min(), known=every.known.min())


def _move_after(found: Any, late: Any) -> Any:
    """Return diplomas, none of them dated before the first of the late grades."""
    both = found.join(late, "subject_id")
    moved = {clock: ibis.greatest(both[clock], both[f"late_{clock}"]) for clock in _CLOCKS}
    return both.select("subject_id", **moved)


def choose_programme_subjects(
    version: DiplomaVersion, codes: Sequence[str], own: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the subjects common to those programmes for which the points in them can be told.

    Parameters
    ----------
    version : DiplomaVersion
        With the subjects that come with the library.
    codes : sequence of str
        The different codes or names that the grades have.
    own : mapping of str to sequence of str
        The user's own, which are taken at their word.

    Returns
    -------
    dict of str to tuple of str
        Names and beginnings of codes by programme. Of the library's own, only programmes whose
        subjects go by known names in these grades, for as many points as are asked for.
    """
    chosen = {programme: tuple(names) for programme, names in own.items()}
    asked = max((kind.programme_points or 0) for kind in version.kinds.values())
    for programme, subjects in version.programme_subjects.items():
        names = {f"{item.points}/{item.names[0]}": item.names for item in subjects}
        seen = set(find_programme_courses(codes, names)["programme"])
        told = sum(item.points for item in subjects if f"{item.points}/{item.names[0]}" in seen)
        if programme not in chosen and told >= asked:
            chosen[programme] = tuple(name for item in subjects for name in item.names)
    return chosen


def _find_version(
    engine: Engine,
    rows: Any,
    begun: Any,
    version: DiplomaVersion,
    own: Mapping[str, Sequence[str]],
    place: str,
) -> Any:
    """Return the diplomas by one version, of all kinds of programme; `place` names its tables."""
    codes = list_codes(rows)
    common = find_programme_courses(codes, choose_programme_subjects(version, codes, own))
    placed = rows.join(begun.select("subject_id", "programme", "kind"), "subject_id")
    courses = engine.materialise(_gather_courses(placed, common), place)
    levels = engine.materialise(_gather_levels(placed, version), f"{place}_levels")
    return ibis.union(
        *(_find_kind(courses, levels, version, kind, common) for kind in version.kinds)
    )


def _find_kind(
    courses: Any, levels: Any, version: DiplomaVersion, name: str, common: pd.DataFrame
) -> Any:
    """Return the diplomas of one kind of programme by one version."""
    kind, here = version.kinds[name], courses.filter(courses.kind == name)
    needs = [
        _find_points(here, "graded", version.points),
        _find_points(here, "passed", version.passed_points),
        levels.filter(levels.kind == name).select("subject_id", "day", "known"),
        _find_rest(here),
    ]
    if kind.programme_points is not None:
        needs.append(_find_common(here, common, kind.programme_points))
    every = ibis.union(*needs)
    met = every.group_by("subject_id").aggregate(
        n_met=every.count(), day=every.day.max(), known=every.known.max()
    )
    return met.filter(met.n_met == len(needs)).select("subject_id", "day", "known")


def _gather_courses(rows: Any, common: pd.DataFrame) -> Any:
    """Return one row per pupil and course: its points, and when it was graded and passed.

    A course is also passed by a pass in a higher level of its subject.
    """
    higher = rows.filter(rows.is_pass & rows.covers & rows.subject.notnull()).select(
        "subject_id", "subject", above=rows.number, above_day=rows.day, above_known=rows.known
    )
    both = rows.left_join(higher, ["subject_id", "subject"])
    is_covered = both.above > both.number
    named = ibis.memtable(common.assign(is_common=True), schema=_COMMON)
    both = both.drop("subject_id_right", "subject_right").left_join(named, ["programme", "code"])
    columns = {}
    for clock in _CLOCKS:
        above = both[f"above_{clock}"].min(where=is_covered)
        for name, counts in (("graded", both.has_grade), ("passed", both.is_pass)):
            own = both[clock].min(where=counts)
            columns[f"{name}_{clock}"] = ibis.least(own.coalesce(above), above.coalesce(own))
    return both.group_by(*_KEYS, "programme", "kind").aggregate(
        points=both.points.max(),
        is_project=both.is_project.any(),
        is_common=both.is_common.fill_null(False).any(),
        has_dash=(~both.has_grade).any(),
        **columns,
    )


_COMMON = {"programme": "string", "code": "string", "is_common": "boolean"}


def _find_points(courses: Any, state: Literal["graded", "passed"], amount: int) -> Any:
    """Return when the points of the courses graded or passed were enough."""
    return _merge(*(_find_amount(courses, f"{state}_{clock}", amount) for clock in _CLOCKS))


def _find_amount(courses: Any, column: str, amount: int) -> Any:
    """Return the first day on which the points up to it come to an amount."""
    kept = courses.filter(courses[column].notnull())
    until = ibis.cumulative_window(group_by=kept.subject_id, order_by=[kept[column], kept.course])
    summed = kept.mutate(total=kept.points.sum().over(until))
    enough = summed.filter(summed.total >= amount)
    return enough.group_by("subject_id").aggregate(moment=enough[column].min())


def _merge(by_day: Any, by_known: Any) -> Any:
    """Return a need with both its clocks."""
    known = by_known.rename(known="moment")
    both = by_day.rename(day="moment").join(known, "subject_id")
    return both.select("subject_id", "day", "known")


def _gather_levels(rows: Any, version: DiplomaVersion) -> Any:
    """Return when the last of the levels that a kind of programme asks for was passed."""
    passed, parts = rows.filter(rows.is_pass), []
    for name, kind in version.kinds.items():
        here = passed.filter(passed.kind == name)
        parts.append(_find_levels(here, kind.levels).mutate(kind=ibis.literal(name)))
    return ibis.union(*parts)


def _find_levels(passed: Any, levels: Mapping[str, tuple[tuple[str, ...], ...]]) -> Any:
    """Return when the last of the levels was passed, or one above it."""
    columns = {}
    for subject, items in levels.items():
        for number, item in enumerate(items):
            above = passed.covers & (passed.number > int(item[0][0]))
            fits = (passed.subject == subject) & (passed.level.isin(item) | above)
            for clock in _CLOCKS:
                columns[f"{subject}_{number}_{clock}"] = passed[clock].min(where=fits)
    found = passed.group_by("subject_id").aggregate(**columns)
    days = [name for name in columns if name.endswith("_day")]
    whole = found.filter(ibis.and_(*(found[name].notnull() for name in days)))
    return whole.select(
        subject_id=whole.subject_id,
        day=ibis.greatest(*(whole[name] for name in days)),
        known=ibis.greatest(*(whole[name] for name in columns if name not in days)),
    )


def _find_rest(courses: Any) -> Any:
    """Return when the project was passed and no dash stood without a grade in its place."""
    found = courses.group_by("subject_id").aggregate(
        is_open=(courses.has_dash & courses.graded_day.isnull()).any(),
        **{f"project_{c}": courses[f"passed_{c}"].min(where=courses.is_project) for c in _CLOCKS},
        **{f"dash_{c}": courses[f"graded_{c}"].max(where=courses.has_dash) for c in _CLOCKS},
    )
    whole = found.filter(found.project_day.notnull() & ~found.is_open)
    return whole.select(
        "subject_id",
        **{
            clock: ibis.greatest(
                whole[f"project_{clock}"],
                ibis.coalesce(whole[f"dash_{clock}"], whole[f"project_{clock}"]),
            )
            for clock in _CLOCKS
        },
    )


def _find_common(courses: Any, common: pd.DataFrame, amount: int) -> Any:
    """Return when there were passed points enough in subjects common to the programme.

    On a programme whose subjects are not known nothing is asked for: the day is the first one.
    """
    told = sorted(set(common["programme"]))
    checked = courses.filter(courses.programme.isin(told) & courses.is_common)
    rest = courses.filter(~courses.programme.isin(told))
    first = rest.group_by("subject_id").aggregate(
        day=rest.graded_day.min(), known=rest.graded_known.min()
    )
    first = first.filter(first.day.notnull())
    return ibis.union(_find_points(checked, "passed", amount), first)
