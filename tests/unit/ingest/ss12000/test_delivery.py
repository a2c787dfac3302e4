from __future__ import annotations

import json
from datetime import date

import pandas as pd
import pytest

from riskmodel.core.schema import TABLES, Column, Table
from riskmodel.errors import DataContractError
from riskmodel.ingest.keys import IDENTITY, IS_PROTECTED, RAW
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.ss12000.delivery import open_delivery
from riskmodel.ingest.ss12000.specs import Ss12000Spec

MINUTES = [
    "offered_minutes", "attended_minutes", "valid_absence_minutes", "invalid_absence_minutes",
    "other_minutes",
]  # fmt: skip
ANNA, BO = "198112189876", "20130101TF01"


def by_person(frame, person, columns=None):
    found = frame[frame["person_id"] == person]
    return found if columns is None else found[columns].to_numpy().tolist()


def test_pupils_are_those_enrolled_and_nobody_else(write, ingest, entities):
    frames, _ = ingest(write(entities))
    persons = frames["persons"].set_index("person_id")
    assert sorted(persons.index) == sorted([ANNA, BO, "cia"])
    assert persons.loc[ANNA, ["sex", "municipality"]].tolist() == ["Kvinna", "1480"]
    assert persons.loc[ANNA, "birth_date"] == date(2009, 3, 1)
    assert persons.loc["cia", "security_marking"] == "Sekretessmarkering"
    assert not any("Namn" in str(frame.to_numpy().tolist()) for frame in frames.values())


def test_the_last_day_of_an_enrolment_is_included(write, ingest, entities):
    frames, _ = ingest(write(entities))
    row = by_person(frames["enrolments"], ANNA).iloc[0]
    assert (row["start_date"], row["end_date"]) == (date(2024, 8, 15), date(2025, 6, 13))
    assert row[["school_unit", "school_class", "school_year"]].tolist() == ["12345678", "9A", 9]
    other = by_person(frames["enrolments"], BO).iloc[0]
    assert other[["school_unit", "programme"]].tolist() == ["unit-2", "NA"]
    assert pd.isna(other["school_class"])


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ({"startDate": "2024-08-15"}, "9A"),
        ({"startDate": "2024-08-16"}, None),  # the class was not known on the first day
        ({"startDate": "2023-08-15", "endDate": "2024-08-14"}, None),
        ({"startDate": "2023-08-15", "endDate": "2024-08-15"}, "9A"),
    ],
)
def test_the_class_is_that_of_the_first_day(write, ingest, entities, member, expected):
    entities["groups"][0]["groupMemberships"][0].update(member)
    frames, _ = ingest(write(entities))
    found = by_person(frames["enrolments"], ANNA)["school_class"].iloc[0]
    assert found == expected if expected else pd.isna(found)


def test_a_lesson_that_is_not_reported_is_missing_and_a_cancelled_one_was_never_offered(
    write, ingest, entities
):
    frames, _ = ingest(write(entities))
    rows = frames["attendance"]
    assert by_person(rows, ANNA, MINUTES) == [[60, 40, 0, 20, 0]]
    bo = by_person(rows, BO).iloc[0]
    assert bo["offered_minutes"] == 60
    assert not bo["is_reported"]
    assert bo[MINUTES[1:]].isna().all()


def test_minutes_offered_follow_what_holds_for_the_pupil(write, ingest, entities):
    exception = {"student": {"id": "bo"}, "participates": True, "teachingLength": 25}
    entities["calendarEvents"][0] |= {
        "teachingLengthStudent": 50, "studentExceptions": [exception],
    }  # fmt: skip
    entities["attendances"].append(
        {**entities["attendances"][1], "id": "a4", "student": {"id": "cia"}}
    )
    frames, _ = ingest(write(entities))
    offered = frames["attendance"].set_index("person_id")["offered_minutes"]
    assert offered.to_dict() == {ANNA: 60, BO: 25, "cia": 50}


@pytest.mark.parametrize(
    ("start", "day"),
    [
        ("2024-09-01T22:30:00Z", date(2024, 9, 2)),
        ("2024-12-01T22:59:59Z", date(2024, 12, 1)),
        ("2024-12-01T23:00:00.5Z", date(2024, 12, 2)),
        ("2024-09-02T00:10:00+02:00", date(2024, 9, 2)),
        ("2024-09-02T08:00:00", date(2024, 9, 2)),
    ],
)
def test_a_lesson_is_on_its_day_in_sweden(write, ingest, entities, start, day):
    entities["calendarEvents"][0] |= {"startTime": start, "endTime": "2030-01-01T00:00:00Z"}
    frames, _ = ingest(write(entities))
    assert set(frames["attendance"]["date"]) == {day}


def test_what_was_reported_later_is_known_later(write, ingest, entities):
    entities["attendances"][0]["reportedTimestamp"] = "2024-09-04T22:30:00Z"
    entities["attendances"][1]["reportedTimestamp"] = "2024-09-02T10:00:00Z"
    frames, _ = ingest(write(entities))
    known = frames["attendance"].set_index("person_id")["known_date"]
    assert known[ANNA] == date(2024, 9, 5)
    assert pd.isna(known[BO])


def test_sums_stand_in_where_there_are_no_lessons_yet(write, ingest, entities):
    sums = {
        "activity": {"id": "math"}, "student": {"id": "anna"}, "attendanceSum": 500,
        "validAbsenceSum": 100, "offeredSum": 700, "reportedSum": 600,
    }  # fmt: skip
    entities["aggregatedAttendance"] = [
        sums | {"startDate": "2024-05-01", "endDate": "2024-05-31"},
        sums | {"startDate": "2024-09-01", "endDate": "2024-09-30"},  # her lessons tell more
    ]
    frames, _ = ingest(write(entities))
    rows = by_person(frames["attendance"], ANNA).sort_values("date")
    may = rows[rows["date"] == date(2024, 5, 31)].sort_values("is_reported")
    assert may[["is_reported", "offered_minutes"]].to_numpy().tolist() == [
        [False, 100],
        [True, 600],
    ]
    assert may["valid_absence_minutes"].sum() == 100
    assert len(rows) == 3


def test_grades_get_subject_points_and_the_year_of_the_enrolment(write, ingest, entities):
    entities["syllabuses"].append(
        {"id": "course", "schoolType": "GY", "courseCode": "MATMAT01c", "points": 100}
    )
    entities["grades"] += [
        {**entities["grades"][0], "id": "g2", "syllabus": {"id": "course"}, "finalGrade": True},
        {**entities["grades"][0], "id": "g3", "registeredDate": "2026-06-10", "semester": "VT"},
    ]
    frames, _ = ingest(write(entities))
    grades = frames["grades"].sort_values(["date", "subject"])
    assert grades["subject"].tolist() == ["MA", "MATMAT01c", "MA"]
    assert grades["school_year"].fillna(-1).tolist() == [9, 9, -1]
    assert grades["points"].fillna(-1).tolist() == [-1, 100, -1]
    assert grades["term"].tolist() == ["HT", "HT", "VT"]


def test_a_long_enrolment_does_not_say_in_which_year_a_grade_was_set(write, ingest, entities):
    entities["persons"][0]["enrolments"] = [
        {"enroledAt": {"id": "unit-1"}, "schoolType": "GY", "schoolYear": 3,
         "startDate": "2022-08-15", "endDate": "2025-06-12"}
    ]  # fmt: skip
    frames, _ = ingest(write(entities))
    assert frames["grades"]["school_year"].isna().all()


def test_the_version_modified_last_counts_and_what_was_deleted_is_gone(write, ingest, entities):
    newer = {"created": "2024-08-01T08:00:00Z", "modified": "2024-10-01T08:00:00Z"}
    corrected = {**entities["attendances"][0], "attendanceMinutes": 60, "invalidAbsenceMinutes": 0}
    entities["attendances"] += [corrected | {"meta": newer}, entities["attendances"][0]]
    entities["grades"].append({**entities["grades"][0], "id": "gone", "gradeValue": "F"})
    folder = write(entities)
    deleted = {"data": {"grades": ["gone"], "activitites": ["x"], "rooms": []}, "pageToken": None}
    (folder / "deletedEntities.json").write_text(json.dumps(deleted), encoding="utf-8")
    frames, _ = ingest(folder)
    assert by_person(frames["attendance"], ANNA, MINUTES) == [[60, 60, 0, 0, 0]]
    assert frames["grades"]["grade"].tolist() == ["C"]


def test_unknown_values_are_taken_and_counted(write, ingest, entities):
    entities["persons"][0]["sex"] = "Annat"
    for enrolled in entities["persons"][:3]:
        enrolled["enrolments"][0]["schoolType"] = "AGR"
    entities["syllabuses"] += [
        {"id": f"s{number}", "schoolType": "GR", "subjectName": "x", "curriculum": "Lgr22"}
        for number in range(20)
    ]
    frames, report = ingest(write(entities))
    assert set(frames["enrolments"]["school_type"]) == {"AGR"}
    told = {(item["table"], item["column"]): item for item in report.to_dict()["notices"]}
    assert told["syllabuses", "curriculum"]["count"] == "20"
    assert told["syllabuses", "curriculum"]["detail"] == "1 different"
    assert told["persons", "enrolments.schoolType"]["count"] == "<10"
    assert told["persons", "enrolments.schoolType"]["detail"] is None
    assert "Annat" not in json.dumps(report.to_dict())
    assert report.is_kept


@pytest.mark.parametrize("mark", ["Sekretessmarkering", "Skyddade personuppgifter"])
@pytest.mark.parametrize("where", ["person", "reference"])
def test_a_marking_protects_wherever_it_stands_and_whatever_it_is_called(
    write, ingest, entities, mark, where
):
    if where == "person":
        entities["persons"][0]["securityMarking"] = mark
    else:
        entities["grades"][0]["student"]["securityMarking"] = mark
    frames, _ = ingest(write(entities))
    protected = frames["identities"].set_index(RAW)[IS_PROTECTED]
    assert protected[ANNA]
    assert not protected[BO]


def test_protection_outlives_a_table_of_persons_of_ones_own(write, ingest, entities, tmp_path):
    own = tmp_path / "persons.csv"
    own.write_text(
        "person_id;migration_background\n19811218-9876;svensk\n20130101-TF01;svensk\ncia;svensk\n",
        encoding="utf-8",
    )
    frames, _ = ingest(write(entities), sources={"persons": SourceSpec(path=own)})
    identities = frames["identities"]
    assert set(identities.loc[identities[IS_PROTECTED], IDENTITY]) == {"cia"}
    assert set(frames["persons"]["migration_background"]) == {"svensk"}
    assert len(frames["enrolments"]) == 3


def test_a_foreign_number_is_no_personal_number(write, ingest, entities):
    entities["persons"][0]["civicNo"] = {"value": "01018512345", "nationality": "NO"}
    frames, _ = ingest(write(entities))
    assert "anna" in set(frames["persons"]["person_id"])


def test_rows_that_lead_nowhere_are_left_out_and_counted(write, ingest, entities):
    stray = {**entities["attendances"][0], "calendarEvent": {"id": "no such event"}}
    entities["attendances"] += [stray | {"id": f"s{number}"} for number in range(12)]
    entities["grades"].append({**entities["grades"][0], "id": "g2", "student": {"id": "nobody"}})
    frames, report = ingest(write(entities))
    told = {(item.table, item.column, item.rule): item.to_dict() for item in report.notices}
    assert told["attendances", "calendarEvent", "unlinked"]["count"] == "12"
    assert told["grades", "student", "unlinked"]["count"] == "<10"
    assert len(frames["grades"]) == 1


def test_attendance_without_any_calendar_event_is_refused(write, ingest, entities):
    del entities["calendarEvents"]
    with pytest.raises(DataContractError, match="attendances.calendarEvent"):
        ingest(write(entities))


def test_absences_and_placements_become_event_tables_where_they_are_declared(
    write, ingest, entities
):
    entities["absences"] = [
        {"id": "b1", "student": {"id": "anna"}, "type": "Anmäld frånvaro",
         "startTime": "2024-09-03T08:00:00+02:00", "endTime": "2024-09-03T10:30:00+02:00"}
    ]  # fmt: skip
    entities["placements"] = [
        {"id": "p1", "child": {"id": "bo"}, "placedAt": {"id": "unit-1"}, "schoolType": "FTH",
         "startDate": "2020-08-15", "endDate": "2021-06-10", "reason": "Omsorgsbehov"}
    ]  # fmt: skip
    own = {
        "person_id": Column(type="string", required=True),
        "date": Column(type="date", required=True),
    }
    minutes = own | {"minutes": Column(type="number"), "type": Column(type="string")}
    until = own | {"end_date": Column(type="date"), "school_unit": Column(type="string")}
    schemas = TABLES | {
        "absences": Table(columns=minutes, date="date", user_declared=True),
        "placements": Table(columns=until, date="date", user_declared=True),
    }
    folder = write(entities)
    frames, _ = ingest(folder, schemas)
    assert by_person(frames["absences"], ANNA, ["date", "minutes", "type"]) == [
        [date(2024, 9, 3), 150.0, "Anmäld frånvaro"]
    ]
    assert by_person(frames["placements"], BO, ["end_date", "school_unit"]) == [
        [date(2021, 6, 11), "12345678"]
    ]
    frames, _ = ingest(folder)
    assert not {"absences", "placements"} & set(frames)


def test_values_are_mapped_as_in_any_extract(write, ingest, entities):
    spec = Ss12000Spec(path=write(entities), values={"grades": {"subject": {"MA": "MAT"}}})
    frames, _ = ingest(spec)
    assert frames["grades"]["subject"].tolist() == ["MAT"]


def test_pages_may_be_split_over_files_and_folders(write, ingest, entities):
    folder = write({name: found for name, found in entities.items() if name != "persons"})
    (folder / "duties.json").write_text("not read", encoding="utf-8")
    (folder / "notes.txt").write_text("not read", encoding="utf-8")
    pages = folder / "persons"
    pages.mkdir()
    for number, found in enumerate(entities["persons"]):
        token = None if number == 4 else "more"
        page = {"pageToken": token, "data": [found]}
        (pages / f"{number:03d}.json").write_text(json.dumps(page), encoding="utf-8-sig")
    split = folder / "attendances.json"
    rows = entities["attendances"]
    split.rename(folder / "attendances_2.json").write_text(json.dumps(rows[1:]), encoding="utf-8")
    (folder / "attendances_1.json").write_text(
        json.dumps({"data": rows[:1], "pageToken": "2"}), encoding="utf-8"
    )
    frames, _ = ingest(folder)
    assert len(frames["persons"]) == 3
    assert len(frames["attendance"]) == 2


def test_the_private_folder_goes_away_whatever_happens(write, engine, entities, tmp_path):
    spec, private = Ss12000Spec(path=write(entities)), tmp_path / "private"
    with open_delivery(engine, spec, TABLES, temporary_folder=private) as found:
        assert found.sources["persons"].path.exists()
    assert list(private.iterdir()) == []
    with (
        pytest.raises(ZeroDivisionError),
        open_delivery(engine, spec, TABLES, temporary_folder=private),
    ):
        raise ZeroDivisionError
    assert list(private.iterdir()) == []
    (spec.path / "grades.json").write_text("{", encoding="utf-8")
    with (
        pytest.raises(DataContractError),
        open_delivery(engine, spec, TABLES, temporary_folder=private),
    ):
        pass
    assert list(private.iterdir()) == []
