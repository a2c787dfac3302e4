"""How well it is foreseen when pupils leave: measures by term, with intervals by school."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import find_few_cases, make_difference, make_interval
from riskmodel.evaluation.ranking import measure_weighted_auc
from riskmodel.evaluation.sample import Sample, leave_out, make_sample
from riskmodel.evaluation.specs import EvaluationSpec

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Measured = tuple[float, FloatArray]

COMMON = "common"
"""The name of the risks that are the same for every pupil."""


@dataclass(frozen=True, eq=False)
class Followed:
    """How far each pupil was followed.

    Parameters
    ----------
    n_known : numpy.ndarray of int, shape (n,)
        The last term of which it is known whether the pupil left; 0 for none.
    left : numpy.ndarray of bool, shape (n,)
        Whether the pupil left in that term.
    """

    n_known: IntArray
    left: npt.NDArray[np.bool_]

    def weigh(self, term: int) -> tuple[FloatArray, FloatArray]:
        """Weigh those who had left by a term, and those known to be there after it.

        Parameters
        ----------
        term : int
            The term, from 1.

        Returns
        -------
        gone, there : numpy.ndarray of float, shape (n,)
            One over the chance of being followed so long, 0 for all others: those who were
            followed stand for those who were not.

        References
        ----------
        Graf, E., Schmoor, C., Sauerbrei, W. and Schumacher, M. (1999). Assessment and
        comparison of prognostic classification schemes for survival data. Statistics in
        Medicine 18, 2529-2545.
        """
        followed = self.find_followed(term)
        is_gone = self.left & (self.n_known <= term)
        is_there = (self.n_known > term) | (~self.left & (self.n_known == term))
        own = followed[np.clip(self.n_known, 1, term) - 1]
        gone = np.divide(1.0, own, out=np.zeros(len(own)), where=is_gone & (own > 0))
        there = np.where(is_there, 1 / followed[-1] if followed[-1] > 0 else 0.0, 0.0)
        return gone, there

    def find_followed(self, n_terms: int) -> FloatArray:
        """Return the chance of being followed through each term.

        Parameters
        ----------
        n_terms : int
            How many terms.

        Returns
        -------
        numpy.ndarray of float, shape (n_terms,)
            Falling from term to term.
        """
        chances = []
        for term in range(1, n_terms + 1):
            might = (self.n_known >= term - 1) & ~(self.left & (self.n_known == term - 1))
            goes_on = might & (self.n_known >= term)
            chances.append(goes_on.sum() / max(might.sum(), 1))
        return np.cumprod(chances)


def measure_leaving(
    pupils: pd.DataFrame, risks: Mapping[str, FloatArray], spec: EvaluationSpec
) -> dict[str, Any]:
    """Measure the risks of having left by the end of each term.

    Parameters
    ----------
    pupils : pandas.DataFrame
        One row per pupil: `school_unit`, `n_known` (the last term of which it is known whether
        the pupil left, 0 for none) and `left` (whether in that term).
    risks : mapping of str to numpy.ndarray of float, shape (n, n_terms)
        By model, that of `COMMON` among them.
    spec : EvaluationSpec
        Level and the smallest count.

    Returns
    -------
    dict
        `terms`: for each term that can be shown its number, the share that had `left`, and by
        model under `models` the share that was `expected`, the `auc` of those who had left by
        then against those still there, the `brier` score and `brier_gain`, how much lower it is
        than with risks that are the same for everyone. `overall`: by model the mean of `auc`,
        `brier` and `brier_gain` over these terms. Terms that rest on too few pupils by
        themselves are left out.

    References
    ----------
    Uno, H., Cai, T., Tian, L. and Wei, L. J. (2007). Evaluating prediction rules for t-year
    survivors with censored regression models. Journal of the American Statistical Association
    102, 527-537.
    """
    left = pupils["left"].to_numpy(dtype=bool)
    followed = Followed(pupils["n_known"].to_numpy(dtype=np.int64), left)
    sample = make_sample(pupils.assign(risk=0.0, label=left.astype(np.float64)))
    n_terms = risks[COMMON].shape[1]
    shown = _find_shown(followed, n_terms, spec.minimum_count)
    shares = _measure_shares(followed, sample, n_terms)
    terms: list[dict[str, Any]] = []
    parts, reasons = [], []
    for term in shown:
        weights = followed.weigh(term)
        measured = {
            name: _measure(risk[:, term - 1], weights, sample) for name, risk in risks.items()
        }
        parts.append(measured)
        share = make_interval(*shares[term - 1], sample, level=spec.level, scale="logit")
        few = find_few_cases(*(int((weight > 0).sum()) for weight in weights))
        reasons.append(few)
        models = {
            name: _describe(one, measured[COMMON], sample, spec, few)
            | {"expected": float(risks[name][:, term - 1].mean())}
            for name, one in measured.items()
        }
        terms.append({"term": term, "left": share.to_dict(), "models": models})
    overall = {}
    if parts:
        means = {name: _average([one[name] for one in parts]) for name in risks}
        few = next((reason for reason in reasons if reason is not None), None)
        overall = {
            name: _describe(one, means[COMMON], sample, spec, few) for name, one in means.items()
        }
    return {"n_terms": n_terms, "terms": terms, "overall": overall}


def _find_shown(followed: Followed, n_terms: int, minimum_count: int) -> list[int]:
    """Return the terms whose figures, and steps from the term shown before, are not too small."""
    shown, last = [], 0
    for term in range(1, n_terms + 1):
        gone, there = followed.weigh(term)
        n_gone, n_there = int((gone > 0).sum()), int((there > 0).sum())
        if min(n_gone - last, n_there) >= minimum_count:
            shown.append(term)
            last = n_gone
    return shown


def _measure_shares(followed: Followed, sample: Sample, n_terms: int) -> list[Measured]:
    """Return the share that had left by each term, by the product of the terms' shares."""
    stayed, stayed_without = 1.0, np.ones(sample.n_units)
    found = []
    for term in range(1, n_terms + 1):
        begun = sample.add_up((followed.n_known >= term).astype(np.float64))
        ended = sample.add_up((followed.left & (followed.n_known == term)).astype(np.float64))
        stayed *= 1 - ended.sum() / max(begun.sum(), 1.0)
        stayed_without = stayed_without * (1 - leave_out(ended, begun))
        found.append((1 - stayed, 1 - stayed_without))
    return found


def _measure(
    risk: FloatArray, weights: tuple[FloatArray, FloatArray], sample: Sample
) -> dict[str, Measured]:
    """Return the measures of one model's risks at the end of one term."""
    gone, there = weights
    loss = sample.add_up(gone * (1 - risk) ** 2 + there * risk**2)
    count = sample.add_up(np.ones(len(risk)))
    return {
        "auc": measure_weighted_auc(risk, gone, there, sample.unit, sample.n_units),
        "brier": (float(loss.sum() / count.sum()), leave_out(loss, count)),
    }


def _average(parts: list[dict[str, Measured]]) -> dict[str, Measured]:
    """Return the means of measures over terms."""
    return {
        name: (
            float(np.mean([one[name][0] for one in parts])),
            np.mean([one[name][1] for one in parts], axis=0),
        )
        for name in parts[0]
    }


def _describe(
    one: dict[str, Measured],
    common: dict[str, Measured],
    sample: Sample,
    spec: EvaluationSpec,
    few: str | None,
) -> dict[str, Any]:
    """Return a model's measures with their intervals, the AUC without where cases are few."""
    gain = make_difference(common["brier"], one["brier"], sample, level=spec.level)
    figures: dict[str, Estimate] = {
        name: make_interval(*measured, sample, level=spec.level, scale="logit")
        for name, measured in one.items()
    }
    if few is not None:
        figures["auc"] = Estimate(one["auc"][0], reason=few)
    return {name: figure.to_dict() for name, figure in (figures | {"brier_gain": gain}).items()}
