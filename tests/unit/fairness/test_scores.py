from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from riskmodel.fairness.audit import audit
from riskmodel.fairness.scores import SCORES

SIZE = 4000


def make_pupils(seed: int, *, exaggerated: str | None = None) -> pd.DataFrame:
    """Return pupils in 40 schools, the risks of one group too extreme."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "group": rng.choice(["a", "b", "c"], SIZE, p=[0.5, 0.3, 0.2]),
            "school": rng.integers(0, 40, SIZE),
            "logit": rng.normal(-1, 1.2, SIZE),
        }
    )
    frame["label"] = (rng.random(SIZE) < 1 / (1 + np.exp(-frame["logit"]))).astype(float)
    shown = np.where(frame["group"] == exaggerated, 2 * frame["logit"], frame["logit"])
    frame["risk"] = 1 / (1 + np.exp(-shown))
    return frame


def audit_pupils(frame: pd.DataFrame, **options: Any) -> dict[str, dict[str, Any]]:
    """Return the measures by group, all pupils as ``all``."""
    result = audit(
        frame["label"],
        frame["risk"],
        sensitive_features=frame[["group"]],
        cluster=frame["school"],
        **{"capacity": 0.2, "n_resamples": 99} | options,
    )
    groups = {entry["group"]: entry["measures"] for entry in result.attributes[0]["groups"]}
    return {"all": result.overall["measures"], **groups}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_values_agree_with_scikit_learn(seed: int) -> None:
    frame = make_pupils(seed)
    frame["risk"] = frame["risk"].round(1)  # many ties
    found = audit_pupils(frame)
    for name, rows in [("all", frame), *frame.groupby("group")]:
        auc = roc_auc_score(rows["label"], rows["risk"])
        brier = brier_score_loss(rows["label"], rows["risk"])
        assert found[str(name)]["auc"]["value"] == pytest.approx(auc, abs=1e-12)
        assert found[str(name)]["brier"]["value"] == pytest.approx(brier, abs=1e-12)


def test_the_slope_agrees_with_a_logistic_regression_and_finds_extreme_risks() -> None:
    frame = make_pupils(1, exaggerated="b")
    found = audit_pupils(frame)
    for name, rows in frame.groupby("group"):
        x = np.log(rows["risk"] / (1 - rows["risk"])).to_numpy()[:, None]
        fit = LogisticRegression(C=np.inf, tol=1e-10).fit(x, rows["label"])
        assert found[str(name)]["calibration_slope"]["value"] == pytest.approx(
            fit.coef_[0, 0], abs=1e-4
        )
    assert found["b"]["calibration_slope"]["upper"] < 1
    assert found["a"]["calibration_slope"]["lower"] < 1 < found["a"]["calibration_slope"]["upper"]


def test_net_benefit_is_its_definition_and_recombines() -> None:
    frame = make_pupils(2)
    found = audit_pupils(frame, capacity=None, threshold=0.4)
    parts = 0.0
    for name, rows in frame.groupby("group"):
        flagged = rows["risk"] >= 0.4
        gain = rows["label"].where(flagged, 0) - (1 - rows["label"]).where(flagged, 0) * 0.4 / 0.6
        assert found[str(name)]["net_benefit"]["value"] == pytest.approx(gain.mean(), abs=1e-12)
        parts += gain.sum()
    assert found["all"]["net_benefit"]["value"] == pytest.approx(parts / SIZE, abs=1e-12)


def test_intervals_cover_where_schools_differ() -> None:
    rng = np.random.default_rng(5)
    hits = {"auc": 0, "brier": 0}
    truths: dict[str, list[float]] = {"auc": [], "brier": []}
    intervals: dict[str, list[tuple[float, float]]] = {"auc": [], "brier": []}
    for _ in range(100):
        school = np.repeat(np.arange(12), 50)
        shift = rng.normal(0, 0.5, 12)[school]
        logit = rng.normal(-1, 1, 600)
        label = (rng.random(600) < 1 / (1 + np.exp(-logit - shift))).astype(float)
        frame = pd.DataFrame(
            {"group": "a", "school": school, "label": label, "risk": 1 / (1 + np.exp(-logit))}
        )
        found = audit_pupils(frame)["all"]
        for name in hits:
            truths[name].append(found[name]["value"])
            intervals[name].append((found[name]["lower"], found[name]["upper"]))
    for name in hits:
        truth = np.mean(truths[name])
        hits[name] = sum(lower <= truth <= upper for lower, upper in intervals[name])
        assert hits[name] / 100 > 0.88  # nominal 95 %, three standard errors below


def test_what_is_not_defined_has_its_reason() -> None:
    frame = make_pupils(3)
    frame.loc[frame["group"] == "c", "label"] = 0.0
    frame.loc[frame["group"] == "b", "risk"] = 0.5
    found = audit_pupils(frame)
    assert found["c"]["auc"] == {"value": None, "reason": "no_positives"}
    assert found["c"]["brier"]["value"] > 0
    assert found["b"]["auc"]["value"] == 0.5
    assert found["b"]["calibration_slope"] == {"value": None, "reason": "no_spread"}


def test_a_small_group_shows_none_of_them() -> None:
    frame = make_pupils(4)
    frame.loc[:4, "group"] = "d"
    found = audit_pupils(frame)
    assert {found["d"][name]["reason"] for name in SCORES} == {"suppressed"}
