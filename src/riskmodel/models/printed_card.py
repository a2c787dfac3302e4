"""A scorecard as a person would use it: lines with points, and the risk of each sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from riskmodel.errors import UsageError
from riskmodel.models.risk_model import RiskModel


def print_card(model: RiskModel) -> dict[str, Any]:
    """Return the lines of a scorecard and the calibrated risk of each sum of points.

    Parameters
    ----------
    model : RiskModel
        Of the family ``scorecard``.

    Returns
    -------
    dict
        `lines`, in the order of the features: each with its `feature`, `points`, and
        `at_least` or `below` (a limit in the feature's unit; neither where the line is for a
        value that is not known). `risks`: the `risk` for each `total` that the points can
        make, lowest first. `n_equally_good`: how many cards are as good, this one included.

    Raises
    ------
    UsageError
        If the model is of another family.

    Notes
    -----
    Lines on one feature add up: a pupil with a value over two limits gets the points of both.
    """
    if model.family != "scorecard":
        raise UsageError(
            f"`model` must be a scorecard, got the family '{model.family}'. Print the model "
            "named 'scorecard'."
        )
    card = model.estimator
    lines = [
        {"feature": model.inputs[condition.feature], "points": int(points)}
        | {
            name: limit
            for name in ("at_least", "below")
            if (limit := getattr(condition, name)) is not None
        }
        for condition, points in zip(card.conditions_, card.points_, strict=True)
    ]
    totals = np.array(_find_totals(card), dtype=np.float64)
    risks = expit(model.calibrator.apply(card.slope_ * totals + card.intercept_))
    return {
        "lines": lines,
        "risks": [
            {"total": int(total), "risk": float(risk)}
            for total, risk in zip(totals, risks, strict=True)
        ],
        "n_equally_good": len(card.pool_),
    }


def _find_totals(card: Any) -> list[int]:
    """Return all sums that can occur: of one feature's lines only some hold together."""
    by_feature: dict[int, list[tuple[Any, int]]] = {}
    for condition, points in zip(card.conditions_, card.points_, strict=True):
        by_feature.setdefault(condition.feature, []).append((condition, int(points)))
    totals = {0}
    for lines in by_feature.values():
        totals = {total + own for total in totals for own in _find_sums(lines)}
    return sorted(totals)


def _find_sums(lines: list[tuple[Any, int]]) -> set[int]:
    """Return the points that one feature can give over all its values."""
    limits = {limit for one, _ in lines for limit in (one.at_least, one.below) if limit is not None}
    probes = [np.nan, min(limits, default=0.0) - 1.0, *limits]
    row = np.zeros((len(probes), lines[0][0].feature + 1))
    row[:, -1] = probes
    sums = np.zeros(len(probes), dtype=np.int64)
    for condition, points in lines:
        sums += points * condition.holds(row)
    return {int(value) for value in sums}
