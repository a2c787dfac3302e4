from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.designs import make_pupils
from hypothesis import given
from hypothesis import strategies as st

from riskmodel.fairness.audit import audit
from riskmodel.fairness.small_groups import find_needed, shrink_rates

SIZES = np.array([3, 4, 6, 8, 10, 12, 15, 18, 25, 40, 60, 90, 150, 250, 400, 700] * 2, float)


def test_shrinking_halves_the_error_of_small_groups_and_its_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    raw, shrunken, covered = [], [], []
    for _ in range(60):
        truth = rng.beta(6, 24, len(SIZES))
        k = rng.binomial(SIZES.astype(int), truth).astype(float)
        found = shrink_rates(k, SIZES)
        small = SIZES < 20
        raw.append((k / SIZES - truth)[small])
        shrunken.append((found.value - truth)[small])
        covered.append((found.lower <= truth) & (truth <= found.upper))
    error = [np.sqrt(np.mean(np.square(part))) for part in (raw, shrunken)]
    assert error[1] < error[0] / 2
    assert 0.91 < np.mean(covered) < 0.99


def test_no_spread_draws_all_groups_to_one_rate() -> None:
    rng = np.random.default_rng(1)
    k = rng.binomial(SIZES.astype(int), 0.3).astype(float)
    found = shrink_rates(k, SIZES)
    assert np.ptp(found.value) < 0.1 < np.ptp(k / SIZES)


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 400)).map(lambda p: (min(p), max(p))),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_values_lie_in_their_intervals_and_in_the_unit_interval(
    counts: list[tuple[int, int]],
) -> None:
    k, n = (np.array(part, float) for part in zip(*counts, strict=True))
    found = shrink_rates(k, n)
    assert (found.lower >= 0).all()
    assert (found.upper <= 1).all()
    assert (found.lower <= found.value + 1e-9).all()
    assert (found.value <= found.upper + 1e-9).all()


def test_a_large_group_keeps_its_rate() -> None:
    found = shrink_rates(np.array([3000.0, 1.0]), np.array([10_000.0, 10.0]))
    assert found.value[0] == pytest.approx(0.3, abs=0.002)


def test_the_number_needed_has_the_power_that_it_promises() -> None:
    needed = find_needed(0.375, 0.05, 1.0, 0.95)
    rng = np.random.default_rng(2)
    rest = round(needed / 0.05) - needed
    own, others = rng.binomial(needed, 0.5175, 4000), rng.binomial(rest, 0.3675, 4000)
    rate = (own + others) / (needed + rest)
    error = np.sqrt(rate * (1 - rate) * (1 / needed + 1 / rest))
    power = np.mean(np.abs(own / needed - others / rest) / error > 1.96)
    assert power == pytest.approx(0.8, abs=0.05)


def test_the_audit_shows_raw_and_shrunken_and_what_is_too_few() -> None:
    frame = make_pupils(4, n_pupils=6000, n_schools=60, n_groups=3, intraclass=0.0)
    frame.loc[:39, "group"] = "small"
    rng = np.random.default_rng(0)
    result = audit(
        frame["label"], rng.random(len(frame)), sensitive_features=frame[["group"]],
        cluster=frame["school"], capacity=0.5, n_resamples=99, minimum_count=5,
    )  # fmt: skip
    part = result.to_dict()["small_groups"]["attributes"][0]
    groups = {entry["group"]: entry for entry in part["groups"]}
    assert groups["g0"]["base_rate"]["state"] == "shown"
    small = groups["small"]["base_rate"]
    assert small["state"] == "too_few"
    assert small["n_needed"] > 40
    raw = {e["group"]: e["measures"]["base_rate"] for e in result.attributes[0]["groups"]}
    width = small["shrunken"]["upper"] - small["shrunken"]["lower"]
    assert width < raw["small"]["upper"] - raw["small"]["lower"]


def test_without_anybody_to_show_nothing_is_said() -> None:
    frame = pd.DataFrame({"group": ["a", "b"] * 4})
    result = audit(
        np.tile([1.0, 0.0], 4), np.linspace(0, 1, 8), sensitive_features=frame, capacity=0.5,
        n_resamples=99,
    )  # fmt: skip
    for entry in result.to_dict()["small_groups"]["attributes"][0]["groups"]:
        assert entry["miss_rate"]["state"] == "suppressed"
        assert entry["miss_rate"]["shrunken"]["value"] is None


def compare_alone(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the comparison of the group named small."""
    result = audit(
        frame["label"], np.random.default_rng(0).random(len(frame)),
        sensitive_features=frame[["group"]], cluster=frame["school"], capacity=0.5,
        n_resamples=99, minimum_count=30,
    )  # fmt: skip
    groups = {entry["group"]: entry for entry in result.attributes[0]["groups"]}
    found: dict[str, Any] = groups["small"]["comparisons"]["miss_rate"]
    return found


def test_a_comparison_of_too_few_says_how_many_it_would_take() -> None:
    frame = make_pupils(4, n_pupils=6000, n_schools=60, n_groups=2, intraclass=0.0)
    frame.loc[:39, "group"] = "small"
    found = compare_alone(frame)
    assert found["reason"] == "too_few"
    assert found["n_needed"] > 100
    frame["school"] = np.where(frame["group"] == "small", 0, frame["school"])
    assert "n_needed" not in compare_alone(frame), "more pupils of one school would not do"
