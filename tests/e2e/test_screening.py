"""The list as its readers get it: a file for each role, and their decisions read back."""

import json
import zipfile

import openpyxl
import pandas as pd
import pytest


def read_text(path):
    """Everything that can be read in a file."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv()
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            return "".join(archive.read(name).decode("utf-8") for name in archive.namelist())
    return path.read_text(encoding="utf-8")


def list_files(run):
    """The files of each view; the list's own is the one without a name."""
    folder = run.out / "screening_views"
    views = {path.stem for path in folder.glob("*.html")}
    endings = (".parquet", ".xlsx", ".html", "_changes.parquet")
    files = {view: [folder / f"{view}{ending}" for ending in endings] for view in views}
    assert {path for paths in files.values() for path in paths} == set(folder.iterdir())
    return files | {"": [run.out / f"screening{ending}" for ending in endings]}


def test_a_view_holds_nothing_that_it_may_not(canary_run):
    infos = json.loads((canary_run.out / "features.json").read_text(encoding="utf-8"))
    names = {domain: [info["name_sv"] for info in infos if info["domain"] == domain]
             for domain in ("mental_health", "motivation")}  # fmt: skip
    withheld = {"": ["mental_health"], "medical": [], "mentor": ["mental_health", "motivation"]}
    files = list_files(canary_run)
    assert set(files) == set(withheld)
    for view, paths in files.items():
        for path in paths:
            text = read_text(path)
            for domain in withheld[view]:
                # A reason is a name and a colon; one name may begin like another.
                assert [name for name in names[domain] if f"{name}:" in text] == [], path.name
                assert path.suffix != ".parquet" or domain not in text
    seen = read_text(canary_run.out / "screening_views" / "medical.parquet")
    assert any(f"{name}:" in seen for name in names["mental_health"])
    page = read_text(canary_run.out / "screening_views" / "medical.html")
    assert "Elevhälsans medicinska del" in page


def test_all_views_list_the_same_pupils(canary_run):
    listed = [pd.read_parquet(paths[0])["subject_id"].tolist()
              for paths in list_files(canary_run).values()]  # fmt: skip
    assert listed[0] == listed[1] == listed[2]


@pytest.fixture
def fill_in(canary_run, tmp_path):
    """A copy of the run's workbook with changes, and the cells of its list."""

    def change(edit, name="list.xlsx"):
        book = openpyxl.load_workbook(canary_run.out / "screening.xlsx")
        sheet = book["Listan"]
        heads = {cell.value: cell.column for cell in sheet[1]}
        edit(sheet, heads["Beslut"], heads["Hela pseudonymen"])
        book.save(tmp_path / name)
        return tmp_path / name

    return change


def test_decisions_come_back_into_a_log(canary_run, fill_in, e2e_call):
    def decide(sheet, decision, _):
        sheet.cell(2, decision).value = "kontakt tagen"
        sheet.cell(3, decision).value = "fel i uppgifterna"

    log = canary_run.out / "decisions.parquet"
    done = e2e_call("feedback", "--config", canary_run.config, fill_in(decide))
    try:
        n_listed = len(pd.read_parquet(canary_run.out / "screening.parquet"))
        assert f"ännu inte har något beslut: {n_listed - 2}." in done.stdout
        assert sorted(pd.read_parquet(log)["decision"]) == ["contact_taken", "wrong_data"]
    finally:
        log.unlink()


def test_a_file_that_is_not_the_list_changes_nothing(canary_run, fill_in, e2e_call, tmp_path):
    def spoil(sheet, decision, pseudonym):
        sheet.cell(2, pseudonym).value = "f" * 32
        sheet.cell(3, decision).value = "kanske Anna"

    def rename(sheet, decision, _):
        sheet.cell(1, decision).value = "Vårt beslut"

    text = tmp_path / "text.xlsx"
    text.write_text("no workbook", encoding="utf-8")
    files = [fill_in(spoil), fill_in(rename, "renamed.xlsx"), text]
    done = e2e_call("feedback", "--config", canary_run.config, *files, check=False)
    assert done.returncode == 11
    assert done.stderr.startswith("Fel: ")
    for said in ("Inga beslut har lästs in", "fil 1", "annat datum: 1.",
                 "något av valen i cellens lista: 1.", "fil 2",
                 "rubriker som behövs saknas: 1 av 3", "fil 3"):  # fmt: skip
        assert said in done.stderr
    assert "Anna" not in done.stderr
    assert not (canary_run.out / "decisions.parquet").exists()
