"""The search for a few conditions that together predict best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from riskmodel.models.conditions import Conditions
from riskmodel.models.solver import fit_penalised

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_CANDIDATES = 8
_STRENGTH = 100.0
_TOLERANCE = 1e-6
_SWAP_ROUNDS = 3
_POOL = 10


@dataclass(frozen=True, eq=False)
class SparseSet:
    """Some conditions with coefficients fitted to them.

    Parameters
    ----------
    numbers : tuple of int
        The conditions, ascending.
    patterns : numpy.ndarray of int, shape (n,)
        Which combination of the conditions each row has.
    table : numpy.ndarray of float, shape (n_patterns, n_conditions)
        The combinations that occur, as 0 and 1.
    successes, trials : numpy.ndarray of float, shape (n_patterns,)
        The rows of each combination.
    coefficients : numpy.ndarray of float, shape (n_conditions,)
        In log-odds.
    intercept : float
        In log-odds.
    loss : float
        The mean log loss.
    """

    numbers: tuple[int, ...]
    patterns: IntArray
    table: FloatArray
    successes: FloatArray
    trials: FloatArray
    coefficients: FloatArray
    intercept: float
    loss: float

    @classmethod
    def start(cls, y: FloatArray) -> Self:
        """Return the set of no condition.

        Parameters
        ----------
        y : numpy.ndarray of float, shape (n,)
            1 for the outcome, 0 without.

        Returns
        -------
        SparseSet
            Everyone has the same risk.
        """
        patterns = np.zeros(len(y), dtype=np.int64)
        return cls._fit((), patterns, np.zeros((1, 0)), y, np.zeros(0, dtype=np.int64))

    @classmethod
    def _fit(
        cls,
        numbers: tuple[int, ...],
        patterns: IntArray,
        table: FloatArray,
        y: FloatArray,
        signs: IntArray,
        start: tuple[FloatArray, float] | None = None,
    ) -> Self:
        """Return a set with fitted coefficients; a row's combination is all that counts."""
        trials = np.bincount(patterns, minlength=len(table)).astype(np.float64)
        successes = np.bincount(patterns, weights=y, minlength=len(table)).astype(np.float64)
        coefficients, intercept = fit_penalised(
            table, successes, trials, strength=_STRENGTH, start=start, tolerance=_TOLERANCE,
            lower=np.where(signs > 0, 0.0, -np.inf),
        )  # fmt: skip
        log_odds = table @ coefficients + intercept
        loss = trials * np.logaddexp(0, log_odds) - successes * log_odds
        return cls(
            numbers, patterns, table, successes, trials, coefficients, intercept,
            float(loss.sum() / len(y)),
        )  # fmt: skip

    def add(self, number: int, conditions: Conditions, y: FloatArray) -> Self:
        """Return the set with one more condition, fitted anew.

        Parameters
        ----------
        number : int
            The condition.
        conditions : Conditions
            All of them.
        y : numpy.ndarray of float, shape (n,)
            1 for the outcome, 0 without.

        Returns
        -------
        SparseSet
            Its conditions in order.
        """
        both = self.patterns * 2 + conditions.holds(number)
        occurs = np.bincount(both, minlength=2 * len(self.table)) > 0
        kept = np.flatnonzero(occurs)
        patterns = (np.cumsum(occurs) - 1)[both]
        table = np.column_stack([self.table[kept // 2], kept % 2])
        order = np.argsort([*self.numbers, number])
        numbers = tuple(int(one) for one in np.array([*self.numbers, number])[order])
        start = np.append(self.coefficients, 0.0)[order]
        return self._fit(
            numbers, patterns, table[:, order], y, conditions.signs[list(numbers)],
            (start, self.intercept),
        )  # fmt: skip

    def remove(self, position: int, conditions: Conditions, y: FloatArray) -> Self:
        """Return the set without one of its conditions, fitted anew.

        Parameters
        ----------
        position : int
            Its place in `numbers`.
        conditions : Conditions
            All of them.
        y : numpy.ndarray of float, shape (n,)
            1 for the outcome, 0 without.

        Returns
        -------
        SparseSet
            Of the others.
        """
        table, joined = np.unique(np.delete(self.table, position, 1), axis=0, return_inverse=True)
        numbers = tuple(np.delete(self.numbers, position).tolist())
        start = (np.delete(self.coefficients, position), self.intercept)
        signs = conditions.signs[list(numbers)]
        return self._fit(numbers, joined.ravel()[self.patterns], table, y, signs, start)

    def rank(self, conditions: Conditions, y: FloatArray, count: int) -> list[int]:
        """Return the conditions that would lower the loss most, by one Newton step each.

        Parameters
        ----------
        conditions : Conditions
            All of them.
        y : numpy.ndarray of float, shape (n,)
            1 for the outcome, 0 without.
        count : int
            How many.

        Returns
        -------
        list of int
            The most promising first; none that is in the set or would need a forbidden sign.
        """
        risk = expit(self.table @ self.coefficients + self.intercept)[self.patterns]
        slope = conditions.add_up(y - risk)
        curvature = conditions.add_up(risk * (1 - risk))
        gain = slope**2 / np.maximum(curvature, 1e-9)
        gain[(conditions.signs > 0) & (slope <= 0)] = 0.0
        gain[list(self.numbers)] = 0.0
        order = np.argsort(-gain, kind="stable")[:count]
        return [int(number) for number in order if gain[number] > 1e-9]


def find_sparse_sets(
    conditions: Conditions, y: FloatArray, *, n_terms: int, beam_width: int, gap: float
) -> list[SparseSet]:
    """Search for the sets of a few conditions that predict best.

    Parameters
    ----------
    conditions : Conditions
        What a set may hold.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    n_terms : int
        The most conditions of a set.
    beam_width : int
        How many sets are carried on when one is added.
    gap : float
        Sets whose log loss is higher than the best one's by at most this share are kept.

    Returns
    -------
    list of SparseSet
        The best first, at most 10, all different. The best one has been through up to three
        rounds of swaps of one condition for one of the 8 most promising.

    References
    ----------
    Liu, J. et al. (2022). FasterRisk: fast and accurate interpretable risk scores. NeurIPS.
    """
    beam = [SparseSet.start(y)]
    for _ in range(n_terms):
        grown: dict[tuple[int, ...], SparseSet] = {}
        for one in beam:
            for number in one.rank(conditions, y, _CANDIDATES):
                if tuple(sorted((*one.numbers, number))) not in grown:
                    added = one.add(number, conditions, y)
                    grown[added.numbers] = added
        if not grown:
            break
        beam = sorted(grown.values(), key=lambda one: (one.loss, one.numbers))[:beam_width]
    return _improve(beam, conditions, y, gap)


def _improve(
    beam: list[SparseSet], conditions: Conditions, y: FloatArray, gap: float
) -> list[SparseSet]:
    """Swap conditions of the best set while that helps, and keep what is nearly as good."""
    pool = {one.numbers: one for one in beam}
    best = beam[0]
    for _ in range(_SWAP_ROUNDS):
        for position in range(len(best.numbers)):
            rest = best.remove(position, conditions, y)
            for number in rest.rank(conditions, y, _CANDIDATES):
                if tuple(sorted((*rest.numbers, number))) not in pool:
                    swapped = rest.add(number, conditions, y)
                    pool[swapped.numbers] = swapped
        first = min(pool.values(), key=lambda one: (one.loss, one.numbers))
        if first.numbers == best.numbers:
            break
        best = first
    limit = best.loss * (1 + gap)
    good = [one for one in pool.values() if one.loss <= limit]
    return sorted(good, key=lambda one: (one.loss, one.numbers))[:_POOL]
