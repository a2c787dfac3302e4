"""Training with an eye to groups: what the weights are, and that the gap gets smaller."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmodel.models.mitigated import METHODS, fit_mitigated, pool_small_groups, weigh_groups

SIZE = 4000
SHARE = 0.2


@pytest.fixture(scope="module")
def pupils():
    """Return features, outcomes and groups; in the second group the outcome has other causes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(SIZE, 4))
    X[rng.random(X.shape) < 0.05] = np.nan
    group = (rng.random(SIZE) < 0.3).astype(np.int64)
    signal = np.where(group == 1, np.nan_to_num(X[:, 1]), np.nan_to_num(X[:, 0]))
    y = (rng.random(SIZE) < 1 / (1 + np.exp(1.5 - 1.6 * signal))).astype(float)
    return X, y, group


def find_gap(score, y, group):
    flagged = np.zeros(SIZE, dtype=bool)
    flagged[np.argsort(-score, kind="stable")[: int(SHARE * SIZE)]] = True
    recall = [flagged[(y == 1) & (group == code)].mean() for code in (0, 1)]
    return recall[1] - recall[0]


def fit(pupils, **options):
    X, y, group = pupils
    return fit_mitigated(X, y, None, {"group": group}, X, share=SHARE, random_state=0, **options)


def test_equal_treatment_in_training_narrows_the_gap_in_recall(pupils):
    base, found = fit(pupils)
    assert set(found) == {("group", method) for method in METHODS}
    _, y, group = pupils
    before, after = find_gap(base, y, group), find_gap(found["group", "reductions"], y, group)
    assert before < -0.15
    assert abs(after) < abs(before) / 2


def test_the_scores_are_the_same_each_time_and_in_range(pupils):
    (base, first), (again, second) = fit(pupils), fit(pupils)
    np.testing.assert_array_equal(base, again)
    for key, scores in first.items():
        np.testing.assert_array_equal(scores, second[key])
        assert ((scores >= 0) & (scores <= 1)).all()


def test_one_group_is_not_retrained(pupils):
    X, y, _ = pupils
    _, found = fit_mitigated(
        X, y, None, {"group": np.zeros(SIZE, dtype=np.int64)}, X, share=SHARE, random_state=0
    )
    assert found == {}


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_weighted_outcomes_are_as_frequent_in_every_group(seed, n_groups):
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.repeat(np.arange(n_groups), 2), rng.integers(0, n_groups, 50)])
    y = np.concatenate([np.tile([0.0, 1.0], n_groups), (rng.random(50) < 0.3).astype(float)])
    weights = weigh_groups(y, codes)
    assert weights.sum() == pytest.approx(len(y))
    for code in range(n_groups):
        inside = codes == code
        assert np.average(y[inside], weights=weights[inside]) == pytest.approx(y.mean())
        assert weights[inside].sum() == pytest.approx(inside.sum())


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6))
def test_pooled_groups_are_large_enough_or_one(sizes):
    codes = np.concatenate([np.full(a + b, at) for at, (a, b) in enumerate(sizes)])
    y = np.concatenate([np.repeat([1.0, 0.0], [a, b]) for a, b in sizes])
    if len(y) == 0:
        return
    pooled = pool_small_groups(y, codes.astype(np.int64))
    assert set(pooled) == set(range(pooled.max() + 1))
    for code in np.unique(codes):
        assert len(set(pooled[codes == code])) == 1, "a group is not split"
    if pooled.max() > 0:
        for code in range(pooled.max() + 1):
            assert min((y[pooled == code] == outcome).sum() for outcome in (0, 1)) >= 20
