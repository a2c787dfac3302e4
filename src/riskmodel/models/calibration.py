"""Calibration on the log-odds scale, so that what was additive stays additive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.isotonic import IsotonicRegression

from riskmodel.models.solver import fit_penalised

FloatArray = npt.NDArray[np.float64]

_SMALLEST_RISK = 1e-15
_STRENGTH = 1e6
_TOLERANCE = 1e-10
_NEAR = 1e-6
_FEWEST_PER_KNOT = 20
_MOST_KNOTS = 50
_TELLING_APART = 1e-3

Kind = Literal["sigmoid", "beta", "isotonic"]

KINDS: tuple[Kind, ...] = ("sigmoid", "beta", "isotonic")
"""The calibrations that are fitted, the simplest first."""


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
    """A rising curve on the log-odds; a line unless the kind says otherwise.

    Parameters
    ----------
    kind : {'identity', 'sigmoid', 'beta', 'isotonic', 'base_rate'}
        ``identity`` leaves the score as it is. ``sigmoid`` is a line. ``beta`` bends at 0: it
        has one slope towards high and one towards low scores. ``isotonic`` goes straight
        between knots. ``base_rate`` gives every pupil the base rate because the score carried
        no signal in the right direction.
    slope : float, default 1.0
        At least 0; 0 only for ``base_rate``. Of ``beta`` the one towards high scores.
    intercept : float, default 0.0
        In log-odds.
    low_slope : float, default 0.0
        Of ``beta`` the slope towards low scores, at least 0.
    knots, levels : tuple of float, default ()
        Of ``isotonic`` the scores, ascending, and the log-odds there, never falling and level
        outside. To these comes the line, whose slope is so small that it only tells pupils
        apart who would else have the same risk.

    Examples
    --------
    >>> Calibrator("sigmoid", slope=0.5, intercept=-1.0).apply(np.array([2.0])).tolist()
    [0.0]
    """

    kind: Kind | Literal["identity", "base_rate"] = "identity"
    slope: float = 1.0
    intercept: float = 0.0
    low_slope: float = 0.0
    knots: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()

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
        if self.kind == "beta":
            high, low = np.logaddexp(0, score), np.logaddexp(0, -score)
            return np.asarray(self.slope * high - self.low_slope * low + self.intercept)
        if self.kind == "isotonic":
            steps = np.interp(score, self.knots, self.levels)
            return np.asarray(steps + self.slope * score + self.intercept, dtype=np.float64)
        return self.slope * score + self.intercept

    def stretch(self, score: FloatArray, centre: FloatArray | float) -> FloatArray:
        """Return by what a score's distance from a centre is multiplied.

        Parameters
        ----------
        score : numpy.ndarray of float, shape (n,)
            Uncalibrated log-odds.
        centre : float or numpy.ndarray of float, shape (n,)
            The score that distances are counted from.

        Returns
        -------
        numpy.ndarray of float, shape (n,)
            At least 0. Parts that add up to ``score - centre`` add up, times this, to the
            difference of the calibrated log-odds: what each part is given is in proportion.
        """
        if self.kind not in ("beta", "isotonic"):
            return np.full(np.shape(score), self.slope)
        distance = score - centre
        is_near = np.abs(distance) < _NEAR
        beside = np.where(is_near, centre + _NEAR, score)
        return (self.apply(beside) - self.apply(np.asarray(centre))) / (beside - centre)

    def to_dict(self) -> dict[str, Any]:
        """Return the calibrator as plain values.

        Returns
        -------
        dict
            Its fields.
        """
        return {**vars(self), "knots": list(self.knots), "levels": list(self.levels)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Calibrator:
        """Return a calibrator from what `to_dict` returned.

        Parameters
        ----------
        fields : dict
            Its fields.

        Returns
        -------
        Calibrator
            The same.
        """
        lists = {
            name: tuple(float(value) for value in fields[name]) for name in ("knots", "levels")
        }
        return cls(**{**fields, **lists})


def fit_calibrator(score: FloatArray, y: FloatArray, kind: Kind = "sigmoid") -> Calibrator:
    """Fit a calibration to scores of pupils that the model did not see.

    Parameters
    ----------
    score : numpy.ndarray of float, shape (n,)
        Out-of-fold log-odds.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without, both present.
    kind : {'sigmoid', 'beta', 'isotonic'}, default 'sigmoid'
        The form of the curve.

    Returns
    -------
    Calibrator
        Rising. Where the fit would turn the order of the pupils around, every pupil gets the
        base rate instead.

    Notes
    -----
    The targets of the line and of the beta calibration are pulled a little inwards as Platt
    did, ``(n1 + 1) / (n1 + 2)`` and ``1 / (n0 + 2)``, which keeps the fit finite when the
    scores separate the classes. The isotonic one is fitted to parts of at least 20 pupils, so
    that no knot is a single pupil's.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to
    regularized likelihood methods. Advances in Large Margin Classifiers, 61-74.
    Kull, M., Silva Filho, T. and Flach, P. (2017). Beta calibration: a well-founded and
    easily implemented improvement on logistic calibration for binary classifiers. AISTATS.
    Zadrozny, B. and Elkan, C. (2002). Transforming classifier scores into accurate multiclass
    probability estimates. KDD.
    """
    fitted = None
    if float(score.std()) > 0:
        fit = {"sigmoid": _fit_line, "beta": _fit_beta, "isotonic": _fit_isotonic}[kind]
        fitted = fit(score, y)
    return fitted or Calibrator("base_rate", 0.0, float(logit(y.mean())))


def _pull_inwards(y: FloatArray) -> FloatArray:
    """Return Platt's targets."""
    n_positive = float(y.sum())
    n_negative = float(len(y)) - n_positive
    return np.where(y == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))


def _fit_line(score: FloatArray, y: FloatArray) -> Calibrator | None:
    """Return the line, None if it would fall."""
    centre, spread = float(score.mean()), float(score.std())
    (slope,), intercept = fit_penalised(
        ((score - centre) / spread)[:, np.newaxis], _pull_inwards(y), np.ones(len(y)),
        strength=_STRENGTH, tolerance=_TOLERANCE,
    )  # fmt: skip
    slope = float(slope) / spread
    return Calibrator("sigmoid", slope, intercept - slope * centre) if slope > 0 else None


def _fit_beta(score: FloatArray, y: FloatArray) -> Calibrator | None:
    """Return the curve with two slopes, None if both would be 0."""
    parts = np.column_stack([np.logaddexp(0, score), -np.logaddexp(0, -score)])
    centre, spread = parts.mean(axis=0), np.maximum(parts.std(axis=0), 1e-12)
    slopes, intercept = fit_penalised(
        (parts - centre) / spread, _pull_inwards(y), np.ones(len(y)), strength=_STRENGTH,
        lower=np.zeros(2), tolerance=_TOLERANCE,
    )  # fmt: skip
    high, low = (float(value) for value in slopes / spread)
    if high <= 0 and low <= 0:
        return None
    shift = intercept - high * float(centre[0]) - low * float(centre[1])
    return Calibrator("beta", high, shift, low_slope=low)


def _fit_isotonic(score: FloatArray, y: FloatArray) -> Calibrator | None:
    """Return the curve between knots, None if it would be level."""
    order = np.argsort(score, kind="stable")
    parts = np.array_split(order, int(np.clip(len(y) // _FEWEST_PER_KNOT, 1, _MOST_KNOTS)))
    knots = np.array([score[part].mean() for part in parts])
    sizes = np.array([len(part) for part in parts], dtype=np.float64)
    rates = np.array([(y[part].sum() + 0.5) / (len(part) + 1) for part in parts])
    levels = IsotonicRegression().fit(knots, rates, sample_weight=sizes).predict(knots)
    kept = np.append(True, np.diff(knots) > 0)
    if levels[-1] <= levels[0]:
        return None
    log_odds = logit(levels[kept])
    return Calibrator(
        "isotonic",
        slope=_TELLING_APART,
        intercept=-_TELLING_APART * float(score.mean()),
        knots=tuple(knots[kept].tolist()),
        levels=tuple(log_odds.tolist()),
    )
