"""Groups with one kind of outcome, rates of 0 and 1, a single school: figures that hold."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from benchmarks.designs import make_pupils

from riskmodel.fairness.audit import audit, audit_inputs
from riskmodel.fairness.intervals import influence_limits, mean_intervals, measure_gap
from riskmodel.fairness.refits import ARMS
from riskmodel.fairness.schema import load_schema
from riskmodel.fairness.specs import AuditSpec


@pytest.mark.parametrize("is_clustered", [False, True])
def test_a_group_without_the_outcome_does_not_seem_sure_of_its_calibration(
    is_clustered: bool,
) -> None:
    """Risks of 2 % are right; 55 % of groups of 30 pupils have nobody with the outcome."""
    rng = np.random.default_rng(3)
    risk = np.full((2000, 10, 3), 0.02)
    rest = risk - (rng.random(risk.shape) < risk)
    sums, squares = rest.sum(axis=2), (rest**2).sum(axis=2)
    found = mean_intervals(
        sums, squares, np.full((2000, 10), 3.0), 0.95, is_clustered=is_clustered,
        least=(risk * (1 - risk)).sum(axis=(1, 2)) / 30**2,
    )  # fmt: skip
    assert ((found.lower <= 0) & (found.upper >= 0)).mean() >= 0.93


def test_the_audit_does_not_call_such_a_group_overestimated() -> None:
    pupils = make_pupils(5, n_pupils=3000, n_schools=30).assign(risk=0.02, label=0.0)
    others = pupils["group"] != "g0"
    rng = np.random.default_rng(0)
    pupils.loc[others, "label"] = (rng.random(int(others.sum())) < 0.02).astype(float)
    few = pd.concat([pupils[others], pupils[~others].head(40)], ignore_index=True)
    result = audit(
        few["label"], few["risk"], sensitive_features=few[["group"]], cluster=few["school"],
        threshold=0.5, n_resamples=99,
    )  # fmt: skip
    groups = {entry["group"]: entry for entry in result.to_dict()["attributes"][0]["groups"]}
    figure = groups["g0"]["measures"]["risk_minus_observed"]
    assert figure["value"] == pytest.approx(0.02)
    assert figure["lower"] < 0 < figure["upper"]


@pytest.mark.parametrize("is_clustered", [False, True])
def test_a_gap_of_rates_at_the_edge_is_not_sure(is_clustered: bool) -> None:
    none = np.vstack([np.zeros(8), np.zeros(8)])
    trials = np.vstack([np.full(8, 2.0), np.full(8, 50.0)])
    gap, variance = measure_gap(none, trials, is_clustered=is_clustered)
    assert gap == 0
    assert 0.02 < np.sqrt(variance) < 0.1
    # Of 16 pupils with a chance of 5 % half have nobody: their gap to 5 % must not seem sure.
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(1000):
        successes = rng.binomial(trials.astype(int), 0.05).astype(float)
        gap, variance = measure_gap(successes, trials, is_clustered=is_clustered)
        covered += abs(gap) <= 1.96 * np.sqrt(variance)
    assert covered >= 930


def test_a_rate_that_nobody_differs_in_is_not_taken_apart() -> None:
    frame = make_pupils(7, n_pupils=2000, n_schools=30).assign(risk=0.9)
    result = audit(
        frame["label"], frame["risk"], sensitive_features=frame[["group"]],
        cluster=frame["school"], threshold=0.5, n_resamples=99,
    )  # fmt: skip
    jsonschema.Draft202012Validator(load_schema()).validate(result.to_dict())
    (attribute,) = result.to_dict()["decomposition"]["attributes"]
    assert {entry["miss_rate"].get("reason") for entry in attribute["groups"]} == {"no_variation"}
    assert all("gap" in entry["base_rate"] for entry in attribute["groups"])


@pytest.mark.parametrize("n_schools", [1, 3])
def test_other_inputs_can_be_compared_in_few_schools_without_limits(n_schools: int) -> None:
    frame = make_pupils(4, n_pupils=900, n_schools=n_schools)
    rng = np.random.default_rng(2)
    frame = frame.assign(school_unit=frame["school"].astype(str), risk=rng.random(900))
    risks = {"base": frame["risk"]} | {name: rng.random(900) for name in ARMS}
    spec = AuditSpec(sensitive_features=("group",), capacity=0.3, n_resamples=99)
    found = audit_inputs(
        frame, risks, spec, base="base", family="logistic", proxies=(), random_state=0
    )
    json.dumps(found, allow_nan=False)
    figure = found["arms"][ARMS[0]]["attributes"][0]["change"]["overall"]["recall"]
    assert figure["value"] is not None
    assert figure["lower"] is figure["upper"] is None


def test_limits_need_six_clusters() -> None:
    assert influence_limits(0.1, np.zeros(5), 0.95) == (None, None)
    lower, upper = influence_limits(0.1, np.array([0.1, -0.1] * 3), 0.95)
    assert lower is not None
    assert upper is not None
    assert lower < 0.1 < upper


def test_what_is_hidden_of_a_group_is_hidden_of_its_bands_of_risk_too() -> None:
    frame = make_pupils(6, n_pupils=3000, n_schools=40)
    own = frame["group"] == "g0"
    label = frame["label"].where(~own, 0.0)
    label.iloc[np.flatnonzero(own)[:4]] = 1.0
    rng = np.random.default_rng(0)
    result = audit(
        label, rng.uniform(0.2, 0.4, len(frame)), sensitive_features=frame[["group"]],
        cluster=frame["school"], threshold=0.3, n_resamples=99,
    )  # fmt: skip
    jsonschema.Draft202012Validator(load_schema()).validate(result.to_dict())
    groups: list[dict[str, Any]] = result.to_dict()["calibration"]["attributes"][0]["groups"]
    (entry,) = [group for group in groups if group["group"] == "g0"]
    for part in ("observed_minus_risk", "bands"):
        assert entry[part]["p_value"] is None
        assert entry[part]["reason"] == "suppressed"
        assert entry[part]["flagged"] is True


def test_other_inputs_change_the_auc_without_limits_where_few_have_the_outcome() -> None:
    frame = make_pupils(4, n_pupils=900, n_schools=20)
    rng = np.random.default_rng(2)
    label = np.zeros(900)
    label[rng.choice(900, 15, replace=False)] = 1.0
    frame = frame.assign(school_unit=frame["school"].astype(str), label=label)
    risks = {name: rng.random(900) for name in ("base", *ARMS)}
    spec = AuditSpec(sensitive_features=("group",), threshold=0.0, n_resamples=99)
    found = audit_inputs(
        frame.assign(risk=0.5), risks, spec, base="base", family="logistic", proxies=(),
        random_state=0,
    )  # fmt: skip
    figure = found["arms"][ARMS[0]]["auc"]
    assert figure["value"] is not None
    assert figure["lower"] is None
    assert "fewer than 20" in figure["reason"]
