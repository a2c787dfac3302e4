"""The families of models: how each is fitted, scored and taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from riskmodel.models.additive import AdditiveClassifier
from riskmodel.models.calibration import find_losses
from riskmodel.models.folds import assign_folds
from riskmodel.models.rule import RuleClassifier
from riskmodel.models.specs import Family

FloatArray = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64] | None

_STRENGTHS = (0.0003, 0.003, 0.03, 0.3, 3.0)
_INNER_FOLDS = 3


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run numerical libraries on one thread inside the block.

    Yields
    ------
    None
        Nothing.

    Notes
    -----
    The results then do not depend on the number of cores, and fits on a busy machine do not
    wait for one another: with two threads on two occupied cores the boosting took ten times
    as long as with one.
    """
    with threadpool_limits(limits=1):
        yield


def fit_family(
    family: Family,
    X: FloatArray,
    y: FloatArray,
    groups: Groups,
    *,
    random_state: int,
    at_least: float | None = None,
) -> Any:
    """Fit one family's estimator.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'logistic', 'additive', 'boosting'}
        What to fit.
    X : numpy.ndarray of float, shape (n, p)
        Features; NaN where missing, no column constant or wholly missing.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    groups : numpy.ndarray of int, shape (n,), or None
        Rows of one group stay together when the fit tunes itself.
    random_state : int
        The seed.
    at_least : float, optional
        The limit of a rule.

    Returns
    -------
    object
        A fitted scikit-learn classifier or pipeline.
    """
    if family == "rule":
        assert at_least is not None
        return RuleClassifier(at_least=at_least).fit(X, y)
    fit: dict[str, Callable[..., Any]] = {
        "base_rate": _fit_base_rate,
        "logistic": _fit_logistic,
        "additive": _fit_additive,
        "boosting": _fit_boosting,
    }
    with single_threaded():
        return fit[family](X, y, groups, random_state)


def _fit_base_rate(X: FloatArray, y: FloatArray, groups: Groups, random_state: int) -> Any:
    """Fit the share of training pupils with the outcome."""
    return DummyClassifier(strategy="prior").fit(X, y.astype(np.int64))


def _fit_additive(X: FloatArray, y: FloatArray, groups: Groups, random_state: int) -> Any:
    """Fit one curve per feature."""
    return AdditiveClassifier(random_state=random_state).fit(X, y, groups)


def _fit_boosting(X: FloatArray, y: FloatArray, groups: Groups, random_state: int) -> Any:
    """Fit boosted trees of modest size."""
    trees = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.06,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=random_state,
    )
    return trees.fit(X, y.astype(np.int64))


def _fit_logistic(X: FloatArray, y: FloatArray, groups: Groups, random_state: int) -> Any:
    """Fit a ridge logistic regression with the strength that predicts best in folds."""
    folds, _ = assign_folds(y, groups, n_folds=_INNER_FOLDS, random_state=random_state)
    losses = np.zeros(len(_STRENGTHS))
    for number in range(_INNER_FOLDS):
        inside, outside = folds != number, folds == number
        prepare = _make_preparation().fit(X[inside])
        learn, check = prepare.transform(X[inside]), prepare.transform(X[outside])
        for position, strength in enumerate(_STRENGTHS):
            fitted = _make_regression(strength).fit(learn, y[inside])
            risk = fitted.predict_proba(check)[:, 1]
            losses[position] += find_losses(risk, y[outside]).sum()
    best = _STRENGTHS[int(np.argmin(losses))]
    steps = [*_make_preparation().steps, ("regression", _make_regression(best))]
    return Pipeline(steps).fit(X, y.astype(np.int64))


def _make_preparation() -> Pipeline:
    """Return standardisation after the coding of what stays missing: median and indicator.

    A value with a learnt missing rule never comes here missing, and has its own flag.
    """
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return Pipeline([("impute", imputer), ("scale", StandardScaler())])


def _make_regression(strength: float) -> LogisticRegression:
    """Return an unfitted ridge logistic regression; a smaller strength shrinks more."""
    return LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-8)


def score_family(family: Family, estimator: Any, X: FloatArray) -> FloatArray:
    """Return the uncalibrated log-odds of a fitted estimator.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'logistic', 'additive', 'boosting'}
        The estimator's family.
    estimator : object
        What `fit_family` returned.
    X : numpy.ndarray of float, shape (n, p)
        The features that it was fitted on, in the same order.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Log-odds.
    """
    if family != "boosting":
        return np.asarray(split_family(family, estimator, X).sum(axis=1)) + find_intercept(
            family, estimator
        )
    if len(X) == 0:
        return np.empty(0)
    with single_threaded():
        return np.asarray(estimator.decision_function(X), dtype=np.float64)


def find_intercept(family: Family, estimator: Any) -> float:
    """Return the uncalibrated log-odds to which the features' parts add.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'logistic', 'additive'}
        The estimator's family.
    estimator : object
        What `fit_family` returned.

    Returns
    -------
    float
        Log-odds.
    """
    if family == "base_rate":
        return float(logit(estimator.class_prior_[1]))
    if family == "rule":
        return 0.0
    if family == "additive":
        return float(estimator.intercept_)
    return float(estimator.steps[-1][1].intercept_[0])


def split_family(family: Family, estimator: Any, X: FloatArray) -> FloatArray:
    """Split the uncalibrated log-odds into what each feature adds.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'logistic', 'additive'}
        The estimator's family.
    estimator : object
        What `fit_family` returned.
    X : numpy.ndarray of float, shape (n, p)
        The features that it was fitted on, in the same order.

    Returns
    -------
    numpy.ndarray of float, shape (n, p)
        Log-odds per feature; what a missing value adds stands with its feature. With the
        intercept they make up the score.
    """
    if family == "base_rate" or len(X) == 0:
        return np.zeros(X.shape)
    if family == "rule":
        return np.asarray(estimator.decision_function(X))[:, np.newaxis]
    if family == "additive":
        return np.asarray(estimator.term_scores(X))
    impute, scale, regression = (step for _, step in estimator.steps)
    prepared = scale.transform(impute.transform(X)) * regression.coef_[0]
    terms = np.array(prepared[:, : X.shape[1]])
    # One column per feature that had missing values in training follows the features.
    terms[:, impute.indicator_.features_] += prepared[:, X.shape[1] :]
    return terms
