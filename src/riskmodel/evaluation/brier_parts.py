"""The Brier score taken apart, and how far risks lie from a smooth calibration curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from riskmodel.evaluation.calibration import clip_risk, fit_logistic
from riskmodel.evaluation.sample import Sample

FloatArray = npt.NDArray[np.float64]

_N_BANDS = 10
_KNOTS = (0.1, 0.5, 0.9)


def measure_brier_parts(sample: Sample) -> dict[str, tuple[float, FloatArray]]:
    """Measure reliability, resolution and uncertainty.

    Parameters
    ----------
    sample : Sample
        With both classes.

    Returns
    -------
    dict of str to tuple of float and numpy.ndarray of float, shape (n_units,)
        `reliability` (how far the risks of a band lie from its share with the outcome, 0 is
        best), `resolution` (how far the bands lie apart, higher is better) and `uncertainty`
        (the Brier score of the base rate), and the same without each unit.

    Notes
    -----
    Ten bands of rising risk, of equal size and the same without any unit; equal risks are in
    one band. The Brier score of the bands' mean risks is reliability less resolution plus
    uncertainty.

    References
    ----------
    Murphy, A. H. (1973). A new vector partition of the probability score. Journal of Applied
    Meteorology 12, 595-600.
    """
    edges = np.unique(np.quantile(sample.known_risk, np.linspace(0, 1, _N_BANDS + 1)[1:-1]))
    band = np.searchsorted(edges, sample.known_risk, side="left")
    shape = (sample.n_units, len(edges) + 1)
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
        reliability = np.nansum((risks - labels) ** 2 / n, axis=1) / size[:, 0]
        resolution = np.nansum(n * (labels / n - rate) ** 2, axis=1) / size[:, 0]
    uncertainty = (rate * (1 - rate))[:, 0]
    parts = {"reliability": reliability, "resolution": resolution, "uncertainty": uncertainty}
    return {name: (float(values[0]), values[1:]) for name, values in parts.items()}


def measure_calibration_index(sample: Sample) -> tuple[float, FloatArray]:
    """Measure the integrated calibration index.

    Parameters
    ----------
    sample : Sample
        With both classes and at least two different risks.

    Returns
    -------
    value : float
        The mean distance between the risks and a smooth curve of the outcome on them; 0 is
        best.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.

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
    log_odds = logit(risk)
    design = _make_spline(log_odds)
    fitted, without = fit_logistic(sample, design, np.zeros(len(risk)))
    value = float(np.abs(expit(design @ fitted) - risk).mean())
    distances = np.empty(sample.n_units)
    for unit, coefficients in enumerate(without):
        distance = np.abs(expit(design @ coefficients) - risk)
        kept = sample.known_unit != unit
        distances[unit] = distance[kept].mean() if kept.any() else np.nan
    return value, distances


def _make_spline(x: FloatArray) -> FloatArray:
    """Return intercept, line and one natural cubic term where the knots differ."""
    low, middle, high = np.quantile(x, _KNOTS)
    columns = [np.ones(len(x)), x]
    if low < middle < high:
        width = high - low
        bend = (
            np.clip(x - low, 0, None) ** 3
            - np.clip(x - middle, 0, None) ** 3 * width / (high - middle)
            + np.clip(x - high, 0, None) ** 3 * (middle - low) / (high - middle)
        ) / width**2
        columns.append(bend)
    return np.column_stack(columns)
