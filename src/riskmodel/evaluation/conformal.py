"""Sets of outcomes that hold the true one as often as asked, in every group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.privacy.disclosure import is_small

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

COMPLETES = "completes"
NOT = "does_not_complete"
EITHER = "either"
NEITHER = "neither"


@dataclass(frozen=True, eq=False)
class ConformalSets:
    """The outcomes that remain possible, and how often such sets held the true one.

    Parameters
    ----------
    outcomes : numpy.ndarray of str, shape (n,)
        ``completes``, ``does_not_complete``, ``either`` (the model cannot tell) or
        ``neither`` (unlike earlier pupils with either outcome); missing where the group has
        too few earlier pupils.
    coverage : tuple of dict
        For each group `group`, `coverage` (the share of earlier pupils whose set, made
        without their school, held the outcome; null with its `reason` where too few) and
        `share_undecided` (sets that hold both outcomes). A share that would give away a small
        count is null.
    level : float
        The coverage asked for.
    """

    outcomes: npt.NDArray[np.object_]
    coverage: tuple[dict[str, Any], ...]
    level: float


def find_conformal_sets(
    rows: pd.DataFrame,
    risk: FloatArray,
    groups: pd.Series,
    *,
    level: float,
    minimum_count: int,
) -> ConformalSets:
    """Find for each risk the outcomes that cannot be ruled out.

    Parameters
    ----------
    rows : pandas.DataFrame
        Test rows of one model at one prediction point: `risk` in [0, 1], `label` (1 = did
        not complete, 0 = completed, missing = not known), `school_unit` and `group`.
    risk : numpy.ndarray of float, shape (n,)
        The risks of the pupils to be judged.
    groups : pandas.Series of shape (n,)
        Their groups; a missing one is a group of its own.
    level : float
        The share of sets that are to hold the true outcome, within each group.
    minimum_count : int
        The fewest earlier pupils of a group with each outcome that its sets rest on.

    Returns
    -------
    ConformalSets
        One set for each risk, and the coverage of each group.

    Notes
    -----
    An outcome is ruled out whose score, one less its predicted probability, is above the
    ``ceil((n + 1) level)``-th smallest score of the n earlier pupils of the group. If the
    pupils of a group are exchangeable, the sets hold the true outcome with at least the
    probability asked for. Coverage is measured by leaving each school out.

    References
    ----------
    Vovk, V., Gammerman, A. and Shafer, G. (2005). Algorithmic Learning in a Random World.
    Springer. Section 4.5 (Mondrian predictors).
    """
    known = rows[rows["label"].notna()]
    names = known["group"].astype("object").where(known["group"].notna(), None)
    wanted = groups.astype("object").where(groups.notna(), None).to_numpy()
    outcomes = np.full(len(risk), None, dtype=object)
    coverage = []
    for name in sorted(set(names) | set(wanted), key=lambda one: (one is None, str(one))):
        members = known[_is_group(names.to_numpy(), name)]
        label = members["label"].to_numpy(dtype=np.float64)
        here = _is_group(wanted, name)
        if min((label == 1).sum(), (label == 0).sum()) < minimum_count:
            coverage.append({"group": name, "coverage": None, "reason": "too_few"})
            continue
        past = members["risk"].to_numpy(dtype=np.float64)
        scores = _score_true(past, label)
        outcomes[here] = _name_sets(risk[here], _find_threshold(scores, level))
        coverage.append({"group": name, **_measure_coverage(members, scores, level, minimum_count)})
    return ConformalSets(outcomes, tuple(coverage), level)


def _is_group(names: npt.NDArray[np.object_], name: str | None) -> BoolArray:
    """Return which rows belong to a group."""
    return np.array([one == name for one in names], dtype=bool)


def _score_true(risk: FloatArray, label: FloatArray) -> FloatArray:
    """Return one less the probability of the true outcome."""
    return np.where(label == 1, 1 - risk, risk)


def _find_threshold(scores: FloatArray, level: float) -> float:
    """Return the score above which an outcome is ruled out."""
    position = int(np.ceil((len(scores) + 1) * level - 1e-9))
    return float(np.sort(scores)[position - 1]) if position <= len(scores) else np.inf


def _name_sets(risk: FloatArray, threshold: float) -> npt.NDArray[np.object_]:
    """Return which outcomes remain for each risk."""
    may_not, may_complete = 1 - risk <= threshold, risk <= threshold
    names = np.where(may_not, NOT, np.where(may_complete, COMPLETES, NEITHER)).astype(object)
    names[may_not & may_complete] = EITHER
    return np.asarray(names, dtype=object)


def _measure_coverage(
    members: pd.DataFrame, scores: FloatArray, level: float, minimum_count: int
) -> dict[str, Any]:
    """Return how often sets made without a school held the outcomes of its pupils."""
    schools = pd.factorize(members["school_unit"])[0]
    if len(np.unique(schools)) < 2:
        return {"coverage": None, "reason": "one_school"}
    risk = members["risk"].to_numpy(dtype=np.float64)
    held = np.zeros(len(scores), dtype=bool)
    undecided = np.zeros(len(scores), dtype=bool)
    for school in np.unique(schools):
        own = schools == school
        threshold = _find_threshold(scores[~own], level)
        held[own] = scores[own] <= threshold
        undecided[own] = (risk[own] <= threshold) & (1 - risk[own] <= threshold)
    return {
        name: None
        if is_small(int(min(found.sum(), (~found).sum())), minimum_count)
        else round(float(found.mean()), 2)
        for name, found in (("coverage", held), ("share_undecided", undecided))
    }
