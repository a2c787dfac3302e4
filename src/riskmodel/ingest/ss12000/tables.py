"""The entities of SS 12000 as the library's canonical tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis

from riskmodel.core.schema import SECURITY_NONE
from riskmodel.core.windows import is_before
from riskmodel.ingest.ss12000.fields import GONE_STATUSES, SECURITY_MARKINGS, SEXES, TERMS
from riskmodel.ingest.ss12000.joins import join
from riskmodel.ingest.ss12000.moments import (
    to_day,
    to_end_text,
    to_local_day_text,
    to_minutes,
)

Entities = Mapping[str, Any]
"""The entities of each endpoint, as tables of the fields that are kept."""

_SWEDISH = "SE"
_REGISTERED_ADDRESS = "Folkbokföring"
_CLASS = "Klass"
_LONGEST_YEAR_DAYS = 400
_DATED, _DATED_LENGTH = "%Y-%m-%d", 10
_NAMED = {  # where the pupil stands in the entities that say who is one
    "attendances": "student",
    "aggregatedAttendance": "student",
    "absences": "student",
    "grades": "student",
    "placements": "child",
}

_LISTED = {  # where pupils, and others, stand in lists of references
    "groups": ("groupMemberships", "person"),
    "calendarEvents": ("studentExceptions", "student"),
}


@dataclass(frozen=True)
class Pupils:
    """Who the pupils are.

    Parameters
    ----------
    persons : ibis.Table
        The entities of the pupils.
    identifiers : ibis.Table
        Columns `student` (the entity's id), `person_id` and `security_marking`.
    """

    persons: Any
    identifiers: Any


def find_pupils(entities: Entities) -> Pupils:
    """Find the persons who are pupils, their identifiers and their markings.

    Parameters
    ----------
    entities : mapping of str to ibis.Table
        By endpoint; `persons` must be among them.

    Returns
    -------
    Pupils
        Persons with an enrolment, and those named as a pupil elsewhere. Guardians and staff
        are left out.

    Notes
    -----
    The identifier is the Swedish personal number, or the entity's id where there is none. A
    person is protected if the person, or any reference to the person, says so; a marking that
    is not in the standard's list counts as protected.
    """
    persons = entities["persons"]
    named = [
        entities[name].select(
            student=entities[name][field]["id"], mark=_mark(entities[name][field])
        )
        for name, field in _NAMED.items()
        if name in entities
    ]
    enrolled = persons.filter(persons.enrolments.length() > 0)
    named.append(enrolled.select(student=enrolled["id"], mark=ibis.null("string")))
    pupils = ibis.union(*named) if len(named) > 1 else named[0]
    others = [join(marks, pupils, "semi", student="student") for marks in _marked(entities)]
    marks = ibis.union(pupils, *others) if others else pupils
    marks = marks.group_by("student").aggregate(mark=marks.mark.max())
    joined = join(persons, marks, "inner", id="student")
    number = joined.civicNo["value"].strip().nullif("")
    nation = joined.civicNo["nationality"].strip().upper()
    is_swedish = nation.isnull() | nation.isin([_SWEDISH, "SWE", ""])
    identifiers = joined.select(
        "student",
        person_id=ibis.ifelse(is_swedish & number.notnull(), number, joined["id"]),
        security_marking=ibis.coalesce(
            _protected_mark(joined.securityMarking), joined.mark, joined.securityMarking
        ),
    )
    return Pupils(join(persons, marks, "semi", id="student"), identifiers)


def _marked(entities: Entities) -> list[Any]:
    """Return marked references to persons that do not say who is a pupil."""
    found = []
    for name, (listed, field) in _LISTED.items():
        if name in entities:
            rows = entities[name].select(one=entities[name][listed].unnest())
            rows = rows.select(student=rows.one[field]["id"], mark=_mark(rows.one[field]))
            found.append(rows.filter(rows.mark.notnull()))
    return found


def _mark(reference: Any) -> Any:
    """Return the marking of a reference to a person if it protects."""
    return _protected_mark(reference["securityMarking"])


def _protected_mark(given: Any) -> Any:
    """Return markings that protect, one that is not known as the common one; null for others."""
    text = given.strip().nullif("")
    known = ibis.ifelse(text.isin(SECURITY_MARKINGS), text, SECURITY_MARKINGS[1])
    return ibis.ifelse(text.isnull() | (text == SECURITY_NONE), ibis.null("string"), known)


def build_persons(entities: Entities, pupils: Pupils) -> Any:
    """Return the table `persons`.

    Parameters
    ----------
    entities : mapping of str to ibis.Table
        By endpoint.
    pupils : Pupils
        As `find_pupils` gives them.

    Returns
    -------
    ibis.Table
        `municipality` is the code of the registered address; migration background and
        parental education are not in the standard.
    """
    persons = pupils.persons
    homes = persons.select("id", address=persons.addresses.unnest())
    homes = homes.select("id", kind=homes.address["type"], code=homes.address["municipalityCode"])
    homes = homes.filter(homes.kind.isnull() | (homes.kind == _REGISTERED_ADDRESS))
    homes = homes.group_by(home="id").aggregate(municipality=homes.code.max())
    rows = persons.select("id", "birthDate", "sex")
    rows = join(rows, pupils.identifiers, "inner", id="student")
    rows = join(rows, homes, "left", id="home")
    return rows.select(
        person_id=rows.person_id,
        birth_date=rows.birthDate,
        sex=_known(rows.sex, SEXES),
        municipality=rows.municipality.lpad(4, "0"),
        security_marking=rows.security_marking,
    )


def build_enrolments(entities: Entities, pupils: Pupils) -> Any:
    """Return the table `enrolments`.

    Parameters
    ----------
    entities : mapping of str to ibis.Table
        By endpoint. `organisations` give the codes of school units, `groups` the classes.
    pupils : Pupils
        As `find_pupils` gives them.

    Returns
    -------
    ibis.Table
        One row per enrolment. The class is the one on the enrolment's first day, so that a
        later class is not known too early. `end_date` is the first day after. Of a person who
        has died or emigrated no enrolment lasts longer than until the day on which the person
        was modified last, and none begins on it or later: the standard gives no other day.
    """
    rows = _flat_enrolments(pupils)
    rows = _with_units(rows, "unit", entities)
    if "groups" in entities:
        rows = _with_classes(rows, entities["groups"])
    else:
        rows = rows.mutate(school_class=ibis.null("string"))
    return rows.select(
        "person_id",
        "school_unit",
        "school_class",
        school_type=rows.schoolType,
        school_year=rows.schoolYear,
        programme=ibis.coalesce(rows.educationCode.strip().nullif(""), rows.programme),
        start_date=rows.startDate,
        end_date=_find_end(rows),
        cancelled=rows.cancelled,
    )


def _find_end(rows: Any) -> Any:
    """Return the first day after each enrolment, the day a person was gone if that is earlier."""
    is_cut = rows.endDate.isnull() | ~is_before(to_day(rows.endDate), rows.gone)
    cut, end = rows.gone.strftime(_DATED), to_end_text(rows.endDate)
    return ibis.ifelse(rows.gone.notnull() & is_cut, cut, end)


def _flat_enrolments(pupils: Pupils) -> Any:
    """Return one row per enrolment with the pupil's identifiers."""
    persons = pupils.persons
    is_gone = persons.personStatus.isin(GONE_STATUSES)
    gone = ibis.ifelse(is_gone, to_day(persons.meta["modified"]), ibis.null("date"))
    rows = persons.select("id", gone=gone, enrolment=persons.enrolments.unnest())
    rows = rows.filter(rows.enrolment.notnull())
    has_begun = is_before(to_day(rows.enrolment["startDate"]), rows.gone).fill_null(True)
    rows = join(rows.filter(has_begun), pupils.identifiers, "inner", id="student")
    fields = ("schoolYear", "schoolType", "startDate", "endDate", "cancelled", "educationCode")
    return rows.select(
        "student",
        "person_id",
        "gone",
        unit=rows.enrolment["enroledAt"]["id"],
        programme=rows.enrolment["programme"]["id"],
        **{name: rows.enrolment[name] for name in fields},
    )


def _with_units(rows: Any, column: str, entities: Entities) -> Any:
    """Add the code of a school unit, or its id where no code is known."""
    if "organisations" not in entities:
        return rows.mutate(school_unit=rows[column])
    units = entities["organisations"]
    units = units.select(unit_id=units["id"], code=units.schoolUnitCode.strip().nullif(""))
    joined = join(rows, units, "left", **{column: "unit_id"})
    return joined.mutate(school_unit=ibis.coalesce(joined.code, joined[column])).drop(
        "unit_id", "code"
    )


def _with_classes(rows: Any, groups: Any) -> Any:
    """Add the class that each pupil belonged to on an enrolment's first day."""
    classes = groups.filter(groups.groupType == _CLASS)
    members = classes.select(
        name=classes.displayName,
        first=classes.startDate,
        last=classes.endDate,
        member=classes.groupMemberships.unnest(),
    )
    members = members.select(
        member=members.member["person"]["id"],
        school_class=members.name,
        first=to_day(ibis.coalesce(members.member["startDate"], members["first"])),
        last=to_day(ibis.coalesce(members.member["endDate"], members["last"])),
    )
    joined = join(rows, members, "inner", student="member")
    start = to_day(joined.startDate)
    is_in = ~is_before(start, joined["first"]) & ~is_before(joined["last"], start).fill_null(False)
    held = joined.filter(is_in)
    held = held.select(
        holder="student",
        entered="startDate",
        dated=held["first"].strftime(_DATED) + held.school_class,
    )
    held = held.group_by("holder", "entered").aggregate(dated=held.dated.max())
    held = held.select("holder", "entered", school_class=held.dated.substr(_DATED_LENGTH))
    return join(rows, held, "left", student="holder", startDate="entered")


def build_grades(entities: Entities, pupils: Pupils) -> Any:
    """Return the table `grades`.

    Parameters
    ----------
    entities : mapping of str to ibis.Table
        By endpoint. `syllabuses` give subject and points.
    pupils : Pupils
        As `find_pupils` gives them.

    Returns
    -------
    ibis.Table
        `subject` is the course's code, else the subject's. `school_year` is that of the
        enrolment on the day, where the enrolment lasts a school year at most: a longer one
        tells the year that the pupil is in now.
    """
    grades = entities["grades"]
    rows = grades.mutate(pupil=grades.student["id"], syllabus_id=grades.syllabus["id"])
    rows = join(rows.drop("student"), pupils.identifiers, "inner", pupil="student")
    rows = join(rows, _subjects(entities), "left", syllabus_id="subject_key")
    rows = join(rows, _school_years(pupils, grades), "left", id="grade_key")
    return rows.select(
        "person_id",
        date=rows.registeredDate,
        subject=ibis.coalesce(rows.subject, rows.syllabus_id),
        grade=rows.gradeValue,
        term=_known(rows.semester.strip().upper(), TERMS),
        school_year=rows.school_year,
        points=rows.points,
        is_final=rows.finalGrade,
    )


def _subjects(entities: Entities) -> Any:
    """Return subject and points by the id of a syllabus."""
    if "syllabuses" not in entities:
        empty = {"subject_key": "string", "subject": "string", "points": "float64"}
        return ibis.memtable([], schema=empty)
    found = entities["syllabuses"]
    codes = [
        found[name].strip().nullif("")
        for name in ("courseCode", "subjectDesignation", "subjectCode", "subjectName")
    ]
    return found.select(subject_key=found["id"], subject=ibis.coalesce(*codes), points=found.points)


def _school_years(pupils: Pupils, grades: Any) -> Any:
    """Return the year of school in which each grade was set."""
    rows = _flat_enrolments(pupils)
    start, end = to_day(rows.startDate), to_day(to_end_text(rows.endDate))
    rows = rows.select("student", year=rows.schoolYear, first=start, after=end)
    rows = rows.filter(
        rows.after.notnull()
        & is_before(rows.after, rows["first"] + ibis.interval(days=_LONGEST_YEAR_DAYS))
    )
    given = grades.select(
        grade_key=grades["id"], pupil=grades.student["id"], day=to_day(grades.registeredDate)
    )
    joined = join(given, rows, "inner", pupil="student")
    held = joined.filter(
        ~is_before(joined.day, joined["first"]) & is_before(joined.day, joined.after)
    )
    return held.group_by("grade_key").aggregate(school_year=held.year.max())


def build_absences(entities: Entities, pupils: Pupils) -> Any:
    """Return reported absence, for a table of events that the configuration declares.

    Parameters
    ----------
    entities : mapping of str to ibis.Table
        By endpoint.
    pupils : Pupils
        As `find_pupils` gives them.

    Returns
    -------
    ibis.Table
        Columns `person_id`, `date`, `type` and `minutes`.
    """
    rows = entities["absences"]
    rows = rows.mutate(pupil=rows.student["id"]).drop("student")
    rows = join(rows, pupils.identifiers, "inner", pupil="student")
    return rows.select(
        "person_id",
        date=to_local_day_text(rows.startTime),
        type=rows["type"],
        minutes=to_minutes(rows.startTime, rows.endTime),
    )


def build_placements(entities: Entities, pupils: Pupils) -> Any:
    """Return placements, for a table of events that the configuration declares.

    Parameters
    ----------
    entities : mapping of str to ibis.Table
        By endpoint.
    pupils : Pupils
        As `find_pupils` gives them.

    Returns
    -------
    ibis.Table
        Columns `person_id`, `date`, `end_date` (the first day after), `school_unit`,
        `school_type` and `reason`.
    """
    rows = entities["placements"]
    rows = rows.mutate(pupil=rows.child["id"], unit=rows.placedAt["id"])
    rows = join(rows, pupils.identifiers, "inner", pupil="student")
    rows = _with_units(rows, "unit", entities)
    return rows.select(
        "person_id",
        "school_unit",
        "reason",
        date=rows.startDate,
        end_date=to_end_text(rows.endDate),
        school_type=rows.schoolType,
    )


def _known(value: Any, allowed: tuple[str, ...]) -> Any:
    """Return values that are in the standard's list, null in place of others."""
    text = value.strip()
    return ibis.ifelse(text.isin(allowed), text, ibis.null("string"))
