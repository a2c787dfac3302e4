import numpy as np
import pytest

from riskmodel.models.selection import compare_candidates

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
