"""The measures by term, against slow counts of every pair and against drawn truth."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from riskmodel.evaluation.leaving import COMMON, Followed, measure_leaving
from riskmodel.evaluation.ranking import measure_weighted_auc
from riskmodel.evaluation.specs import EvaluationSpec

N_TERMS = 4


def draw(n, seed, *, censored=0.1, n_schools=25):
    """Return pupils who are followed for a while, their risks, and when all of them left."""
    rng = np.random.default_rng(seed)
    school = rng.integers(0, n_schools, n)
    log_odds = -2.2 + rng.normal(0, 1, n) + rng.normal(0, 0.5, n_schools)[school]
    hazard = 1 / (1 + np.exp(-log_odds))
    when = rng.geometric(np.clip(hazard, 1e-9, 1))
    end = np.minimum(rng.geometric(censored, n) - 1 if censored else np.full(n, 99), N_TERMS)
    left = when <= end
    pupils = pd.DataFrame(
        {"school_unit": school.astype(str), "n_known": np.where(left, when, end), "left": left}
    )
    risk = 1 - (1 - hazard)[:, None] ** np.arange(1, N_TERMS + 1)
    return pupils, risk, when


def measure(pupils, risk, **settings):
    common = np.tile(risk.mean(axis=0), (len(pupils), 1))
    return measure_leaving(pupils, {COMMON: common, "model": risk}, EvaluationSpec(**settings))


@given(st.integers(0, 10_000))
def test_the_weighted_area_is_that_of_another_implementation(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 60))
    risk, unit = rng.integers(0, 8, n) / 8, rng.integers(0, 3, n)
    label = np.arange(n) % 2 == 0
    weight = rng.random(n) + 0.1
    positive, negative = np.where(label, weight, 0.0), np.where(label, 0.0, weight)
    value, without = measure_weighted_auc(risk, positive, negative, unit, 3)
    assert value == pytest.approx(roc_auc_score(label, risk, sample_weight=weight), abs=1e-12)
    for number in range(3):
        rest = unit != number
        if len(np.unique(label[rest])) == 2:
            expected = roc_auc_score(label[rest], risk[rest], sample_weight=weight[rest])
            assert without[number] == pytest.approx(expected, abs=1e-10)
        else:
            assert np.isnan(without[number])


def test_where_all_are_followed_the_measures_are_the_plain_ones():
    pupils, risk, when = draw(2000, 1, censored=0)
    result = measure(pupils, risk)
    assert [entry["term"] for entry in result["terms"]] == [1, 2, 3, 4]
    for entry in result["terms"]:
        left, own = when <= entry["term"], risk[:, entry["term"] - 1]
        figures = entry["models"]["model"]
        assert entry["left"]["value"] == pytest.approx(left.mean())
        assert figures["expected"] == pytest.approx(own.mean())
        assert figures["auc"]["value"] == pytest.approx(roc_auc_score(left, own))
        assert figures["brier"]["value"] == pytest.approx(((left - own) ** 2).mean())
        common = ((left - own.mean()) ** 2).mean()
        assert figures["brier_gain"]["value"] == pytest.approx(
            common - figures["brier"]["value"], abs=1e-9
        )
        assert entry["models"][COMMON]["auc"]["value"] == pytest.approx(0.5)
    mean = np.mean([entry["models"]["model"]["auc"]["value"] for entry in result["terms"]])
    assert result["overall"]["model"]["auc"]["value"] == pytest.approx(mean)


def test_those_who_are_followed_stand_for_those_who_are_not():
    pupils, risk, when = draw(60_000, 2, censored=0.2)
    for entry in measure(pupils, risk)["terms"]:
        left, own = when <= entry["term"], risk[:, entry["term"] - 1]
        figures = entry["models"]["model"]
        assert entry["left"]["value"] == pytest.approx(left.mean(), abs=0.01)
        assert figures["auc"]["value"] == pytest.approx(roc_auc_score(left, own), abs=0.01)
        assert figures["brier"]["value"] == pytest.approx(((left - own) ** 2).mean(), abs=0.005)


def test_the_weights_are_one_over_the_chance_of_being_followed():
    # Of five, one is not followed at all and one only for a term.
    followed = Followed(np.array([0, 1, 2, 2, 1]), np.array([False, False, False, True, True]))
    np.testing.assert_allclose(followed.find_followed(2), [4 / 5, 4 / 5 * 2 / 3])
    gone, there = followed.weigh(2)
    np.testing.assert_allclose(gone, [0, 0, 0, 15 / 8, 5 / 4])
    np.testing.assert_allclose(there, [0, 0, 15 / 8, 0, 0])


@pytest.mark.parametrize("name", ["auc", "brier"])
def test_intervals_cover_about_as_often_as_they_claim(name):
    truth, _, covered = {}, None, 0
    reference, risk, _ = draw(200_000, 99, censored=0, n_schools=4000)
    truth = measure(reference, risk)["terms"][-1]["models"]["model"][name]["value"]
    for seed in range(60):
        pupils, risk, _ = draw(1500, seed, n_schools=40)
        figure = measure(pupils, risk)["terms"][-1]["models"]["model"][name]
        covered += figure["lower"] <= truth <= figure["upper"]
    assert covered >= 51


def test_terms_with_few_are_left_out_also_by_taking_one_from_the_next():
    left = np.zeros(400, dtype=bool)
    n_known = np.full(400, 3)
    left[:33] = True
    n_known[:12], n_known[12:18], n_known[18:33] = 1, 2, 3
    pupils = pd.DataFrame({"school_unit": [str(n % 10) for n in range(400)],
                           "n_known": n_known, "left": left})  # fmt: skip
    risk = np.linspace(0.01, 0.3, 400)[:, None] * np.array([[1.0, 1.5, 2.0]])
    shown = [entry["term"] for entry in measure(pupils, risk)["terms"]]
    assert shown == [1, 3]
    assert measure(pupils, risk, minimum_count=50) == {"n_terms": 3, "terms": [], "overall": {}}


def test_the_area_has_no_interval_where_few_have_left():
    pupils, risk, _ = draw(2000, 4, censored=0)
    early = pupils.index[pupils["left"] & (pupils["n_known"] == 1)]
    kept = pupils.drop(index=early[15:])
    found = measure(kept, risk[kept.index])
    first, second = (entry["models"]["model"]["auc"] for entry in found["terms"][:2])
    assert first["value"] is not None
    assert first["lower"] is None
    assert "fewer than 20" in first["reason"]
    assert second["lower"] is not None
    assert found["overall"]["model"]["auc"]["lower"] is None
    assert found["overall"]["model"]["brier"]["lower"] is not None
