from __future__ import annotations

import datetime as dt

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from riskmodel.core.schema import TABLES, Column, Table
from riskmodel.ingest.excel_files import cell_to_text
from riskmodel.ingest.findings import make_error
from riskmodel.ingest.parts import open_parts
from riskmodel.ingest.readers import open_source
from riskmodel.ingest.specs import SourceSpec

PLAIN = Table(
    columns={
        "person_id": Column(type="string", required=True),
        "date": Column(type="date", required=True),
        "note": Column(type="string"),
        "minutes": Column(type="number"),
    },
    date="date",
)
EXPECTED = [
    {"person_id": "a1", "date": "2024-09-02", "note": "Åsa; lång", "minutes": "1,5"},
    {"person_id": "b2", "date": "2024-09-03", "note": None, "minutes": "20"},
]


def rows_of(engine, spec, table=PLAIN, name="lessons"):
    rows, findings = open_source(engine, name, table, spec)
    assert findings == []
    frame = engine.to_pandas(rows)
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def findings_of(engine, spec, table=PLAIN):
    rows, findings = open_source(engine, "lessons", table, spec)
    assert rows is None
    error = make_error(findings)
    assert error.exit_code == 11
    return list(error.findings)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("delimiter", "given"),
    [(";", None), (";", ";"), (",", None), (",", ","), ("\t", None), ("\t", "\t")],
)
def test_csv_in_every_common_shape(engine, tmp_path, encoding, line, delimiter, given):
    path = tmp_path / "lektioner.csv"
    rows = [
        ["person_id", "date", "note", "minutes"],
        ["a1", "2024-09-02", '"Åsa; lång"', '"1,5"'],
        ["b2", "2024-09-03", "", '"20"'],
    ]
    text = line.join(delimiter.join(row) for row in rows) + line
    path.write_bytes(text.encode(encoding))
    spec = SourceSpec(path=path, encoding=encoding, delimiter=given)
    assert rows_of(engine, spec) == EXPECTED


def test_a_byte_order_mark_is_skipped_even_when_not_announced(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfperson_id;date\na1;2024-09-02\n")
    assert rows_of(engine, SourceSpec(path=path))[0]["person_id"] == "a1"


def test_quoted_cells_may_hold_line_breaks_and_quotes(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'person_id,date,note\r\na1,2024-09-02,"one\r\n""two"""\r\n')
    assert rows_of(engine, SourceSpec(path=path))[0]["note"] == 'one\r\n"two"'


def test_a_quote_inside_a_cell_opens_nothing(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('person_id;date;note\na1;2024-09-02;3" rör\nb2;2024-09-02;x\n', "utf-8")
    assert [row["note"] for row in rows_of(engine, SourceSpec(path=path))] == ['3" rör', "x"]


def test_a_header_may_be_quoted_and_hold_the_other_delimiter(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('"person_id";"a,b,c,d,e";"date"\na1;x;2024-09-02\n', encoding="utf-8")
    assert list(rows_of(engine, SourceSpec(path=path))[0]) == ["person_id", "date"]


def test_columns_are_mapped_and_others_left_out(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Elev;Datum;Namn\na1;2024-09-02;Anna\n", encoding="utf-8")
    spec = SourceSpec(path=path, columns={"person_id": "Elev", "date": "Datum"})
    assert rows_of(engine, spec) == [{"person_id": "a1", "date": "2024-09-02"}]


def test_parquet_keeps_its_types(engine, tmp_path):
    path = tmp_path / "a.parquet"
    day = dt.date(2024, 9, 2)
    pq.write_table(pa.table({"person_id": [7], "date": [day], "minutes": [1.5]}), path)
    assert rows_of(engine, SourceSpec(path=path)) == [{"person_id": 7, "date": day, "minutes": 1.5}]


def write_book(path, rows, title="Blad1"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.create_sheet("Tom")
    book.save(path)


def test_excel_is_read_as_it_would_be_written(engine, tmp_path):
    path = tmp_path / "a.xlsx"
    day = dt.datetime(2024, 9, 2, 8, 10)
    write_book(
        path,
        [
            ["person_id", "date", "note", "minutes", None],
            [198112189876, day, "x", 1.5, None],
            [None, None, None, None, None],
            ["b2", dt.date(2024, 9, 3), True, 20.0, None],
        ],
    )
    assert rows_of(engine, SourceSpec(path=path, decimal=",", sheet="Blad1")) == [
        {
            "person_id": "198112189876",
            "date": "2024-09-02 08:10:00",
            "note": "x",
            "minutes": "1,5",
        },
        {"person_id": "b2", "date": "2024-09-03 00:00:00", "note": "true", "minutes": "20"},
    ]
    day_first = SourceSpec(path=path, date_format="%d/%m %Y")
    assert [row["date"] for row in rows_of(engine, day_first)] == ["02/09 2024", "03/09 2024"]


@pytest.mark.parametrize(
    ("cell", "date_format", "expected"),
    [
        (float("nan"), None, None),
        ("", None, None),
        (-1.25, None, "-1,25"),
        (False, None, "false"),
        (dt.date(2024, 9, 2), None, "2024-09-02"),
        (dt.date(2024, 9, 2), "%Y%m%d", "20240902"),
        (dt.time(8, 10), None, "08:10:00"),
        (dt.timedelta(hours=26, minutes=30, seconds=5), None, "26:30:05"),
    ],
)
def test_cells_as_text(cell, date_format, expected):
    assert cell_to_text(cell, ",", date_format) == expected


def test_the_format_can_be_told_where_the_extension_does_not(engine, tmp_path):
    path = tmp_path / "extract.dat"
    path.write_text("person_id;date\na1;2024-09-02\n", encoding="utf-8")
    assert findings_of(engine, SourceSpec(path=path)) == [
        "lessons: the file must be readable (extract.dat has no known extension; set `format` "
        "to csv, parquet or excel)"
    ]
    assert len(rows_of(engine, SourceSpec(path=path, format="csv"))) == 1


def test_a_sheet_that_is_not_there_is_one_finding_with_the_closest(engine, tmp_path):
    write_book(tmp_path / "a.xlsx", [])
    findings = findings_of(engine, SourceSpec(path=tmp_path / "a.xlsx", sheet="Bald1"))
    assert len(findings) == 1
    assert "has no sheet Bald1. Did you mean 'Blad1'?" in findings[0]


def test_a_file_without_rights_is_a_finding(engine, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("person_id;date\n", encoding="utf-8")

    def refuse(*_args, **_options):
        raise PermissionError

    monkeypatch.setattr(type(path), "open", refuse)
    assert "a.csv gives PermissionError" in findings_of(engine, SourceSpec(path=path))[0]


def test_all_problems_of_a_mapping_come_together(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Elev;Datum\na1;2024-09-02\n", encoding="utf-8")
    spec = SourceSpec(
        path=path,
        columns={"person_id": "Elve", "nota": "Datum"},
        values={"minuets": {"a": "b"}},
    )
    assert findings_of(engine, spec) == [
        "lessons.nota: the mapping must name columns that exist "
        "(no such column. Did you mean 'note'?)",
        "lessons.minuets: the mapping must name columns that exist "
        "(no such column. Did you mean 'minutes'?)",
        "lessons.person_id: the mapping must name columns that exist "
        "(no Elve in a.csv. Did you mean 'Elev'?)",
        "lessons.date: the column must be there (no date in a.csv.)",
    ]


def test_a_csv_file_without_rows_is_an_empty_table(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("person_id;date\n", encoding="utf-8")
    assert rows_of(engine, SourceSpec(path=path)) == []


@pytest.mark.parametrize("text", ["%Y", "%d %B", "", "yyyy-mm-dd", "%Q"])
def test_a_date_format_must_give_a_day(tmp_path, text):
    with pytest.raises(ValidationError, match="date_format"):
        SourceSpec(path=tmp_path / "a.csv", date_format=text)


def test_numbers_may_stand_in_a_mapping_of_values(tmp_path):
    spec = SourceSpec(path=tmp_path / "a.csv", values={"sex": {1: "Man", 2: "Kvinna"}})
    assert spec.values["sex"] == {"1": "Man", "2": "Kvinna"}


def test_large_csv_files_are_read_in_a_stream(engine, tmp_path):
    path = tmp_path / "large.csv"
    frame = pd.DataFrame({"person_id": [f"p{i % 50}" for i in range(60_000)]})
    frame.assign(date="2024-09-02", offered_minutes="45").to_csv(path, index=False, sep=";")
    assert path.stat().st_size > 1 << 20
    rows, _ = open_source(engine, "attendance", TABLES["attendance"], SourceSpec(path=path))
    assert engine.to_pandas(rows.count().as_table()).iloc[0, 0] == 60_000


def test_utf_16_must_be_announced_by_its_mark_and_by_the_source(engine, tmp_path):
    path = tmp_path / "a.txt"
    text = "person_id\tdate\nÅsa\t2024-09-02\n"
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        path.write_bytes(mark + text.encode(codec))
        assert rows_of(engine, SourceSpec(path=path, encoding="utf-16"))[0]["person_id"] == "Åsa"
        assert (
            "a.txt is utf-16; set `encoding: utf-16`"
            in findings_of(engine, SourceSpec(path=path))[0]
        )
    path.write_text(text, "utf-8")
    assert "a.txt is not utf-16" in findings_of(engine, SourceSpec(path=path, encoding="utf-16"))[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "{line}", "{line}{line};{line}"])
def test_sums_at_the_foot_are_left_out_where_they_are_told(engine, tmp_path, encoding, line, end):
    path = tmp_path / "a.csv"
    rows = ["person_id;date;note", "a1;2024-09-02;ä", "b2;2024-09-03;ö", "Summa å;;2", "Antal: 2"]
    path.write_bytes((line.join(rows) + end.format(line=line)).encode(encoding))
    spec = SourceSpec(path=path, encoding=encoding, footer_rows=2)
    for _ in range(2):  # the file is scanned anew
        assert [row["note"] for row in rows_of(engine, spec)] == ["ä", "ö"]
    assert "as many cells" in findings_of(engine, SourceSpec(path=path, encoding=encoding))[0]
    empty = spec.model_copy(update={"footer_rows": 4})
    assert rows_of(engine, empty) == []
    more = spec.model_copy(update={"footer_rows": 5})
    assert "fewer rows than `footer_rows`" in findings_of(engine, more)[0]


def test_headings_in_two_rows_are_joined(engine, tmp_path):
    rows = [
        ["Frånvaro", None, None, None],
        ["Elev", None, "Ogiltig", None, "Total"],
        ["Nr", "Dag", "tim", "%", None],
        ["a1", "2024-09-02", 2, "5 %", "7 %"],
        ["Summa", None, 2, None, None],
    ]
    write_book(tmp_path / "a.xlsx", rows)
    text = "\n".join(";".join("" if c is None else str(c) for c in row) for row in rows)
    (tmp_path / "a.csv").write_text(text.replace("Frånvaro;;;", "Frånvaro"), "utf-8")
    for name in ("a.xlsx", "a.csv"):
        spec = SourceSpec(
            path=tmp_path / name,
            header_row=[2, 3],
            footer_rows=1,
            columns={"person_id": "Elev Nr", "date": "Elev Dag", "minutes": "Ogiltig tim",
                     "note": "Total"},
        )  # fmt: skip
        assert rows_of(engine, spec) == [
            {"person_id": "a1", "date": "2024-09-02", "note": "7 %", "minutes": "2"}
        ]


@pytest.mark.parametrize("rows", [[], [0], [101], [2, 4], [3, 2], [1, 2, 3, 4]])
def test_rows_of_headings_follow_one_another(tmp_path, rows):
    with pytest.raises(ValidationError, match="header_row"):
        SourceSpec(path=tmp_path / "a.csv", header_row=rows)


def test_several_sheets_are_one_table(engine, tmp_path):
    book = openpyxl.Workbook()
    for title in ("9A", "9B", "Noter"):
        sheet = book.create_sheet(title)
        sheet.append(["person_id", "date"])
        sheet.append([f"pupil {title}", "2024-09-02"])
    book.save(tmp_path / "a.xlsx")
    spec = SourceSpec(path=tmp_path / "a.xlsx", sheet=["9A", "9B"])
    rows, findings = open_parts(engine, "lessons", PLAIN, spec)
    assert findings == []
    assert sorted(engine.to_pandas(rows)["person_id"]) == ["pupil 9A", "pupil 9B"]
    for sheets in ([], ["9A", "9A"]):
        with pytest.raises(ValidationError, match="each sheet once"):
            SourceSpec(path=tmp_path / "a.xlsx", sheet=sheets)
