"""The chance of leaving in each term is recovered from terms that were drawn by known chances."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from riskmodel.models.hazard import find_common_risk, predict_leaving, train_hazards
from riskmodel.models.specs import ModelSpec

N_TERMS = 4
SPEC = ModelSpec(candidates=("base_rate", "scorecard", "logistic", "boosting"), folds=2)


@pytest.fixture(scope="module")
def followed():
    """Pupils who leave by a known chance, which rises in the third term, until some move."""
    rng = np.random.default_rng(6)
    X = pd.DataFrame({"absence": rng.normal(size=4000), "noise": rng.normal(size=4000)})
    bump = np.array([0.0, 0.0, 1.2, 0.0])
    hazards = expit(-3 + X["absence"].to_numpy()[:, None] + bump)
    rows = []
    for pupil in range(len(X)):
        for term in range(N_TERMS):
            left = rng.random() < hazards[pupil, term]
            rows.append((pupil, term + 1, float(left)))
            if left or rng.random() < 0.05:
                break
    pupils, terms, left = (np.array(column) for column in zip(*rows, strict=True))
    truth = 1 - np.cumprod(1 - hazards, axis=1)
    return X, pupils, terms, left, truth


@pytest.fixture(scope="module")
def trained(followed):
    X, pupils, terms, left, _ = followed
    schools = pd.Series([f"school {number % 20}" for number in range(len(X))])
    return train_hazards(X, pupils, terms, left, schools, SPEC, [],
                         n_terms=N_TERMS, random_state=3)  # fmt: skip


def test_only_models_that_can_be_explained_are_fitted(trained):
    assert list(trained.models) == ["scorecard", "logistic"]
    assert trained.chosen == "logistic"


@pytest.mark.parametrize(("family", "error"), [("logistic", 0.02), ("scorecard", 0.06)])
def test_the_risk_by_each_term_is_near_the_truth(followed, trained, family, error):
    X, *_, truth = followed
    risk = predict_leaving(trained.models[family], X, N_TERMS)
    assert risk.shape == truth.shape
    assert (np.diff(risk, axis=1) >= 0).all()
    assert np.abs(risk - truth).mean() < error
    np.testing.assert_allclose(risk.mean(axis=0), truth.mean(axis=0), atol=0.02)


def test_the_common_risk_is_that_of_everyone_though_some_move(followed):
    _, _, terms, left, truth = followed
    common = find_common_risk(terms, left, N_TERMS)
    np.testing.assert_allclose(common, truth.mean(axis=0), atol=0.02)
    assert find_common_risk(np.array([1]), np.array([1.0]), 2).tolist() == [1.0, 1.0]
