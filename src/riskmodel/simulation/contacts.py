"""Contacts with school health, and support given at school."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from riskmodel.simulation.frames import EventRows, first_days, random_days
from riskmodel.simulation.geography import FloatArray, IntArray
from riskmodel.simulation.grades import GradeDraw
from riskmodel.simulation.latent import Pupils
from riskmodel.simulation.parameters import ContactProcess, Parameters
from riskmodel.simulation.paths import NORMAL_YEARS, Paths, start_of_grade
from riskmodel.simulation.school_days import DateArray
from riskmodel.simulation.spec import COMPULSORY_YEARS, UPPER_SECONDARY_OFFSET

_UPPER_YEARS = tuple(UPPER_SECONDARY_OFFSET + year for year in range(1, NORMAL_YEARS + 1))
_JUNE = (6, 5)
_JULY = (7, 1)
_TERMS_A_YEAR = 2
_MOST_A_YEAR = 30.0


def contact_rows(
    rng: np.random.Generator,
    pupils: Pupils,
    paths: Paths,
    performance: FloatArray,
    parameters: Parameters,
) -> EventRows:
    """Draw contacts with school health in years 6 to 9 and in upper secondary.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    pupils : Pupils
        Latent traits.
    paths : Paths
        Who is in upper secondary, and for how long.
    performance : numpy.ndarray of float, shape (n,)
        Standardised general performance.
    parameters : Parameters
        Planned visits and the rates of other contacts.

    Returns
    -------
    EventRows
        Columns service, category.
    """
    parts = []
    for grade in (*COMPULSORY_YEARS, *_UPPER_YEARS):
        start, end = _school_year(pupils, grade, parameters)
        here = (grade < UPPER_SECONDARY_OFFSET) | (paths.years >= grade - UPPER_SECONDARY_OFFSET)
        visits = parameters.contacts.visits.get(grade, 0.0)
        visited = (rng.random(len(pupils)) < visits) & here
        parts.append(_rows(rng, visited.astype(int), start, end, "school_nurse", "health_visit"))
        for process in parameters.contacts.processes:
            rate = np.exp(_log_rate(process, pupils, performance))
            counts = rng.poisson(np.minimum(rate, _MOST_A_YEAR)) * here
            parts.append(_rows(rng, counts, start, end, process.service, process.category))
    return EventRows.concatenate(parts)


def support_rows(
    rng: np.random.Generator,
    pupils: Pupils,
    grades: GradeDraw,
    paths: Paths,
    parameters: Parameters,
) -> EventRows:
    """Draw the support that pupils are given in years 6 to 9.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    pupils : Pupils
        Latent traits, and who takes Swedish as a second language.
    grades : GradeDraw
        Support follows from the grades of the last term before it (in year 6: of the first).
    paths : Paths
        For the end of the time in the records.
    parameters : Parameters
        The measures.

    Returns
    -------
    EventRows
        Dated by `start_date`; columns measure and `end_date`, the first day after.
    """
    parts = []
    for grade in COMPULSORY_YEARS:
        start, end = _school_year(pupils, grade, parameters)
        term = max(0, _TERMS_A_YEAR * (grade - COMPULSORY_YEARS[0]) - 1)
        fails = grades.fails[:, term].sum(axis=1)
        for measure in parameters.support:
            logit = (
                measure.intercept
                + measure.fails * fails
                + measure.disengagement * pupils.disengagement
                + measure.second_language * pupils.second_language
            )
            given = np.flatnonzero(rng.random(len(pupils)) < expit(logit))
            last = first_days(pupils.cohort[given] - (COMPULSORY_YEARS[-1] - grade), *_JULY)
            last = np.minimum(last, paths.presence.end[given])
            parts.append(
                EventRows(
                    pupil=given,
                    date=random_days(rng, start[given], end[given]),
                    columns={
                        "measure": np.full(len(given), measure.measure),
                        "end_date": paths.presence.hide_future(last),
                    },
                )
            )
    return EventRows.concatenate(parts)


def _school_year(pupils: Pupils, grade: int, parameters: Parameters) -> tuple[DateArray, DateArray]:
    """Return the first day of a grade and the first day after its last contacts."""
    is_upper = grade > UPPER_SECONDARY_OFFSET
    step = grade - 1 if is_upper else grade
    start = start_of_grade(pupils.cohort, step, parameters.calendar.autumn_start)
    year = pupils.cohort + (step - COMPULSORY_YEARS[-1])
    return start, first_days(year, *_JUNE)


def _log_rate(process: ContactProcess, pupils: Pupils, performance: FloatArray) -> FloatArray:
    """Return the log of a contact's rate a year."""
    return np.asarray(
        process.log_rate
        + process.mental_health * pupils.mental_health
        + process.disengagement * (pupils.disengagement - 1.0)
        + process.girl * ~pupils.boy
        + process.performance * performance
    )


def _rows(
    rng: np.random.Generator,
    counts: IntArray,
    start: DateArray,
    end: DateArray,
    service: str,
    category: str,
) -> EventRows:
    """Lay out one kind of contact on weekdays drawn at random."""
    pupil = np.repeat(np.arange(len(counts)), counts)
    days = np.busday_offset(random_days(rng, start[pupil], end[pupil]), 0, roll="backward")
    return EventRows(
        pupil=pupil,
        date=days,
        columns={
            "service": np.full(len(pupil), service),
            "category": np.full(len(pupil), category),
        },
    )
