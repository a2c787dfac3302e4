"""Attendance from SS 12000: lesson by lesson, and as sums where there are no lessons."""

from __future__ import annotations

from typing import Any

import ibis

from riskmodel.core.windows import is_before
from riskmodel.ingest.ss12000.joins import join
from riskmodel.ingest.ss12000.moments import (
    to_day,
    to_local_day_text,
    to_minutes,
)
from riskmodel.ingest.ss12000.tables import Entities, Pupils

_PARTS = {
    "attended_minutes": ("attendanceMinutes", "attendanceSum"),
    "valid_absence_minutes": ("validAbsenceMinutes", "validAbsenceSum"),
    "invalid_absence_minutes": ("invalidAbsenceMinutes", "invalidAbsenceSum"),
    "other_minutes": ("otherAttendanceMinutes", "otherAttendanceSum"),
}
_COLUMNS = (
    "person_id", "date", "lesson", "offered_minutes", *_PARTS, "is_reported", "known_date",
)  # fmt: skip


def build_attendance(entities: Entities, pupils: Pupils) -> Any:
    """Return the table `attendance`.

    Parameters
    ----------
    entities : mapping of str to ibis.Table
        By endpoint. `attendances` need `calendarEvents`, which say when a lesson was.
    pupils : Pupils
        As `riskmodel.ingest.ss12000.tables.find_pupils` gives them.

    Returns
    -------
    ibis.Table
        One row per pupil and lesson. A lesson that was not reported has no minutes but those
        offered. Cancelled lessons, and lessons that are not among the calendar events, are
        left out. Of sums over periods those are used that end before a pupil's first lesson.

    Notes
    -----
    Minutes offered are what the four kinds add up to where the lesson was reported, so that a
    shorter lesson for one pupil counts as such; otherwise the length that the calendar event
    states for the pupil or for all, or the time between its start and end. A lesson without
    any minutes counts as not reported. It is known from the day on which it was reported.
    """
    lessons = _lessons(entities, pupils) if "attendances" in entities else None
    if "aggregatedAttendance" not in entities:
        return lessons
    return _with_sums(lessons, _sums(entities, pupils))


def _lessons(entities: Entities, pupils: Pupils) -> Any:
    """Return one row per pupil and lesson."""
    found = entities["attendances"]
    rows = found.select(
        "isReported",
        "reportedTimestamp",
        *(names[0] for names in _PARTS.values()),
        pupil=found.student["id"],
        event=found.calendarEvent["id"],
    )
    rows = join(rows, pupils.identifiers, "inner", pupil="student")
    rows = join(rows, _events(entities), "inner", event="event_key")
    exceptions = _exceptions(entities)
    rows = join(rows, exceptions, "left", event="except_event", pupil="except_pupil")
    has_minutes = ibis.or_(*(rows[field].notnull() for field, _ in _PARTS.values()))
    is_reported = rows.isReported.fill_null(True) & has_minutes
    parts = {
        column: ibis.ifelse(is_reported, rows[field].fill_null(0), None)
        for column, (field, _) in _PARTS.items()
    }
    rows = rows.mutate(**parts, is_reported=is_reported)
    total = sum(rows[column] for column in _PARTS)
    length = ibis.coalesce(rows.except_minutes, rows.minutes)
    return rows.select(
        "person_id",
        "date",
        *_PARTS,
        "is_reported",
        lesson=rows.event,
        offered_minutes=ibis.ifelse(is_reported & (total > 0), total, length),
        known_date=_known_date(rows),
    ).select(*_COLUMNS)


def _known_date(rows: Any) -> Any:
    """Return the day on which a lesson was reported, null where that is its own or unknown."""
    reported = to_day(rows.reportedTimestamp)
    return ibis.ifelse(
        is_before(to_day(rows.date), reported), reported.cast("string"), ibis.null("string")
    )


def _events(entities: Entities) -> Any:
    """Return the day and length of each lesson that was held."""
    events = entities["calendarEvents"]
    events = events.filter(~events.cancelled.fill_null(False))
    return events.select(
        event_key=events["id"],
        date=to_local_day_text(events.startTime),
        minutes=ibis.coalesce(
            events.teachingLengthStudent, to_minutes(events.startTime, events.endTime)
        ),
    )


def _exceptions(entities: Entities) -> Any:
    """Return the length of lessons for pupils to whom another one applies."""
    events = entities["calendarEvents"]
    rows = events.select(except_event=events["id"], one=events.studentExceptions.unnest())
    rows = rows.select(
        "except_event",
        except_pupil=rows.one["student"]["id"],
        except_minutes=rows.one["teachingLength"],
    )
    rows = rows.filter(rows.except_minutes.notnull())
    return rows.group_by("except_event", "except_pupil").aggregate(
        except_minutes=rows.except_minutes.max()
    )


def _sums(entities: Entities, pupils: Pupils) -> Any:
    """Return sums over periods as rows: what was reported, and apart what was not."""
    found = entities["aggregatedAttendance"]
    rows = found.mutate(pupil=found.student["id"]).drop("student")
    rows = join(rows, pupils.identifiers, "inner", pupil="student")
    parts = {column: rows[field].fill_null(0) for column, (_, field) in _PARTS.items()}
    rows = rows.mutate(**parts, key=rows.activity["id"] + "/" + rows.startDate)
    reported = ibis.coalesce(rows.reportedSum, rows.offeredSum, sum(rows[name] for name in _PARTS))
    rows = rows.mutate(reported=reported, missing=rows.offeredSum - reported)
    told = rows.select(
        "person_id", *_PARTS, lesson=rows.key, offered_minutes=rows.reported, date=rows.endDate,
        is_reported=ibis.literal(True), known_date=ibis.null("string"),
    )  # fmt: skip
    untold = rows.filter(rows.missing > 0)
    nothing = {name: ibis.null("float64") for name in _PARTS}
    untold = untold.select(
        "person_id", lesson=untold.key + "/-", offered_minutes=untold.missing, date=untold.endDate,
        is_reported=ibis.literal(False), known_date=ibis.null("string"), **nothing,
    )  # fmt: skip
    return told.select(*_COLUMNS).union(untold.select(*_COLUMNS))


def _with_sums(lessons: Any, sums: Any) -> Any:
    """Add sums that end before a pupil's first lesson to the lessons."""
    if lessons is None:
        return sums
    first = lessons.group_by(one="person_id").aggregate(first=to_day(lessons.date).min())
    joined = join(sums, first, "left", person_id="one")
    earlier = joined.filter(
        joined["first"].isnull() | is_before(to_day(joined.date), joined["first"])
    )
    return lessons.union(earlier.select(*_COLUMNS))
