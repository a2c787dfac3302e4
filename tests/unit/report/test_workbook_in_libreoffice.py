"""The workbook opens in LibreOffice as it does in Excel: what it shows, offers and prints."""

import csv
import os
import shutil
import subprocess

import openpyxl
import pytest

from riskmodel.report.screening_page import collect_screening
from riskmodel.report.workbook import write_screening_workbook

# Comma, quotation mark, UTF-8, from line 1; cells as they are shown; every sheet.
EVERY_SHEET_AS_SHOWN = (
    "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,true,false,false,-1"
)


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Return a function that converts a file; a machine that tests for others must have it."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("LibreOffice Calc must be installed where CI=true.")
        pytest.skip("LibreOffice Calc is not installed.")
    profile = tmp_path_factory.mktemp("profile")

    def convert(path, kind, out):
        subprocess.run(
            [found, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore",
             "--convert-to", kind, "--outdir", str(out), str(path)],
            check=True, capture_output=True, timeout=180,
        )  # fmt: skip
        return sorted(out.iterdir())

    return convert


@pytest.fixture(scope="module")
def workbook(examples, tmp_path_factory):
    frame = examples.make_screening_frame()
    frame.loc[0, "reason_1"] = '=HYPERLINK("http://example.org","x")'
    data = collect_screening(
        frame,
        examples.make_summary(),
        run=examples.RUN,
        performance=examples.PERFORMANCE,
        change=examples.make_change(),
    )
    path = tmp_path_factory.mktemp("workbook") / "screening.xlsx"
    write_screening_workbook(data, path)
    return data, path


def read_lines(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_every_sheet_shows_what_was_written(office, workbook, tmp_path):
    data, path = workbook
    files = {one.stem.split("-", 1)[1]: one for one in office(path, EVERY_SHEET_AS_SHOWN, tmp_path)}
    assert set(files) == {"Om listan", "Listan", "Ändringar", "Så läser du listan"}
    head, *lines = read_lines(files["Listan"])
    assert len(lines) == len(data["pupils"])
    for line, pupil in zip(lines, data["pupils"], strict=True):
        shown = dict(zip(head, line, strict=True))
        assert shown["Elev"] == pupil["short_id"]
        assert shown["Beräknad risk"].replace("\u00a0", " ") == f"{round(100 * pupil['risk'])} %"
        assert shown["Beslut"] == ""
        assert pupil["reasons"][0]["text"] in shown["Påverkar mest"]
    assert any("HYPERLINK" in cell for cell in lines[0])
    assert not [cell for line in lines for cell in line if cell.startswith(("#", "Err:"))]


def test_filter_and_drop_down_survive_a_round_trip(office, workbook, tmp_path):
    _, path = workbook
    (saved,) = office(path, "xlsx", tmp_path)
    sheet = openpyxl.load_workbook(saved)["Listan"]
    original = openpyxl.load_workbook(path)["Listan"]
    assert sheet.auto_filter.ref == original.auto_filter.ref
    (rule,) = sheet.data_validations.dataValidation
    assert "kontakt tagen" in rule.formula1
    assert sheet.print_title_rows == original.print_title_rows


def test_it_prints(office, workbook, tmp_path):
    _, path = workbook
    (printed,) = office(path, "pdf", tmp_path)
    assert printed.read_bytes().startswith(b"%PDF")
