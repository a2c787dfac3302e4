"""What stands in for a missing value is learnt from training rows and from them alone."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer

from riskmodel.models.missing import fill_missing, find_learnt_rules, learn_fill_values
from riskmodel.models.persistence import load_model, save_model
from riskmodel.models.specs import ModelSpec, RuleSpec
from riskmodel.models.training import train_candidates
from riskmodel.tracking.scorer import RiskScorer

NAMES = ["grades", "contacts"]
RULES = {"grades": "mean", "contacts": "median"}
INFOS = [
    {"name": "grades", "missing": "mean"},
    {"name": "grades__missing", "missing": "keep"},
    {"name": "contacts", "missing": "median"},
    {"name": "contacts__missing", "missing": "keep"},
    {"name": "absence", "missing": "keep"},
]
FAMILIES = ("logistic", "additive", "boosting")
SPEC = ModelSpec(
    candidates=("base_rate", "rule", *FAMILIES),
    rules=(RuleSpec(name="few_contacts", feature="contacts", at_least=2),),
    folds=2,
)
QUICK = ModelSpec(candidates=("logistic",), folds=2, calibration="none")


def add_flags(X):
    """Return the features in order, with a flag beside each that may be missing."""
    flags = {f"{name}__missing": X[name].isna().astype(float) for name in NAMES}
    return X.assign(**flags)[[info["name"] for info in INFOS]]


def make_pupils(n_rows, seed=5):
    """Pupils whose values are missing more often where the risk is high."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "grades": rng.gamma(3, 4, n_rows),
            "contacts": rng.poisson(2.0, n_rows).astype(float),
            "absence": rng.beta(1, 8, n_rows),
        }
    )
    is_missing = rng.random((n_rows, 2)) < 0.25
    log_odds = -1 + 2 * is_missing[:, 0] - 0.1 * (X["grades"] - 12) + 4 * X["absence"]
    X[NAMES] = X[NAMES].mask(is_missing)
    y = pd.Series((rng.random(n_rows) < 1 / (1 + np.exp(-log_odds))).astype(float))
    return add_flags(X), y


@pytest.fixture(scope="module")
def rows():
    X, y = make_pupils(400)
    y.iloc[:20] = np.nan
    return X, y


@pytest.fixture(scope="module")
def fitted(rows):
    X, y = rows
    return train_candidates(X, y, None, SPEC, INFOS, random_state=3)


numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
columns = st.lists(numbers | st.just(np.nan), min_size=0, max_size=40)


@given(columns, st.sampled_from(["mean", "median"]))
def test_what_is_learnt_is_what_scikit_learn_and_numpy_learn(column, rule):
    X = np.array(column, dtype=np.float64)[:, np.newaxis]
    learnt = learn_fill_values(X, ["value"], {"value": rule})
    if np.isfinite(X).sum() < 10:
        assert learnt == {}
        assert np.array_equal(fill_missing(X, ["value"], learnt), X, equal_nan=True)
        return
    imputer = SimpleImputer(strategy=rule).fit(X)
    assert fill_missing(X, ["value"], learnt) == pytest.approx(imputer.transform(X), rel=1e-12)
    by_numpy = {"mean": np.nanmean, "median": np.nanmedian}[rule](X)
    assert learnt["value"] == pytest.approx(by_numpy, rel=1e-12, abs=1e-9)


def test_only_features_that_ask_for_it_are_filled_and_the_table_stays():
    X = np.array([[np.nan, np.nan], [1.0, 2.0]])
    filled = fill_missing(X, ["a", "b"], {"b": 7.0})
    assert np.array_equal(filled, [[np.nan, 7.0], [1.0, 2.0]], equal_nan=True)
    assert np.isnan(X[0]).all()


def test_the_rules_are_those_that_the_feature_stage_declares():
    kinds = ("keep", "zero", "constant", "mean", "median")
    infos = [{"name": kind, "missing": kind} for kind in kinds]
    names = ["median", "unknown", "zero", "keep", "constant", "mean"]
    assert find_learnt_rules(names, infos) == {"median": "median", "mean": "mean"}
    assert find_learnt_rules(names, [{"name": "mean"}]) == {}


def test_the_final_models_learn_from_the_rows_with_a_label(fitted, rows):
    X, y = rows
    known = X[y.notna()]
    expected = {"grades": known["grades"].mean(), "contacts": known["contacts"].median()}
    for name in FAMILIES:
        assert fitted.models[name].fill_values == pytest.approx(expected, rel=1e-12)
        assert fitted.models[name].notes[-2:] == (
            "The training pupils' mean stands in where missing: grades.",
            "The training pupils' median stands in where missing: contacts.",
        )


def test_a_missing_value_is_scored_as_the_learnt_one_and_the_flag(fitted, rows):
    X, _ = rows
    for name in FAMILIES:
        model = fitted.models[name]
        by_hand = X.fillna(model.fill_values)
        assert X.isna().any(axis=None)
        assert (model.predict_risk(X) == model.predict_risk(by_hand)).all()
        # The flag has its own say: not reported is not the same as the average.
        as_present = by_hand.assign(grades__missing=0.0)
        missing = X["grades"].isna()
        differs = model.predict_risk(X) != model.predict_risk(as_present)
        assert differs[missing].all()
        assert not differs[~missing].any()


def test_a_rule_of_thumb_does_not_apply_to_what_stands_in(fitted, rows):
    X, _ = rows
    model = fitted.models["few_contacts"]
    assert model.fill_values == {}
    assert fitted.models["logistic"].fill_values["contacts"] >= 2
    risk = model.predict_risk(X)
    flagged, others = (set(risk[side]) for side in (X["contacts"] >= 2, ~(X["contacts"] >= 2)))
    assert X["contacts"].isna().any()
    assert len(flagged) == len(others) == len(flagged | others) / 2


def test_each_fold_learns_from_the_other_folds_alone(rows):
    X, y = rows
    plain = ModelSpec(candidates=FAMILIES, calibration="none", folds=2)
    trained = train_candidates(X, y, None, plain, INFOS, random_state=3)
    for number in range(2):
        outside = trained.folds == number
        learnt = X[~outside & y.notna()].agg({"grades": "mean", "contacts": "median"})
        by_hand = X.fillna(learnt.to_dict())
        # Without a rule to learn, and with the fold's own values filled in beforehand, the
        # fold's scores are the very same ones.
        again = train_candidates(by_hand, y, None, plain, [], random_state=3)
        assert (again.folds == trained.folds).all()
        pd.testing.assert_frame_equal(
            again.out_of_fold_risk[outside], trained.out_of_fold_risk[outside], rtol=1e-9
        )


@pytest.fixture(scope="module")
def small():
    X, y = make_pupils(90, seed=8)
    return X, y, train_candidates(X, y, None, QUICK, INFOS, random_state=1)


# Every example trains anew: few of them, and a failing one is shown as it was found.
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.data())
def test_a_held_out_value_never_changes_the_score_of_another_row(small, data):
    X, y, before = small
    fold = data.draw(st.sampled_from([0, 1]))
    held_out = before.folds.index[before.folds == fold]
    row = data.draw(st.sampled_from(list(held_out)))
    changed = X.copy()
    for name in NAMES:
        changed.loc[row, name] = data.draw(numbers | st.just(np.nan))
    after = train_candidates(add_flags(changed), y, None, QUICK, INFOS, random_state=1)
    others = held_out.drop(row)
    one, other = before.out_of_fold_risk, after.out_of_fold_risk
    pd.testing.assert_frame_equal(one.loc[others], other.loc[others], check_exact=True)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_scored_value_never_changes_the_risk_of_another_row(fitted, rows, data):
    X, _ = rows
    X = X.head(12)
    model = fitted.models[data.draw(st.sampled_from(FAMILIES))]
    row = data.draw(st.integers(0, len(X) - 1))
    changed = X.copy()
    for name in NAMES:
        changed.loc[row, name] = data.draw(numbers | st.just(np.nan))
    before, after = model.predict_risk(X), model.predict_risk(add_flags(changed))
    assert (np.delete(before, row) == np.delete(after, row)).all()
    alone = model.predict_risk(add_flags(changed).iloc[[row]])
    assert alone == pytest.approx(after[[row]], rel=1e-12)


@pytest.mark.parametrize("name", ["base_rate", "few_contacts", "logistic", "additive"])
def test_the_parts_of_a_filled_risk_still_add_up(fitted, rows, name):
    X, y = rows
    model = fitted.models[name]
    terms = model.term_contributions(X)
    assert np.abs(terms.sum(axis=1) + model.intercept - model.score(X)).max() < 1e-9
    assert np.abs(terms[y.notna()].mean(axis=0)).max() < 1e-12


@pytest.mark.parametrize("name", ["few_contacts", *FAMILIES])
def test_a_saved_model_fills_as_it_did_and_so_does_mlflow(fitted, rows, tmp_path, name):
    X, _ = rows
    model = fitted.models[name]
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.fill_values == model.fill_values
    assert (loaded.predict_risk(X) == model.predict_risk(X)).all()
    assert (RiskScorer(loaded).predict(X) == model.predict_risk(X)).all()
    content = json.loads((tmp_path / "model" / "model.json").read_text(encoding="utf-8"))
    assert content["fill_values"] == model.fill_values


def test_what_stands_in_has_a_say_in_the_risk(fitted, rows):
    X, _ = rows
    model = fitted.models["logistic"]
    other = replace(model, fill_values=model.fill_values | {"grades": 99.0})
    moved = other.predict_risk(X) != model.predict_risk(X)
    assert moved.tolist() == X["grades"].isna().tolist()


def test_a_feature_with_nothing_to_learn_from_is_left_out_and_recorded(rows):
    X, y = rows
    void = add_flags(X.assign(grades=np.nan))
    few = X["contacts"].where(X.index.isin(X.index[y.notna() & X["contacts"].notna()][:9]))
    void = add_flags(void.assign(contacts=few))
    model = train_candidates(void, y, None, QUICK, INFOS, random_state=3).models["logistic"]
    assert model.inputs == ("contacts__missing", "absence")
    assert model.fill_values == {}
    assert model.notes == (
        "Not used, the same for every training pupil: grades, grades__missing.",
        "Not used, known for fewer than 10 training pupils: contacts.",
    )
    risk = model.predict_risk(void)
    assert np.isfinite(risk).all()
    assert (model.predict_risk(void.assign(grades=3.0, contacts=4.0)) == risk).all()


def test_a_feature_that_is_one_value_or_missing_speaks_through_its_flag(rows):
    X, y = rows
    X = X.assign(grades=X["grades"] * 0 + 4)
    model = train_candidates(X, y, None, QUICK, INFOS, random_state=3).models["logistic"]
    assert "grades" not in model.inputs
    assert "grades__missing" in model.inputs
    assert model.notes[0] == "Not used, the same for every training pupil: grades."


def test_a_value_first_missing_after_training_is_filled_too(rows):
    X, y = rows
    whole = add_flags(X.assign(grades=X["grades"].fillna(10.0)))
    model = train_candidates(whole, y, None, QUICK, INFOS, random_state=3).models["logistic"]
    new = whole.assign(grades=np.nan)
    expected = whole.assign(grades=whole.loc[y.notna(), "grades"].mean())
    assert model.predict_risk(new) == pytest.approx(model.predict_risk(expected), rel=1e-12)
