"""Persons, enrolments, outcomes and true risks, laid out as rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmodel.core.windows import is_before
from riskmodel.simulation.frames import NO_DATE, EventRows, first_days, random_days
from riskmodel.simulation.geography import CLASS_LETTERS, FloatArray, IntArray, Region
from riskmodel.simulation.latent import BoolArray, Pupils
from riskmodel.simulation.parameters import EDUCATION, MIGRATION, SEX, MoveChoices, Parameters
from riskmodel.simulation.paths import LONGEST_YEARS, NORMAL_YEARS, Paths, start_of_grade
from riskmodel.simulation.school_days import DateArray
from riskmodel.simulation.spec import COMPULSORY_YEARS

ELIGIBILITY = "eligible_vocational"
"""Name of the outcome at the end of compulsory school."""

DIPLOMA = "diploma"
"""Name of the outcome four years after the start of upper secondary."""

_ELIGIBILITY_DAY = (6, 15)
_DIPLOMA_DAY = (6, 10)
_LAST_DIPLOMA_DAY = (6, 30)
_JULY = (7, 1)
_LONGEST_DELAY_DAYS = 30
_FIRST_UPPER = COMPULSORY_YEARS[-1] + 1


def person_rows(pupils: Pupils, paths: Paths, region: Region) -> EventRows:
    """Lay out the register of persons.

    Parameters
    ----------
    pupils : Pupils
        Background, of which the unknown is left out.
    paths : Paths
        For the day on which each pupil enters the records.
    region : Region
        Codes of municipalities.

    Returns
    -------
    EventRows
        One row a pupil, dated by the first day in the records.
    """
    migration = np.array(MIGRATION)[pupils.migration]
    education = np.array(EDUCATION)[pupils.education]
    return EventRows(
        pupil=np.arange(len(pupils)),
        date=paths.presence.start,
        columns={
            "birth_date": pupils.birth_date,
            "sex": np.array(SEX)[pupils.boy.astype(int)],
            "municipality": region.municipality_codes[pupils.municipality],
            "migration_background": np.where(pupils.migration_known, migration, ""),
            "parental_education": np.where(pupils.education_known, education, ""),
            "security_marking": pupils.security,
        },
    )


def enrolment_rows(
    rng: np.random.Generator,
    pupils: Pupils,
    paths: Paths,
    region: Region,
    parameters: Parameters,
    *,
    class_draw: FloatArray,
) -> EventRows:
    """Draw moves between schools and lay out the enrolments, one row a year and school.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    pupils : Pupils
        Cohort and home school.
    paths : Paths
        Upper secondary, and the time in the records.
    region : Region
        Schools.
    parameters : Parameters
        Chances of moving.
    class_draw : numpy.ndarray of float, shape (n,)
        A number in [0, 1) for each pupil, which places the pupil in one of a school's classes.

    Returns
    -------
    EventRows
        Dated by `start_date`; `end_date` is the first day after, empty if not yet reached. A
        class of compulsory school keeps its letter through the years, such as 7A, 8A and 9A;
        upper secondary has none.
    """
    parts = []
    early, move = _draw_compulsory_move(rng, pupils, region, parameters)
    names = region.compulsory.codes
    letters = [
        CLASS_LETTERS[np.floor(class_draw * region.n_classes[school]).astype(np.int64)]
        for school in (early, pupils.school)
    ]
    for school_year in COMPULSORY_YEARS:
        start = start_of_grade(pupils.cohort, school_year, parameters.calendar.autumn_start)
        end = first_days(pupils.cohort - (COMPULSORY_YEARS[-1] - school_year), *_JULY)
        everyone = np.ones(len(pupils), dtype=bool)
        common = (school_year, "GR", np.full(len(pupils), ""))
        classes = [np.char.add(str(school_year), letter) for letter in letters]
        places = [(names[early], classes[0]), (names[pupils.school], classes[1])]
        parts += _year_parts(everyone, start, end, move, places, common)
    late, move = _draw_upper_move(rng, pupils, paths, region, parameters)
    names = region.upper_secondary.codes
    no_class = np.full(len(pupils), "")
    places = [(names[paths.school], no_class), (names[late], no_class)]
    for year in range(1, LONGEST_YEARS + 1):
        start = start_of_grade(
            pupils.cohort + year - 1, _FIRST_UPPER, parameters.calendar.autumn_start
        )
        end = first_days(pupils.cohort + year, *_JULY)
        programme = paths.programme if year == 1 else paths.later_programme
        here = paths.years >= year
        parts += _year_parts(here, start, end, move, places, (year, "GY", programme))
    return _fit_to_presence(rng, EventRows.concatenate(parts), paths, parameters.moves)


def outcome_rows(pupils: Pupils, paths: Paths, parameters: Parameters) -> EventRows:
    """Lay out the two outcomes.

    Parameters
    ----------
    pupils : Pupils
        Cohorts.
    paths : Paths
        What became of each.
    parameters : Parameters
        For the day on which upper secondary starts.

    Returns
    -------
    EventRows
        Columns outcome, value (1 is completed), status. A pupil who left the region or died
        before the outcome has a row of that day and status, without a value.
    """
    always = np.ones(len(pupils), dtype=bool)
    eligibility_day = first_days(pupils.cohort, *_ELIGIBILITY_DAY)
    eligibility = _outcome(
        ELIGIBILITY, always, paths.presence.start, eligibility_day, paths.eligible, paths
    )
    year = pupils.cohort + np.where(
        paths.has_diploma, np.maximum(paths.years, NORMAL_YEARS), LONGEST_YEARS
    )
    diploma_day = np.where(
        paths.has_diploma, first_days(year, *_DIPLOMA_DAY), first_days(year, *_LAST_DIPLOMA_DAY)
    )
    start = start_of_grade(pupils.cohort, _FIRST_UPPER, parameters.calendar.autumn_start)
    diploma = _outcome(DIPLOMA, paths.started, start, diploma_day, paths.has_diploma, paths)
    return EventRows.concatenate([eligibility, diploma])


def truth_rows(
    pupils: Pupils, paths: Paths, eligibility_risk: FloatArray, region: Region
) -> EventRows:
    """Lay out the true risks and what they follow from.

    Parameters
    ----------
    pupils : Pupils
        Background without gaps, and latent traits.
    paths : Paths
        For the second outcome.
    eligibility_risk : numpy.ndarray of float, shape (n,)
        Chance of not being eligible.
    region : Region
        Codes of schools.

    Returns
    -------
    EventRows
        One row per pupil and outcome; the risk is that of not completing.
    """
    n = len(pupils)
    pupil = np.concatenate([np.arange(n), np.flatnonzero(paths.started)])
    is_diploma = np.arange(len(pupil)) >= n
    risk = np.where(is_diploma, paths.diploma_risk[pupil], eligibility_risk[pupil])
    school = np.where(
        is_diploma,
        region.upper_secondary.codes[paths.school[pupil]],
        region.compulsory.codes[pupils.school[pupil]],
    )
    upper_effect = region.upper_secondary.effect[paths.school[pupil]]
    return EventRows(
        pupil=pupil,
        date=paths.presence.start[pupil],
        columns={
            "outcome": np.where(is_diploma, DIPLOMA, ELIGIBILITY),
            "true_risk": risk,
            "cohort": pupils.cohort[pupil],
            "school_unit": school,
            "migration_background": np.array(MIGRATION)[pupils.migration[pupil]],
            "parental_education": np.array(EDUCATION)[pupils.education[pupil]],
            "ability": pupils.ability_late[pupil],
            "engagement": pupils.engagement[pupil],
            "mental_health": pupils.mental_health[pupil],
            "disengagement": pupils.disengagement[pupil],
            "adaptation": pupils.adaptation[pupil],
            "school_effect": np.where(is_diploma, upper_effect, pupils.school_effect[pupil]),
        },
    )


def _draw_compulsory_move(
    rng: np.random.Generator, pupils: Pupils, region: Region, parameters: Parameters
) -> tuple[IntArray, DateArray]:
    """Draw an earlier school, and the day of coming from it (before all else for none)."""
    n = len(pupils)
    earlier = rng.choice(len(region.compulsory.codes), n, p=region.compulsory.weight)
    moves = _draw_moving(rng, pupils, len(COMPULSORY_YEARS), parameters.moves)
    start = start_of_grade(pupils.cohort, COMPULSORY_YEARS[0], parameters.calendar.autumn_start)
    day = random_days(rng, start + _LONGEST_DELAY_DAYS, first_days(pupils.cohort, 5, 1))
    return earlier, np.where(moves & (earlier != pupils.school), day, start)


def _draw_upper_move(
    rng: np.random.Generator, pupils: Pupils, paths: Paths, region: Region, parameters: Parameters
) -> tuple[IntArray, DateArray]:
    """Draw a later upper secondary school, and the day of going there (after all for none)."""
    schools = region.upper_secondary
    first = np.searchsorted(schools.place, schools.place[paths.school], side="left")
    count = np.bincount(schools.place)[schools.place[paths.school]]
    step = rng.integers(1, np.maximum(count, 2))
    later = first + (paths.school - first + step) % count
    moves = _draw_moving(rng, pupils, NORMAL_YEARS - 1, parameters.moves)
    start = start_of_grade(pupils.cohort, _FIRST_UPPER, parameters.calendar.autumn_start)
    never = first_days(pupils.cohort + LONGEST_YEARS, *_JULY)
    end = first_days(pupils.cohort + NORMAL_YEARS - 1, 5, 1)
    day = random_days(rng, start + _LONGEST_DELAY_DAYS, end)
    return np.where(moves, later, paths.school), np.where(moves, day, never)


def _draw_moving(
    rng: np.random.Generator, pupils: Pupils, years: int, moves: MoveChoices
) -> BoolArray:
    """Draw who changes school at some time in a number of years."""
    centred = pupils.disengagement - 1.0
    chance = moves.change_school * np.exp(moves.change_school_disengagement * centred)
    return np.asarray(rng.random(len(pupils)) < 1 - (1 - np.minimum(chance, 0.5)) ** years)


def _year_parts(
    here: BoolArray,
    start: DateArray,
    end: DateArray,
    move: DateArray,
    places: list[tuple[NDArray[np.str_], NDArray[np.str_]]],
    common: tuple[int, str, NDArray[np.str_]],
) -> list[EventRows]:
    """Lay out one year: the part before the move and the part from it on.

    Each of the two places is a school and a class for every pupil.
    """
    school_year, school_type, programme = common
    pupil = np.flatnonzero(here)
    spans = [(start, np.minimum(end, move)), (np.maximum(start, move), end)]
    return [
        EventRows(
            pupil=pupil,
            date=first[pupil],
            columns={
                "school_unit": school[pupil],
                "school_class": school_class[pupil],
                "school_type": np.full(len(pupil), school_type),
                "school_year": np.full(len(pupil), school_year),
                "programme": programme[pupil],
                "end_date": last[pupil],
                "cancelled": np.zeros(len(pupil), dtype=bool),
                "is_move": np.full(len(pupil), number == 1)
                & ~is_before(move, start)[pupil]
                & (move != start)[pupil],
            },
        )
        for number, ((first, last), (school, school_class)) in enumerate(
            zip(spans, places, strict=True)
        )
    ]


def _fit_to_presence(
    rng: np.random.Generator, rows: EventRows, paths: Paths, moves: MoveChoices
) -> EventRows:
    """Cut enrolments to the pupils' time, drop empty ones and register some moves late."""
    presence = paths.presence
    start = np.maximum(rows.date, presence.start[rows.pupil])
    end = np.minimum(rows.columns["end_date"], presence.end[rows.pupil])
    late = rows.columns["is_move"] & (rng.random(len(rows)) < moves.late_registration)
    known = np.where(late, start + rng.integers(1, _LONGEST_DELAY_DAYS, len(rows)), NO_DATE)
    columns = {name: values for name, values in rows.columns.items() if name != "is_move"}
    columns["end_date"] = presence.hide_future(end)
    return EventRows(rows.pupil, start, columns, known).take(is_before(start, end))


def _outcome(
    name: str, here: BoolArray, start: DateArray, day: DateArray, completed: BoolArray, paths: Paths
) -> EventRows:
    """Lay out one outcome: observed, or ended before by a move or death."""
    left = is_before(paths.region_end, day)
    here = here & ~(left & is_before(paths.region_end, start))
    status = np.where(left, np.where(paths.deceased, "deceased", "moved"), "observed")
    value = np.where(left, np.nan, completed.astype(float))
    pupil = np.flatnonzero(here)
    return EventRows(
        pupil=pupil,
        date=np.where(left, paths.region_end, day)[pupil],
        columns={
            "outcome": np.full(len(pupil), name),
            "value": value[pupil],
            "status": status[pupil],
        },
        known_date=np.where(left, paths.region_end, day)[pupil],
    )
