from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.core.schema import TABLES
from riskmodel.errors import DataContractError
from riskmodel.ingest.ss12000 import pages
from riskmodel.ingest.ss12000.delivery import open_delivery
from riskmodel.ingest.ss12000.pages import Page, UnreadablePageError
from riskmodel.ingest.ss12000.specs import Ss12000Spec

SECRET = "198112189876"

texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=8,
)
entities = st.lists(st.dictionaries(texts, values, max_size=4), max_size=6)


def read(chunks, **options):
    page = Page(chunks, **options)
    return [entity for piece in page.read() for entity in piece], page.token


@settings(max_examples=80, deadline=None)
@given(entities, st.none() | st.text(min_size=1), values, st.integers(1, 30), st.booleans())
def test_a_page_is_the_same_in_pieces_of_any_size(found, token, other, size, is_first):
    members = [("data", found), ("pageToken", token)]
    page = {"other": other} | dict(members if is_first else reversed(members)) | {"last": other}
    raw = json.dumps(page, ensure_ascii=False, indent=1 if is_first else None).encode()
    chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert read(chunks) == (found, token)
    bare = json.dumps(found).encode()
    assert read([bare[start : start + size] for start in range(0, len(bare), size)])[0] == found


@pytest.mark.parametrize("number", [0.0, 1.5, -2e-30, 1e300, 10, True, None])
def test_a_number_may_be_cut_anywhere(number):
    raw = json.dumps({"pageToken": None, "data": [{"n": number}], "last": number}).encode()
    for place in range(1, len(raw)):
        assert read([raw[:place], raw[place:]]) == ([{"n": number}], None)
        assert read([raw[:place], raw[place : place + 1], raw[place + 1 :]])[0] == [{"n": number}]
    for broken in (b"1e", b"1.", b"1e+", b"-"):
        with pytest.raises(UnreadablePageError):
            read([b'{"data": [], "last": ' + broken])


def test_something_far_too_long_is_refused_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(pages, "MAX_CHARACTERS", 1 << 16)

    def endless():
        yield b'{"data": [{"id": "'
        for _ in range(200):
            yield b"x" * 4096
        raise AssertionError("read on")

    with pytest.raises(UnreadablePageError, match="far too long"):
        read(endless())


def save(folder, entities):
    """Write entities with escapes, as text with half a character cannot be written otherwise."""
    for name, found in entities.items():
        (folder / f"{name}.json").write_text(json.dumps({"data": found}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("attendances", {"attendanceMinutes": SECRET}, "attendances.attendanceMinutes"),
        ("attendances", {"attendanceMinutes": 10**30}, "attendances.attendanceMinutes"),
        ("attendances", {"isReported": "ja"}, "attendances.isReported"),
        ("attendances", {"student": SECRET}, "attendances.student"),
        ("persons", {"birthDate": {"year": 2009}}, "persons.birthDate"),
    ],
)
def test_a_field_of_another_kind_breaks_the_contract(name, fields, said, write, engine, entities):
    entities[name][0].update(fields)
    folder = save(write({}), entities)
    with (
        pytest.raises(DataContractError) as caught,
        open_delivery(engine, Ss12000Spec(path=folder), TABLES),
    ):
        pass
    assert f"{said}: fields must be of the kind that SS 12000 states: <10 rows" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_values_that_cannot_be_break_the_contract_all_at_once(write, ingest, entities):
    entities["persons"][0]["birthDate"] = "2009-02-31"
    entities["persons"][1]["birthDate"] = "0000-00-00"
    entities["persons"][1]["enrolments"][0]["endDate"] = "2025-06-99"
    entities["calendarEvents"][0]["startTime"] = "99999-01-01T00:00:00Z"
    entities["attendances"][0]["attendanceMinutes"] = -5
    entities["grades"][0] |= {"registeredDate": SECRET, "gradeValue": None}
    with pytest.raises(DataContractError) as caught:
        ingest(write(entities))
    for said in (
        "persons.birth_date: values must be of the column's type (date)",
        "enrolments.end_date: values must be of the column's type (date)",
        "attendance.date: values must be of the column's type (date)",
        "attendance.attended_minutes: values must not lie below the least one",
        "grades.date: values must be of the column's type (date)",
        "grades.grade: a value must be there",
    ):
        assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "99" not in str(caught.value)


def test_unknown_fields_marks_and_odd_characters_do_no_harm(write, ingest, entities):
    entities["persons"][0] |= {"new": {"deep": [1, {"x": None}]}, "photo": "x" * 1_000_000}
    entities["groups"][0]["displayName"] = "9\u0000A 🎓"
    entities["persons"][0]["enrolments"][0] |= {"endDate": "9999-12-31", "schoolYear": None}
    frames, _ = ingest(write(entities))
    assert len(frames["persons"]) == 3
    assert "9\u0000A 🎓" in set(frames["enrolments"]["school_class"])


def test_every_broken_file_is_named_at_once(write, ingest, entities):
    folder = write(entities)
    (folder / "grades.json").write_text('{"data": [', encoding="utf-8")
    (folder / "groups.json").unlink()
    (folder / "groups.json").mkdir()
    (folder / "atendances.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataContractError) as caught:
        ingest(folder)
    text = str(caught.value)
    assert "grades: a page must be whole and valid JSON (grades.json" in text
    assert "groups.json is a folder" in text
    assert "Did you mean 'attendances'?" in text
    (folder / "atendances.json").unlink()
    (folder / "groups.json").rmdir()
    (folder / "grades.json").write_text("[]", encoding="utf-8")
    (folder / "syllabuses.json").write_text('{"data": [], "pageToken": "x"}', encoding="utf-8")
    with pytest.raises(DataContractError, match="syllabuses: the last page of an endpoint must"):
        ingest(folder)


def test_a_folder_that_is_none_or_lacks_persons_is_refused(write, ingest, entities, tmp_path):
    with pytest.raises(DataContractError, match="nowhere must be a folder"):
        ingest(tmp_path / "nowhere")
    file = tmp_path / "file.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(DataContractError, match=r"file\.json must be a folder"):
        ingest(file)
    del entities["persons"]
    with pytest.raises(DataContractError, match="persons"):
        ingest(write(entities))
