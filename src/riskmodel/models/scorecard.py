"""A scorecard: a few whole-number points that fit on one page, and the risk of each sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from riskmodel.models.base import TermClassifier, read_monotone
from riskmodel.models.conditions import Condition, make_conditions
from riskmodel.models.points import Card, find_cards
from riskmodel.models.sparse_search import find_sparse_sets

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class ScorecardClassifier(TermClassifier):
    """Fit a scorecard of at most a given number of lines.

    Each line is a condition on one feature ("at least 0.15", "below 10", "not known") and the
    points that it gives. The points are whole numbers, and the risk depends on their sum.

    Parameters
    ----------
    n_terms : int, default 10
        The most lines.
    max_points : int, default 5
        The most points of a line, up or down.
    monotone : sequence of {-1, 0, 1}, optional
        For each feature the direction in which it may move the risk; all free by default.
    beam_width : int, default 5
        How many sets of lines are carried on when a line is added.
    n_cuts : int, default 9
        The most limits per feature, at quantiles of the known values.
    pool_gap : float, default 0.005
        Cards whose log loss is higher than the best one's by at most this share are as good.
    card : int, default 0
        Which card of the pool is used; the best is first.

    Attributes
    ----------
    conditions_ : list of Condition
        The lines of the card in use.
    points_ : numpy.ndarray of int, shape (n_lines,)
        Their points.
    slope_, intercept_ : float
        The log-odds are the slope times the sum of the points, and the intercept.
    pool_ : list of Card
        Equally good cards, the best first.
    classes_ : numpy.ndarray, shape (2,)
        The classes.

    Notes
    -----
    A beam search adds one line after the other, swaps improve the best set, and each set's
    coefficients are rounded at many scales and improved in whole steps; what is compared is
    the log loss with the slope and intercept fitted to the sums.

    References
    ----------
    Liu, J., Zhong, C., Li, B., Seltzer, M. and Rudin, C. (2022). FasterRisk: fast and
    accurate interpretable risk scores. NeurIPS.
    Ustun, B. and Rudin, C. (2019). Learning optimized risk scores. Journal of Machine
    Learning Research 20(150).

    Examples
    --------
    >>> X = np.repeat([[0.0], [1.0]], 50, axis=0)
    >>> y = np.repeat([0, 1, 0, 1], [40, 10, 10, 40])
    >>> card = ScorecardClassifier(n_terms=1).fit(X, y)
    >>> [(one.at_least, int(points)) for one, points in zip(card.conditions_, card.points_)]
    [(1.0, 1)]
    """

    def __init__(
        self,
        n_terms: int = 10,
        max_points: int = 5,
        monotone: Sequence[int] | None = None,
        beam_width: int = 5,
        n_cuts: int = 9,
        pool_gap: float = 0.005,
        card: int = 0,
    ) -> None:
        self.n_terms = n_terms
        self.max_points = max_points
        self.monotone = monotone
        self.beam_width = beam_width
        self.n_cuts = n_cuts
        self.pool_gap = pool_gap
        self.card = card

    def fit(self, X: Any, y: Any, groups: IntArray | None = None) -> Self:
        """Search for the lines and their points.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; NaN where missing.
        y : array-like of shape (n,)
            Two classes.
        groups : numpy.ndarray of int, shape (n,), optional
            Not used: nothing is tuned by folds.

        Returns
        -------
        ScorecardClassifier
            Itself.
        """
        X, codes = self._read_training(X, y)
        if self.n_terms < 1 or self.max_points < 1:
            raise ValueError("`n_terms` and `max_points` must be at least 1.")
        conditions = make_conditions(X, read_monotone(self.monotone, X.shape[1]), self.n_cuts)
        sets = find_sparse_sets(
            conditions, codes, n_terms=self.n_terms, beam_width=self.beam_width,
            gap=self.pool_gap,
        )  # fmt: skip
        self.pool_ = find_cards(
            conditions, codes, sets, max_points=self.max_points, gap=self.pool_gap
        )
        if not 0 <= self.card < len(self.pool_):
            raise ValueError(
                f"`card` must be from 0 to below the {len(self.pool_)} cards of the pool, got "
                f"{self.card}."
            )
        self._use(self.pool_[self.card])
        return self

    def _use(self, card: Card) -> None:
        """Take a card into use."""
        self.conditions_: list[Condition] = list(card.conditions)
        self.points_ = np.array(card.points, dtype=np.int64)
        self.slope_, self.intercept_ = card.slope, card.intercept

    def _find_points(self, X: FloatArray) -> IntArray:
        """Return the points that each feature gives."""
        points = np.zeros(X.shape, dtype=np.int64)
        for condition, worth in zip(self.conditions_, self.points_, strict=True):
            points[:, condition.feature] += worth * condition.holds(X)
        return points

    def _find_terms(self, X: FloatArray) -> FloatArray:
        """Return what each feature's points add to the log-odds."""
        return np.asarray(self.slope_ * self._find_points(X), dtype=np.float64)
