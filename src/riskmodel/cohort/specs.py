"""What a cohort is: its population, its prediction dates, its outcome and its split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name
from riskmodel.core.windows import CalendarPoint, Horizon, Interval, SchoolCalendar

Where = dict[str, tuple[bool | int | str, ...]]
"""Columns and the values of which a row must have one; empty: every row."""


class PopulationSpec(Spec):
    """Which rows of the enrolment table make a pupil eligible."""

    table: str = "enrolments"
    where: Where = Field(default_factory=dict)


class CohortPeriod(Spec):
    """One named cohort: the day it starts, and what its enrolments must have besides.

    `where` is needed only where cohorts run side by side and the dates alone do not tell
    their members apart.
    """

    name: str = Field(min_length=1)
    start: date
    where: Where = Field(default_factory=dict)


class SchoolYearRange(Spec):
    """One cohort for each school year from `first_year` to `last_year`, both included.

    A school year is given by the calendar year in which it starts: 2024 is "2024/25".
    """

    first_year: int = Field(ge=1900, le=2200)
    last_year: int = Field(ge=1900, le=2200)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        """Demand years in order."""
        if self.last_year < self.first_year:
            raise ValueError("`last_year` must not lie before `first_year`")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The cohorts' names, such as "2024/25"."""
        return tuple(_name_school_year(year) for year in self._years)

    @property
    def _years(self) -> range:
        """The calendar years in which the school years start."""
        return range(self.first_year, self.last_year + 1)

    def periods(self, calendar: SchoolCalendar) -> tuple[CohortPeriod, ...]:
        """Return the cohorts with their first days.

        Parameters
        ----------
        calendar : SchoolCalendar
            On which day a school year starts.

        Returns
        -------
        tuple of CohortPeriod
            One for each school year, in order.
        """
        return tuple(
            CohortPeriod(
                name=_name_school_year(year), start=date(year, calendar.month, calendar.day)
            )
            for year in self._years
        )


class OutcomeSpec(Spec):
    """Which outcome is predicted, what completing it means, and when it must fall."""

    name: str = Field(min_length=1)
    completed_value: float = 1
    horizon: Horizon


class TemporalSplit(Spec):
    """Train on some cohorts and test on later ones."""

    kind: Literal["temporal"] = "temporal"
    train: tuple[str, ...] = Field(min_length=1)
    test: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_disjoint(self) -> Self:
        """Refuse a cohort on both sides."""
        shared = sorted(set(self.train) & set(self.test))
        if shared:
            raise ValueError(f"`train` and `test` must not share cohorts, got {', '.join(shared)}")
        return self


class CrossFittedSplit(Spec):
    """Predict every pupil by a model that was trained on other schools."""

    kind: Literal["cross_fitted"] = "cross_fitted"
    folds: int = Field(default=5, ge=2, le=50)


class CohortSpec(Spec):
    """Who is predicted for, at which points of their time, and what is predicted.

    `cohorts` is a list of named periods, or a range of school years. Every cohort has the
    same prediction points, so that training and test dates lie at the same place of the
    school year.
    """

    population: PopulationSpec = PopulationSpec()
    cohorts: tuple[CohortPeriod, ...] | SchoolYearRange
    prediction_points: tuple[CalendarPoint, ...] = Field(min_length=1)
    outcome: OutcomeSpec
    split: Annotated[TemporalSplit | CrossFittedSplit, Field(discriminator="kind")]

    @property
    def cohort_names(self) -> tuple[str, ...]:
        """The cohorts' names, in the order given."""
        if isinstance(self.cohorts, SchoolYearRange):
            return self.cohorts.names
        return tuple(period.name for period in self.cohorts)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Demand unique names, and cohorts in the split that exist."""
        findings = _find_repeated(self.cohort_names, "cohorts")
        findings += _find_repeated([point.name for point in self.prediction_points], "points")
        if not self.cohort_names:
            findings.append("`cohorts` must hold at least one cohort")
        if isinstance(self.split, TemporalSplit):
            findings += _find_unknown(self.split.train, self.cohort_names, "split.train")
            findings += _find_unknown(self.split.test, self.cohort_names, "split.test")
        if findings:
            raise ValueError("; ".join(findings))
        return self

    def prediction_dates(self, calendar: SchoolCalendar) -> tuple[PredictionDate, ...]:
        """Return every cohort's prediction dates.

        Parameters
        ----------
        calendar : SchoolCalendar
            On which day a school year starts.

        Returns
        -------
        tuple of PredictionDate
            One for each cohort and point, in the order given.

        Examples
        --------
        >>> spec = CohortSpec(
        ...     cohorts=SchoolYearRange(first_year=2023, last_year=2024),
        ...     prediction_points=(CalendarPoint(name="november", month=11, day=1),),
        ...     outcome=OutcomeSpec(name="diploma", horizon=Horizon(months=48)),
        ...     split=CrossFittedSplit(),
        ... )
        >>> [(row.cohort, str(row.date)) for row in spec.prediction_dates(SchoolCalendar())]
        [('2023/24', '2023-11-01'), ('2024/25', '2024-11-01')]
        """
        periods = (
            self.cohorts.periods(calendar)
            if isinstance(self.cohorts, SchoolYearRange)
            else self.cohorts
        )
        return tuple(
            PredictionDate(period, point.name, moment, self.outcome.horizon.bounds(moment))
            for period in periods
            for point in self.prediction_points
            for moment in [point.date_after(period.start)]
        )


@dataclass(frozen=True)
class PredictionDate:
    """One cohort's date at one point, and when the outcome must fall to count.

    Parameters
    ----------
    period : CohortPeriod
        The cohort.
    point : str
        The name of the point.
    date : datetime.date
        The day of the prediction; nothing known on it or later may be used.
    outcome_window : Interval
        The days on which the outcome counts.
    """

    period: CohortPeriod
    point: str
    date: date
    outcome_window: Interval

    @property
    def cohort(self) -> str:
        """The cohort's name."""
        return self.period.name


def _name_school_year(year: int) -> str:
    """Return the name of the school year that starts in a calendar year."""
    return f"{year}/{(year + 1) % 100:02d}"


def _find_repeated(names: Sequence[str], where: str) -> list[str]:
    """Return a finding if names repeat."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    return (
        [f"`{where}` must have unique names, got {', '.join(repeated)} twice"] if repeated else []
    )


def _find_unknown(names: Sequence[str], known: Sequence[str], where: str) -> list[str]:
    """Return a finding for each name that no cohort has."""
    return [
        f"`{where}` must name cohorts that exist, got '{name}'.{suggest_name(name, known)}"
        for name in names
        if name not in known
    ]
