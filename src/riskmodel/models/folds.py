"""Folds that keep the pupils of one school together."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

IntArray = npt.NDArray[np.int64]


def assign_folds(
    y: npt.NDArray[np.float64],
    groups: npt.NDArray[np.int64] | None,
    *,
    n_folds: int,
    random_state: int,
) -> tuple[IntArray, bool]:
    """Assign each row to one fold, whole groups together where that is possible.

    Parameters
    ----------
    y : numpy.ndarray of float, shape (n,)
        Labels 1, 0 or NaN; at least `n_folds` rows of each known class.
    groups : numpy.ndarray of int, shape (n,), or None
        The group of each row, for example the school unit.
    n_folds : int
        The number of folds, at least 2.
    random_state : int
        The seed of the shuffle.

    Returns
    -------
    folds : numpy.ndarray of int, shape (n,)
        From 0 to ``n_folds - 1``.
    is_grouped : bool
        False if the groups could not be kept together: there are none, fewer than folds, or
        the outcome sits in so few of them that some training part would have one class.
    """
    strata = _find_strata(y, n_folds)
    if groups is not None and len(np.unique(groups)) >= n_folds:
        grouped = StratifiedGroupKFold(n_folds, shuffle=True, random_state=random_state)
        folds = _number_rows(grouped.split(strata, strata, groups), len(y))
        if _has_both_classes(y, folds, n_folds):
            return folds, True
    plain = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    return _number_rows(plain.split(strata, strata), len(y)), False


def _find_strata(y: npt.NDArray[np.float64], n_folds: int) -> IntArray:
    """Return the classes to spread evenly: 0, 1 and, where there are enough, unknown."""
    unknown = np.isnan(y)
    strata = np.where(y == 1, 1, 0)
    if unknown.sum() >= n_folds:
        strata[unknown] = 2
    return strata.astype(np.int64)


def _number_rows(splits: Iterable[tuple[IntArray, IntArray]], n_rows: int) -> IntArray:
    """Turn scikit-learn's splits into the fold number of each row."""
    folds = np.zeros(n_rows, dtype=np.int64)
    for number, (_, rows) in enumerate(splits):
        folds[rows] = number
    return folds


def _has_both_classes(y: npt.NDArray[np.float64], folds: IntArray, n_folds: int) -> bool:
    """Tell whether every training part holds both classes."""
    return all(
        bool((y[folds != number] == 1).any() and (y[folds != number] == 0).any())
        for number in range(n_folds)
    )
