"""The published margins and the design choices behind the simulated region, as typed records.

Both live in data files beside this module (``margins.yaml`` with its sources, and
``parameters.yaml``), so that a rate is never a literal in the code.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

from riskmodel.core.spec import Spec

MIGRATION = ("svensk bakgrund", "utländsk bakgrund, född i Sverige", "utrikes född")
"""The values of `migration_background`, in the order that the code counts them."""

EDUCATION = ("förgymnasial", "gymnasial", "eftergymnasial")
"""The values of `parental_education`, from the lowest."""

SEX = ("Kvinna", "Man")
"""The values of `sex`, in the order that the code counts them."""


class Published(Spec):
    """Published shares by group, with the source that they come from."""

    values: dict[str, float]
    source: str

    def share(self, group: str = "all") -> float:
        """Return the share of one group.

        Parameters
        ----------
        group : str, default "all"
            A key of `values`.

        Returns
        -------
        float
            In [0, 1].
        """
        return self.values[group]


class Margins(Spec):
    """Everything that the region is calibrated to, or checked against."""

    version: str
    not_eligible: dict[str, Published]
    no_diploma: dict[str, Published]
    programmes: Published
    persistence: Published
    fails_year_6: Published
    fails_year_9_after_year_6: Published
    absence_year_9: Published
    background: dict[str, Published]


class BackgroundChoices(Spec):
    """Who the pupils are; lists follow the order of `MIGRATION` and `EDUCATION`."""

    parental_education: dict[str, tuple[float, float, float]]
    unknown: tuple[float, float, float]
    second_language: tuple[float, float, float]
    late_arrival: float
    languages: dict[str, float]
    security_markings: dict[str, float]


class GeographyChoices(Spec):
    """How many schools there are and how much places differ."""

    pupils_per_school: float
    pupils_per_class: float
    pupils_per_upper_secondary: float
    fewest_upper_secondary: int
    municipality_effect_sd: float
    school_effect_sd: float
    upper_secondary_effect_sd: float
    municipality_tilt_sd: float
    school_tilt_sd: float
    city_tilt: float
    education_tilt: float


class LatentChoices(Spec):
    """How the unobserved traits hang together."""

    mental_health_girls: float
    disengagement_engagement: float
    disengagement_mental_health: float
    disengagement_own: float
    disengagement_steepness: float


class Line(Spec):
    """A chance on the log-odds scale that rises with disengagement."""

    intercept: float
    disengagement: float


class Subject(Spec):
    """How hard a subject is to pass, and how much aptness counts in it."""

    difficulty: float
    aptness: float


class PerformanceChoices(Spec):
    """What school performance is made of, and how grades follow from it."""

    ability: float
    engagement: float
    mental_health: float
    disengagement: float
    late_arrival: float
    noise: float
    general_turn: float
    subject_turn: float
    steps: tuple[float, ...]
    dash: Line
    other_subjects_needed: int
    subjects: dict[str, Subject]


class Courses(Spec):
    """The courses graded at the end of one year of upper secondary."""

    school_year: int
    codes: tuple[str, ...]


class UpperSecondaryChoices(Spec):
    """Programmes, paths and what leads to a diploma."""

    performance_preparatory: float
    boy_preparatory: float
    education_preparatory: tuple[float, float, float]
    introductory_transfer: float
    performance: float
    disengagement: float
    mental_health: float
    adaptation: float
    vocational: float
    fourth_year_diploma: float
    leaves_early: float
    stays_fourth_year: float
    programmes: dict[str, dict[str, float]]
    language_introduction: str
    courses: tuple[Courses, ...]
    course_sd: float
    project: str
    points: float


class MoveChoices(Spec):
    """Chances a year of moving between schools, out of the region, and of dying."""

    change_school: float
    change_school_disengagement: float
    leave_region: float
    decease: float
    late_registration: float


class DayOfYear(Spec):
    """A day of the calendar."""

    month: int
    day: int


class CalendarChoices(Spec):
    """The rules of the school calendar."""

    autumn_start: DayOfYear
    autumn_end: DayOfYear
    spring_start: DayOfYear
    spring_end: DayOfYear
    break_weeks: tuple[int, ...]
    easter_days: tuple[int, ...]
    free_days: tuple[DayOfYear, ...]


class AttendanceChoices(Spec):
    """How absence arises, lasts and is reported; loadings on the log-odds of a day away."""

    lesson_minutes: tuple[int, ...]
    not_reported: float
    not_reported_concentration: float
    corrected: float
    correction_days: int
    other_activity: float
    engagement: float
    performance: float
    mental_health: float
    disengagement_level: float
    disengagement_rise: float
    adaptation: float
    upper_secondary: float
    pupil_sd: float
    year_sd: float
    week_sd: float
    season: float
    persistence: float
    persistence_disengagement: float
    longest_persistence: float
    part_of_day: Line
    invalid_day: Line
    invalid_part: Line
    solve_pupils: int


class ContactProcess(Spec):
    """One kind of health contact: its log rate a year and what raises it."""

    service: str
    category: str
    log_rate: float
    mental_health: float
    disengagement: float
    girl: float
    performance: float = 0.0


class ContactChoices(Spec):
    """Planned health visits (share by school year) and other contacts."""

    visits: dict[int, float]
    processes: tuple[ContactProcess, ...]


class SupportMeasure(Spec):
    """One measure: its log-odds a year and what raises it."""

    measure: str
    intercept: float
    fails: float
    disengagement: float
    second_language: float = 0.0


class Parameters(Spec):
    """All design choices of the simulated region."""

    version: str
    background: BackgroundChoices
    geography: GeographyChoices
    latent: LatentChoices
    performance: PerformanceChoices
    upper_secondary: UpperSecondaryChoices
    moves: MoveChoices
    calendar: CalendarChoices
    attendance: AttendanceChoices
    contacts: ContactChoices
    support: tuple[SupportMeasure, ...]


def _read_data(name: str) -> str:
    """Return the text of a data file of this package."""
    return (resources.files("riskmodel.simulation") / "data" / name).read_text(encoding="utf-8")


@cache
def load_margins() -> Margins:
    """Read the published margins.

    Returns
    -------
    Margins
        From ``margins.yaml``, each with its source.

    Examples
    --------
    >>> load_margins().not_eligible["total"].share()
    0.16
    """
    return Margins.model_validate(yaml.safe_load(_read_data("margins.yaml")))


@cache
def load_parameters() -> Parameters:
    """Read the design choices.

    Returns
    -------
    riskmodel.simulation.parameters.Parameters
        From ``parameters.yaml``.
    """
    return Parameters.model_validate(yaml.safe_load(_read_data("parameters.yaml")))


@cache
def load_municipalities() -> tuple[tuple[str, str, str, float], ...]:
    """Read the municipalities of Västra Götaland.

    Returns
    -------
    tuple of tuple
        Code, name, subregion and rough size of a year's cohort, in order of code.

    Notes
    -----
    The sizes are a proportional split of 19,000 by population, not statistics.
    """
    lines = _read_data("municipalities.csv").splitlines()[1:]
    rows = (line.split(",") for line in lines)
    return tuple((code, name, subregion, float(size)) for code, name, subregion, size in rows)
