"""Whether risks mean what they say: losses, the calibration line and the curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss, log_loss

from riskmodel.evaluation.sample import Sample, leave_out

FloatArray = npt.NDArray[np.float64]

_SMALLEST_RISK = 1e-12
_MOST_STEPS = 50


def measure_base_rate(sample: Sample) -> tuple[float, FloatArray]:
    """Measure the share of pupils with the outcome.

    Parameters
    ----------
    sample : Sample
        With at least one known label.

    Returns
    -------
    value : float
        In [0, 1].
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.
    """
    return float(sample.known_label.mean()), _mean_without(sample, sample.known_label)


def measure_brier(sample: Sample) -> tuple[float, FloatArray]:
    """Measure the Brier score, the mean squared distance of risk and outcome.

    Parameters
    ----------
    sample : Sample
        With at least one known label.

    Returns
    -------
    value : float
        In [0, 1], lower is better.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.

    References
    ----------
    Brier, G. W. (1950). Verification of forecasts expressed in terms of probability.
    Monthly Weather Review 78, 1-3.
    """
    value = brier_score_loss(sample.known_label, sample.known_risk, pos_label=1)
    return float(value), _mean_without(sample, (sample.known_risk - sample.known_label) ** 2)


def measure_log_loss(sample: Sample) -> tuple[float, FloatArray]:
    """Measure the mean negative log-likelihood of the outcomes.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    value : float
        In nats, at least 0, lower is better.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.
    """
    risk = clip_risk(sample.known_risk)
    losses = -np.log(np.where(sample.known_label == 1, risk, 1 - risk))
    value = log_loss(sample.known_label, risk, labels=[0, 1])
    return float(value), _mean_without(sample, losses)


def _mean_without(sample: Sample, values: FloatArray) -> FloatArray:
    """Return the mean of the rows with a label without each unit."""
    return leave_out(sample.add_up(values), sample.add_up(np.ones(len(values))))


def clip_risk(risk: FloatArray) -> FloatArray:
    """Return risks whose log-odds are finite.

    Parameters
    ----------
    risk : numpy.ndarray of float
        In [0, 1].

    Returns
    -------
    numpy.ndarray of float
        Strictly between 0 and 1.
    """
    return np.clip(risk, _SMALLEST_RISK, 1 - _SMALLEST_RISK)


def measure_calibration_line(
    sample: Sample,
) -> tuple[tuple[float, FloatArray], tuple[float, FloatArray]]:
    """Measure the slope and the intercept of the calibration line.

    Parameters
    ----------
    sample : Sample
        With both classes and at least two different risks.

    Returns
    -------
    slope : tuple of float and numpy.ndarray of float, shape (n_units,)
        Of the log-odds of the outcome on those of the risk, and the same without each unit.
        1 is right; below 1 the risks are too extreme.
    intercept : tuple of float and numpy.ndarray of float, shape (n_units,)
        What is to be added to the log-odds of the risk, its slope held at 1, and the same
        without each unit. 0 is right; below 0 the risks are too high overall.

    Notes
    -----
    The values without a unit are one Newton step from the fit to all rows.

    References
    ----------
    Van Calster, B. et al. (2019). Calibration: the Achilles heel of predictive analytics.
    BMC Medicine 17, 230.
    """
    risk = clip_risk(sample.known_risk)
    log_odds = logit(risk)
    ones = np.ones((len(risk), 1))
    line = np.column_stack([ones, log_odds])
    both, both_without = fit_logistic(sample, line, np.zeros(len(risk)))
    level, level_without = fit_logistic(sample, ones, log_odds)
    return (float(both[1]), both_without[:, 1]), (float(level[0]), level_without[:, 0])


def fit_logistic(
    sample: Sample, design: FloatArray, offset: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Fit a logistic regression by Newton's method, and without each unit by one step.

    Parameters
    ----------
    sample : Sample
        With both classes.
    design : numpy.ndarray of float, shape (rows with a label, n_columns)
        The columns.
    offset : numpy.ndarray of float, shape (rows with a label,)
        Log-odds that are added as they are.

    Returns
    -------
    coefficients : numpy.ndarray of float, shape (n_columns,)
        Of all rows.
    without : numpy.ndarray of float, shape (n_units, n_columns)
        Without each unit.
    """
    label = sample.known_label
    coefficients = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        fitted = expit(design @ coefficients + offset)
        weighted = design * (fitted * (1 - fitted))[:, np.newaxis]
        step = np.linalg.lstsq(design.T @ weighted, design.T @ (label - fitted), rcond=None)[0]
        coefficients = coefficients + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    residual = design * (label - fitted)[:, np.newaxis]
    gradients = np.column_stack([sample.add_up(column) for column in residual.T])
    products = [[sample.add_up(a * b) for b in weighted.T] for a in design.T]
    rest = (design.T @ weighted)[:, :, np.newaxis] - np.array(products)
    without = np.full(gradients.shape, np.nan)
    for unit in range(sample.n_units):
        if np.linalg.cond(rest[:, :, unit]) < 1e12:
            step = np.linalg.solve(rest[:, :, unit], gradients[unit])
            without[unit] = coefficients - step
    return coefficients, without


def find_calibration_curve(
    sample: Sample, *, n_groups: int, minimum_count: int
) -> list[dict[str, Any]]:
    """Return mean risk and observed share by groups of rising risk.

    Parameters
    ----------
    sample : Sample
        With both classes.
    n_groups : int
        Groups of equal size before small ones merge.
    minimum_count : int
        The fewest pupils with, and without, the outcome in a group; a group without a
        single one of either merges too.

    Returns
    -------
    list of dict
        `mean_risk`, `observed` and `n` of each group, the lowest risks first; empty if there
        would be fewer than two groups. Equal risks are never split.
    """
    order = np.argsort(sample.known_risk, kind="stable")
    risk, label = sample.known_risk[order], sample.known_label[order]
    groups: list[slice] = []
    start = 0
    for end in _find_edges(risk, n_groups):
        positive = label[start:end].sum()
        if min(positive, end - start - positive) >= minimum_count:
            groups.append(slice(start, end))
            start = end
    if len(groups) < 2:
        return []
    groups[-1] = slice(groups[-1].start, len(risk))
    return [
        {
            "mean_risk": float(risk[group].mean()),
            "observed": float(label[group].mean()),
            "n": int(group.stop - group.start),
        }
        for group in groups
    ]


def _find_edges(risk: FloatArray, n_groups: int) -> list[int]:
    """Return where groups of sorted risks end, moved past equal risks."""
    wanted = np.linspace(0, len(risk), n_groups + 1)[1:].round().astype(int)
    edges = {int(np.searchsorted(risk, risk[end - 1], side="right")) for end in wanted if end > 0}
    return sorted(edges)
