"""Unusual training data gives models, and a note where something was left out."""

import warnings

import numpy as np
import pandas as pd
import pytest

from riskmodel.errors import UsageError
from riskmodel.models.specs import ModelSpec
from riskmodel.models.training import train_candidates

FAMILIES = ("base_rate", "scorecard", "logistic", "additive", "boosting")
SPEC = ModelSpec(candidates=FAMILIES, folds=2)


def draw(n, p, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=[f"x{number}" for number in range(p)])
    y = pd.Series((rng.random(n) < 1 / (1 + np.exp(1 - 1.5 * X["x0"]))).astype(float))
    return X, y, pd.Series([f"school {number % 8}" for number in range(n)])


def train(X, y, groups, spec=SPEC):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return train_candidates(X, y, groups, spec, random_state=1)


def check(trained, X):
    for name, model in trained.models.items():
        risk = model.predict_risk(X)
        assert np.isfinite(risk).all(), name
        assert ((risk >= 0) & (risk <= 1)).all(), name
    return trained


def test_more_features_than_pupils():
    X, y, groups = draw(80, 200)
    trained = check(train(X, y, groups), X)
    assert trained.chosen in FAMILIES


def test_duplicate_rows_change_no_risk_by_much_and_break_nothing():
    X, y, groups = draw(150, 4)
    twice = [pd.concat([part, part], ignore_index=True) for part in (X, y, groups)]
    once, double = check(train(X, y, groups), X), check(train(*twice), X)
    gap = once.models["logistic"].predict_risk(X) - double.models["logistic"].predict_risk(X)
    assert np.abs(gap).mean() < 0.05


def test_constant_and_wholly_missing_features_are_named():
    X, y, groups = draw(300, 3)
    X = X.assign(same=1.0, nothing=np.nan)
    trained = check(train(X, y, groups), X)
    for name in FAMILIES[1:]:
        notes = " ".join(trained.models[name].notes)
        assert "same" in notes
        assert "nothing" in notes


def test_a_category_that_was_not_seen_counts_as_none_of_those_seen():
    X, y, groups = draw(400, 2)
    X["group=a"], X["group=b"] = (np.arange(400) % 2 == 0) * 1.0, (np.arange(400) % 2) * 1.0
    trained = check(train(X, y, groups), X)
    # A new category has no column of its own, so that both of these are 0.
    check(trained, X.assign(**{"group=a": 0.0, "group=b": 0.0}))
    with pytest.raises(UsageError) as caught:
        trained.chosen_model.predict_risk(X.assign(**{"group=c": 1.0}))
    assert "group=c" in str(caught.value) + " ".join(caught.value.findings)


def test_three_schools_only_are_folds_of_their_own():
    X, y, _ = draw(300, 3)
    groups = pd.Series([f"school {number % 3}" for number in range(300)])
    trained = check(train(X, y, groups), X)
    assert trained.is_grouped
    few = check(train(X, y, groups, ModelSpec(candidates=FAMILIES, folds=5)), X)
    assert not few.is_grouped
