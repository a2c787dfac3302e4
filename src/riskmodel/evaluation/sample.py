"""The rows of one model at one prediction point, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.randomness import make_generator

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MINIMUM_CLUSTERS = 6
"""The fewest schools from which an interval that respects schools is made."""

INDEPENDENT_GROUPS = 200
"""The most groups that independent pupils are dealt into."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Risks, labels and the units that are left out in turn.

    Parameters
    ----------
    risk : numpy.ndarray of float, shape (n,)
        Probabilities in [0, 1], of all rows.
    label : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without, NaN where not known.
    unit : numpy.ndarray of int, shape (n,)
        The unit of each row, from 0; -1 for a row in a school without a known label, which
        is never left out.
    n_units : int
        How many units are left out in turn.
    n_clusters : int
        How many schools have a known label.
    is_clustered : bool
        Whether the units are schools; otherwise they are random groups of pupils.
    """

    risk: FloatArray
    label: FloatArray
    unit: IntArray
    n_units: int
    n_clusters: int
    is_clustered: bool

    @cached_property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """Which rows have a label."""
        return ~np.isnan(self.label)

    @cached_property
    def known_risk(self) -> FloatArray:
        """The risks of the rows with a label."""
        return np.asarray(self.risk[self.is_known])

    @cached_property
    def known_label(self) -> FloatArray:
        """The labels of the rows with a label."""
        return np.asarray(self.label[self.is_known])

    @cached_property
    def known_unit(self) -> IntArray:
        """The units of the rows with a label."""
        return np.asarray(self.unit[self.is_known])

    @property
    def n_positive(self) -> int:
        """How many rows have the outcome."""
        return int((self.label == 1).sum())

    @property
    def n_negative(self) -> int:
        """How many rows are known to be without the outcome."""
        return int((self.label == 0).sum())

    @property
    def has_both_classes(self) -> bool:
        """Whether there are rows with and rows without the outcome."""
        return self.n_positive > 0 and self.n_negative > 0

    def add_up(self, values: FloatArray) -> FloatArray:
        """Add values of the rows with a label up by unit.

        Parameters
        ----------
        values : numpy.ndarray of float, shape (rows with a label,)
            What to add up.

        Returns
        -------
        numpy.ndarray of float, shape (n_units,)
            One sum per unit.
        """
        sums = np.bincount(self.known_unit, weights=values, minlength=self.n_units)
        return np.asarray(sums, dtype=np.float64)


def leave_out(tops: FloatArray, bottoms: FloatArray) -> FloatArray:
    """Return a ratio of sums over units without each of them.

    Parameters
    ----------
    tops, bottoms : numpy.ndarray of float, shape (n_units,)
        What each unit adds above and below the fraction line.

    Returns
    -------
    numpy.ndarray of float, shape (n_units,)
        NaN where nothing is left below.
    """
    rest = bottoms.sum() - bottoms
    without = np.full(len(tops), np.nan)
    np.divide(tops.sum() - tops, rest, out=without, where=rest > 0)
    return without


def make_sample(rows: pd.DataFrame) -> Sample:
    """Make a sample of the rows of one model at one prediction point.

    Parameters
    ----------
    rows : pandas.DataFrame
        With `risk`, `label` and `school_unit`, in a fixed order.

    Returns
    -------
    Sample
        With schools as units, or random groups of pupils if fewer than 6 schools have a
        known label. Rows without a school count as one school.
    """
    risk = rows["risk"].to_numpy(dtype=np.float64)
    label = rows["label"].to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(label)
    codes = np.asarray(pd.factorize(rows["school_unit"], sort=True)[0], dtype=np.int64) + 1
    schools = np.unique(codes[known])
    if len(schools) >= MINIMUM_CLUSTERS:
        unit = np.searchsorted(schools, codes)
        found = schools[np.minimum(unit, len(schools) - 1)] == codes
        unit = np.where(found, unit, -1)
        return Sample(risk, label, unit, len(schools), len(schools), True)
    return _deal_out(risk, label, len(schools))


def regroup(sample: Sample) -> Sample:
    """Return the same rows with random groups of pupils as units in place of schools.

    Parameters
    ----------
    sample : Sample
        With any units.

    Returns
    -------
    Sample
        Of at most 200 groups.
    """
    return _deal_out(sample.risk, sample.label, sample.n_clusters)


def _deal_out(risk: FloatArray, label: FloatArray, n_clusters: int) -> Sample:
    """Return a sample whose pupils are dealt into random groups."""
    known = ~np.isnan(label)
    n_groups = int(min(known.sum(), INDEPENDENT_GROUPS))
    unit = np.full(len(label), -1, dtype=np.int64)
    order = make_generator(0, "evaluation", "independent groups").permutation(int(known.sum()))
    unit[known] = order % max(n_groups, 1)
    return Sample(risk, label, unit, n_groups, n_clusters, False)
