"""Grades by term in compulsory school, and courses in upper secondary school."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from riskmodel.simulation.frames import EventRows, first_days
from riskmodel.simulation.geography import FloatArray, IntArray
from riskmodel.simulation.latent import BoolArray, Pupils
from riskmodel.simulation.parameters import Parameters
from riskmodel.simulation.performance import (
    FINAL_TERM,
    LANGUAGE,
    N_TERMS,
    PerformanceModel,
    is_eligible,
    subject_performance,
    subject_position,
)
from riskmodel.simulation.spec import COMPULSORY_YEARS

LETTERS = np.array(["F", "E", "D", "C", "B", "A", "-"])
"""Grades in the order of their codes."""

_DASH = len(LETTERS) - 1
_NOT_TAKEN = -1
_AUTUMN_DAY = (12, 20)
_SPRING_DAY = (6, 10)


@dataclass(frozen=True)
class GradeDraw:
    """Grades of a block of pupils.

    Parameters
    ----------
    codes : numpy.ndarray of int8, shape (n, n_terms, n_subjects)
        Positions in `LETTERS`; -1 where a subject is not taken.
    """

    codes: NDArray[np.int8]

    @property
    def fails(self) -> BoolArray:
        """Where a subject is taken and not passed, same shape."""
        return np.asarray((self.codes == 0) | (self.codes == _DASH))

    def passed(self, term: int) -> BoolArray:
        """Return which subjects are passed in a term.

        Parameters
        ----------
        term : int
            Counted from 0.

        Returns
        -------
        numpy.ndarray of bool, shape (n, n_subjects)
            True for A to E.
        """
        codes = self.codes[:, term]
        return np.asarray((codes > 0) & (codes != _DASH))


def draw_grades(
    rng: np.random.Generator, pupils: Pupils, model: PerformanceModel, parameters: Parameters
) -> GradeDraw:
    """Draw the grades of compulsory school.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    pupils : Pupils
        Background and latent traits.
    model : PerformanceModel
        Solved coefficients.
    parameters : Parameters
        Design choices.

    Returns
    -------
    GradeDraw
        Grades of all terms, also of those before a pupil came to the region.
    """
    choices = parameters.performance
    steps = np.array(choices.steps)
    n_subjects = len(choices.subjects)
    codes = np.empty((len(pupils), N_TERMS, n_subjects), dtype=np.int8)
    dash = expit(choices.dash.intercept + choices.dash.disengagement * pupils.disengagement)
    for term in range(N_TERMS):
        mean = subject_performance(pupils, model, parameters, term)
        drawn = mean + choices.noise * rng.normal(size=mean.shape)
        level = np.searchsorted(steps, drawn, side="left").astype(np.int8)
        away = rng.random(mean.shape) < dash[:, None]
        codes[:, term] = np.where((level == 0) & away, _DASH, level)
    without = pupils.language == ""
    codes[without, :, subject_position(choices, LANGUAGE)] = _NOT_TAKEN
    return GradeDraw(codes)


def draw_eligibility(grades: GradeDraw, parameters: Parameters) -> BoolArray:
    """Return who is eligible by the final grades.

    Parameters
    ----------
    grades : GradeDraw
        Grades of all terms.
    parameters : Parameters
        Design choices.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        True if eligible for a vocational programme.
    """
    return np.asarray(is_eligible(grades.passed(FINAL_TERM), parameters.performance))


def compulsory_rows(pupils: Pupils, grades: GradeDraw, parameters: Parameters) -> EventRows:
    """Lay out the grades of compulsory school as rows.

    Parameters
    ----------
    pupils : Pupils
        For cohorts and subjects.
    grades : GradeDraw
        Grades of all terms.
    parameters : Parameters
        For the subjects' codes.

    Returns
    -------
    EventRows
        Columns subject, grade, term, school_year, points, is_final.
    """
    n, n_terms, n_subjects = grades.codes.shape
    codes = grades.codes.reshape(-1)
    taken = np.flatnonzero(codes != _NOT_TAKEN)
    pupil, term, subject = np.unravel_index(taken, (n, n_terms, n_subjects))
    is_spring = term % 2 == 1
    school_year = COMPULSORY_YEARS[0] + term // 2
    year = pupils.cohort[pupil] - (COMPULSORY_YEARS[-1] - school_year) - ~is_spring
    return EventRows(
        pupil=pupil,
        date=_grading_days(year, is_spring),
        columns={
            "subject": _subject_codes(pupils, parameters)[pupil, subject],
            "grade": LETTERS[codes[taken]],
            "term": np.where(is_spring, "VT", "HT"),
            "school_year": school_year,
            "points": np.full(len(taken), np.nan),
            "is_final": term == FINAL_TERM,
        },
    )


def upper_secondary_rows(
    rng: np.random.Generator,
    pupils: Pupils,
    graded_years: IntArray,
    has_diploma: BoolArray,
    level: FloatArray,
    parameters: Parameters,
) -> EventRows:
    """Draw the courses of upper secondary school.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    pupils : Pupils
        For cohorts and traits.
    graded_years : numpy.ndarray of int, shape (n,)
        Years on a national programme that the pupil completes; 0 for none.
    has_diploma : numpy.ndarray of bool, shape (n,)
        Whether the pupil ends with a diploma: then the project is passed.
    level : numpy.ndarray of float, shape (n,)
        Performance above the pass mark, before noise.
    parameters : Parameters
        Courses and steps between grades.

    Returns
    -------
    EventRows
        Same columns as `compulsory_rows`.
    """
    choices, scale = parameters.upper_secondary, parameters.performance
    spread = float(np.hypot(choices.course_sd, scale.noise))
    parts = []
    for courses in choices.courses:
        here = np.flatnonzero(graded_years >= courses.school_year)
        for code in courses.codes:
            drawn = level[here] + spread * rng.normal(size=len(here))
            grade = LETTERS[np.searchsorted(np.array(scale.steps), drawn, side="left")]
            parts.append(
                _course_rows(pupils, here, code, grade, courses.school_year, choices.points)
            )
    last = choices.courses[-1].school_year
    here = np.flatnonzero((graded_years >= last) & has_diploma)
    project = np.full(len(here), LETTERS[1])
    parts.append(_course_rows(pupils, here, choices.project, project, last, choices.points))
    return EventRows.concatenate(parts)


def _course_rows(
    pupils: Pupils,
    here: IntArray,
    code: str,
    grade: NDArray[np.str_],
    school_year: int,
    points: float,
) -> EventRows:
    """Lay out one course that some pupils finish in the spring of one year."""
    n = len(here)
    spring = np.ones(n, dtype=bool)
    return EventRows(
        pupil=here,
        date=_grading_days(pupils.cohort[here] + school_year, spring),
        columns={
            "subject": np.full(n, code),
            "grade": grade,
            "term": np.full(n, "VT"),
            "school_year": np.full(n, school_year),
            "points": np.full(n, points),
            "is_final": spring,
        },
    )


def _grading_days(year: IntArray, is_spring: BoolArray) -> NDArray[np.datetime64]:
    """Return the day on which grades are set: about 20 December and 10 June."""
    return np.where(is_spring, first_days(year, *_SPRING_DAY), first_days(year, *_AUTUMN_DAY))


def _subject_codes(pupils: Pupils, parameters: Parameters) -> NDArray[np.str_]:
    """Return the code of each pupil's subjects: SV or SVA, and the language taken."""
    subjects = list(parameters.performance.subjects)
    codes = np.tile(np.array(subjects, dtype="<U5"), (len(pupils), 1))
    codes[pupils.second_language, subjects.index("SV")] = "SVA"
    codes[:, subjects.index(LANGUAGE)] = pupils.language
    return codes
