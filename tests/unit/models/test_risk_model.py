import numpy as np
import pytest

from riskmodel.errors import UsageError

DECOMPOSABLE = ("base_rate", "high_absence", "scorecard", "logistic", "additive")


@pytest.mark.parametrize("name", DECOMPOSABLE)
def test_contributions_add_up_to_the_score(trained, pupils, name):
    X, y, _ = pupils
    model = trained.models[name]
    terms = model.term_contributions(X)
    assert terms.shape == X.shape
    assert np.abs(terms.sum(axis=1) + model.intercept - model.score(X)).max() < 1e-9
    assert np.abs(terms[y.notna()].mean(axis=0)).max() < 1e-12


@pytest.mark.parametrize("name", DECOMPOSABLE)
def test_the_calibrated_log_odds_stay_additive(trained, pupils, name):
    X, _, _ = pupils
    model = trained.models[name]
    parts = model.term_contributions(X).sum(axis=1)
    parts = parts * model.calibrator.stretch(model.intercept + parts, model.intercept)
    base = model.calibrator.apply(np.array([model.intercept]))
    assert np.abs(parts + base - model.decision(X)).max() < 1e-9


def test_a_change_in_one_feature_moves_only_its_contribution(trained, pupils):
    X, _, _ = pupils
    for name in ("logistic", "additive"):
        model = trained.models[name]
        changed = X.assign(grade_points=np.nan)
        moved = np.abs(model.term_contributions(changed) - model.term_contributions(X)).max(axis=0)
        assert (moved > 1e-12).tolist() == [column == "grade_points" for column in X.columns]


def test_the_yardstick_does_not_decompose(trained, pupils):
    model = trained.models["boosting"]
    with pytest.raises(UsageError, match="got 'boosting'"):
        model.term_contributions(pupils[0])
    with pytest.raises(UsageError, match="got 'boosting'"):
        _ = model.intercept


def test_the_order_of_columns_does_not_matter(trained, pupils):
    X, _, _ = pupils
    for model in trained.models.values():
        assert (model.predict_risk(X[X.columns[::-1]]) == model.predict_risk(X)).all()


def test_columns_that_differ_are_named_all_at_once(trained, pupils):
    X, _, _ = pupils
    wrong = X.rename(columns={"absence_share": "absence_shares"}).drop(columns="noise")
    with pytest.raises(UsageError) as caught:
        trained.chosen_model.predict_risk(wrong)
    assert caught.value.findings == (
        "column `absence_share` is missing. Did you mean 'absence_shares'?",
        "column `noise` is missing.",
        "column `absence_shares` is not a feature of the model.",
    )


def test_no_rows_give_no_risks(trained, pupils):
    X, _, _ = pupils
    for model in trained.models.values():
        assert model.predict_risk(X.iloc[:0]).shape == (0,)
    assert trained.chosen_model.term_contributions(X.iloc[:0]).shape == (0, X.shape[1])
