"""Measures of order, with the value that each would have without one of the units.

Every function returns the measure and an array of its values with each unit left out, NaN
where it is not defined then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import make_ranking_interval
from riskmodel.evaluation.sample import Sample

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def measure_auc(sample: Sample) -> tuple[float, FloatArray]:
    """Measure the area under the receiver operating characteristic.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    value : float
        The share of pairs of a pupil with and one without the outcome in which the former
        has the higher risk; equal risks count half.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.
    """
    positive = (sample.known_label == 1).astype(np.float64)
    return measure_weighted_auc(
        sample.known_risk, positive, 1 - positive, sample.known_unit, sample.n_units
    )


def estimate_auc(sample: Sample, level: float) -> Estimate:
    """Return the area under the curve with its interval.

    Parameters
    ----------
    sample : Sample
        With both classes.
    level : float
        Of the interval.

    Returns
    -------
    Estimate
        Without an interval where too few pupils have, or have not, the outcome.
    """
    value, without = measure_auc(sample)
    return make_ranking_interval(value, without, sample, level=level, scale="logit")


def measure_weighted_auc(
    risk: FloatArray, positive: FloatArray, negative: FloatArray, unit: IntArray, n_units: int
) -> tuple[float, FloatArray]:
    """Measure the area under the receiver operating characteristic with weights.

    Parameters
    ----------
    risk : numpy.ndarray of float, shape (n,)
        What the rows are ordered by.
    positive, negative : numpy.ndarray of float, shape (n,)
        How much each row counts as one with, and as one without the outcome; not negative.
    unit : numpy.ndarray of int, shape (n,)
        The unit of each row, from 0.
    n_units : int
        How many units are left out in turn.

    Returns
    -------
    value : float
        The weight of the pairs in which the row with the outcome has the higher risk, as a
        share of all pairs; equal risks count half. NaN without pairs.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.

    Notes
    -----
    The pairs without a unit are all pairs, less those of its members with everyone, plus those
    within it, which were taken away twice.
    """
    level = np.unique(risk, return_inverse=True)[1]
    everyone = np.zeros(len(risk), dtype=np.int64)
    won = positive * _weigh_below(level, everyone, negative)
    lost = negative * (positive.sum() - _weigh_below(level, everyone, positive))
    within = positive * _weigh_below(level, unit, negative)
    by_unit = [
        np.bincount(unit, weights=values, minlength=n_units)
        for values in (won + lost, within, positive, negative)
    ]
    pairs, inside, n_positive, n_negative = by_unit
    possible = (n_positive.sum() - n_positive) * (n_negative.sum() - n_negative)
    total = np.array([positive.sum() * negative.sum()])
    value = _divide(np.array([won.sum()]), total)
    return float(value[0]), _divide(won.sum() - pairs + inside, possible)


def _weigh_below(level: IntArray, unit: IntArray, weight: FloatArray) -> FloatArray:
    """Return the weight of a unit's rows below each row, and half of those at its level."""
    cell = unit * (int(level.max(initial=0)) + 1) + level
    cells, place = np.unique(cell, return_inverse=True)
    own = np.bincount(place, weights=weight, minlength=len(cells))
    below = np.cumsum(own) - own
    first = np.searchsorted(cells, unit * (int(level.max(initial=0)) + 1))
    return np.asarray(below[place] - below[first] + own[place] / 2, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Table:
    """Counts of rows by distinct risk, highest first."""

    rows: FloatArray
    known: FloatArray
    positive: FloatArray

    @classmethod
    def count(cls, label: FloatArray, level: IntArray, n_levels: int) -> _Table:
        """Count rows by the number of their risk."""
        weights = (np.ones(len(label)), ~np.isnan(label), label == 1)
        counts = [np.bincount(level, weights=weight, minlength=n_levels) for weight in weights]
        rows, known, positive = (np.asarray(count, dtype=np.float64) for count in counts)
        return cls(rows, known, positive)

    def less(self, other: _Table) -> _Table:
        """Return the counts without those of another table."""
        return _Table(
            self.rows - other.rows, self.known - other.known, self.positive - other.positive
        )


def _count_by_risk(sample: Sample) -> tuple[_Table, Iterator[_Table]]:
    """Return the counts of all rows, and one after the other those of each unit."""
    distinct, level = np.unique(-sample.risk, return_inverse=True)
    order = np.argsort(sample.unit, kind="stable")
    edges = np.searchsorted(sample.unit[order], np.arange(sample.n_units + 1))
    members = (order[start:end] for start, end in pairwise(edges))
    units = (_Table.count(sample.label[rows], level[rows], len(distinct)) for rows in members)
    return _Table.count(sample.label, level, len(distinct)), units


def measure_average_precision(sample: Sample) -> tuple[float, FloatArray]:
    """Measure the average precision over all thresholds.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    value : float
        The mean precision, weighted by the recall that each threshold adds.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.
    """
    total, units = _count_by_risk(sample)
    value = average_precision_score(sample.known_label, sample.known_risk)
    without = [_find_average_precision(total.less(unit)) for unit in units]
    return float(value), np.array(without, dtype=np.float64)


def _find_average_precision(table: _Table) -> float:
    """Return the average precision of counts by risk."""
    n_positive = table.positive.sum()
    if n_positive == 0:
        return float("nan")
    precision = table.positive.cumsum() / np.maximum(table.known.cumsum(), 1.0)
    return float((precision * table.positive).sum() / n_positive)


@dataclass(frozen=True, eq=False)
class CapacityCounts:
    """What meeting the pupils with the highest risks finds.

    Parameters
    ----------
    found : float
        Pupils with the outcome among those met; a part of a pupil where equal risks
        straddle the capacity.
    met : float
        Pupils met whose label is known.
    precision, recall : float
        `found` as a share of `met` and of all with the outcome; NaN if there are none.
    precision_without, recall_without : numpy.ndarray of float, shape (n_units,)
        The same without each unit, with the capacity in proportion.
    met_by_unit : numpy.ndarray of float, shape (n_units,)
        Pupils met whose label is known, by unit.
    """

    found: float
    met: float
    precision: float
    recall: float
    precision_without: FloatArray
    recall_without: FloatArray
    met_by_unit: FloatArray


def count_at_capacity(sample: Sample, capacity: int) -> CapacityCounts:
    """Count what meeting the pupils with the highest risks finds.

    Parameters
    ----------
    sample : Sample
        All rows, those with an unknown label too: they take their place among those met and
        are then left out of the shares.
    capacity : int
        How many pupils are met.

    Returns
    -------
    CapacityCounts
        Where equal risks straddle the capacity, the expected counts if the places were
        drawn among them by lot.

    Notes
    -----
    Without a unit the capacity shrinks in proportion. The places that its pupils leave, or
    that others must give up, go to pupils at the edge of the capacity, of whom as many have
    the outcome as have it around the edge: a single pupil there would make the intervals
    too wide.
    """
    distinct, level = np.unique(-sample.risk, return_inverse=True)
    total = _Table.count(sample.label, level, len(distinct))
    place = _fill_places(total, capacity)
    found, met = float(place @ total.positive), float(place @ total.known)
    n_positive = float(total.positive.sum())
    by_unit = {
        name: _add_up_by_unit(sample, values)
        for name, values in {
            "rows": np.ones(len(level)),
            "places": place[level],
            "met": place[level] * sample.is_known,
            "found": place[level] * (sample.label == 1),
            "positive": (sample.label == 1).astype(np.float64),
        }.items()
    }
    moved = by_unit["places"] - capacity * by_unit["rows"] / len(level)
    found_share, met_share = _find_shares_at_edge(total, capacity)
    rest_found = np.maximum(found - by_unit["found"] + moved * found_share, 0.0)
    rest_met = met - by_unit["met"] + moved * met_share
    return CapacityCounts(
        found=found,
        met=met,
        precision=found / met if met > 0 else float("nan"),
        recall=found / n_positive if n_positive > 0 else float("nan"),
        precision_without=_divide(rest_found, rest_met),
        recall_without=_divide(rest_found, n_positive - by_unit["positive"]),
        met_by_unit=by_unit["met"],
    )


def _add_up_by_unit(sample: Sample, values: FloatArray) -> FloatArray:
    """Add values of all rows up by unit, leaving out rows that belong to none."""
    inside = sample.unit >= 0
    sums = np.bincount(sample.unit[inside], weights=values[inside], minlength=sample.n_units)
    return np.asarray(sums, dtype=np.float64)


def _find_shares_at_edge(table: _Table, capacity: int) -> tuple[float, float]:
    """Return which share of the rows at the edge of the capacity has the outcome, or a label.

    The rows at the edge are those whose rank is within half the capacity of it, or the rows
    of equal risk that straddle it if they are as many.
    """
    last = table.rows.cumsum()
    first = last - table.rows
    at_edge = (first < capacity) & (last >= capacity)
    if table.rows[at_edge].sum() < capacity:
        at_edge = (last > 0.5 * capacity) & (first < 1.5 * capacity)
    n_rows = max(float(table.rows[at_edge].sum()), 1.0)
    return (
        float(table.positive[at_edge].sum()) / n_rows,
        float(table.known[at_edge].sum()) / n_rows,
    )


def _fill_places(table: _Table, capacity: float) -> FloatArray:
    """Return the share of the rows of each distinct risk that find a place."""
    before = table.rows.cumsum() - table.rows
    share = (capacity - before) / np.maximum(table.rows, 1.0)
    return np.asarray(np.clip(share, 0.0, 1.0), dtype=np.float64)


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide, giving NaN where the denominator is 0."""
    result = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
