"""The first rows of a file tell how it is written, and a piece of it is enough."""

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.errors import DataContractError
from riskmodel.ingest.excel_files import LOCKED_MARK
from riskmodel.ingest.sniffing.samples import (
    MAX_ROWS,
    sniff_delimiter,
    sniff_encoding,
    take_samples,
)
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.text_tables import read_as_text

LETTERS = st.text(st.sampled_from("abcåäöÅÄÖé;,\n"), min_size=1)


def take(path):
    (sample,), problems = take_samples(path)
    assert problems == []
    return sample


@settings(max_examples=200)
@given(LETTERS, st.integers(0, 3))
def test_pieces_of_a_text_tell_its_encoding(text, cut):
    data = (text * 20).encode()
    pieces = [data, data[len(data) // 2 + cut :], data[-(10 + cut) :]]
    assert sniff_encoding(pieces) == "utf-8"
    is_plain = (text * 20).isascii()
    narrow = [(text * 20).encode("cp1252")]
    assert sniff_encoding(narrow) == ("utf-8" if is_plain else "cp1252")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("filler", ["a", "ö"])
def test_only_the_beginning_of_a_large_file_is_kept(tmp_path, encoding, filler):
    rows = "\n".join(f"{k};{filler * 40}" for k in range(40_000))
    path = tmp_path / "a.csv"
    path.write_text(f"Nummer;Text\n{rows}\nslut;å\n", encoding=encoding)
    sample = take(path)
    assert sample.settings == {"encoding": encoding, "delimiter": ";"}
    assert sample.n_rows == MAX_ROWS
    assert set(sample.columns["Text"]) == {filler * 40}
    assert sample.is_plain is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b\n1,5;2,5\n", ";"),
        ("a,b\n1,2\n", ","),
        ('"a,x";b;c\n1;2;3\n', ";"),
        ("Rapport, åk 9, 2024\n\na;b\n1;2\n3;4\n5;6\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("Elev, namn\tDatum\nBerg, B\t2\n", "\t"),
        ("a\n1\n", ";"),
    ],
)
def test_the_delimiter_is_what_parts_most_rows_alike(text, expected):
    assert sniff_delimiter(text) == expected


def test_headings_are_found_below_a_title(tmp_path):
    (tmp_path / "a.csv").write_text(
        "Betyg åk 9;;;\n\nUtskriven;2024-06-12;;\nNr;Ämne;Betyg;Termin\n1;MA;B;VT\n2;SV;;VT\n",
        "utf-8",
    )
    sample = take(tmp_path / "a.csv")
    assert sample.settings["header_row"] == 4
    assert sample.columns == {
        "Nr": ["1", "2"],
        "Ämne": ["MA", "SV"],
        "Betyg": ["B"],
        "Termin": ["VT", "VT"],
    }


def test_each_sheet_is_a_sample_and_empty_ones_are_none(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Elever"
    for title in ("Elever", "Betyg"):
        sheet = book[title] if title in book.sheetnames else book.create_sheet(title)
        sheet.append(["Nr", title])
        sheet.append([1, "x"])
    book.create_sheet("Tomt")
    book.create_sheet("Fel").append(["a", "A"])
    book.save(tmp_path / "a.xlsx")
    samples, problems = take_samples(tmp_path / "a.xlsx")
    assert [sample.settings["sheet"] for sample in samples] == ["Elever", "Betyg"]
    assert [(problem.sheet, problem.kind) for problem in problems] == [("Fel", "repeated_header")]


def test_a_folder_and_an_absent_file_are_problems(tmp_path):
    kinds = [take_samples(path)[1][0].kind for path in (tmp_path, tmp_path / "a.csv")]
    assert kinds == ["folder", "absent"]


def test_a_locked_workbook_is_said_to_be_locked_when_it_is_read(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(LOCKED_MARK + b"x")
    with pytest.raises(DataContractError) as caught:
        read_as_text(SourceSpec(path=tmp_path / "a.xlsx"))
    assert "it has a password or the old format" in caught.value.findings[0]
