import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.evaluation.conformal import COMPLETES, EITHER, NEITHER, NOT, find_conformal_sets


def draw(seed, n=600, n_groups=2):
    generator = np.random.default_rng(seed)
    risk = generator.beta(1.2, 3, n)
    group = generator.integers(0, n_groups, n)
    # The second group's risks are too low, so that one threshold for all would not cover it.
    chance = np.where(group == 1, np.sqrt(risk), risk)
    return pd.DataFrame({
        "risk": risk,
        "label": (generator.random(n) < chance).astype(float),
        "school_unit": [f"S{number}" for number in generator.integers(0, 20, n)],
        "group": [f"g{number}" for number in group],
    })  # fmt: skip


def find(past, now, level=0.9):
    return find_conformal_sets(
        past, now["risk"].to_numpy(), now["group"], level=level, minimum_count=10
    )


def held(sets, now):
    true = np.where(now["label"] == 1, NOT, COMPLETES)
    return (sets == true) | (sets == EITHER)


def test_every_group_is_covered_as_often_as_asked():
    shares = []
    for seed in range(40):
        past, now = draw(seed), draw(1000 + seed, 2000)
        covered = held(find(past, now).outcomes, now)
        shares.append([covered[now["group"] == name].mean() for name in ("g0", "g1")])
    assert (np.mean(shares, axis=0) >= 0.895).all()
    assert (np.mean(shares, axis=0) <= 0.93).all()


def test_the_threshold_is_that_of_the_definition():
    past = pd.DataFrame({
        "risk": np.linspace(0.01, 0.4, 40), "label": [0.0] * 28 + [1.0] * 12,
        "school_unit": [f"S{number % 4}" for number in range(40)], "group": "g",
    })  # fmt: skip
    scores = np.sort(np.where(past["label"] == 1, 1 - past["risk"], past["risk"]))
    threshold = scores[int(np.ceil(41 * 0.7)) - 1]
    grid = pd.DataFrame({"risk": np.linspace(0, 1, 101), "group": "g"})
    sets = find(past, grid, level=0.7).outcomes
    for risk, found in zip(grid["risk"], sets, strict=True):
        expected = {(True, True): EITHER, (True, False): NOT, (False, True): COMPLETES,
                    (False, False): NEITHER}[1 - risk <= threshold, risk <= threshold]  # fmt: skip
        assert found == expected


def test_coverage_is_measured_without_the_own_school():
    past = draw(1, 4000)
    found = find(past, past.head(1))
    assert [one["group"] for one in found.coverage] == ["g0", "g1"]
    for one in found.coverage:
        assert one["coverage"] == pytest.approx(0.9, abs=0.02)
        assert 0 <= one["share_undecided"] <= 1


def test_a_small_group_has_no_sets_and_says_why():
    past = draw(2).assign(group=lambda rows: np.where(rows.index < 12, "tiny", "big"))
    now = pd.DataFrame({"risk": [0.2, 0.2, 0.2], "group": ["tiny", "big", None]})
    found = find(past, now)
    assert [pd.isna(one) for one in found.outcomes] == [True, False, True]
    reasons = {one["group"]: one.get("reason") for one in found.coverage}
    assert reasons == {"big": None, "tiny": "too_few", None: "too_few"}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.55, 0.95))
def test_a_higher_level_never_rules_out_more(seed, level):
    past, now = draw(seed, 200, 1), draw(seed + 1, 50, 1)
    low, high = find(past, now, level).outcomes, find(past, now, min(level + 0.04, 0.99)).outcomes
    assert held(high, now)[held(low, now)].all()
    assert set(high[low == EITHER]) <= {EITHER}
