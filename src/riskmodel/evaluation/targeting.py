"""Does the individual risk add anything to knowing the school? And how lists change in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import (
    make_difference,
    make_ranking_difference,
    make_share_interval,
)
from riskmodel.evaluation.ranking import count_at_capacity, measure_auc
from riskmodel.evaluation.sample import Sample, leave_out, make_sample
from riskmodel.evaluation.specs import count_places

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TargetingComparison:
    """A list by the individual risk beside one by the schools' history alone.

    Parameters
    ----------
    point : str
        The prediction point.
    model : str or None
        The model behind the individual risk.
    recall : Estimate
        The share of the pupils with the outcome whom the list by risk reaches.
    school_only_recall : Estimate
        The share that places for the schools with the worst history reach, drawn by lot
        within a school.
    difference : Estimate
        The former less the latter, on the same pupils.
    """

    point: str
    model: str | None
    recall: Estimate
    school_only_recall: Estimate
    difference: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values.

        Returns
        -------
        dict
            JSON values.
        """
        return {
            "model": self.model,
            "recall": self.recall.to_dict(),
            "school_only_recall": self.school_only_recall.to_dict(),
            "difference": self.difference.to_dict(),
        }

    @classmethod
    def unknown(cls, point: str, model: str | None, reason: str) -> TargetingComparison:
        """Return a comparison that cannot be made.

        Parameters
        ----------
        point : str
            The prediction point.
        model : str or None
            The model.
        reason : str
            Why.

        Returns
        -------
        TargetingComparison
            Without values.
        """
        missing = Estimate.unknown(reason)
        return cls(point, model, missing, missing, missing)


def compare_targeting(
    point: str, model: str, own: Sample, school_only: Sample, capacity: int, level: float
) -> TargetingComparison:
    """Compare whom two lists of the same length reach.

    Parameters
    ----------
    point, model : str
        What is compared.
    own, school_only : Sample
        The same rows with the individual risks, and with those of the schools' history.
    capacity : int
        Places.
    level : float
        Of the intervals.

    Returns
    -------
    TargetingComparison
        Paired on the same pupils, by school.
    """
    by_risk, by_school = count_at_capacity(own, capacity), count_at_capacity(school_only, capacity)

    own_recall = by_risk.recall, by_risk.recall_without
    school_recall = by_school.recall, by_school.recall_without
    positives = own.add_up(own.known_label)
    recall, school_only_recall = (
        make_share_interval(*one, positives, own, level) for one in (own_recall, school_recall)
    )
    difference = make_difference(own_recall, school_recall, own, level=level)
    return TargetingComparison(point, model, recall, school_only_recall, difference)


def measure_churn(
    before: pd.DataFrame, after: pd.DataFrame, capacity: float, *, level: float, minimum_count: int
) -> dict[str, Any]:
    """Measure how much of a list is new at the next prediction point.

    Parameters
    ----------
    before, after : pandas.DataFrame
        Predictions of one model each at two points: `subject_id`, `cohort`, `school_unit`,
        `label` and `risk`.
    capacity : float
        The share of the pupils at both points who have a place.
    level : float
        Of the interval.
    minimum_count : int
        Nothing is shown where fewer pupils, but not none, stayed or are new.

    Returns
    -------
    dict
        `share_new`: of the pupils on the later list those who were not on the earlier one,
        among the pupils of both points, with its interval.
    """
    keys = ["subject_id", "cohort"]
    both = before[[*keys, "risk"]].merge(
        after[[*keys, "school_unit", "risk"]], on=keys, suffixes=("_before", "_after")
    )
    size = count_places(capacity, len(both))
    if size == 0:
        return {"share_new": Estimate.unknown("not defined: the list is empty").to_dict()}
    listed = {}
    for name in ("before", "after"):
        order = both.sort_values([f"risk_{name}", *keys], ascending=[False, True, True]).index
        listed[name] = np.isin(np.arange(len(both)), order[:size])
    is_new = listed["after"] & ~listed["before"]
    n_new = int(is_new.sum())
    if 0 < n_new < minimum_count or 0 < size - n_new < minimum_count:
        return {"share_new": Estimate.suppressed(minimum_count).to_dict()}
    # Only the school's units are read: every pupil counts, whatever the outcome.
    rows = both.assign(risk=0.5, label=listed["after"].astype(np.float64))
    sample = make_sample(rows)
    new, places = sample.add_up(is_new.astype(np.float64)), sample.add_up(sample.known_label)
    without = leave_out(new, places)
    figure = make_share_interval(n_new / size, without, places, sample, level)
    return {"share_new": figure.to_dict()}


def compare_in_time(
    early: pd.DataFrame, late: pd.DataFrame, *, level: float, minimum_count: int
) -> Estimate:
    """Compare how well the same outcome of the same pupils is foretold at two points.

    Parameters
    ----------
    early, late : pandas.DataFrame
        Predictions of one model each: `subject_id`, `cohort`, `school_unit`, `label` and `risk`.
    level : float
        Of the interval.
    minimum_count : int
        The fewest pupils of either outcome.

    Returns
    -------
    Estimate
        The area under the curve at the early point less that at the late one.
    """
    keys = ["subject_id", "cohort"]
    both = late[[*keys, "school_unit", "label", "risk"]].merge(
        early[[*keys, "risk"]], on=keys, suffixes=("", "_early")
    )
    before = make_sample(both.assign(risk=both["risk_early"]))
    after = make_sample(both)
    fewest = min(after.n_positive, after.n_negative)
    if fewest == 0:
        return Estimate.unknown("not defined: the points have no pupils of both kinds in common")
    if fewest < minimum_count:
        return Estimate.suppressed(minimum_count)
    return make_ranking_difference(measure_auc(before), measure_auc(after), after, level=level)
