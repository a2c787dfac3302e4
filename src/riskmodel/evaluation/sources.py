"""What each source of data adds, and what is lost where a model is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import make_difference, make_ranking_difference
from riskmodel.evaluation.measures import find_reason, measure_model
from riskmodel.evaluation.ranking import count_at_capacity, measure_auc
from riskmodel.evaluation.sample import make_sample
from riskmodel.evaluation.specs import EvaluationSpec


def compare_sources(
    rows: pd.DataFrame,
    risks: Mapping[str, npt.NDArray[np.float64]],
    spec: EvaluationSpec,
    *,
    base: str,
) -> list[dict[str, Any]]:
    """Compare models without one source of data each with the one that has all.

    Parameters
    ----------
    rows : pandas.DataFrame
        The pupils, with `school_unit` and `label`.
    risks : mapping of str to numpy.ndarray of float, shape (n,)
        By the model with all sources, and by those without the source that is named.
    spec : EvaluationSpec
        Capacity, level and the smallest count.
    base : str
        The model with all.

    Returns
    -------
    list of dict
        For each source its name and what it adds to the `auc` and to the `recall` at
        capacity: the model with all sources less that without it, on the same pupils, with
        intervals.
    """
    everything = make_sample(rows.assign(risk=risks[base]))
    reason = find_reason(everything, spec)
    capacity = spec.capacity_count(len(rows))
    found = []
    for source, risk in risks.items():
        if source == base:
            continue
        if reason is not None:
            missing = Estimate.unknown(reason).to_dict()
            found.append({"source": source, "auc": missing, "recall": missing})
            continue
        without = make_sample(rows.assign(risk=risk))
        areas = [measure_auc(one) for one in (everything, without)]
        auc = make_ranking_difference(areas[0], areas[1], everything, level=spec.level)
        counts = [count_at_capacity(one, capacity) for one in (everything, without)]
        reached = [(one.recall, one.recall_without) for one in counts]
        recall = make_difference(reached[0], reached[1], everything, level=spec.level)
        if 0 < abs(counts[0].found - counts[1].found) < spec.minimum_count:
            recall = Estimate.suppressed(spec.minimum_count)
        found.append({"source": source, "auc": auc.to_dict(), "recall": recall.to_dict()})
    return found


def compare_unseen(
    rows: pd.DataFrame,
    base: npt.NDArray[np.float64],
    unseen: npt.NDArray[np.float64],
    spec: EvaluationSpec,
) -> dict[str, Any]:
    """Compare risks by models that never saw a pupil's school, or municipality.

    Parameters
    ----------
    rows : pandas.DataFrame
        The pupils, with `school_unit` and `label`.
    base, unseen : numpy.ndarray of float, shape (n,)
        Risks by a model of all groups, and by ones without the pupil's own.
    spec : EvaluationSpec
        Level and the smallest count.

    Returns
    -------
    dict
        `auc`, `calibration_slope` and `calibration_intercept` of the unseen, and
        `auc_difference`, theirs less that of the model of all, on the same pupils.
    """
    names = ("auc", "calibration_slope", "calibration_intercept")
    metrics = measure_model("", "", rows.assign(risk=unseen), spec).metrics
    found = {name: metrics[name].to_dict() for name in names}
    before, after = make_sample(rows.assign(risk=base)), make_sample(rows.assign(risk=unseen))
    reason = find_reason(before, spec)
    if reason is not None:
        return found | {"auc_difference": Estimate.unknown(reason).to_dict()}
    figure = make_ranking_difference(
        measure_auc(after), measure_auc(before), before, level=spec.level
    )
    return found | {"auc_difference": figure.to_dict()}
