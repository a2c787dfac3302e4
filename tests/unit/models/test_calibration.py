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


def draw_bent(seed, size=20_000):
    """Return scores that are too extreme below 0 and right above."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 2, size)
    truth = np.where(score < 0, 0.3 * score, score)
    return score, truth, (rng.random(size) < expit(truth)).astype(float)


def test_beta_finds_both_slopes():
    rng = np.random.default_rng(5)
    score = rng.normal(0, 2, 60_000)
    truth = 1.2 * np.logaddexp(0, score) - 0.4 * np.logaddexp(0, -score) - 0.5
    y = (rng.random(len(score)) < expit(truth)).astype(float)
    found = fit_calibrator(score, y, "beta")
    assert (found.slope, found.low_slope) == pytest.approx((1.2, 0.4), abs=0.05)
    assert found.apply(score) == pytest.approx(truth, abs=0.2)


@pytest.mark.parametrize("kind", ["beta", "isotonic"])
def test_what_bends_is_followed_better_than_by_a_line(kind):
    score, truth, y = draw_bent(6)
    line, bent = fit_calibrator(score, y), fit_calibrator(score, y, kind)

    def miss(calibrator):
        return np.abs(expit(calibrator.apply(score)) - expit(truth)).mean()

    assert miss(bent) < 0.6 * miss(line)
    rising = bent.apply(np.linspace(-12, 12, 400))
    assert (np.diff(rising) > 0).all()
    assert np.isfinite(rising).all()


def test_a_knot_is_never_one_pupils():
    score, _, y = draw_bent(7, size=300)
    found = fit_calibrator(score, y, "isotonic")
    assert len(found.knots) <= 15
    assert not set(found.knots) & set(score)


@pytest.mark.parametrize("kind", ["sigmoid", "beta", "isotonic"])
def test_parts_stretched_add_up_to_the_calibrated_score(kind):
    score, _, y = draw_bent(8, size=2000)
    calibrator = fit_calibrator(score, y, kind)
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(500, 3))
    parts[0] = 0.0
    centre = -0.7
    total = centre + parts.sum(axis=1)
    stretched = parts * calibrator.stretch(total, centre)[:, None]
    base = calibrator.apply(np.array([centre]))
    np.testing.assert_allclose(base + stretched.sum(axis=1), calibrator.apply(total), atol=1e-9)
    assert (calibrator.stretch(total, centre) >= 0).all()


@pytest.mark.parametrize("kind", ["sigmoid", "beta", "isotonic"])
def test_a_calibrator_is_the_same_from_its_fields(kind):
    score, _, y = draw_bent(9, size=500)
    calibrator = fit_calibrator(score, y, kind)
    assert Calibrator.from_dict(calibrator.to_dict()) == calibrator


@pytest.mark.parametrize("kind", ["beta", "isotonic"])
def test_what_points_the_wrong_way_is_the_base_rate_by_any_kind(kind):
    score, _, y = draw_bent(10, size=3000)
    assert fit_calibrator(-score, y, kind).kind == "base_rate"
