"""The groups of an audit, and the counts of right and wrong flags in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.evaluation.specs import count_places

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
    single = {
        str(name): _make_grouping(str(name), column) for name, column in sensitive_features.items()
    }
    return (
        *single.values(),
        *(_cross([single[name] for name in cross]) for cross in intersections),
    )


def _make_grouping(name: str, column: pd.Series) -> Grouping:
    """Return the grouping by one column."""
    codes, found = pd.factorize(column, use_na_sentinel=False)
    texts = [UNKNOWN if pd.isna(value) else str(value) for value in found]
    order = sorted(set(texts), key=lambda text: (text == UNKNOWN, text))
    position = {text: number for number, text in enumerate(order)}
    renamed = np.array([position[text] for text in texts], dtype=np.int64)
    return Grouping((name,), tuple((text,) for text in order), renamed[codes])


def _cross(groupings: Sequence[Grouping]) -> Grouping:
    """Return the grouping by several features together, without empty groups."""
    shape = tuple(len(grouping.values) for grouping in groupings)
    flat = np.ravel_multi_index(tuple(grouping.codes for grouping in groupings), shape)
    found, codes = np.unique(flat, return_inverse=True)
    positions = zip(*np.unravel_index(found, shape), strict=True)
    values = tuple(
        tuple(grouping.values[at][0] for grouping, at in zip(groupings, position, strict=True))
        for position in positions
    )
    features = tuple(grouping.features[0] for grouping in groupings)
    return Grouping(features, values, codes.astype(np.int64))


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


def flag_pupils(
    risk: Counts, *, threshold: float | None = None, capacity: float | None = None
) -> npt.NDArray[np.bool_]:
    """Return who is flagged by a threshold or a capacity.

    Parameters
    ----------
    risk : numpy.ndarray of float, shape (n,)
        Calibrated risk in [0, 1].
    threshold : float, optional
        Flag from this risk on.
    capacity : float or int, optional
        Flag this share, in (0, 1] and rounded down, or this whole number.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        Of equal risks at the edge of the capacity the first rows are flagged.

    Examples
    --------
    >>> flag_pupils(np.array([0.2, 0.9, 0.2, 0.2]), capacity=2).tolist()
    [True, True, False, False]
    """
    if threshold is not None:
        return np.asarray(risk >= threshold)
    assert capacity is not None
    is_share = isinstance(capacity, float) and capacity <= 1
    n_flagged = count_places(capacity, len(risk)) if is_share else int(capacity)
    flagged = np.zeros(len(risk), dtype=bool)
    flagged[np.argsort(-risk, kind="stable")[:n_flagged]] = True
    return flagged


def renumber(codes: IntArray) -> IntArray:
    """Return numbers of groups or clusters without gaps.

    Parameters
    ----------
    codes : numpy.ndarray of int, shape (n,)
        Numbers of which some may not occur.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        From 0, in the same order.
    """
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)
