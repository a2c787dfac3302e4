"""Rolling origin: who learns from whom, and when."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmodel.cohort.periods import plan_periods
from riskmodel.errors import UsageError


def make_labels(years, months_known, *, point="november", month=11):
    """Return two pupils for each year, whose outcomes are known after some months."""
    rows = []
    for year in years:
        moment = date(year, month, 1)
        known = moment.replace(year=moment.year + months_known // 12) - timedelta(days=1)
        known += timedelta(days=30 * (months_known % 12))
        for number in range(2):
            rows.append((point, str(year), "train", float(number), moment, known))
    columns = ["point", "cohort", "split", "label", "prediction_date", "outcome_known_date"]
    return pd.DataFrame(rows, columns=columns)


def test_four_years_of_upper_secondary_are_split_as_is_published():
    """The golden case of Triage's Timechop: labels of four years, updates each year."""
    labels = make_labels(range(2010, 2021), 48, month=7)
    periods = plan_periods(labels, origins=20, history=6)
    assert [period.first_date for period in periods] == [date(y, 7, 1) for y in range(2014, 2021)]
    assert periods[-1].train == tuple(str(year) for year in range(2011, 2017))
    assert periods[0].train == ("2010",)


def test_training_and_test_lie_at_the_same_place_of_the_school_year():
    labels = pd.concat(
        [make_labels(range(2015, 2021), 8), make_labels(range(2015, 2021), 8, point="feb", month=2)]
    )
    periods = plan_periods(labels, origins=3)
    assert {period.point for period in periods} == {"november", "feb"}
    for period in periods:
        own = labels[labels["point"].eq(period.point)]
        days = own[own["cohort"].isin([*period.train, period.test])]["prediction_date"]
        assert {(day.month, day.day) for day in days} == {(period.first_date.month, 1)}


@given(st.integers(1, 60), st.integers(1, 6), st.none() | st.integers(1, 4))
def test_nothing_is_learnt_that_was_not_known(months, origins, history):
    labels = make_labels(range(2008, 2021), months)
    periods = plan_periods(labels, origins=origins, history=history)
    assert len(periods) == origins
    for period in periods:
        learnt = labels[labels["cohort"].isin(period.train)]
        assert (learnt["outcome_known_date"] < period.first_date).all()
        assert period.test not in period.train
        assert history is None or len(period.train) <= history


def test_a_cohort_with_one_late_outcome_is_not_learnt_from():
    labels = make_labels(range(2015, 2019), 8)
    labels.loc[labels["cohort"].eq("2016").idxmax(), "outcome_known_date"] = date(2018, 11, 1)
    last = plan_periods(labels, origins=1)[0]
    assert last.train == ("2015", "2017")


def test_test_cohorts_and_those_without_a_history_are_no_origins():
    labels = make_labels(range(2015, 2019), 8)
    labels.loc[labels["cohort"].eq("2018"), "split"] = "test"
    assert [period.test for period in plan_periods(labels, origins=9)] == ["2016", "2017"]


def test_labels_must_have_their_columns():
    with pytest.raises(UsageError, match="outcome_known_date"):
        plan_periods(make_labels([2015], 8).drop(columns="outcome_known_date"), origins=1)
