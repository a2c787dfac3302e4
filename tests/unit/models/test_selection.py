import numpy as np
import pytest

from riskmodel.models.calibration import find_losses
from riskmodel.models.selection import choose_by_regret, compare_candidates

RNG = np.random.default_rng(4)
TRUE_RISK = RNG.beta(1, 4, 4000)
Y = (RNG.random(4000) < TRUE_RISK).astype(float)
BLUNT = 0.5 * TRUE_RISK + 0.5 * Y.mean()


def test_a_clear_lead_decides():
    risks = {"logistic": BLUNT, "additive": TRUE_RISK}
    result = compare_candidates(risks, Y, None, "auto")
    assert result.chosen == "additive"
    assert result.log_loss["additive"] < result.log_loss["logistic"]


def test_within_one_standard_error_the_simpler_model_is_used():
    nudged = TRUE_RISK + 1e-4 * (Y - TRUE_RISK)
    noise = np.clip(TRUE_RISK * np.exp(0.3 * RNG.normal(size=4000)), 1e-3, 0.999)
    assert compare_candidates({"logistic": noise, "additive": noise}, Y, None, "auto").chosen == (
        "logistic"
    )
    # A lead that every school shares is beyond its standard error, however small it is.
    risks = {"logistic": TRUE_RISK, "additive": nudged}
    assert compare_candidates(risks, Y, None, "auto").chosen == "additive"


def test_a_lead_that_few_schools_carry_does_not_decide():
    one_school = np.arange(4000) < 200
    better = TRUE_RISK + np.where(one_school, 0.5, -0.001) * (Y - TRUE_RISK)
    risks = {"logistic": TRUE_RISK, "additive": better}
    schools = np.arange(4000) // 200
    assert compare_candidates(risks, Y, None, "auto").chosen == "additive"
    assert compare_candidates(risks, Y, schools, "auto").chosen == "logistic"


def test_the_yardstick_is_never_chosen():
    risks = {"logistic": BLUNT, "boosting": TRUE_RISK, "base_rate": np.full(4000, Y.mean())}
    assert compare_candidates(risks, Y, None, "auto").chosen == "logistic"


def test_a_named_model_is_used():
    risks = {"logistic": BLUNT, "additive": TRUE_RISK}
    result = compare_candidates(risks, Y, None, "logistic")
    assert result.chosen == "logistic"
    assert result.to_dict()["reason"] == "Named in the configuration."


def test_a_certain_error_costs_a_finite_loss():
    result = compare_candidates({"logistic": 1 - Y}, Y, None, "auto")
    assert result.log_loss["logistic"] == pytest.approx(-np.log(1e-15))


def make_periods(seed, lead):
    """Return three periods in which the additive model leads by some log-odds of signal."""
    rng = np.random.default_rng(seed)
    periods = np.repeat([0, 1, 2], [400, 800, 1200])
    signal = rng.normal(size=len(periods))
    y = (rng.random(len(periods)) < 1 / (1 + np.exp(-1.5 * signal))).astype(float)
    risks = {
        "logistic": 1 / (1 + np.exp(-(1.5 - lead) * signal)),
        "additive": 1 / (1 + np.exp(-1.5 * signal)),
        "boosting": y * 0.98 + 0.01,
    }
    return risks, y, periods


def test_the_past_decides_by_regret():
    risks, y, periods = make_periods(1, 1.2)
    chosen, reason, regrets = choose_by_regret(risks, y, periods, None)
    assert chosen == "additive"
    assert "earlier cohorts" in reason
    assert set(regrets) == {"logistic", "additive"}, "the yardstick is no rival"
    assert all(len(values) == 3 for values in regrets.values())
    assert all(min(pair) == 0 for pair in zip(*regrets.values(), strict=True))
    first = periods == 0
    losses = {name: find_losses(risks[name], y)[first].mean() for name in regrets}
    assert regrets["logistic"][0] == pytest.approx(losses["logistic"] - min(losses.values()))


def test_without_a_sure_lead_in_the_past_the_simpler_model_is_used():
    risks, y, periods = make_periods(2, 0.02)
    assert choose_by_regret(risks, y, periods, None)[0] == "logistic"
