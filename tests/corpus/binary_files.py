"""Workbooks and Parquet files that are broken, odd or absurd."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from decimal import Decimal
from typing import Any

import pyarrow as pa
from corpus.builder import (
    NUMBER,
    PERSON,
    WORD,
    Case,
    book,
    overwrite,
    parquet,
    persons,
    repack,
    save_table,
    table,
)

NAMES = ("person_id", "birth_date", "sex", "municipality")
GOOD = book(NAMES, (NUMBER, dt.date(2010, 1, 31), "Man", WORD))
SHEET = "xl/worksheets/sheet1.xml"
_START = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def _book(name: str, content: bytes, said: str = "", **settings: Any) -> Case:
    return persons(name, content, said, file="persons.xlsx", **settings)


def _sheet(xml: str) -> bytes:
    return repack(GOOD, {SHEET: (_START + xml).encode()})


def _bomb() -> bytes:
    row = b'<row><c t="inlineStr"><is><t>' + b"a" * 1000 + b"</t></is></c></row>"
    sheet = _START.encode() + b"<sheetData>" + row * 70_000 + b"</sheetData></worksheet>"
    return repack(GOOD, {SHEET: sheet}, zipfile.ZIP_DEFLATED)


def _entities() -> bytes:
    levels = "".join(
        f'<!ENTITY a{k + 1} "{f"&a{k};" * 10}">' for k in range(12)
    )  # each ten times the one before
    xml = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{levels}]>'
    body = _START.split("?>", 1)[1] + '<sheetData><row><c t="inlineStr"><is><t>&a12;</t></is></c>'
    return repack(GOOD, {SHEET: f"{xml}{body}</row></sheetData></worksheet>".encode()})


def _encrypted() -> bytes:
    """Set the mark of encryption on each part."""
    content = bytearray(GOOD)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(mark)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(mark, place + 1)
    return bytes(content)


def _other_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("readme.txt", WORD)
    return stream.getvalue()


BOOKS = [
    _book("no Excel", WORD.encode(), "is not Excel"),
    _book("CSV under the name of Excel", PERSON.encode(), "is not Excel"),
    _book("the old format", bytes.fromhex("D0CF11E0A1B11AE1") + bytes(2000), "old format"),
    _book("another zip file", _other_zip(), "is not Excel"),
    _book("a zip file of nothing", b"PK\x05\x06" + bytes(18), "is not Excel"),
    *(
        _book(f"cut after {share:.0%}", GOOD[: int(len(GOOD) * share)], "is not Excel")
        for share in (0.01, 0.3, 0.6, 0.95, 0.999)
    ),
    *(
        _book(f"broken in the middle at {place}", overwrite(GOOD, place, place + 60), "persons")
        for place in (400, 1500)
    ),
    _book("under a password of zip", _encrypted(), "is not Excel"),
    *(
        _book(f"without {part}", repack(GOOD, {part: None}), "is not Excel")
        for part in ("xl/workbook.xml", "[Content_Types].xml", SHEET)
    ),
    *(
        _book(f"with a broken {part}", repack(GOOD, {part: b"<a><b>" + WORD.encode()}),
              "is not Excel")
        for part in ("xl/workbook.xml", "[Content_Types].xml", SHEET, "xl/styles.xml")
    ),
    _book("NULs for XML", repack(GOOD, {SHEET: bytes(900)}), "is not Excel"),
    _book("a shared text that is not there", _sheet(
        '<sheetData><row><c t="s"><v>99</v></c></row></sheetData></worksheet>'), "is not Excel"),
    _book("a place that is none", _sheet(
        f'<sheetData><row r="1"><c r="{WORD}99999"><v>1</v></c></row></sheetData></worksheet>'),
        "persons.xlsx"),
    _book("a number that is none", _sheet(
        f'<sheetData><row><c><v>{WORD}</v></c></row></sheetData></worksheet>'), "is not Excel"),
    _book("a row far below", _sheet(
        '<sheetData><row r="1048576"><c r="A1048576" t="inlineStr"><is><t>x</t></is></c></row>'
        "</sheetData></worksheet>"), "no header in row 1"),
    _book("a column far out", _sheet(
        '<sheetData><row r="1"><c r="XFD1" t="inlineStr"><is><t>x</t></is></c></row>'
        "</sheetData></worksheet>"), "at most 4096"),
    _book("sizes that are not true", _sheet(
        '<dimension ref="A1:XFD1048576"/><sheetData></sheetData></worksheet>'), "no header"),
    _book("deep XML", _sheet("<a>" * 50_000), "is not Excel"),
    _book("a bomb of size", _bomb(), "unpacks to far more"),
    _book("a bomb of entities", _entities(), "is not Excel"),
    _book("nothing on the sheet", book(), "no header in row 1"),
    _book("a header alone", book(NAMES)),
    _book("no such sheet", GOOD, "has no sheet Elever", sheet="Elever"),
    _book("a name twice", book((*NAMES, "Sex")), "1 repeated"),
    _book("cells beyond the header", book(NAMES, (*PERSON.split(";"), WORD)), "as many cells"),
    _book("a header below", book((f"Utdrag {WORD}",), (), NAMES), "as many cells"),
    _book("a header row too far", GOOD, "no header in row 50", header_row=50),
    _book("a formula for an identifier", book(NAMES, ("=A1", None, None, None)), ""),
    _book("a formula for a date", book(NAMES, (NUMBER, "=TODAY()", None, None)), ""),
    _book("an error for a date", book(NAMES, (NUMBER, "#REF!", None, None)), "type (date)"),
    _book("a command for a date", book(NAMES, (NUMBER, "@SUM(1)", None, None)), "type (date)"),
    _book("a time for a date", book(NAMES, (NUMBER, dt.time(8, 10), None, None)), "type (date)"),
    _book("a duration for a date", book(NAMES, (NUMBER, dt.timedelta(2), None, None)), "type"),
    _book("a number for a date", book(NAMES, (NUMBER, 40209, None, None)), "type (date)"),
    _book("a huge number for a date", book(NAMES, (NUMBER, 1e300, None, None)), "type (date)"),
    _book("a truth for a date", book(NAMES, (NUMBER, True, None, None)), "type (date)"),
    _book("numbers for names", book((1, 2.5, True, dt.date(2010, 1, 1))), "no person_id"),
    _book("a number for a person", book(NAMES, (198112189876, None, "Man", None)), ""),
    _book("a number far too long for a person", book(NAMES, (1.98112189876e22, None, None, None))),
    _book("a date past the last", _sheet(
        "<sheetData><row>"
        + "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in NAMES)
        + '</row><row><c><v>1</v></c><c s="1"><v>99999999999</v></c></row></sheetData>'
        "</worksheet>"),
        "persons"),
]  # fmt: skip


_PERSONS: dict[str, Any] = {"person_id": [NUMBER, "SIM2"], "birth_date": ["2010-01-31", None]}
WHOLE = parquet(**_PERSONS)


def _parquet(name: str, content: bytes, said: str = "", **settings: Any) -> Case:
    return persons(name, content, said, file="persons.parquet", **settings)


_OTHER_TYPES: dict[str, Any] = {
    "a struct": [{"x": WORD}, None],
    "a list": [[WORD], []],
    "bytes": [WORD.encode(), b"\xff\xfe"],
    "a map": pa.array([[("a", WORD)], None], pa.map_(pa.string(), pa.string())),
}
PARQUET = [
    _parquet("no Parquet", WORD.encode(), "is not Parquet"),
    _parquet("marks alone", b"PAR1PAR1", "is not Parquet"),
    _parquet("marks around nothing", b"PAR1" + bytes(500) + b"PAR1", "is not Parquet"),
    _parquet("Parquet under a password", b"PARE" + bytes(500) + b"PARE", "is not Parquet"),
    _parquet("an Arrow file", b"ARROW1\0\0" + bytes(500), "is not Parquet"),
    *(
        _parquet(f"Parquet cut after {share:.0%}", WHOLE[: int(len(WHOLE) * share)], "not Parquet")
        for share in (0.01, 0.5, 0.99)
    ),
    _parquet("a broken foot", overwrite(WHOLE, -60, -8), "is not Parquet"),
    _parquet("a foot far too long", WHOLE[:-8] + b"\xff\xff\xff\x7fPAR1", "is not Parquet"),
    _parquet("broken pages", overwrite(WHOLE, 10, 40), "cannot be read to its end"),
    _parquet("pages of NULs", overwrite(WHOLE, 4, 60, 0), "cannot be read to its end"),
    _parquet("a name twice", save_table(pa.table([[1], [2]], names=["sex", "SEX"])), "1 repeated"),
    _parquet("no columns", save_table(pa.table({})), "has no columns"),
    _parquet("no rows", save_table(pa.table({name: pa.array([], pa.string()) for name in NAMES}))),
    _parquet("nothing but nulls", parquet(person_id=[None, None]), "a value must be there"),
    *(
        _parquet(f"{kind} for {name}", parquet(**(_PERSONS | {name: values})), "persons." + name)
        for kind, values in _OTHER_TYPES.items()
        for name in ("person_id", "birth_date", "municipality")
    ),
    _parquet("a time for a date", parquet(**(_PERSONS | {"birth_date": [dt.time(1), None]})),
             "type (date)"),
    _parquet("a duration for a date", parquet(**(_PERSONS | {"birth_date": [dt.timedelta(1)] * 2})),
             "type (date)"),
    _parquet("a moment somewhere for a date", parquet(**(_PERSONS | {
        "birth_date": [dt.datetime(2010, 1, 1, tzinfo=dt.UTC), None]})), "type (date)"),
    _parquet("a number for a date", parquet(**(_PERSONS | {"birth_date": [1e300, 0]})), "type"),
    _parquet("days before there were any", parquet(**(_PERSONS | {
        "birth_date": pa.array([-2_000_000, 0], pa.date32())})), "type (date)"),
    _parquet("days after all others", parquet(**(_PERSONS | {
        "birth_date": pa.array([2_000_000_000, 0], pa.date32())})), "type (date)"),
    _parquet("a huge number for a person", parquet(**(_PERSONS | {
        "person_id": [Decimal("9" * 35), Decimal(1)]})), "shortened"),
    _parquet("infinity for a person", parquet(**(_PERSONS | {"person_id": [float("inf"), 1.0]}))),
    *(
        table(f"{name} minutes in Parquet", "attendance", parquet(
            person_id=[NUMBER], date=["2024-09-02"], offered_minutes=values), said,
            file="attendance.parquet")
        for name, values, said in [
            ("infinite", [float("inf")], "type (number)"),
            ("far too many", pa.array([2**64 - 1], pa.uint64()), "above the greatest"),
            ("negative", [-(2**63)], "below the least"),
            ("textual", [WORD], "type (number)"),
            ("nested", [{"x": 1}], "attendance.offered_minutes"),
            ("daily", [dt.date(2024, 9, 2)], "type (number)"),
            ("half", pa.array([1], pa.float16()), ""),
        ]
    ),
]  # fmt: skip

CASES: list[Case] = [*BOOKS, *PARQUET]
