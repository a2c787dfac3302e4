"""The families of models: how each is fitted, scored and taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from riskmodel.models.additive import AdditiveClassifier
from riskmodel.models.base import TermClassifier
from riskmodel.models.logistic import LogisticClassifier
from riskmodel.models.rule import RuleClassifier
from riskmodel.models.scorecard import ScorecardClassifier
from riskmodel.models.specs import Family

FloatArray = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64] | None

_TERMS: dict[Family, type[TermClassifier]] = {
    "scorecard": ScorecardClassifier,
    "logistic": LogisticClassifier,
    "additive": AdditiveClassifier,
}
"""The learnt families whose log-odds are a sum of one term for each feature."""


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
    monotone: Sequence[int] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Fit one family's estimator.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'scorecard', 'logistic', 'additive', 'boosting'}
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
    monotone : sequence of {-1, 0, 1}, optional
        For each column the direction in which it may move the log-odds of a scorecard, a
        logistic or an additive model; all free by default.
    options : mapping, optional
        Further parameters of these three.

    Returns
    -------
    object
        A fitted scikit-learn classifier.
    """
    if family == "rule":
        assert at_least is not None
        return RuleClassifier(at_least=at_least).fit(X, y)
    with single_threaded():
        if family == "base_rate":
            return DummyClassifier(strategy="prior").fit(X, y.astype(np.int64))
        if family == "boosting":
            return _fit_boosting(X, y, random_state)
        estimator = _TERMS[family](monotone=monotone, **(options or {}))
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=random_state)
        return estimator.fit(X, y.astype(np.int64), groups)


def _fit_boosting(X: FloatArray, y: FloatArray, random_state: int) -> Any:
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


def score_family(family: Family, estimator: Any, X: FloatArray) -> FloatArray:
    """Return the uncalibrated log-odds of a fitted estimator.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'scorecard', 'logistic', 'additive', 'boosting'}
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
        return add_terms(family, estimator, split_family(family, estimator, X))
    if len(X) == 0:
        return np.empty(0)
    with single_threaded():
        return np.asarray(estimator.decision_function(X), dtype=np.float64)


def add_terms(family: Family, estimator: Any, terms: FloatArray) -> FloatArray:
    """Return the uncalibrated log-odds that the features' parts make up.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'scorecard', 'logistic', 'additive'}
        The estimator's family.
    estimator : object
        What `fit_family` returned.
    terms : numpy.ndarray of float, shape (n, p)
        What `split_family` returned.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Log-odds.
    """
    return np.asarray(terms.sum(axis=1)) + find_intercept(family, estimator)


def find_intercept(family: Family, estimator: Any) -> float:
    """Return the uncalibrated log-odds to which the features' parts add.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'scorecard', 'logistic', 'additive'}
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
    return float(estimator.intercept_)


def split_family(family: Family, estimator: Any, X: FloatArray) -> FloatArray:
    """Split the uncalibrated log-odds into what each feature adds.

    Parameters
    ----------
    family : {'base_rate', 'rule', 'scorecard', 'logistic', 'additive'}
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
    return np.asarray(estimator.term_scores(X))
