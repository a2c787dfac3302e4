"""The three learnt families are scikit-learn estimators, and keep what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from riskmodel.models.additive import AdditiveClassifier
from riskmodel.models.logistic import LogisticClassifier
from riskmodel.models.scorecard import ScorecardClassifier
from riskmodel.models.solver import fit_penalised

SIZE = 1500
SMALL = {"outer_bags": 2, "max_bins": 16, "learning_rate": 0.3}


ESTIMATORS = {
    "logistic": LogisticClassifier(),
    "bent": LogisticClassifier(l1_ratios=(0.5,), n_knots=2),
    "scorecard": ScorecardClassifier(n_terms=2),
    "additive": AdditiveClassifier(outer_bags=1),
    "pairs": AdditiveClassifier(outer_bags=1, n_pairs=1),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_scikit_learn_is_content(name):
    results = check_estimator(ESTIMATORS[name], on_skip=None)
    assert {one["check_name"] for one in results if one["status"] != "passed"} <= {
        "check_array_api_input"  # for other arrays than NumPy's, which needs a setting
    }
    assert len(results) > 50


@pytest.fixture(scope="module")
def pupils():
    """Rows in which the second feature works against its expected direction."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(SIZE, 4)).round(2)
    X[rng.random(X.shape) < 0.1] = np.nan
    signal = np.nan_to_num(X[:, 0]) - 0.7 * np.nan_to_num(X[:, 1]) + 0.8 * np.isnan(X[:, 2])
    y = (rng.random(SIZE) < 1 / (1 + np.exp(1 - signal))).astype(int)
    return X, y


def make_estimators(**options):
    return [
        LogisticClassifier(**options),
        LogisticClassifier(n_knots=3, l1_ratios=(0.3,), **options),
        ScorecardClassifier(n_terms=9, **options),
        AdditiveClassifier(**SMALL, **options),
        AdditiveClassifier(n_pairs=2, **SMALL, **options),
    ]


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("number", range(5))
def test_a_direction_is_kept(pupils, number, direction):
    X, y = pupils
    monotone = (0, direction, 0, direction)
    fitted = make_estimators(monotone=monotone)[number].fit(X, y)
    grid = np.tile(np.linspace(-3, 3, 60), (4, 1)).T
    for feature in (1, 3):
        probe = np.tile(np.nanmedian(X, axis=0), (60, 1))
        probe[:, feature] = grid[:, feature]
        changes = np.diff(fitted.decision_function(probe)) * direction
        assert changes.min() >= -1e-9


@pytest.mark.parametrize("number", range(5))
def test_the_terms_add_up_and_a_missing_value_is_a_state_of_its_own(pupils, number):
    X, y = pupils
    fitted = make_estimators()[number].fit(X, y)
    total = fitted.term_scores(X).sum(axis=1) + fitted.intercept_
    np.testing.assert_allclose(total, fitted.decision_function(X), atol=1e-12)
    probe = np.tile(np.nanmedian(X, axis=0), (2, 1))
    probe[1, 2] = np.nan
    known, missing = fitted.decision_function(probe)
    assert missing > known + 0.2


def test_the_solver_agrees_with_scikit_learn(pupils):
    X, y = np.nan_to_num(pupils[0]), pupils[1].astype(float)
    for strength in (0.01, 1.0):
        own = fit_penalised(X, y, np.ones(SIZE), strength=strength, tolerance=1e-10)
        theirs = LogisticRegression(C=strength, tol=1e-10, solver="newton-cholesky").fit(X, y)
        np.testing.assert_allclose(own[0], theirs.coef_[0], atol=1e-8)
        for ratio in (0.5, 1.0):
            own = fit_penalised(
                X, y, np.ones(SIZE), strength=strength, l1_ratio=ratio, tolerance=1e-10
            )
            theirs = LogisticRegression(
                C=strength, l1_ratio=ratio, solver="saga", tol=1e-9, max_iter=20000
            ).fit(X, y)
            np.testing.assert_allclose(own[0], theirs.coef_[0], atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3))
def test_bounds_give_what_a_general_solver_gives(seed, signs):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 3))
    y = (rng.random(200) < 1 / (1 + np.exp(-X @ rng.normal(size=3)))).astype(float)
    lower = np.where(np.array(signs) > 0, 0.0, -np.inf)
    upper = np.where(np.array(signs) < 0, 0.0, np.inf)
    own, intercept = fit_penalised(
        X, y, np.ones(200), strength=0.5, lower=lower, upper=upper, tolerance=1e-10
    )

    def loss(at):
        z = X @ at[:3] + at[3]
        return 0.5 * (np.logaddexp(0, z) - y * z).sum() + 0.5 * at[:3] @ at[:3]

    bounds = [*zip(lower, upper, strict=True), (None, None)]
    theirs = minimize(loss, np.zeros(4), bounds=bounds, method="L-BFGS-B", tol=1e-12)
    assert loss(np.append(own, intercept)) <= theirs.fun + 1e-6


def test_pairs_are_found_and_shared_out_as_shapley_values():
    rng = np.random.default_rng(2)
    X = rng.integers(0, 3, size=(3000, 3)).astype(float)
    signal = np.where((X[:, 0] == 2) == (X[:, 1] == 2), 1.5, -1.5)
    y = (rng.random(3000) < 1 / (1 + np.exp(-signal))).astype(int)
    plain = AdditiveClassifier(**SMALL).fit(X, y)
    paired = AdditiveClassifier(n_pairs=1, **SMALL).fit(X, y)
    ((one, other, *_),) = paired.pairs_
    assert {one, other} == {0, 1}
    assert paired.score(X, y) > plain.score(X, y) + 0.05
    # Two players: the mean of what a feature changes first and what it changes last.
    decision = paired.decision_function
    row = X[:1]

    def play(known):
        mixed = X.copy()
        mixed[:, known] = row[0, known]
        return decision(mixed).mean()

    both = [0, 1]
    first = (play([0]) - play([]) + play(both) - play([1])) / 2
    centred = paired.term_scores(row)[0, 0] - paired.term_scores(X)[:, 0].mean()
    assert centred == pytest.approx(first, abs=1e-9)


def test_bent_lines_follow_what_bends():
    rng = np.random.default_rng(3)
    X = rng.uniform(-2, 2, size=(3000, 1))
    y = (rng.random(3000) < 1 / (1 + np.exp(2 - 2 * np.abs(X[:, 0])))).astype(int)
    straight = LogisticClassifier().fit(X, y)
    bent = LogisticClassifier(n_knots=3).fit(X, y)
    assert bent.score(X, y) > straight.score(X, y) + 0.05
    ends = bent.design_.knots[0]
    assert X.min() < ends[0]
    assert ends[-1] < X.max()


@pytest.mark.parametrize("monotone", [(1,), (2, 0, 0, 0), (0.5, 0, 0, 0)])
def test_directions_must_fit_the_features(pupils, monotone):
    for estimator in make_estimators(monotone=monotone):
        with pytest.raises(ValueError, match="`monotone` must hold -1, 0 or 1"):
            estimator.fit(*pupils)
