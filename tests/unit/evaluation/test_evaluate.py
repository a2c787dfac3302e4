import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from riskmodel.errors import UsageError
from riskmodel.evaluation.evaluate import evaluate
from riskmodel.evaluation.measures import measure_model
from riskmodel.evaluation.result import METRICS
from riskmodel.evaluation.specs import EvaluationSpec

SPEC = EvaluationSpec(capacity=0.15)


@pytest.fixture(scope="module")
def predictions(pupils):
    rng = np.random.default_rng(2)
    blurred = (pupils["risk"] * np.exp(0.4 * rng.normal(size=len(pupils)))).clip(0, 0.99)
    november = [
        pupils,
        pupils.assign(model="additive", risk=blurred),
        pupils.assign(model="boosting", risk=pupils["risk"] ** 1.5),
        pupils.assign(model="base_rate", risk=0.2),
    ]
    february = pupils.assign(point="february", prediction_date=pd.Timestamp("2025-02-01"))
    return pd.concat([*november, february], ignore_index=True)


@pytest.fixture(scope="module")
def result(predictions):
    return evaluate(predictions, SPEC, chosen={"november": "logistic"})


def test_every_measure_has_a_value_within_its_interval(result, pupils):
    entry = result.find("november", "logistic")
    assert tuple(entry.metrics) == METRICS
    for name, metric in entry.metrics.items():
        assert metric.lower < metric.value < metric.upper, name
        assert "delete-one-school jackknife over 20 schools, t(19)" in metric.method
    assert entry.metrics["auc"].value == pytest.approx(
        roc_auc_score(pupils["label"], pupils["risk"])
    )


def test_the_number_needed_to_screen_is_one_over_the_precision(result):
    metrics = result.find("november", "logistic").metrics
    needed, precision = metrics["number_needed_to_screen"], metrics["precision_at_capacity"]
    assert needed.value == pytest.approx(1 / precision.value)
    assert (needed.lower, needed.upper) == pytest.approx((1 / precision.upper, 1 / precision.lower))


def test_equal_risks_have_no_slope_but_are_too_high_or_low_in_the_large(result, pupils):
    metrics = result.find("november", "base_rate").metrics
    risk, rate = 0.2, pupils["label"].mean()
    expected = np.log(rate / (1 - rate)) - np.log(risk / (1 - risk))
    assert metrics["calibration_intercept"].value == pytest.approx(expected)
    assert metrics["calibration_index"].value == pytest.approx(abs(rate - risk))


def test_risks_that_part_the_outcomes_have_no_likeliest_slope(pupils):
    """Newton's method went on to 30 and more, and called it a slope."""
    for risk in (0.2 + 0.5 * pupils["label"], 0.7 - 0.5 * pupils["label"]):
        metrics = measure_model("november", "logistic", pupils.assign(risk=risk), SPEC).metrics
        assert metrics["calibration_slope"].to_dict() == {
            "value": None,
            "reason": "not defined: the risks separate the pupils with the outcome from all others",
        }
        assert metrics["calibration_intercept"].value is not None


def test_equal_risks_have_no_calibration_line(result):
    metrics = result.find("november", "base_rate").metrics
    assert metrics["auc"].value == 0.5
    assert metrics["calibration_slope"].to_dict() == {
        "value": None,
        "reason": "not defined: all risks are equal",
    }


def test_the_dictionary_is_json_and_complete(result):
    content = result.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    point = content["points"]["november"]
    assert sorted(point["models"]) == ["additive", "base_rate", "boosting", "logistic"]
    assert point["cohorts"] == ["2024/25"]
    model = point["models"]["logistic"]
    assert (model["n"], model["n_unknown"], model["capacity_count"]) == (600, 0, 90)
    assert model["suppressed"] == []
    curve = model["calibration_curve"]
    assert sum(group["n"] for group in curve) == 600
    risks = [group["mean_risk"] for group in curve]
    assert risks == sorted(risks)


def test_the_frame_holds_the_same_figures(result):
    frame = result.to_frame()
    assert len(frame) == 5 * len(METRICS)
    row = frame.query("point == 'november' and model == 'boosting' and metric == 'brier'").iloc[0]
    assert row["value"] == result.find("november", "boosting").metrics["brier"].value


def test_what_interpretability_costs_is_a_paired_difference(result, predictions):
    comparison = result.to_dict()["points"]["november"]["comparison"]
    assert (comparison["interpretable"], comparison["yardstick"]) == ("logistic", "boosting")
    # The yardstick's risks here are in the same order, so that nothing is lost or won.
    assert comparison["auc_difference"]["value"] == 0
    assert comparison["auc_difference"]["lower"] == 0
    other = evaluate(predictions, SPEC, chosen={"november": "additive"}).comparisons
    difference = next(c for c in other if c.point == "november").auc_difference
    assert difference.lower < difference.value < difference.upper
    assert difference.value < 0


def test_a_point_without_the_yardstick_has_no_comparison(result):
    comparison = next(c for c in result.comparisons if c.point == "february")
    assert comparison.auc_difference.value is None
    assert "is not there" in comparison.auc_difference.reason


def test_models_measured_on_other_rows_are_not_compared(predictions):
    fewer = predictions.drop(predictions.query("model == 'boosting'").index[:5])
    (_, november) = evaluate(fewer, SPEC, chosen={"november": "logistic"}).comparisons
    assert "same rows" in november.auc_difference.reason


def test_the_order_of_rows_does_not_matter(predictions, result):
    shuffled = predictions.sample(frac=1, random_state=1)
    again = evaluate(shuffled, SPEC, chosen={"november": "logistic"})
    assert again.to_dict() == result.to_dict()


def test_few_schools_are_said_in_the_method(pupils):
    rows = pupils.assign(school_unit=np.nan)
    metrics = evaluate(rows, SPEC).models[0].metrics
    assert "independent pupils (fewer than 6 schools)" in metrics["auc"].method


def test_unknown_labels_are_counted(pupils):
    rows = pupils.copy()
    rows.loc[:49, "label"] = np.nan
    counts = evaluate(rows, SPEC).models[0].to_dict()
    assert (counts["n"], counts["n_unknown"], counts["capacity_count"]) == (550, 50, 90)


@pytest.mark.parametrize("label", [0.0, 1.0, np.nan])
def test_one_class_gives_reasons_and_no_number(pupils, label):
    (entry,) = evaluate(pupils.assign(label=label), SPEC).models
    assert all(metric.value is None for metric in entry.metrics.values())
    assert "not defined" in entry.metrics["auc"].reason
    assert entry.calibration_curve == ()


def test_no_small_count_is_shown(pupils):
    rows = pupils.copy()
    rows["label"] = 0.0
    rows.loc[:5, "label"] = 1.0
    rows.loc[100:102, "label"] = np.nan
    content = evaluate(rows, SPEC).models[0].to_dict()
    assert content["suppressed"] == ["capacity_count", "n_positive", "n_unknown"]
    assert content["n"] == 597
    assert {m["reason"] for m in content["metrics"].values()} == {
        "suppressed: rests on fewer than 10 pupils"
    }


def test_precision_of_few_pupils_is_not_shown(pupils):
    metrics = evaluate(pupils, EvaluationSpec(capacity=12)).models[0].metrics
    for name in ("precision_at_capacity", "recall_at_capacity", "number_needed_to_screen"):
        assert metrics[name].reason == "suppressed: rests on fewer than 10 pupils"
    shown = evaluate(pupils, EvaluationSpec(capacity=12, minimum_count=1)).models[0].metrics
    assert shown["precision_at_capacity"].value > 0


def test_every_group_of_the_curve_is_large_enough(pupils):
    (entry,) = evaluate(pupils, EvaluationSpec(capacity=0.15, curve_groups=50)).models
    assert len(entry.calibration_curve) > 2
    for group in entry.calibration_curve:
        positive = group["observed"] * group["n"]
        assert min(positive, group["n"] - positive) >= 10 - 1e-9
        assert group["lower"] < group["observed"] < group["upper"]


def test_the_curve_has_no_interval_where_one_school_makes_up_a_group(pupils):
    rows = pupils.copy()
    alone = rows["school_unit"] == "school-0003"
    rows["label"] = np.resize([1.0, 0.0], len(rows))
    rows["risk"] = np.where(alone, 0.9, rows["risk"].clip(upper=0.8))
    spec = EvaluationSpec(capacity=0.15, curve_groups=20)
    curve = measure_model("november", "logistic", rows, spec).calibration_curve
    assert curve[-1]["n"] == alone.sum()
    assert (curve[-1]["lower"], curve[-1]["upper"]) == (None, None)


def test_a_perfect_list_gets_wilson(pupils):
    perfect = pupils.assign(risk=0.1 + 0.8 * pupils["label"])
    metrics = evaluate(perfect, EvaluationSpec(capacity=40)).models[0].metrics
    precision = metrics["precision_at_capacity"]
    assert (precision.value, precision.upper) == (1, 1)
    assert 0.3 < precision.lower < 1
    assert precision.method.startswith("Wilson")
    assert metrics["number_needed_to_screen"].lower == 1
    assert metrics["auc"].value == 1
    assert metrics["auc"].lower is None


def test_a_capacity_of_nobody_is_not_defined(pupils):
    metrics = evaluate(pupils, EvaluationSpec(capacity=0.001)).models[0].metrics
    assert "reaches no pupil" in metrics["precision_at_capacity"].reason


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: rows.drop(columns="risk"), "column `risk` is missing"),
        (lambda rows: rows.assign(risk=1.2), "must be in \\[0, 1\\]"),
        (lambda rows: rows.assign(risk=np.nan), "600 rows"),
        (lambda rows: rows.assign(label=3), "must be 0, 1 or missing"),
        (lambda rows: pd.concat([rows, rows]), "repeated rows"),
        (lambda rows: rows.iloc[:0], "got none"),
    ],
)
def test_unfit_predictions_are_refused(pupils, change, text):
    with pytest.raises(UsageError, match=text):
        evaluate(change(pupils), SPEC)


def test_an_unknown_entry_is_not_found(result):
    with pytest.raises(KeyError):
        result.find("november", "rule")


@pytest.mark.parametrize("capacity", [0, -1, 0.0, 1.5, True, "ten"])
def test_a_capacity_must_be_a_share_or_a_count(capacity):
    with pytest.raises(ValidationError):
        EvaluationSpec(capacity=capacity)


@pytest.mark.parametrize(
    ("capacity", "n_rows", "expected"),
    [(0.15, 100, 15), (0.15, 106, 15), (0.29, 100, 29), (1.0, 7, 7), (50, 30, 30), (50, 80, 50)],
)
def test_a_share_is_rounded_down(capacity, n_rows, expected):
    assert EvaluationSpec(capacity=capacity).capacity_count(n_rows) == expected
