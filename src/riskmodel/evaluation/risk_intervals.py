"""How sure a calibrated risk is: what became of earlier pupils with the same one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import t

from riskmodel.evaluation.calibration import (
    clip_risk,
    find_line_reason,
    fit_calibration_line,
)
from riskmodel.evaluation.intervals import describe_units
from riskmodel.evaluation.sample import make_sample

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RiskIntervals:
    """An interval around the share of pupils with a risk who did not complete.

    Parameters
    ----------
    lower, upper : numpy.ndarray of float, shape (n,)
        In [0, 1]; NaN where there is none.
    method : str or None
        How they were made.
    reason : str or None
        Why there are none.
    """

    lower: FloatArray
    upper: FloatArray
    method: str | None
    reason: str | None


def find_risk_intervals(
    rows: pd.DataFrame, risk: FloatArray, *, level: float, minimum_count: int
) -> RiskIntervals:
    """Find for each risk the share of earlier pupils with that risk who did not complete.

    Parameters
    ----------
    rows : pandas.DataFrame
        Test rows of one model at one prediction point: `risk` (calibrated), `label` (1 = did
        not complete, 0 = completed, missing = not known) and `school_unit`.
    risk : numpy.ndarray of float, shape (n,)
        The risks to be judged, in [0, 1]; their pupils need not be among `rows`.
    level : float
        The share of intervals that cover the true share.
    minimum_count : int
        The fewest pupils with, and without, the outcome that an interval rests on.

    Returns
    -------
    RiskIntervals
        One interval for each risk.

    Notes
    -----
    The log-odds of the outcome are a line in those of the risk, the calibration line. It is
    fitted to `rows`, and anew without each school; how far it moves at a risk gives the
    standard error there, and Student's t with one degree of freedom fewer than schools the
    width. The interval is about pupils with this risk, not about what will become of one. It
    need not hold the risk itself: where it does not, the model was off for later pupils.

    References
    ----------
    Cox, D. R. (1958). Two further applications of a model for binary regression. Biometrika
    45, 562-565.
    Efron, B. and Stein, C. (1981). The jackknife estimate of variance. Annals of Statistics
    9, 586-596.
    """
    sample = make_sample(rows)
    if min(sample.n_positive, sample.n_negative) < minimum_count:
        return _no_intervals(
            len(risk), f"fewer than {minimum_count} earlier pupils with, or without, the outcome"
        )
    if (no_line := find_line_reason(sample)) is not None:
        return _no_intervals(len(risk), no_line)
    line = fit_calibration_line(sample)
    coefficients, without = line.coefficients, line.leave_out(sample)
    if np.isnan(without).any():
        return _no_intervals(len(risk), "the calibration line rests on one school")
    design = np.column_stack([np.ones(len(risk)), logit(clip_risk(np.asarray(risk)))])
    centre = design @ coefficients
    spread = design @ (without - coefficients).T
    n_units = sample.n_units
    error = np.sqrt((n_units - 1) / n_units * (spread**2).sum(axis=1))
    half = error * float(t.ppf(0.5 + level / 2, n_units - 1))
    method = f"calibration line, {describe_units(sample)}, t({n_units - 1}), logit scale"
    return RiskIntervals(expit(centre - half), expit(centre + half), method, None)


def _no_intervals(count: int, reason: str) -> RiskIntervals:
    """Return that there is no interval, and why."""
    nothing = np.full(count, np.nan)
    return RiskIntervals(nothing, nothing, None, reason)
