from __future__ import annotations

import json
from datetime import date

import pandas as pd
import pytest

from riskmodel.core.schema import TABLES, Column, Table
from riskmodel.errors import DataContractError
from riskmodel.ingest.column_names import IDENTITY, IS_PROTECTED, RAW
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.ss12000.delivery import open_delivery
from riskmodel.ingest.ss12000.moments import to_end_text, to_local_day_text
from riskmodel.ingest.ss12000.specs import Ss12000Spec

MINUTES = [
    "offered_minutes", "attended_minutes", "valid_absence_minutes", "invalid_absence_minutes",
    "other_minutes",
]  # fmt: skip
ANNA, BO = "198112189876", "20130101TF01"


def by_person(frame, person, columns=None):
    found = frame[frame["person_id"] == person]
    return found if columns is None else found[columns].to_numpy().tolist()


@pytest.fixture
def frames(write, ingest, entities):
    """The delivery as it is."""
    return ingest(write(entities))[0]


def test_pupils_keep_their_numbers_and_lose_their_names(frames):
    persons = frames["persons"].set_index("person_id")
    assert sorted(persons.index) == sorted([ANNA, BO, "cia"])  # neither teacher nor guardian
    assert persons.loc[ANNA, ["sex", "municipality"]].tolist() == ["Kvinna", "1480"]
    assert persons.loc[ANNA, "birth_date"] == date(2009, 3, 1)
    assert persons.loc["cia", "security_marking"] == "Sekretessmarkering"
    assert not any("Namn" in str(frame.to_numpy().tolist()) for frame in frames.values())
    # The last day of an enrolment is included; a cancelled lesson was never offered.
    row = by_person(frames["enrolments"], ANNA).iloc[0]
    assert (row["start_date"], row["end_date"]) == (date(2024, 8, 15), date(2025, 6, 13))
    assert row[["school_unit", "school_class", "school_year"]].tolist() == ["12345678", "9A", 9]
    other = by_person(frames["enrolments"], BO).iloc[0]
    assert other[["school_unit", "programme"]].tolist() == ["unit-2", "NA"]
    assert pd.isna(other["school_class"])
    assert by_person(frames["attendance"], ANNA, MINUTES) == [[60, 40, 0, 20, 0]]
    # A lesson that is not reported is missing, not attended.
    bo = by_person(frames["attendance"], BO).iloc[0]
    assert bo["offered_minutes"] == 60
    assert not bo["is_reported"]
    assert bo[MINUTES[1:]].isna().all()


def test_the_class_is_that_of_the_first_day(write, ingest, entities):
    spans = {
        "known": {"startDate": "2024-08-15"},
        "late": {"startDate": "2024-08-16"},  # not known on the first day
        "over": {"startDate": "2023-08-15", "endDate": "2024-08-14"},
        "last": {"startDate": "2023-08-15", "endDate": "2024-08-15"},
    }
    enrolled = entities["persons"][0]["enrolments"]
    entities["persons"] = [{"id": name, "enrolments": enrolled} for name in spans]
    entities["groups"][0]["groupMemberships"] = [
        {"person": {"id": name}, **span} for name, span in spans.items()
    ]
    del entities["attendances"], entities["grades"]
    frames, _ = ingest(write(entities))
    found = frames["enrolments"].set_index("person_id")["school_class"].dropna()
    assert found.to_dict() == {"known": "9A", "last": "9A"}


def test_minutes_offered_and_the_day_a_lesson_was_known(write, ingest, entities):
    exception = {"student": {"id": "bo"}, "participates": True, "teachingLength": 25}
    entities["calendarEvents"][0] |= {
        "teachingLengthStudent": 50, "studentExceptions": [exception],
    }  # fmt: skip
    silent = {**entities["attendances"][1], "student": {"id": "cia"}, "isReported": True}
    entities["attendances"].append(silent | {"id": "a4", "attendanceMinutes": None})
    entities["attendances"][0]["reportedTimestamp"] = "2024-09-04T22:30:00Z"
    entities["attendances"][1]["reportedTimestamp"] = "2024-09-02T10:00:00Z"
    frames, _ = ingest(write(entities))
    rows = frames["attendance"].set_index("person_id")
    assert rows["offered_minutes"].to_dict() == {ANNA: 60, BO: 25, "cia": 50}
    assert not rows.loc["cia", "is_reported"]  # nothing was said of any minute
    assert rows.loc[ANNA, "known_date"] == date(2024, 9, 5)
    assert pd.isna(rows.loc[BO, "known_date"])


def test_moments_are_days_in_sweden(engine):
    days = {
        "2024-09-01T22:30:00Z": "2024-09-02",
        "2024-12-01T22:59:59Z": "2024-12-01",
        "2024-12-01T23:00:00.5Z": "2024-12-02",
        "2024-09-02T00:10:00+02:00": "2024-09-02",
        "2024-09-02T00:10:00+0200": "2024-09-02",
        "2024-09-02T08:00:00": "2024-09-02",
        "2024-09-02": "2024-09-02",
        "2024-13-45T08:00:00Z": "2024-13-45T08:00:00Z",  # stays, for the contract to find
        "294247-01-01T00:00:00Z": "294247-01-01T00:00:00Z",
        "infinity": "infinity",
    }
    given = engine.register(pd.DataFrame({"text": list(days)}), "given")
    found = engine.to_pandas(given.select("text", day=to_local_day_text(given.text)))
    assert dict(zip(found["text"], found["day"], strict=True)) == days
    ends = {"2024-02-29": "2024-03-01", "9999-12-31": "9999-12-31", "soon": "soon",
            "2024-06-14T00:00:00": "2024-06-15"}  # fmt: skip
    given = engine.register(pd.DataFrame({"text": list(ends)}), "given")
    found = engine.to_pandas(given.select("text", end=to_end_text(given.text)))
    assert dict(zip(found["text"], found["end"], strict=True)) == ends


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
        {**entities["grades"][0], "id": "g4", "student": {"id": "bo"}},
    ]
    # A long enrolment says in which year the pupil is now, not then.
    entities["persons"][1]["enrolments"][0] |= {"schoolYear": 3, "startDate": "2022-08-15"}
    frames, _ = ingest(write(entities))
    assert by_person(frames["grades"], BO)["school_year"].isna().all()
    grades = by_person(frames["grades"], ANNA).sort_values(["date", "subject"])
    assert grades["subject"].tolist() == ["MA", "MATMAT01c", "MA"]
    assert grades["school_year"].fillna(-1).tolist() == [9, 9, -1]
    assert grades["points"].fillna(-1).tolist() == [-1, 100, -1]
    assert grades["term"].tolist() == ["HT", "HT", "VT"]


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
    entities["persons"][0] |= {"sex": "Annat", "civicNo": {"value": "1", "nationality": "NO"}}
    for enrolled in entities["persons"][:3]:
        enrolled["enrolments"][0]["schoolType"] = "AGR"
    entities["syllabuses"] += [
        {"id": f"s{number}", "schoolType": "GR", "subjectName": "x", "curriculum": "Lgr22"}
        for number in range(20)
    ]
    frames, report = ingest(write(entities))
    assert set(frames["enrolments"]["school_type"]) == {"AGR"}
    assert "anna" in set(frames["persons"]["person_id"])  # a foreign number names nobody here
    told = {(item["table"], item["column"]): item for item in report.to_dict()["notices"]}
    assert told["syllabuses", "curriculum"]["count"] == "20"
    assert told["syllabuses", "curriculum"]["detail"] == "1 different"
    assert told["persons", "enrolments.schoolType"]["count"] == "<10"
    assert told["persons", "enrolments.schoolType"]["detail"] is None
    assert "Annat" not in json.dumps(report.to_dict())
    assert report.is_kept


def test_a_marking_protects_wherever_it_stands_and_whatever_it_is_called(write, ingest, entities):
    entities["grades"][0]["student"]["securityMarking"] = "Skyddad folkbokföring"
    entities["persons"][1]["securityMarking"] = "Skyddade personuppgifter"
    frames, _ = ingest(write(entities))
    assert frames["identities"].set_index(RAW)[IS_PROTECTED].to_dict() == {
        ANNA: True, BO: True, "cia": True,
    }  # fmt: skip
    marks = frames["persons"].set_index("person_id")["security_marking"]
    assert marks[ANNA] == "Skyddad folkbokföring"


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
    write, ingest, entities, engine
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
    with open_delivery(engine, Ss12000Spec(path=folder), TABLES) as undeclared:
        assert not {"absences", "placements"} & set(undeclared.sources)


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
    spec = Ss12000Spec(path=folder, values={"grades": {"subject": {"MA": "MAT"}}})
    frames, _ = ingest(spec)
    assert len(frames["persons"]) == 3
    assert len(frames["attendance"]) == 2
    assert frames["grades"]["subject"].tolist() == ["MAT"]


@pytest.mark.parametrize("status", ["Avliden", "Utvandrad", "Aktiv", None])
def test_who_has_died_or_emigrated_is_enrolled_no_longer(write, ingest, entities, status):
    ends = [None, "2025-06-12", "2024-11-29", "2024-11-30", "2024-10-01"]
    (enrolled,) = entities["persons"][0]["enrolments"]
    entities["persons"][0] |= {
        "personStatus": status,
        "meta": {"modified": "2024-11-29T23:30:00Z"},  # the 30th in Sweden
        "enrolments": [
            *(enrolled | {"endDate": end} for end in ends),
            enrolled | {"startDate": "2024-11-30", "endDate": None},
        ],
    }
    frames, _ = ingest(write(entities))
    rows = by_person(frames["enrolments"], ANNA)
    found = [None if pd.isna(day) else str(day) for day in rows["end_date"]]
    cut = "2024-11-30" if status in {"Avliden", "Utvandrad"} else None
    if cut is None:
        later = [None, None, "2025-06-13", "2024-11-30", "2024-12-01", "2024-10-02"]
        assert sorted(map(str, found)) == sorted(map(str, later))
    else:
        assert sorted(found) == ["2024-10-02", cut, cut, cut, cut]
    assert ANNA in set(frames["persons"]["person_id"])
    assert len(by_person(frames["grades"], ANNA)) == 1


def test_the_private_folder_goes_away_whatever_happens(write, engine, entities, tmp_path):
    spec, private = Ss12000Spec(path=write(entities)), tmp_path / "private"
    with (
        pytest.raises(ZeroDivisionError),
        open_delivery(engine, spec, TABLES, temporary_folder=private) as found,
    ):
        assert found.sources["persons"].path.exists()
        raise ZeroDivisionError
    assert list(private.iterdir()) == []
    (spec.path / "grades.json").write_text("{", encoding="utf-8")
    with (
        pytest.raises(DataContractError),
        open_delivery(engine, spec, TABLES, temporary_folder=private),
    ):
        pass
    assert list(private.iterdir()) == []
