"""Columns under many names, sheets wider than long, and what a spreadsheet does to numbers."""

import openpyxl
import pandas as pd
import pytest
from pydantic import ValidationError

from riskmodel.core.schema import TABLES
from riskmodel.errors import DataContractError
from riskmodel.ingest.findings import make_error
from riskmodel.ingest.parts import open_parts
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.stage import ingest_tables


def write(folder, text, name="a.csv", encoding="utf-8"):
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def cast(engine, name, spec):
    rows, findings = open_parts(engine, name, TABLES[name], spec)
    assert findings == []
    frame = engine.to_pandas(rows)
    return frame.astype(object).where(frame.notna(), None)


def findings_of(engine, name, spec):
    rows, findings = open_parts(engine, name, TABLES[name], spec)
    assert rows is None
    return list(make_error(findings).findings)


@pytest.mark.parametrize("heading", ["Kön", "KÖN", "kon", " kön ", "Juridiskt kön", "sex", "Sex"])
def test_a_column_is_found_by_any_of_its_names(engine, tmp_path, heading):
    path = write(tmp_path, f"Person-nr;{heading}\nSIM000000001;Man\n")
    spec = SourceSpec(path=path, names={"person_id": ["personnr"], "sex": ["kön", "juridiskt kön"]})
    row = cast(engine, "persons", spec).iloc[0]
    assert (row["person_id"], row["sex"]) == ("SIM000000001", "Man")


def test_two_columns_that_fit_are_refused_until_one_is_named(engine, tmp_path):
    path = write(tmp_path, "person_id;Kön;Juridiskt kön\nSIM000000001;Man;Kvinna\n")
    options = {"path": path, "names": {"sex": ["kön", "juridiskt kön"]}}
    (finding,) = findings_of(engine, "persons", SourceSpec(**options))
    assert "Kön, Juridiskt kön in a.csv all fit; name one in `columns`" in finding
    chosen = SourceSpec(**options, columns={"sex": "Juridiskt kön"})
    assert cast(engine, "persons", chosen)["sex"].tolist() == ["Kvinna"]


def test_names_that_the_table_does_not_have_are_refused(engine, tmp_path):
    path = write(tmp_path, "person_id\nSIM000000001\n")
    for setting in ({"names": {"sexx": ["kön"]}}, {"constants": {"sexx": "Man"}}):
        (finding,) = findings_of(engine, "persons", SourceSpec(path=path, **setting))
        assert "no such column. Did you mean 'sex'?" in finding


def test_a_constant_stands_in_for_a_required_column(engine, tmp_path):
    path = write(tmp_path, "person_id;school_unit;start_date\nSIM000000001;12345678;2024-08-19\n")
    assert "school_type" in findings_of(engine, "enrolments", SourceSpec(path=path))[0]
    spec = SourceSpec(path=path, constants={"school_type": "GR", "school_year": 9})
    row = cast(engine, "enrolments", spec).iloc[0]
    assert (row["school_type"], row["school_year"]) == ("GR", 9)


def test_values_are_mapped_in_any_case_unless_case_tells_them_apart(engine, tmp_path):
    path = write(tmp_path, "person_id;sex\na1;FLICKA\na2;pojke\na3;Kvinna\n")
    spec = SourceSpec(path=path, values={"sex": {"Flicka": "Kvinna", "Pojke": "Man"}})
    assert cast(engine, "persons", spec)["sex"].tolist() == ["Kvinna", "Man", "Kvinna"]
    path = write(tmp_path, "person_id;sex\na1;m\na2;M\n")
    spec = SourceSpec(path=path, values={"sex": {"m": "Kvinna", "M": "Man"}})
    assert cast(engine, "persons", spec)["sex"].tolist() == ["Kvinna", "Man"]


def test_subjects_side_by_side_become_rows(engine, tmp_path):
    text = "person_id;Klass;Datum;Matematik;Svenska;Engelska\n"
    text += "a1;9A;2024-06-12;B;;F\na2;9A;2024-06-12; ;-;\n"
    spec = SourceSpec(
        path=write(tmp_path, text),
        columns={"date": "Datum"},
        values={"subject": {"Matematik": "MA", "Svenska": "SV", "Engelska": "EN"}},
        unpivot={"columns": ["Matematik", "Svenska", "Engelska"]},
    )
    frame = cast(engine, "grades", spec)
    rows = sorted(zip(frame["person_id"], frame["subject"], frame["grade"], strict=True))
    assert rows == [("a1", "EN", "F"), ("a1", "MA", "B"), ("a2", "SV", "-")]


def test_subjects_side_by_side_must_be_there_and_their_names_free(engine, tmp_path):
    path = write(tmp_path, "person_id;date;grade;Matematik\na1;2024-06-12;A;B\n")
    spec = SourceSpec(path=path, unpivot={"columns": ["Matematik", "Svenskaa"]})
    findings = findings_of(engine, "grades", spec)
    assert len(findings) == 2
    assert "no Svenskaa in a.csv" in findings[0]
    assert "has a column grade beside" in findings[1]
    with pytest.raises(ValidationError):
        SourceSpec(path=path, unpivot={"columns": []})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_a_title_above_the_headings_is_passed_over(engine, tmp_path, encoding):
    text = 'Närvaro, "åk 9"\n\nUtskriven 2024-09-01;;\nperson_id;date\na1;2024-09-02\n'
    spec = SourceSpec(
        path=write(tmp_path, text, encoding=encoding), encoding=encoding, header_row=4
    )
    assert cast(engine, "attendance", spec)["person_id"].tolist() == ["a1"]


def test_a_title_above_the_headings_of_a_sheet_is_passed_over(engine, tmp_path):
    book = openpyxl.Workbook()
    for row in (["Närvaro"], [], ["person_id", "date"], ["a1", "2024-09-02"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    sheet = SourceSpec(path=tmp_path / "a.xlsx", header_row=3)
    assert cast(engine, "attendance", sheet)["person_id"].tolist() == ["a1"]
    beyond = findings_of(engine, "attendance", SourceSpec(path=tmp_path / "a.xlsx", header_row=9))
    assert "no header in row 9" in beyond[0]


def test_hours_become_minutes(engine, tmp_path):
    path = write(tmp_path, "person_id;date;Tid (tim)\na1;2024-09-02;1,5\na1;2024-09-03;\n")
    spec = SourceSpec(
        path=path,
        decimal=",",
        columns={"offered_minutes": "Tid (tim)"},
        factors={"offered_minutes": 60},
    )
    assert cast(engine, "attendance", spec)["offered_minutes"].tolist() == [90.0, None]


FORMS = ["20051218-2395", "200512182395", "051218-2395", "0512182395", "512182395", "512182395,0",
         "200512182395.0", " 20051218 2395 "]  # fmt: skip


def test_all_written_forms_of_a_number_are_one_person(engine, tmp_path):
    """Skatteverket's test numbers end in 238x and 239x."""
    persons = write(tmp_path, "person_id\n20051218-2395\n", "p.csv")
    rows = "".join(f'"{form}";2024-09-02;{k}\n' for k, form in enumerate(FORMS))
    attendance = write(tmp_path, "person_id;date;lesson\n" + rows)
    sources = {
        "persons": SourceSpec(path=persons),
        "attendance": SourceSpec(path=attendance, lost_zeros=True),
    }
    result = ingest_tables(engine, sources, TABLES)
    assert result.report.usable_rows["attendance"] == len(FORMS)
    kept = sources | {"attendance": SourceSpec(path=attendance)}
    with pytest.raises(DataContractError, match="reference|every person must be"):
        ingest_tables(engine, kept, TABLES)


def test_a_number_without_its_zeros_may_still_be_wrong(engine, tmp_path):
    persons = write(tmp_path, "person_id\n512182395\n512182396\n", "p.csv")
    spec = SourceSpec(path=persons, lost_zeros=True)
    result = ingest_tables(engine, {"persons": spec}, TABLES)
    assert result.identifier_kinds == {"invalid_check_digit": 1, "personal_number": 1}


@pytest.mark.parametrize("form", ["1,98112E+11", "2.0051218E+11", "2E+11", "1.98112e+11"])
def test_a_shortened_number_is_refused_and_not_taken_for_a_person(engine, tmp_path, form):
    persons = write(tmp_path, f'person_id\n"{form}"\nSIM000000001\n', "p.csv")
    with pytest.raises(DataContractError) as caught:
        ingest_tables(engine, {"persons": SourceSpec(path=persons, delimiter=";")}, TABLES)
    (finding,) = caught.value.findings
    assert "not shortened by Excel" in finding
    assert form not in finding


def test_temporary_numbers_are_read_in_both_forms(engine, tmp_path):
    persons = write(tmp_path, "person_id\n20090203-TF10\n20090203T123\n", "p.csv")
    grades = write(tmp_path, "person_id;date;subject;grade\n20090203TF10;2024-06-12;MA;B\n")
    sources = {"persons": SourceSpec(path=persons), "grades": SourceSpec(path=grades)}
    assert ingest_tables(engine, sources, TABLES).report.usable_rows == {"persons": 2, "grades": 1}


def test_numbers_in_parquet_keep_their_noughts_lost_too(engine, tmp_path):
    pd.DataFrame({"person_id": [512182395, 200512182395]}).to_parquet(tmp_path / "p.parquet")
    spec = SourceSpec(path=tmp_path / "p.parquet", lost_zeros=True)
    frame = cast(engine, "persons", spec)
    assert frame["person_id"].tolist() == ["0512182395", "200512182395"]


def test_further_files_of_a_table_follow_and_each_is_checked(engine, tmp_path):
    persons = write(tmp_path, "person_id\na1\na2\n", "p.csv")
    first = write(tmp_path, "person_id;date\na1;3/4/2024\n", "1.csv")
    pd.DataFrame({"person_id": ["a2"], "date": pd.to_datetime(["2024-09-02"])}).to_parquet(
        tmp_path / "2.parquet"
    )
    options = {"path": first, "also": [tmp_path / "2.parquet"], "date_format": "%d/%m/%Y"}
    sources = {"persons": SourceSpec(path=persons), "attendance": SourceSpec(**options)}
    result = ingest_tables(engine, sources, TABLES)
    days = engine.to_pandas(result.tables["attendance"])["date"].astype("str").tolist()
    assert sorted(days) == ["2024-04-03", "2024-09-02"]
    both = SourceSpec(**options | {"date_format": ["%d/%m/%Y", "%m/%d/%Y"]})
    with pytest.raises(DataContractError, match="two days"):
        ingest_tables(engine, sources | {"attendance": both}, TABLES)
    broken = SourceSpec(**options | {"also": [tmp_path / "3.csv", tmp_path / "4.csv"]})
    with pytest.raises(DataContractError) as caught:
        ingest_tables(engine, sources | {"attendance": broken}, TABLES)
    assert [text.split("(")[1] for text in caught.value.findings] == [
        "3.csv does not exist)",
        "4.csv does not exist)",
    ]
    for also in ([first], ["2.csv", "2.csv"]):
        with pytest.raises(ValidationError, match="each file once"):
            SourceSpec(path=first, also=also)
