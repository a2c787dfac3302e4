"""Solve the intercepts under which the region has the published margins.

The equations are solved on a sample of pupils of the region itself, with expected values in
place of drawn outcomes: everything is smooth in the coefficients, and no outcome is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from riskmodel.core.randomness import make_generator
from riskmodel.simulation.diploma import (
    INTRODUCTORY,
    PREPARATORY,
    VOCATIONAL,
    DiplomaModel,
    diploma_risk,
    is_born_abroad,
    preparatory_chance,
)
from riskmodel.simulation.geography import FloatArray, IntArray, Region
from riskmodel.simulation.latent import Pupils, draw_pupils
from riskmodel.simulation.parameters import EDUCATION, MIGRATION, SEX, Margins, Parameters, Published
from riskmodel.simulation.performance import (
    CORE,
    FINAL_TERM,
    YEAR_6_TERM,
    PerformanceModel,
    eligibility_risk,
    general_performance,
    pass_probabilities,
    subject_position,
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
    return CalibrationSample(pupils, pupils.boy.astype(np.int64), is_born_abroad(pupils).astype(int))


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


def solve_diploma(
    sample: CalibrationSample, performance: PerformanceModel, parameters: Parameters, margins: Margins
) -> DiplomaModel:
    """Solve the coefficients of upper secondary school.

    Parameters
    ----------
    sample : CalibrationSample
        Pupils to solve on.
    performance : PerformanceModel
        As solved before.
    parameters : Parameters
        Design choices.
    margins : Margins
        Programme mix, and rates of no diploma.

    Returns
    -------
    DiplomaModel
        With which the expected margins are the published ones.
    """
    pupils = sample.pupils
    passing = pass_probabilities(pupils, performance, parameters, FINAL_TERM)
    ineligible = eligibility_risk(passing, parameters.performance)
    level = general_performance(pupils, performance, parameters.performance, FINAL_TERM)
    mix = np.array([margins.programmes.share(kind) for kind in ("introductory", "preparatory")])
    mix = mix / sum(margins.programmes.values.values())
    start_share = (mix[0] / (1 - mix[0])) * (1 - ineligible).mean() / ineligible.mean()
    model = DiplomaModel(
        float(level.mean()), float(level.std()), 0.0, float(start_share), -1.5, 2.0, 0.0, 0.0, np.zeros(3)
    )
    choices = parameters.upper_secondary
    wanted = mix[1] / (1 - mix[0])

    def miss(value: float) -> float:
        chance = preparatory_chance(pupils, level, replace(model, preparatory=value), choices)
        return float(np.average(chance, weights=1 - ineligible) - wanted)

    model = replace(model, preparatory=brentq(miss, -_BRACKET, _BRACKET))
    preparatory = preparatory_chance(pupils, level, model, choices)
    weights = np.column_stack(
        [
            ineligible * model.start_introductory,
            (1 - ineligible) * (1 - preparatory),
            (1 - ineligible) * preparatory,
        ]
    )
    return _solve_diploma_background(sample, level, weights, model, parameters, margins)


def _step(rate: FloatArray, target: FloatArray) -> FloatArray:
    """Return how far rates lie under their targets, on the log-odds scale."""
    return np.asarray(logit(target) - logit(rate))


def _group_rates(group: IntArray, weight: FloatArray, risk: FloatArray) -> FloatArray:
    """Return the mean risk in each group."""
    total = np.bincount(group, weights=weight)
    return np.asarray(np.bincount(group, weights=weight * risk) / total)


def _solve_background(
    sample: CalibrationSample, model: PerformanceModel, parameters: Parameters, margins: Margins
) -> PerformanceModel:
    """Solve intercept, sex, parental education and migration background together."""
    pupils, total = sample.pupils, margins.not_eligible["total"].share()
    ones = np.ones(len(pupils))
    groups = {"sex": sample.sex, "parental_education": pupils.education, "migration_background": pupils.migration}
    names = {"sex": SEX, "parental_education": EDUCATION, "migration_background": MIGRATION}
    targets = {
        key: shifted_targets(
            margins.not_eligible[key], names[key], np.bincount(group) / len(pupils), total
        )
        for key, group in groups.items()
    }
    for _ in range(_ROUNDS):
        passing = pass_probabilities(pupils, model, parameters, FINAL_TERM)
        risk = eligibility_risk(passing, parameters.performance)
        steps = {
            key: -_PERFORMANCE_PER_LOGIT * _step(_group_rates(group, ones, risk), targets[key])
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
    last = subject_position(parameters.performance, "M2")
    there = sample.pupils.arrival_grade == sample.pupils.arrival_grade.min()

    def miss(shift: float) -> float:
        shifted = replace(model, early_shift=shift)
        passing = pass_probabilities(sample.pupils, shifted, parameters, YEAR_6_TERM)
        passing[:, last][sample.pupils.language == ""] = 1.0
        return float(1 - passing[there].prod(axis=1).mean() - wanted)

    return replace(model, early_shift=brentq(miss, -_BRACKET, _BRACKET, xtol=_TOLERANCE))


def _solve_turns(
    sample: CalibrationSample, model: PerformanceModel, parameters: Parameters, margins: Margins
) -> PerformanceModel:
    """Solve how far aptness in the core subjects turns, from the lasting of F."""
    there = sample.pupils.arrival_grade == sample.pupils.arrival_grade.min()
    final = pass_probabilities(sample.pupils, model, parameters, FINAL_TERM)[there]
    turns = model.turns.copy()
    for code in CORE:
        at = subject_position(parameters.performance, code)

        def miss(angle: float, at: int = at, code: str = code) -> float:
            tried = model.turns.copy()
            tried[at] = angle
            early = pass_probabilities(
                sample.pupils, replace(model, turns=tried), parameters, YEAR_6_TERM
            )[there]
            fails = 1 - early[:, at]
            lasting = (fails * (1 - final[:, at])).sum() / fails.sum()
            return float(lasting - margins.persistence.share(code))

        turns[at] = _root_or_edge(miss, 0.0, _WIDEST_TURN)
    return replace(model, turns=turns)


def _root_or_edge(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root, or the end of the range that comes closest to one."""
    at_low, at_high = function(low), function(high)
    if at_low * at_high > 0:
        return low if abs(at_low) < abs(at_high) else high
    return float(brentq(function, low, high, xtol=_TOLERANCE))


def _solve_diploma_background(
    sample: CalibrationSample,
    level: FloatArray,
    weights: FloatArray,
    model: DiplomaModel,
    parameters: Parameters,
    margins: Margins,
) -> DiplomaModel:
    """Solve intercept, introductory programmes, sex, education and birthplace together."""
    pupils, weight = sample.pupils, weights.sum(axis=1)
    published, total = margins.no_diploma, margins.no_diploma["total"].share()
    groups = {"sex": sample.sex, "parental_education": pupils.education, "birthplace": sample.abroad}
    names = {"sex": SEX, "parental_education": EDUCATION, "birthplace": ("Sverige", "utomlands")}
    targets = {
        key: shifted_targets(
            published[key], names[key], np.bincount(group, weights=weight) / weight.sum(), total
        )
        for key, group in groups.items()
    }
    kinds = (INTRODUCTORY, VOCATIONAL, PREPARATORY)
    choices = parameters.upper_secondary
    for _ in range(_ROUNDS):
        by_kind = np.column_stack(
            [diploma_risk(pupils, level, kind, 0.0, model, choices) for kind in kinds]
        )
        risk = (by_kind * weights).sum(axis=1) / weight
        introductory = np.average(by_kind[:, INTRODUCTORY], weights=weights[:, INTRODUCTORY])
        steps = {
            key: _step(_group_rates(group, weight, risk), targets[key])
            for key, group in groups.items()
        }
        level_step = float(logit(total) - logit(np.average(risk, weights=weight)))
        kind_step = float(logit(published["introductory"].share()) - logit(introductory))
        moves = [*(np.abs(step).max() for step in steps.values()), abs(kind_step)]
        if max(moves) < _TOLERANCE:
            break
        model = replace(
            model,
            intercept=model.intercept + level_step,
            introductory=model.introductory + kind_step - level_step,
            boy=model.boy + float(steps["sex"][1] - steps["sex"][0]),
            abroad=model.abroad + float(steps["birthplace"][1] - steps["birthplace"][0]),
            education=model.education + steps["parental_education"] - level_step,
        )
    return model
