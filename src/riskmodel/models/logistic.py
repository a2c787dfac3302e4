"""Logistic regression with an elastic net, directions that it must keep, and optional splines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from riskmodel.models.base import TermClassifier, read_monotone
from riskmodel.models.calibration import find_losses
from riskmodel.models.folds import assign_folds
from riskmodel.models.solver import fit_penalised

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_STRENGTHS = (0.0003, 0.003, 0.03, 0.3, 3.0)
_SEARCH_TOLERANCE = 1e-4
_OUTER = 0.05


@dataclass(frozen=True, eq=False)
class LogisticDesign:
    """How features become the standardised columns of a logistic regression.

    Parameters
    ----------
    medians : numpy.ndarray of float, shape (p,)
        What stands in for a missing value.
    knots : tuple of numpy.ndarray of float
        For each feature the ends of its ramps, ascending, empty for a straight line; none at
        all where all lines are straight.
    indicated : numpy.ndarray of int
        The features with a column that says that the value is missing.
    means, scales : numpy.ndarray of float, shape (n_columns,)
        Of the columns, for standardisation.
    features : numpy.ndarray of int, shape (n_columns,)
        The feature of each column.
    """

    medians: FloatArray
    knots: tuple[FloatArray, ...]
    indicated: IntArray
    means: FloatArray
    scales: FloatArray
    features: IntArray

    @classmethod
    def learn(cls, X: FloatArray, n_knots: int) -> LogisticDesign:
        """Return the design that some rows ask for.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, p)
            Features; NaN where missing.
        n_knots : int
            How many inner knots bend a feature's line.

        Returns
        -------
        LogisticDesign
            With what the rows' quantiles, means and deviations say.
        """
        is_missing = np.isnan(X)
        medians = np.array([_find_median(column) for column in X.T])
        knots = tuple(_place_knots(column, n_knots) for column in X.T) if n_knots else ()
        indicated = np.flatnonzero(is_missing.any(axis=0))
        counts = [max(len(own) - 1, 1) for own in knots] or [1] * X.shape[1]
        features = np.concatenate([np.repeat(np.arange(len(counts)), counts), indicated])
        zeros, ones = np.zeros(len(features)), np.ones(len(features))
        raw = cls(medians, knots, indicated, zeros, ones, features.astype(np.int64))
        columns = raw.make(X)
        scales = columns.std(axis=0)
        scales[scales <= 1e-12 * np.abs(columns).max(axis=0, initial=0.0)] = 1.0
        return cls(medians, knots, indicated, columns.mean(axis=0), scales, raw.features)

    def make(self, X: FloatArray) -> FloatArray:
        """Return the columns of some rows.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, n_columns)
            None missing.
        """
        is_missing = np.isnan(X)
        filled = np.where(is_missing, self.medians, X)
        lines = filled
        if self.knots:
            lines = np.hstack(
                [_make_ramps(column, own) for column, own in zip(filled.T, self.knots, strict=True)]
            )
        columns = np.hstack([lines, is_missing[:, self.indicated]])
        columns -= self.means
        columns /= self.scales
        return columns

    def find_signs(self, directions: IntArray) -> IntArray:
        """Return the sign that each column's coefficient must keep.

        Parameters
        ----------
        directions : numpy.ndarray of int, shape (p,)
            Of the features.

        Returns
        -------
        numpy.ndarray of int, shape (n_columns,)
            0 where it is free, as for the columns that say what is missing.
        """
        signs = directions[self.features].copy()
        signs[len(self.features) - len(self.indicated) :] = 0
        return signs


class LogisticClassifier(TermClassifier):
    """Fit a penalised logistic regression whose strength is chosen by folds.

    Parameters
    ----------
    strengths : sequence of float, default (0.0003, 0.003, 0.03, 0.3, 3.0)
        What a unit of log loss weighs against the penalty (scikit-learn's ``C``): the one
        with the lowest log loss in folds is used.
    l1_ratios : sequence of float, default (0.0,)
        Parts of the penalty that are absolute, chosen likewise; 0 is ridge, 1 lasso.
    n_knots : int, default 0
        How many inner knots, at quantiles, bend a feature's line; 0 keeps it straight.
    monotone : sequence of {-1, 0, 1}, optional
        For each feature the direction in which it may move the log-odds; all free by default.
    n_folds : int, default 3
        Folds of the choice. With a single candidate, or too few rows of a class, none are
        made, and in the latter case the middle candidate is used.
    random_state : int, default 0
        Seed of the folds.

    Attributes
    ----------
    intercept_ : float
        The log-odds to which the terms add.
    coef_ : numpy.ndarray of float, shape (n_columns,)
        Of the standardised columns of the design.
    strength_, l1_ratio_ : float
        The ones in use.
    design_ : LogisticDesign
        How features become columns.
    classes_ : numpy.ndarray, shape (2,)
        The classes.

    Notes
    -----
    Where a value is missing the feature's median stands in, and a column of its own says so;
    what that column adds is counted to the feature. A bent line is a sum of ramps between
    knots: with coefficients of one sign it only rises, or only falls.

    References
    ----------
    Zou, H. and Hastie, T. (2005). Regularization and variable selection via the elastic net.
    Journal of the Royal Statistical Society B 67, 301-320.

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([1, 0, 1, 0])
    >>> fitted = LogisticClassifier(strengths=(1.0,), monotone=(1,)).fit(X, y)
    >>> float(np.ptp(fitted.decision_function(X)))  # a falling line is not allowed
    0.0
    """

    def __init__(
        self,
        strengths: Sequence[float] = _STRENGTHS,
        l1_ratios: Sequence[float] = (0.0,),
        n_knots: int = 0,
        monotone: Sequence[int] | None = None,
        n_folds: int = 3,
        random_state: int = 0,
    ) -> None:
        self.strengths = strengths
        self.l1_ratios = l1_ratios
        self.n_knots = n_knots
        self.monotone = monotone
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: IntArray | None = None) -> Self:
        """Choose the penalty and fit the coefficients.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; NaN where missing.
        y : array-like of shape (n,)
            Two classes.
        groups : numpy.ndarray of int, shape (n,), optional
            Rows of one group stay in one fold.

        Returns
        -------
        LogisticClassifier
            Itself.
        """
        X, codes = self._read_training(X, y)
        directions = read_monotone(self.monotone, X.shape[1])
        candidates = [(s, r) for r in self.l1_ratios for s in sorted(self.strengths)]
        if not candidates or min(self.strengths) <= 0:
            raise ValueError("`strengths` and `l1_ratios` must hold at least one, positive, each.")
        self.strength_, self.l1_ratio_ = self._choose(X, codes, groups, directions, candidates)
        self.design_ = LogisticDesign.learn(X, self.n_knots)
        self.coef_, self.intercept_ = _fit(
            self.design_, X, codes, directions, self.strength_, self.l1_ratio_
        )
        return self

    def _choose(
        self,
        X: FloatArray,
        y: FloatArray,
        groups: IntArray | None,
        directions: IntArray,
        candidates: list[tuple[float, float]],
    ) -> tuple[float, float]:
        """Return the strength and ratio with the lowest log loss in folds."""
        if len(candidates) == 1:
            return candidates[0]
        if min(y.sum(), len(y) - y.sum()) < self.n_folds:
            return candidates[len(candidates) // 2]
        folds, _ = assign_folds(y, groups, n_folds=self.n_folds, random_state=self.random_state)
        losses = np.zeros(len(candidates))
        for number in range(self.n_folds):
            inside, outside = folds != number, folds == number
            design = LogisticDesign.learn(X[inside], self.n_knots)
            learn, check = design.make(X[inside]), design.make(X[outside])
            for position, risk in enumerate(
                _predict_path(learn, y[inside], check, design.find_signs(directions), candidates)
            ):
                losses[position] += find_losses(risk, y[outside]).sum()
        return candidates[int(np.argmin(losses))]

    def prepare(self, X: Any) -> FloatArray:
        """Return the standardised columns that the coefficients belong to.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, n_columns)
            None missing.
        """
        return self.design_.make(self._read_rows(X))

    def _find_terms(self, X: FloatArray) -> FloatArray:
        """Return what each feature adds: its line, and the column that says it is missing."""
        weighted = self.design_.make(X) * self.coef_
        terms = np.zeros(X.shape)
        for column, feature in enumerate(self.design_.features):
            terms[:, feature] += weighted[:, column]
        return terms


def _predict_path(
    learn: FloatArray,
    y: FloatArray,
    check: FloatArray,
    signs: IntArray,
    candidates: list[tuple[float, float]],
) -> Iterator[FloatArray]:
    """Give the risks of some rows by each candidate, each begun from the one before."""
    start = None
    for strength, l1_ratio in candidates:
        start = _solve(learn, y, signs, strength, l1_ratio, start, _SEARCH_TOLERANCE)
        coefficients, intercept = start
        yield np.asarray(expit(check @ coefficients + intercept))


def _solve(
    columns: FloatArray,
    y: FloatArray,
    signs: IntArray,
    strength: float,
    l1_ratio: float,
    start: tuple[FloatArray, float] | None = None,
    tolerance: float = 1e-8,
) -> tuple[FloatArray, float]:
    """Fit coefficients that keep their signs."""
    return fit_penalised(
        columns, y, np.ones(len(y)), strength=strength, l1_ratio=l1_ratio,
        lower=np.where(signs > 0, 0.0, -np.inf), upper=np.where(signs < 0, 0.0, np.inf),
        start=start, tolerance=tolerance,
    )  # fmt: skip


def _fit(
    design: LogisticDesign,
    X: FloatArray,
    y: FloatArray,
    directions: IntArray,
    strength: float,
    l1_ratio: float,
) -> tuple[FloatArray, float]:
    """Fit the coefficients of a design."""
    return _solve(design.make(X), y, design.find_signs(directions), strength, l1_ratio)


def _find_median(column: FloatArray) -> float:
    """Return the median of the known values, 0 where none is."""
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0


def _place_knots(column: FloatArray, n_knots: int) -> FloatArray:
    """Return the ends of a feature's ramps at quantiles, none for a straight line."""
    known = column[~np.isnan(column)]
    if len(known) == 0:
        return np.empty(0)
    # Not the extreme values: they would tell of single pupils, and the outer ramps go on.
    places = np.unique(np.quantile(known, np.linspace(_OUTER, 1 - _OUTER, n_knots + 2)))
    return places if len(places) > 2 else np.empty(0)


def _make_ramps(column: FloatArray, knots: FloatArray) -> FloatArray:
    """Return how far each value has come along each ramp; the outer ramps go on straight."""
    if len(knots) == 0:
        return column[:, np.newaxis]
    low, high = knots[:-1].copy(), knots[1:].copy()
    shares = (column[:, np.newaxis] - low) / (high - low)
    bottom, top = np.zeros(len(low)), np.ones(len(low))
    bottom[0], top[-1] = -np.inf, np.inf
    return np.clip(shares, bottom, top)
