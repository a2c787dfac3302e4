"""Prediction points at any grade level, on small made tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from riskmodel.cohort.build import CohortResult, build_cohort
from riskmodel.cohort.specs import (
    CohortPeriod,
    CohortSpec,
    OutcomeSpec,
    PopulationSpec,
    PredictionPoint,
    SchoolYearRange,
    TemporalSplit,
)
from riskmodel.core.windows import Horizon, SchoolCalendar
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError, LeakageError

ENROLMENTS = pa.schema(
    {
        "subject_id": pa.string(),
        "school_unit": pa.string(),
        "school_class": pa.string(),
        "school_type": pa.string(),
        "school_year": pa.int64(),
        "start_date": pa.date32(),
        "end_date": pa.date32(),
    }
)
OUTCOMES = pa.schema(
    {
        "subject_id": pa.string(),
        "outcome": pa.string(),
        "date": pa.date32(),
        "value": pa.float64(),
        "status": pa.string(),
    }
)

Row = dict[str, Any]
Build = Callable[..., CohortResult]


def year(subject: str, autumn: int, level: int, **changes: Any) -> Row:
    """Return the enrolment of one school year at one grade level with some fields changed."""
    row = {
        "subject_id": subject,
        "school_unit": "A",
        "school_class": None,
        "school_type": "GR",
        "school_year": level,
        "start_date": date(autumn, 8, 15),
        "end_date": date(autumn + 1, 7, 1),
    }
    return row | changes


def schooling(subject: str, final: int, levels: tuple[int, ...] = (3, 6, 7, 8, 9)) -> list[Row]:
    """Return the enrolments of a pupil whose final year starts in an autumn."""
    return [year(subject, final - 9 + level, level) for level in levels]


def outcome(subject: str, value: float | None, day: date, **changes: Any) -> Row:
    """Return an eligibility outcome with some fields changed."""
    row = {
        "subject_id": subject,
        "outcome": "eligible_vocational",
        "date": day,
        "value": value,
        "status": "observed",
    }
    return row | changes


@pytest.fixture(scope="module")
def build() -> Iterator[Build]:
    with open_engine(EngineSpec(threads=1)) as engine:

        def run(spec: CohortSpec, enrolments: list[Row], outcomes: list[Row]) -> CohortResult:
            tables = {
                name: engine.register(pa.Table.from_pylist(rows, schema=schema), name)
                for name, rows, schema in (
                    ("enrolments", enrolments, ENROLMENTS),
                    ("outcomes", outcomes, OUTCOMES),
                )
            }
            return build_cohort(tables, spec, calendar=SchoolCalendar())

        yield run


STAGES = (
    PredictionPoint(name="year_3", grade_level=3, after="spring_grades"),
    PredictionPoint(name="year_6", grade_level=6, month=11, day=1),
    PredictionPoint(name="year_8", grade_level=8, after="autumn_grades"),
    PredictionPoint(name="year_9", grade_level=9, month=11, day=1),
)


def make_spec(**changes: Any) -> CohortSpec:
    fields: dict[str, Any] = {
        "population": PopulationSpec(where={"school_type": ("GR",)}, grade_level=9),
        "cohorts": SchoolYearRange(first_year=2015, last_year=2024),
        "prediction_points": STAGES,
        "outcome": OutcomeSpec(name="eligible_vocational", horizon=Horizon(months=12)),
        "split": TemporalSplit(train=("2015/16",), test=("2024/25",)),
    }
    return CohortSpec(**(fields | changes))


def rows_of(result: CohortResult, subject: str) -> list[tuple[str, str, str]]:
    """Return one pupil's dates, points and cohorts."""
    rows = result.labels[result.labels["subject_id"] == subject]
    columns = ("prediction_date", "point", "cohort")
    return [tuple(str(row[name]) for name in columns) for _, row in rows.iterrows()]


def june(year: int) -> date:
    return date(year, 6, 13)


def test_one_pupil_is_predicted_for_at_every_stage_with_the_same_outcome(build: Build) -> None:
    result = build(make_spec(), schooling("p1", 2024), [outcome("p1", 0, june(2025))])
    assert rows_of(result, "p1") == [
        ("2019-06-16", "year_3", "2024/25"),
        ("2021-11-01", "year_6", "2024/25"),
        ("2023-12-21", "year_8", "2024/25"),
        ("2024-11-01", "year_9", "2024/25"),
    ]
    assert result.labels["label"].tolist() == [1, 1, 1, 1]
    assert set(result.labels["outcome_known_date"]) == {june(2025)}


def test_two_grade_levels_may_share_a_day(build: Build) -> None:
    enrolments = schooling("old", 2021) + schooling("young", 2024)
    labels = build(make_spec(), enrolments, []).labels
    shared = labels[labels["prediction_date"] == date(2021, 11, 1)].set_index("subject_id")
    assert shared.loc["old", ["point", "cohort"]].tolist() == ["year_9", "2021/22"]
    assert shared.loc["young", ["point", "cohort"]].tolist() == ["year_6", "2024/25"]
    assert not labels.duplicated(["subject_id", "prediction_date"]).any()


def test_a_pupil_is_in_the_grade_level_begun_last(build: Build) -> None:
    """An enrolment that nobody ended puts no pupil back into an earlier year."""
    never_ended = year("p1", 2018, 6, end_date=None)
    without_level = year("p1", 2021, 9, school_year=None, start_date=date(2021, 9, 1))
    enrolments = [never_ended, year("p1", 2019, 7), year("p1", 2021, 9), without_level]
    result = build(make_spec(prediction_points=(STAGES[1], STAGES[3])), enrolments, [])
    assert rows_of(result, "p1") == [
        ("2018-11-01", "year_6", "2021/22"),
        ("2020-11-01", "year_6", "2023/24"),
        ("2021-11-01", "year_9", "2021/22"),
    ]


def test_a_pupil_who_repeats_a_year_moves_to_the_next_cohort(build: Build) -> None:
    """The first cohort's outcome stays unknown, unless the horizon reaches a year further."""
    enrolments = [
        *(year("p1", autumn, 6) for autumn in (2020, 2021)),
        year("p1", 2024, 9),
        *schooling("other", 2024),
    ]
    outcomes = [outcome("p1", 1, june(2025))]
    result = build(make_spec(), enrolments, outcomes)
    assert rows_of(result, "p1") == [
        ("2020-11-01", "year_6", "2023/24"),
        ("2021-11-01", "year_6", "2024/25"),
        ("2024-11-01", "year_9", "2024/25"),
    ]
    mine = result.labels[result.labels["subject_id"] == "p1"]
    assert mine["status"].tolist() == ["unknown", "observed", "observed"]
    longer = OutcomeSpec(name="eligible_vocational", horizon=Horizon(months=24))
    labels = build(make_spec(outcome=longer), enrolments, outcomes).labels
    assert labels.loc[labels["subject_id"] == "p1", "label"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("day", "value", "status", "expected"),
    [
        (date(2022, 3, 1), None, "moved", "moved"),
        (date(2022, 3, 1), None, "deceased", "deceased"),
        (date(2021, 10, 31), None, "moved", "unknown"),
        (date(2024, 6, 13), 1.0, "observed", "unknown"),
        (date(2024, 7, 1), 1.0, "observed", "observed"),
        (date(2025, 6, 30), 1.0, "observed", "observed"),
        (date(2025, 7, 1), 1.0, "observed", "unknown"),
    ],
)
def test_an_early_point_waits_for_the_final_year(
    build: Build, day: date, value: float | None, status: str, expected: str
) -> None:
    spec = make_spec(prediction_points=STAGES[1:2])
    rows = [outcome("p1", value, day, status=status)]
    labels = build(spec, [year("p1", 2021, 6)], rows).labels
    assert labels["status"].tolist() == [expected]


def test_the_first_and_second_year_of_upper_secondary_and_the_year_before(build: Build) -> None:
    spec = make_spec(
        population=PopulationSpec(where={"school_type": ("GY",)}, grade_level=1),
        cohorts=SchoolYearRange(first_year=2018, last_year=2020),
        prediction_points=(
            PredictionPoint(
                name="year_9",
                years_before=1,
                where={"school_type": ("GR",), "school_year": (9,)},
                month=11,
                day=1,
            ),
            PredictionPoint(name="first", after="autumn_grades"),
            PredictionPoint(name="second", grade_level=2, month=11, day=1),
        ),
        outcome=OutcomeSpec(name="diploma", horizon=Horizon(months=48, counted_from="cohort")),
        split=TemporalSplit(train=("2018/19",), test=("2020/21",)),
    )
    enrolments = [
        year("p1", 2019, 9),
        year("p1", 2020, 1, school_type="GY"),
        year("p1", 2021, 2, school_type="GY"),
        year("p2", 2020, 1),
    ]
    done = outcome("p1", 1, date(2024, 6, 10), outcome="diploma")
    result = build(spec, enrolments, [done])
    assert rows_of(result, "p1") == [
        ("2019-11-01", "year_9", "2020/21"),
        ("2020-12-21", "first", "2020/21"),
        ("2021-11-01", "second", "2020/21"),
    ]
    assert rows_of(result, "p2") == []
    assert result.labels["label"].tolist() == [0, 0, 0]


def test_ten_years_of_compulsory_school_move_the_grade_levels_and_not_the_points() -> None:
    """From 2028 the final year is 10, and what was year 6 is year 7."""
    spec = make_spec(
        population=PopulationSpec(grade_level={2016: 9, 2028: 10}),
        cohorts=SchoolYearRange(first_year=2027, last_year=2031),
        prediction_points=(
            PredictionPoint(name="early", years_before=3, month=11, day=1),
            PredictionPoint(name="final", month=11, day=1),
        ),
        split=TemporalSplit(train=("2027/28",), test=("2031/32",)),
    )
    levels = {
        (item.point, item.date.year): item.where["school_year"]
        for item in spec.prediction_dates(SchoolCalendar())
    }
    assert levels == {
        ("early", 2024): (6,), ("final", 2027): (9,),
        ("early", 2025): (6,), ("final", 2028): (10,),
        ("early", 2026): (6,), ("final", 2029): (10,),
        ("early", 2027): (6,), ("final", 2030): (10,),
        ("early", 2028): (7,), ("final", 2031): (10,),
    }  # fmt: skip


def test_named_cohorts_have_earlier_years_too(build: Build) -> None:
    spec = make_spec(
        population=PopulationSpec(grade_level=9),
        cohorts=(CohortPeriod(name="spring", start=date(2024, 2, 1)),),
        prediction_points=(PredictionPoint(name="day_28", years_before=2, offset_days=28),),
        split={"kind": "cross_fitted"},
    )
    result = build(spec, [year("p1", 2021, 7)], [])
    assert rows_of(result, "p1") == [("2022-03-01", "day_28", "spring")]


def test_a_class_is_named_with_its_school_and_may_be_absent(build: Build) -> None:
    enrolments = [
        year("p1", 2024, 9, school_class="9A"),
        year("p2", 2024, 9, school_class="9A", school_unit="B"),
        year("p3", 2024, 9),
    ]
    labels = build(make_spec(prediction_points=STAGES[3:]), enrolments, []).labels
    assert labels["school_class"].isna().tolist() == [False, False, True]
    assert labels["school_class"].tolist()[:2] == ["A / 9A", "B / 9A"]


def cohorts_with_outcomes(first: int, last: int) -> tuple[list[Row], list[Row]]:
    """Return one eligible and one other pupil of every cohort."""
    enrolments, outcomes = [], []
    for final in range(first, last + 1):
        for value in (0, 1):
            enrolments += schooling(f"{final}-{value}", final)
            outcomes.append(outcome(f"{final}-{value}", value, june(final + 1)))
    return enrolments, outcomes


ALL_TRAIN = tuple(f"{year}/{(year + 1) % 100:02d}" for year in range(2015, 2024))


def test_cohorts_not_known_in_time_leave_training_at_that_point_and_are_named(build: Build) -> None:
    spec = make_spec(
        prediction_points=STAGES[1:], split=TemporalSplit(train=ALL_TRAIN, test=("2024/25",))
    )
    result = build(spec, *cohorts_with_outcomes(2015, 2024))
    labels = result.labels
    trained = labels[labels["split"] == "train"].groupby("point")["cohort"].agg(set).to_dict()
    assert trained == {
        "year_6": {f"{year}/{year - 1999}" for year in range(2015, 2021)},
        "year_8": {f"{year}/{year - 1999}" for year in range(2015, 2023)},
        "year_9": {f"{year}/{year - 1999}" for year in range(2015, 2024)},
    }
    assert [(item.point, item.cohort, item.count) for item in result.left_out] == [
        ("year_6", "2021/22", 2),
        ("year_6", "2022/23", 2),
        ("year_6", "2023/24", 2),
        ("year_8", "2023/24", 2),
    ]
    assert {item.first_test_date for item in result.left_out} == {
        date(2021, 11, 1),
        date(2023, 12, 21),
    }
    assert set(labels.loc[labels["cohort"] == "2024/25", "split"]) == {"test"}


def test_nothing_left_to_train_on_is_refused_for_all_points_at_once(build: Build) -> None:
    spec = make_spec(
        prediction_points=STAGES[1:],
        split=TemporalSplit(train=("2023/24",), test=("2024/25",)),
    )
    with pytest.raises(LeakageError, match="2 without: year_6, year_8") as caught:
        build(spec, *cohorts_with_outcomes(2015, 2024))
    assert [text[:29] for text in caught.value.findings] == [
        "point year_6, cohort 2023/24:",
        "point year_8, cohort 2023/24:",
    ]


def test_a_split_of_its_own_holds_at_its_point_alone_and_is_taken_at_its_word(
    build: Build,
) -> None:
    tables = cohorts_with_outcomes(2015, 2024)
    own = TemporalSplit(train=("2016/17",), test=("2023/24", "2024/25"))
    points = (STAGES[1].model_copy(update={"split": own}), STAGES[3])
    split = TemporalSplit(train=ALL_TRAIN, test=("2024/25",))
    labels = build(make_spec(prediction_points=points, split=split), *tables).labels
    early = labels[labels["point"] == "year_6"]
    assert set(early.loc[early["split"] == "train", "cohort"]) == {"2016/17"}
    assert set(early.loc[early["split"] == "test", "cohort"]) == {"2023/24", "2024/25"}
    late = TemporalSplit(train=("2016/17", "2022/23"), test=("2024/25",))
    points = (STAGES[1].model_copy(update={"split": late}), STAGES[3])
    with pytest.raises(LeakageError, match="point year_6, cohort 2022/23") as caught:
        build(make_spec(prediction_points=points, split=split), *tables)
    assert len(caught.value.findings) == 1


def test_points_without_anybody_are_told_together(build: Build) -> None:
    points = (STAGES[3], STAGES[0], PredictionPoint(name="year_5", grade_level=5, month=11, day=1))
    with pytest.raises(ConfigurationError) as caught:
        build(make_spec(prediction_points=points), [year("p1", 2024, 9)], [])
    assert [text.split(":")[0] for text in caught.value.findings] == [
        "prediction_points.year_3",
        "prediction_points.year_5",
    ]
    assert "school_year 5" in caught.value.findings[1]
    assert "2011-11-01 (cohort 2015/16) to 2020-11-01 (cohort 2024/25)" in caught.value.findings[1]


def test_a_point_after_the_outcome_is_refused(build: Build) -> None:
    spec = make_spec(
        prediction_points=(PredictionPoint(name="summer", after="spring_grades"), STAGES[3])
    )
    with pytest.raises(ConfigurationError, match=r"prediction_points.summer: lies after the outc"):
        build(spec, *cohorts_with_outcomes(2020, 2024))


def test_a_point_after_the_window_is_refused_before_any_table_is_read(build: Build) -> None:
    spec = make_spec(
        prediction_points=(STAGES[3], PredictionPoint(name="late", offset_days=400)),
        outcome=OutcomeSpec(
            name="eligible_vocational", horizon=Horizon(months=12, counted_from="cohort")
        ),
    )
    with pytest.raises(ConfigurationError) as caught:
        build(spec, [], [])
    assert len(caught.value.findings) == 1
    assert caught.value.findings[0].startswith("prediction_points.late: lies after the outcome")


def test_only_points_for_the_same_enrolments_may_not_share_a_day(build: Build) -> None:
    points = (
        STAGES[1],
        PredictionPoint(name="autumn", grade_level=6, offset_days=123),
        PredictionPoint(
            name="other", years_before=3, month=11, day=1, where={"school_type": ("GY",)}
        ),
    )
    with pytest.raises(ConfigurationError, match="must fall on different days") as caught:
        build(make_spec(prediction_points=points), schooling("p1", 2024), [])
    assert len(caught.value.findings) == 1
    assert caught.value.findings[0].startswith(
        "prediction_points.autumn: falls on the same day as year_6"
    )


def test_earlier_years_without_conditions_of_their_own_are_ambiguous() -> None:
    """Without a grade level the pupils of two cohorts cannot be told apart."""
    from riskmodel.cohort.dates import find_date_errors

    spec = make_spec(
        population=PopulationSpec(),
        prediction_points=(
            PredictionPoint(name="early", years_before=1, month=11, day=1),
            PredictionPoint(name="final", month=11, day=1),
        ),
    )
    findings = find_date_errors(spec, SchoolCalendar())
    assert len(findings) == 1
    assert "and 8 more" in findings[0]


def test_row_order_changes_nothing(build: Build) -> None:
    enrolments, outcomes = cohorts_with_outcomes(2015, 2024)
    enrolments += [year("p1", 2018, 6, end_date=None), year("p1", 2021, 9, school_unit="B")]
    enrolments += [year("p1", 2021, 9, school_class=name) for name in ("9B", "9A", None)]
    spec = make_spec(split=TemporalSplit(train=ALL_TRAIN, test=("2024/25",)))
    spec = spec.model_copy(update={"prediction_points": STAGES[1:]})
    expected = build(spec, enrolments, outcomes)
    again = build(spec, enrolments[::-1], outcomes[::-1])
    pd.testing.assert_frame_equal(again.labels, expected.labels)
    assert again.left_out == expected.left_out
