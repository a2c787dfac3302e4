"""The endpoints of SS 12000:2020 that are read, their fields, and the standard's value lists.

Only what is named here is kept of an entity: names, addresses, telephone numbers and all else
are dropped as soon as they are read. Field names are those of the standard (SIS, SS 12000:2020
with its corrigendum of 2022, OpenAPI version 2.1.0).
"""

from __future__ import annotations

from typing import Any, Literal

Leaf = Literal["text", "number", "truth", "code"]
"""A field's kind. A `code` is text that some systems write as a number."""

Shape = dict[str, Any]
"""Fields by name: a `Leaf`, a shape of fields below, or a list of one shape."""

_REFERENCE: Shape = {"id": "text"}
_PERSON: Shape = {"id": "text", "securityMarking": "text"}
_ENTITY: Shape = {"id": "text", "meta": {"modified": "text"}}

ENDPOINTS: dict[str, Shape] = {
    "organisations": _ENTITY | {"organisationType": "text", "schoolUnitCode": "code"},
    "persons": _ENTITY
    | {
        "civicNo": {"value": "text", "nationality": "text"},
        "birthDate": "text",
        "sex": "text",
        "securityMarking": "text",
        "personStatus": "text",
        "addresses": [{"type": "text", "municipalityCode": "code"}],
        "enrolments": [
            {
                "enroledAt": _REFERENCE,
                "schoolYear": "number",
                "schoolType": "text",
                "startDate": "text",
                "endDate": "text",
                "cancelled": "truth",
                "educationCode": "code",
                "programme": _REFERENCE,
            }
        ],
    },
    "groups": _ENTITY
    | {
        "displayName": "text",
        "groupType": "text",
        "schoolType": "text",
        "startDate": "text",
        "endDate": "text",
        "groupMemberships": [{"person": _PERSON, "startDate": "text", "endDate": "text"}],
    },
    "placements": _ENTITY
    | {
        "child": _PERSON,
        "placedAt": _REFERENCE,
        "schoolType": "text",
        "startDate": "text",
        "endDate": "text",
        "reason": "text",
    },
    "syllabuses": _ENTITY
    | {
        "schoolType": "text",
        "subjectCode": "code",
        "subjectName": "text",
        "subjectDesignation": "text",
        "courseCode": "code",
        "points": "number",
        "curriculum": "text",
    },
    "activities": _ENTITY | {"activityType": "text"},
    "calendarEvents": _ENTITY
    | {
        "activity": _REFERENCE,
        "startTime": "text",
        "endTime": "text",
        "cancelled": "truth",
        "teachingLengthStudent": "number",
        "studentExceptions": [
            {"student": _PERSON, "participates": "truth", "teachingLength": "number"}
        ],
    },
    "attendances": _ENTITY
    | {
        "student": _PERSON,
        "calendarEvent": _REFERENCE,
        "isReported": "truth",
        "attendanceMinutes": "number",
        "validAbsenceMinutes": "number",
        "invalidAbsenceMinutes": "number",
        "otherAttendanceMinutes": "number",
        "reportedTimestamp": "text",
    },
    "aggregatedAttendance": {
        "student": _PERSON,
        "activity": _REFERENCE,
        "startDate": "text",
        "endDate": "text",
        "attendanceSum": "number",
        "validAbsenceSum": "number",
        "invalidAbsenceSum": "number",
        "otherAttendanceSum": "number",
        "reportedSum": "number",
        "offeredSum": "number",
    },
    "absences": _ENTITY
    | {"student": _PERSON, "startTime": "text", "endTime": "text", "type": "text"},
    "grades": _ENTITY
    | {
        "student": _PERSON,
        "registeredDate": "text",
        "gradeValue": "text",
        "finalGrade": "truth",
        "correctionType": "text",
        "semester": "text",
        "syllabus": _REFERENCE,
    },
    "deletedEntities": {},
}
"""The endpoints that are read, in the order that they are asked for, with their fields."""

UNUSED_ENDPOINTS = (
    "duties",
    "programmes",
    "studyplans",
    "schoolUnitOfferings",
    "attendanceEvents",
    "attendanceSchedule",
    "resources",
    "rooms",
    "subscriptions",
)
"""Endpoints of the standard that hold nothing for this library; their files are left alone."""

DELETABLE = {
    name: ("activitites", "activities") if name == "activities" else (name,)
    for name, shape in ENDPOINTS.items()
    if "id" in shape
}
"""What `/deletedEntities` calls the entities of an endpoint; the standard misspells one."""

PERIODS = {
    "calendarEvents": ("startTime.onOrAfter", "startTime.onOrBefore"),
    "aggregatedAttendance": ("startDate", "endDate"),
}
"""The filters by which some endpoints must be told a period."""

_SCHOOL_TYPES = (
    "FS", "FKLASS", "FTH", "OPPFTH", "GR", "GRS", "TR", "SP", "SAM", "GY", "GYS", "VUX", "VUXSFI",
    "VUXGR", "VUXGY", "VUXSARGR", "VUXSARTR", "VUXSARGY", "SFI", "SARVUX", "SARVUXGR", "SARVUXGY",
    "KU", "YH", "FHS", "STF", "KKU", "HS", "ABU", "AU",
)  # fmt: skip

SECURITY_MARKINGS = ("Ingen", "Sekretessmarkering", "Skyddad folkbokföring")
"""The markings of a person's identity."""

SEXES = ("Man", "Kvinna", "Okänt")
"""The values of a person's sex."""

GONE_STATUSES = ("Utvandrad", "Avliden")
"""What is said of persons who are no pupils any longer, whatever their enrolments say."""

TERMS = ("HT", "VT")
"""Autumn and spring term."""

ENUMERATIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("organisations", "organisationType"): (
        "Huvudman", "Verksamhetsområde", "Förvaltning", "Rektorsområde", "Skola", "Skolenhet",
        "Varumärke", "Bolag", "Övrigt",
    ),
    ("persons", "sex"): SEXES,
    ("persons", "securityMarking"): SECURITY_MARKINGS,
    ("persons", "personStatus"): ("Aktiv", *GONE_STATUSES),
    ("persons", "enrolments.schoolType"): _SCHOOL_TYPES,
    ("groups", "groupType"): (
        "Undervisning", "Klass", "Mentor", "Provgrupp", "Schema", "Avdelning", "Personalgrupp",
        "Övrigt",
    ),
    ("groups", "schoolType"): _SCHOOL_TYPES,
    ("placements", "schoolType"): ("FS", "FTH", "OPPFTH"),
    ("placements", "reason"): ("Omsorgsbehov", "Erbjuden tid", "Eget behov"),
    ("syllabuses", "schoolType"): _SCHOOL_TYPES,
    ("syllabuses", "curriculum"): (
        "Lgy70", "Lgr80", "Lpo94", "Lpf94", "Lpfö98", "GR2000", "GY2000", "GYSÄR2000",
        "GYVUX2000", "GYVUX2001", "GYVUX2002", "GR2011", "GRSÄR2011", "SPEC2011", "SAM2011",
        "Lvux12", "GY2011", "GYSÄR2013", "VU2013",
    ),
    ("activities", "activityType"): (
        "Undervisning", "Elevaktivitet", "Provaktivitet", "Läraraktivitet", "Övrigt",
    ),
    ("absences", "type"): ("Beviljad ledighet", "Anmäld frånvaro"),
    ("grades", "correctionType"): ("Ändring", "Rättelse"),
    ("grades", "semester"): TERMS,
}  # fmt: skip
"""The standard's lists of values, by endpoint and field."""
