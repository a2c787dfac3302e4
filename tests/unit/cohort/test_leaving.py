"""Who leaves, in which term: the rules one by one, on a handful of made-up pupils."""

from datetime import date

import ibis
import pandas as pd
import pytest

from riskmodel.cohort.leaving import LEAVING_COLUMNS, demand_leavers, follow_terms, known_before
from riskmodel.cohort.specs import (
    CohortSpec,
    CrossFittedSplit,
    LeavingSpec,
    OutcomeSpec,
    SchoolYearRange,
    TemporalSplit,
)
from riskmodel.core.windows import CalendarPoint, Horizon, SchoolCalendar
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import UndefinedMetricError, UsageError

PREDICTED = date(2020, 11, 1)
YEARS = [(date(year, 8, 18), date(year + 1, 7, 1)) for year in (2020, 2021, 2022)]


def make_spec(**leaving):
    settings = {"where": {"school_type": ("GY",)}, "known_until": date(2023, 12, 31)} | leaving
    return CohortSpec(
        cohorts=SchoolYearRange(first_year=2019, last_year=2020),
        prediction_points=[CalendarPoint(name="november", month=11, day=1).model_dump()],
        outcome=OutcomeSpec(name="diploma", horizon=Horizon(months=48)),
        leaving=LeavingSpec(**settings),
        split=TemporalSplit(train=("2019/20",), test=("2020/21",)),
    )


def follow(spans, outcome=None, spec=None, school_type="GY", cancelled=False):
    """Return in which terms a pupil with these enrolments was followed, and left."""
    enrolments = pd.DataFrame(
        [("p", "A", school_type, start, end, cancelled) for start, end in spans],
        columns=["subject_id", "school_unit", "school_type", "start_date", "end_date", "cancelled"],
    )
    rows = [] if outcome is None else [("p", "diploma", *outcome)]
    outcomes = pd.DataFrame(rows, columns=["subject_id", "outcome", "date", "value", "status"])
    labels = pd.DataFrame(
        {"subject_id": ["p"], "prediction_date": [PREDICTED], "point": ["november"]}
    )
    schema = {"subject_id": "string", "school_unit": "string", "school_type": "string",
              "start_date": "date", "end_date": "date", "cancelled": "boolean"}  # fmt: skip
    types = {"subject_id": "string", "outcome": "string", "date": "date", "value": "float64",
             "status": "string"}  # fmt: skip
    with open_engine(EngineSpec()):
        tables = {
            "enrolments": ibis.memtable(enrolments, schema=schema),
            "outcomes": ibis.memtable(outcomes, schema=types),
        }
        terms = follow_terms(tables, labels, spec or make_spec(), calendar=SchoolCalendar())
    assert list(terms.columns) == list(LEAVING_COLUMNS)
    return list(zip(terms["term"], terms["left"], strict=True))


def stayed(n_terms):
    return [(number, 0.0) for number in range(1, n_terms + 1)]


def test_who_comes_back_after_the_holidays_has_not_left():
    assert follow(YEARS) == stayed(5)


def test_who_stops_in_the_middle_of_a_term_left_in_it():
    assert follow([YEARS[0], (date(2021, 8, 18), date(2021, 10, 3))]) == [*stayed(2), (3, 1.0)]


def test_who_does_not_come_back_in_autumn_left_in_spring():
    assert follow(YEARS[:1]) == [(1, 0.0), (2, 1.0)]


def test_coming_back_later_than_the_days_of_grace_is_to_have_left():
    gap = [YEARS[0], (date(2021, 9, 15), date(2022, 7, 1)), YEARS[2]]
    assert follow(gap) == [(1, 0.0), (2, 1.0)]
    assert follow(gap, spec=make_spec(grace_days=90)) == stayed(5)


def test_a_change_of_school_is_no_leaving_and_an_open_enrolment_goes_on():
    moved = [(date(2020, 8, 18), date(2020, 12, 20)), (date(2021, 1, 10), None)]
    assert follow(moved) == stayed(5)


def test_who_completed_did_not_leave_however_early():
    outcome = (date(2022, 6, 10), 1.0, "observed")
    assert follow(YEARS[:2], outcome) == stayed(5)
    failed = (date(2022, 6, 10), 0.0, "observed")
    assert follow(YEARS[:2], failed) == [*stayed(3), (4, 1.0)]


@pytest.mark.parametrize("status", ["moved", "deceased"])
def test_who_moves_away_or_dies_is_followed_until_then(status):
    spans = [YEARS[0], (date(2021, 8, 18), date(2021, 11, 20))]
    assert follow(spans, (date(2021, 11, 20), None, status)) == stayed(2)


def test_only_enrolments_that_count_keep_a_pupil():
    assert follow(YEARS, school_type="VUX") == [(1, 1.0)]
    assert follow([(date(2020, 8, 18), None)], cancelled=True) == [(1, 1.0)]


def test_nobody_is_followed_beyond_what_is_known():
    # All is known of a term when the days of grace after it are over, here on 30 August.
    assert follow(YEARS, spec=make_spec(known_until=date(2021, 8, 30))) == stayed(2)
    assert follow(YEARS, spec=make_spec(known_until=date(2021, 8, 29))) == stayed(1)
    assert follow(YEARS, spec=make_spec(known_until=None)) == stayed(3)


def test_terms_known_too_late_are_not_learnt_from():
    rows = pd.DataFrame({"known_date": [date(2021, 3, 2), date(2021, 8, 30)], "term": [1, 2]})
    assert known_before(rows, date(2021, 8, 30))["term"].tolist() == [1]


def test_without_the_setting_nobody_is_followed():
    spec = make_spec().model_copy(update={"leaving": None})
    labels = pd.DataFrame({"subject_id": ["p"], "prediction_date": [PREDICTED], "point": ["n"]})
    assert follow_terms({}, labels, spec, calendar=SchoolCalendar()).empty
    with pytest.raises(UsageError, match="point"):
        follow_terms({}, labels.drop(columns="point"), spec, calendar=SchoolCalendar())


def test_too_few_leavers_are_said():
    terms = pd.DataFrame({"left": [1.0] * 9 + [0.0] * 100})
    with pytest.raises(UndefinedMetricError, match="at least 10 pupils who left"):
        demand_leavers(terms, fewest=10, where="cohort.leaving")
    demand_leavers(terms, fewest=9, where="cohort.leaving")


def test_it_needs_a_split_in_time():
    settings = make_spec().model_dump()
    with pytest.raises(ValueError, match="`leaving` needs a `split` of the kind temporal"):
        CohortSpec(**settings | {"split": CrossFittedSplit()})
