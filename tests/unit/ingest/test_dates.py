"""Several date formats are tried in order, and no date is ever guessed."""

import datetime as dt

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.core.schema import Column, Table
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import DataContractError
from riskmodel.ingest.casting import cast_columns
from riskmodel.ingest.parts import open_parts
from riskmodel.ingest.sniffing.dates import find_days, find_formats
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.stage import ingest_tables

FORMATS = [
    "%Y-%m-%d", "%Y%m%d", "%d/%m %Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y",
    "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%y", "%m/%d/%y", "%y-%m-%d", "%y%m%d",
]  # fmt: skip
TABLE = Table(
    columns={"person_id": Column(type="string"), "date": Column(type="date", required=True)}
)
DAYS = st.dates(dt.date(1970, 1, 1), dt.date(2068, 12, 31))


def read(engine, texts, date_format):
    rows = engine.register(pd.DataFrame({"person_id": "a", "date": pd.array(texts, "str")}), "t")
    spec = SourceSpec(path="t.csv", date_format=date_format)
    frame = engine.to_pandas(cast_columns(rows, TABLE, spec))
    return [None if pd.isna(day) else pd.Timestamp(day).date() for day in frame["date"]], frame


@pytest.mark.parametrize("date_format", FORMATS)
def test_every_format_of_the_proposal_is_read_as_it_was_understood(engine, date_format):
    days = [dt.date(1970, 1, 1) + dt.timedelta(days=97 * k) for k in range(370)]
    texts = [day.strftime(date_format) for day in days]
    assert [find_days(text)[date_format] for text in texts] == days
    assert read(engine, texts, date_format)[0] == days


def test_a_day_without_noughts_is_read(engine):
    texts = ["1/9 2024", "19/8 2024", "01/09 2024 08:15"]
    expected = [dt.date(2024, 9, 1), dt.date(2024, 8, 19), dt.date(2024, 9, 1)]
    assert read(engine, texts, ["%Y-%m-%d", "%d/%m %Y"])[0] == expected
    assert read(engine, ["1/9  2024"], ["%Y-%m-%d", "%d/%m %Y"])[0] == expected[:1]
    assert find_formats(texts).formats == ("%d/%m %Y",)


def test_several_formats_serve_one_column(engine):
    texts = ["2024-08-19", "20240820", "21/8 2024", "45526", "45527.25", "x"]
    days, frame = read(engine, texts, ["%Y-%m-%d", "%Y%m%d", "%d/%m %Y", "excel"])
    assert days == [*(dt.date(2024, 8, day) for day in range(19, 24)), None]
    assert frame["date__failed"].tolist() == [False] * 5 + [True]


@pytest.mark.parametrize("text", ["19/8/24", "1/1/024", "0024-08-19"])
def test_a_year_of_two_digits_is_no_year_of_four(engine, text):
    assert read(engine, [text], ["%d/%m/%Y", "%Y-%m-%d"])[0] == [None]


@pytest.mark.parametrize("text", ["20240819", "4552", "100000", "-45523", "45523x", ""])
def test_not_every_number_is_a_day_of_excel(engine, text):
    assert read(engine, [text], "excel")[0] == [None]


def test_numbers_of_days_are_read_from_numbers(engine):
    frame = pd.DataFrame({"person_id": "a", "date": [45523.0, 45524.5]})
    cast = cast_columns(
        engine.register(frame, "t"), TABLE, SourceSpec(path="t.parquet", date_format="excel")
    )
    days = pd.to_datetime(engine.to_pandas(cast)["date"]).dt.date.tolist()
    assert days == [dt.date(2024, 8, 19), dt.date(2024, 8, 20)]


@pytest.mark.parametrize(
    "formats",
    ["excel", ["%d/%m/%Y", "%m/%d/%Y"], "%y%m%d", ["excel", "%d/%m/%Y"], "%d-%m-%Y", None],
)
def test_a_real_date_of_a_sheet_is_that_date_whatever_the_formats(engine, tmp_path, formats):
    book = openpyxl.Workbook()
    days = [dt.date(1931, 3, 4), dt.date(2024, 4, 3)]
    for row in [["person_id", "date"], *(["a", day] for day in days)]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    spec = SourceSpec(path=tmp_path / "a.xlsx", date_format=formats)
    frame = engine.to_pandas(open_parts(engine, "t", TABLE, spec)[0])
    assert pd.to_datetime(frame["date"]).dt.date.tolist() == days


def test_dates_of_two_days_are_refused_with_their_number(engine, tmp_path):
    days = ["3/4/2024"] * 12 + ["13/4/2024", "4/13/2024", "5/5/2024"]
    ids = [f"SIM{k:09d}" for k in range(len(days))]
    persons = pd.DataFrame({"person_id": ids, "birth_date": days})
    persons.to_csv(tmp_path / "p.csv", index=False)
    source = {"path": tmp_path / "p.csv", "date_format": ["%d/%m/%Y", "%m/%d/%Y"]}
    from riskmodel.core.schema import TABLES

    with pytest.raises(DataContractError) as caught:
        ingest_tables(engine, {"persons": SourceSpec(**source)}, TABLES)
    (finding,) = caught.value.findings
    assert finding.startswith("persons.birth_date: a date must not be two days")
    assert finding.endswith(": 12 rows")
    assert "2024" not in finding
    one = SourceSpec(**source | {"date_format": "%d/%m/%Y"})
    with pytest.raises(DataContractError) as caught:
        ingest_tables(engine, {"persons": one}, TABLES)
    assert "type (date): <10 rows" in caught.value.findings[0]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(DAYS, st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"])), min_size=1))
def test_no_date_is_guessed_whichever_order_the_formats_stand_in(drawn):
    texts = [day.strftime(date_format) for day, date_format in drawn]
    is_twofold = [day.day <= 12 and day.day != day.month for day, _ in drawn]
    with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as engine:
        for formats in (["%d/%m/%Y", "%m/%d/%Y"], ["%m/%d/%Y", "%d/%m/%Y"]):
            days, frame = read(engine, texts, formats)
            assert frame["date__ambiguous"].tolist() == is_twofold
            expected = [
                None if twofold else day
                for (day, _), twofold in zip(drawn, is_twofold, strict=True)
            ]
            assert days == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(DAYS, min_size=1, max_size=20), st.sampled_from(FORMATS))
def test_the_formats_found_hold_the_true_one_or_one_that_gives_the_same_days(days, date_format):
    texts = [day.strftime(date_format) for day in days]
    found = find_formats(texts)
    assert found.share == 1
    is_told = date_format in found.formats
    equal = [
        name
        for name in found.formats
        if all(find_days(text).get(name) == day for text, day in zip(texts, days, strict=True))
    ]
    assert is_told or equal
    assert len(found.formats) == 1 or found.is_ambiguous


def test_formats_that_lack_a_part_are_refused():
    for wrong in ("%Y-%m", ["%Y%m%d", "%d/%m"], "Excel", ""):
        with pytest.raises(ValueError, match="a year, a month and a day"):
            SourceSpec(path="a.csv", date_format=wrong)
