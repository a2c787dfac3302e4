from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from riskmodel.fairness.intervals import (
    CLUSTERED,
    DESIGN_EFFECT,
    FEW_CLUSTERS,
    WILSON,
    mean_intervals,
    rate_intervals,
    wilson_interval,
)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 17), (50, 100), (10, 10)])
def test_wilson_agrees_with_scipy(successes: int, trials: int) -> None:
    lower, upper = wilson_interval(np.array([float(successes)]), np.array([float(trials)]), 0.9)
    expected = stats.binomtest(successes, trials).proportion_ci(0.9, method="wilson")
    np.testing.assert_allclose([lower[0], upper[0]], [expected.low, expected.high], atol=1e-12)


def test_wilson_without_trials_is_undefined() -> None:
    lower, upper = wilson_interval(np.array([0.0]), np.array([0.0]), 0.95)
    assert np.isnan(lower[0])
    assert np.isnan(upper[0])


def test_the_clustered_interval_by_hand() -> None:
    k, n = np.array([[1.0, 2, 0, 3, 1, 2]]), np.array([[4.0, 4, 5, 4, 3, 5]])
    found = rate_intervals(k, n, 0.95, is_clustered=True)
    rate = 9 / 25
    variance = 6 / 5 * sum((a - rate * b) ** 2 for a, b in zip(k[0], n[0])) / 25**2
    half = stats.t.ppf(0.975, 5) * np.sqrt(variance) / (rate * (1 - rate))
    logit = np.log(rate / (1 - rate))
    assert found.method == [CLUSTERED]
    np.testing.assert_allclose(found.lower[0], 1 / (1 + np.exp(-(logit - half))))
    np.testing.assert_allclose(found.upper[0], 1 / (1 + np.exp(-(logit + half))))


def simulate_rates(
    n_clusters: int, rate: float, size: float, repeats: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of repeated studies with an intra-cluster correlation of .1."""
    rng = np.random.default_rng(seed)
    scale = 1 / 0.1 - 1
    school = rng.beta(rate * scale, (1 - rate) * scale, (repeats, n_clusters))
    trials = rng.poisson(size, (repeats, n_clusters))
    return rng.binomial(trials, school).astype(float), trials.astype(float)


@pytest.mark.parametrize("n_clusters", [6, 12, 60])
@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_clustered_intervals_cover(n_clusters: int, rate: float) -> None:
    k, n = simulate_rates(n_clusters, rate, 15, 3000, seed=n_clusters)
    found = rate_intervals(k, n, 0.95, is_clustered=True)
    covered = ((found.lower <= rate) & (rate <= found.upper)).mean()
    assert 0.93 <= covered <= 0.985
    independent = rate_intervals(
        k.sum(axis=1, keepdims=True), n.sum(axis=1, keepdims=True), 0.95, is_clustered=False
    )
    ignored = ((independent.lower <= rate) & (rate <= independent.upper)).mean()
    assert ignored < covered - 0.05


def test_fewer_than_six_clusters_are_said_to_be_ignored() -> None:
    k, n = np.array([[1.0, 2, 0, 3, 1]]), np.array([[4.0, 4, 5, 4, 3]])
    found = rate_intervals(k, n, 0.95, is_clustered=True)
    plain = rate_intervals(np.array([[7.0]]), np.array([[20.0]]), 0.95, is_clustered=False)
    assert found.method == [WILSON + FEW_CLUSTERS]
    assert plain.method == [WILSON]
    assert (found.lower[0], found.upper[0]) == (plain.lower[0], plain.upper[0])


def test_rates_of_nought_and_one_widen_with_the_design_effect() -> None:
    rng = np.random.default_rng(0)
    others = rng.binomial(20, rng.beta(1, 2, 40))[None].astype(float)
    k = np.vstack([np.zeros(40), np.full(40, 5.0), others])
    n = np.vstack([np.full(40, 5.0), np.full(40, 5.0), np.full(40, 20.0)])
    found = rate_intervals(k, n, 0.95, is_clustered=True)
    plain = wilson_interval(k.sum(axis=1), n.sum(axis=1), 0.95)
    assert found.method == [DESIGN_EFFECT, DESIGN_EFFECT, CLUSTERED]
    assert found.lower[0] == 0
    assert found.upper[1] == 1
    assert found.upper[0] > 1.5 * plain[1][0]
    assert 1 - found.lower[1] > 1.5 * (1 - plain[0][1])


def test_equal_clusters_do_not_give_a_point() -> None:
    found = rate_intervals(np.full((1, 8), 2.0), np.full((1, 8), 4.0), 0.95, is_clustered=True)
    assert found.upper[0] - found.lower[0] > 0.2


def test_means_cover_with_clusters() -> None:
    rng = np.random.default_rng(2)
    values = 0.3 + rng.normal(0, 0.1, (2000, 12, 1)) + rng.normal(0, 0.2, (2000, 12, 10))
    sums, squares = values.sum(axis=2), (values**2).sum(axis=2)
    found = mean_intervals(sums, squares, np.full((2000, 12), 10.0), 0.95, is_clustered=True)
    assert 0.93 <= ((found.lower <= 0.3) & (found.upper >= 0.3)).mean() <= 0.97
    np.testing.assert_allclose(found.value, values.mean(axis=(1, 2)))


def test_the_mean_of_independent_pupils_by_hand() -> None:
    values = np.array([0.1, 0.4, 0.4, 0.7])
    found = mean_intervals(
        np.array([[values.sum()]]),
        np.array([[(values**2).sum()]]),
        np.array([[4.0]]),
        0.95,
        is_clustered=False,
    )
    half = stats.norm.ppf(0.975) * values.std(ddof=1) / 2
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [0.4 - half, 0.4 + half])


def test_the_mean_of_one_pupil_has_no_limits() -> None:
    one = np.array([[1.0]])
    found = mean_intervals(one, one, one, 0.95, is_clustered=False)
    assert found.value[0] == 1
    assert np.isnan(found.lower[0])
