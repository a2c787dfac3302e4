"""The choice among the candidates, on training rows only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from riskmodel.models.calibration import find_losses
from riskmodel.models.specs import LEARNT_INTERPRETABLE

FloatArray = npt.NDArray[np.float64]
Name = TypeVar("Name", bound=str)


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
    learnt: dict[str, FloatArray] = {
        name: losses[name] for name in LEARNT_INTERPRETABLE if name in losses
    }
    return Comparison(means, *_choose(learnt, means, groups, "out-of-fold log loss"))


def choose_by_regret(
    risks: Mapping[str, FloatArray],
    y: FloatArray,
    periods: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64] | None,
    order: Sequence[str] = LEARNT_INTERPRETABLE,
) -> tuple[str, str, dict[str, list[float]]]:
    """Choose a model by how it would have done in earlier periods.

    Parameters
    ----------
    risks : mapping of str to numpy.ndarray of float, shape (n,)
        By model, each period's risks from models of its own time.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    periods : numpy.ndarray of int, shape (n,)
        The period of each row, from 0 without gaps.
    groups : numpy.ndarray of int, shape (n,), or None
        The clusters of the standard error.
    order : sequence of str, optional
        The models to choose among, the simplest first; by default the learnt interpretable
        families.

    Returns
    -------
    chosen : str
        Of these models the simplest whose mean regret is at most one
        standard error above the lowest one.
    reason : str
        Why, in one sentence.
    regrets : dict of str to list of float
        By model, in each period its log loss less the lowest of these.

    References
    ----------
    Savage, L. J. (1951). The theory of statistical decision. Journal of the American
    Statistical Association 46, 55-67.
    """
    names = [name for name in order if name in risks]
    counts = np.bincount(periods)
    losses = {name: find_losses(risks[name], y) for name in names}
    by_period = np.array([np.bincount(periods, weights=losses[n]) / counts for n in names])
    regret = by_period - by_period.min(axis=0)
    # Each period counts the same, however many pupils it has.
    weights = len(y) / (len(counts) * counts[periods])
    weighted = {name: losses[name] * weights for name in names}
    means = dict(zip(names, regret.mean(axis=1).tolist(), strict=True))
    chosen, reason = _choose(weighted, means, groups, "mean regret over earlier cohorts")
    return chosen, reason, dict(zip(names, regret.tolist(), strict=True))


def _choose(
    losses: Mapping[str, FloatArray],
    means: Mapping[str, float],
    groups: npt.NDArray[np.int64] | None,
    measure: str,
) -> tuple[str, str]:
    """Return the simplest model within one standard error of the best, and why it is used."""
    names = list(losses)
    if len(names) == 1:
        return names[0], "The only learnt model that can be explained."
    best = min(names, key=lambda name: means[name])
    chosen = choose_simplest(losses, groups)
    if chosen != best:
        reason = f"The {measure} of '{best}' is not lower by more than one standard error"
        return chosen, f"{reason}, so the simpler model is used."
    reason = f"Its {measure} is the lowest, and lower than that of every simpler model"
    return best, f"{reason} by more than one standard error."


def choose_simplest(
    losses: Mapping[Name, FloatArray], groups: npt.NDArray[np.int64] | None
) -> Name:
    """Return the first whose mean loss is at most one standard error above the lowest.

    Parameters
    ----------
    losses : mapping of str to numpy.ndarray of float, shape (n,)
        The losses of the same rows, the simplest candidate first.
    groups : numpy.ndarray of int, shape (n,), or None
        The clusters of the standard error, which is that of the paired difference.

    Returns
    -------
    str
        A key.
    """
    best = min(losses, key=lambda name: float(losses[name].mean()))
    for name, loss in losses.items():
        lag = loss - losses[best]
        if name == best or lag.mean() <= _find_standard_error(lag, groups):
            return name
    return best


def _find_standard_error(values: FloatArray, groups: npt.NDArray[np.int64] | None) -> float:
    """Return the standard error of a mean, with rows of a group allowed to go together."""
    deviations = values - values.mean()
    if groups is not None and len(np.unique(groups)) > 1:
        _, codes = np.unique(groups, return_inverse=True)
        deviations = np.bincount(codes, weights=deviations)
    n_units = len(deviations)
    return float(np.sqrt(n_units / (n_units - 1) * np.sum(deviations**2)) / len(values))
