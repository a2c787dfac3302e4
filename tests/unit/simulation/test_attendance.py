from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

ABSENCE = ["valid_absence_minutes", "invalid_absence_minutes"]


@pytest.fixture(scope="module")
def rows(attended) -> pd.DataFrame:
    table = attended.read("attendance").copy()
    days = table["date"]
    truth = attended.truth.drop_duplicates("person_id").set_index("person_id")
    cohort = table["person_id"].map(truth["cohort"])
    ends = days.dt.year + (days.dt.month >= 7)
    table["grade"] = 9 - (cohort - ends)
    table["away"] = table[ABSENCE].sum(axis=1)
    return table


def absence_share(rows: pd.DataFrame) -> pd.Series:
    sums = rows[rows["is_reported"]].groupby("person_id")[["away", "offered_minutes"]].sum()
    return sums["away"] / sums["offered_minutes"]


def test_only_the_grades_asked_for_are_there(rows):
    assert set(rows["grade"]) == {8, 9, 10}  # 10 is the first year of upper secondary


def test_one_row_per_pupil_and_school_day(rows):
    assert not rows.duplicated(["person_id", "date"]).any()
    per_year = rows.groupby(["person_id", "grade"]).size()
    assert per_year.median() == pytest.approx(178, abs=4)


def test_15_to_23_percent_are_away_at_least_15_percent_in_year_9(rows):
    share = absence_share(rows[rows["grade"] == 9])
    assert 0.15 <= (share >= 0.15).mean() <= 0.23


def test_minutes_add_up_where_reported_and_are_missing_elsewhere(rows):
    reported = rows[rows["is_reported"]]
    parts = reported[["attended_minutes", *ABSENCE, "other_minutes"]].sum(axis=1)
    assert (parts == reported["offered_minutes"]).all()
    assert (reported[["attended_minutes", *ABSENCE, "other_minutes"]] >= 0).all(axis=None)
    silent = rows[~rows["is_reported"]]
    assert silent[["attended_minutes", *ABSENCE, "other_minutes"]].isna().all(axis=None)
    assert len(silent) / len(rows) == pytest.approx(0.03, abs=0.012)


def test_schools_differ_in_what_they_report(rows, attended):
    school = attended.truth.query("outcome == 'eligible_vocational'").set_index("person_id")
    compulsory = rows[rows["grade"] <= 9]
    unit = compulsory["person_id"].map(school["school_unit"])
    shares = 1 - compulsory.groupby(unit)["is_reported"].mean()
    assert shares.max() > 2 * shares.median() > 0


def test_some_rows_become_known_later(rows):
    late = rows["known_date"].notna()
    assert late.mean() == pytest.approx(0.01, abs=0.002)
    delay = rows["known_date"][late] - rows["date"][late]
    assert delay.min() >= pd.Timedelta(days=1)
    assert delay.max() <= pd.Timedelta(days=14)


def test_absence_lasts_from_day_to_day_and_year_to_year(rows):
    reported = rows[rows["is_reported"] & (rows["grade"] == 9)].copy()
    reported["full"] = reported["away"] == reported["offered_minutes"]
    before = reported.groupby("person_id")["full"].shift(1)
    following = reported[before.notna()]
    was_away = before[before.notna()].astype(bool)
    after_away = following.loc[was_away, "full"].mean()
    assert after_away > 5 * following["full"].mean()
    one = absence_share(rows[rows["grade"] == 8])
    other = absence_share(rows[rows["grade"] == 9])
    assert one.corr(other) > 0.5


def test_absence_rises_for_those_heading_out(rows, attended):
    truth = attended.truth.query("outcome == 'eligible_vocational'").set_index("person_id")
    rise = absence_share(rows[rows["grade"] == 9]) - absence_share(rows[rows["grade"] == 8])
    out = truth["true_risk"].reindex(rise.index) > 0.5
    assert rise[out].mean() > rise[~out].mean() + 0.01
    assert rise.corr(truth["disengagement"].reindex(rise.index)) > 0.2


def test_absence_without_leave_is_a_sign_of_disengagement(rows, attended):
    truth = attended.truth.query("outcome == 'eligible_vocational'").set_index("person_id")
    invalid = rows.groupby("person_id")["invalid_absence_minutes"].sum()
    assert invalid.corr(truth["disengagement"].reindex(invalid.index), method="spearman") > 0.3


def test_no_attendance_after_leaving(rows, attended):
    last = attended.read("enrolments").groupby("person_id")["end_date"].max()
    assert (rows["date"] < rows["person_id"].map(last)).all()


@pytest.mark.usefixtures("small_sample")
def test_lessons_tell_the_same_story_as_days(simulate, tmp_path):
    common = {"n_pupils": 300, "attendance_grades": (9,)}
    days = simulate(tmp_path / "day", granularity="day", **common).read("attendance")
    lessons = simulate(tmp_path / "lesson", granularity="lesson", **common).read("attendance")
    assert len(lessons) == pytest.approx(5 * len(days), rel=0.001)
    assert lessons["offered_minutes"].sum() == pytest.approx(
        days["offered_minutes"].sum(), rel=0.001
    )
    for column in ABSENCE:
        per_day = days[column].sum() / days["offered_minutes"][days["is_reported"]].sum()
        per_lesson = (
            lessons[column].sum() / lessons["offered_minutes"][lessons["is_reported"]].sum()
        )
        assert per_lesson == pytest.approx(per_day, rel=0.05)
    full = days[days["is_reported"] & (days["attended_minutes"] == 0)]
    sums = lessons.groupby(["person_id", "date"])["attended_minutes"].sum()
    assert np.all(sums.reindex(pd.MultiIndex.from_frame(full[["person_id", "date"]])).dropna() == 0)
