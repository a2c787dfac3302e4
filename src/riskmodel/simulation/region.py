"""Simulate a region: block by block, each from a seed of its own, onto disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from riskmodel.core.files import write_atomically, write_json
from riskmodel.core.randomness import make_generator
from riskmodel.simulation.absence import (
    PROBLEM_SHARE,
    absence_level,
    absence_share,
    draw_absence,
    draw_deviation,
    solve_absence,
)
from riskmodel.simulation.attendance import attendance_rows, school_day_table
from riskmodel.simulation.calibration import draw_sample, solve_performance
from riskmodel.simulation.contacts import contact_rows, support_rows
from riskmodel.simulation.diploma import DiplomaModel
from riskmodel.simulation.diploma_calibration import solve_diploma
from riskmodel.simulation.frames import EventRows
from riskmodel.simulation.geography import FloatArray, Region, build_region
from riskmodel.simulation.grades import (
    GradeDraw,
    compulsory_rows,
    draw_eligibility,
    draw_grades,
    upper_secondary_rows,
)
from riskmodel.simulation.latent import Pupils, draw_pupils
from riskmodel.simulation.margins import MarginCounts, count_margins
from riskmodel.simulation.parameters import Margins, Parameters, load_margins, load_parameters
from riskmodel.simulation.paths import Paths, draw_paths
from riskmodel.simulation.performance import (
    FINAL_TERM,
    PerformanceModel,
    eligibility_risk,
    general_performance,
    pass_probabilities,
)
from riskmodel.simulation.records import enrolment_rows, outcome_rows, person_rows, truth_rows
from riskmodel.simulation.spec import COMPULSORY_YEARS, UPPER_SECONDARY_OFFSET, SimulationSpec
from riskmodel.simulation.ss12000 import replace_by_pages
from riskmodel.simulation.writer import ExtractWriter, canonical_table, open_writer, truth_table

EXTRACTS = "extracts"
"""The folder of what the region would deliver."""

TRUTH = "truth"
"""The folder of what only a simulation can know."""

PUPILS_PER_BLOCK = 2_000
"""Pupils drawn from one seed, and held in memory at a time."""


@dataclass(frozen=True)
class SimulationSummary:
    """What was simulated.

    Parameters
    ----------
    folder : pathlib.Path
        It holds `EXTRACTS` and `TRUTH`.
    n_pupils : int
        Pupils drawn; those who come to the region after the extract are in no table.
    rows : dict
        Number of rows of each table.
    margins : list of dict
        Each margin as it came about, beside the published share.
    """

    folder: Path
    n_pupils: int
    rows: dict[str, int]
    margins: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary for JSON, without the folder.

        Returns
        -------
        dict
            `n_pupils`, `rows` and `margins`.
        """
        return {"n_pupils": self.n_pupils, "rows": self.rows, "margins": self.margins}


@dataclass(frozen=True)
class World:
    """All that the blocks share.

    Parameters
    ----------
    spec : SimulationSpec
        What to simulate.
    parameters : Parameters
        Design choices.
    margins : Margins
        Published shares.
    region : Region
        Places.
    performance : PerformanceModel
        Solved for compulsory school.
    diploma : DiplomaModel
        Solved for upper secondary school.
    absence_intercept : float
        Solved for absence; NaN if no attendance is asked for.
    random_state : int
        The run's seed.
    """

    spec: SimulationSpec
    parameters: Parameters
    margins: Margins
    region: Region
    performance: PerformanceModel
    diploma: DiplomaModel
    absence_intercept: float
    random_state: int


def simulate_region(
    spec: SimulationSpec,
    folder: Path,
    *,
    random_state: int,
    progress: Callable[[float], None] | None = None,
) -> SimulationSummary:
    """Simulate a region and write its extracts, and apart from them the truth.

    Writes the canonical tables to ``extracts/``, and to ``truth/`` the true risk of every pupil
    (``true_risk.parquet``) and the margins (``margins.json``). An outcome is drawn with exactly
    the true risk as its chance, given all latent traits and the background.

    Parameters
    ----------
    spec : SimulationSpec
        Size, time span and form.
    folder : pathlib.Path
        Where to write. Both subfolders are replaced at the end, or left as they were.
    random_state : int
        The same seed gives the same bytes.
    progress : callable, optional
        Called with the share done, in (0, 1].

    Returns
    -------
    SimulationSummary
        Numbers of rows, and margins.

    Notes
    -----
    Memory does not grow with the number of pupils: blocks of `PUPILS_PER_BLOCK` are drawn, each
    from a seed of its own, and written one after another.
    """
    world = build_world(spec, random_state=random_state)
    counts = MarginCounts()
    with (
        write_atomically(folder / TRUTH) as truth_folder,
        write_atomically(folder / EXTRACTS) as extract_folder,
        open_writer(truth_folder, "parquet") as truth,
        open_writer(extract_folder, "csv" if spec.table_format == "csv" else "parquet") as extracts,
    ):
        n_blocks = -(-spec.n_pupils // PUPILS_PER_BLOCK)
        for block in range(n_blocks):
            counts.merge(simulate_block(world, block, extracts, truth).sums)
            if progress is not None:
                progress((block + 1) / n_blocks)
        summary = SimulationSummary(
            folder, spec.n_pupils, dict(extracts.counts), counts.to_rows(world.margins)
        )
        write_json(truth_folder / "margins.json", summary.to_dict())
    if spec.table_format == "ss12000":
        replace_by_pages(folder / EXTRACTS)
    return summary


def build_world(spec: SimulationSpec, *, random_state: int) -> World:
    """Draw the places of a region and solve its intercepts.

    Parameters
    ----------
    spec : SimulationSpec
        What to simulate.
    random_state : int
        The run's seed.

    Returns
    -------
    World
        All that the blocks share.
    """
    parameters, margins = load_parameters(), load_margins()
    region = build_region(spec, parameters, margins, random_state=random_state)
    sample = draw_sample(region, parameters, margins, random_state=random_state)
    performance = solve_performance(sample, parameters, margins)
    diploma = solve_diploma(
        sample, region, performance, parameters, margins, random_state=random_state
    )
    intercept = float("nan")
    if spec.attendance_grades:
        level = general_performance(sample.pupils, performance, parameters.performance, FINAL_TERM)
        intercept = solve_absence(
            sample.pupils,
            _standardise(level, diploma),
            parameters.attendance,
            margins.absence_year_9.share("at least 15 %"),
            random_state=random_state,
        )
    return World(spec, parameters, margins, region, performance, diploma, intercept, random_state)


def simulate_block(
    world: World, block: int, extracts: ExtractWriter, truth: ExtractWriter
) -> MarginCounts:
    """Simulate one block of pupils and append it to the files.

    Parameters
    ----------
    world : World
        What all blocks share.
    block : int
        Its number, counted from 0; the block depends on nothing else.
    extracts, truth : ExtractWriter
        Where to write.

    Returns
    -------
    MarginCounts
        The block's margins.
    """
    spec, parameters, region = world.spec, world.parameters, world.region
    pupils = draw_block(world, block)
    grades = draw_grades(_generator(world, block, "grades"), pupils, world.performance, parameters)
    eligible = draw_eligibility(grades, parameters)
    level = general_performance(pupils, world.performance, parameters.performance, FINAL_TERM)
    paths = draw_paths(
        _generator(world, block, "paths"),
        pupils,
        eligible,
        level,
        region,
        world.diploma,
        parameters,
        extract=spec.extract_date,
    )
    passing = pass_probabilities(pupils, world.performance, parameters, FINAL_TERM)
    risk = eligibility_risk(passing, parameters.performance)
    counts = count_margins(pupils, paths, grades, risk, parameters.performance)
    person_ids = np.array([f"SIM{number:09d}" for number in pupils.number.tolist()])
    for name, rows in _records(world, block, pupils, grades, paths, level).items():
        extracts.write(name, canonical_table(name, rows.sorted_by_pupil(), person_ids))
    for rows in _attendance(world, block, pupils, paths, level, counts):
        extracts.write("attendance", canonical_table("attendance", rows, person_ids))
    known = paths.presence.known(truth_rows(pupils, paths, risk, region))
    truth.write("true_risk", truth_table(known, person_ids))
    return counts


def draw_block(world: World, block: int) -> Pupils:
    """Draw the pupils of one block.

    Parameters
    ----------
    world : World
        What all blocks share.
    block : int
        Its number, counted from 0.

    Returns
    -------
    Pupils
        Cohorts in turn, so that every block holds all of them.
    """
    first = block * PUPILS_PER_BLOCK
    number = np.arange(first, min(first + PUPILS_PER_BLOCK, world.spec.n_pupils))
    cohort = world.spec.first_cohort + number % world.spec.n_cohorts
    rng = _generator(world, block, "pupils")
    return draw_pupils(rng, number, cohort, world.region, world.parameters, world.margins)


def _records(
    world: World,
    block: int,
    pupils: Pupils,
    grades: GradeDraw,
    paths: Paths,
    level: FloatArray,
) -> dict[str, EventRows]:
    """Draw all tables but attendance, as far as they are known by the extract."""
    parameters, region, presence = world.parameters, world.region, paths.presence
    rng = _generator(world, block, "records")
    class_draw = _generator(world, block, "classes").random(len(pupils))
    courses = upper_secondary_rows(
        rng, pupils, paths.graded_years, paths.has_diploma, level, parameters
    )
    grade_rows = EventRows.concatenate([compulsory_rows(pupils, grades, parameters), courses])
    contacts = contact_rows(rng, pupils, paths, _standardise(level, world.diploma), parameters)
    return {
        "persons": presence.known(person_rows(pupils, paths, region)),
        "enrolments": presence.known(
            enrolment_rows(rng, pupils, paths, region, parameters, class_draw=class_draw)
        ),
        "grades": presence.visible(grade_rows),
        "health_contacts": presence.visible(contacts),
        "support": presence.visible(support_rows(rng, pupils, grades, paths, parameters)),
        "outcomes": presence.known(outcome_rows(pupils, paths, parameters)),
    }


def _attendance(
    world: World,
    block: int,
    pupils: Pupils,
    paths: Paths,
    level: FloatArray,
    counts: MarginCounts,
) -> Iterator[EventRows]:
    """Draw the attendance of a block, one grade at a time, and count those often away."""
    spec, choices = world.spec, world.parameters.attendance
    performance = _standardise(level, world.diploma)
    own = draw_deviation(_generator(world, block, "absence"), len(pupils), choices)
    if not spec.attendance_grades:
        yield EventRows(np.zeros(0, dtype=np.int64), np.zeros(0, dtype="datetime64[D]"))
    for grade in spec.attendance_grades:
        rng = _generator(world, block, "attendance", grade)
        chance = absence_level(pupils, performance, grade, choices) + world.absence_intercept + own
        days = draw_absence(rng, chance, pupils.disengagement, grade, choices)
        if grade == COMPULSORY_YEARS[-1]:
            counts.add(
                ("absence_year_9", "total", "at least 15 %"),
                absence_share(days, choices) >= PROBLEM_SHARE,
            )
        is_upper = grade > UPPER_SECONDARY_OFFSET
        schools = world.region.upper_secondary if is_upper else world.region.compulsory
        school = paths.school if is_upper else pupils.school
        yield attendance_rows(
            rng,
            days,
            school_day_table(pupils.cohort, grade, world.parameters.calendar),
            paths.presence,
            schools.not_reported[school],
            choices,
            spec.granularity,
        )


def _standardise(level: FloatArray, model: DiplomaModel) -> FloatArray:
    """Return general performance in standard deviations from its mean."""
    return np.asarray((level - model.centre) / model.scale)


def _generator(world: World, block: int, *names: str | int) -> np.random.Generator:
    """Return the source of chance for one use in one block."""
    return make_generator(world.random_state, "simulation", "block", block, *names)
