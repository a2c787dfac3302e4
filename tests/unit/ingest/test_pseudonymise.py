from __future__ import annotations

import json

import pandas as pd
import pytest

from riskmodel.core.files import hash_file
from riskmodel.core.schema import TABLES, Column, Table
from riskmodel.errors import PrivacyError
from riskmodel.ingest.column_names import IDENTITIES, SUBJECTS
from riskmodel.ingest.pseudonymise import forget_identities, pseudonymise_tables
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.scan import find_identifiers


@pytest.fixture
def pseudonymise(ingest, engine, key):
    def run(frames, tables=TABLES, *, domain="school", secret=key):
        return pseudonymise_tables(engine, ingest(frames, tables), secret, domain=domain)

    return run


def frames_of(engine, result):
    return {name: engine.to_pandas(table) for name, table in result.tables.items()}


def test_pseudonyms_stand_in_place_of_identifiers(pseudonymise, engine, frames):
    out = frames_of(engine, pseudonymise(frames))
    assert list(out) == ["subjects", "attendance", "grades"]
    assert list(out["subjects"]) == [
        "subject_id",
        "birth_year",
        "sex",
        "municipality",
        "migration_background",
        "parental_education",
    ]
    assert set(out["attendance"]) == {*TABLES["attendance"].columns, "subject_id"} - {"person_id"}
    for frame in out.values():
        assert frame["subject_id"].str.fullmatch("[0-9a-f]{32}").all()
        assert set(frame["subject_id"]) <= set(out["subjects"]["subject_id"])
    assert sorted(out["subjects"]["birth_year"]) == [2009, 2010]


def test_the_same_person_has_the_same_pseudonym_in_every_table(pseudonymise, engine, frames):
    frames["persons"].loc[0, "person_id"] = "19811218-9876"
    frames["attendance"].loc[[0, 3], "person_id"] = ["8112189876", "811218-9876"]
    frames["grades"].loc[0, "person_id"] = "198112189876"
    out = frames_of(engine, pseudonymise(frames))
    subject = out["subjects"].set_index("municipality").loc["Borås", "subject_id"]
    assert (out["attendance"]["subject_id"] == subject).sum() == 2
    assert (out["grades"]["subject_id"] == subject).sum() == 1


def test_whole_numbers_are_stored_as_such_and_others_as_they_are(pseudonymise, engine, frames):
    frames["attendance"]["attended_minutes"] = [60.0, 55.0, None, 0.0]
    schema = pseudonymise(frames).tables["attendance"].schema()
    kinds = {name: str(schema[name]) for name in schema}
    assert kinds["attended_minutes"] == "int32"
    assert kinds["offered_minutes"] == "float64"
    assert kinds["other_minutes"] == "float64"


def test_of_a_lesson_a_number_is_left_that_tells_it_from_others(pseudonymise, engine, frames):
    frames["attendance"]["lesson"] = ["a 1", "a 2", "a 1", "a 1"]
    out = frames_of(engine, pseudonymise(frames))["attendance"]
    assert pd.api.types.is_integer_dtype(out["lesson"])
    assert out["lesson"].nunique() == 2


def test_a_lesson_that_is_not_named_stays_missing(pseudonymise, engine, frames):
    frames["attendance"]["lesson"] = ["a 1", None, "a 1", None]
    out = frames_of(engine, pseudonymise(frames))["attendance"]
    assert out["lesson"].isna().sum() == 2


def test_protected_persons_and_all_their_rows_are_dropped(pseudonymise, engine, frames):
    result = pseudonymise(frames)
    out = frames_of(engine, result)
    assert len(out["subjects"]) == 2
    assert "Ale" not in set(out["subjects"]["municipality"])
    assert len(out["attendance"]) == 3
    assert result.report.protected == 1


def test_rows_without_a_valid_identifier_are_dropped(pseudonymise, engine, frames):
    del frames["grades"]
    frames["attendance"].loc[[0, 3], "person_id"] = ["19811218-9875", " "]
    result = pseudonymise(frames)
    assert len(engine.to_pandas(result.tables["attendance"])) == 1
    assert result.report.invalid_identifiers == {"invalid_check_digit": 1, "missing": 1}


def test_grades_have_points_and_a_pass(pseudonymise, engine, frames):
    out = frames_of(engine, pseudonymise(frames))["grades"].set_index("subject")
    assert out["grade_points"].to_dict()["MA"] == 17.5
    assert out["grade_points"].isna().to_dict() == {"MA": False, "SV": True, "EN": False}
    assert out["is_pass"].to_dict() == {"MA": True, "SV": False, "EN": False}
    assert out["grade"].to_dict() == {"MA": "B", "SV": "-", "EN": "f"}


def test_the_report_shows_no_small_count_nor_what_gives_one_away(pseudonymise, frames):
    content = pseudonymise(frames).report.to_dict()
    assert json.loads(json.dumps(content)) == {
        "key_id": "3cdf2670db1ae42f",
        "domain": "school",
        "subjects": "<10",
        "protected": "<10",
        "invalid_identifiers": {},
        "usable_rows": {"persons": "<10", "attendance": "<10", "grades": "<10"},
    }


def test_another_key_or_domain_gives_other_pseudonyms(pseudonymise, engine, frames):
    persons = {"persons": frames["persons"]}

    def subjects(**options):
        return set(frames_of(engine, pseudonymise(persons, **options))["subjects"]["subject_id"])

    first = subjects()
    assert first == subjects()
    assert not first & subjects(domain="health")
    assert not first & subjects(secret=PseudonymKey(bytes(range(1, 33))))


def test_any_order_of_rows_gives_the_same_bytes(pseudonymise, engine, frames, tmp_path):
    hashes = set()
    frames["attendance"] = pd.concat([frames["attendance"]] * 3)
    for seed in range(2):
        shuffled = {
            name: frames[name].sample(frac=1, random_state=seed)
            for name in ("persons", "attendance")
        }
        for name, table in pseudonymise(shuffled).tables.items():
            engine.write_parquet(table, tmp_path / f"{name}.parquet")
            hashes.add((name, hash_file(tmp_path / f"{name}.parquet")))
    assert len(hashes) == 2


def test_rows_are_in_the_order_of_subject_and_date(pseudonymise, engine, frames):
    del frames["grades"]
    out = frames_of(engine, pseudonymise(frames))["attendance"]
    ordered = out.sort_values(["subject_id", "date"], ignore_index=True)
    pd.testing.assert_frame_equal(out, ordered)


def test_columns_outside_the_schema_never_come_through(pseudonymise, engine, frames):
    for frame in frames.values():
        frame["civic_number"] = "198112189876"
        frame["name"] = "Anna Andersson"
    out = frames_of(engine, pseudonymise(frames))
    assert not any("198112189876" in frame.to_csv() for frame in out.values())
    assert not any("Anna" in frame.to_csv() for frame in out.values())


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("born 19811218-9876", "personal number"),
        ("anna@skola.example.se", "email"),
        ("20130101-TF01", "temporary number"),
        ("SIM000000002", "known identifier"),
        ("copy of SIM000000001", "known identifier"),
    ],
)
def test_an_identifier_in_another_column_stops_the_run(pseudonymise, frames, value, kind):
    frames["grades"].loc[1, "subject"] = value
    frames["persons"].loc[1, "municipality"] = value
    with pytest.raises(PrivacyError) as caught:
        pseudonymise(frames)
    assert caught.value.exit_code == 13
    assert caught.value.findings == (f"subjects.municipality: {kind}", f"grades.subject: {kind}")
    assert value not in str(caught.value)


def test_short_local_numbers_are_not_mistaken_for_codes(pseudonymise, engine, frames):
    del frames["attendance"]
    codes = {f"SIM00000000{n}": str(10_000_000 + n) for n in (1, 2, 3)}
    for frame in frames.values():
        frame["person_id"] = frame["person_id"].map(codes)
    frames["grades"]["subject"] = "10000001"
    assert len(frames_of(engine, pseudonymise(frames))["grades"]) == 3


def test_declared_tables_keep_their_columns(pseudonymise, engine, frames):
    columns = {
        "learner": Column(type="string", required=True),
        "day": Column(type="date", required=True),
        "score": Column(type="number"),
    }
    tables = TABLES | {"tests": Table(columns=columns, person="learner", date="day")}
    frames["tests"] = pd.DataFrame(
        {"learner": ["SIM000000001"], "day": ["2024-09-01"], "score": [0.5], "more": [1]}
    )
    chosen = {name: frames[name] for name in ("persons", "tests")}
    out = frames_of(engine, pseudonymise(chosen, tables))["tests"]
    assert list(out) == ["subject_id", "day", "score"]


def test_no_identifier_is_left_in_files_or_engine(pseudonymise, engine, frames, tmp_path):
    raw = list(frames["persons"]["person_id"])
    result = pseudonymise(frames)
    for name, table in result.tables.items():
        engine.write_parquet(table, tmp_path / "out" / f"{name}.parquet")
    assert find_identifiers([tmp_path / "out"], known=raw) == []
    forget_identities(engine)
    left = engine.connection.con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert not {(SUBJECTS,), (IDENTITIES,)} & set(left)
    for text in (repr(result), str(result.report)):
        assert not any(identifier in text for identifier in raw)


def test_no_persons_give_no_subjects(pseudonymise, engine, frames):
    out = frames_of(engine, pseudonymise({"persons": frames["persons"][:0]}))
    assert len(out["subjects"]) == 0
