"""Laws of prediction dates and splits that hold for every specification."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from riskmodel.cohort.leakage import check_known_before, find_late_cohorts, leave_out_late
from riskmodel.cohort.specs import (
    CohortSpec,
    OutcomeSpec,
    PopulationSpec,
    PredictionPoint,
    SchoolYearRange,
    TemporalSplit,
)
from riskmodel.core.windows import DayOfYear, Horizon, SchoolCalendar, add_months
from riskmodel.errors import LeakageError

days_of_year = st.dates(date(2023, 1, 1), date(2023, 12, 31)).map(
    lambda day: {"month": day.month, "day": day.day}
)
places = st.one_of(
    days_of_year,
    st.sampled_from([{"after": "autumn_grades"}, {"after": "spring_grades"}]),
)
calendars = st.builds(
    lambda month, day, autumn: SchoolCalendar(
        month=month, day=day, autumn_grades=DayOfYear(month=12, day=autumn)
    ),
    st.sampled_from([7, 8]),
    st.integers(1, 28),
    st.integers(10, 31),
)


@st.composite
def specs(draw: st.DrawFn) -> CohortSpec:
    """Draw cohorts with points at different grade levels."""
    levels = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    points = tuple(
        PredictionPoint(name=f"point_{number}", grade_level=level, **draw(places))
        for number, level in enumerate(levels)
    )
    first = draw(st.integers(2000, 2030))
    years = SchoolYearRange(first_year=first, last_year=first + draw(st.integers(1, 8)))
    horizon = draw(
        st.builds(
            Horizon,
            months=st.integers(12, 60),
            gap_days=st.integers(0, 60),
            counted_from=st.sampled_from(["point", "cohort"]),
        )
    )
    return CohortSpec(
        population=PopulationSpec(grade_level=9),
        cohorts=years,
        prediction_points=points,
        outcome=OutcomeSpec(name="eligible_vocational", horizon=horizon),
        split=TemporalSplit(train=years.names[:1], test=years.names[-1:]),
    )


@settings(max_examples=50, deadline=None)
@given(specs(), calendars)
def test_training_and_test_dates_lie_at_the_same_point_of_the_school_year(
    spec: CohortSpec, calendar: SchoolCalendar
) -> None:
    by_point: dict[str, set[tuple[int, int, int, Any]]] = {}
    for item in spec.prediction_dates(calendar):
        years_ahead = item.period.start.year - calendar.year_start(item.date).year
        place = (item.date.month, item.date.day, years_ahead, tuple(item.where.items()))
        by_point.setdefault(item.point, set()).add(place)
    assert set(by_point) == {point.name for point in spec.prediction_points}
    assert all(len(found) == 1 for found in by_point.values())


@settings(max_examples=50, deadline=None)
@given(specs(), calendars)
def test_no_outcome_counts_before_its_prediction_date_or_before_the_final_year(
    spec: CohortSpec, calendar: SchoolCalendar
) -> None:
    gap = timedelta(days=spec.outcome.horizon.gap_days)
    early = {point.name: spec.years_before(point) > 0 for point in spec.prediction_points}
    for item in spec.prediction_dates(calendar):
        window = item.outcome_window
        assert window.start >= item.date + gap
        if early[item.point]:
            assert window.start >= item.period.start
            assert window.end == add_months(item.period.start, spec.outcome.horizon.months)


@settings(max_examples=50, deadline=None)
@given(specs(), calendars)
def test_counted_from_the_cohort_every_point_waits_for_the_same_last_day(
    spec: CohortSpec, calendar: SchoolCalendar
) -> None:
    assume(spec.outcome.horizon.counted_from == "cohort")
    ends: dict[str, set[date]] = {}
    for item in spec.prediction_dates(calendar):
        if item.outcome_window.days:
            ends.setdefault(item.cohort, set()).add(item.outcome_window.end)
    assert all(len(found) == 1 for found in ends.values())


label_rows = st.lists(
    st.fixed_dictionaries(
        {
            "point": st.sampled_from(["year_6", "year_9"]),
            "cohort": st.sampled_from(["a", "b", "c"]),
            "split": st.sampled_from(["train", "test", "none"]),
            "label": st.sampled_from([0.0, 1.0, None]),
            "prediction_date": st.dates(date(2020, 1, 1), date(2022, 1, 1)),
            "outcome_known_date": st.one_of(
                st.none(), st.dates(date(2020, 1, 1), date(2024, 1, 1))
            ),
        }
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(label_rows)
def test_no_training_label_is_known_on_or_after_the_first_test_date(
    rows: list[dict[str, Any]],
) -> None:
    labels = pd.DataFrame(rows).astype({"label": "float64", "split": "str"})
    late = {(item.point, item.cohort) for item in find_late_cohorts(labels)}
    try:
        left, left_out = leave_out_late(labels)
    except LeakageError:
        assert late
        return
    check_known_before(left)
    assert {(item.point, item.cohort) for item in left_out} == late
    for point, part in left.groupby("point"):
        test_dates = part.loc[part["split"] == "test", "prediction_date"]
        trained = part[(part["split"] == "train") & part["label"].notna()]
        for known in trained["outcome_known_date"]:
            assert test_dates.empty or (known is not None and known < test_dates.min())
        assert not {cohort for place, cohort in late if place == point} & set(trained["cohort"])
    kept = [pair not in late for pair in zip(labels["point"], labels["cohort"], strict=True)]
    pd.testing.assert_frame_equal(left[kept], labels[kept])
    assert left.loc[left["split"] == "test"].equals(labels.loc[labels["split"] == "test"])
