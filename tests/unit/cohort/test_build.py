from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from riskmodel.cohort.build import LABEL_COLUMNS, CohortResult, build_cohort
from riskmodel.cohort.specs import (
    CohortPeriod,
    CohortSpec,
    CrossFittedSplit,
    OutcomeSpec,
    PopulationSpec,
    PredictionPoint,
    SchoolYearRange,
    TemporalSplit,
)
from riskmodel.core.windows import Horizon, SchoolCalendar
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError, DataContractError, UsageError

ENROLMENTS = pa.schema(
    {
        "subject_id": pa.string(),
        "school_unit": pa.string(),
        "school_type": pa.string(),
        "school_year": pa.int64(),
        "start_date": pa.date32(),
        "end_date": pa.date32(),
        "cancelled": pa.bool_(),
        "known_date": pa.date32(),
    }
)
OUTCOMES = pa.schema(
    {
        "subject_id": pa.string(),
        "outcome": pa.string(),
        "date": pa.date32(),
        "value": pa.float64(),
        "status": pa.string(),
        "known_date": pa.date32(),
    }
)


def enrolment(subject: str, **changes: Any) -> dict[str, Any]:
    """Return a year-9 enrolment of the school year 2024/25 with some fields changed."""
    row = {
        "subject_id": subject,
        "school_unit": "A",
        "school_type": "GR",
        "school_year": 9,
        "start_date": date(2024, 8, 15),
        "end_date": None,
        "cancelled": None,
        "known_date": None,
    }
    return row | changes


def outcome(subject: str, value: float | None, **changes: Any) -> dict[str, Any]:
    """Return an eligibility outcome in June 2025 with some fields changed."""
    row = {
        "subject_id": subject,
        "outcome": "eligible_vocational",
        "date": date(2025, 6, 13),
        "value": value,
        "status": "observed",
        "known_date": None,
    }
    return row | changes


MakeTables = Callable[[list[dict[str, Any]], list[dict[str, Any]]], dict[str, Any]]


@pytest.fixture(scope="session")
def make_tables() -> Iterator[MakeTables]:
    with open_engine(EngineSpec(threads=1)) as engine:

        def make(
            enrolments: list[dict[str, Any]], outcomes: list[dict[str, Any]]
        ) -> dict[str, Any]:
            return {
                "enrolments": engine.register(
                    pa.Table.from_pylist(enrolments, schema=ENROLMENTS), "enrolments"
                ),
                "outcomes": engine.register(
                    pa.Table.from_pylist(outcomes, schema=OUTCOMES), "outcomes"
                ),
            }

        yield make


def shuffle(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Return the rows in another order."""
    return [rows[i] for i in pd.Series(range(len(rows))).sample(frac=1, random_state=seed)]


COMPULSORY = CohortSpec(
    population=PopulationSpec(where={"school_type": ("GR",), "school_year": (9,)}),
    cohorts=SchoolYearRange(first_year=2023, last_year=2024),
    prediction_points=(
        PredictionPoint(name="november", month=11, day=1),
        PredictionPoint(name="february", month=2, day=1),
    ),
    outcome=OutcomeSpec(name="eligible_vocational", horizon=Horizon(months=12)),
    split=TemporalSplit(train=("2023/24",), test=("2024/25",)),
)


def build(tables: dict[str, Any], spec: CohortSpec = COMPULSORY) -> CohortResult:
    return build_cohort(tables, spec, calendar=SchoolCalendar())


def november(result: CohortResult) -> pd.DataFrame:
    labels = result.labels
    return labels[labels["prediction_date"] == date(2024, 11, 1)].set_index("subject_id")


def test_one_row_per_pupil_and_prediction_date(make_tables: MakeTables) -> None:
    result = build(make_tables([enrolment("p2"), enrolment("p1")], [outcome("p1", 1)]))
    assert tuple(result.labels.columns) == LABEL_COLUMNS
    assert result.labels["subject_id"].tolist() == ["p1", "p2", "p1", "p2"]
    assert result.labels["point"].tolist() == ["november"] * 2 + ["february"] * 2
    assert set(result.labels["split"]) == {"test"}
    assert result.labels["label"].dtype == "float64"


POPULATION_CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("plain", {}, True),
    ("another school year", {"school_year": 8}, False),
    ("another school type", {"school_type": "GRS"}, False),
    ("starts on the day", {"start_date": date(2024, 11, 1)}, True),
    ("starts the day after", {"start_date": date(2024, 11, 2)}, False),
    ("ends the day after", {"end_date": date(2024, 11, 2)}, True),
    ("ends on the day", {"end_date": date(2024, 11, 1)}, False),
    ("known the day before", {"known_date": date(2024, 10, 31)}, True),
    ("known on the day", {"known_date": date(2024, 11, 1)}, False),
    ("never came about", {"cancelled": True}, False),
    ("left early later", {"cancelled": True, "end_date": date(2025, 3, 1)}, True),
]


@pytest.fixture(scope="module")
def population(make_tables: MakeTables) -> set[str]:
    rows = [enrolment(name, **changes) for name, changes, _ in POPULATION_CASES]
    return set(november(build(make_tables(rows, []))).index)


@pytest.mark.parametrize(("name", "is_in"), [(case[0], case[2]) for case in POPULATION_CASES])
def test_who_is_in_the_population(population: set[str], name: str, is_in: bool) -> None:
    assert (name in population) is is_in


def test_a_pupil_who_leaves_later_stays_in_the_cohort(make_tables: MakeTables) -> None:
    """The mark of a cancelled enrolment is from the future and must not select."""
    left = enrolment("p1", cancelled=True, end_date=date(2024, 12, 1))
    result = build(make_tables([left, enrolment("p2")], [outcome("p1", 0)]))
    assert november(result).loc["p1", "label"] == 1
    assert result.labels.groupby("point")["subject_id"].count().to_dict() == {
        "november": 2,
        "february": 1,
    }


def test_the_latest_start_gives_the_school_then_the_alphabet(make_tables: MakeTables) -> None:
    rows = [
        enrolment("p1", school_unit="A", start_date=date(2024, 8, 1)),
        enrolment("p1", school_unit="C"),
        enrolment("p1", school_unit="B"),
        enrolment("p1", school_unit="D", start_date=date(2024, 10, 1), cancelled=True),
    ]
    for seed in range(3):
        assert november(build(make_tables(shuffle(rows, seed), [])))["school_unit"].tolist() == [
            "B"
        ]


OutcomeCase = tuple[list[tuple[float | None, dict[str, Any]]], float | None, str, date | None]
OUTCOME_CASES: list[OutcomeCase] = [
    ([(1.0, {})], 0, "observed", date(2025, 6, 13)),
    ([(0.0, {})], 1, "observed", date(2025, 6, 13)),
    ([(0.0, {}), (1.0, {"date": date(2025, 8, 1)})], 0, "observed", date(2025, 8, 1)),
    ([(0.0, {}), (0.0, {"date": date(2025, 8, 1)})], 1, "observed", date(2025, 8, 1)),
    ([(0.0, {"known_date": date(2025, 7, 1)})], 1, "observed", date(2025, 7, 1)),
    ([(0.0, {"date": date(2025, 11, 1)})], None, "unknown", None),
    ([(0.0, {"date": date(2024, 10, 31)})], None, "unknown", None),
    ([(0.0, {"date": date(2024, 11, 1)})], 1, "observed", date(2024, 11, 1)),
    ([(0.0, {"outcome": "diploma"})], None, "unknown", None),
    ([(None, {})], None, "unknown", None),
    ([(None, {"status": "moved"})], None, "moved", None),
    ([(None, {"status": "deceased"})], None, "deceased", None),
    ([(None, {"status": "censored"})], None, "censored", None),
    ([(None, {"status": "moved"}), (None, {"status": "deceased"})], None, "deceased", None),
    ([(None, {"status": "moved"}), (1.0, {})], 0, "observed", date(2025, 6, 13)),
    ([(1.0, {"status": "censored"})], None, "censored", None),
    ([], None, "unknown", None),
]


@pytest.fixture(scope="module")
def labelled(make_tables: MakeTables) -> pd.DataFrame:
    outcomes = [
        outcome(f"p{number}", value, **changes)
        for number, case in enumerate(OUTCOME_CASES)
        for value, changes in case[0]
    ]
    enrolments = [enrolment(f"p{number}") for number in range(len(OUTCOME_CASES))]
    return november(build(make_tables(enrolments, outcomes)))


@pytest.mark.parametrize("number", range(len(OUTCOME_CASES)))
def test_how_outcomes_become_labels(labelled: pd.DataFrame, number: int) -> None:
    _, label, status, known = OUTCOME_CASES[number]
    row = labelled.loc[f"p{number}"]
    assert row["status"] == status
    assert pd.isna(row["label"]) if label is None else row["label"] == label
    if known is None:
        assert pd.isna(row["outcome_known_date"])
    else:
        assert row["outcome_known_date"] == known


def test_upper_secondary_counts_four_years_from_the_point(make_tables: MakeTables) -> None:
    spec = CohortSpec(
        population=PopulationSpec(where={"school_type": ("GY",), "school_year": (1,)}),
        cohorts=SchoolYearRange(first_year=2024, last_year=2024),
        prediction_points=COMPULSORY.prediction_points[:1],
        outcome=OutcomeSpec(name="diploma", horizon=Horizon(months=48)),
        split=CrossFittedSplit(),
    )
    first_year = {"school_type": "GY", "school_year": 1}
    outcomes = [
        outcome("p1", 1, outcome="diploma", date=date(2027, 6, 10)),
        outcome("p2", 0, outcome="diploma", date=date(2028, 6, 30)),
        outcome("p3", 1, outcome="diploma", date=date(2028, 11, 1)),
    ]
    subjects = ["p1", "p2", "p3", "p4"]
    tables = make_tables([enrolment(name, **first_year) for name in subjects], outcomes)
    labels = build(tables, spec).labels
    assert labels["label"].tolist()[:2] == [0, 1]
    assert labels["status"].tolist() == ["observed", "observed", "unknown", "unknown"]
    assert set(labels["split"]) == {"train"}


def test_cohorts_side_by_side_are_told_apart_by_their_own_filter(make_tables: MakeTables) -> None:
    spec = CohortSpec(
        cohorts=(
            CohortPeriod(name="2013J", start=date(2013, 10, 1), where={"school_unit": ("2013J",)}),
            CohortPeriod(name="2014B", start=date(2014, 2, 1), where={"school_unit": ("2014B",)}),
        ),
        prediction_points=(PredictionPoint(name="day_28", offset_days=28),),
        outcome=OutcomeSpec(name="passed", horizon=Horizon(months=9)),
        split=TemporalSplit(train=("2013J",), test=("2014B",)),
    )
    rows = [
        enrolment("p1", school_unit="2013J", start_date=date(2013, 9, 1)),
        enrolment("p1", school_unit="2014B", start_date=date(2014, 1, 1)),
        enrolment("p2", school_unit="2013J", start_date=date(2013, 9, 1)),
    ]
    labels = build(make_tables(rows, []), spec).labels
    assert labels[["subject_id", "cohort"]].to_numpy().tolist() == [
        ["p1", "2013J"],
        ["p2", "2013J"],
        ["p1", "2014B"],
    ]


def test_cohorts_outside_train_and_test_belong_to_neither(make_tables: MakeTables) -> None:
    spec = COMPULSORY.model_copy(
        update={
            "cohorts": SchoolYearRange(first_year=2023, last_year=2025),
            "split": TemporalSplit(train=("2023/24",), test=("2025/26",)),
        }
    )
    rows = [enrolment("p1", start_date=date(2023, 8, 15))]
    labels = build(make_tables(rows, []), spec).labels
    assert labels["split"].tolist() == ["train"] * 2 + ["none"] * 2 + ["test"] * 2


def test_the_flow_adds_up_at_every_point(make_tables: MakeTables) -> None:
    rows = [enrolment(f"p{i}") for i in range(6)] + [enrolment("p9", cancelled=True)]
    outcomes = [
        outcome("p0", 1),
        outcome("p1", 0),
        outcome("p2", None, status="moved"),
        outcome("p3", None, status="deceased"),
        outcome("p4", None, status="censored"),
    ]
    flow = build(make_tables(rows, outcomes)).flow_frame()
    assert flow[["cohort", "point"]].to_numpy().tolist() == [
        [cohort, point] for cohort in ("2023/24", "2024/25") for point in ("november", "february")
    ]
    assert (flow["enrolled"] == flow["cancelled"] + flow["eligible"]).all()
    parts = flow[["labelled", "moved", "deceased", "censored", "unknown"]].sum(axis=1)
    assert (flow["eligible"] == parts).all()
    last = flow.iloc[-1]
    assert last["enrolled"] == 7
    assert last[["labelled", "moved", "deceased", "censored", "unknown"]].tolist() == [
        2, 1, 1, 1, 1,
    ]  # fmt: skip


def test_row_order_changes_nothing(make_tables: MakeTables) -> None:
    rows = [
        enrolment(f"p{i % 7}", school_unit=chr(65 + i % 3), start_date=date(2024, 8, 1 + i % 5))
        for i in range(20)
    ]
    outcomes = [outcome(f"p{i % 7}", i % 2, date=date(2025, 6, 1 + i)) for i in range(12)]
    expected = build(make_tables(rows, outcomes)).labels
    for seed in range(3):
        again = build(make_tables(shuffle(rows, seed), shuffle(outcomes, seed))).labels
        pd.testing.assert_frame_equal(again, expected)


def test_optional_columns_may_be_absent(make_tables: MakeTables) -> None:
    tables = make_tables([enrolment("p1")], [outcome("p1", 0)])
    expected = build(tables).labels
    tables["enrolments"] = tables["enrolments"].drop("cancelled", "known_date")
    tables["outcomes"] = tables["outcomes"].drop("known_date")
    pd.testing.assert_frame_equal(build(tables).labels, expected)


def test_findings_about_columns_come_together(make_tables: MakeTables) -> None:
    tables = make_tables([enrolment("p1")], [])
    tables["enrolments"] = tables["enrolments"].drop("end_date")
    tables["outcomes"] = tables["outcomes"].drop("status")
    with pytest.raises(DataContractError) as caught:
        build(tables)
    assert len(caught.value.findings) == 2


def test_dates_and_filters_of_another_type_are_refused(make_tables: MakeTables) -> None:
    tables = make_tables([enrolment("p1")], [])
    enrolments = tables["enrolments"]
    tables["enrolments"] = enrolments.mutate(
        start_date=enrolments.start_date.cast("string"),
        school_year=enrolments.school_year.cast("string"),
    )
    with pytest.raises(DataContractError) as caught:
        build(tables)
    assert [("start_date" in text, "school_year" in text) for text in caught.value.findings] == [
        (True, False),
        (False, True),
    ]


def test_an_unknown_filter_column_gets_the_nearest_name(make_tables: MakeTables) -> None:
    spec = COMPULSORY.model_copy(update={"population": PopulationSpec(where={"schol_year": (9,)})})
    with pytest.raises(DataContractError, match="Did you mean 'school_year'"):
        build(make_tables([enrolment("p1")], []), spec)


def test_a_missing_table_is_named(make_tables: MakeTables) -> None:
    tables = make_tables([enrolment("p1")], [])
    with pytest.raises(UsageError, match="must hold 'outcomes'"):
        build({"enrolments": tables["enrolments"]})


def test_an_empty_population_is_refused(make_tables: MakeTables) -> None:
    with pytest.raises(ConfigurationError, match="`population` must match"):
        build(make_tables([enrolment("p1", school_year=7)], []))


def test_two_points_on_one_day_are_refused(make_tables: MakeTables) -> None:
    spec = COMPULSORY.model_copy(
        update={
            "prediction_points": (
                PredictionPoint(name="november", month=11, day=1),
                PredictionPoint(name="day_123", offset_days=123),
            )
        }
    )
    with pytest.raises(ConfigurationError, match="must fall on different days"):
        build(make_tables([enrolment("p1")], []), spec)
