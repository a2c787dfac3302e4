"""What each feature adds to a pupil's risk, exactly, on the log-odds scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from riskmodel.core.randomness import make_generator
from riskmodel.errors import UsageError
from riskmodel.features.specs import FLAG_SUFFIX
from riskmodel.models.risk_model import RiskModel
from riskmodel.models.specs import YARDSTICK

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Explanation:
    """The parts of the risks of some pupils.

    Parameters
    ----------
    contributions : numpy.ndarray of float, shape (n, p)
        What each feature adds to the calibrated log-odds, against what it adds on average
        over the training rows.
    base : float
        The calibrated log-odds of a pupil to whom every feature adds the average. A row's
        sum and the base make up the log-odds of its risk.
    feature_names : tuple of str
        The columns.
    """

    contributions: FloatArray
    base: float
    feature_names: tuple[str, ...]

    def merge_flags(self) -> Explanation:
        """Return the parts with each missing flag's added to those of its feature.

        Returns
        -------
        Explanation
            Without the flags whose feature is there; sums are as before.
        """
        owners = [_owner(name, self.feature_names) for name in self.feature_names]
        kept = tuple(name for name in self.feature_names if name in set(owners))
        merged = np.zeros((len(self.contributions), len(kept)))
        for column, owner in enumerate(owners):
            merged[:, kept.index(owner)] += self.contributions[:, column]
        return Explanation(merged, self.base, kept)


def explain(model: RiskModel, X: pd.DataFrame) -> Explanation:
    """Split every risk into what each feature adds.

    Parameters
    ----------
    model : RiskModel
        Of a family that decomposes.
    X : pandas.DataFrame of shape (n, p)
        The model's features; NaN where missing.

    Returns
    -------
    Explanation
        Rows add up to ``model.decision(X)`` but for rounding. For an additive model with a
        straight calibration the parts are its Shapley values against all training rows, in
        closed form; where the calibration bends, they are these in proportion.

    Raises
    ------
    UsageError
        If the model does not decompose, or the columns are not its features.

    Notes
    -----
    What a missing value adds stands with its feature. The cost is that of one prediction.

    References
    ----------
    Lundberg, S. M. and Lee, S.-I. (2017). A unified approach to interpreting model
    predictions. Advances in Neural Information Processing Systems 30.
    """
    return explain_risks(model, X)[1]


def explain_risks(model: RiskModel, X: pd.DataFrame) -> tuple[FloatArray, Explanation]:
    """Return risks with what each feature adds to them, from one evaluation of the model.

    Parameters
    ----------
    model : RiskModel
        Of a family that decomposes.
    X : pandas.DataFrame of shape (n, p)
        The model's features; NaN where missing.

    Returns
    -------
    risk : numpy.ndarray of float, shape (n,)
        As of ``model.predict_risk(X)``, to the last bit.
    explanation : Explanation
        As of `explain`.

    Raises
    ------
    UsageError
        If the model does not decompose, or the columns are not its features.
    """
    score, parts = model.split_score(X)
    centre = model.intercept
    stretch = model.calibrator.stretch(centre + parts.sum(axis=1), centre)
    base = float(model.calibrator.apply(np.array([centre]))[0])
    risk = np.asarray(expit(model.calibrator.apply(score)), dtype=np.float64)
    return risk, Explanation(parts * stretch[:, np.newaxis], base, model.feature_names)


def global_importance(explanation: Explanation) -> list[dict[str, Any]]:
    """Return how much each feature moves the risks, on average over the pupils.

    Parameters
    ----------
    explanation : Explanation
        Of many pupils, best of all training or test rows.

    Returns
    -------
    list of dict
        `feature` and `value`, the mean size of its contribution in log-odds, by falling
        value. Missing flags count with their features.
    """
    merged = explanation.merge_flags()
    sizes = np.abs(merged.contributions).mean(axis=0)
    return _rank(merged.feature_names, sizes)


def yardstick_importance(
    model: RiskModel, X: pd.DataFrame, *, sample: int = 2000, random_state: int
) -> list[dict[str, Any]]:
    """Return how much each feature moves the yardstick's risks, by its Shapley values.

    Parameters
    ----------
    model : RiskModel
        Of the family ``boosting``.
    X : pandas.DataFrame of shape (n, p)
        The model's features; NaN where missing.
    sample : int, default 2000
        At most so many rows are explained, drawn at random.
    random_state : int
        The run's seed.

    Returns
    -------
    list of dict
        As of `global_importance`.

    Raises
    ------
    UsageError
        If the model is of another family, or the columns are not its features.

    References
    ----------
    Lundberg, S. M. et al. (2020). From local explanations to global understanding with
    explainable AI for trees. Nature Machine Intelligence 2, 56-67.
    """
    if model.family != YARDSTICK:
        raise UsageError(
            f"`model` must be of the family '{YARDSTICK}', got '{model.family}'. "
            "Use `explain` for the others."
        )
    # The import takes seconds and is needed for the yardstick alone.
    from shap import TreeExplainer

    n_rows = min(sample, len(X))
    generator = make_generator(random_state, "explanation", "yardstick")
    rows = np.sort(generator.choice(len(X), size=n_rows, replace=False))
    inputs = model.read_inputs(X.iloc[rows])
    explain_trees: Callable[[FloatArray], Any] = TreeExplainer(model.estimator).shap_values
    contributions = np.zeros((n_rows, len(model.feature_names)))
    columns = [model.feature_names.index(name) for name in model.inputs]
    parts = np.asarray(explain_trees(inputs))
    score = model.score(X.iloc[rows])
    stretch = model.calibrator.stretch(score, score - parts.sum(axis=1))
    contributions[:, columns] = parts * stretch[:, np.newaxis]
    return global_importance(Explanation(contributions, 0.0, model.feature_names))


def _owner(name: str, names: tuple[str, ...]) -> str:
    """Return the feature that a column belongs to: itself, or the one that a flag is of."""
    feature = name.removesuffix(FLAG_SUFFIX)
    return feature if feature in names else name


def _rank(names: tuple[str, ...], sizes: FloatArray) -> list[dict[str, Any]]:
    """Return names with sizes, the largest first, by name among equals."""
    pairs = sorted(zip(names, sizes.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [{"feature": name, "value": value} for name, value in pairs]
