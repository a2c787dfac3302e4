"""From coefficients to whole-number points, and to the risk of each sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from riskmodel.models.conditions import Condition, Conditions
from riskmodel.models.sparse_search import SparseSet

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SCALES = 12
_MOST_ROUNDS = 30
_MOST_STEPS = 25
_RIDGE = 1e-4
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Card:
    """One card: lines with points, and how a sum becomes log-odds.

    Parameters
    ----------
    conditions : tuple of Condition
        The lines.
    points : tuple of int
        Of each line, none of them 0.
    slope, intercept : float
        The log-odds are the slope times the sum of the points, and the intercept.
    loss : float
        The mean log loss on the training rows.
    """

    conditions: tuple[Condition, ...]
    points: tuple[int, ...]
    slope: float
    intercept: float
    loss: float


def find_cards(
    conditions: Conditions,
    y: FloatArray,
    sets: Sequence[SparseSet],
    *,
    max_points: int,
    gap: float,
) -> list[Card]:
    """Round the coefficients of sets of conditions to points.

    Parameters
    ----------
    conditions : Conditions
        What the sets' numbers stand for.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    sets : sequence of SparseSet
        At least one.
    max_points : int
        The most points of a line, up or down.
    gap : float
        Cards whose log loss is higher than the best one's by at most this share are kept.

    Returns
    -------
    list of Card
        The best first, all different.
    """
    cards: dict[tuple[tuple[Condition, ...], tuple[int, ...]], Card] = {}
    for one in sets:
        points, slope, intercept, loss = _round(one, conditions.signs, max_points)
        used = np.flatnonzero(points)
        own = tuple(conditions.conditions[one.numbers[at]] for at in used)
        card = Card(own, tuple(int(p) for p in points[used]), slope, intercept, loss / len(y))
        cards[own, card.points] = card
    ordered = sorted(cards.values(), key=lambda card: card.loss)
    return [card for card in ordered if card.loss <= ordered[0].loss * (1 + gap)]


def _round(
    one: SparseSet, signs: IntArray, max_points: int
) -> tuple[IntArray, float, float, float]:
    """Return the whole numbers with the lowest loss, from several scales of the coefficients."""
    largest = float(np.abs(one.coefficients).max(initial=0.0))
    lowest = np.where(signs[list(one.numbers)] > 0, 0, -max_points)
    tried: dict[tuple[int, ...], tuple[float, float, float]] = {}
    scales = np.linspace(1.0, max_points, _SCALES) / largest if largest > 0 else np.zeros(1)
    for scale in scales:
        start = np.clip(np.round(one.coefficients * scale), lowest, max_points)
        _descend(one, start.astype(np.int64), lowest, max_points, tried)
    best = min(tried, key=lambda points: (tried[points][2], points))
    slope, intercept, loss = tried[best]
    points = np.array(best, dtype=np.int64)
    divisor = int(np.gcd.reduce(points)) if points.any() else 1
    return points // max(divisor, 1), slope * max(divisor, 1), intercept, loss


def _descend(
    one: SparseSet,
    points: IntArray,
    lowest: IntArray,
    max_points: int,
    tried: dict[tuple[int, ...], tuple[float, float, float]],
) -> None:
    """Change single points by one while that lowers the loss; all that is tried is noted."""
    steps = np.vstack([np.eye(len(points), dtype=np.int64), -np.eye(len(points), dtype=np.int64)])
    (current,) = _measure(one, points[np.newaxis], tried)
    for _ in range(_MOST_ROUNDS):
        near = points + steps
        near = near[((near >= lowest) & (near <= max_points)).all(axis=1)]
        losses = _measure(one, near, tried)
        best = int(np.argmin(losses))
        if losses[best] >= current - 1e-9:
            return
        current, points = losses[best], near[best]


def _measure(
    one: SparseSet, points: IntArray, tried: dict[tuple[int, ...], tuple[float, float, float]]
) -> FloatArray:
    """Return the log loss of each row of points, slope and intercept fitted to its sums."""
    keys = [tuple(int(value) for value in row) for row in points]
    new = [at for at, key in enumerate(keys) if key not in tried]
    if new:
        fitted = _fit_lines(one.table @ points[new].T, one.successes, one.trials)
        for at, slope, intercept, loss in zip(
            new, *(part.tolist() for part in fitted), strict=True
        ):
            tried[keys[at]] = (slope, intercept, loss)
    return np.array([tried[key][2] for key in keys])


def _fit_lines(
    totals: FloatArray, successes: FloatArray, trials: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit slope and intercept to several columns of sums at once, by Newton's method.

    A sum rises with the risk: where a slope would be negative it is 0.
    """
    rate = np.clip(successes.sum() / trials.sum(), 1e-9, 1 - 1e-9)
    level = float(np.log(rate / (1 - rate)))
    slope, intercept = np.zeros(totals.shape[1]), np.full(totals.shape[1], level)
    weights, hits = trials[:, np.newaxis], successes[:, np.newaxis]
    for _ in range(_MOST_STEPS):
        risk = expit(totals * slope + intercept)
        excess, spread = weights * risk - hits, weights * risk * (1 - risk)
        first, second = (excess * totals).sum(axis=0) + _RIDGE * slope, excess.sum(axis=0)
        a = (spread * totals**2).sum(axis=0) + _RIDGE
        b, c = (spread * totals).sum(axis=0), spread.sum(axis=0) + _RIDGE
        size = a * c - b * b
        steps = (c * first - b * second) / size, (a * second - b * first) / size
        slope = np.clip(slope - np.clip(steps[0], -2, 2), 0.0, None)
        intercept = intercept - np.clip(steps[1], -5, 5)
        if max(np.abs(step).max(initial=0.0) for step in steps) < _TOLERANCE:
            break
    flat = slope <= 0
    intercept = np.where(flat, level, intercept)
    log_odds = totals * slope + intercept
    loss = (weights * np.logaddexp(0, log_odds) - hits * log_odds).sum(axis=0)
    return slope, intercept, loss
