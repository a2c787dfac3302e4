"""The groups of an audit, and the counts of right and wrong flags in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

IntArray = npt.NDArray[np.int64]
Counts = npt.NDArray[np.float64]

UNKNOWN = "unknown"
"""The group of those whose sensitive value is missing."""

CELLS = ("true_positive", "false_negative", "false_positive", "true_negative")
"""The last axis of an array of counts: flagged or not, with the outcome and without."""

_SEPARATOR = " × "


@dataclass(frozen=True)
class Grouping:
    """One way to divide the pupils: by a sensitive feature, or by several crossed.

    Parameters
    ----------
    features : tuple of str
        The features that are crossed; a single one for a plain attribute.
    values : tuple of tuple of str
        The groups, each by its value of every feature. Missing is `UNKNOWN`.
    codes : numpy.ndarray of int, shape (n,)
        The position in `values` of each pupil's group.
    """

    features: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: IntArray

    @property
    def name(self) -> str:
        """The features' names in one text."""
        return _SEPARATOR.join(self.features)

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups' names, in order."""
        return tuple(_SEPARATOR.join(value) for value in self.values)


def make_groupings(
    sensitive_features: pd.DataFrame, intersections: Sequence[Sequence[str]] = ()
) -> tuple[Grouping, ...]:
    """Divide pupils by each sensitive feature, then by each intersection.

    Parameters
    ----------
    sensitive_features : pandas.DataFrame, shape (n, n_features)
        Values of any type; a missing one makes the group `UNKNOWN`.
    intersections : sequence of sequence of str
        Columns to cross.

    Returns
    -------
    tuple of Grouping
        Groups are in alphabetical order, the unknown last, and only those with somebody.

    Examples
    --------
    >>> frame = pd.DataFrame({"sex": ["Man", None, "Kvinna"]})
    >>> make_groupings(frame)[0].values
    (('Kvinna',), ('Man',), ('unknown',))
    """
    texts = pd.DataFrame(
        {
            str(name): column.astype(object).where(column.notna(), UNKNOWN).astype(str)
            for name, column in sensitive_features.items()
        }
    )
    wanted = [(name,) for name in texts.columns] + [tuple(cross) for cross in intersections]
    return tuple(_make_grouping(texts, features) for features in wanted)


def _make_grouping(texts: pd.DataFrame, features: tuple[str, ...]) -> Grouping:
    """Return the grouping by some columns of texts."""
    rows = pd.MultiIndex.from_frame(texts[list(features)])
    codes, found = pd.factorize(rows)
    values = [tuple(value) for value in found]
    order = sorted(range(len(values)), key=lambda i: [(v == UNKNOWN, v) for v in values[i]])
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return Grouping(features, tuple(values[i] for i in order), position[codes])


def count_cells(
    codes: IntArray, n_groups: int, clusters: IntArray, n_clusters: int, cells: IntArray
) -> Counts:
    """Count right and wrong flags by group and cluster.

    Parameters
    ----------
    codes, clusters, cells : numpy.ndarray of int, shape (n,)
        Each pupil's group, cluster and position in `CELLS`.
    n_groups, n_clusters : int
        How many there are.

    Returns
    -------
    numpy.ndarray of float, shape (n_groups, n_clusters, 4)
        Whole numbers.
    """
    shape = (n_groups, n_clusters, len(CELLS))
    flat = np.ravel_multi_index((codes, clusters, cells), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)


def find_cells(y_true: Counts, is_flagged: npt.NDArray[np.bool_]) -> IntArray:
    """Return each pupil's position in `CELLS`.

    Parameters
    ----------
    y_true : numpy.ndarray of float, shape (n,)
        1 with the outcome, 0 without.
    is_flagged : numpy.ndarray of bool, shape (n,)
        Who is flagged.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        From 0 to 3.
    """
    with_outcome = y_true == 1
    return np.where(with_outcome, np.where(is_flagged, 0, 1), np.where(is_flagged, 2, 3))
