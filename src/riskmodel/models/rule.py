"""A rule of thumb as a scikit-learn classifier."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin

FloatArray = npt.NDArray[np.float64]


class RuleClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Flag the rows whose only feature is at least a limit, and give each side its rate.

    A missing value is not flagged.

    Parameters
    ----------
    at_least : float, default 0.0
        The limit, in the unit of the feature.

    Attributes
    ----------
    scores_ : numpy.ndarray of float, shape (2,)
        The log-odds of the outcome among those not flagged and those flagged in training,
        each with half a pupil added to both classes.
    classes_ : numpy.ndarray of int, shape (2,)
        0 and 1.

    Examples
    --------
    >>> X, y = np.array([[0.05], [0.20], [np.nan], [0.30]]), np.array([0, 1, 0, 1])
    >>> RuleClassifier(at_least=0.15).fit(X, y).predict(X).tolist()
    [0, 1, 0, 1]
    """

    def __init__(self, at_least: float = 0.0) -> None:
        self.at_least = at_least

    def fit(self, X: FloatArray, y: FloatArray) -> Self:
        """Learn the rate of the outcome on each side of the limit.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, 1)
            The feature; NaN where missing.
        y : numpy.ndarray of float, shape (n,)
            1 for the outcome, 0 without.

        Returns
        -------
        RuleClassifier
            Itself.
        """
        flagged = self._is_flagged(X)
        rates = [(y[side].sum() + 0.5) / (side.sum() + 1) for side in (~flagged, flagged)]
        self.scores_ = logit(np.array(rates, dtype=np.float64))
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = X.shape[1]
        return self

    def _is_flagged(self, X: FloatArray) -> npt.NDArray[np.bool_]:
        """Tell which rows reach the limit; a missing value does not."""
        return np.asarray(X[:, 0] >= self.at_least)

    def decision_function(self, X: FloatArray) -> FloatArray:
        """Return the log-odds of each row's side.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, 1)
            The feature; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n,)
            One of two values.
        """
        return np.asarray(self.scores_[self._is_flagged(X).astype(np.int64)])

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Return the rate of each row's side.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, 1)
            The feature; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, 2)
            Probabilities of 0 and 1.
        """
        rate = expit(self.decision_function(X))
        return np.column_stack([1 - rate, rate])

    def predict(self, X: FloatArray) -> npt.NDArray[np.int64]:
        """Return 1 for the flagged rows.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, 1)
            The feature; NaN where missing.

        Returns
        -------
        numpy.ndarray of int, shape (n,)
            1 if flagged, else 0.
        """
        return self._is_flagged(X).astype(np.int64)
