"""What a list is worth: net benefit over thresholds, and shares of lists of many sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import make_interval
from riskmodel.evaluation.ranking import CapacityCounts, count_at_capacity
from riskmodel.evaluation.sample import Sample, leave_out
from riskmodel.evaluation.specs import count_places

FloatArray = npt.NDArray[np.float64]

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Risks from which a pupil is met, for the decision curve."""

NOBODY_MET = "no interval: nobody has such a risk"
"""Why a net benefit of 0 is not known to be 0."""


def measure_worth(
    sample: Sample, met: npt.NDArray[np.bool_], threshold: float
) -> tuple[float, FloatArray]:
    """Measure the net benefit of meeting some pupils.

    Parameters
    ----------
    sample : Sample
        With at least one known label.
    met : numpy.ndarray of bool, shape (rows with a label,)
        Who is met.
    threshold : float
        In (0, 1): the odds of it weigh a meeting in vain against one that is not.

    Returns
    -------
    value : float
        Pupils with the outcome who are met, less those met in vain weighed by the odds of
        the threshold, as a share of all.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.

    References
    ----------
    Vickers, A. J. and Elkin, E. B. (2006). Decision curve analysis: a novel method for
    evaluating prediction models. Medical Decision Making 26, 565-574.
    """
    odds = threshold / (1 - threshold)
    worth = np.where(sample.known_label == 1, 1.0, -odds) * met
    sizes = sample.add_up(np.ones(len(worth)))
    return float(worth.mean()), leave_out(sample.add_up(worth), sizes)


def find_decision_curve(
    sample: Sample, *, level: float, minimum_count: int
) -> list[dict[str, Any]]:
    """Return the net benefit over thresholds beside that of meeting everyone.

    Parameters
    ----------
    sample : Sample
        With both classes.
    level : float
        Of the intervals.
    minimum_count : int
        A threshold is left out where one of the four kinds of right and wrong is from 1 to
        below this.

    Returns
    -------
    list of dict
        `threshold`, `net_benefit` and `meet_everyone`, both with their intervals. Meeting
        nobody has the net benefit 0.
    """
    points: list[dict[str, Any]] = []
    shown: list[npt.NDArray[np.int64]] = []
    everyone = np.ones(len(sample.known_risk), dtype=bool)
    for threshold in THRESHOLDS:
        met = sample.known_risk >= threshold
        cells = np.bincount(met * 2 + (sample.known_label == 1), minlength=4)
        moved = [np.abs(cells - before) for before in shown[-1:]]
        if any(((one > 0) & (one < minimum_count)).any() for one in (cells, *moved)):
            continue
        shown.append(cells)
        point: dict[str, Any] = {"threshold": threshold}
        for name, who in (("net_benefit", met), ("meet_everyone", everyone)):
            value, without = measure_worth(sample, who, threshold)
            figure = make_interval(value, without, sample, level=level, scale="identity")
            if not who.any():
                figure = Estimate(value, reason=NOBODY_MET)
            point[name] = figure.to_dict()
        points.append(point)
    return points


def measure_lift(counts: CapacityCounts, sample: Sample, level: float) -> Estimate:
    """Return how many times as frequent the outcome is among those met as among all.

    Parameters
    ----------
    counts : CapacityCounts
        At a capacity.
    sample : Sample
        The rows behind it.
    level : float
        Of the interval.

    Returns
    -------
    Estimate
        1 is what drawing lots gives.
    """
    labels = sample.known_label
    sizes = sample.add_up(np.ones(len(labels)))
    rest = (labels.sum() - sample.add_up(labels)) / np.maximum(len(labels) - sizes, 1.0)
    without = np.full(sample.n_units, np.nan)
    np.divide(counts.precision_without, rest, out=without, where=rest > 0)
    value = counts.precision / float(labels.mean())
    return make_interval(value, without, sample, level=level, scale="log")


def count_at_shares(
    sample: Sample, shares: Sequence[float]
) -> list[tuple[float, int, CapacityCounts]]:
    """Return what lists of several sizes find.

    Parameters
    ----------
    sample : Sample
        All rows.
    shares : sequence of float
        Shares of all pupils, in (0, 1].

    Returns
    -------
    list of tuple of float, int and CapacityCounts
        The share, how many pupils that is (rounded down), and what they are.
    """
    n_rows = len(sample.risk)
    sizes = [(share, count_places(share, n_rows)) for share in shares]
    return [(share, size, count_at_capacity(sample, size)) for share, size in sizes if size > 0]
