from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskmodel.core.schema import Column, Table
from riskmodel.ingest.casting import FAILED, cast_columns
from riskmodel.ingest.specs import SourceSpec

DAY = dt.date(2024, 9, 2)
BAD = object()
"""Stands for a value that was given and is not of the type."""


@pytest.fixture
def cast(engine, tmp_path):
    def run(given, kind, arrow=None, **options):
        table = Table(
            columns={"person_id": Column(type="string"), "x": Column(type=kind)}, date=None
        )
        column = pa.array(given, type=arrow or pa.string())
        rows = engine.register(pa.table({"x": column}), "given")
        spec = SourceSpec(path=tmp_path / "a.csv", **options)
        frame = engine.to_pandas(cast_columns(rows, table, spec))
        assert frame["person_id"].isna().all()
        return [
            BAD if failed else (None if pd.isna(value) else value)
            for value, failed in zip(frame["x"], frame["x" + FAILED])
        ]

    return run


def test_numbers(cast):
    texts = ["1", " 2.5 ", "-3", "1 234.5", "1\u00a0234", "\u22124", "1e3", "0.10", None, " ", ""]
    assert cast(texts, "number") == [1, 2.5, -3, 1234.5, 1234, -4, 1000, 0.1, None, None, None]
    assert cast(["1,5", "x", "1.2.3", "nan", "inf", "-Infinity"], "number") == [BAD] * 6


def test_decimal_comma(cast):
    texts = ["1,5", "2", "-1 000,25", None]
    assert cast(texts, "number", decimal=",") == [1.5, 2, -1000.25, None]
    assert cast(["1.5", "1.234", "1.234,5", "1,2,3"], "number", decimal=",") == [BAD] * 4


def test_minutes_may_be_hours_and_minutes_whatever_the_factor(engine, tmp_path):
    texts = ["1:30", " 0:05 ", "26:30:30", "1,5", "1:60", "-1:30", "1:3", None, ""]
    table = Table(columns={"x_minutes": Column(type="number"), "x": Column(type="number")})
    spec = SourceSpec(path=tmp_path / "a.csv", decimal=",", factors={"x_minutes": 60, "x": 60})
    rows = engine.register(pa.table({"x_minutes": texts, "x": texts}), "clocks")
    frame = engine.to_pandas(cast_columns(rows, table, spec))
    assert frame["x_minutes"].dropna().tolist() == [90, 5, 1590.5, 90]
    assert frame["x_minutes" + FAILED].tolist() == [False] * 4 + [True] * 3 + [False] * 2
    assert frame["x"].dropna().tolist() == [90]


def test_whole_numbers(cast):
    assert cast(["9", "9.0", " 10 ", "-1", None], "integer") == [9, 9, 10, -1, None]
    assert cast(["9.5", "åtta", "1e300"], "integer") == [BAD] * 3
    assert cast(["9,0"], "integer", decimal=",") == [9]


def test_truth_values(cast):
    texts = ["true", "False", "JA", "nej", "1", "0", " yes ", "N", None, ""]
    expected = [True, False, True, False, True, False, True, False, None, None]
    assert cast(texts, "boolean") == expected
    assert cast(["kanske", "2"], "boolean") == [BAD] * 2


def test_days(cast):
    texts = ["2024-09-02", "2024-09-02 08:10", "2024-09-02T08:10:00.5", " 2024-09-02 ", None, ""]
    assert cast(texts, "date") == [DAY] * 4 + [None] * 2
    wrong = ["2024-02-30", "20240902", "02/09/2024", "infinity", "epoch", "2024-09-02T08:10:00Z"]
    assert cast(wrong, "date") == [BAD] * 6


def test_days_in_a_stated_format(cast):
    texts = ["02/09 2024", "02/09 2024 08:10", "02/09 2024T08:10:11", None]
    assert cast(texts, "date", date_format="%d/%m %Y") == [DAY] * 3 + [None]
    assert cast(["2024-09-02", "31/02 2024"], "date", date_format="%d/%m %Y") == [BAD] * 2


def test_text_loses_the_space_around_it(cast):
    assert cast([" Borås ", "", "  ", None], "string") == ["Borås", None, None, None]


def test_values_are_mapped_before_they_are_read(cast):
    mapping = {"x": {"M": "Man", "K": "Kvinna", "okänt": ""}}
    assert cast(["M", "K ", "okänt", "X", None], "string", values=mapping) == [
        "Man",
        "Kvinna",
        None,
        "X",
        None,
    ]
    assert cast([1, 2, 3], "string", pa.int64(), values={"x": {"1": "Man"}}) == ["Man", "2", "3"]
    assert cast(["F", "P"], "boolean", values={"x": {"F": "nej", "P": "ja"}}) == [False, True]


@pytest.mark.parametrize(
    ("values", "arrow", "kind", "expected"),
    [
        ([7, None], pa.int64(), "string", ["7", None]),
        ([7.0, 7.5, float("nan")], pa.float64(), "string", ["7", "7.5", None]),
        ([decimal.Decimal("7.00")], pa.decimal128(5, 2), "string", ["7"]),
        ([True], pa.bool_(), "string", ["true"]),
        ([7, None], pa.int32(), "number", [7.0, None]),
        ([7.5, float("nan"), float("inf")], pa.float32(), "number", [7.5, None, BAD]),
        ([decimal.Decimal("7.25")], pa.decimal128(5, 2), "number", [7.25]),
        ([9.0, 9.5, None], pa.float64(), "integer", [9, BAD, None]),
        ([1, 0, None, 2], pa.int8(), "boolean", [True, False, None, BAD]),
        ([1.0, 0.0], pa.float64(), "boolean", [True, False]),
        ([True, None], pa.bool_(), "boolean", [True, None]),
        ([DAY, None], pa.date32(), "date", [DAY, None]),
        ([dt.datetime(2024, 9, 2, 23, 59)], pa.timestamp("us"), "date", [DAY]),
        ([dt.datetime(2024, 9, 2)], pa.timestamp("us", tz="UTC"), "date", [BAD]),
        ([20240902], pa.int64(), "date", [BAD]),
        ([DAY], pa.date32(), "number", [BAD]),
        ([["a"]], pa.list_(pa.string()), "number", [BAD]),
    ],
)
def test_typed_columns(cast, values, arrow, kind, expected):
    assert cast(values, kind, arrow) == expected


def test_days_as_whole_numbers_need_a_format(cast):
    assert cast([20240902], "date", pa.int64(), date_format="%Y%m%d") == [DAY]


def test_identifiers_stay_as_given(engine, tmp_path):
    table = Table(columns={"person_id": Column(type="string", required=True)})
    rows = engine.register(pd.DataFrame({"person_id": [" a1 ", "", None]}), "given")
    frame = engine.to_pandas(cast_columns(rows, table, SourceSpec(path=tmp_path / "a.csv")))
    assert frame["person_id"].tolist()[0] == " a1 "
    assert frame["person_id"].isna().tolist() == [False, True, True]


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=20, max_size=200))
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("mark", [".", ","])
def test_every_finite_number_survives_being_written(cast, mark, values):
    texts = [repr(value).replace(".", mark) for value in values]
    np.testing.assert_array_equal(cast(texts, "number", decimal=mark), values)
