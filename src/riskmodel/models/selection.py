"""The choice among the candidates, on training rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.models.calibration import find_losses
from riskmodel.models.specs import LEARNT_INTERPRETABLE

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """How well the candidates predict the folds that they did not see.

    Parameters
    ----------
    log_loss : dict of str to float
        The mean out-of-fold log loss by model, in nats; lower is better.
    chosen : str
        The model to use.
    reason : str
        Why, in one sentence.
    """

    log_loss: dict[str, float]
    chosen: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values.

        Returns
        -------
        dict
            `log_loss`, `chosen` and `reason`.
        """
        return {"log_loss": dict(self.log_loss), "chosen": self.chosen, "reason": self.reason}


def compare_candidates(
    risks: Mapping[str, FloatArray],
    y: FloatArray,
    groups: npt.NDArray[np.int64] | None,
    selected: str,
) -> Comparison:
    """Compare out-of-fold risks and choose a model that can be explained.

    Parameters
    ----------
    risks : mapping of str to numpy.ndarray of float, shape (n,)
        Out-of-fold risks by model.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    groups : numpy.ndarray of int, shape (n,), or None
        The clusters of the standard error.
    selected : str
        ``auto`` or a model's name.

    Returns
    -------
    Comparison
        With ``auto``: of the learnt interpretable models the simplest whose log loss is at
        most one standard error above the lowest one.
    """
    losses = {name: find_losses(risk, y) for name, risk in risks.items()}
    means = {name: float(loss.mean()) for name, loss in losses.items()}
    if selected != "auto":
        return Comparison(means, selected, "Named in the configuration.")
    names = [name for name in LEARNT_INTERPRETABLE if name in risks]
    best = min(names, key=lambda name: means[name])
    if len(names) == 1:
        return Comparison(means, best, "The only learnt model that can be explained.")
    for name in names:
        lag = losses[name] - losses[best]
        if name == best or lag.mean() <= _find_standard_error(lag, groups):
            break
    if name == best:
        reason = (
            "Its out-of-fold log loss is the lowest, and lower than that of every simpler model "
            "by more than one standard error."
        )
    else:
        reason = (
            f"The out-of-fold log loss of '{best}' is not lower by more than one standard error, "
            "so the simpler model is used."
        )
    return Comparison(means, name, reason)


def _find_standard_error(values: FloatArray, groups: npt.NDArray[np.int64] | None) -> float:
    """Return the standard error of a mean, with rows of a group allowed to go together."""
    deviations = values - values.mean()
    if groups is not None and len(np.unique(groups)) > 1:
        _, codes = np.unique(groups, return_inverse=True)
        deviations = np.bincount(codes, weights=deviations)
    n_units = len(deviations)
    return float(np.sqrt(n_units / (n_units - 1) * np.sum(deviations**2)) / len(values))
