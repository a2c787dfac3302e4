from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from riskmodel.cohort.specs import (
    CohortPeriod,
    CohortSpec,
    CrossFittedSplit,
    OutcomeSpec,
    PredictionPoint,
    SchoolYearRange,
    TemporalSplit,
)
from riskmodel.core.windows import Horizon, SchoolCalendar

NOVEMBER = PredictionPoint(name="november", month=11, day=1)
FEBRUARY = PredictionPoint(name="february", month=2, day=1)
OUTCOME = OutcomeSpec(name="eligible_vocational", horizon=Horizon(months=12))


def make_spec(**changes: object) -> CohortSpec:
    fields: dict[str, object] = {
        "cohorts": SchoolYearRange(first_year=2022, last_year=2024),
        "prediction_points": (NOVEMBER, FEBRUARY),
        "outcome": OUTCOME,
        "split": TemporalSplit(train=("2022/23",), test=("2024/25",)),
    }
    return CohortSpec(**(fields | changes))


def test_school_years_are_named_by_both_calendar_years() -> None:
    names = SchoolYearRange(first_year=1998, last_year=2000).names
    assert names == ("1998/99", "1999/00", "2000/01")


def test_every_cohort_has_the_same_points_of_the_school_year() -> None:
    dates = make_spec().prediction_dates(SchoolCalendar())
    assert [(row.cohort, row.point, row.date) for row in dates][:3] == [
        ("2022/23", "november", date(2022, 11, 1)),
        ("2022/23", "february", date(2023, 2, 1)),
        ("2023/24", "november", date(2023, 11, 1)),
    ]
    assert {(row.date.month, row.date.day) for row in dates} == {(11, 1), (2, 1)}


def test_named_cohorts_with_days_after_their_start() -> None:
    spec = make_spec(
        cohorts=(
            CohortPeriod(name="2013B", start=date(2013, 2, 1)),
            CohortPeriod(name="2014J", start=date(2014, 10, 1)),
        ),
        prediction_points=(PredictionPoint(name="day_28", offset_days=28),),
        split=TemporalSplit(train=("2013B",), test=("2014J",)),
    )
    dates = spec.prediction_dates(SchoolCalendar())
    assert [row.date for row in dates] == [date(2013, 3, 1), date(2014, 10, 29)]


def test_a_spec_survives_its_own_dictionary() -> None:
    for split in (TemporalSplit(train=("2022/23",), test=("2024/25",)), CrossFittedSplit(folds=3)):
        spec = make_spec(split=split)
        assert CohortSpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"split": TemporalSplit(train=("2022/32",), test=("2024/25",))},
            "Did you mean '2022/23'?",
        ),
        ({"prediction_points": (NOVEMBER, NOVEMBER)}, "unique names, got november twice"),
        ({"prediction_points": ()}, "at least 1 item"),
        ({"cohorts": ()}, "at least one cohort"),
    ],
)
def test_wrong_specs_are_refused_with_a_hint(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected.replace("?", r"\?")):
        make_spec(**changes)


def test_a_cohort_is_not_both_trained_on_and_tested() -> None:
    with pytest.raises(ValidationError, match="must not share cohorts, got 2022/23"):
        TemporalSplit(train=("2022/23",), test=("2022/23",))


def test_years_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="`last_year` must not lie before"):
        SchoolYearRange(first_year=2024, last_year=2022)
