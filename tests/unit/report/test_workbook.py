import zipfile

import openpyxl
import pytest

from riskmodel.report.screening_page import collect_screening
from riskmodel.report.workbook import write_screening_workbook


@pytest.fixture
def data(examples):
    return collect_screening(
        examples.make_screening_frame(),
        examples.make_summary(),
        run=examples.RUN,
        performance=examples.PERFORMANCE,
        change=examples.make_change(),
    )


@pytest.fixture
def book(data, tmp_path):
    write_screening_workbook(data, tmp_path / "screening.xlsx")
    return openpyxl.load_workbook(tmp_path / "screening.xlsx")


def cells(sheet):
    return [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]


def test_the_workbook_has_its_sheets(book):
    assert book.sheetnames == ["Om listan", "Listan", "Ändringar", "Så läser du listan"]


def test_the_title_sheet_tells_what_the_list_is(book, examples):
    text = "\n".join(str(value) for value in cells(book["Om listan"]))
    assert examples.RUN["purpose"] in text
    assert "1\u00a0november\u00a02026" in text
    assert "Påhittad grund för testet" in text
    assert "Additiv modell" in text
    assert "Av 10 elever på listan beräknas 6 annars inte bli behöriga" in text
    assert "användas för betyg, placering, disciplin eller antagning" in text


def test_the_list_has_every_pupil_with_number_formats(book, data):
    sheet = book["Listan"]
    head = [cell.value for cell in sheet[1]]
    assert sheet.max_row == 1 + len(data["pupils"])
    risk = sheet.cell(2, head.index("Beräknad risk") + 1)
    assert risk.value == pytest.approx(data["pupils"][0]["risk"])
    assert risk.number_format == "0 %"
    assert sheet.cell(2, head.index("Elev") + 1).value == data["pupils"][0]["short_id"]
    assert sheet.cell(2, len(head)).value == data["pupils"][0]["subject_id"]


def test_a_reason_stands_with_its_area_and_what_support_can_change(book, data):
    sheet = book["Listan"]
    column = [cell.value for cell in sheet[1]].index("Påverkar mest") + 1
    for row, pupil in enumerate(data["pupils"], start=2):
        lines = sheet.cell(row, column).value.split("\n")
        reasons = {f"– {one['text']}": one for one in pupil["reasons"]}
        areas = [line for line in lines if not line.startswith("– ")]
        assert areas == list(dict.fromkeys(one["area"] for one in pupil["reasons"]))
        told = [line.removesuffix(" ✓ stöd kan påverka") for line in lines if line[0] == "–"]
        assert told == list(reasons)
        marked = {line for line in lines if line.endswith("✓ stöd kan påverka")}
        assert len(marked) == sum(one["changeable"] for one in pupil["reasons"])


def test_the_whole_pseudonym_is_not_printed(book):
    sheet = book["Listan"]
    head = [cell.value for cell in sheet[1]]
    assert head[-1] == "Hela pseudonymen"
    assert head[-2] == "Listans datum"
    last = sheet.cell(1, len(head) - 2).column_letter
    assert sheet.print_area == f"'Listan'!$A$1:${last}$21"


def test_the_list_can_be_filtered_and_keeps_its_header(book):
    sheet = book["Listan"]
    assert sheet.auto_filter.ref == f"A1:{sheet.cell(1, sheet.max_column).coordinate[:-1]}21"
    head = [cell.value for cell in sheet[1]]
    assert sheet.freeze_panes == f"{sheet.cell(1, head.index('Beräknad risk') + 1).column_letter}2"
    assert sheet.print_title_rows == "$1:$1"
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.page_setup.paperSize == 9


def test_class_certainty_and_notes_stand_beside_the_pupil(book, data):
    sheet = book["Listan"]
    head = [cell.value for cell in sheet[1]]
    for row, pupil in enumerate(data["pupils"], start=2):
        values = {name: sheet.cell(row, head.index(name) + 1).value for name in head}
        assert values["Klass"] == pupil["school_class"]
        assert values["Osäkerhet"] == (pupil["certainty"] or "underlaget räcker inte")
        assert (values["Att veta"] or "").split("\n")[0] == (
            pupil["notes"][0]["text"] if pupil["notes"] else ""
        )
        assert (values["Talar för att det går bra"] is None) == (not pupil["protective"])


def test_those_who_left_have_a_sheet_of_their_own(book, data):
    text = cells(book["Ändringar"])
    assert "Listan jämförs med den som samma regel gav den 15\u00a0september\u00a02026." in text
    assert all(pupil["short_id"] in text for pupil in data["change"]["left"])


def test_decisions_are_chosen_from_a_list(book):
    sheet = book["Listan"]
    head = [cell.value for cell in sheet[1]]
    (rule,) = sheet.data_validations.dataValidation
    letter = sheet.cell(1, head.index("Beslut") + 1).column_letter
    assert rule.type == "list"
    assert str(rule.sqref) == f"{letter}2:{letter}21"
    assert rule.formula1 == '"kontakt tagen,har redan stöd,behövs inte,fel i uppgifterna"'


def test_nothing_from_the_data_becomes_a_formula_or_a_link(examples, tmp_path):
    frame = examples.make_screening_frame(n_schools=1, per_school=1)
    frame["reason_1"] = '=HYPERLINK("http://example.org","x")'
    frame["school_unit"] = "=1+1"
    run = examples.RUN | {"purpose": "=cmd|'/c calc'!A1"}
    data = collect_screening(frame, examples.make_summary(), run=run)
    write_screening_workbook(data, tmp_path / "list.xlsx")
    with zipfile.ZipFile(tmp_path / "list.xlsx") as archive:
        sheets = [n for n in archive.namelist() if n.startswith("xl/worksheets/sheet")]
        xml = "".join(archive.read(name).decode("utf-8") for name in sheets)
        assert "<f>" not in xml
        assert "<hyperlink" not in xml
        assert not [name for name in archive.namelist() if "_rels/sheet" in name]


def test_the_same_list_gives_the_same_bytes(data, tmp_path):
    for name in ("one.xlsx", "two.xlsx"):
        write_screening_workbook(data, tmp_path / name)
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()


def test_the_date_in_the_properties_is_the_runs(book):
    assert book.properties.created.date().isoformat() == "2026-11-15"


def test_an_empty_list_and_unknown_facts_give_a_workbook(examples, tmp_path):
    frame = examples.make_screening_frame().head(0)
    summary = examples.make_summary(n_listed=0, n_schools=0)
    data = collect_screening(frame, summary, run={}, language="en")
    write_screening_workbook(data, tmp_path / "list.xlsx")
    book = openpyxl.load_workbook(tmp_path / "list.xlsx")
    assert book["The list"].max_row == 1
    assert "None stated" in cells(book["About the list"])


def test_a_failed_write_leaves_the_old_workbook(data, tmp_path):
    target = tmp_path / "list.xlsx"
    write_screening_workbook(data, target)
    before = target.read_bytes()
    broken = data | {"pupils": [data["pupils"][0] | {"reasons": None}]}
    with pytest.raises(TypeError):
        write_screening_workbook(broken, target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["list.xlsx"]
