"""A small delivery of SS 12000 about three pupils, a teacher and a guardian. None exists."""

from __future__ import annotations

import json

import pytest

from riskmodel.core.schema import TABLES
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.ingest.ss12000.delivery import open_delivery
from riskmodel.ingest.ss12000.specs import Ss12000Spec
from riskmodel.ingest.stage import ingest_tables

META = {"created": "2024-08-01T08:00:00+02:00", "modified": "2024-08-01T08:00:00+02:00"}
NUMBERS = {"anna": "198112189876", "bo": "20130101TF01"}
"""Numbers that no one has, of two pupils; the third, Cia, has none."""


def entity(name, **fields):
    return {"id": name, "meta": META, **fields}


def person(name, **fields):
    names = {"givenName": "Namnsson", "familyName": "Namnsdotter"}
    if name in NUMBERS:
        names["civicNo"] = {"value": NUMBERS[name], "nationality": "SE"}
    return entity(name, **names, **fields)


def enrolment(unit="unit-1", **fields):
    return {
        "enroledAt": {"id": unit},
        "schoolType": "GR",
        "schoolYear": 9,
        "startDate": "2024-08-15",
        "endDate": "2025-06-12",
        **fields,
    }


def attendance(name, student, event, **fields):
    return entity(
        name,
        student={"id": student},
        calendarEvent={"id": event},
        **({"isReported": True, "attendanceMinutes": 40} | fields),
    )


def lesson(name, start="2024-09-02T08:00:00+02:00", end="2024-09-02T09:00:00+02:00", **fields):
    return entity(name, activity={"id": "math"}, startTime=start, endTime=end, **fields)


def grade(name, student="anna", **fields):
    return entity(
        name,
        **{
            "student": {"id": student},
            "registeredDate": "2024-12-20",
            "gradeValue": "C",
            "finalGrade": False,
            "semester": "HT",
            "syllabus": {"id": "ma"},
        }
        | fields,
    )


def make_delivery():
    home = {"type": "Folkbokföring", "municipalityCode": 1480, "streetAddress": "Namngatan 1"}
    return {
        "organisations": [
            entity("unit-1", organisationType="Skolenhet", schoolUnitCode="12345678"),
            entity("unit-2", organisationType="Skolenhet"),
        ],
        "persons": [
            person("anna", sex="Kvinna", birthDate="2009-03-01", addresses=[home],
                   securityMarking="Ingen", enrolments=[enrolment()]),
            person("bo", sex="Man", enrolments=[enrolment("unit-2", educationCode="NA")]),
            person("cia", sex="Okänt", securityMarking="Sekretessmarkering",
                   enrolments=[enrolment()]),
            person("teacher", sex="Man"),
            person("guardian", sex="Kvinna", enrolments=[]),
        ],
        "groups": [
            entity("9a", displayName="9A", groupType="Klass", startDate="2024-08-15",
                   groupMemberships=[{"person": {"id": "anna"}}]),
            entity("choir", displayName="Kör", groupType="Övrigt", startDate="2024-08-15",
                   groupMemberships=[{"person": {"id": "bo"}}]),
        ],
        "syllabuses": [
            entity("ma", schoolType="GR", subjectName="Matematik", subjectDesignation="MA",
                   subjectCode="GRGRMAT01", curriculum="GR2011", official=True),
        ],
        "calendarEvents": [lesson("e1"), lesson("e2", cancelled=True)],
        "attendances": [
            attendance("a1", "anna", "e1", attendanceMinutes=40, invalidAbsenceMinutes=20),
            attendance("a2", "bo", "e1", isReported=False, attendanceMinutes=0),
            attendance("a3", "anna", "e2"),
        ],
        "grades": [grade("g1")],
    }  # fmt: skip


@pytest.fixture
def entities():
    return make_delivery()


@pytest.fixture
def write(tmp_path):
    """Write a delivery as one page per endpoint, and give the folder."""

    def run(entities):
        folder = tmp_path / "delivery"
        folder.mkdir(exist_ok=True)
        for name, found in entities.items():
            text = json.dumps({"data": found, "pageToken": None}, ensure_ascii=False)
            (folder / f"{name}.json").write_text(text, encoding="utf-8")
        return folder

    return run


@pytest.fixture
def engine():
    with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as opened:
        yield opened


@pytest.fixture
def ingest(engine, tmp_path):
    """Read a delivery through the data contract, and give its tables as frames."""

    def run(spec, schemas=TABLES, sources=None):
        if not isinstance(spec, Ss12000Spec):
            spec = Ss12000Spec(path=spec)
        with open_delivery(engine, spec, schemas, temporary_folder=tmp_path / "private") as found:
            ingested = ingest_tables(
                engine,
                found.sources | (sources or {}),
                schemas,
                protected=found.protected,
                notices=found.notices,
            )
            frames = {name: engine.to_pandas(rows) for name, rows in ingested.tables.items()}
            frames["identities"] = engine.to_pandas(ingested.identities)
            return frames, ingested.report

    return run
