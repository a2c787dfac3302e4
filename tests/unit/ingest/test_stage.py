from __future__ import annotations

import json

import pandas as pd
import pytest

from riskmodel.core.schema import TABLES, Column, Table
from riskmodel.errors import ConfigurationError, DataContractError
from riskmodel.ingest.findings import RULES, ContractFinding, DataContractReport
from riskmodel.ingest.specs import IdentitySpec, SourceSpec
from riskmodel.ingest.stage import ingest_tables


def broken(ingest, frames, tables=TABLES, **options):
    with pytest.raises(DataContractError) as caught:
        ingest(frames, tables, **options)
    assert caught.value.exit_code == 11
    return list(caught.value.findings)


def test_tables_that_keep_the_contract_are_typed(ingest, engine, frames):
    ingested = ingest(frames)
    assert ingested.report.is_kept
    assert ingested.report.usable_rows == {"persons": 2, "attendance": 3, "grades": 3}
    assert ingested.identifier_kinds == {"local": 3}
    persons = engine.to_pandas(ingested.tables["persons"])
    assert list(persons) == list(TABLES["persons"].columns)
    assert str(persons["birth_date"].max()) == "2010-06-15"
    attendance = engine.to_pandas(ingested.tables["attendance"])
    assert attendance["offered_minutes"].sum() == 235.5
    assert attendance["valid_absence_minutes"].isna().all()


def test_every_broken_rule_of_every_table_is_reported_at_once(ingest, frames):
    frames["persons"].loc[0, "sex"] = "SECRET"
    frames["persons"].loc[1, "birth_date"] = "SECRET"
    frames["attendance"]["offered_minutes"] = [-1, 200_000, None, "SECRET"]
    frames["attendance"].loc[3, "date"] = None
    frames["grades"].loc[0, "person_id"] = None
    frames["grades"] = frames["grades"].drop(columns="subject")
    frames["enrolments"] = pd.DataFrame(
        {
            "person_id": ["SIM000000001"] * 20,
            "school_unit": "10000001",
            "school_type": "GR",
            "school_year": 11,
            "start_date": "2024-08-15",
            "end_date": "2024-08-14",
        }
    )
    assert broken(ingest, frames) == [
        "grades.subject: the column must be there (no subject in grades.csv.)",
        "persons.birth_date: values must be of the column's type (date): <10 rows",
        "persons.sex: values must be in the list of allowed ones (Man, Kvinna, Okänt): <10 rows",
        "attendance.date: a value must be there: <10 rows",
        "attendance.offered_minutes: values must be of the column's type (number): <10 rows",
        "attendance.offered_minutes: values must not lie below the least one (0): <10 rows",
        "attendance.offered_minutes: values must not lie above the greatest one (100000): <10 rows",
        "enrolments.school_year: values must not lie above the greatest one (10): 20 rows",
        "enrolments.end_date: the end must not lie before the start: 20 rows",
    ]


def test_strangers_are_refused(ingest, frames):
    frames["grades"].loc[[0, 1], "person_id"] = ["SIM000000009", "19811218-9876"]
    assert broken(ingest, frames) == [
        "grades.person_id: every person must be in the table of persons: <10 rows"
    ]


def test_a_person_is_one_person_however_the_number_is_written(ingest, frames):
    frames["persons"].loc[0, "person_id"] = "19811218-9876"
    frames["attendance"].loc[[0, 3], "person_id"] = ["8112189876", " 198112189876 "]
    frames["grades"].loc[0, "person_id"] = "811218-9876"
    assert ingest(frames).report.usable_rows["attendance"] == 3
    frames["persons"].loc[1, "person_id"] = "811218-9876"
    frames["attendance"].loc[1, "person_id"] = "8112189876"
    frames["grades"]["person_id"] = "811218-9876"
    assert broken(ingest, frames) == ["persons.person_id: rows must not repeat: <10 rows"]


def test_identifiers_that_are_not_valid_are_counted_not_refused(ingest, frames):
    frames["persons"].loc[0, "person_id"] = "19811218-9875"
    frames["attendance"].loc[[0, 3], "person_id"] = ["19811218-9875", "19811318-9876"]
    frames["grades"].loc[0, "person_id"] = "  "
    ingested = ingest(frames)
    assert ingested.identifier_kinds == {
        "invalid_check_digit": 1,
        "invalid_date": 1,
        "local": 2,
        "missing": 1,
    }
    assert ingested.report.usable_rows == {"persons": 1, "attendance": 1, "grades": 2}
    frames["attendance"].loc[3, "person_id"] = "19811218-9875"
    assert ingest(frames, spec=IdentitySpec(all_local=True)).identifier_kinds == {
        "local": 3,
        "missing": 1,
    }


def test_declared_tables_have_their_own_names_and_keys(ingest, engine, frames):
    tables = TABLES | {
        "clicks": Table(
            columns={
                "learner": Column(type="string", required=True),
                "day": Column(type="date", required=True),
                "site": Column(type="string"),
                "n": Column(type="integer", minimum=1),
            },
            person="learner",
            date="day",
            unique=("learner", "day", "site"),
            user_declared=True,
        )
    }
    frames["clicks"] = pd.DataFrame(
        {
            "learner": ["SIM000000001"] * 3,
            "day": "2024-09-01",
            "site": ["a", "b", "c"],
            "n": [1, 2, 3],
        }
    )
    frames = {name: frames[name] for name in ("persons", "clicks")}
    ingested = ingest(frames, tables)
    assert engine.to_pandas(ingested.tables["clicks"])["n"].tolist() == [1, 2, 3]
    frames["clicks"]["site"] = "a"
    assert broken(ingest, frames, tables) == [
        "clicks.learner, day, site: rows must not repeat: <10 rows"
    ]


@pytest.mark.parametrize("name", ["subject_id", "ingest__raw", "x__failed"])
def test_declared_tables_must_leave_the_librarys_names_alone(ingest, frames, name):
    columns = {"person_id": Column(type="string"), name: Column(type="string")}
    with pytest.raises(ConfigurationError, match="clicks"):
        ingest(frames, TABLES | {"clicks": Table(columns=columns)})


def test_unknown_and_missing_tables_are_findings(engine, write, frames):
    sources = write({"grades": frames["grades"]}) | {
        "atendance": SourceSpec(path=write(frames)["attendance"].path)
    }
    with pytest.raises(DataContractError) as caught:
        ingest_tables(engine, sources, TABLES)
    assert list(caught.value.findings) == [
        "persons: the table must be given",
        "atendance: the table must be given (not known. Did you mean 'attendance'?)",
    ]


def test_problems_of_several_files_come_together(engine, write, frames, tmp_path):
    sources = write(frames) | {
        "persons": SourceSpec(path=tmp_path / "gone.csv"),
        "support": SourceSpec(path=tmp_path / "gone.parquet"),
    }
    sources["grades"].path.write_text("person_id;grade\n", encoding="utf-8")
    with pytest.raises(DataContractError) as caught:
        ingest_tables(engine, sources, TABLES)
    assert [line.split(":")[0] for line in caught.value.findings] == [
        "persons",
        "grades.date",
        "grades.subject",
        "support",
    ]


def test_reports_show_no_small_counts():
    findings = (
        ContractFinding("a", "x", "type", 3, "date"),
        ContractFinding("a", "", "file", None, "a.csv is empty"),
        ContractFinding("b", "y", "maximum", 1200, "5"),
    )
    report = DataContractReport(findings, {"a": 3, "b": 12_345})
    assert report.to_text().splitlines() == [
        "a: <10 rows",
        "b: 12345 rows",
        "a.x: values must be of the column's type (date): <10 rows",
        "a: the file must be readable (a.csv is empty)",
        "b.y: values must not lie above the greatest one (5): 1200 rows",
    ]
    content = json.loads(json.dumps(report.to_dict()))
    assert content["usable_rows"] == {"a": "<10", "b": "12345"}
    assert [finding["count"] for finding in content["findings"]] == ["<10", None, "1200"]
    with pytest.raises(DataContractError, match=r"3 finding\(s\)"):
        report.check()


def test_a_kept_contract_raises_nothing():
    report = DataContractReport((), {"a": 0})
    report.check()
    assert report.is_kept
    assert report.to_text() == "a: 0 rows"


def test_every_rule_has_a_sentence():
    assert all(text and not text.endswith(".") for text in RULES.values())
