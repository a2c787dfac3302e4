from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from riskmodel.core.windows import (
    CalendarPoint,
    DayOfYear,
    Horizon,
    Interval,
    SchoolCalendar,
    Window,
    add_months,
    cut_into_cells,
)

dates = st.dates(date(1990, 1, 1), date(2060, 12, 31))
windows = st.one_of(
    st.builds(Window, days=st.integers(1, 800)),
    st.sampled_from(
        [Window(kind=k) for k in ("term", "school_year", "previous_school_year", "ever")]
    ),
)


@given(dates, windows)
def test_a_window_never_reaches_the_prediction_date(prediction_date, window):
    span = window.bounds(prediction_date, SchoolCalendar())
    assert not span.contains(prediction_date)
    assert span.end <= prediction_date


@given(dates, st.integers(1, 800))
def test_a_lookback_holds_exactly_its_days(prediction_date, days):
    span = Window(days=days).bounds(prediction_date, SchoolCalendar())
    assert span.days == days
    assert span.contains(prediction_date - timedelta(days=1))
    assert span.contains(prediction_date - timedelta(days=days))
    assert not span.contains(prediction_date - timedelta(days=days + 1))


@given(dates)
def test_school_years_meet_without_gap_or_overlap(prediction_date):
    calendar = SchoolCalendar()
    now = Window(kind="school_year").bounds(prediction_date, calendar)
    before = Window(kind="previous_school_year").bounds(prediction_date, calendar)
    assert before.end == now.start
    assert before.days in (365, 366)


@given(dates, st.tuples(st.integers(1, 12), st.integers(1, 28)))
def test_a_term_lies_in_its_school_year_and_holds_no_start_of_another(prediction_date, spring):
    month, day = spring
    if spring == (7, 1):
        return
    calendar = SchoolCalendar(spring_term=DayOfYear(month=month, day=day))
    term = Window(kind="term").bounds(prediction_date, calendar)
    year = Window(kind="school_year").bounds(prediction_date, calendar)
    assert term.end == prediction_date
    assert year.start <= term.start
    assert (term.start.month, term.start.day) in {(7, 1), spring}
    later = [term.start + timedelta(days=days) for days in range(1, term.days + 1)]
    assert not {(moment.month, moment.day) for moment in later} & {(7, 1), spring}


@pytest.mark.parametrize(
    ("prediction_date", "start"),
    [
        (date(2024, 11, 1), date(2024, 7, 1)),
        (date(2025, 1, 1), date(2025, 1, 1)),
        (date(2024, 12, 31), date(2024, 7, 1)),
        (date(2025, 6, 30), date(2025, 1, 1)),
        (date(2025, 7, 1), date(2025, 7, 1)),
    ],
)
def test_a_term_starts_with_the_school_year_or_in_january(prediction_date, start):
    span = Window(kind="term").bounds(prediction_date, SchoolCalendar())
    assert span == Interval(start, prediction_date)


def test_a_school_year_has_two_terms():
    with pytest.raises(ValidationError, match="`spring_term` must not be the day"):
        SchoolCalendar(spring_term=DayOfYear(month=7, day=1))


def test_grades_are_known_the_day_after_they_are_in():
    calendar = SchoolCalendar()
    start = date(2024, 7, 1)
    assert calendar.first_day_after("autumn_grades", start) == date(2024, 12, 21)
    assert calendar.first_day_after("spring_grades", start) == date(2025, 6, 16)
    late = SchoolCalendar(autumn_grades=DayOfYear(month=1, day=7))
    assert late.first_day_after("autumn_grades", start) == date(2025, 1, 8)


def test_grades_that_are_in_no_school_year_are_refused_together():
    with pytest.raises(ValidationError) as caught:
        SchoolCalendar(
            autumn_grades=DayOfYear(month=6, day=30), spring_grades=DayOfYear(month=6, day=30)
        )
    assert "`autumn_grades` must come before" in str(caught.value)
    assert "must not be the last day" in str(caught.value)


@given(dates, dates)
def test_a_horizon_of_the_cohort_ends_on_one_day_and_begins_after_the_prediction(moment, start):
    span = Horizon(months=12, gap_days=3, counted_from="cohort").bounds(moment, start)
    assert span.start == max(start, moment + timedelta(days=3))
    assert span.end == max(span.start, add_months(start, 12))


@given(dates, windows, st.integers(0, 400), st.integers(1, 60))
def test_features_and_outcomes_never_share_a_day(prediction_date, window, gap, months):
    seen = window.bounds(prediction_date, SchoolCalendar())
    outcome = Horizon(gap_days=gap, months=months).bounds(prediction_date)
    assert seen.end <= outcome.start


@given(st.lists(st.tuples(dates, st.integers(0, 500)), min_size=1, max_size=8), dates)
def test_cells_are_disjoint_and_rebuild_every_interval(spans, moment):
    intervals = [Interval(start, start + timedelta(days=length)) for start, length in spans]
    cells = cut_into_cells(intervals)
    for interval in intervals:
        inside = [c for c in cells if interval.start <= c.start and c.end <= interval.end]
        assert sum(cell.days for cell in inside) == interval.days
    assert sum(cell.contains(moment) for cell in cells) <= 1


@given(dates, st.integers(-60, 60))
def test_months_are_undone_by_their_opposite_up_to_the_month_end(moment, months):
    there = add_months(moment, months)
    back = add_months(there, -months)
    assert (back.year, back.month) == (moment.year, moment.month)
    assert back.day <= moment.day


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"month": 11, "day": 1}, date(2024, 11, 1)),
        ({"month": 2, "day": 1}, date(2025, 2, 1)),
        ({"month": 7, "day": 1}, date(2024, 7, 1)),
        ({"offset_days": 28}, date(2024, 7, 29)),
        ({"after": "autumn_grades"}, date(2024, 12, 21)),
        ({"after": "spring_grades"}, date(2025, 6, 16)),
    ],
)
def test_a_calendar_point_is_the_first_such_day_of_the_cohort(settings, expected):
    point = CalendarPoint(name="point", **settings)
    assert point.date_after(date(2024, 7, 1), SchoolCalendar()) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"month": 11},
        {"month": 11, "day": 31},
        {"month": 2, "day": 29},
        {"month": 11, "day": 1, "offset_days": 3},
        {"offset_days": -1},
        {"after": "spring_grades", "offset_days": 3},
        {"after": "easter"},
    ],
)
def test_a_calendar_point_that_names_no_single_day_is_refused(settings):
    with pytest.raises(ValidationError):
        CalendarPoint(name="point", **settings)


@pytest.mark.parametrize("settings", [{"kind": "ever", "days": 3}, {}, {"days": 0}])
def test_a_window_needs_days_for_a_lookback_and_only_then(settings):
    with pytest.raises(ValidationError):
        Window(**settings)


def test_an_interval_cannot_end_before_it_starts():
    with pytest.raises(ValueError, match="before `start`"):
        Interval(date(2024, 1, 2), date(2024, 1, 1))
