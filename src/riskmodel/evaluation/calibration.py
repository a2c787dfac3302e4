"""Whether risks mean what they say: losses, the calibration line and the curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.metrics import brier_score_loss

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import make_interval, make_wide_interval
from riskmodel.evaluation.logistic_fit import LogisticFit, fit_logistic
from riskmodel.evaluation.sample import Sample, leave_out
from riskmodel.models.calibration import find_losses

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SMALLEST_RISK = 1e-12

EQUAL_RISKS = "not defined: all risks are equal"
SEPARATED = "not defined: the risks separate the pupils with the outcome from all others"
"""Why there is no calibration line."""


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
        In nats, at least 0, lower is better; the same losses as those that the models are
        chosen by.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.
    """
    losses = find_losses(sample.known_risk, sample.known_label)
    return float(losses.mean()), _mean_without(sample, losses)


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


def find_line_reason(sample: Sample) -> str | None:
    """Return why there is no calibration line, if there is none.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    str or None
        The reason: all risks are equal, or every pupil with the outcome has at least the risk
        of every pupil without it, or at most. Then no slope is the most likely one.

    References
    ----------
    Albert, A. and Anderson, J. A. (1984). On the existence of maximum likelihood estimates in
    logistic regression models. Biometrika 71, 1-10.
    """
    risk = clip_risk(sample.known_risk)
    if np.ptp(risk) == 0:
        return EQUAL_RISKS
    having, lacking = risk[sample.known_label == 1], risk[sample.known_label == 0]
    if having.min() >= lacking.max() or having.max() <= lacking.min():
        return SEPARATED
    return None


def fit_calibration_line(sample: Sample) -> LogisticFit:
    """Fit the log-odds of the outcome as a line in those of the risk.

    Parameters
    ----------
    sample : Sample
        For which `find_line_reason` finds no reason against it.

    Returns
    -------
    LogisticFit
        Its coefficients are the line's level and its slope. A slope of 1 is right; below 1 the
        risks are too extreme.

    References
    ----------
    Cox, D. R. (1958). Two further applications of a model for binary regression. Biometrika
    45, 562-565.
    Van Calster, B. et al. (2019). Calibration: the Achilles heel of predictive analytics.
    BMC Medicine 17, 230.
    """
    log_odds = logit(clip_risk(sample.known_risk))
    line = np.column_stack([np.ones(len(log_odds)), log_odds])
    return fit_logistic(sample, line, np.zeros(len(log_odds)))


def measure_calibration_intercept(sample: Sample) -> tuple[float, FloatArray]:
    """Measure calibration in the large.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    value : float
        What is to be added to the log-odds of the risk, its slope held at 1. 0 is right; below
        0 the risks are too high overall.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit, one Newton step from the fit to all rows.

    References
    ----------
    Van Calster, B. et al. (2019). Calibration: the Achilles heel of predictive analytics.
    BMC Medicine 17, 230.
    """
    log_odds = logit(clip_risk(sample.known_risk))
    fit = fit_logistic(sample, np.ones((len(log_odds), 1)), log_odds)
    return float(fit.coefficients[0]), fit.leave_out(sample)[:, 0]


def estimate_line(sample: Sample, level: float) -> dict[str, Estimate]:
    """Return slope and intercept of the calibration line with their intervals.

    Parameters
    ----------
    sample : Sample
        With both classes.
    level : float
        Of the intervals.

    Returns
    -------
    dict of str to Estimate
        `calibration_slope`, the wider of two intervals (see `make_wide_interval`), and
        `calibration_intercept`, which equal risks have too.
    """
    value, without = measure_calibration_intercept(sample)
    intercept = make_interval(value, without, sample, level=level, scale="identity")
    if (reason := find_line_reason(sample)) is not None:
        slope = Estimate.unknown(reason)
    else:
        line = fit_calibration_line(sample)
        slope = make_wide_interval(
            lambda units: (float(line.coefficients[1]), line.leave_out(units)[:, 1]),
            sample,
            level=level,
            scale="identity",
        )
    return {"calibration_slope": slope, "calibration_intercept": intercept}


def find_calibration_curve(
    sample: Sample, *, n_groups: int, minimum_count: int, level: float
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
    level : float
        Of the intervals.

    Returns
    -------
    list of dict
        `mean_risk`, `observed`, `lower`, `upper` and `n` of each group, the lowest risks first;
        empty if there would be fewer than two groups. Equal risks are never split. The interval
        is that of the observed share; null where all of a group are in one school.
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
    return [_describe_group(sample, order[group], level) for group in groups]


def _describe_group(sample: Sample, members: IntArray, level: float) -> dict[str, Any]:
    """Return one group of the calibration curve."""
    inside = np.zeros(len(sample.known_label))
    inside[members] = 1.0
    having = inside * sample.known_label
    observed = float(sample.known_label[members].mean())
    without = leave_out(sample.add_up(having), sample.add_up(inside))
    figure = make_interval(observed, without, sample, level=level, scale="logit")
    return {
        "mean_risk": float(sample.known_risk[members].mean()),
        "observed": observed,
        "lower": figure.lower,
        "upper": figure.upper,
        "n": len(members),
    }


def _find_edges(risk: FloatArray, n_groups: int) -> list[int]:
    """Return where groups of sorted risks end, moved past equal risks."""
    wanted = np.linspace(0, len(risk), n_groups + 1)[1:].round().astype(int)
    edges = {int(np.searchsorted(risk, risk[end - 1], side="right")) for end in wanted if end > 0}
    return sorted(edges)
