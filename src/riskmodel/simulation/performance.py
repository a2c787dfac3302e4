"""School performance over time, and the risk of leaving compulsory school without eligibility.

Performance in a subject is a sum of background, school, ability, engagement, mental health,
disengagement (which grows from year 6 to year 9) and aptness in the subject, plus independent
noise in each term. A subject is passed where performance with noise is positive. Ability and
aptness turn from an early to a late value through an angle, so that their variance stays the
same while their correlation with the final term falls with distance in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from riskmodel.simulation.geography import FloatArray
from riskmodel.simulation.latent import Pupils
from riskmodel.simulation.parameters import Parameters, PerformanceChoices
from riskmodel.simulation.spec import COMPULSORY_YEARS

CORE = ("SV", "EN", "MA")
"""The subjects that every upper secondary programme demands; SV stands for SVA as well."""

LANGUAGE = "M2"
"""The place of the modern language among the subjects; not every pupil takes one."""

N_TERMS = 8
"""Terms with grades: autumn of year 6 to spring of year 9."""

YEAR_6_TERM = 1
"""The spring term of year 6, counted from 0."""

FINAL_TERM = N_TERMS - 1
"""The spring term of year 9, counted from 0."""

_PACE = 3


@dataclass(frozen=True)
class PerformanceModel:
    """What calibration solved for performance.

    Parameters
    ----------
    intercept : float
        Mean performance above the pass mark of mathematics.
    boy : float
        Added for boys.
    education, migration : numpy.ndarray of float, shape (3,)
        Added for each parental education and migration background.
    early_shift : float
        Added to performance in the first term, fading to nothing in the last.
    turns : numpy.ndarray of float, shape (n_subjects,)
        Angle in radians between early and late aptness in each subject.
    """

    intercept: float
    boy: float
    education: FloatArray
    migration: FloatArray
    early_shift: float
    turns: FloatArray


def progress_by(term: int) -> float:
    """Return how far pupils have changed by a term: slowly first, then faster.

    Parameters
    ----------
    term : int
        In [0, `N_TERMS`).

    Returns
    -------
    float
        From 0 in the first term to 1 in the last.

    Examples
    --------
    >>> progress_by(0), progress_by(FINAL_TERM)
    (0.0, 1.0)
    """
    return float((term / FINAL_TERM) ** _PACE)


def turn(late: FloatArray, early: FloatArray, angle: FloatArray | float, term: int) -> FloatArray:
    """Turn a trait from its early towards its late value, keeping its variance.

    Parameters
    ----------
    late, early : numpy.ndarray of float
        Independent standard normal values.
    angle : numpy.ndarray of float, or float
        Between the first and the last term, in radians; 0 for a trait that never changes.
    term : int
        In [0, `N_TERMS`).

    Returns
    -------
    numpy.ndarray of float
        `late` in the last term.
    """
    left = np.asarray(angle) * (1 - progress_by(term))
    return np.asarray(np.cos(left) * late + np.sin(left) * early)


def general_performance(
    pupils: Pupils, model: PerformanceModel, choices: PerformanceChoices, term: int
) -> FloatArray:
    """Return performance before anything that belongs to a single subject.

    Parameters
    ----------
    pupils : Pupils
        Background and latent traits.
    model : PerformanceModel
        Solved coefficients.
    choices : PerformanceChoices
        Design choices.
    term : int
        In [0, `N_TERMS`).

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        In units near one standard deviation.
    """
    progress = progress_by(term)
    ability = turn(pupils.ability_late, pupils.ability_early, choices.general_turn, term)
    return np.asarray(
        background_performance(pupils, model)
        + model.early_shift * (1 - progress)
        + pupils.school_effect
        - choices.late_arrival * (pupils.arrival_grade - COMPULSORY_YEARS[0])
        + choices.ability * ability
        + choices.engagement * pupils.engagement
        - choices.mental_health * pupils.mental_health
        - choices.disengagement * progress * pupils.disengagement
    )


def background_performance(pupils: Pupils, model: PerformanceModel) -> FloatArray:
    """Return the part of performance that goes with background, with the intercept.

    Parameters
    ----------
    pupils : Pupils
        Background.
    model : PerformanceModel
        Solved coefficients.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        The same in every term.
    """
    return np.asarray(
        model.intercept
        + model.boy * pupils.boy
        + model.education[pupils.education]
        + model.migration[pupils.migration]
    )


def subject_performance(
    pupils: Pupils, model: PerformanceModel, parameters: Parameters, term: int
) -> FloatArray:
    """Return performance above each subject's pass mark, before noise.

    Parameters
    ----------
    pupils : Pupils
        Background and latent traits.
    model : PerformanceModel
        Solved coefficients.
    parameters : Parameters
        Design choices.
    term : int
        In [0, `N_TERMS`).

    Returns
    -------
    numpy.ndarray of float, shape (n, n_subjects)
        Subjects in the order of the parameters; minus infinity where one is not taken.
    """
    choices = parameters.performance
    aptness = turn(pupils.subject_late, pupils.subject_early, model.turns, term)
    general = general_performance(pupils, model, choices, term)
    difficulty = np.array([subject.difficulty for subject in choices.subjects.values()])
    weight = np.array([subject.aptness for subject in choices.subjects.values()])
    performance = general[:, None] + weight * aptness - difficulty
    performance[:, subject_position(choices, LANGUAGE)][pupils.language == ""] = -np.inf
    return np.asarray(performance)


def pass_probabilities(
    pupils: Pupils, model: PerformanceModel, parameters: Parameters, term: int
) -> FloatArray:
    """Return the chance of a passing grade in each subject.

    Parameters
    ----------
    pupils : Pupils
        Background and latent traits.
    model : PerformanceModel
        Solved coefficients.
    parameters : Parameters
        Design choices.
    term : int
        In [0, `N_TERMS`).

    Returns
    -------
    numpy.ndarray of float, shape (n, n_subjects)
        In [0, 1]; 0 where a subject is not taken.
    """
    performance = subject_performance(pupils, model, parameters, term)
    return np.asarray(ndtr(performance / parameters.performance.noise))


def eligibility_risk(passing: FloatArray, choices: PerformanceChoices) -> FloatArray:
    """Return the chance of not being eligible for a vocational programme.

    Eligible are those who pass Swedish, English, mathematics and enough other subjects
    (skollagen 16:30).

    Parameters
    ----------
    passing : numpy.ndarray of float, shape (n, n_subjects)
        Chances of passing, independent given the traits.
    choices : PerformanceChoices
        The subjects, and how many others are needed.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        In [0, 1].

    Notes
    -----
    Exact: the number of other subjects passed follows the Poisson binomial distribution.
    """
    core = [subject_position(choices, code) for code in CORE]
    others = np.delete(passing, core, axis=1)
    needed = choices.other_subjects_needed
    short = np.zeros((needed, len(passing)))
    short[0] = 1.0
    for chance in others.T:
        short[1:] = short[1:] * (1 - chance) + short[:-1] * chance
        short[0] *= 1 - chance
    return np.asarray(1 - passing[:, core].prod(axis=1) * (1 - short.sum(axis=0)))


def is_eligible(passed: np.ndarray, choices: PerformanceChoices) -> np.ndarray:
    """Tell who is eligible for a vocational programme.

    Parameters
    ----------
    passed : numpy.ndarray of bool, shape (n, n_subjects)
        Final grades that are a pass.
    choices : PerformanceChoices
        The subjects, and how many others are needed.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        True if eligible.
    """
    core = [subject_position(choices, code) for code in CORE]
    others = np.delete(passed, core, axis=1).sum(axis=1)
    return np.asarray(passed[:, core].all(axis=1) & (others >= choices.other_subjects_needed))


def subject_position(choices: PerformanceChoices, code: str) -> int:
    """Return the place of a subject among the columns.

    Parameters
    ----------
    choices : PerformanceChoices
        The subjects.
    code : str
        One of them.

    Returns
    -------
    int
        Counted from 0.
    """
    return list(choices.subjects).index(code)
