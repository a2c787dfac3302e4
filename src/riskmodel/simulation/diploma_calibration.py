"""Solve the intercepts of upper secondary school from the published margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import logit

from riskmodel.core.randomness import make_generator
from riskmodel.simulation.calibration import (
    CalibrationSample,
    group_rates,
    logit_gap,
    shifted_targets,
)
from riskmodel.simulation.diploma import (
    INTRODUCTORY,
    KINDS,
    PREPARATORY,
    VOCATIONAL,
    DiplomaModel,
    diploma_risk,
    draw_upper_schools,
    preparatory_chance,
)
from riskmodel.simulation.geography import FloatArray, Region
from riskmodel.simulation.latent import Pupils
from riskmodel.simulation.parameters import (
    EDUCATION,
    SEX,
    Margins,
    Parameters,
    UpperSecondaryChoices,
)
from riskmodel.simulation.performance import (
    FINAL_TERM,
    PerformanceModel,
    eligibility_risk,
    general_performance,
    pass_probabilities,
)

_ROUNDS = 80
_TOLERANCE = 1e-4
_BRACKET = 8.0
_GROUPS = {
    "sex": SEX,
    "parental_education": EDUCATION,
    "birthplace": ("Sverige", "utomlands"),
}


def solve_diploma(
    sample: CalibrationSample,
    region: Region,
    performance: PerformanceModel,
    parameters: Parameters,
    margins: Margins,
    *,
    random_state: int,
) -> DiplomaModel:
    """Solve the coefficients of upper secondary school.

    Parameters
    ----------
    sample : CalibrationSample
        Pupils to solve on; each is given a school of their subregion.
    region : Region
        Upper secondary schools.
    performance : PerformanceModel
        As solved before.
    parameters : Parameters
        Design choices.
    margins : Margins
        Programme mix, and rates of no diploma.
    random_state : int
        The run's seed.

    Returns
    -------
    DiplomaModel
        With which the expected margins are the published ones.
    """
    pupils, choices = sample.pupils, parameters.upper_secondary
    passing = pass_probabilities(pupils, performance, parameters, FINAL_TERM)
    ineligible = eligibility_risk(passing, parameters.performance)
    level = general_performance(pupils, performance, parameters.performance, FINAL_TERM)
    model = _solve_programmes(pupils, level, ineligible, choices, margins)
    preparatory = preparatory_chance(pupils, level, model, choices)
    weights = np.column_stack(
        [
            ineligible * model.start_introductory,
            (1 - ineligible) * (1 - preparatory),
            (1 - ineligible) * preparatory,
        ]
    )
    rng = make_generator(random_state, "simulation", "calibration", "upper secondary")
    effect = region.upper_secondary.effect[draw_upper_schools(rng, pupils, region)]

    def risks(tried: DiplomaModel) -> FloatArray:
        kinds = (INTRODUCTORY, VOCATIONAL, PREPARATORY)
        return np.column_stack(
            [diploma_risk(pupils, level, kind, effect, tried, choices) for kind in kinds]
        )

    return _solve_background(sample, risks, weights, model, margins)


def _solve_programmes(
    pupils: Pupils,
    level: FloatArray,
    ineligible: FloatArray,
    choices: UpperSecondaryChoices,
    margins: Margins,
) -> DiplomaModel:
    """Solve the programme mix; the risk of no diploma is left at zero coefficients."""
    total = sum(margins.programmes.values.values())
    introductory = margins.programmes.share(KINDS[INTRODUCTORY]) / total
    preparatory = margins.programmes.share(KINDS[PREPARATORY]) / total
    odds = introductory / (1 - introductory)
    model = DiplomaModel(
        centre=float(level.mean()),
        scale=float(level.std()),
        preparatory=0.0,
        start_introductory=float(odds * (1 - ineligible).mean() / ineligible.mean()),
        intercept=0.0,
        introductory=0.0,
        boy=0.0,
        abroad=0.0,
        education=np.zeros(len(EDUCATION)),
    )

    def miss(value: float) -> float:
        chance = preparatory_chance(pupils, level, replace(model, preparatory=value), choices)
        wanted = preparatory / (1 - introductory)
        return float(np.average(chance, weights=1 - ineligible) - wanted)

    return replace(model, preparatory=brentq(miss, -_BRACKET, _BRACKET))


def _solve_background(
    sample: CalibrationSample,
    risks: Callable[[DiplomaModel], FloatArray],
    weights: FloatArray,
    model: DiplomaModel,
    margins: Margins,
) -> DiplomaModel:
    """Solve intercept, introductory programmes, sex, education and birthplace together."""
    weight = weights.sum(axis=1)
    published, total = margins.no_diploma, margins.no_diploma["total"].share()
    groups = {
        "sex": sample.sex,
        "parental_education": sample.pupils.education,
        "birthplace": sample.abroad,
    }
    targets = {
        key: shifted_targets(
            published[key], names, np.bincount(groups[key], weights=weight) / weight.sum(), total
        )
        for key, names in _GROUPS.items()
    }
    for _ in range(_ROUNDS):
        by_kind = risks(model)
        risk = (by_kind * weights).sum(axis=1) / weight
        introductory = np.average(by_kind[:, INTRODUCTORY], weights=weights[:, INTRODUCTORY])
        gaps = {
            key: logit_gap(group_rates(group, weight, risk), targets[key])
            for key, group in groups.items()
        }
        overall = float(logit(total) - logit(np.average(risk, weights=weight)))
        kind = float(logit(published["introductory"].share()) - logit(introductory))
        if max(*(np.abs(gap).max() for gap in gaps.values()), abs(kind)) < _TOLERANCE:
            break
        model = replace(
            model,
            intercept=model.intercept + overall,
            introductory=model.introductory + kind - overall,
            boy=model.boy + float(gaps["sex"][1] - gaps["sex"][0]),
            abroad=model.abroad + float(gaps["birthplace"][1] - gaps["birthplace"][0]),
            education=model.education + gaps["parental_education"] - overall,
        )
    return model
