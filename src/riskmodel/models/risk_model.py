"""A fitted, calibrated model: features in, risks out, and for most families the parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from riskmodel.errors import UsageError
from riskmodel.models.calibration import Calibrator
from riskmodel.models.families import add_terms, find_intercept, score_family, split_family
from riskmodel.models.inputs import read_features
from riskmodel.models.missing import fill_missing
from riskmodel.models.specs import YARDSTICK, Family

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RiskModel:
    """A fitted model with its calibration and what was known when it was trained.

    Parameters
    ----------
    name : str
        The candidate's name: the family, or the rule's own name.
    family : {'base_rate', 'rule', 'logistic', 'additive', 'boosting'}
        How it was fitted.
    feature_names : tuple of str
        The columns that it is given, in its own order.
    inputs : tuple of str
        Those that its estimator uses. A column that was constant or wholly missing in
        training is not among them and has no part in the risk.
    estimator : object
        A fitted scikit-learn classifier or pipeline on `inputs`.
    calibrator : Calibrator
        From uncalibrated to calibrated log-odds.
    centre : tuple of float
        Per input the mean of what it adds to the log-odds over the training rows; empty for
        a family that does not decompose.
    background_means : tuple of float
        Per feature the mean of its known values over the training rows; NaN where fewer
        than 10 are known.
    infos : tuple of dict
        What the feature stage says of each feature, passed through.
    n_training : int
        Training rows with a known label.
    base_rate : float
        The share of them with the outcome.
    point : str, default ''
        The prediction point, for example ``november``.
    training_period : tuple of str, optional
        First and last prediction date, ISO.
    data_hash : str, default ''
        SHA-256 of the training data.
    notes : tuple of str
        What the reader of a model card should know about the fit.
    fill_values : dict of str to float
        Per input with a missing rule that is learnt: the mean or median of the training rows,
        which the estimator is given in place of a missing value.
    """

    name: str
    family: Family
    feature_names: tuple[str, ...]
    inputs: tuple[str, ...]
    estimator: Any
    calibrator: Calibrator
    centre: tuple[float, ...]
    background_means: tuple[float, ...]
    infos: tuple[dict[str, Any], ...]
    n_training: int
    base_rate: float
    point: str = ""
    training_period: tuple[str, str] | None = None
    data_hash: str = ""
    notes: tuple[str, ...] = ()
    fill_values: dict[str, float] = field(default_factory=dict)

    @property
    def is_interpretable(self) -> bool:
        """Whether the risk decomposes exactly into the parts of its features."""
        return self.family != YARDSTICK

    @property
    def intercept(self) -> float:
        """The uncalibrated log-odds of a pupil to whom every feature adds the average."""
        self._check_interpretable()
        return find_intercept(self.family, self.estimator) + float(np.sum(self.centre))

    def score(self, X: pd.DataFrame) -> FloatArray:
        """Return the uncalibrated log-odds.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n, p)
            The columns `feature_names`, in any order; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n,)
            Log-odds.

        Raises
        ------
        UsageError
            If the columns are not the model's features.
        """
        return score_family(self.family, self.estimator, self.read_inputs(X))

    def decision(self, X: pd.DataFrame) -> FloatArray:
        """Return the calibrated log-odds.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n, p)
            The columns `feature_names`, in any order; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n,)
            Log-odds.

        Raises
        ------
        UsageError
            If the columns are not the model's features.
        """
        return self.calibrator.apply(self.score(X))

    def predict_risk(self, X: pd.DataFrame) -> FloatArray:
        """Return the calibrated risk.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n, p)
            The columns `feature_names`, in any order; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n,)
            Probabilities in [0, 1] of the outcome.

        Raises
        ------
        UsageError
            If the columns are not the model's features.
        """
        return np.asarray(expit(self.decision(X)), dtype=np.float64)

    def term_contributions(self, X: pd.DataFrame) -> FloatArray:
        """Return what each feature adds to the uncalibrated log-odds, against the average.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n, p)
            The columns `feature_names`, in any order; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, p)
            Log-odds in the order of `feature_names`. A row's sum and `intercept` make up
            its `score`. 0 means what the feature adds on average over the training rows;
            what a missing value adds stands with its feature.

        Raises
        ------
        UsageError
            If the model does not decompose, or the columns are not its features.
        """
        return self.split_score(X)[1]

    def split_score(self, X: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """Return the uncalibrated log-odds with what each feature adds to them, at one go.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n, p)
            The columns `feature_names`, in any order; NaN where missing.

        Returns
        -------
        score : numpy.ndarray of float, shape (n,)
            As of `score`, to the last bit.
        contributions : numpy.ndarray of float, shape (n, p)
            As of `term_contributions`.

        Raises
        ------
        UsageError
            If the model does not decompose, or the columns are not its features.
        """
        self._check_interpretable()
        terms = split_family(self.family, self.estimator, self.read_inputs(X))
        contributions = np.zeros((len(X), len(self.feature_names)))
        contributions[:, self._input_columns] = terms - np.asarray(self.centre)
        return add_terms(self.family, self.estimator, terms), contributions

    def read_inputs(self, X: pd.DataFrame) -> FloatArray:
        """Return what the estimator is given.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n, p)
            The columns `feature_names`, in any order; NaN where missing.

        Returns
        -------
        numpy.ndarray of float, shape (n, inputs)
            The columns `inputs`, with `fill_values` where those are missing.

        Raises
        ------
        UsageError
            If the columns are not the model's features.
        """
        values = read_features(X, self.feature_names)[:, self._input_columns]
        return fill_missing(values, self.inputs, self.fill_values)

    @property
    def _input_columns(self) -> list[int]:
        """The positions of the inputs among the features."""
        return [self.feature_names.index(name) for name in self.inputs]

    def _check_interpretable(self) -> None:
        """Raise if the model does not decompose."""
        if not self.is_interpretable:
            raise UsageError(
                "`model` must be of a family that decomposes into its features, got "
                f"'{self.family}'. Explain the logistic or the additive model instead."
            )
