"""All measures of one model at one prediction point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.evaluation.brier_parts import (
    describe_uncertainty,
    measure_brier_parts,
    measure_calibration_index,
)
from riskmodel.evaluation.calibration import (
    estimate_line,
    find_calibration_curve,
    measure_base_rate,
    measure_brier,
    measure_log_loss,
)
from riskmodel.evaluation.distances import make_distance_interval
from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import (
    Scale,
    make_interval,
    make_ranking_interval,
    make_share_interval,
    make_wide_interval,
)
from riskmodel.evaluation.ranking import (
    CapacityCounts,
    count_at_capacity,
    estimate_auc,
    measure_average_precision,
)
from riskmodel.evaluation.result import METRICS, ModelEvaluation
from riskmodel.evaluation.sample import MINIMUM_CLUSTERS, Sample, make_sample
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.evaluation.utility import count_at_shares, find_decision_curve, measure_lift
from riskmodel.evaluation.within_school import count_within_schools, measure_auc_within_school
from riskmodel.privacy.disclosure import is_small

FloatArray = npt.NDArray[np.float64]


def measure_model(
    point: str, model: str, rows: pd.DataFrame, spec: EvaluationSpec
) -> ModelEvaluation:
    """Measure one model at one prediction point.

    Parameters
    ----------
    point, model : str
        What is measured.
    rows : pandas.DataFrame
        Its predictions, in a fixed order.
    spec : EvaluationSpec
        Capacity, level and the smallest count.

    Returns
    -------
    ModelEvaluation
        Every measure; where one is not defined, or may not be shown, the reason.
    """
    sample = make_sample(rows)
    capacity = spec.capacity_count(len(rows))
    reason = find_reason(sample, spec)
    metrics = dict.fromkeys(METRICS, Estimate.unknown(reason or ""))
    curve: list[dict[str, Any]] = []
    sizes: list[dict[str, Any]] = []
    decisions: list[dict[str, Any]] = []
    if reason is None:
        metrics = dict(sorted(_measure(sample, capacity, spec)))
        sizes = _measure_at_shares(sample, spec)
        decisions = find_decision_curve(sample, level=spec.level, minimum_count=spec.minimum_count)
        curve = find_calibration_curve(
            sample, n_groups=spec.curve_groups, minimum_count=spec.minimum_count, level=spec.level
        )
    return ModelEvaluation(
        point=point,
        model=model,
        counts=_count(sample, capacity, spec.minimum_count),
        n_clusters=sample.n_clusters,
        metrics=metrics,
        calibration_curve=tuple(curve),
        at_shares=tuple(sizes),
        decision_curve=tuple(decisions),
    )


def _count(sample: Sample, capacity: int, minimum_count: int) -> dict[str, Estimate]:
    """Return the counts of rows that may be shown."""
    n_known = sample.n_positive + sample.n_negative
    has_small = is_small(sample.n_positive, minimum_count) or is_small(
        sample.n_negative, minimum_count
    )
    n_unknown = len(sample.label) - n_known
    hidden = Estimate.suppressed(minimum_count)
    # The capacity is a share of all pupils, from which the unknown ones would follow.
    hides_unknown = is_small(n_unknown, minimum_count)
    return {
        "capacity_count": hidden if hides_unknown else Estimate(capacity),
        "n": hidden if is_small(n_known, minimum_count) else Estimate(n_known),
        "n_positive": hidden if has_small else Estimate(sample.n_positive),
        "n_unknown": hidden if hides_unknown else Estimate(n_unknown),
    }


def find_reason(sample: Sample, spec: EvaluationSpec) -> str | None:
    """Return why nothing can be measured, if nothing can.

    Parameters
    ----------
    sample : Sample
        The rows.
    spec : EvaluationSpec
        The smallest count.

    Returns
    -------
    str or None
        The reason.
    """
    if not sample.has_both_classes:
        return "not defined: all known labels are the same, or none is known"
    if min(sample.n_positive, sample.n_negative) < spec.minimum_count:
        return Estimate.suppressed(spec.minimum_count).reason
    return None


def _measure(sample: Sample, capacity: int, spec: EvaluationSpec) -> Iterator[tuple[str, Estimate]]:
    """Yield the measures of a sample with both classes by name."""
    yield "auc", estimate_auc(sample, spec.level)
    yield (
        "average_precision",
        make_wide_interval(measure_average_precision, sample, level=spec.level, scale="logit"),
    )
    base_rate = make_interval(*measure_base_rate(sample), sample, level=spec.level, scale="logit")
    yield "base_rate", base_rate
    yield "uncertainty", describe_uncertainty(base_rate)
    reliability, resolution = measure_brier_parts(sample)
    yield "reliability", make_distance_interval(reliability, sample, level=spec.level)
    plain: dict[str, tuple[tuple[float, FloatArray], Scale]] = {
        "brier": (measure_brier(sample), "logit"),
        "log_loss": (measure_log_loss(sample), "log"),
        "resolution": (resolution, "log"),
    }
    for name, ((value, without), scale) in plain.items():
        yield name, make_interval(value, without, sample, level=spec.level, scale=scale)
    yield from estimate_line(sample, spec.level).items()
    index = measure_calibration_index(sample)
    yield "calibration_index", make_distance_interval(index, sample, level=spec.level)
    yield from _measure_at_capacity(sample, capacity, spec)
    yield from _measure_within_schools(sample, capacity, spec)


def _measure_within_schools(
    sample: Sample, capacity: int, spec: EvaluationSpec
) -> Iterator[tuple[str, Estimate]]:
    """Yield how well pupils of the same school are ranked, and lists of each school's own."""
    names = ("auc_within_school", "precision_per_school", "recall_per_school")
    if not sample.is_clustered:
        for name in names:
            yield name, Estimate.unknown(f"not defined: fewer than {MINIMUM_CLUSTERS} schools")
        return
    value, without = measure_auc_within_school(sample)
    if np.isnan(value):
        yield names[0], Estimate.unknown("not defined: no school has pupils of both kinds")
    else:
        found = make_ranking_interval(value, without, sample, level=spec.level, scale="logit")
        yield names[0], found
    counts = count_within_schools(sample, max(capacity / len(sample.risk), 1e-9))
    reason = _find_capacity_reason(sample, counts, spec.minimum_count)
    if reason is not None:
        for name in names[1:]:
            yield name, Estimate.unknown(reason)
        return
    positives = sample.add_up(sample.known_label)
    precision = counts.precision, counts.precision_without, counts.met_by_unit
    yield names[1], make_share_interval(*precision, sample, spec.level)
    recall = counts.recall, counts.recall_without, positives
    yield names[2], make_share_interval(*recall, sample, spec.level)


def _measure_at_shares(sample: Sample, spec: EvaluationSpec) -> list[dict[str, Any]]:
    """Return the measures of lists of several sizes, those that give nothing away."""
    found: list[dict[str, Any]] = []
    last = (0.0, 0.0)
    for share, size, counts in count_at_shares(sample, spec.shares):
        reason = _find_capacity_reason(sample, counts, spec.minimum_count)
        in_vain = counts.met - counts.found
        steps = (counts.found - last[0], in_vain - last[1])
        if reason or any(is_small(round(step, 9), spec.minimum_count) for step in steps):
            continue
        last = (counts.found, in_vain)
        precision = (counts.precision, counts.precision_without, counts.met_by_unit)
        recall = (counts.recall, counts.recall_without, sample.add_up(sample.known_label))
        found.append(
            {
                "share": share,
                "count": size,
                "precision": make_share_interval(*precision, sample, spec.level).to_dict(),
                "recall": make_share_interval(*recall, sample, spec.level).to_dict(),
                "lift": measure_lift(counts, sample, spec.level).to_dict(),
            }
        )
    return found


def _measure_at_capacity(
    sample: Sample, capacity: int, spec: EvaluationSpec
) -> Iterator[tuple[str, Estimate]]:
    """Yield the measures of meeting the pupils with the highest risks."""
    counts = count_at_capacity(sample, capacity)
    reason = _find_capacity_reason(sample, counts, spec.minimum_count)
    if reason is not None:
        for name in ("precision_at_capacity", "recall_at_capacity", "number_needed_to_screen",
                     "lift_at_capacity"):  # fmt: skip
            yield name, Estimate.unknown(reason)
        return
    yield "lift_at_capacity", measure_lift(counts, sample, spec.level)
    positives = sample.add_up(sample.known_label)
    precision = make_share_interval(
        counts.precision, counts.precision_without, counts.met_by_unit, sample, spec.level
    )
    yield "precision_at_capacity", precision
    yield (
        "recall_at_capacity",
        make_share_interval(counts.recall, counts.recall_without, positives, sample, spec.level),
    )
    yield "number_needed_to_screen", _invert(precision)


def _find_capacity_reason(sample: Sample, counts: CapacityCounts, minimum_count: int) -> str | None:
    """Return why the measures at capacity may not be shown, if they may not."""
    if counts.met == 0:
        return "not defined: the capacity reaches no pupil whose label is known"
    in_vain = counts.met - counts.found
    cells = (counts.found, in_vain, sample.n_positive - counts.found, sample.n_negative - in_vain)
    if any(is_small(round(cell, 9), minimum_count) for cell in cells):
        return Estimate.suppressed(minimum_count).reason
    return None


def _invert(precision: Estimate) -> Estimate:
    """Return how many pupils are met for each one with the outcome."""
    if not precision.value:
        return Estimate.unknown("not defined: no pupil with the outcome is met")
    lower = None if precision.upper is None else 1 / precision.upper
    upper = None if not precision.lower else 1 / precision.lower
    return Estimate(1 / precision.value, lower, upper, precision.method, precision.reason)
