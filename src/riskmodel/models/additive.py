"""An additive model: one learnt curve per feature, kept as a plain table of steps."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
import numpy.typing as npt
from interpret.glassbox import ExplainableBoostingClassifier
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin

from riskmodel.models.folds import assign_folds

FloatArray = npt.NDArray[np.float64]

_VALIDATION_PARTS = 7
_ROWS_PER_BIN = 20


class AdditiveClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fit an explainable boosting machine without interactions and keep only its curves.

    Each feature is cut into steps, each step adds its log-odds, and a missing value is a
    step of its own. What the boosting machine stores besides (counts per bin, extreme
    values) is not kept, because it would tell about single pupils.

    Parameters
    ----------
    outer_bags : int, default 4
        How many fits are averaged. Each leaves out another part for early stopping.
    max_bins : int, default 64
        The most steps of a feature. Never more than one per 20 rows.
    learning_rate : float, default 0.08
        The step of the boosting.
    min_samples_leaf : int, default 20
        The fewest rows on either side of a cut.
    random_state : int, default 0
        The seed.

    Attributes
    ----------
    cuts_ : list of numpy.ndarray
        Per feature the inner edges of its steps, ascending. A value on an edge belongs to
        the step above.
    scores_ : list of numpy.ndarray
        Per feature the log-odds of each step, first of a missing value. One more than the
        steps. A missing value that training never saw adds 0.
    intercept_ : float
        The log-odds to which the steps add.
    classes_ : numpy.ndarray of int, shape (2,)
        0 and 1.

    References
    ----------
    Lou, Y., Caruana, R. and Gehrke, J. (2012). Intelligible models for classification and
    regression. KDD 2012, 150-158.
    Nori, H., Jenkins, S., Koch, P. and Caruana, R. (2019). InterpretML: a unified framework
    for machine learning interpretability. arXiv:1909.09223.
    """

    def __init__(
        self,
        outer_bags: int = 4,
        max_bins: int = 64,
        learning_rate: float = 0.08,
        min_samples_leaf: int = 20,
        random_state: int = 0,
    ) -> None:
        self.outer_bags = outer_bags
        self.max_bins = max_bins
        self.learning_rate = learning_rate
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state

    def fit(
        self, X: FloatArray, y: FloatArray, groups: npt.NDArray[np.int64] | None = None
    ) -> Self:
        """Fit the curves.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, p)
            Features; NaN where missing, no column wholly missing.
        y : numpy.ndarray of float, shape (n,)
            1 for the outcome, 0 without.
        groups : numpy.ndarray of int, shape (n,), optional
            Rows of one group are left out together for early stopping.

        Returns
        -------
        AdditiveClassifier
            Itself.
        """
        machine = self._make_machine(*X.shape)
        bags = self._draw_bags(y, groups)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Missing values detected")
            machine.fit(X, y.astype(np.int64), bags=bags)
        self.cuts_ = [np.array(bins[0], dtype=np.float64) for bins in machine.bins_]
        # The boosting machine's last score is for values of no known kind: numbers have none.
        self.scores_ = [np.array(s[:-1], dtype=np.float64) for s in machine.term_scores_]
        self.intercept_ = float(machine.intercept_[0])
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = X.shape[1]
        return self

    def _make_machine(self, n_rows: int, n_features: int) -> ExplainableBoostingClassifier:
        """Return the unfitted boosting machine."""
        return ExplainableBoostingClassifier(
            feature_types=["continuous"] * n_features,
            interactions=0,
            missing="separate",
            outer_bags=self.outer_bags,
            max_bins=int(np.clip(n_rows // _ROWS_PER_BIN, 3, self.max_bins)),
            learning_rate=self.learning_rate,
            min_samples_leaf=self.min_samples_leaf,
            smoothing_rounds=30,
            early_stopping_rounds=50,
            n_jobs=1,
            random_state=self.random_state,
        )

    def _draw_bags(
        self, y: FloatArray, groups: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[np.int8]:
        """Return +1 for the rows that each bag learns from and -1 for those it stops by."""
        n_parts = max(_VALIDATION_PARTS, self.outer_bags)
        parts, _ = assign_folds(y, groups, n_folds=n_parts, random_state=self.random_state)
        is_left_out = parts[:, np.newaxis] == np.arange(self.outer_bags)
        return np.where(is_left_out, -1, 1).astype(np.int8)

    def term_scores(self, X: FloatArray) -> FloatArray:
        """Return what each feature adds to the log-odds.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, p)
            Log-odds.
        """
        terms = np.empty(X.shape, dtype=np.float64)
        for column, (cuts, scores) in enumerate(zip(self.cuts_, self.scores_, strict=True)):
            values = X[:, column]
            step = np.searchsorted(cuts, values, side="right") + 1
            terms[:, column] = scores[np.where(np.isnan(values), 0, step)]
        return terms

    def decision_function(self, X: FloatArray) -> FloatArray:
        """Return the log-odds of the outcome.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n,)
            Log-odds.
        """
        return np.asarray(self.intercept_ + self.term_scores(X).sum(axis=1))

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Return the probabilities of both classes.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, 2)
            Probabilities of 0 and 1.
        """
        probability = expit(self.decision_function(X))
        return np.column_stack([1 - probability, probability])

    def predict(self, X: FloatArray) -> npt.NDArray[np.int64]:
        """Return the more probable class.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of int, shape (n,)
            0 or 1.
        """
        return (self.decision_function(X) > 0).astype(np.int64)
