import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from riskmodel.errors import UndefinedMetricError, UsageError
from riskmodel.models.calibration import fit_calibrator
from riskmodel.models.specs import ModelSpec, RuleSpec
from riskmodel.models.training import _list_candidates, train_candidates

LEARNT = ModelSpec(candidates=("logistic", "boosting"), folds=3)
QUICK = ModelSpec(candidates=("base_rate", "logistic"), folds=3)


def test_every_candidate_is_there_in_order(trained, pupils):
    names = ["base_rate", "high_absence", "scorecard", "logistic", "additive", "boosting"]
    assert list(trained.models) == names
    assert list(trained.out_of_fold_risk) == names
    assert trained.out_of_fold_risk.index.equals(pupils[0].index)
    assert trained.is_grouped


def test_risks_are_probabilities_for_every_row(trained, pupils):
    X, _, _ = pupils
    for model in trained.models.values():
        risk = model.predict_risk(X)
        assert risk.shape == (len(X),)
        assert ((risk > 0) & (risk < 1)).all()
    assert trained.out_of_fold_risk.notna().all().all()


def test_the_learnt_models_find_the_signal(trained, pupils):
    _, y, _ = pupils
    known = y.notna()
    auc = {
        name: roc_auc_score(y[known], risk[known])
        for name, risk in trained.out_of_fold_risk.items()
    }
    assert auc["base_rate"] == 0.5
    assert auc["high_absence"] > 0.6
    assert min(auc["logistic"], auc["additive"], auc["boosting"]) > 0.7


def test_out_of_fold_risks_are_calibrated_without_their_own_fold(trained, pupils):
    X, y, schools = pupils
    known = y.notna().to_numpy()
    plain = ModelSpec(candidates=("logistic",), folds=3, calibration="none")
    uncalibrated = train_candidates(X, y, schools, plain, random_state=11)
    assert (uncalibrated.folds == trained.folds).all()
    folds = trained.folds.to_numpy()
    scores = logit(uncalibrated.out_of_fold_risk["logistic"].to_numpy())
    for number in range(3):
        others = known & (folds != number)
        line = fit_calibrator(scores[others], y.to_numpy()[others])
        expected = expit(line.apply(scores[folds == number]))
        assert trained.out_of_fold_risk["logistic"].to_numpy()[folds == number] == pytest.approx(
            expected, abs=1e-9
        )


def test_a_fold_has_no_say_in_the_scores_that_its_rows_are_given(pupils):
    X, y, _ = pupils
    kept = pd.Series(np.arange(len(X)) % 3, index=X.index).astype(str)
    # With each fold as a group of its own the folds stay, whatever the labels are.
    plain = LEARNT.model_copy(update={"calibration": "none"})
    before = train_candidates(X, y, kept, plain, random_state=3)
    fold = before.folds == 1
    after = train_candidates(X, y.where(~fold, 1 - y), kept, plain, random_state=3)
    assert (after.folds == before.folds).all()
    one, other = before.out_of_fold_risk, after.out_of_fold_risk
    pd.testing.assert_frame_equal(one[fold], other[fold], check_exact=True)
    assert (one[~fold] != other[~fold]).mean().min() > 0.9


def test_unknown_labels_teach_nothing_and_get_a_risk(pupils):
    X, y, _ = pupils
    known = y.notna()
    spec = ModelSpec(candidates=("rule", "logistic"), selected="logistic",
                     rules=(RuleSpec(name="many", feature="contacts", at_least=3),))  # fmt: skip
    with_unknown = train_candidates(X, y, None, spec, random_state=4)
    model = with_unknown.models["many"]
    flagged = X["contacts"] >= 3
    rate = (y[known & flagged].sum() + 0.5) / ((known & flagged).sum() + 1)
    assert model.predict_risk(X)[flagged] == pytest.approx(rate)
    assert model.n_training == known.sum()
    assert model.base_rate == pytest.approx(y.mean())
    assert with_unknown.out_of_fold_risk["logistic"][~known].notna().all()


def test_columns_that_say_nothing_are_recorded_and_harmless(trained, pupils):
    X, _, _ = pupils
    for name in ("logistic", "additive", "boosting"):
        model = trained.models[name]
        assert model.inputs == ("absence_share", "grade_points", "contacts", "noise")
        assert model.notes == ("Not used, the same for every training pupil: void, constant.",)
        changed = X.assign(void=3.0, constant=np.nan)
        assert (model.predict_risk(changed) == model.predict_risk(X)).all()


def test_what_is_known_of_the_training_data_is_kept(trained, pupils, facts):
    X, y, _ = pupils
    model = trained.chosen_model
    assert (model.point, model.training_period) == (facts.point, facts.training_period)
    assert [info["name"] for info in model.infos] == list(X.columns)
    means = dict(zip(model.feature_names, model.background_means, strict=True))
    assert means["grade_points"] == pytest.approx(X.loc[y.notna(), "grade_points"].mean())
    assert np.isnan(means["void"])


def test_the_choice_rests_on_out_of_fold_log_loss(trained, pupils):
    _, y, _ = pupils
    known = y.notna()
    report = trained.to_dict()
    for name, loss in report["log_loss"].items():
        assert loss == pytest.approx(log_loss(y[known], trained.out_of_fold_risk[name][known]))
    assert report["chosen"] in ("logistic", "additive")
    assert report["calibration"]["logistic"]["slope"] > 0


def test_the_same_seed_gives_the_same_numbers_on_any_number_of_threads(pupils):
    X, y, groups = pupils
    spec = ModelSpec(candidates=("logistic", "boosting"), folds=2)
    with threadpool_limits(limits=2):
        one = train_candidates(X, y, groups, spec, random_state=5)
    with threadpool_limits(limits=1):
        other = train_candidates(X, y, groups, spec, random_state=5)
    pd.testing.assert_frame_equal(one.out_of_fold_risk, other.out_of_fold_risk, check_exact=True)


def test_progress_rises_to_one(pupils):
    X, y, groups = pupils
    shares = []
    train_candidates(X, y, groups, QUICK, random_state=1, progress=shares.append)
    assert shares == sorted(set(shares))
    assert shares[-1] == 1.0


def test_without_calibration_the_risk_is_the_score(pupils):
    X, y, groups = pupils
    spec = ModelSpec(candidates=("logistic",), calibration="none", folds=3)
    model = train_candidates(X, y, groups, spec, random_state=1).models["logistic"]
    assert (model.decision(X) == model.score(X)).all()


def test_noise_is_given_the_base_rate_or_a_flat_line():
    rng = np.random.default_rng(8)
    X = pd.DataFrame({"noise": rng.normal(size=400)})
    y = pd.Series((rng.random(400) < 0.2).astype(float))
    risk = train_candidates(X, y, None, QUICK, random_state=1).models["logistic"].predict_risk(X)
    assert abs(risk - y.mean()).max() < 0.08


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_class_only_is_said_clearly(pupils, value):
    X, y, groups = pupils
    with pytest.raises(UndefinedMetricError, match="at least 20 pupils"):
        train_candidates(X, y * 0 + value, groups, QUICK, random_state=1)


def test_a_sensitive_attribute_is_no_input_unless_declared(pupils):
    X, y, groups = pupils
    with_sex = X.assign(**{"sex=Man": 1.0})
    with pytest.raises(UsageError, match="`sex` is a sensitive attribute"):
        train_candidates(with_sex, y, groups, QUICK, random_state=1)
    declared = QUICK.model_copy(update={"sensitive_inputs": ("sex",)})
    train_candidates(with_sex, y, groups, declared, random_state=1)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda X, y, g: (X.assign(text="a"), y, g), "column `text` must be numeric"),
        (lambda X, y, g: (X.assign(noise=np.inf), y, g), "column `noise` must be finite"),
        (lambda X, y, g: (X, y * 2, g), "`y` must be 0, 1 or missing"),
        (lambda X, y, g: (X, y[1:], g), "one label per row"),
        (lambda X, y, g: (X, y, g[1:]), "one entry per row"),
        (lambda X, y, g: (X[["void", "constant"]], y, g), "at least one feature that varies"),
    ],
)
def test_unfit_tables_are_refused(pupils, change, text):
    X, y, groups = change(*pupils)
    with pytest.raises(UsageError, match=text):
        train_candidates(X, y, groups, QUICK, random_state=1)


def test_a_rule_on_a_feature_that_is_not_there_names_the_nearest(pupils):
    X, y, groups = pupils
    spec = ModelSpec(candidates=("rule", "logistic"),
                     rules=(RuleSpec(name="r", feature="absence_shares", at_least=1),))  # fmt: skip
    with pytest.raises(UsageError, match="Did you mean 'absence_share'"):
        train_candidates(X, y, groups, spec, random_state=1)


def test_the_form_of_the_calibration_is_chosen_on_training_rows():
    """Scores of a straight model are bent where the outcome bends with them."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=8000)
    kinds = {}
    for name, signal in (("straight", 1.5 * x), ("bent", np.where(x < 0, 0.1 * x, 4 * x) - 1.0)):
        y = pd.Series((rng.random(8000) < 1 / (1 + np.exp(-signal))).astype(float))
        spec = ModelSpec(candidates=("logistic",), folds=2)
        trained = train_candidates(pd.DataFrame({"x": x}), y, None, spec, random_state=0)
        kinds[name] = trained.chosen_model.calibrator.kind
        mean = trained.out_of_fold_risk["logistic"].mean()
        assert mean == pytest.approx(y.mean(), abs=0.01)
    assert kinds["straight"] == "sigmoid"
    assert kinds["bent"] in ("beta", "isotonic")


def test_no_seed_that_is_kept_has_the_digits_of_a_personal_number():
    for random_state in range(30):
        for candidate in _list_candidates(ModelSpec(), random_state):
            assert candidate.seed < 10**9
