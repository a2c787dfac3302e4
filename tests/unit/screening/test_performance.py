import numpy as np
import pandas as pd
import pytest

from riskmodel.errors import UsageError
from riskmodel.screening.performance import measure_list
from riskmodel.screening.specs import ScreeningSpec


@pytest.fixture
def predictions():
    """Two dates of 12 schools with 20 pupils; of each school the 5 first, half of them right."""
    parts = []
    for date, cohort in (("2023-11-01", "2023/24"), ("2024-11-01", "2024/25")):
        for school in range(12):
            parts.append(pd.DataFrame({
                "subject_id": [f"{cohort}-{school}-{n}" for n in range(20)],
                "school_unit": f"School {school}",
                "prediction_date": date,
                "cohort": cohort,
                "point": "november",
                "risk": np.linspace(0.9, 0.1, 20),
                "label": [1.0, 1.0, 0.0, 0.0, np.nan] + [0.0] * 12 + [1.0] * 3,
            }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_the_rule_is_applied_at_each_date_by_itself(predictions):
    found = measure_list(predictions, ScreeningSpec(capacity_per_school=5))
    assert found.precision["value"] == pytest.approx(2 / 4)  # the unknown one takes a place
    assert found.recall["value"] == pytest.approx(2 / 5)
    assert found.n == 2 * 12 * 19
    assert found.cohorts == ("2023/24", "2024/25")
    assert found.to_dict()["capacity"] == 5
    assert found.to_dict()["unit"] == "school"


def test_intervals_hold_the_share(predictions):
    generator = np.random.default_rng(1)
    predictions["label"] = (generator.random(len(predictions)) < predictions["risk"]).astype(float)
    found = measure_list(predictions, ScreeningSpec(capacity_per_school=5))
    for measure in (found.precision, found.recall):
        assert measure["lower"] < measure["value"] < measure["upper"]


def test_the_lists_own_cohort_does_not_choose_the_rows(predictions):
    spec = ScreeningSpec(capacity_per_school=5, cohort="2026/27", point="november")
    assert measure_list(predictions, spec).n == 2 * 12 * 19


def test_another_point_has_nothing_to_measure(predictions):
    found = measure_list(predictions, ScreeningSpec(point="february"))
    assert found.precision == {"value": None, "reason": "nobody_listed"}
    assert found.recall == {"value": None, "reason": "no_positives"}
    assert found.n == 0


def test_small_counts_are_not_given_away(predictions):
    one_school = predictions[predictions["school_unit"] == "School 0"]
    found = measure_list(one_school, ScreeningSpec(capacity_per_school=5))
    assert found.precision == found.recall == {"value": None, "reason": "suppressed"}


def test_a_missing_label_column_is_named(predictions):
    with pytest.raises(UsageError, match="`label` is missing"):
        measure_list(predictions.drop(columns="label"), ScreeningSpec())
