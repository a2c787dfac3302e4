"""A simulated region as the endpoints of SS 12000 would deliver it: pages of JSON."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from riskmodel.core.files import write_atomically

DELIVERED = ("persons", "enrolments", "attendance", "grades")
"""The extracts that become pages."""

PAGES = "ss12000"
"""The folder of the pages."""

_SPACE = uuid.UUID("6b0c1c5e-3a0b-5d57-9a5b-5ff6f3d9a001")
_META = {"created": "2010-01-01T00:00:00+01:00", "modified": "2010-01-01T00:00:00+01:00"}
_BATCH = 100_000
_FIRST_LESSON = time(8, 20)
_BREAK_MINUTES = 10
_TURN_MONTHS = 7

Entity = dict[str, Any]


def replace_by_pages(extracts: Path) -> None:
    """Replace the extracts of `DELIVERED` in a folder by pages in its subfolder ``ss12000``.

    Parameters
    ----------
    extracts : pathlib.Path
        Folder with extracts in Parquet.
    """
    with write_atomically(extracts / PAGES) as partial:
        write_pages(extracts, partial)
    for name in DELIVERED:
        (extracts / f"{name}.parquet").unlink(missing_ok=True)


def write_pages(extracts: Path, out: Path, *, page_size: int = 10_000) -> None:
    """Write extracts in Parquet as pages of SS 12000, a folder for each endpoint.

    Parameters
    ----------
    extracts : pathlib.Path
        Folder with the extracts of `DELIVERED`; attendance by day or by lesson, or none.
    out : pathlib.Path
        Folder to make.
    page_size : int, default 10000
        Entities to a page.

    Notes
    -----
    Attendance is written batch by batch and need not fit in memory. What the standard has no
    field for is lost: migration background, parental education, and when an enrolment or a
    grade became known.
    """
    persons = pd.read_parquet(extracts / "persons.parquet")
    enrolments = pd.read_parquet(extracts / "enrolments.parquet")
    grades = pd.read_parquet(extracts / "grades.parquet")
    units = sorted(enrolments["school_unit"].unique())
    subjects = grades[["subject", "points"]].drop_duplicates()
    _write(out, "organisations", map(_organisation, units), page_size)
    _write(out, "persons", _persons(persons, enrolments), page_size)
    _write(out, "groups", _groups(enrolments), page_size)
    _write(out, "syllabuses", map(_syllabus, *_columns(subjects)), page_size)
    _write(out, "grades", _grades(grades), page_size)
    if not (extracts / "attendance.parquet").exists():
        return
    attendance = pq.ParquetFile(extracts / "attendance.parquet")
    lessons: dict[tuple[date, int, float], None] = {}
    _write(out, "attendances", _attendances(attendance, lessons), page_size)
    _write(out, "calendarEvents", (_event(*lesson) for lesson in lessons), page_size)


def _write(out: Path, endpoint: str, entities: Iterable[Entity], page_size: int) -> None:
    """Write entities page by page, each but the last with the token of the next."""
    folder = out / endpoint
    folder.mkdir(parents=True)
    rest = iter(entities)
    page = _take(rest, page_size)
    number = 1
    while True:
        following = _take(rest, page_size)
        token = f"page-{number + 1}" if following else None
        text = json.dumps({"data": page, "pageToken": token}, ensure_ascii=False)
        (folder / f"{number:06d}.json").write_text(text, encoding="utf-8", newline="\n")
        if not following:
            return
        page, number = following, number + 1


def _take(entities: Iterator[Entity], n: int) -> list[Entity]:
    """Return the next few entities."""
    return list(itertools.islice(entities, n))


def _name(*parts: object) -> str:
    """Return the id of an entity, which follows from what it is."""
    return str(uuid.uuid5(_SPACE, "|".join(map(str, parts))))


def _columns(frame: pd.DataFrame) -> Iterator[list[Any]]:
    """Return the columns of a frame as lists, None where a value is missing."""
    return ([None if pd.isna(value) else value for value in frame[name].tolist()] for name in frame)


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Return the rows of a frame, None where a value is missing."""
    return (
        dict(zip(frame.columns, row, strict=True)) for row in zip(*_columns(frame), strict=True)
    )


def _clean(entity: Entity) -> Entity:
    """Return an entity without fields that have no value."""
    return {name: value for name, value in entity.items() if value is not None}


def _organisation(unit: str) -> Entity:
    """Return a school unit."""
    return {
        "id": _name("unit", unit),
        "meta": _META,
        "displayName": unit,
        "organisationType": "Skolenhet",
        "schoolUnitCode": unit,
    }


def _persons(persons: pd.DataFrame, enrolments: pd.DataFrame) -> Iterator[Entity]:
    """Give each person with the enrolments."""
    by_person: dict[str, list[Entity]] = {}
    for row in _rows(enrolments):
        by_person.setdefault(row["person_id"], []).append(_enrolment(row))
    for row in _rows(persons):
        yield _clean(
            {
                "id": _name("person", row["person_id"]),
                "meta": _META,
                "givenName": "Simulerad",
                "familyName": "Elev",
                "civicNo": {"value": row["person_id"], "nationality": "SE"},
                "birthDate": str(row["birth_date"]),
                "sex": row["sex"],
                "securityMarking": row["security_marking"],
                "personStatus": "Aktiv",
                "addresses": [
                    {"type": "Folkbokföring", "municipalityCode": int(row["municipality"])}
                ]
                if row["municipality"]
                else None,
                "enrolments": by_person.get(row["person_id"], []),
            }
        )


def _enrolment(row: dict[str, Any]) -> Entity:
    """Return an enrolment."""
    return _clean(
        {
            "enroledAt": {"id": _name("unit", row["school_unit"])},
            "schoolType": row["school_type"],
            "schoolYear": None if row["school_year"] is None else int(row["school_year"]),
            "educationCode": row["programme"],
            "startDate": str(row["start_date"]),
            "endDate": _last_day(row["end_date"]),
            "cancelled": row["cancelled"],
        }
    )


def _groups(enrolments: pd.DataFrame) -> Iterator[Entity]:
    """Give each class of each school and year, with who belongs to it and when."""
    placed = enrolments[enrolments["school_class"].notna()]
    turn = (pd.to_datetime(placed["start_date"]) - pd.DateOffset(months=_TURN_MONTHS)).dt.year
    for key, members in placed.groupby(["school_unit", "school_class", turn.rename("turn")]):
        yield {
            "id": _name("group", *key),
            "meta": _META,
            "displayName": key[1],
            "groupType": "Klass",
            "schoolType": members["school_type"].iloc[0],
            "startDate": str(members["start_date"].min()),
            "groupMemberships": [_membership(row) for row in _rows(members)],
        }


def _membership(row: dict[str, Any]) -> Entity:
    """Return that a pupil belongs to a class while the enrolment lasts."""
    return _clean(
        {
            "person": {"id": _name("person", row["person_id"])},
            "startDate": str(row["start_date"]),
            "endDate": _last_day(row["end_date"]),
        }
    )


def _last_day(end: date | None) -> str | None:
    """Return the last day that counts, while an extract names the first day after."""
    return None if end is None else str(end - timedelta(days=1))


def _syllabus(subject: str, points: float | None) -> Entity:
    """Return the syllabus of a subject, or of a course with points."""
    code = "subjectDesignation" if points is None else "courseCode"
    return _clean(
        {
            "id": _name("syllabus", subject, points),
            "meta": _META,
            "schoolType": "GR" if points is None else "GY",
            "subjectName": subject,
            code: subject,
            "points": None if points is None else int(points),
            "curriculum": "Lgr22" if points is None else "GY2011",
            "official": True,
        }
    )


def _grades(grades: pd.DataFrame) -> Iterator[Entity]:
    """Give each grade."""
    for number, row in enumerate(_rows(grades)):
        yield _clean(
            {
                "id": _name("grade", number),
                "meta": _META,
                "student": {"id": _name("person", row["person_id"])},
                "registeredDate": str(row["date"]),
                "gradeValue": row["grade"],
                "finalGrade": row["is_final"],
                "semester": row["term"],
                "year": row["date"].year,
                "syllabus": {"id": _name("syllabus", row["subject"], row["points"])},
            }
        )


def _attendances(attendance: Any, lessons: dict[tuple[date, int, float], None]) -> Iterator[Entity]:
    """Give each attendance, and note the lessons."""
    last, place, number = (None, None), 0, 0
    students: dict[str, str] = {}
    for batch in attendance.iter_batches(_BATCH):
        for row in _rows(batch.to_pandas()):
            person, day = row["person_id"], row["date"]
            place = place + 1 if last == (person, day) else 0
            last, number = (person, day), number + 1
            lesson = (day, place, row["offered_minutes"])
            lessons[lesson] = None
            student = students.setdefault(person, _name("person", person))
            yield _attendance(row, student, lesson, number)


def _attendance(
    row: dict[str, Any], student: str, lesson: tuple[date, int, float], number: int
) -> Entity:
    """Return one attendance; only what was reported has minutes."""
    known = row["known_date"]
    minutes = {
        "attendanceMinutes": row["attended_minutes"],
        "validAbsenceMinutes": row["valid_absence_minutes"],
        "invalidAbsenceMinutes": row["invalid_absence_minutes"],
        "otherAttendanceMinutes": row["other_minutes"],
    }
    return _clean(
        {
            "id": str(uuid.UUID(int=number)),
            "meta": _META,
            "calendarEvent": {"id": _lesson_id(*lesson)},
            "student": {"id": student},
            "isReported": row["is_reported"],
            "reportedTimestamp": None if known is None else f"{known}T12:00:00Z",
            **{name: None if value is None else int(value) for name, value in minutes.items()},
        }
    )


def _lesson_id(day: date, place: int, minutes: float) -> str:
    """Return the id of a lesson."""
    return str(uuid.UUID(int=(day.toordinal() << 40) + (place << 20) + int(minutes)))


def _event(day: date, place: int, minutes: float) -> Entity:
    """Return a lesson, the first at twenty past eight."""
    start = datetime.combine(day, _FIRST_LESSON) + timedelta(
        minutes=place * (minutes + _BREAK_MINUTES)
    )
    return {
        "id": _lesson_id(day, place, minutes),
        "meta": _META,
        "activity": {"id": _name("activity", place)},
        "startTime": start.isoformat(),
        "endTime": (start + timedelta(minutes=minutes)).isoformat(),
        "cancelled": False,
    }
