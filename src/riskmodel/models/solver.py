"""Penalised logistic regression in which a coefficient may have a sign that it must keep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

FloatArray = npt.NDArray[np.float64]

_MOST_STEPS = 100
_ARMIJO = 1e-4
_SMALLEST_STEP = 1e-10
_RIDGE = 1e-9


def fit_penalised(
    X: FloatArray,
    successes: FloatArray,
    trials: FloatArray,
    *,
    strength: float,
    l1_ratio: float = 0.0,
    lower: FloatArray | None = None,
    upper: FloatArray | None = None,
    start: tuple[FloatArray, float] | None = None,
    tolerance: float = 1e-6,
) -> tuple[FloatArray, float]:
    """Fit a logistic regression with an elastic net and bounds.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n, p)
        Columns of comparable size; none missing.
    successes, trials : numpy.ndarray of float, shape (n,)
        Of each row how many had the outcome, of how many; 0 or 1 of 1 for single pupils.
    strength : float
        What a unit of log loss weighs against the penalty, as scikit-learn's ``C``; larger
        shrinks less.
    l1_ratio : float, default 0
        The part of the penalty that is absolute, in [0, 1]; 0 is ridge.
    lower, upper : numpy.ndarray of float, shape (p,), optional
        Bounds of the coefficients, with 0 between them; none by default. The intercept has
        neither bounds nor penalty.
    start : tuple of numpy.ndarray of float, shape (p,), and float, optional
        Coefficients and intercept to begin from, such as those of another strength.
    tolerance : float, default 1e-6
        The largest slope along which the loss of a pupil may still fall.

    Returns
    -------
    coefficients : numpy.ndarray of float, shape (p,)
        Of the columns.
    intercept : float
        The log-odds of a row of zeros.

    Notes
    -----
    Newton's method on the coefficients that are free, projected on the bounds. With an
    absolute penalty each coefficient is the difference of two that cannot be negative, which
    makes it smooth.

    References
    ----------
    Bertsekas, D. P. (1982). Projected Newton methods for optimization problems with simple
    constraints. SIAM Journal on Control and Optimization 20, 221-246.
    Zou, H. and Hastie, T. (2005). Regularization and variable selection via the elastic net.
    Journal of the Royal Statistical Society B 67, 301-320.
    """
    n_columns = X.shape[1]
    low = np.full(n_columns, -np.inf) if lower is None else lower
    high = np.full(n_columns, np.inf) if upper is None else upper
    first, intercept = (np.zeros(n_columns), 0.0) if start is None else start
    first = np.clip(first, low, high)
    if l1_ratio == 0:
        problem = _Problem(X, successes, trials, strength, 1.0, 0.0, low, high)
        return problem.solve(first, intercept, tolerance)
    # w = u - v with u, v >= 0: where both could be positive the penalty makes one of them 0.
    doubled = _Problem(
        np.hstack([X, -X]), successes, trials, strength, 1 - l1_ratio, l1_ratio,
        np.zeros(2 * n_columns), np.concatenate([np.maximum(high, 0), np.maximum(-low, 0)]),
    )  # fmt: skip
    parts = np.concatenate([np.maximum(first, 0), np.maximum(-first, 0)])
    found, intercept = doubled.solve(parts, intercept, tolerance)
    return found[:n_columns] - found[n_columns:], intercept


class _Problem:
    """One convex problem with bounds."""

    def __init__(
        self,
        X: FloatArray,
        successes: FloatArray,
        trials: FloatArray,
        strength: float,
        ridge: float,
        slope: float,
        lower: FloatArray,
        upper: FloatArray,
    ) -> None:
        self.X, self.successes, self.trials = X, successes, trials
        self.strength, self.ridge, self.slope = strength, ridge, slope
        self.lower = np.append(lower, -np.inf)
        self.upper = np.append(upper, np.inf)

    def solve(
        self, coefficients: FloatArray, intercept: float, tolerance: float
    ) -> tuple[FloatArray, float]:
        """Return coefficients and intercept at the minimum; the intercept is the last one."""
        at = np.append(coefficients, intercept)
        log_odds = self._find_log_odds(at)
        value = self._find_value(at, log_odds)
        limit = tolerance * self.strength * max(float(self.trials.sum()), 1.0)
        for _ in range(_MOST_STEPS):
            risk = expit(log_odds)
            slopes = self._find_slopes(at, risk)
            is_stuck = ((at <= self.lower) & (slopes > 0)) | ((at >= self.upper) & (slopes < 0))
            free = np.flatnonzero(~is_stuck)
            if not len(free) or np.abs(slopes[free]).max() <= limit:
                break
            step = np.zeros_like(at)
            step[free] = np.linalg.solve(self._find_curvature(risk, free), slopes[free])
            moved = self._search(at, value, slopes, step)
            if moved is None:
                break
            at, log_odds, value = moved
        return at[:-1], float(at[-1])

    def _search(
        self, at: FloatArray, value: float, slopes: FloatArray, step: FloatArray
    ) -> tuple[FloatArray, FloatArray, float] | None:
        """Return a lower place along the projected step, None where there is none."""
        share = 1.0
        while share > _SMALLEST_STEP:
            there = np.clip(at - share * step, self.lower, self.upper)
            log_odds = self._find_log_odds(there)
            lower = self._find_value(there, log_odds)
            if lower <= value - _ARMIJO * float(slopes @ (at - there)) and lower < value:
                return there, log_odds, lower
            share /= 2
        return None

    def _find_log_odds(self, at: FloatArray) -> FloatArray:
        """Return the rows' log-odds."""
        return np.asarray(self.X @ at[:-1] + at[-1])

    def _find_value(self, at: FloatArray, log_odds: FloatArray) -> float:
        """Return what is made as small as possible."""
        loss = self.trials * np.logaddexp(0, log_odds) - self.successes * log_odds
        w = at[:-1]
        return float(self.strength * loss.sum() + self.ridge / 2 * (w @ w) + self.slope * w.sum())

    def _find_slopes(self, at: FloatArray, risk: FloatArray) -> FloatArray:
        """Return the gradient."""
        excess = self.strength * (self.trials * risk - self.successes)
        own = self.X.T @ excess + self.ridge * at[:-1] + self.slope
        return np.append(own, excess.sum())

    def _find_curvature(self, risk: FloatArray, free: npt.NDArray[np.int64]) -> FloatArray:
        """Return the Hessian of the free coefficients, the intercept among them."""
        n_columns = self.X.shape[1]
        root = np.sqrt(self.strength * self.trials * risk * (1 - risk))
        columns = free[free < n_columns]
        scaled = np.empty((len(self.X), len(free)))
        # With all columns free, as in most steps, none needs to be picked.
        picked = self.X if len(columns) == n_columns else self.X[:, columns]
        np.multiply(picked, root[:, np.newaxis], out=scaled[:, : len(columns)])
        if len(free) > len(columns):
            scaled[:, -1] = root
        curvature = scaled.T @ scaled
        diagonal = np.where(free < n_columns, self.ridge, 0.0) + _RIDGE * (
            1 + np.diagonal(curvature)
        )
        curvature[np.diag_indices_from(curvature)] += diagonal
        return np.asarray(curvature)
