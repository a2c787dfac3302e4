"""The parts of a risk are the exact Shapley values, with pairs, categories and missing values."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shap

from riskmodel.explanation.contributions import explain
from riskmodel.models.calibration import KINDS, Kind, fit_calibrator
from riskmodel.models.risk_model import RiskModel
from riskmodel.models.specs import ModelSpec, RuleSpec
from riskmodel.models.training import TrainedModels, train_candidates

FAMILIES = ("base_rate", "low_points", "scorecard", "logistic", "additive")
SECONDS_FOR_20_000 = 0.3


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, pd.Series[float]]:
    """Return pupils whose absence counts more in one programme, and if points are not known."""
    rng = np.random.default_rng(11)
    size = 900
    programme = rng.choice(["BA", "NA", "TE"], size)
    X = pd.DataFrame(
        {
            "absence": rng.beta(1, 6, size),
            "points": rng.normal(13, 3, size).clip(0, 20),
            "contacts": rng.poisson(0.8, size).astype(float),
            **{f"programme={name}": (programme == name).astype(float) for name in ("BA", "NA")},
        }
    )
    X.loc[rng.random(size) < 0.2, "points"] = np.nan
    X.loc[rng.random(size) < 0.1, "absence"] = np.nan
    absence = X["absence"].fillna(0.2)
    together = 9 * absence * (X["programme=BA"] + X["points"].isna())
    score = -2.2 + 4 * absence + together - 0.2 * (X["points"].fillna(12) - 13)
    return X, pd.Series((rng.random(size) < 1 / (1 + np.exp(-score))).astype(float))


@pytest.fixture(scope="module")
def models(rows: tuple[pd.DataFrame, pd.Series[float]]) -> TrainedModels:
    spec = ModelSpec(
        candidates=("base_rate", "rule", "scorecard", "logistic", "additive"),
        rules=(RuleSpec(name="low_points", feature="contacts", at_least=2.0),),
        folds=2,
        calibration="sigmoid",
        logistic={"n_knots": 3},
        additive={"n_pairs": 4},
    )
    return train_candidates(*rows, None, spec, random_state=3)


def shapley_values(model: RiskModel, background: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Return what `shap` finds for some rows against every row of the background."""
    masker = shap.maskers.Independent(background.to_numpy(), max_samples=len(background))
    names = list(background.columns)
    score = shap.explainers.Exact(
        lambda values: model.decision(pd.DataFrame(values, columns=names)), masker
    )
    return np.asarray(score(rows.to_numpy()).values)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_parts_are_those_of_shap(
    rows: tuple[pd.DataFrame, pd.Series[float]], models: TrainedModels, name: str
) -> None:
    X, _ = rows
    model = models.models[name]
    # Pupils of each programme, with and without what may be missing.
    some = X.groupby([X["programme=BA"], X["points"].isna(), X["absence"].isna()]).head(2)
    assert len(some) == 16
    explanation = explain(model, some)
    np.testing.assert_allclose(explanation.contributions, shapley_values(model, X, some), atol=1e-9)


def test_the_additive_model_has_pairs_with_a_category_and_a_missing_value(
    models: TrainedModels,
) -> None:
    model = models.models["additive"]
    pairs = [{model.inputs[one], model.inputs[other]} for one, other, *_ in model.estimator.pairs_]
    assert {"absence", "programme=BA"} in pairs
    for *_, to_one, to_other in model.estimator.pairs_:
        assert to_one.any()
        assert to_other.any()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_parts_add_up_whatever_the_calibration(
    rows: tuple[pd.DataFrame, pd.Series[float]], models: TrainedModels, name: str, kind: Kind
) -> None:
    X, y = rows
    model = models.models[name]
    bent = replace(model, calibrator=fit_calibrator(model.score(X), y.to_numpy(), kind))
    explanation = explain(bent, X)
    risk = bent.predict_risk(X)
    total = explanation.contributions.sum(axis=1) + explanation.base
    assert np.abs(total - np.log(risk / (1 - risk))).max() <= 1e-9


@pytest.mark.parametrize("name", FAMILIES)
def test_twenty_thousand_pupils_are_explained_at_once(
    rows: tuple[pd.DataFrame, pd.Series[float]], models: TrainedModels, name: str
) -> None:
    X, _ = rows
    many = X.sample(20_000, replace=True, random_state=0)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        explain(models.models[name], many)
        seconds.append(time.process_time() - start)
    assert min(seconds) < SECONDS_FOR_20_000
