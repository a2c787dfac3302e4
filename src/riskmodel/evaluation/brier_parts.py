"""The Brier score taken apart, and how far risks lie from a smooth calibration curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from riskmodel.evaluation.calibration import clip_risk
from riskmodel.evaluation.distances import Distance
from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.logistic_fit import fit_logistic
from riskmodel.evaluation.sample import Sample

FloatArray = npt.NDArray[np.float64]

_N_BANDS = 10
_N_PLACES = 50
_KNOTS = (0.1, 0.5, 0.9)


def measure_brier_parts(sample: Sample) -> tuple[Distance, tuple[float, FloatArray]]:
    """Measure reliability and resolution.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    reliability : Distance
        How far the risks of a band lie from its share with the outcome, squared; 0 is best.
    resolution : tuple of float and numpy.ndarray of float, shape (n_units,)
        How far the bands lie apart, higher is better, and the same without each unit.

    Notes
    -----
    Ten bands of rising risk, of equal size and the same without any unit; equal risks are in
    one band. The Brier score of the bands' mean risks is reliability less resolution plus
    uncertainty (`describe_uncertainty`). That of the risks themselves differs by how they vary
    within the bands (Stephenson and others).

    References
    ----------
    Murphy, A. H. (1973). A new vector partition of the probability score. Journal of Applied
    Meteorology 12, 595-600.
    Stephenson, D. B., Coelho, C. A. S. and Jolliffe, I. T. (2008). Two extra components in the
    Brier score decomposition. Weather and Forecasting 23, 752-757.
    """
    edges = np.unique(np.quantile(sample.known_risk, np.linspace(0, 1, _N_BANDS + 1)[1:-1]))
    band = np.unique(np.searchsorted(edges, sample.known_risk, side="left"), return_inverse=True)[1]
    shape = (sample.n_units, int(band.max()) + 1)
    place = sample.known_unit * shape[1] + band

    def add_up(values: FloatArray) -> FloatArray:
        """Return sums by unit and band, those of all units first, then without each."""
        sums = np.bincount(place, weights=values, minlength=shape[0] * shape[1]).reshape(shape)
        total = sums.sum(axis=0)
        return np.vstack([total, total - sums])

    n = add_up(np.ones(len(band)))
    risks, labels = add_up(sample.known_risk), add_up(sample.known_label)
    size = n.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = labels.sum(axis=1, keepdims=True) / size
        deviations = (labels - risks) / n
        resolution = np.nansum(n * (labels / n - rate) ** 2, axis=1) / size[:, 0]
    weights = n[0] / size[0]
    value = float(weights @ deviations[0] ** 2)
    return (
        Distance(value, deviations[0], deviations[1:], weights, power=2),
        (float(resolution[0]), resolution[1:]),
    )


def describe_uncertainty(base_rate: Estimate) -> Estimate:
    """Return the Brier score that the base rate alone leaves.

    Parameters
    ----------
    base_rate : Estimate
        The share of pupils with the outcome, with its interval.

    Returns
    -------
    Estimate
        The rate times one less it, and the lowest and highest such product over the interval of
        the rate: near a half the product hardly moves, and leaving out units would say too
        little.

    Examples
    --------
    >>> found = describe_uncertainty(Estimate(0.4, 0.3, 0.6))
    >>> round(found.value, 2), round(found.lower, 2), round(found.upper, 2)
    (0.24, 0.21, 0.25)
    """

    def multiply(rate: float) -> float:
        return rate * (1 - rate)

    if base_rate.value is None:
        return base_rate
    value = multiply(base_rate.value)
    if base_rate.lower is None or base_rate.upper is None:
        return Estimate(value, reason=base_rate.reason)
    ends = multiply(base_rate.lower), multiply(base_rate.upper)
    holds_half = base_rate.lower <= 0.5 <= base_rate.upper
    upper = 0.25 if holds_half else max(ends)
    return Estimate(value, min(ends), upper, base_rate.method)


def measure_calibration_index(sample: Sample) -> Distance:
    """Measure the integrated calibration index.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    Distance
        The mean distance between the risks and a smooth curve of the outcome on them, over all
        pupils; 0 is best. Its places are at most 50 groups of pupils of rising risk.

    Notes
    -----
    The curve is a logistic regression on a natural cubic spline of the log-odds with knots at
    the 10th, 50th and 90th percentile. The values without a unit are one Newton step from the
    fit to all rows.

    References
    ----------
    Austin, P. C. and Steyerberg, E. W. (2019). The integrated calibration index and related
    metrics for quantifying the calibration of logistic regression models. Statistics in
    Medicine 38, 4051-4065.
    """
    risk = clip_risk(sample.known_risk)
    design = _make_spline(logit(risk))
    fit = fit_logistic(sample, design, np.zeros(len(risk)))
    value = float(np.abs(expit(design @ fit.coefficients) - risk).mean())
    parts = np.array_split(np.argsort(risk, kind="stable"), min(_N_PLACES, len(risk)))
    middles = [part[len(part) // 2] for part in parts]
    places = design[middles]
    deviations = expit(places @ fit.coefficients) - risk[middles]
    without = expit(fit.leave_out(sample) @ places.T) - risk[middles]
    weights = np.array([len(part) for part in parts]) / len(risk)
    return Distance(value, deviations, without, weights, power=1)


def _make_spline(x: FloatArray) -> FloatArray:
    """Return intercept, line where risks differ, and one cubic term where the knots do."""
    low, middle, high = np.quantile(x, _KNOTS)
    columns = [np.ones(len(x))]
    if np.ptp(x) > 0:
        columns.append(x)
    if low < middle < high:
        width = high - low
        bend = (
            np.clip(x - low, 0, None) ** 3
            - np.clip(x - middle, 0, None) ** 3 * width / (high - middle)
            + np.clip(x - high, 0, None) ** 3 * (middle - low) / (high - middle)
        ) / width**2
        columns.append(bend)
    return np.column_stack(columns)
