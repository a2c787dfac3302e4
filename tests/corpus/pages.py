"""Pages of SS 12000 that are broken, odd or absurd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from corpus.builder import NUMBER, WORD, Case

META = {"created": "2024-08-01T08:00:00+02:00", "modified": "2024-08-01T08:00:00+02:00"}
PERSON = {
    "id": "p1",
    "meta": META,
    "civicNo": {"value": NUMBER, "nationality": "SE"},
    "sex": "Man",
    "birthDate": "2010-01-31",
    "enrolments": [
        {"enroledAt": {"id": "u1"}, "schoolType": "GR", "schoolYear": 9, "startDate": "2024-08-15"}
    ],
}
UNIT = {"id": "u1", "meta": META, "organisationType": "Skolenhet"}
GRADE = {
    "id": "g1", "meta": META, "student": {"id": "p1"}, "registeredDate": "2024-12-20",
    "gradeValue": "C", "semester": "HT", "syllabus": {"id": "s1"},
}  # fmt: skip
SYLLABUS = {"id": "s1", "meta": META, "schoolType": "GR", "subjectDesignation": "MA"}


def page(*entities: Any) -> bytes:
    """A last page."""
    return json.dumps({"data": list(entities), "pageToken": None}, ensure_ascii=True).encode()


def _case(name: str, content: Any, said: str = "", endpoint: str = "persons", **more: Any) -> Case:
    files = (
        {
            "organisations.json": page(UNIT),
            "persons.json": page(PERSON),
            "syllabuses.json": page(SYLLABUS),
            "grades.json": page(GRADE),
        }
        | {f"{endpoint}.json": content}
        | more.pop("files", {})
    )
    return Case(name, "delivery", files, said, reported=more.pop("reported", ""))


def _make_folder(path: Path) -> None:
    path.mkdir()


_ID = f'{{"data": [{{"id": "{NUMBER}"'
BROKEN = [
    _case(f"a page with {name}", content, "persons.json")
    for name, content in {
        "no bytes": b"",
        "spaces": b" \n ",
        "an end in an entity": _ID[:-1],
        "an end between entities": _ID + "},",
        "no end": _ID + "}]",
        "no end of its text": _ID[:-5],
        "an end in an escape": _ID[:-1] + "\\u12",
        "an end in a number": '{"data": [{"schoolYear": 1',
        "two documents": '{"data": []}{"data": []}',
        "text behind": '{"data": []}' + WORD,
        "no comma": _ID + '} {"id": "2"}]}',
        "a comma too much": _ID + "},]}",
        "a colon too much": '{"data":: []}',
        "single quotes": "{'data': []}",
        "a comment": '{"data": [] /* ' + WORD + " */}",
        "no quotes": "{data: []}",
        "cp1252": f'{{"data": [{{"id": "Å{WORD}"}}]}}'.encode("cp1252"),
        "UTF-16": (_ID + "}]}").encode("utf-16"),
        "half a letter": _ID.encode() + b"\xc3",
        "a letter of surrogates": _ID.encode()[:-1] + b'\xed\xa0\x80"}]}',
        "text for data": f'{{"data": "{WORD}"}}',
        "an object for data": f'{{"data": {{"id": "{NUMBER}"}}}}',
        "nothing for data": '{"data": null}',
        "no data": f'{{"persons": [{{"id": "{NUMBER}"}}]}}',
        "numbers for entities": f'{{"data": [{NUMBER}]}}',
        "lists for entities": f'{{"data": [["{NUMBER}"]]}}',
        "nothing for an entity": '{"data": [null]}',
        "a number alone": NUMBER,
        "a text alone": f'"{NUMBER}"',
        "no number": '{"data": [{"id": NaN}]}',
        "infinity": '{"data": [{"id": -Infinity}]}',
        "a number with a nought before": '{"data": [{"id": 007}]}',
        "a number of 5,000 digits": '{"data": [{"id": 1' + "9" * 5000 + "}]}",
        "a bomb of objects": '{"data": [' + '{"id":' * 200_000,
        "a bomb of lists": "[" * 1_000_000,
        "a closed bomb": '{"x": ' + "[" * 100_000 + "]" * 100_000 + ', "data": []}',
        "a control character": _ID + '\x01"}]}',
        "NULs": bytes(4096),
        "a number for a token": f'{{"data": [], "pageToken": {NUMBER}}}',
        "a token": f'{{"data": [], "pageToken": "{WORD}"}}',
        "HTML": f"<html><body>{NUMBER}</body></html>",
        "an error": f'{{"code": "500", "message": "{WORD}"}}',
    }.items()
]  # fmt: skip
BROKEN = [
    Case(case.name, case.surface, case.files, "persons" if "a token" in case.name else case.said)
    for case in BROKEN
]


def _person(**changes: Any) -> bytes:
    return page(PERSON | changes)


SHAPES = [
    _case(f"a person with {name}", content, "persons." + field)
    for name, field, content in [
        ("a number for an id", "id", _person(id=1)),
        ("a list for an id", "id", _person(id=[WORD])),
        ("half a character for an id", "id", _person(id="\ud800" + WORD)),
        ("half a character for a sex", "sex", _person(sex="\udfff")),
        ("a text for a number", "civicNo", _person(civicNo=NUMBER)),
        ("a whole number for a number", "civicNo.value", _person(civicNo={"value": int(NUMBER)})),
        ("a list for a number", "civicNo", _person(civicNo=[{"value": NUMBER}])),
        ("a date of numbers", "birthDate", _person(birthDate=20100131)),
        ("an object for enrolments", "enrolments", _person(enrolments={"schoolYear": 9})),
        ("texts for enrolments", "enrolments", _person(enrolments=[WORD])),
        ("a text for a school year", "enrolments.schoolYear",
         _person(enrolments=[PERSON["enrolments"][0] | {"schoolYear": "nio"}])),
        ("a huge school year", "enrolments.schoolYear",
         _person(enrolments=[PERSON["enrolments"][0] | {"schoolYear": 10**400}])),
        ("a text for cancelled", "enrolments.cancelled",
         _person(enrolments=[PERSON["enrolments"][0] | {"cancelled": "nej"}])),
        ("a text for meta", "meta", _person(meta=WORD)),
    ]
]  # fmt: skip
SHAPES += [
    _case("a birthday that is none", _person(birthDate="2009-02-31"), "persons.birth_date"),
    _case("a birthday of noughts", _person(birthDate="0000-00-00"), "persons.birth_date"),
    _case("a birthday of text", _person(birthDate=WORD), "persons.birth_date"),
    _case("a sex that is none", _person(sex=WORD), reported="enumeration"),
    _case("a broken number", _person(civicNo={"value": "198112189875", "nationality": "SE"}),
          reported="invalid_check_digit"),
    _case("infinity for a school year", page(PERSON).replace(b": 9", b": 1e999"), "school"),
    _case("two persons of one id", page(PERSON, PERSON)),
    _case("two persons of one number", page(PERSON, PERSON | {"id": "p2"}), "must not repeat"),
    _case("a person without an id", page({**PERSON, "id": None}), reported="usable_rows"),
    _case("an empty person", page({}), reported="unlinked"),
    _case("no persons", page(), reported="unlinked"),
    _case("a grade of nobody", page(GRADE | {"student": {"id": WORD}}), "", endpoint="grades"),
    _case("a grade of text", page(GRADE | {"gradeValue": WORD}), "", endpoint="grades"),
    _case("a date of nonsense", page(GRADE | {"registeredDate": "2024-13-45"}), "grades.date",
          endpoint="grades"),
    _case("a grade of no subject", page(GRADE | {"syllabus": {"id": WORD}}), "grades",
          endpoint="grades"),
    _case("persons deleted who never were", b'{"data": {"persons": ["x"]}, "pageToken": null}',
          endpoint="deletedEntities"),
    _case("a text for the deleted", f'{{"data": {{"persons": "{WORD}"}}}}', "deletedEntities",
          endpoint="deletedEntities"),
    _case("numbers for the deleted", '{"data": {"persons": [1]}}', "deletedEntities",
          endpoint="deletedEntities"),
    _case("a list for the deleted", "[]", "deletedEntities", endpoint="deletedEntities"),
    _case("a file of no endpoint", page(), "named after no endpoint", endpoint="person"),
    _case("a folder for a page", _make_folder, "persons.json"),
    Case("no pages", "delivery", {"notes.txt": WORD}, "no page"),
    Case("a file for the folder", "delivery", {"delivery": WORD}, "must be a folder"),
]  # fmt: skip

CASES: list[Case] = [*BROKEN, *SHAPES]
