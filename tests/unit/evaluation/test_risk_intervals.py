import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from riskmodel.evaluation.risk_intervals import find_risk_intervals


def draw_rows(seed, n_schools=30, per_school=60, intercept=0.0, slope=1.0, school_sd=0.4):
    """Return pupils whose chance on average follows a line in the log-odds of their risk."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(-1.0, 1.0, n_schools * per_school)
    school = np.repeat(np.arange(n_schools), per_school)
    effect = generator.normal(0, school_sd, n_schools)[school]
    chance = expit(intercept + slope * log_odds + effect)
    return pd.DataFrame({
        "risk": expit(log_odds),
        "label": (generator.random(len(school)) < chance).astype(float),
        "school_unit": [f"S{number:03d}" for number in school],
    })  # fmt: skip


def find(rows, risk, **settings):
    return find_risk_intervals(
        rows, np.asarray(risk), **({"level": 0.95, "minimum_count": 10} | settings)
    )


def test_intervals_follow_the_calibration_line():
    rows = draw_rows(1, n_schools=80, intercept=-0.5, slope=0.8, school_sd=0.0)
    risk = np.array([0.1, 0.3, 0.6])
    found = find(rows, risk)
    truth = expit(-0.5 + 0.8 * logit(risk))
    assert (found.lower < truth).all()
    assert (truth < found.upper).all()
    assert (found.upper < risk).all() or found.upper[2] < risk[2]
    assert "delete-one-school" in found.method


def test_intervals_cover_over_schools_as_often_as_asked():
    # The true share at a risk is the mean over schools: about a third of a school's shift wide.
    generator = np.random.default_rng(0)
    effect = generator.normal(0, 0.4, 200_000)
    risk = np.array([0.1, 0.27, 0.5])
    truth = np.array([expit(logit(one) + effect).mean() for one in risk])
    held = []
    for seed in range(120):
        found = find(draw_rows(seed), risk)
        held.append((found.lower <= truth) & (truth <= found.upper))
    share = np.mean(held, axis=0)
    assert (share > 0.89).all(), share


def test_more_schools_narrow_the_interval():
    few, many = (find(draw_rows(3, n_schools=count), [0.3]) for count in (10, 160))
    assert many.upper[0] - many.lower[0] < 0.5 * (few.upper[0] - few.lower[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": 0.0}, "fewer than 10"),
        ({"label": np.nan}, "fewer than 10"),
        ({"risk": 0.2}, "all risks are equal"),
    ],
)
def test_without_enough_there_is_no_interval_but_a_reason(change, reason):
    found = find(draw_rows(2).assign(**change), [0.1, 0.9])
    assert np.isnan(found.lower).all()
    assert np.isnan(found.upper).all()
    assert reason in found.reason


def test_the_order_of_the_rows_does_not_matter():
    rows = draw_rows(4)
    mixed = rows.sample(frac=1, random_state=1)
    one, other = find(rows, [0.2]), find(mixed, [0.2])
    np.testing.assert_allclose(one.lower, other.lower, rtol=1e-9)


def test_risks_that_part_the_outcomes_give_no_interval():
    rows = draw_rows(2)
    found = find(rows.assign(risk=0.2 + 0.5 * rows["label"]), [0.1, 0.9])
    assert np.isnan(found.lower).all()
    assert "separate" in found.reason
