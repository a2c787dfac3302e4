"""An additive model: one learnt curve per feature, kept as a plain table of steps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from interpret.glassbox import ExplainableBoostingClassifier

from riskmodel.models.base import TermClassifier, read_monotone
from riskmodel.models.folds import assign_folds

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_VALIDATION_PARTS = 7
_ROWS_PER_BIN = 20
_PAIR_BINS = 8
_ROUNDS_UNCHECKED = 200


class AdditiveClassifier(TermClassifier):
    """Fit an explainable boosting machine and keep only its curves.

    Each feature is cut into steps, each step adds its log-odds, and a missing value is a
    step of its own. What the boosting machine stores besides (counts per bin, extreme
    values) is not kept, because it would tell about single pupils.

    Parameters
    ----------
    n_pairs : int, default 0
        How many pairs of features may have an effect together that is more than the sum of
        both. What a pair adds is divided between its features.
    monotone : sequence of {-1, 0, 1}, optional
        For each feature the direction in which it may move the log-odds; all free by default.
        A feature with a direction takes part in no pair.
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
    pairs_ : list of tuple
        Per pair both features, the inner edges of either's steps, and what each is given for
        every combination of steps, the missing one first: two arrays of one shape.
    intercept_ : float
        The log-odds to which the steps add.
    classes_ : numpy.ndarray, shape (2,)
        The classes.

    Notes
    -----
    A pair's effect is divided by Shapley values over the training rows: each feature is given
    half of what it changes alone, the other one drawn as it comes, and half of what it
    changes when the other one is known.

    References
    ----------
    Lou, Y., Caruana, R. and Gehrke, J. (2012). Intelligible models for classification and
    regression. KDD 2012, 150-158.
    Nori, H., Jenkins, S., Koch, P. and Caruana, R. (2019). InterpretML: a unified framework
    for machine learning interpretability. arXiv:1909.09223.
    Lundberg, S. and Lee, S.-I. (2017). A unified approach to interpreting model predictions.
    NeurIPS.
    """

    def __init__(
        self,
        n_pairs: int = 0,
        monotone: Sequence[int] | None = None,
        outer_bags: int = 4,
        max_bins: int = 64,
        learning_rate: float = 0.08,
        min_samples_leaf: int = 20,
        random_state: int = 0,
    ) -> None:
        self.n_pairs = n_pairs
        self.monotone = monotone
        self.outer_bags = outer_bags
        self.max_bins = max_bins
        self.learning_rate = learning_rate
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: IntArray | None = None) -> Self:
        """Fit the curves.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; NaN where missing.
        y : array-like of shape (n,)
            Two classes.
        groups : numpy.ndarray of int, shape (n,), optional
            Rows of one group are left out together for early stopping.

        Returns
        -------
        AdditiveClassifier
            Itself.
        """
        X, codes = self._read_training(X, y)
        directions = read_monotone(self.monotone, X.shape[1])
        # The boosting machine refuses a column without a single value: nothing stands in it.
        known = np.where(np.isnan(X).all(axis=0), 0.0, X)
        bags = self._draw_bags(codes, groups)
        machine = self._make_machine(len(X), directions)
        if (bags == 1).all():
            machine.set_params(max_rounds=_ROUNDS_UNCHECKED)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Missing values detected")
            machine.fit(known, codes.astype(np.int64), bags=bags)
        self.cuts_ = [np.array(bins[0], dtype=np.float64) for bins in machine.bins_]
        # The boosting machine's last score is for values of no known kind: numbers have none.
        scores = {
            features: np.array(term, dtype=np.float64)
            for features, term in zip(machine.term_features_, machine.term_scores_, strict=True)
        }
        self.scores_ = [scores[(feature,)][:-1] for feature in range(X.shape[1])]
        self.intercept_ = float(np.ravel(machine.intercept_)[0])
        self.pairs_: list[tuple[int, int, FloatArray, FloatArray, FloatArray, FloatArray]] = []
        for features, effect in scores.items():
            if len(features) == 2:
                self._keep_pair(features, machine.bins_, effect[:-1, :-1], known)
        return self

    def _make_machine(self, n_rows: int, directions: IntArray) -> ExplainableBoostingClassifier:
        """Return the unfitted boosting machine."""
        n_features = len(directions)
        free = np.flatnonzero(directions == 0)
        excluded = [
            (one, other)
            for one in range(n_features)
            for other in range(one + 1, n_features)
            if self.n_pairs and (one not in free or other not in free)
        ]
        return ExplainableBoostingClassifier(
            feature_types=["continuous"] * n_features,
            interactions=min(self.n_pairs, len(free) * (len(free) - 1) // 2),
            exclude=excluded or None,
            monotone_constraints=directions.tolist() if directions.any() else None,
            missing="separate",
            outer_bags=self.outer_bags,
            max_bins=int(np.clip(n_rows // _ROWS_PER_BIN, 3, self.max_bins)),
            max_interaction_bins=_PAIR_BINS,
            learning_rate=self.learning_rate,
            min_samples_leaf=self.min_samples_leaf,
            smoothing_rounds=30,
            early_stopping_rounds=50,
            n_jobs=1,
            random_state=self.random_state,
        )

    def _draw_bags(self, y: FloatArray, groups: IntArray | None) -> npt.NDArray[np.int8]:
        """Return +1 for the rows that each bag learns from and -1 for those it stops by."""
        n_parts = max(_VALIDATION_PARTS, self.outer_bags)
        if min(y.sum(), len(y) - y.sum()) < n_parts:
            return np.ones((len(y), self.outer_bags), dtype=np.int8)
        parts, _ = assign_folds(y, groups, n_folds=n_parts, random_state=self.random_state)
        is_left_out = parts[:, np.newaxis] == np.arange(self.outer_bags)
        return np.where(is_left_out, -1, 1).astype(np.int8)

    def _keep_pair(
        self, features: tuple[int, int], bins: Any, effect: FloatArray, X: FloatArray
    ) -> None:
        """Divide what a pair adds between its features, and its mean to the intercept."""
        one, other = features
        one_cuts, other_cuts = (np.array(bins[f][-1], dtype=np.float64) for f in features)
        one_steps, other_steps = (
            _find_steps(X[:, one], one_cuts),
            _find_steps(X[:, other], other_cuts),
        )
        one_shares = np.bincount(one_steps, minlength=len(effect)) / len(X)
        other_shares = np.bincount(other_steps, minlength=effect.shape[1]) / len(X)
        mean = float(effect[one_steps, other_steps].mean())
        first_alone = (effect @ other_shares - mean)[:, np.newaxis]
        second_alone = (one_shares @ effect - mean)[np.newaxis]
        both = effect - mean
        to_first = (first_alone + both - second_alone) / 2
        self.intercept_ += mean
        self.pairs_.append((one, other, one_cuts, other_cuts, to_first, both - to_first))

    def _find_terms(self, X: FloatArray) -> FloatArray:
        """Return what the steps of each feature add, with its parts of the pairs."""
        terms = np.empty(X.shape, dtype=np.float64)
        for column, (cuts, scores) in enumerate(zip(self.cuts_, self.scores_, strict=True)):
            terms[:, column] = scores[_find_steps(X[:, column], cuts)]
        for one, other, one_cuts, other_cuts, to_one, to_other in self.pairs_:
            place = _find_steps(X[:, one], one_cuts), _find_steps(X[:, other], other_cuts)
            terms[:, one] += to_one[place]
            terms[:, other] += to_other[place]
        return terms


def _find_steps(values: FloatArray, cuts: FloatArray) -> IntArray:
    """Return in which step each value lies, 0 for a missing one."""
    steps = np.searchsorted(cuts, values, side="right") + 1
    return np.asarray(np.where(np.isnan(values), 0, steps), dtype=np.int64)
