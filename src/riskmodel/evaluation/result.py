"""The result of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.targeting import TargetingComparison

METRICS = (
    "auc",
    "auc_within_school",
    "average_precision",
    "base_rate",
    "brier",
    "calibration_index",
    "calibration_intercept",
    "calibration_slope",
    "lift_at_capacity",
    "log_loss",
    "number_needed_to_screen",
    "precision_at_capacity",
    "precision_per_school",
    "recall_at_capacity",
    "recall_per_school",
    "reliability",
    "resolution",
    "uncertainty",
)
"""The measures of a model, in the order of the alphabet."""


@dataclass(frozen=True)
class ModelEvaluation:
    """The measures of one model at one prediction point.

    Parameters
    ----------
    point : str
        The prediction point.
    model : str
        The model's name.
    counts : dict of str to Estimate
        `n` pupils with a known label, `n_positive` with the outcome, `n_unknown` without a
        known label, `capacity_count` that can be met: without a value where it may not be
        shown.
    n_clusters : int
        Schools with a known label.
    metrics : dict of str to Estimate
        By the names in `METRICS`.
    calibration_curve : tuple of dict
        `mean_risk`, `observed` and `n` by group; empty where groups would be too small.
    at_shares : tuple of dict
        For lists of several sizes `share`, `count`, and `precision`, `recall` and `lift` with
        their intervals; sizes that would give small counts away are left out.
    decision_curve : tuple of dict
        `threshold`, `net_benefit` and `meet_everyone` with their intervals.
    """

    point: str
    model: str
    counts: dict[str, Estimate]
    n_clusters: int
    metrics: dict[str, Estimate]
    calibration_curve: tuple[dict[str, Any], ...]
    at_shares: tuple[dict[str, Any], ...] = ()
    decision_curve: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the measures as plain values.

        Returns
        -------
        dict
            JSON values: the counts by name, where one that may not be shown is null and
            named in `suppressed`; `n_clusters`; `metrics` by name; `calibration_curve`,
            `at_shares` and `decision_curve`.
        """
        return {
            **{name: _as_count(count) for name, count in self.counts.items()},
            "suppressed": sorted(n for n, count in self.counts.items() if count.value is None),
            "n_clusters": self.n_clusters,
            "metrics": {name: metric.to_dict() for name, metric in self.metrics.items()},
            "calibration_curve": [dict(group) for group in self.calibration_curve],
            "at_shares": [dict(size) for size in self.at_shares],
            "decision_curve": [dict(point) for point in self.decision_curve],
        }


def _as_count(count: Estimate) -> int | None:
    """Return a count as a whole number."""
    return None if count.value is None else int(count.value)


@dataclass(frozen=True)
class YardstickComparison:
    """What interpretability costs at one prediction point.

    Parameters
    ----------
    point : str
        The prediction point.
    interpretable : str or None
        The model that is used.
    yardstick : str
        The model that cannot be explained.
    auc_difference : Estimate
        The area under the curve of the former less that of the latter, on the same pupils.
    """

    point: str
    interpretable: str | None
    yardstick: str
    auc_difference: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values.

        Returns
        -------
        dict
            JSON values.
        """
        return {
            "interpretable": self.interpretable,
            "yardstick": self.yardstick,
            "auc_difference": self.auc_difference.to_dict(),
        }


@dataclass(frozen=True)
class EvaluationResult:
    """The measures of all models at all prediction points.

    Parameters
    ----------
    level : float
        The level of the intervals.
    capacity : int or float
        As it was asked for.
    cohorts : dict of str to tuple of str
        The cohorts behind each prediction point.
    models : tuple of ModelEvaluation
        One per prediction point and model.
    comparisons : tuple of YardstickComparison
        One per prediction point.
    targeting : tuple of TargetingComparison
        One per prediction point.
    churn : tuple of dict
        For two prediction points after one another `from`, `to`, `share_new` (of the later
        list) and `auc_less_than_last` (the earlier point's area under the curve less that of
        the last point, on the same pupils).
    label_modes : dict of str to dict
        By prediction point what pupils without a known outcome do to the measures.
    """

    level: float
    capacity: int | float
    cohorts: dict[str, tuple[str, ...]]
    models: tuple[ModelEvaluation, ...]
    comparisons: tuple[YardstickComparison, ...]
    targeting: tuple[TargetingComparison, ...]
    churn: tuple[dict[str, Any], ...]
    label_modes: dict[str, dict[str, Any]]

    def find(self, point: str, model: str) -> ModelEvaluation:
        """Return the measures of one model at one prediction point.

        Parameters
        ----------
        point : str
            The prediction point.
        model : str
            The model's name.

        Returns
        -------
        ModelEvaluation
            Its measures.

        Raises
        ------
        KeyError
            If there is none.
        """
        for entry in self.models:
            if (entry.point, entry.model) == (point, model):
                return entry
        raise KeyError(f"{point}, {model}")

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values.

        Returns
        -------
        dict
            JSON values: `level`, `capacity`, and in `points` by name the `cohorts`, the
            `models` by name, the `comparison`, the `targeting` and the `label_modes`; and
            `churn`.
        """
        targeting = {entry.point: entry.to_dict() for entry in self.targeting}
        comparisons = {entry.point: entry.to_dict() for entry in self.comparisons}
        points = {
            point: {
                "cohorts": list(cohorts),
                "models": {e.model: e.to_dict() for e in self.models if e.point == point},
                "comparison": comparisons[point],
                "targeting": targeting[point],
                "label_modes": self.label_modes.get(point, {}),
            }
            for point, cohorts in self.cohorts.items()
        }
        return {
            "level": self.level,
            "capacity": self.capacity,
            "points": points,
            "churn": [dict(entry) for entry in self.churn],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the measures as a table.

        Returns
        -------
        pandas.DataFrame
            Columns `point`, `model`, `metric`, `value`, `lower`, `upper`, `method`, `reason`.
        """
        rows = [
            (e.point, e.model, name, m.value, m.lower, m.upper, m.method, m.reason)
            for e in self.models
            for name, m in e.metrics.items()
        ]
        columns = ["point", "model", "metric", "value", "lower", "upper", "method", "reason"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.astype(dict.fromkeys(("value", "lower", "upper"), "float64"))
