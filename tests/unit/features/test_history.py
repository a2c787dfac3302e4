"""A pupil's history shows what was known at the prediction date, and nothing of the future."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from riskmodel.core.schema import TABLES
from riskmodel.core.windows import SchoolCalendar
from riskmodel.features.history import PERIOD_DAYS, read_histories
from riskmodel.features.schemas import feature_schemas

MOMENT = date(2024, 11, 1)
SCHEMAS = feature_schemas(TABLES)


def lesson(day, absent, subject="a", **changes):
    return {"subject_id": subject, "date": day, "lesson": "1", "offered_minutes": 60.0,
            "valid_absence_minutes": 0.0, "invalid_absence_minutes": float(absent),
            "is_reported": True, "known_date": day} | changes  # fmt: skip


def grade(subject, letter, **changes):
    return {"subject_id": "a", "date": date(2024, 6, 10), "subject": subject, "grade": letter,
            "term": "VT", "school_year": 8, "known_date": date(2024, 6, 10)} | changes  # fmt: skip


@pytest.fixture
def read(engine):
    def run(attendance=(), grades=(), subjects=("a",), **settings):
        tables = {}
        for name, rows in (("attendance", attendance), ("grades", grades)):
            if rows:
                tables[name] = engine.register(pd.DataFrame(rows), f"history_{name}")
        return read_histories(
            engine, tables, subjects, MOMENT,
            schemas=SCHEMAS, calendar=SchoolCalendar(), **settings,
        )  # fmt: skip

    return run


def shares(found):
    return found.absence["absence_share"].to_list()


def test_periods_lie_side_by_side_and_end_before_the_date(read):
    found = read([lesson(MOMENT - timedelta(days=1), 60)], n_periods=3)
    spans = found.absence[["start", "end"]].to_numpy().tolist()
    assert spans[-1] == [MOMENT - timedelta(days=PERIOD_DAYS), MOMENT]
    assert [one[1] for one in spans[:-1]] == [one[0] for one in spans[1:]]


def test_each_period_has_its_own_share_at_its_edges(read):
    days = (1, PERIOD_DAYS, PERIOD_DAYS + 1, 2 * PERIOD_DAYS)
    rows = [
        lesson(MOMENT - timedelta(days=n), m) for n, m in zip(days, (60, 30, 0, 15), strict=True)
    ]
    np.testing.assert_allclose(shares(read(rows, n_periods=3)), [np.nan, 0.125, 0.75])


def test_nothing_of_the_future_is_shown(read):
    past = [lesson(MOMENT - timedelta(days=1), 30)]
    future = [
        lesson(MOMENT, 60, lesson="2"),
        lesson(MOMENT - timedelta(days=2), 60, lesson="3", known_date=MOMENT),
    ]
    assert shares(read(past, n_periods=1)) == shares(read(past + future, n_periods=1)) == [0.5]


def test_unreported_lessons_are_neither_presence_nor_absence(read):
    day = MOMENT - timedelta(days=3)
    rows = [lesson(day, 60), lesson(day, 0, lesson="2", is_reported=False)]
    assert shares(read(rows, n_periods=1)) == [1.0]
    assert np.isnan(shares(read(rows[1:], n_periods=1))).all()


def test_other_pupils_do_not_count(read):
    day = MOMENT - timedelta(days=3)
    found = read([lesson(day, 60), lesson(day, 0, subject="b")], subjects=("b",), n_periods=1)
    assert found.absence["subject_id"].to_list() == ["b"]
    assert shares(found) == [0.0]


def test_the_latest_known_grade_of_each_term_is_shown(read):
    found = read(grades=[
        grade("MA", "F"),
        grade("MA", "E", known_date=date(2024, 8, 20)),
        grade("MA", "A", known_date=MOMENT),
        grade("MA", "D", term="HT", date=date(2023, 12, 19), known_date=date(2023, 12, 19)),
        grade("EN", "B", date=MOMENT),
    ])  # fmt: skip
    told = found.grades[["term", "subject", "grade"]].to_numpy().tolist()
    assert told == [["HT", "MA", "D"], ["VT", "MA", "E"]]


def test_without_tables_or_pupils_there_is_nothing(read):
    assert read().absence.empty
    assert read([lesson(MOMENT - timedelta(days=1), 0)], subjects=()).absence.empty
    assert read().grades.empty
