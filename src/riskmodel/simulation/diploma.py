"""Programmes in upper secondary school, and the risk of having no diploma after four years."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from riskmodel.simulation.geography import FloatArray, IntArray, Region
from riskmodel.simulation.latent import Pupils
from riskmodel.simulation.parameters import MIGRATION, UpperSecondaryChoices

INTRODUCTORY, VOCATIONAL, PREPARATORY = range(3)
"""Kinds of programme; a pupil who does not start has `NOT_STARTED`."""

NOT_STARTED = -1
"""Stands in place of a kind of programme."""

KINDS = ("introductory", "vocational", "preparatory")
"""Names of the kinds of programme, in the order of their numbers."""


@dataclass(frozen=True)
class DiplomaModel:
    """What calibration solved for upper secondary school.

    Parameters
    ----------
    centre, scale : float
        Mean and standard deviation of general performance in the final term.
    preparatory : float
        Log-odds of choosing a preparatory programme, at mean performance.
    start_introductory : float
        Share of those not eligible who start an introductory programme.
    intercept : float
        Log-odds of no diploma.
    introductory, boy, abroad : float
        Added for introductory programmes, boys, and those born abroad.
    education : numpy.ndarray of float, shape (3,)
        Added for each parental education.
    """

    centre: float
    scale: float
    preparatory: float
    start_introductory: float
    intercept: float
    introductory: float
    boy: float
    abroad: float
    education: FloatArray


def preparatory_chance(
    pupils: Pupils, performance: FloatArray, model: DiplomaModel, choices: UpperSecondaryChoices
) -> FloatArray:
    """Return the chance that an eligible pupil takes a preparatory programme.

    Parameters
    ----------
    pupils : Pupils
        Background.
    performance : numpy.ndarray of float, shape (n,)
        General performance in the final term.
    model : DiplomaModel
        Solved coefficients.
    choices : UpperSecondaryChoices
        Design choices.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        In [0, 1]; the others take a vocational programme.
    """
    education = np.array(choices.education_preparatory)
    return np.asarray(
        expit(
            model.preparatory
            + choices.performance_preparatory * (performance - model.centre) / model.scale
            + choices.boy_preparatory * pupils.boy
            + education[pupils.education]
        )
    )


def diploma_risk(
    pupils: Pupils,
    performance: FloatArray,
    kind: IntArray | int,
    school_effect: FloatArray | float,
    model: DiplomaModel,
    choices: UpperSecondaryChoices,
) -> FloatArray:
    """Return the chance of no diploma within four years of starting.

    Parameters
    ----------
    pupils : Pupils
        Background and latent traits.
    performance : numpy.ndarray of float, shape (n,)
        General performance in the final term of compulsory school.
    kind : numpy.ndarray of int, shape (n,), or int
        Kind of programme.
    school_effect : numpy.ndarray of float, shape (n,), or float
        What the upper secondary school adds to the log-odds.
    model : DiplomaModel
        Solved coefficients.
    choices : UpperSecondaryChoices
        Design choices.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        In [0, 1].
    """
    position = np.asarray(kind)
    return np.asarray(
        expit(
            model.intercept
            + model.introductory * (position == INTRODUCTORY)
            + choices.vocational * (position == VOCATIONAL)
            + model.boy * pupils.boy
            + model.abroad * is_born_abroad(pupils)
            + model.education[pupils.education]
            - choices.performance * (performance - model.centre) / model.scale
            + choices.disengagement * pupils.disengagement
            + choices.mental_health * pupils.mental_health
            + choices.adaptation * pupils.adaptation
            + school_effect
        )
    )


def is_born_abroad(pupils: Pupils) -> np.ndarray:
    """Tell who was born abroad.

    Parameters
    ----------
    pupils : Pupils
        Background.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        True for the last migration background.
    """
    return np.asarray(pupils.migration == len(MIGRATION) - 1)


def draw_upper_schools(rng: np.random.Generator, pupils: Pupils, region: Region) -> IntArray:
    """Draw an upper secondary school in each pupil's subregion.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    pupils : Pupils
        Home municipalities.
    region : Region
        Schools, in order of subregion.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        Positions among the upper secondary schools.
    """
    schools = region.upper_secondary
    subregion = region.municipality_subregion[pupils.municipality]
    edges = np.cumsum(schools.weight)
    first = np.searchsorted(schools.place, subregion, side="left")
    last = np.searchsorted(schools.place, subregion, side="right") - 1
    low = edges[first] - schools.weight[first]
    draw = low + rng.random(len(pupils)) * (edges[last] - low)
    return np.clip(np.searchsorted(edges, draw, side="right"), first, last)
