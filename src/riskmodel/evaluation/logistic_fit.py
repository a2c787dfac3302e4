"""Unpenalised logistic regression, fitted once and left without each unit in turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from riskmodel.evaluation.sample import Sample

FloatArray = npt.NDArray[np.float64]

_MOST_STEPS = 50
_LONGEST_STEP = 2.0
_TOLERANCE = 1e-10
_WORST_CONDITION = 1e12


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """Coefficients, and what is needed to leave units out.

    Parameters
    ----------
    coefficients : numpy.ndarray of float, shape (n_columns,)
        Of all rows.
    design : numpy.ndarray of float, shape (rows with a label, n_columns)
        The columns.
    weights : numpy.ndarray of float, shape (rows with a label,)
        The variance of each outcome by the fit.
    residuals : numpy.ndarray of float, shape (rows with a label,)
        Outcome less fitted probability.
    """

    coefficients: FloatArray
    design: FloatArray
    weights: FloatArray
    residuals: FloatArray

    def leave_out(self, sample: Sample) -> FloatArray:
        """Return the coefficients without each unit.

        Parameters
        ----------
        sample : Sample
            The rows of the fit, with any units.

        Returns
        -------
        numpy.ndarray of float, shape (n_units, n_columns)
            One Newton step from the fit to all rows; NaN where the rest does not determine
            them.
        """
        weighted = self.design * self.weights[:, np.newaxis]
        scores = self.design * self.residuals[:, np.newaxis]
        gradients = np.column_stack([sample.add_up(column) for column in scores.T])
        products = [[sample.add_up(a * b) for b in weighted.T] for a in self.design.T]
        rest = self.design.T @ weighted - np.moveaxis(np.array(products), 2, 0)
        without = np.full(gradients.shape, np.nan)
        told = np.linalg.cond(rest) < _WORST_CONDITION
        steps = np.linalg.solve(rest[told], gradients[told][:, :, np.newaxis])
        without[told] = self.coefficients - steps[:, :, 0]
        return without


def fit_logistic(sample: Sample, design: FloatArray, offset: FloatArray) -> LogisticFit:
    """Fit a logistic regression by Newton's method.

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
    LogisticFit
        By maximum likelihood. Where columns separate the classes there is none, and the
        coefficients are only large.

    References
    ----------
    McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models. Second edition. Chapman
    and Hall. Section 2.5.
    """
    label = sample.known_label
    coefficients = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        fitted = expit(design @ coefficients + offset)
        weights = fitted * (1 - fitted)
        information = design.T @ (design * weights[:, np.newaxis])
        step = np.linalg.lstsq(information, design.T @ (label - fitted), rcond=None)[0]
        coefficients = coefficients + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < _TOLERANCE:
            break
    return LogisticFit(coefficients, design, weights, label - fitted)
