from __future__ import annotations

import json
import time

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


BROKEN = {
    "empty": b"",
    "blank": b" \n ",
    "truncated in an entity": b'{"data": [{"id": "198112189876',
    "truncated between": b'{"data": [{"id": "198112189876"},',
    "without an end": b'{"data": [{"id": "198112189876"}]',
    "two documents": b'{"data": []}{"data": []}',
    "no comma": b'{"data": [{"id": "198112189876"} {"id": "2"}]}',
    "a trailing comma": b'{"data": [{"id": "198112189876"},]}',
    "not UTF-8": '{"data": [{"id": "Åsa 198112189876"}]}'.encode("cp1252"),
    "UTF-16": '{"data": [{"id": "198112189876"}]}'.encode("utf-16"),
    "data is text": b'{"data": "198112189876"}',
    "data is an object": b'{"data": {"id": "198112189876"}}',
    "data is null": b'{"data": null}',
    "no data": b'{"persons": [{"id": "198112189876"}]}',
    "data of numbers": b'{"data": [198112189876]}',
    "data of lists": b'{"data": [["198112189876"]]}',
    "a number": b"198112189876",
    "text": b'"198112189876"',
    "NaN": b'{"data": [{"id": NaN}]}',
    "a huge number": b'{"data": [{"id": 1' + b"9" * 5000 + b"}]}",
    "a nesting bomb": b'{"data": [' + b'{"id":' * 200_000,
    "a bomb of lists": b"[" * 1_000_000,
    "a bomb beside": b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "data": []}',
    "a control character": b'{"data": [{"id": "198112189876\x01"}]}',
    "a NUL": b"\x00" * 4096,
    "a token of numbers": b'{"data": [], "pageToken": 198112189876}',
    "HTML": b"<html><body>198112189876</body></html>",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_page_is_refused_without_quoting_it(name, write, engine, entities, tmp_path):
    folder = write(entities)
    (folder / "persons.json").write_bytes(BROKEN[name])
    start = time.monotonic()
    with (
        pytest.raises(DataContractError) as caught,
        open_delivery(engine, Ss12000Spec(path=folder), TABLES, temporary_folder=tmp_path / "p"),
    ):
        pass
    assert time.monotonic() - start < 5
    error = caught.value
    assert "persons" in str(error)
    assert "persons.json" in str(error)
    while error is not None:
        assert SECRET not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__
    assert list((tmp_path / "p").iterdir()) == []


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
        ("persons", {"id": int(SECRET)}, "persons.id"),
        ("persons", {"birthDate": {"year": 2009}}, "persons.birthDate"),
        ("persons", {"enrolments": {"schoolType": "GR"}}, "persons.enrolments"),
        ("persons", {"enrolments": [SECRET]}, "persons.enrolments"),
        ("persons", {"sex": "\ud800"}, "persons.sex"),
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
