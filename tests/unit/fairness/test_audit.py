from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from riskmodel.core.files import write_json
from riskmodel.errors import UndefinedMetricError, UsageError
from riskmodel.fairness.audit import audit, audit_predictions
from riskmodel.fairness.groups import flag_pupils
from riskmodel.fairness.specs import AuditSpec


@pytest.fixture(scope="module")
def region() -> pd.DataFrame:
    """Return predictions of 6,000 pupils in 50 schools, one background missed more often."""
    rng = np.random.default_rng(1)
    size = 6000
    frame = pd.DataFrame(
        {
            "school_unit": rng.integers(0, 50, size).astype(str),
            "background": rng.choice(["svensk", "utrikes", None], size, p=[0.7, 0.25, 0.05]),
            "sex": rng.choice(["Man", "Kvinna"], size),
        }
    )
    true_risk = rng.beta(1, 4, size)
    frame["label"] = (rng.random(size) < true_risk).astype(float)
    frame["risk"] = np.where(frame["background"] == "utrikes", true_risk * 0.5, true_risk)
    frame.loc[rng.choice(size, 100, replace=False), "label"] = np.nan
    return frame


SPEC = AuditSpec(
    sensitive_features=("background", "sex"),
    intersections=(("background", "sex"),),
    capacity=0.2,
    n_resamples=199,
)


@pytest.fixture(scope="module")
def report(region: pd.DataFrame) -> dict[str, Any]:
    return audit_predictions(region, SPEC, random_state=3).to_dict()


def groups(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for attribute in report["attributes"]:
        yield from attribute["groups"]


def test_the_report_holds_every_group_with_all_measures(report: dict[str, Any]) -> None:
    assert [attribute["name"] for attribute in report["attributes"]] == [
        "background",
        "sex",
        "background × sex",
    ]
    assert [group["group"] for group in report["attributes"][0]["groups"]] == [
        "svensk",
        "utrikes",
        "unknown",
    ]
    assert len(report["attributes"][2]["groups"]) == 6
    measures = set(report["overall"]["measures"])
    assert {"recall", "miss_rate", "false_positive_rate", "false_discovery_rate"} <= measures
    assert all(set(group["measures"]) == measures for group in groups(report))
    assert report["settings"]["n_clusters"] == 50
    assert report["n_dropped"] == {"value": 100}


def test_the_report_is_json_with_every_number_finite(report: dict[str, Any], tmp_path: Any) -> None:
    write_json(tmp_path / "fairness.json", report)
    assert json.loads((tmp_path / "fairness.json").read_text(encoding="utf-8")) == report


def test_groups_add_up_to_the_whole(report: dict[str, Any], region: pd.DataFrame) -> None:
    known = region.dropna(subset="label")
    assert report["overall"]["counts"]["count"] == {"value": len(known)}
    assert report["overall"]["counts"]["n_flagged"] == {"value": int(0.2 * len(known))}
    for attribute in report["attributes"][:2]:
        for name in ("count", "n_positive", "n_flagged"):
            parts = [group["counts"][name]["value"] for group in attribute["groups"]]
            assert sum(parts) == report["overall"]["counts"][name]["value"]


def test_every_shown_figure_has_an_interval_around_it(report: dict[str, Any]) -> None:
    shown = [
        figure
        for entry in [report["overall"], *groups(report)]
        for figure in entry["measures"].values()
        if figure["value"] is not None
    ]
    assert len(shown) > 60
    for figure in shown:
        assert figure["lower"] <= figure["value"] <= figure["upper"]
        assert figure["method"]


def test_the_group_that_is_missed_more_often_is_flagged(report: dict[str, Any]) -> None:
    _, utrikes, _ = report["attributes"][0]["groups"]
    comparison = utrikes["comparisons"]["miss_rate"]
    assert comparison["flagged"] is True
    assert comparison["difference"] > 0.2
    assert comparison["lower"] > 0
    assert utrikes["comparisons"]["false_positive_rate"]["difference"] < 0
    for group in report["attributes"][1]["groups"]:
        assert group["comparisons"]["miss_rate"]["flagged"] is False
    assert utrikes["measures"]["risk_minus_observed"]["upper"] < 0


def test_the_same_seed_gives_the_same_report(region: pd.DataFrame, report: dict[str, Any]) -> None:
    assert audit_predictions(region, SPEC, random_state=3).to_dict() == report
    other = audit_predictions(region, SPEC, random_state=4).to_dict()
    assert other != report


def test_the_order_of_rows_changes_nothing(region: pd.DataFrame, report: dict[str, Any]) -> None:
    shuffled = region.sample(frac=1, random_state=1)
    again = audit_predictions(shuffled, SPEC, random_state=3).to_dict()
    assert again["overall"]["counts"] == report["overall"]["counts"]
    for old, new in zip(groups(report), groups(again)):
        assert old["counts"] == new["counts"]
        assert old["group"] == new["group"]
        for name, figure in old["measures"].items():
            assert new["measures"][name]["value"] == pytest.approx(figure["value"], abs=1e-12)


def test_frames_hold_the_same_figures(region: pd.DataFrame, report: dict[str, Any]) -> None:
    result = audit_predictions(region, SPEC, random_state=3)
    frame = result.measures_frame().set_index(["attribute", "group", "measure"])
    group = report["attributes"][0]["groups"][1]
    assert (
        frame.loc[("background", "utrikes", "recall"), "value"]
        == (group["measures"]["recall"]["value"])
    )
    comparisons = result.comparisons_frame()
    assert len(comparisons) == 2 * 11
    assert set(comparisons["flagged"]) <= {True, False, None}


def test_attributes_that_share_value_names_stay_apart() -> None:
    rng = np.random.default_rng(0)
    size = 4000
    one = rng.choice(["yes", "no"], size)
    two = rng.choice(["yes", "no"], size)
    y_true = (rng.random(size) < 0.4).astype(float)
    risk = np.where((y_true == 1) & (one == "yes") & (rng.random(size) < 0.5), 0.1, y_true * 0.8)
    for columns in (["one", "two"], ["two", "one"]):
        frame = pd.DataFrame({"one": one, "two": two})[columns]
        result = audit(y_true, risk, sensitive_features=frame, threshold=0.5, n_resamples=199)
        found = result.comparisons_frame().set_index(["attribute", "group", "measure"])["flagged"]
        assert found["one", "yes", "miss_rate"] is True
        assert found["two", "yes", "miss_rate"] is False


def test_equal_false_positive_rates_with_unequal_discovery_rates_raise_no_flag() -> None:
    """More of one group have the outcome, so fewer of its alarms are in vain: no disparity."""
    frame = pd.DataFrame({"g": ["a"] * 2000 + ["b"] * 2000})
    y_true = np.r_[np.repeat([1.0, 0.0], [1000, 1000]), np.repeat([1.0, 0.0], [200, 1800])]
    flag = np.r_[np.repeat([1, 0, 1, 0], [700, 300, 180, 820])]
    flag = np.r_[flag, np.repeat([1, 0, 1, 0], [140, 60, 324, 1476])]
    result = audit(y_true, flag * 1.0, sensitive_features=frame, threshold=0.5, n_resamples=199)
    first, second = (group["measures"] for group in result.attributes[0]["groups"])
    assert first["false_positive_rate"]["value"] == second["false_positive_rate"]["value"] == 0.18
    assert second["false_discovery_rate"]["value"] > 3 * first["false_discovery_rate"]["value"]
    assert not result.comparisons_frame()["flagged"].any()


def test_a_group_without_misses_is_compared() -> None:
    frame = pd.DataFrame({"g": ["a"] * 500 + ["b"] * 500})
    y_true = np.tile([1.0] * 200 + [0.0] * 300, 2)
    risk = np.r_[y_true[:500], np.where(np.arange(500) < 90, 0.0, y_true[500:])]
    result = audit(y_true, risk, sensitive_features=frame, threshold=0.5, n_resamples=199)
    first, second = result.attributes[0]["groups"]
    assert first["measures"]["miss_rate"]["value"] == 0
    assert first["comparisons"]["miss_rate"]["flagged"] is True
    assert second["comparisons"]["miss_rate"]["difference"] == pytest.approx(0.45)


def test_nobody_flagged_is_said_and_not_computed(region: pd.DataFrame) -> None:
    known = region.dropna(subset="label")
    result = audit(
        known["label"],
        known["risk"] * 0.5,
        sensitive_features=known[["sex"]],
        cluster=known["school_unit"],
        threshold=0.99,
        n_resamples=99,
    )
    for entry in [result.overall, *result.attributes[0]["groups"]]:
        assert entry["counts"]["n_flagged"] == {"value": 0}
        assert entry["measures"]["precision"] == {"value": None, "reason": "nobody_flagged"}
        assert entry["measures"]["false_discovery_rate"]["value"] is None
        assert entry["measures"]["miss_rate"]["value"] == 1
        assert entry["measures"]["false_positive_rate"]["value"] == 0
    comparison = result.attributes[0]["groups"][0]["comparisons"]["miss_rate"]
    assert (comparison["flagged"], comparison["reason"]) == (None, "no_variation")


@pytest.mark.parametrize(
    ("label", "measure", "reason"),
    [(0.0, "recall", "no_positives"), (1.0, "false_positive_rate", "no_negatives")],
)
def test_one_class_gives_reasons(label: float, measure: str, reason: str) -> None:
    frame = pd.DataFrame({"g": ["a", "b"] * 50})
    result = audit(
        np.full(100, label),
        np.linspace(0, 1, 100),
        sensitive_features=frame,
        capacity=0.4,
        n_resamples=99,
    )
    assert result.overall["measures"][measure] == {"value": None, "reason": reason}


def test_a_group_without_positives_does_not_disturb_the_others() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": np.repeat(["a", "b", "c"], 300)})
    y_true = (rng.random(900) < 0.4).astype(float)
    y_true[:300] = 0
    result = audit(y_true, rng.random(900), sensitive_features=frame, threshold=0.5, n_resamples=99)
    first, second, _ = result.attributes[0]["groups"]
    assert first["measures"]["miss_rate"] == {"value": None, "reason": "no_positives"}
    assert first["comparisons"]["miss_rate"]["flagged"] is None
    assert first["comparisons"]["miss_rate"]["reason"] == "too_few"
    assert second["comparisons"]["miss_rate"]["flagged"] is False


def test_few_dropped_pupils_are_not_counted_out_loud() -> None:
    y_true = np.r_[np.tile([1.0, 0.0], 100), [np.nan] * 3]
    frame = pd.DataFrame({"g": ["a"] * 203})
    result = audit(
        y_true, np.linspace(0, 1, 203), sensitive_features=frame, capacity=50, n_resamples=99
    )
    assert result.n_dropped == {"value": None, "reason": "suppressed"}


def test_fewer_than_six_schools_are_said_to_be_too_few(region: pd.DataFrame) -> None:
    few = region[region["school_unit"].isin(["0", "1", "2"])]
    result = audit_predictions(few, SPEC, random_state=0)
    frame = result.comparisons_frame()
    assert frame["flagged"].isna().all()
    assert set(frame["reason"]) == {"too_few"}
    methods = set(result.measures_frame()["method"].dropna())
    assert all("fewer than 6" in method for method in methods)


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        (0.5, [True, True, False, False, False]),
        (2, [True, True, False, False, False]),
        (0.19, [False] * 5),
        (1, [False, True, False, False, False]),
        (1.0, [True] * 5),
        (9, [True] * 5),
    ],
)
def test_capacity_flags_the_highest_risks_and_first_rows(
    capacity: float, expected: list[bool]
) -> None:
    risk = np.array([0.3, 0.9, 0.3, 0.3, 0.1])
    assert flag_pupils(risk, capacity=capacity).tolist() == expected


def test_a_share_is_not_lost_to_rounding() -> None:
    assert flag_pupils(np.zeros(100), capacity=0.29).sum() == 29


def test_a_threshold_includes_itself() -> None:
    assert flag_pupils(np.array([0.2, 0.3, 0.1]), threshold=0.2).tolist() == [True, True, False]


def call(**changes: Any) -> None:
    arguments: dict[str, Any] = {
        "y_true": np.tile([1.0, 0.0], 20),
        "risk": np.linspace(0, 1, 40),
        "sensitive_features": pd.DataFrame({"g": ["a", "b"] * 20}),
        "capacity": 0.2,
    }
    audit(**(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"y_true": [1.0, 0.0]}, "of one length"),
        ({"cluster": ["x"] * 3}, "of one length"),
        ({"y_true": np.full(40, 0.5)}, "got 40 other values"),
        ({"risk": np.full(40, 1.5)}, "`risk` must be in"),
        ({"risk": np.full(40, np.nan)}, "`risk` must be in"),
        ({"threshold": 0.5}, "either `capacity` or `threshold`"),
        ({"capacity": None}, "either `capacity` or `threshold`"),
        ({"capacity": 1.5}, "a share in"),
        ({"capacity": 0}, "capacity"),
        ({"intersections": [("g", "h")]}, "must name `sensitive_features`, got h"),
        ({"sensitive_features": pd.DataFrame(index=range(40))}, "sensitive_features"),
        ({"level": 2.0}, "level"),
    ],
)
def test_wrong_arguments_are_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        call(**changes)


def test_no_known_label_is_an_undefined_audit() -> None:
    with pytest.raises(UndefinedMetricError, match="at least one known label"):
        call(y_true=np.full(40, np.nan))


def test_a_missing_column_is_named(region: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="`school_unit` is missing"):
        audit_predictions(region.drop(columns="school_unit"), SPEC, random_state=0)


def test_independent_pupils_need_no_school(region: pd.DataFrame) -> None:
    result = audit_predictions(
        region.drop(columns="school_unit"), SPEC, cluster=None, random_state=0
    )
    assert result.settings["is_clustered"] is False
    assert result.overall["measures"]["recall"]["method"] == "wilson"
    assert set(result.comparisons_frame()["method"]) == {"permutation, max-t"}


def test_a_spec_crosses_at_least_two_features() -> None:
    with pytest.raises(ValidationError, match="at least two different features"):
        AuditSpec(sensitive_features=("a",), intersections=(("a", "a"),), capacity=5)


def test_a_thousand_groups_are_no_trouble() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": rng.integers(0, 1000, 20_000).astype(str)})
    risk = rng.random(20_000)
    result = audit(
        (rng.random(20_000) < risk).astype(float),
        risk,
        sensitive_features=frame,
        cluster=rng.integers(0, 100, 20_000),
        capacity=0.1,
        n_resamples=99,
    )
    assert len(result.attributes[0]["groups"]) == 1000


@pytest.mark.parametrize("kept", [5999, 6001])
@pytest.mark.parametrize("name", ["control_features", "covariates", "cohort", "cluster"])
def test_whatever_is_given_must_have_one_row_per_pupil(
    region: pd.DataFrame, name: str, kept: int
) -> None:
    longer = pd.concat([region, region.iloc[:1]], ignore_index=True)[:kept]
    given = {
        "control_features": longer[["background"]],
        "covariates": longer[["risk"]],
        "cohort": longer["background"],
        "cluster": longer["school_unit"],
    }
    with pytest.raises(UsageError, match="of one length"):
        audit(
            region["label"], region["risk"], sensitive_features=region[["sex"]], capacity=0.2,
            **{name: given[name]},
        )  # fmt: skip


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_cohort_must_be_named_for_every_pupil(region: pd.DataFrame, missing: object) -> None:
    cohort = pd.Series("2024", index=region.index, dtype=object)
    cohort.iloc[3:5] = missing
    with pytest.raises(UsageError, match=r"`cohort` must name .*, got 2 without"):
        audit(
            region["label"], region["risk"], sensitive_features=region[["sex"]], capacity=0.2,
            cohort=cohort,
        )  # fmt: skip
