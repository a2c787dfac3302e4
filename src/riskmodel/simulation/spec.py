"""What to simulate."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from riskmodel.core.spec import Spec

COMPULSORY_YEARS = (6, 7, 8, 9)
"""The grades of compulsory school that are simulated."""

UPPER_SECONDARY_OFFSET = 10
"""Added to a year of upper secondary, so that all grades count in one row: 11 is its first."""

_ATTENDANCE_GRADES = (6, 7, 8, 9, 11, 12, 13)


class SimulationSpec(Spec):
    """The size, time span and form of a simulated region.

    A cohort is named by the calendar year in which its pupils leave compulsory school.
    `attendance_grades` says for which grades attendance is written, 11 being the first year of
    upper secondary; attendance is by far the largest table. Nothing that happened or became
    known after `extract_date` is written.
    """

    n_pupils: int = Field(default=20_000, ge=100, le=50_000_000)
    first_cohort: int = Field(default=2014, ge=2000, le=2100)
    last_cohort: int = Field(default=2027, ge=2000, le=2100)
    extract_date: date = date(2026, 11, 15)
    granularity: Literal["day", "lesson"] = "day"
    attendance_grades: tuple[int, ...] = (8, 9, 11)
    table_format: Literal["parquet", "csv", "ss12000"] = "parquet"

    @model_validator(mode="after")
    def _check_cohorts(self) -> Self:
        """Demand cohorts in order."""
        if self.last_cohort < self.first_cohort:
            raise ValueError("`last_cohort` must not lie before `first_cohort`")
        return self

    @model_validator(mode="after")
    def _check_grades(self) -> Self:
        """Demand known grades, each once."""
        grades = self.attendance_grades
        if len(set(grades)) != len(grades) or not set(grades) <= set(_ATTENDANCE_GRADES):
            raise ValueError(
                f"`attendance_grades` must be different grades of {_ATTENDANCE_GRADES}"
            )
        return self

    @property
    def n_cohorts(self) -> int:
        """The number of cohorts."""
        return self.last_cohort - self.first_cohort + 1
