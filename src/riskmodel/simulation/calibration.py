"""Solve the intercepts under which the region has the published margins.

The equations are solved on a sample of pupils of the region itself, with expected values in
place of drawn outcomes: everything is smooth in the coefficients, and no outcome is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr

from riskmodel.core.randomness import make_generator
from riskmodel.simulation.diploma import is_born_abroad
from riskmodel.simulation.geography import FloatArray, IntArray, Region
from riskmodel.simulation.latent import Pupils, draw_pupils
from riskmodel.simulation.parameters import (
    EDUCATION,
    MIGRATION,
    SEX,
    Margins,
    Parameters,
    Published,
)
from riskmodel.simulation.performance import (
    CORE,
    FINAL_TERM,
    YEAR_6_TERM,
    PerformanceModel,
    background_performance,
    eligibility_risk,
    pass_probabilities,
    progress_by,
    subject_performance,
    subject_position,
    turn,
)

_SAMPLE = 40_000
_ROUNDS = 80
_TOLERANCE = 1e-4
_PERFORMANCE_PER_LOGIT = 0.45
_WIDEST_TURN = 1.5
_BRACKET = 8.0


@dataclass(frozen=True)
class CalibrationSample:
    """Pupils of the region that no extract holds, to solve equations on.

    Parameters
    ----------
    pupils : Pupils
        Background and latent traits.
    sex : numpy.ndarray of int
        Position in `SEX`.
    abroad : numpy.ndarray of int
        1 for those born abroad.
    """

    pupils: Pupils
    sex: IntArray
    abroad: IntArray


def draw_sample(
    region: Region, parameters: Parameters, margins: Margins, *, random_state: int
) -> CalibrationSample:
    """Draw the pupils that the equations are solved on.

    Parameters
    ----------
    region : Region
        Its places and school effects.
    parameters : Parameters
        Design choices.
    margins : Margins
        Published margins.
    random_state : int
        The run's seed.

    Returns
    -------
    CalibrationSample
        The same for the same seed.
    """
    rng = make_generator(random_state, "simulation", "calibration")
    number = np.arange(_SAMPLE)
    pupils = draw_pupils(rng, number, np.full(_SAMPLE, 2000), region, parameters, margins)
    return CalibrationSample(
        pupils, pupils.boy.astype(np.int64), is_born_abroad(pupils).astype(int)
    )


def shifted_targets(
    published: Published, groups: tuple[str, ...], shares: FloatArray, total: float
) -> FloatArray:
    """Return published rates moved by one step of log-odds to a given total.

    Parameters
    ----------
    published : Published
        Rates by group.
    groups : tuple of str
        Their order.
    shares : numpy.ndarray of float, shape (k,)
        Sizes of the groups, adding up to 1.
    total : float
        The rate that all groups together must have.

    Returns
    -------
    numpy.ndarray of float, shape (k,)
        Rates in [0, 1].

    Examples
    --------
    >>> sexes = Published(values={"Kvinna": 0.1, "Man": 0.2}, source="example")
    >>> shifted_targets(sexes, ("Kvinna", "Man"), np.array([0.5, 0.5]), 0.15).round(6).tolist()
    [0.1, 0.2]
    """
    rates = np.array([published.share(group) for group in groups])
    step = brentq(lambda x: shares @ expit(logit(rates) + x) - total, -_BRACKET, _BRACKET)
    return np.asarray(expit(logit(rates) + step))


def solve_performance(
    sample: CalibrationSample, parameters: Parameters, margins: Margins
) -> PerformanceModel:
    """Solve the coefficients of performance.

    Parameters
    ----------
    sample : CalibrationSample
        Pupils to solve on.
    parameters : Parameters
        Design choices.
    margins : Margins
        Rates of not being eligible by background, and how F lasts from year 6.

    Returns
    -------
    PerformanceModel
        With which the expected margins are the published ones.
    """
    choices = parameters.performance
    turns = np.full(len(choices.subjects), choices.subject_turn)
    start = PerformanceModel(1.5, 0.0, np.zeros(3), np.zeros(3), 0.0, turns)
    final = _solve_background(sample, start, parameters, margins)
    # The early shift and the turns bear on one another, weakly: two rounds are enough.
    for _ in range(2):
        final = _solve_early_shift(sample, final, parameters, margins)
        final = _solve_turns(sample, final, parameters, margins)
    return final


def logit_gap(rate: FloatArray, target: FloatArray) -> FloatArray:
    """Return how far rates lie under their targets, on the log-odds scale.

    Parameters
    ----------
    rate, target : numpy.ndarray of float, shape (k,)
        Inside (0, 1).

    Returns
    -------
    numpy.ndarray of float, shape (k,)
        Positive where a rate is too low.
    """
    return np.asarray(logit(target) - logit(rate))


def group_rates(group: IntArray, weight: FloatArray, risk: FloatArray) -> FloatArray:
    """Return the mean risk in each group.

    Parameters
    ----------
    group : numpy.ndarray of int, shape (n,)
        Positions from 0; each occurs.
    weight, risk : numpy.ndarray of float, shape (n,)
        Weights, and risks in [0, 1].

    Returns
    -------
    numpy.ndarray of float, shape (k,)
        Weighted means.
    """
    total = np.bincount(group, weights=weight)
    return np.asarray(np.bincount(group, weights=weight * risk) / total)


def _solve_background(
    sample: CalibrationSample, model: PerformanceModel, parameters: Parameters, margins: Margins
) -> PerformanceModel:
    """Solve intercept, sex, parental education and migration background together."""
    pupils, total = sample.pupils, margins.not_eligible["total"].share()
    ones = np.ones(len(pupils))
    groups = {
        "sex": sample.sex,
        "parental_education": pupils.education,
        "migration_background": pupils.migration,
    }
    names = {"sex": SEX, "parental_education": EDUCATION, "migration_background": MIGRATION}
    targets = {
        key: shifted_targets(
            margins.not_eligible[key], names[key], np.bincount(group) / len(pupils), total
        )
        for key, group in groups.items()
    }
    rest = subject_performance(pupils, model, parameters, FINAL_TERM)
    rest -= background_performance(pupils, model)[:, None]
    for _ in range(_ROUNDS):
        performance = rest + background_performance(pupils, model)[:, None]
        passing = ndtr(performance / parameters.performance.noise)
        risk = eligibility_risk(passing, parameters.performance)
        steps = {
            key: -_PERFORMANCE_PER_LOGIT * logit_gap(group_rates(group, ones, risk), targets[key])
            for key, group in groups.items()
        }
        level = -_PERFORMANCE_PER_LOGIT * float(logit(total) - logit(risk.mean()))
        if max(np.abs(step).max() for step in steps.values()) < _TOLERANCE:
            break
        model = replace(
            model,
            intercept=model.intercept + level,
            boy=model.boy + float(steps["sex"][1] - steps["sex"][0]),
            education=model.education + steps["parental_education"] - level,
            migration=model.migration + steps["migration_background"] - level,
        )
    return model


def _solve_early_shift(
    sample: CalibrationSample, model: PerformanceModel, parameters: Parameters, margins: Margins
) -> PerformanceModel:
    """Solve how much better pupils do in year 6, from the share with any F there."""
    wanted = margins.fails_year_6.share()
    unshifted = replace(model, early_shift=0.0)
    performance = subject_performance(sample.pupils, unshifted, parameters, YEAR_6_TERM)
    there = sample.pupils.arrival_grade == sample.pupils.arrival_grade.min()
    performance = np.where(np.isinf(performance), np.inf, performance)[there]
    fading = 1 - progress_by(YEAR_6_TERM)

    def miss(shift: float) -> float:
        passing = ndtr((performance + shift * fading) / parameters.performance.noise)
        return float(1 - passing.prod(axis=1).mean() - wanted)

    return replace(model, early_shift=brentq(miss, -_BRACKET, _BRACKET, xtol=_TOLERANCE))


def _solve_turns(
    sample: CalibrationSample, model: PerformanceModel, parameters: Parameters, margins: Margins
) -> PerformanceModel:
    """Solve how far aptness in the core subjects turns, from the lasting of F."""
    pupils, choices = sample.pupils, parameters.performance
    there = pupils.arrival_grade == pupils.arrival_grade.min()
    final = 1 - pass_probabilities(pupils, model, parameters, FINAL_TERM)[there]
    early = subject_performance(pupils, model, parameters, YEAR_6_TERM)[there]
    turns = model.turns.copy()
    for code in CORE:
        at = subject_position(choices, code)
        traits = (pupils.subject_late[there, at], pupils.subject_early[there, at])
        weight = choices.subjects[code].aptness
        rest = early[:, at] - weight * turn(*traits, turns[at], YEAR_6_TERM)
        lasting = _lasting_of(rest, weight, traits, final[:, at], choices.noise)
        turns[at] = _solve_angle(lasting, margins.persistence.share(code))
    return replace(model, turns=turns)


def _lasting_of(
    rest: FloatArray,
    weight: float,
    traits: tuple[FloatArray, FloatArray],
    final_fail: FloatArray,
    noise: float,
) -> Callable[[float], float]:
    """Return the share of F in year 6 that is F in year 9, as a function of the angle."""

    def lasting(angle: float) -> float:
        performance = rest + weight * turn(*traits, angle, YEAR_6_TERM)
        fail = 1 - ndtr(performance / noise)
        return float((fail * final_fail).sum() / fail.sum())

    return lasting


def _solve_angle(lasting: Callable[[float], float], wanted: float) -> float:
    """Return the angle with the wanted share, or the end of the range that comes closest."""
    if lasting(0.0) <= wanted:
        return 0.0
    if lasting(_WIDEST_TURN) >= wanted:
        return _WIDEST_TURN
    return float(brentq(lambda angle: lasting(angle) - wanted, 0.0, _WIDEST_TURN, xtol=_TOLERANCE))
