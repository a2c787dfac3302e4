"""The evaluation of risks against what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.errors import UsageError
from riskmodel.evaluation.calibration import (
    find_calibration_curve,
    measure_base_rate,
    measure_brier,
    measure_calibration_line,
    measure_log_loss,
)
from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import Scale, make_edge_interval, make_interval
from riskmodel.evaluation.ranking import (
    CapacityCounts,
    count_at_capacity,
    measure_auc,
    measure_average_precision,
)
from riskmodel.evaluation.result import (
    METRICS,
    EvaluationResult,
    ModelEvaluation,
    YardstickComparison,
)
from riskmodel.evaluation.sample import Sample, make_sample
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.models.specs import LEARNT_INTERPRETABLE, YARDSTICK

FloatArray = npt.NDArray[np.float64]

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
    models, comparisons = [], []
    for point, rows in by_point.items():
        samples = {str(name): part for name, part in rows.groupby("model", sort=True)}
        models += [_measure_model(point, name, part, spec) for name, part in samples.items()]
        comparisons.append(_compare(point, samples, (chosen or {}).get(point), spec))
    return EvaluationResult(
        level=spec.level,
        capacity=spec.capacity,
        cohorts={
            point: tuple(sorted(rows["cohort"].dropna().astype(str).unique()))
            for point, rows in by_point.items()
        },
        models=tuple(models),
        comparisons=tuple(comparisons),
    )


def _check_values(predictions: pd.DataFrame) -> None:
    """Raise if the rows cannot be measured."""
    risk = predictions["risk"].to_numpy(dtype=np.float64, na_value=np.nan)
    label = predictions["label"].to_numpy(dtype=np.float64, na_value=np.nan)
    n_unfit = int((~((risk >= 0) & (risk <= 1))).sum())
    checks = {
        f"`risk` must be in [0, 1] and never missing, got {n_unfit} rows of others.": n_unfit,
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


def _measure_model(
    point: str, model: str, rows: pd.DataFrame, spec: EvaluationSpec
) -> ModelEvaluation:
    """Measure one model at one prediction point."""
    sample = make_sample(rows)
    capacity = spec.capacity_count(len(rows))
    reason = _find_reason(sample, spec)
    metrics = dict.fromkeys(METRICS, Estimate.unknown(reason or ""))
    curve: list[dict[str, Any]] = []
    if reason is None:
        metrics = dict(sorted(_measure(sample, capacity, spec)))
        curve = find_calibration_curve(
            sample, n_groups=spec.curve_groups, minimum_count=spec.minimum_count
        )
    return ModelEvaluation(
        point=point,
        model=model,
        counts=_count(sample, capacity, spec.minimum_count),
        n_clusters=sample.n_clusters,
        metrics=metrics,
        calibration_curve=tuple(curve),
    )


def _count(sample: Sample, capacity: int, minimum_count: int) -> dict[str, Estimate]:
    """Return the counts of rows that may be shown."""
    n_known = sample.n_positive + sample.n_negative
    is_small = _is_small(sample.n_positive, minimum_count) or _is_small(
        sample.n_negative, minimum_count
    )
    n_unknown = len(sample.label) - n_known
    hidden = Estimate.unknown(_small(minimum_count))
    # The capacity is a share of all pupils, from which the unknown ones would follow.
    hides_unknown = _is_small(n_unknown, minimum_count)
    return {
        "capacity_count": hidden if hides_unknown else Estimate(capacity),
        "n": hidden if _is_small(n_known, minimum_count) else Estimate(n_known),
        "n_positive": hidden if is_small else Estimate(sample.n_positive),
        "n_unknown": hidden if hides_unknown else Estimate(n_unknown),
    }


def _find_reason(sample: Sample, spec: EvaluationSpec) -> str | None:
    """Return why nothing can be measured, if nothing can."""
    if not sample.has_both_classes:
        return "not defined: all known labels are the same, or none is known"
    if min(sample.n_positive, sample.n_negative) < spec.minimum_count:
        return _small(spec.minimum_count)
    return None


def _is_small(count: float, minimum_count: int) -> bool:
    """Tell whether a count may not be shown."""
    return 0 < count < minimum_count


def _small(minimum_count: int) -> str:
    """Return the reason of what rests on too few pupils."""
    return f"suppressed: rests on fewer than {minimum_count} pupils"


def _measure(sample: Sample, capacity: int, spec: EvaluationSpec) -> Iterator[tuple[str, Estimate]]:
    """Yield the measures of a sample with both classes by name."""
    plain: dict[str, tuple[tuple[float, FloatArray], Scale]] = {
        "auc": (measure_auc(sample), "logit"),
        "average_precision": (measure_average_precision(sample), "logit"),
        "base_rate": (measure_base_rate(sample), "logit"),
        "brier": (measure_brier(sample), "logit"),
        "log_loss": (measure_log_loss(sample), "log"),
    }
    if np.ptp(sample.known_risk) > 0:
        slope, intercept = measure_calibration_line(sample)
        plain |= {
            "calibration_slope": (slope, "identity"),
            "calibration_intercept": (intercept, "identity"),
        }
    else:
        reason = "not defined: all risks are equal"
        yield "calibration_slope", Estimate.unknown(reason)
        yield "calibration_intercept", Estimate.unknown(reason)
    for name, ((value, without), scale) in plain.items():
        yield name, make_interval(value, without, sample, level=spec.level, scale=scale)
    yield from _measure_at_capacity(sample, capacity, spec)


def _measure_at_capacity(
    sample: Sample, capacity: int, spec: EvaluationSpec
) -> Iterator[tuple[str, Estimate]]:
    """Yield the measures of meeting the pupils with the highest risks."""
    counts = count_at_capacity(sample, capacity)
    reason = _find_capacity_reason(sample, counts, spec.minimum_count)
    if reason is not None:
        for name in ("precision_at_capacity", "recall_at_capacity", "number_needed_to_screen"):
            yield name, Estimate.unknown(reason)
        return
    positives = sample.add_up(sample.known_label)
    precision = _make_share(
        counts.precision, counts.precision_without, counts.met_by_unit, sample, spec.level
    )
    yield "precision_at_capacity", precision
    yield (
        "recall_at_capacity",
        _make_share(counts.recall, counts.recall_without, positives, sample, spec.level),
    )
    yield "number_needed_to_screen", _invert(precision)


def _find_capacity_reason(sample: Sample, counts: CapacityCounts, minimum_count: int) -> str | None:
    """Return why the measures at capacity may not be shown, if they may not."""
    if counts.met == 0:
        return "not defined: the capacity reaches no pupil whose label is known"
    in_vain = counts.met - counts.found
    cells = (counts.found, in_vain, sample.n_positive - counts.found, sample.n_negative - in_vain)
    if any(_is_small(round(cell, 9), minimum_count) for cell in cells):
        return _small(minimum_count)
    return None


def _make_share(
    value: float, without: FloatArray, counts: FloatArray, sample: Sample, level: float
) -> Estimate:
    """Return a share with its interval, also where it is 0 or 1."""
    if value in (0.0, 1.0):
        return make_edge_interval(value, counts, sample, level)
    return make_interval(value, without, sample, level=level, scale="logit")


def _invert(precision: Estimate) -> Estimate:
    """Return how many pupils are met for each one with the outcome."""
    if not precision.value:
        return Estimate.unknown("not defined: no pupil with the outcome is met")
    lower = None if precision.upper is None else 1 / precision.upper
    upper = None if not precision.lower else 1 / precision.lower
    return Estimate(1 / precision.value, lower, upper, precision.method, precision.reason)


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
    if (reason := _find_reason(yardstick, spec)) is not None:
        return YardstickComparison(point, name, YARDSTICK, Estimate.unknown(reason))
    same = [n for n in candidates if _has_same_rows(rows[n], rows[YARDSTICK])]
    if not same:
        reason = "not defined: the two models were not measured on the same rows"
        return YardstickComparison(point, name, YARDSTICK, Estimate.unknown(reason))
    measured = {n: measure_auc(make_sample(rows[n])) for n in same}
    best = max(same, key=lambda n: measured[n][0])
    (value, without), (limit, limit_without) = measured[best], measure_auc(yardstick)
    difference = make_interval(
        value - limit, without - limit_without, yardstick, level=spec.level, scale="identity"
    )
    return YardstickComparison(point, best, YARDSTICK, difference)


def _has_same_rows(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Tell whether two models were measured on the same rows with the same labels."""
    columns = [*_KEYS, "label", "school_unit"]
    return one[columns].reset_index(drop=True).equals(other[columns].reset_index(drop=True))
