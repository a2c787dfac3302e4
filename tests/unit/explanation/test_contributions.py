from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from riskmodel.errors import UsageError
from riskmodel.explanation.contributions import (
    Explanation,
    explain,
    global_importance,
    yardstick_importance,
)
from riskmodel.models.calibration import Calibrator
from riskmodel.models.training import TrainedModels

Pupils = tuple[pd.DataFrame, pd.Series]
INPUTS = ["absence", "points", "days", "absence__missing"]


@pytest.mark.parametrize("name", ["base_rate", "logistic", "additive"])
def test_contributions_add_up_to_the_calibrated_log_odds(
    trained: TrainedModels, pupils: Pupils, name: str
) -> None:
    X, _ = pupils
    model = trained.models[name]
    rows = pd.concat([X, X.assign(absence=np.nan, points=np.nan, days=np.nan)])
    explanation = explain(model, rows)
    total = explanation.contributions.sum(axis=1) + explanation.base
    assert explanation.contributions.shape == rows.shape
    assert np.abs(total - model.decision(rows)).max() < 1e-9
    risk = model.predict_risk(rows)
    assert np.abs(total - np.log(risk / (1 - risk))).max() < 1e-9


def test_a_feature_that_training_never_saw_adds_nothing(
    trained: TrainedModels, pupils: Pupils
) -> None:
    for name in ("logistic", "additive"):
        explanation = explain(trained.models[name], pupils[0])
        assert not explanation.contributions[:, explanation.feature_names.index("nothing")].any()


@pytest.mark.parametrize("name", ["logistic", "additive"])
def test_contributions_add_up_where_a_learnt_value_stands_in(
    filling: TrainedModels, pupils: Pupils, name: str
) -> None:
    X, _ = pupils
    model = filling.models[name]
    is_missing = X["absence"].isna().to_numpy()
    explanation = explain(model, X)
    total = explanation.contributions.sum(axis=1) + explanation.base
    assert model.fill_values == {"absence": pytest.approx(X["absence"].mean())}
    assert is_missing.any()
    assert np.abs(total - model.decision(X)).max() < 1e-9
    # The value and the flag each have a part, and together they are the feature's.
    merged = explanation.merge_flags().contributions[is_missing, 0]
    both = explanation.contributions[is_missing][:, [0, list(X.columns).index("absence__missing")]]
    assert (both != 0).all()
    np.testing.assert_allclose(merged, both.sum(axis=1), atol=1e-12)


def test_the_yardstick_is_explained_with_what_it_was_given(
    filling: TrainedModels, pupils: Pupils
) -> None:
    X, _ = pupils
    model = filling.models["boosting"]
    by_hand = X.fillna(model.fill_values)
    found = yardstick_importance(model, X, random_state=1)
    assert found == yardstick_importance(model, by_hand, random_state=1)
    unfilled = replace(model, fill_values={})
    assert found != yardstick_importance(unfilled, X, random_state=1)


def shapley_by_shap(
    score: Callable[[np.ndarray], np.ndarray], background: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return exact Shapley values against the whole background (shap's default takes 100 rows)."""
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    return np.asarray(shap.explainers.Exact(score, masker)(rows).values)


@pytest.mark.parametrize("name", ["scorecard", "logistic", "additive"])
def test_contributions_are_the_exact_shapley_values(
    trained: TrainedModels, pupils: Pupils, name: str
) -> None:
    X, _ = pupils
    model = trained.models[name]

    def score(values: np.ndarray) -> np.ndarray:
        """Return the model's calibrated log-odds for plain numbers."""
        frame = pd.DataFrame(values, columns=INPUTS).assign(nothing=np.nan)
        return model.decision(frame[list(X.columns)])

    rows = X.iloc[:12]
    expected = shapley_by_shap(score, X[INPUTS].to_numpy(), rows[INPUTS].to_numpy())
    explanation = explain(model, rows)
    found = explanation.contributions[:, [explanation.feature_names.index(i) for i in INPUTS]]
    assert rows["absence"].isna().any()
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_logistic_contributions_agree_with_shaps_linear_explainer(
    trained: TrainedModels, pupils: Pupils
) -> None:
    import shap

    X, _ = pupils
    model = trained.models["logistic"]
    fitted = model.estimator
    prepared = fitted.prepare(X[list(model.inputs)].to_numpy())
    masker = shap.maskers.Independent(prepared, max_samples=len(prepared))
    line = (fitted.coef_, fitted.intercept_)
    values = shap.LinearExplainer(line, masker).shap_values(prepared)
    merged = np.zeros((len(X), len(model.inputs)))
    # The columns that say what was missing follow the features.
    for column, feature in enumerate(fitted.design_.features):
        merged[:, feature] += values[:, column]
    found = explain(model, X).contributions[:, [X.columns.get_loc(name) for name in model.inputs]]
    np.testing.assert_allclose(found, model.calibrator.slope * merged, atol=1e-9)


def test_merged_flags_leave_the_sums_as_they_are(trained: TrainedModels, pupils: Pupils) -> None:
    explanation = explain(trained.models["logistic"], pupils[0])
    merged = explanation.merge_flags()
    assert merged.feature_names == ("absence", "points", "days", "nothing")
    np.testing.assert_allclose(
        merged.contributions.sum(axis=1), explanation.contributions.sum(axis=1), atol=1e-12
    )
    both = explanation.contributions[:, [0, 4]].sum(axis=1)
    np.testing.assert_allclose(merged.contributions[:, 0], both)


def test_a_flag_without_its_feature_stays() -> None:
    explanation = Explanation(np.ones((2, 2)), 0.0, ("days", "absence__missing"))
    assert explanation.merge_flags().feature_names == ("days", "absence__missing")


def test_importance_is_the_mean_size_of_contributions() -> None:
    parts = np.array([[1.0, -0.5, 0.0], [-3.0, 0.5, 0.0]])
    explanation = Explanation(parts, 0.0, ("a", "c", "b"))
    assert global_importance(explanation) == [
        {"feature": "a", "value": 2.0},
        {"feature": "c", "value": 0.5},
        {"feature": "b", "value": 0.0},
    ]


def test_the_yardstick_is_explained_by_a_seeded_sample(
    trained: TrainedModels, pupils: Pupils
) -> None:
    X, _ = pupils
    model = trained.models["boosting"]
    first, second = (yardstick_importance(model, X, sample=200, random_state=3) for _ in range(2))
    assert first == second
    assert first[0]["feature"] == "absence"
    assert first[-1] == {"feature": "nothing", "value": 0.0}
    other = yardstick_importance(model, X, sample=200, random_state=4)
    assert other[0]["value"] != first[0]["value"]


def test_families_are_not_mixed_up(trained: TrainedModels, pupils: Pupils) -> None:
    X, _ = pupils
    with pytest.raises(UsageError, match="got 'logistic'"):
        yardstick_importance(trained.models["logistic"], X, random_state=0)
    with pytest.raises(UsageError, match="got 'boosting'"):
        explain(trained.models["boosting"], X)


def test_where_the_calibration_bends_the_parts_are_in_proportion(
    trained: TrainedModels, pupils: Pupils
) -> None:
    X, _ = pupils
    bent = Calibrator("beta", slope=1.4, intercept=-0.3, low_slope=0.5)
    model = replace(trained.models["logistic"], calibrator=bent)
    explanation = explain(model, X)
    total = explanation.base + explanation.contributions.sum(axis=1)
    np.testing.assert_allclose(total, model.decision(X), atol=1e-9)
    parts = model.term_contributions(X)
    shares = parts / np.abs(parts).sum(axis=1, keepdims=True)
    sizes = np.abs(explanation.contributions).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(explanation.contributions, shares * sizes, atol=1e-9)
