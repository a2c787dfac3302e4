"""Distances that are never negative: their intervals hold small true values too."""

import numpy as np
import pytest
from scipy.special import expit

from riskmodel.evaluation.brier_parts import (
    describe_uncertainty,
    measure_brier_parts,
    measure_calibration_index,
)
from riskmodel.evaluation.calibration import measure_base_rate
from riskmodel.evaluation.distances import Distance, make_distance_interval
from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import make_interval
from riskmodel.evaluation.sample import make_sample

REPEATS = 60
MEASURES = {
    "calibration_index": measure_calibration_index,
    "reliability": lambda sample: measure_brier_parts(sample)[0],
}


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_interval_covers_right_and_wrong_risks(draw, shift):
    """The jackknife on the logarithm covered in 25 to 70 % of such samples."""

    def shift_risks(rows):
        odds = rows["risk"] / (1 - rows["risk"]) * np.exp(shift)
        return rows.assign(risk=odds / (1 + odds))

    many = make_sample(shift_risks(draw(98, n_schools=800, per_school=60, school_sd=0)))
    truth = {name: measure(many).value for name, measure in MEASURES.items()}
    covered = {name: [] for name in MEASURES}
    for repeat in range(REPEATS):
        rows = shift_risks(draw(2000 + repeat, n_schools=20, per_school=40, school_sd=0))
        sample = make_sample(rows)
        for name, measure in MEASURES.items():
            found = make_distance_interval(measure(sample), sample, level=0.95)
            assert 0 <= found.lower <= found.value <= found.upper
            covered[name].append(found.lower <= truth[name] <= found.upper)
    shares = {name: np.mean(values) for name, values in covered.items()}
    assert min(shares.values()) > 0.86, shares  # three standard errors below .95


def test_right_risks_may_lie_at_no_distance_and_wrong_ones_not(draw):
    rows = draw(4, n_schools=40, per_school=60, school_sd=0)
    wrong = rows.assign(risk=rows["risk"] / 2)
    for measure in MEASURES.values():
        right, off = (
            make_distance_interval(measure(sample), sample, level=0.95)
            for sample in (make_sample(rows), make_sample(wrong))
        )
        assert right.lower == 0 < right.value
        assert off.lower > 0.1 * off.value


def test_a_certain_distance_has_a_narrow_interval(pupils):
    sample = make_sample(pupils)
    deviations = np.array([0.3, -0.1])
    without = np.tile(deviations, (sample.n_units, 1)) + 1e-6
    one = Distance(0.2, deviations, without, np.array([0.5, 0.5]), power=1)
    found = make_distance_interval(one, sample, level=0.95)
    assert (found.lower, found.upper) == pytest.approx((0.2, 0.2), abs=1e-4)


def test_a_place_that_one_school_carries_has_no_interval(pupils):
    sample = make_sample(pupils)
    without = np.zeros((sample.n_units, 1))
    without[3] = np.nan
    one = Distance(0.1, np.array([0.1]), without, np.ones(1), power=2)
    assert make_distance_interval(one, sample, level=0.95) == Estimate(
        0.1, reason="no interval: not defined without one school"
    )


def test_equal_risks_lie_as_far_off_as_they_lie_in_the_large(pupils):
    found = measure_calibration_index(make_sample(pupils.assign(risk=0.5)))
    assert found.value == pytest.approx(abs(pupils["label"].mean() - 0.5))


def test_uncertainty_near_a_half_covers(draw):
    """Its slope is 0 there, so that leaving out schools would say next to nothing."""
    covered = []
    for seed in range(REPEATS):
        rows = draw(seed, n_schools=12, per_school=40)
        rng = np.random.default_rng(seed)
        effect = np.repeat(rng.normal(0, 0.5, 12), 40)
        rows["label"] = (rng.random(len(rows)) < expit(effect)).astype(float)
        sample = make_sample(rows)
        rate = make_interval(*measure_base_rate(sample), sample, level=0.95, scale="logit")
        found = describe_uncertainty(rate)
        assert found.lower <= found.value <= found.upper <= 0.25
        covered.append(found.upper == 0.25)
    assert np.mean(covered) > 0.86
