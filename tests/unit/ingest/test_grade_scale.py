from __future__ import annotations

import datetime as dt

import pandas as pd

from riskmodel.ingest.grade_scale import (
    Grade,
    GradeScale,
    GradeScales,
    add_grade_values,
    load_grade_scales,
)


def values(engine, grades, scales=None):
    frame = pd.DataFrame(grades, columns=["date", "grade"])
    return engine.to_pandas(add_grade_values(engine.register(frame, "grades"), scales))


def test_the_swedish_scale(engine):
    day = dt.date(2024, 6, 12)
    codes = ["A", "B", "C", "D", "E", "F", "-", "e", "IG", "3", None]
    out = values(engine, [(day, code) for code in codes])
    points = out["grade_points"].fillna(-1).tolist()
    assert points == [20, 17.5, 15, 12.5, 10, 0, -1, 10, -1, -1, -1]
    passes = [None if pd.isna(value) else bool(value) for value in out["is_pass"]]
    assert passes == [True] * 5 + [False] * 2 + [True] + [None] * 3


def test_a_scale_holds_from_its_first_day(engine):
    first, then = dt.date(2011, 7, 1), dt.date(2030, 7, 1)
    scales = GradeScales(
        version=2,
        scales=(
            GradeScale(valid_from=first, grades={"A": Grade(points=20, is_pass=True)}),
            GradeScale(valid_from=then, grades={"A": Grade(points=10, is_pass=True)}),
        ),
    )
    days = [dt.date(2011, 6, 30), first, dt.date(2030, 6, 30), then]
    out = values(engine, [(day, "A") for day in days], scales)
    assert out["grade_points"].fillna(-1).tolist() == [-1, 20, 20, 10]


def test_scales_are_in_order_and_dash_is_no_pass():
    scales = load_grade_scales().scales
    assert [scale.valid_from for scale in scales] == sorted(scale.valid_from for scale in scales)
    assert scales[-1].grades["-"] == Grade(points=None, is_pass=False)
