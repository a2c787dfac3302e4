"""Logistic regressions that are trained with an eye to groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from riskmodel.models.families import fit_family, single_threaded
from riskmodel.models.logistic import LogisticClassifier

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

METHODS = ("reweighing", "reductions")
"""Weights that make group and outcome independent, and a cost for unequal recall."""

_FEWEST = 20
_SLACK = 0.01
_ROUNDS = 6
_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class _Mixture:
    """A weighted mean of regressions on prepared inputs."""

    base: LogisticClassifier
    regressions: tuple[Any, ...]
    weights: FloatArray

    def score(self, X: FloatArray) -> FloatArray:
        """Return scores in [0, 1]."""
        prepared = self.base.prepare(X)
        parts = [_find_risk(one, prepared) for one in self.regressions]
        return np.asarray(np.average(parts, axis=0, weights=self.weights))


def _find_risk(fitted: Any, prepared: FloatArray) -> FloatArray:
    """Return one part's risks; fairlearn lets a constant stand in where costs are one-sided."""
    risks = fitted.predict_proba(prepared)
    if risks.shape[1] == 1:
        return np.full(len(prepared), float(fitted.classes_[0]))
    return np.asarray(risks[:, 1])


def weigh_groups(y: FloatArray, codes: IntArray) -> FloatArray:
    """Return weights with which group and outcome are independent.

    Parameters
    ----------
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    codes : numpy.ndarray of int, shape (n,)
        Each pupil's group, from 0.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        With mean 1: the share expected of group and outcome by the observed one.

    References
    ----------
    Kamiran, F. and Calders, T. (2012). Data preprocessing techniques for classification
    without discrimination. Knowledge and Information Systems, 33, 1-33.

    Examples
    --------
    >>> y = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    >>> weights = weigh_groups(y, np.array([0, 0, 0, 1, 1, 1, 1, 1]))
    >>> [float(np.average(y[:3], weights=weights[:3])), float(np.mean(y))]
    [0.5, 0.5]
    """
    cells = codes * 2 + y.astype(np.int64)
    n_groups = int(codes.max()) + 1
    observed = np.bincount(cells, minlength=2 * n_groups).reshape(n_groups, 2) / len(y)
    expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = (expected / observed).ravel()
    return np.asarray(ratios[cells], dtype=np.float64)


def pool_small_groups(y: FloatArray, codes: IntArray) -> IntArray:
    """Return groups in which those of few pupils with, or without, the outcome are one.

    Parameters
    ----------
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    codes : numpy.ndarray of int, shape (n,)
        Each pupil's group, from 0.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        From 0 without gaps; the pooled group last. Joined with the smallest other group
        where it is still too small.
    """
    n_groups = int(codes.max()) + 1
    found = codes.copy()
    while True:
        numbers, found = np.unique(found, return_inverse=True)
        n_groups = len(numbers)
        counts = np.bincount(found * 2 + y.astype(np.int64), minlength=2 * n_groups)
        fewest = counts.reshape(n_groups, 2).min(axis=1)
        small = np.flatnonzero(fewest < _FEWEST)
        if n_groups == 1 or not len(small):
            return np.asarray(found, dtype=np.int64)
        if len(small) == 1:
            others = np.where(np.arange(n_groups) == small[0], np.inf, fewest)
            small = np.array([small[0], int(np.argmin(others))])
        found = np.where(np.isin(found, small), n_groups, found)


def fit_mitigated(
    X: FloatArray,
    y: FloatArray,
    groups: IntArray | None,
    attributes: Mapping[str, IntArray],
    X_new: FloatArray,
    *,
    share: float,
    random_state: int,
) -> tuple[FloatArray, dict[tuple[str, str], FloatArray]]:
    """Fit a logistic regression as it is, and anew for each attribute and method.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n, p)
        Features; NaN where missing.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    groups : numpy.ndarray of int, shape (n,), or None
        What stays together when the strength of the regression is chosen.
    attributes : mapping of str to numpy.ndarray of int, shape (n,)
        Each pupil's group, from 0, by attribute; read while training alone.
    X_new : numpy.ndarray of float, shape (m, p)
        The pupils to score.
    share : float
        The share of the pupils who have a place, in (0, 1).
    random_state : int
        The seed.

    Returns
    -------
    base : numpy.ndarray of float, shape (m,)
        The regression's scores as it is.
    mitigated : dict of (str, str) to numpy.ndarray of float, shape (m,)
        Scores by attribute and method of `METHODS`; none for an attribute of one group.

    Notes
    -----
    The reductions are fairlearn's exponentiated gradient for equal recall, with costs of
    misses and false alarms that put the threshold where the places end. Its randomised
    classifier is read as the weighted mean of its parts, so that the list is the same each
    time.

    References
    ----------
    Agarwal, A. et al. (2018). A reductions approach to fair classification. ICML.
    """
    base = fit_family("logistic", X, y, groups, random_state=random_state)
    prepared = base.prepare(X)
    risk = base.predict_proba(X)[:, 1]
    threshold = float(np.clip(np.quantile(risk, 1 - share), 0.001, 0.999))
    found: dict[tuple[str, str], FloatArray] = {}
    with single_threaded():
        for name, codes in attributes.items():
            pooled = pool_small_groups(y, codes)
            if pooled.max() == 0:
                continue
            weights = weigh_groups(y, pooled)
            reweighed = _make_regression(base).fit(
                prepared, y.astype(np.int64), sample_weight=weights
            )
            mixtures = {
                "reweighing": _Mixture(base, (reweighed,), np.ones(1)),
                "reductions": _reduce(base, prepared, y, pooled, threshold),
            }
            for method in METHODS:
                found[name, method] = mixtures[method].score(X_new)
        return np.asarray(base.predict_proba(X_new)[:, 1]), found


def _make_regression(base: LogisticClassifier) -> LogisticRegression:
    """Return an unfitted regression on the base's columns, of the same strength."""
    return LogisticRegression(C=base.strength_, solver="newton-cholesky", tol=_TOLERANCE)


def _reduce(
    base: LogisticClassifier,
    prepared: FloatArray,
    y: FloatArray,
    codes: IntArray,
    threshold: float,
) -> _Mixture:
    """Return the mixture of regressions that fairlearn finds for equal recall."""
    from fairlearn.reductions import ErrorRate, ExponentiatedGradient, TruePositiveRateParity

    reduction = ExponentiatedGradient(
        _make_regression(base),
        TruePositiveRateParity(difference_bound=_SLACK),
        objective=ErrorRate(costs={"fp": threshold, "fn": 1 - threshold}),
        eps=_SLACK,
        max_iter=_ROUNDS,
    )
    reduction.fit(prepared, y.astype(np.int64), sensitive_features=codes)
    weights = np.asarray(reduction.weights_, dtype=np.float64)
    used = np.flatnonzero(weights > 0)
    regressions = tuple(reduction.predictors_[at] for at in used)
    return _Mixture(base, regressions, weights[used])
