"""Conditions on single features, and quick sums over the rows for which they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_DIGITS = 3
_FEWEST_ROWS = 10


@dataclass(frozen=True)
class Condition:
    """One condition on one feature: at least a limit, below it, or not known.

    Parameters
    ----------
    feature : int
        The feature's place.
    at_least, below : float, optional
        The limit. With neither the condition holds where the value is missing.
    """

    feature: int
    at_least: float | None = None
    below: float | None = None

    def holds(self, X: FloatArray) -> BoolArray:
        """Return for which rows the condition holds.

        Parameters
        ----------
        X : numpy.ndarray of float, shape (n, p)
            Features; NaN where missing.

        Returns
        -------
        numpy.ndarray of bool, shape (n,)
            False where the value is missing, unless that is the condition.
        """
        values = X[:, self.feature]
        if self.at_least is not None:
            return np.asarray(values >= self.at_least)
        if self.below is not None:
            return np.asarray(values < self.below)
        return np.isnan(values)


@dataclass(frozen=True, eq=False)
class Conditions:
    """All conditions that a card may use.

    Parameters
    ----------
    conditions : tuple of Condition
        In the order of the features.
    signs : numpy.ndarray of int, shape (n_conditions,)
        1 where a condition may only raise the risk, 0 where both ways are allowed.
    bins : numpy.ndarray of int, shape (p, n)
        For each feature in which step of its limits each row lies, missing values last.
    places : tuple of tuple of numpy.ndarray and numpy.ndarray
        For each feature the numbers of its conditions, and for each of these the steps for
        which it holds, as a matrix of 0 and 1.
    """

    conditions: tuple[Condition, ...]
    signs: IntArray
    bins: npt.NDArray[np.int16]
    places: tuple[tuple[IntArray, FloatArray], ...]

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.bins.shape[1])

    def add_up(self, values: FloatArray) -> FloatArray:
        """Add values up over the rows for which each condition holds.

        Parameters
        ----------
        values : numpy.ndarray of float, shape (n,)
            One per row.

        Returns
        -------
        numpy.ndarray of float, shape (n_conditions,)
            The sums.
        """
        sums = np.empty(len(self.conditions))
        for own, (numbers, steps) in zip(self.bins, self.places, strict=True):
            if len(numbers):
                by_step = np.bincount(own, weights=values, minlength=steps.shape[1])
                sums[numbers] = steps @ by_step
        return sums

    def holds(self, number: int) -> BoolArray:
        """Return for which rows a condition holds.

        Parameters
        ----------
        number : int
            Its place among the conditions.

        Returns
        -------
        numpy.ndarray of bool, shape (n,)
            True where it holds.
        """
        feature = self.conditions[number].feature
        numbers, steps = self.places[feature]
        table = steps[int(np.searchsorted(numbers, number))].astype(bool)
        return np.asarray(table[self.bins[feature]])


def make_conditions(X: FloatArray, directions: IntArray, n_cuts: int) -> Conditions:
    """Return the conditions that some rows allow.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n, p)
        Features; NaN where missing.
    directions : numpy.ndarray of int, shape (p,)
        1 if a higher value may only raise the risk, -1 if only lower it, 0 if both.
    n_cuts : int
        The most limits per feature.

    Returns
    -------
    Conditions
        Limits are quantiles of the known values, rounded to three digits. Where a higher value
        may only lower the risk the condition is "below", so that its points raise it. No
        condition holds for, or leaves, fewer than 10 rows, save in tiny samples.
    """
    fewest = min(_FEWEST_ROWS, max(len(X) // 10, 1))
    conditions: list[Condition] = []
    signs: list[int] = []
    bins = np.empty(X.shape[::-1], dtype=np.int16)
    places = []
    for feature, column in enumerate(X.T):
        is_missing = np.isnan(column)
        cuts = _find_cuts(column[~is_missing], n_cuts, fewest, len(X))
        bins[feature] = np.searchsorted(cuts, column, side="right")
        bins[feature][is_missing] = len(cuts) + 1
        steps = np.arange(len(cuts) + 2)
        first, rows = len(conditions), []
        for position, cut in enumerate(cuts):
            above = (steps > position) & (steps <= len(cuts))
            if directions[feature] < 0:
                conditions.append(Condition(feature, below=float(cut)))
                rows.append(steps <= position)
            else:
                conditions.append(Condition(feature, at_least=float(cut)))
                rows.append(above)
            signs.append(int(directions[feature] != 0))
        if fewest <= is_missing.sum() <= len(X) - fewest:
            conditions.append(Condition(feature))
            rows.append(steps == len(cuts) + 1)
            signs.append(0)
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(steps))
        places.append((np.arange(first, len(conditions)), table))
    return Conditions(tuple(conditions), np.array(signs, dtype=np.int64), bins, tuple(places))


def _find_cuts(known: FloatArray, n_cuts: int, fewest: int, n_rows: int) -> FloatArray:
    """Return limits that divide the known values, none of them too far out."""
    if len(known) == 0:
        return np.empty(0)
    quantiles = np.quantile(known, np.linspace(0, 1, n_cuts + 2)[1:-1], method="higher")
    cuts = np.unique([_round(value) for value in quantiles])
    ordered = np.sort(known)
    below = np.searchsorted(ordered, cuts, side="left")
    above = len(known) - below
    return np.asarray(cuts[(below >= fewest) & (above >= fewest) & (above <= n_rows - fewest)])


def _round(value: float) -> float:
    """Return a number of three digits near a value; whole numbers stay as they are."""
    return value if value == int(value) else float(f"{value:.{_DIGITS}g}")
