"""Calibration on the log-odds scale, so that what was additive stays additive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

FloatArray = npt.NDArray[np.float64]

_SMALLEST_RISK = 1e-15


def find_losses(risk: FloatArray, y: FloatArray) -> FloatArray:
    """Return the log loss of each row.

    Parameters
    ----------
    risk : numpy.ndarray of float, shape (n,)
        Probabilities in [0, 1].
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        In nats, at least 0; a certain error costs about 34.5.

    Examples
    --------
    >>> find_losses(np.array([0.5, 1.0]), np.array([1.0, 1.0])).round(3).tolist()
    [0.693, 0.0]
    """
    likelihood = np.where(y == 1, risk, 1 - risk)
    return np.abs(np.log(np.maximum(likelihood, _SMALLEST_RISK)))


@dataclass(frozen=True)
class Calibrator:
    """A straight line on the log-odds: calibrated = slope × score + intercept.

    Parameters
    ----------
    kind : {'identity', 'sigmoid', 'base_rate'}
        ``identity`` leaves the score as it is, ``sigmoid`` was fitted, ``base_rate`` gives
        every pupil the base rate because the score carried no signal in the right direction.
    slope : float, default 1.0
        At least 0; 0 only for ``base_rate``.
    intercept : float, default 0.0
        In log-odds.

    Examples
    --------
    >>> Calibrator("sigmoid", slope=0.5, intercept=-1.0).apply(np.array([2.0])).tolist()
    [0.0]
    """

    kind: Literal["identity", "sigmoid", "base_rate"] = "identity"
    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, score: FloatArray) -> FloatArray:
        """Return the calibrated log-odds.

        Parameters
        ----------
        score : numpy.ndarray of float
            Uncalibrated log-odds.

        Returns
        -------
        numpy.ndarray of float
            Calibrated log-odds, in the same order.
        """
        return self.slope * score + self.intercept

    def to_dict(self) -> dict[str, Any]:
        """Return the calibrator as plain values.

        Returns
        -------
        dict
            `kind`, `slope` and `intercept`.
        """
        return {"kind": self.kind, "slope": self.slope, "intercept": self.intercept}


def fit_calibrator(score: FloatArray, y: FloatArray) -> Calibrator:
    """Fit Platt's calibration to scores of pupils that the model did not see.

    Parameters
    ----------
    score : numpy.ndarray of float, shape (n,)
        Out-of-fold log-odds.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without, both present.

    Returns
    -------
    Calibrator
        With a positive slope. Where the fit would turn the order of the pupils around, every
        pupil gets the base rate instead.

    Notes
    -----
    The targets are pulled a little inwards as Platt did, ``(n1 + 1) / (n1 + 2)`` and
    ``1 / (n0 + 2)``, which keeps the fit finite when the scores separate the classes.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to
    regularized likelihood methods. Advances in Large Margin Classifiers, 61-74.
    """
    n_positive = float(y.sum())
    n_negative = float(len(y)) - n_positive
    target = np.where(y == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    spread = float(score.std())
    if spread > 0:
        centre = float(score.mean())
        scaled = ((score - centre) / spread)[:, np.newaxis]
        fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
            np.vstack([scaled, scaled]),
            np.repeat([1, 0], len(y)),
            sample_weight=np.concatenate([target, 1 - target]),
        )
        slope = float(fit.coef_[0, 0]) / spread
        if slope > 0:
            return Calibrator("sigmoid", slope, float(fit.intercept_[0]) - slope * centre)
    return Calibrator("base_rate", 0.0, float(logit(n_positive / len(y))))
