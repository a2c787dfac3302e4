"""What pupils whose outcome is not known do to the measures."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.measures import measure_model
from riskmodel.evaluation.ranking import count_at_capacity
from riskmodel.evaluation.sample import make_sample
from riskmodel.evaluation.specs import EvaluationSpec

LabelMode = Literal["left_out", "not_completed", "completed"]

LABEL_MODES: tuple[LabelMode, ...] = ("left_out", "not_completed", "completed")
"""Pupils without a known outcome stay out, or count as with the outcome, or as without it."""

_SHOWN = ("auc", "base_rate")
_OF_THE_LIST = ("recall_at_capacity", "precision_at_capacity")


def fill_labels(labels: pd.Series[float], mode: LabelMode) -> pd.Series[float]:
    """Return labels with the unknown ones as a mode counts them.

    Parameters
    ----------
    labels : pandas.Series of float
        1 for the outcome, 0 without, NaN where not known.
    mode : {'left_out', 'not_completed', 'completed'}
        The mode.

    Returns
    -------
    pandas.Series of float
        Without NaN, save where they are left out.

    Examples
    --------
    >>> fill_labels(pd.Series([1.0, np.nan]), "completed").tolist()
    [1.0, 0.0]
    """
    if mode == "left_out":
        return labels
    return labels.fillna(1.0 if mode == "not_completed" else 0.0)


def find_trainable(labels: pd.Series[float], mode: LabelMode) -> pd.Series[bool]:
    """Tell which pupils a model can be trained on.

    Parameters
    ----------
    labels : pandas.Series of float
        1 for the outcome, 0 without, NaN where not known.
    mode : {'left_out', 'not_completed', 'completed'}
        How pupils without a known outcome count.

    Returns
    -------
    pandas.Series of bool
        All, save those without a known outcome where they are left out.
    """
    return fill_labels(labels, mode).notna()


def measure_label_modes(
    point: str, model: str, rows: pd.DataFrame, spec: EvaluationSpec
) -> dict[str, Any]:
    """Measure one model's predictions under each mode.

    Parameters
    ----------
    point, model : str
        What is measured.
    rows : pandas.DataFrame
        Its predictions.
    spec : EvaluationSpec
        Capacity, level and the smallest count.

    Returns
    -------
    dict
        By mode the measures with their intervals; or the `reason` why there is no difference
        to show: all outcomes are known, or too few are not. Measures of the list are left out
        where few, but not none, of those unknown are on it, or are not: their number would
        follow.
    """
    n_unknown = int(rows["label"].isna().sum())
    hidden = Estimate.suppressed(spec.minimum_count)
    if n_unknown == 0:
        return {"reason": "not defined: all outcomes are known"}
    if n_unknown < spec.minimum_count:
        return {"reason": hidden.reason}
    unknown = make_sample(rows.assign(label=rows["label"].isna().astype(np.float64)))
    listed = count_at_capacity(unknown, spec.capacity_count(len(rows))).found
    is_told = any(0 < count < spec.minimum_count for count in (listed, n_unknown - listed))
    found: dict[str, Any] = {}
    for mode in LABEL_MODES:
        filled = rows.assign(label=fill_labels(rows["label"], mode))
        metrics = measure_model(point, model, filled, spec).metrics
        if is_told:
            metrics |= dict.fromkeys(_OF_THE_LIST, hidden)
        found[mode] = {name: metrics[name].to_dict() for name in (*_SHOWN, *_OF_THE_LIST)}
    return found
