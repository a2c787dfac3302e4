"""The evaluation of risks against what happened."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.errors import UsageError
from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import make_ranking_difference
from riskmodel.evaluation.label_modes import measure_label_modes
from riskmodel.evaluation.measures import find_reason, measure_model
from riskmodel.evaluation.ranking import measure_auc
from riskmodel.evaluation.result import EvaluationResult, ModelEvaluation, YardstickComparison
from riskmodel.evaluation.sample import make_sample
from riskmodel.evaluation.school_history import SCHOOL_ONLY
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.evaluation.targeting import (
    TargetingComparison,
    compare_in_time,
    compare_targeting,
    measure_churn,
)
from riskmodel.models.specs import LEARNT_INTERPRETABLE, YARDSTICK
from riskmodel.privacy.disclosure import show_count

_KEYS = ["subject_id", "prediction_date"]
_COLUMNS = (*_KEYS, "cohort", "point", "school_unit", "label", "model", "risk")


def evaluate(
    predictions: pd.DataFrame,
    spec: EvaluationSpec,
    *,
    chosen: Mapping[str, str] | None = None,
) -> EvaluationResult:
    """Measure risks against what happened, for each prediction point and model.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns `subject_id`, `prediction_date`, `cohort`, `point`, `school_unit` (the
        cluster; missing counts as one school), `label` (1 for the outcome, 0 without, NaN
        where not known), `model` and `risk` (in [0, 1]). One row per model, subject and
        prediction date; never rows that the model was trained on.
    spec : EvaluationSpec
        Capacity and level.
    chosen : mapping of str to str, optional
        By prediction point the model that is used. It is compared with the yardstick; by
        default the interpretable model with the higher area under the curve is.

    Returns
    -------
    EvaluationResult
        Every measure with its interval. One that is not defined, or rests on fewer than
        ``spec.minimum_count`` pupils, has no value and says why.

    Raises
    ------
    UsageError
        If columns are missing, a risk or a label is not valid, or rows repeat.

    Notes
    -----
    Rows without a known label take their place among those whom the capacity reaches, and
    count in nothing else. The order of the rows does not matter. Cost: rows times schools
    for the measures at capacity, else rows.
    """
    check_columns(list(predictions.columns), _COLUMNS, where="predictions")
    _check_values(predictions)
    ordered = predictions.sort_values(["point", "model", *_KEYS], kind="stable")
    by_point = {str(point): rows for point, rows in ordered.groupby("point", sort=True)}
    models: list[ModelEvaluation] = []
    comparisons, targeting = [], []
    used: dict[str, pd.DataFrame] = {}
    for point, rows in by_point.items():
        samples = {str(name): part for name, part in rows.groupby("model", sort=True)}
        measured = {name: measure_model(point, name, part, spec) for name, part in samples.items()}
        models += measured.values()
        comparison = _compare(point, samples, (chosen or {}).get(point), spec)
        comparisons.append(comparison)
        targeting.append(
            _compare_with_schools(point, samples, measured, comparison.interpretable, spec)
        )
        if comparison.interpretable is not None:
            used[point] = samples[comparison.interpretable]
    return EvaluationResult(
        level=spec.level,
        capacity=spec.capacity,
        cohorts={
            point: tuple(sorted(rows["cohort"].dropna().astype(str).unique()))
            for point, rows in by_point.items()
        },
        models=tuple(models),
        comparisons=tuple(comparisons),
        targeting=tuple(targeting),
        churn=tuple(_follow_lists(used, spec)),
        label_modes={
            point: measure_label_modes(point, str(rows["model"].iloc[0]), rows, spec)
            for point, rows in used.items()
        },
    )


def _check_values(predictions: pd.DataFrame) -> None:
    """Raise if the rows cannot be measured."""
    risk = predictions["risk"].to_numpy(dtype=np.float64, na_value=np.nan)
    label = predictions["label"].to_numpy(dtype=np.float64, na_value=np.nan)
    n_unfit = int((~((risk >= 0) & (risk <= 1))).sum())
    got = f"got {show_count(n_unfit)} rows of others."
    checks = {
        f"`risk` must be in [0, 1] and never missing, {got}": n_unfit,
        "`label` must be 0, 1 or missing, got other values.": int(
            (~np.isnan(label) & ~np.isin(label, (0.0, 1.0))).sum()
        ),
        "`model`, `subject_id` and `prediction_date` must name one row, got repeated rows.": int(
            predictions.duplicated(["point", "model", *_KEYS]).sum()
        ),
        "`predictions` must hold rows, got none.": int(predictions.empty),
    }
    findings = [text for text, count in checks.items() if count]
    if findings:
        raise UsageError(
            f"`predictions` must be fit to be measured, got {len(findings)} faults. "
            "Give the table that the training stage wrote.",
            findings,
        )


def _compare(
    point: str, rows: Mapping[str, pd.DataFrame], chosen: str | None, spec: EvaluationSpec
) -> YardstickComparison:
    """Compare the model that is used with the yardstick on the same rows."""
    name = chosen if chosen in rows else None
    candidates = [name] if name else [n for n in LEARNT_INTERPRETABLE if n in rows]
    if not candidates or YARDSTICK not in rows:
        missing = Estimate.unknown("not defined: one of the two models is not there")
        return YardstickComparison(point, name, YARDSTICK, missing)
    yardstick = make_sample(rows[YARDSTICK])
    if (reason := find_reason(yardstick, spec)) is not None:
        return YardstickComparison(point, name, YARDSTICK, Estimate.unknown(reason))
    same = [n for n in candidates if _has_same_rows(rows[n], rows[YARDSTICK])]
    if not same:
        reason = "not defined: the two models were not measured on the same rows"
        return YardstickComparison(point, name, YARDSTICK, Estimate.unknown(reason))
    measured = {n: measure_auc(make_sample(rows[n])) for n in same}
    best = max(same, key=lambda n: measured[n][0])
    difference = make_ranking_difference(
        measured[best], measure_auc(yardstick), yardstick, level=spec.level
    )
    return YardstickComparison(point, best, YARDSTICK, difference)


def _has_same_rows(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Tell whether two models were measured on the same rows with the same labels."""
    columns = [*_KEYS, "label", "school_unit"]
    return one[columns].reset_index(drop=True).equals(other[columns].reset_index(drop=True))


def _compare_with_schools(
    point: str,
    rows: Mapping[str, pd.DataFrame],
    measured: Mapping[str, ModelEvaluation],
    model: str | None,
    spec: EvaluationSpec,
) -> TargetingComparison:
    """Compare the list by the model that is used with one by the schools' history."""
    if model is None or SCHOOL_ONLY not in rows:
        reason = "not defined: there is no model, or no earlier cohort of the schools"
        return TargetingComparison.unknown(point, model, reason)
    for name in (model, SCHOOL_ONLY):
        recall = measured[name].metrics["recall_at_capacity"]
        if recall.value is None:
            return TargetingComparison.unknown(point, model, recall.reason or "")
    own, school_only = make_sample(rows[model]), make_sample(rows[SCHOOL_ONLY])
    capacity = spec.capacity_count(len(rows[model]))
    return compare_targeting(point, model, own, school_only, capacity, spec.level)


def _follow_lists(used: Mapping[str, pd.DataFrame], spec: EvaluationSpec) -> list[dict[str, Any]]:
    """Return how the lists change from one prediction point to the next, in order of time."""
    order = sorted(used, key=lambda point: (used[point]["prediction_date"].min(), point))
    changes = []
    last = used[order[-1]] if order else pd.DataFrame()
    for first, second in pairwise(order):
        share = spec.capacity_count(len(used[second])) / len(used[second])
        change = measure_churn(
            used[first], used[second], share, level=spec.level, minimum_count=spec.minimum_count
        )
        lag = compare_in_time(used[first], last, level=spec.level, minimum_count=spec.minimum_count)
        changes.append({"from": first, "to": second, **change, "auc_less_than_last": lag.to_dict()})
    return changes
