"""Who is in the population, against a slow reading of the rules in plain Python."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.cohort.population import choose_enrolments
from riskmodel.cohort.specs import (
    CohortSpec,
    OutcomeSpec,
    PopulationSpec,
    PredictionDate,
    PredictionPoint,
    SchoolYearRange,
)
from riskmodel.core.windows import Horizon, SchoolCalendar
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec

COLUMNS = {
    "subject_id": pa.string(),
    "school_unit": pa.string(),
    "school_class": pa.string(),
    "school_type": pa.string(),
    "school_year": pa.int64(),
    "start_date": pa.date32(),
    "end_date": pa.date32(),
    "cancelled": pa.bool_(),
    "known_date": pa.date32(),
}
SPEC = CohortSpec(
    population=PopulationSpec(where={"school_type": ("GR",)}, grade_level=9),
    cohorts=SchoolYearRange(first_year=2019, last_year=2023),
    prediction_points=(
        PredictionPoint(name="year_8", grade_level=8, month=11, day=1),
        PredictionPoint(name="year_9", month=11, day=1),
        PredictionPoint(
            name="first", grade_level=10, month=11, day=1,
            where={"school_type": ("GY",), "school_year": (1,)},
        ),
    ),
    outcome=OutcomeSpec(name="eligible_vocational", horizon=Horizon(months=12)),
    split={"kind": "cross_fitted"},
)  # fmt: skip
DATES = SPEC.prediction_dates(SchoolCalendar())
DAYS = sorted({item.date for item in DATES})

days = st.sampled_from(
    [date(2019, 8, 15), date(2020, 8, 15), date(2020, 11, 1), date(2021, 8, 15), date(2022, 7, 1)]
)
enrolments = st.lists(
    st.fixed_dictionaries(
        {
            "subject_id": st.sampled_from(["p1", "p2"]),
            "school_unit": st.sampled_from(["A", "B"]),
            "school_class": st.sampled_from([None, "a", "b"]),
            "school_type": st.sampled_from(["GR", "GR", "GY"]),
            "school_year": st.sampled_from([None, 1, 8, 9, 9]),
            "start_date": days,
            "end_date": st.one_of(st.none(), days),
            "cancelled": st.sampled_from([None, False, True]),
            "known_date": st.one_of(st.none(), days),
        }
    ),
    max_size=8,
)
Row = dict[str, Any]


def is_there(row: Row, item: PredictionDate) -> bool:
    """Tell whether an enrolment of the right form of school is current and known."""
    return (
        row["school_type"] in item.where["school_type"]
        and row["school_year"] is not None
        and row["start_date"] <= item.date
        and (row["end_date"] is None or item.date < row["end_date"])
        and (row["known_date"] is None or row["known_date"] < item.date)
    )


def is_void(row: Row) -> bool:
    return bool(row["cancelled"]) and row["end_date"] is None


def choose_slowly(rows: list[Row]) -> set[tuple[Any, ...]]:
    """Read the rules one after the other for every pupil and day."""
    found = set()
    for subject in ("p1", "p2"):
        for day in DAYS:
            pairs = [
                (row, item)
                for row in rows
                for item in DATES
                if row["subject_id"] == subject and item.date == day and is_there(row, item)
            ]
            ranked = sorted(
                pairs,
                key=lambda pair: (
                    is_void(pair[0]),
                    -pair[0]["start_date"].toordinal(),
                    pair[0]["school_year"] not in pair[1].where["school_year"],
                    pair[0]["school_unit"],
                    pair[0]["school_class"] or "",
                    pair[1].cohort,
                    pair[1].point,
                ),
            )
            if ranked and ranked[0][0]["school_year"] in ranked[0][1].where["school_year"]:
                row, item = ranked[0]
                letter = row["school_class"]
                label = None if letter is None else f"{row['school_unit']} / {letter}"
                found.add(
                    (subject, day, item.cohort, item.point, row["school_unit"], label, is_void(row))
                )
    return found


@pytest.fixture(scope="module")
def engine() -> Any:
    with open_engine(EngineSpec(threads=1)) as opened:
        yield opened


def test_the_points_share_their_days() -> None:
    assert len(DAYS) < len(DATES)


@settings(max_examples=25, deadline=None)
@given(rows=enrolments)
def test_every_pupil_has_one_row_a_day_the_one_that_the_rules_say(
    engine: Any, rows: list[Row]
) -> None:
    table = engine.register(pa.Table.from_pylist(rows, schema=pa.schema(COLUMNS)), "drawn")
    chosen = choose_enrolments(table, DATES).to_pyarrow().to_pylist()
    names = ("subject_id", "prediction_date", "cohort", "point", "school_unit", "school_class")
    found = [tuple(row[name] for name in (*names, "void")) for row in chosen]
    assert len({row[:2] for row in found}) == len(found)
    assert set(found) == choose_slowly(rows)
