"""What the learnt models that people can read have in common: terms that add up to log-odds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class TermClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of two classes whose log-odds are a sum of one term for each feature.

    A missing value is a state of its own and is given as NaN. Subclasses set `intercept_`
    when they are fitted and say what each feature adds.
    """

    intercept_: float
    classes_: npt.NDArray[Any]

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn should know: two classes, missing values allowed."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags

    @abstractmethod
    def _find_terms(self, X: FloatArray) -> FloatArray:
        """Return what each feature of checked rows adds to the log-odds."""

    def _read_training(self, X: Any, y: Any) -> tuple[FloatArray, FloatArray]:
        """Check the rows to learn from and return them, the second class as 1."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. `y` must have two classes, got "
                f"{len(self.classes_)}."
            )
        if len(self.classes_) < 2:
            raise ValueError("`y` must have two classes, got one class only.")
        return X, codes.astype(np.float64)

    def _read_rows(self, X: Any) -> FloatArray:
        """Check rows to predict."""
        check_is_fitted(self)
        return np.asarray(
            validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        )

    def term_scores(self, X: Any) -> FloatArray:
        """Return what each feature adds to the log-odds.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, p)
            Log-odds; with `intercept_` they make up the decision function.
        """
        return self._find_terms(self._read_rows(X))

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-odds of the second class.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n,)
            Log-odds.
        """
        terms = self.term_scores(X)
        return np.asarray(self.intercept_ + terms.sum(axis=1))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of both classes.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, 2)
            In the order of `classes_`.
        """
        probability = expit(self.decision_function(X))
        return np.column_stack([1 - probability, probability])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the more probable class.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray, shape (n,)
            Values of `classes_`.
        """
        codes = (self.decision_function(X) > 0).astype(np.int64)
        return np.asarray(self.classes_[codes])


def read_monotone(monotone: Sequence[int] | None, n_features: int) -> IntArray:
    """Return the direction in which each feature may move the log-odds.

    Parameters
    ----------
    monotone : sequence of {-1, 0, 1} or None
        For each feature 1 if a higher value must not lower the log-odds, -1 if it must not
        raise them, 0 if both are allowed; None where all are.
    n_features : int
        How many there are.

    Returns
    -------
    numpy.ndarray of int, shape (n_features,)
        The directions.

    Raises
    ------
    ValueError
        If they are not as many as features, or others than -1, 0 and 1.

    Examples
    --------
    >>> read_monotone(None, 2).tolist()
    [0, 0]
    """
    found = np.zeros(n_features) if monotone is None else np.asarray(monotone, dtype=np.float64)
    if found.shape != (n_features,) or not np.isin(found, (-1, 0, 1)).all():
        raise ValueError(
            f"`monotone` must hold -1, 0 or 1 for each of the {n_features} features, got "
            f"{found.size} values. Give one direction for each column of `X`."
        )
    return found.astype(np.int64)
