from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.designs import make_pupils

from riskmodel.fairness.audit import audit
from riskmodel.fairness.gaps import Spread, measure_spread


def measure(frame: pd.DataFrame, seed: int = 0, *, clustered: bool = True) -> Spread:
    """Measure how far the groups' labels lie apart."""
    table = frame.assign(n=1).pivot_table(
        index="group", columns="school", values=["label", "n"], aggfunc="sum", fill_value=0
    )
    k, n = table["label"].to_numpy(float), table["n"].to_numpy(float)
    if not clustered:
        k, n = k.sum(axis=1, keepdims=True), n.sum(axis=1, keepdims=True)
    generator = np.random.default_rng(seed)
    return measure_spread(k, n, is_clustered=clustered, n_resamples=199, generator=generator)


@pytest.mark.parametrize(("n_schools", "n_groups"), [(12, 4), (20, 4), (60, 12)])
def test_equal_groups_in_segregated_schools_are_seldom_told_apart(
    n_schools: int, n_groups: int
) -> None:
    spreads = [
        measure(make_pupils(seed, n_schools=n_schools, n_groups=n_groups), seed)
        for seed in range(120)
    ]
    assert np.mean([spread.p_value <= 0.05 for spread in spreads]) <= 0.12
    # The usual gap is large although nothing differs; the corrected one is not.
    assert np.mean([spread.difference for spread in spreads]) > 0.05
    assert np.mean([spread.between for spread in spreads]) < 0.03


def test_pupils_taken_as_independent_would_raise_false_alarms() -> None:
    found = [
        measure(make_pupils(seed, n_schools=20, segregation=3), seed, clustered=False)
        for seed in range(60)
    ]
    assert np.mean([spread.p_value <= 0.05 for spread in found]) > 0.3


def test_a_true_gap_is_found_and_its_size_is_right() -> None:
    spreads = [
        measure(make_pupils(seed, n_schools=60, intraclass=0.02, extra=0.2, n_pupils=4000), seed)
        for seed in range(30)
    ]
    assert np.mean([spread.p_value <= 0.05 for spread in spreads]) > 0.9
    # One group in four lies .2 above: the standard deviation of the true rates is .1.
    assert np.mean([spread.between for spread in spreads]) == pytest.approx(0.1, abs=0.015)


def audit_gaps(frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the part of an audit that tells how far groups lie apart."""
    rng = np.random.default_rng(1)
    result = audit(
        frame["label"],
        rng.random(len(frame)),
        sensitive_features=frame[["group"]],
        cluster=frame["school"],
        **{"capacity": 0.4, "n_resamples": 199} | options,
    )
    gaps: dict[str, Any] = result.to_dict()["gaps"]["attributes"][0]
    return gaps


def test_the_audit_says_how_far_groups_lie_apart() -> None:
    found = audit_gaps(make_pupils(3, n_schools=60, n_pupils=4000))["miss_rate"]
    assert found["n_groups"] == 4
    assert 0 < found["difference"] < 1
    assert found["flagged"] is False
    assert found["highest"]["lower"] < found["highest"]["value"] < found["highest"]["upper"]


def test_hidden_groups_change_nothing() -> None:
    frame = make_pupils(3, n_schools=60, n_pupils=4000)
    few = frame["group"].eq("g3") & (frame.groupby("group").cumcount() >= 9)
    kept = frame[~few].copy()
    found = audit_gaps(kept)["miss_rate"]
    assert found["n_groups"] <= 3


def test_one_group_or_few_schools_cannot_be_said() -> None:
    alone = make_pupils(1).assign(group="a")
    assert audit_gaps(alone)["miss_rate"] == {"reason": "too_few", "flagged": None}
    few = make_pupils(1, n_schools=5)
    assert audit_gaps(few)["miss_rate"]["reason"] == "too_few"


def test_alike_outcomes_have_no_gap() -> None:
    frame = make_pupils(2)
    assert audit_gaps(frame, capacity=None, threshold=1.0)["miss_rate"] == {
        "reason": "no_variation",
        "flagged": None,
    }
