import numpy as np
import pytest
from scipy.special import expit, logit

from riskmodel.models.calibration import Calibrator, fit_calibrator


def test_a_known_line_is_found_again():
    rng = np.random.default_rng(1)
    score = rng.normal(0, 2, 40_000)
    y = (rng.random(len(score)) < expit(0.6 * score - 1.0)).astype(float)
    calibrator = fit_calibrator(score, y)
    assert calibrator.kind == "sigmoid"
    assert calibrator.slope == pytest.approx(0.6, abs=0.03)
    assert calibrator.intercept == pytest.approx(-1.0, abs=0.04)


def test_it_maximises_the_likelihood_of_the_targets_that_platt_proposed():
    rng = np.random.default_rng(2)
    score = 100 + 30 * rng.normal(size=200)
    y = (rng.random(200) < expit((score - 110) / 20)).astype(float)
    target = np.where(y == 1, (y.sum() + 1) / (y.sum() + 2), 1 / (200 - y.sum() + 2))
    fitted = expit(fit_calibrator(score, y).apply(score))
    assert np.sum(target - fitted) == pytest.approx(0, abs=1e-3)
    assert np.sum((target - fitted) * (score - 100) / 30) == pytest.approx(0, abs=1e-3)


def test_separated_scores_give_a_finite_line():
    score = np.array([-2.0, -1.0, 1.0, 2.0] * 10)
    calibrator = fit_calibrator(score, (score > 0).astype(float))
    assert 0 < calibrator.slope < 100


@pytest.mark.parametrize("turn", [-1.0, 0.0])
def test_scores_that_point_the_wrong_way_give_the_base_rate(turn):
    rng = np.random.default_rng(3)
    score = rng.normal(size=500)
    y = (rng.random(500) < expit(score - 1)).astype(float)
    calibrator = fit_calibrator(turn * score, y)
    assert calibrator == Calibrator("base_rate", 0.0, pytest.approx(logit(y.mean())))
