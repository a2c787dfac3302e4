"""A smaller version of the simulations behind docs/evaluation_simulations.md."""

from benchmarks.evaluation_simulations import LEVELS, MEASURES, find_truth, simulate

REPEATS = 60


def test_the_intervals_cover_the_truth_about_as_often_as_they_claim():
    """Of 60 intervals of 95 %, fewer than 51 hold the truth once in 10,000 times."""
    truth = find_truth(LEVELS["15 %"], regions=1)
    found = simulate(30, LEVELS["15 %"], truth, REPEATS)
    assert set(found) == set(MEASURES)
    for name, (share, count) in found.items():
        assert count == REPEATS, name
        assert share >= 51 / REPEATS, name


def test_a_wrong_truth_is_not_covered():
    truth = {name: value * 1.3 for name, value in find_truth(0.0, regions=1).items()}
    found = simulate(60, 0.0, truth, 10)
    assert max(found[name][0] for name in ("base_rate", "auc", "brier")) < 0.5
