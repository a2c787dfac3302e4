"""What a cohort is: its population, its prediction dates, its outcome and its split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from riskmodel.cohort.rules.specs import FromGradesSpec, find_rule_errors
from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name
from riskmodel.core.windows import (
    CalendarPoint,
    Horizon,
    Interval,
    SchoolCalendar,
    add_months,
)

Where = dict[str, tuple[bool | int | str, ...]]
"""Columns and the values of which a row must have one; empty: every row."""


GradeLevel = Annotated[int, Field(ge=0, le=13)]
"""The year of school that a pupil is in."""


class PopulationSpec(Spec):
    """Which rows of the enrolment table make a pupil eligible.

    `grade_level` is what `grade_column` must hold in the school year that names the cohort, for
    example 9 for the final year of compulsory school. Where the rules change it is given by the
    first school year in which it holds, as in ``{2016: 9, 2028: 10}``.
    """

    table: str = "enrolments"
    where: Where = Field(default_factory=dict)
    grade_level: GradeLevel | dict[int, GradeLevel] | None = None
    grade_column: str = "school_year"

    @model_validator(mode="after")
    def _check_grade(self) -> Self:
        """Refuse to say the grade level twice, or by no year at all."""
        if self.grade_level is not None and self.grade_column in self.where:
            raise ValueError(
                f"`where` must not name `{self.grade_column}` beside `grade_level`. "
                "Leave one of them out."
            )
        if self.grade_level == {}:
            raise ValueError("`grade_level` must hold at least one school year")
        return self

    def grade_level_in(self, school_year: int) -> int | None:
        """Return the grade level that names a cohort by the rules of a school year.

        Parameters
        ----------
        school_year : int
            The calendar year in which it starts.

        Returns
        -------
        int or None
            None where the population is not told by grade levels. Years before the first one
            given follow its rules.

        Examples
        --------
        >>> PopulationSpec(grade_level={2016: 9, 2028: 10}).grade_level_in(2027)
        9
        """
        if not isinstance(self.grade_level, dict):
            return self.grade_level
        begun = [year for year in self.grade_level if year <= school_year]
        return self.grade_level[max(begun) if begun else min(self.grade_level)]


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
    """Which outcome is predicted, what completing it means, and when it must fall.

    With `from_grades` it is computed from final grades, which is also done if there is no table
    of outcomes and a rule of that name. The completed value is then 1.
    """

    name: str = Field(min_length=1)
    completed_value: float = 1
    horizon: Horizon
    from_grades: FromGradesSpec | None = None

    @model_validator(mode="after")
    def _check_rule(self) -> Self:
        """Demand a rule that exists, and the value that it gives."""
        if self.from_grades is None:
            return self
        findings = find_rule_errors(self.name, self.from_grades)
        if self.completed_value != 1:
            findings.append("`completed_value` must be 1 with `from_grades`, or be left out")
        if findings:
            raise ValueError("; ".join(findings))
        return self


class LeavingSpec(Spec):
    """What leaving school early is, and for how many terms pupils are followed.

    `where` tells which enrolments count as going to school. A pupil has left in a term that is
    followed by `grace_days` without one; the holidays must be shorter than these. `terms`
    counts from the term of the prediction date. `known_until` is the last day of which the
    enrolments tell all, by default the day on which the latest one began.
    """

    where: Where = Field(default_factory=dict)
    terms: int = Field(default=5, ge=2, le=20)
    grace_days: int = Field(default=60, ge=1, le=366)
    known_until: date | None = None


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


class PredictionPoint(CalendarPoint):
    """A point of the cohort's own year, or of another year of their schooling.

    `years_before` says how many school years before the cohort's own year it lies;
    `grade_level` says the same by the grade level in which the pupils then are. `where`
    replaces the population's conditions on the same columns. `split` replaces the cohort's at
    this point, and is taken at its word: no training cohort is left out of it.
    """

    years_before: int | None = Field(default=None, ge=0, le=20)
    grade_level: GradeLevel | None = None
    where: Where = Field(default_factory=dict)
    split: TemporalSplit | None = None

    @model_validator(mode="after")
    def _check_level(self) -> Self:
        """Refuse to say the year twice."""
        if self.years_before is not None and self.grade_level is not None:
            raise ValueError("give either `years_before` or `grade_level`, and not both")
        return self


class CrossFittedSplit(Spec):
    """Predict every pupil by a model that was trained on other schools."""

    kind: Literal["cross_fitted"] = "cross_fitted"
    folds: int = Field(default=5, ge=2, le=50)


class CohortSpec(Spec):
    """Who is predicted for, at which points of their time, and what is predicted.

    `cohorts` is a list of named periods, or a range of school years. Every cohort has the
    same prediction points, so that training and test dates lie at the same place of the
    school year. A cohort is named by one school year (its own year), and its points may lie in
    other years: the outcome is the same whatever the point. With `leaving` it is also predicted
    in which term a pupil leaves early. `earlier_lists` are the `screening.parquet` of earlier
    runs: cohorts with pupils on them are marked, since support may have changed their outcome.
    """

    population: PopulationSpec = PopulationSpec()
    cohorts: tuple[CohortPeriod, ...] | SchoolYearRange
    prediction_points: tuple[PredictionPoint, ...] = Field(min_length=1)
    outcome: OutcomeSpec
    leaving: LeavingSpec | None = None
    earlier_lists: tuple[Path, ...] = ()
    split: Annotated[TemporalSplit | CrossFittedSplit, Field(discriminator="kind")]

    @property
    def cohort_names(self) -> tuple[str, ...]:
        """The cohorts' names, in the order given."""
        if isinstance(self.cohorts, SchoolYearRange):
            return self.cohorts.names
        return tuple(period.name for period in self.cohorts)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Demand unique names, cohorts in the splits that exist, and known grade levels."""
        findings = _find_repeated(self.cohort_names, "cohorts")
        findings += _find_repeated([point.name for point in self.prediction_points], "points")
        if not self.cohort_names:
            findings.append("`cohorts` must hold at least one cohort")
        if isinstance(self.split, TemporalSplit):
            findings += _find_unknown(self.split.train, self.cohort_names, "split.train")
            findings += _find_unknown(self.split.test, self.cohort_names, "split.test")
        elif self.leaving is not None:
            findings.append("`leaving` needs a `split` of the kind temporal")
        for point in self.prediction_points:
            findings += self._find_unfit(point)
        if findings:
            raise ValueError("; ".join(findings))
        return self

    def _find_unfit(self, point: PredictionPoint) -> list[str]:
        """Return what is wrong with one point's grade level and split."""
        place, findings = f"prediction_points.{point.name}", []
        if point.grade_level is not None and self.population.grade_level is None:
            findings.append(
                f"`{place}.grade_level` needs `population.grade_level`, the grade level in the "
                "school year that names the cohort"
            )
        if point.grade_level is not None and isinstance(self.population.grade_level, dict):
            findings.append(
                f"`{place}.grade_level` has no fixed distance to a grade level that changes, "
                "give `years_before` instead"
            )
        levels = self.population.grade_level
        lowest = min(levels.values()) if isinstance(levels, dict) else levels
        is_told = self.population.grade_column in point.where
        if lowest is not None and not is_told and self.years_before(point) > lowest:
            findings.append(
                f"`{place}.years_before` must be at most {lowest}, the grade level of the cohort"
            )
        if point.split is not None:
            if not isinstance(self.split, TemporalSplit):
                findings.append(f"`{place}.split` needs a `split` of the kind temporal")
            for side in ("train", "test"):
                names = getattr(point.split, side)
                findings += _find_unknown(names, self.cohort_names, f"{place}.split.{side}")
        return findings

    def split_at(self, point: str) -> TemporalSplit | CrossFittedSplit:
        """Return the split that holds at one prediction point.

        Parameters
        ----------
        point : str
            The point's name.

        Returns
        -------
        TemporalSplit or CrossFittedSplit
            The point's own, else the cohort's.
        """
        own = {item.name: item.split for item in self.prediction_points}[point]
        return own or self.split

    def years_before(self, point: PredictionPoint) -> int:
        """Return how many school years before a cohort's own year a point lies.

        Parameters
        ----------
        point : PredictionPoint
            One of the points.

        Returns
        -------
        int
            Negative for a point in a later year.
        """
        own = self.population.grade_level
        if point.grade_level is not None and isinstance(own, int):
            return own - point.grade_level
        return point.years_before or 0

    def prediction_dates(self, calendar: SchoolCalendar) -> tuple[PredictionDate, ...]:
        """Return every cohort's prediction dates.

        Parameters
        ----------
        calendar : SchoolCalendar
            On which day a school year starts, and when grades are in.

        Returns
        -------
        tuple of PredictionDate
            One for each cohort and point, in the order given.

        Examples
        --------
        >>> spec = CohortSpec(
        ...     population=PopulationSpec(where={"school_type": ("GR",)}, grade_level=9),
        ...     cohorts=SchoolYearRange(first_year=2024, last_year=2024),
        ...     prediction_points=(
        ...         PredictionPoint(name="year_6", grade_level=6, after="autumn_grades"),
        ...         PredictionPoint(name="november", month=11, day=1),
        ...     ),
        ...     outcome=OutcomeSpec(name="eligible_vocational", horizon=Horizon(months=12)),
        ...     split=CrossFittedSplit(),
        ... )
        >>> [(row.point, str(row.date)) for row in spec.prediction_dates(SchoolCalendar())]
        [('year_6', '2021-12-21'), ('november', '2024-11-01')]
        """
        periods = (
            self.cohorts.periods(calendar)
            if isinstance(self.cohorts, SchoolYearRange)
            else self.cohorts
        )
        return tuple(
            self._place(period, point, calendar)
            for period in periods
            for point in self.prediction_points
        )

    def order_points(self, calendar: SchoolCalendar) -> list[str]:
        """Return the names of the points in the order in which a pupil passes them.

        Parameters
        ----------
        calendar : SchoolCalendar
            When school years start and grades are in.

        Returns
        -------
        list of str
            In order of time; equals as given.
        """
        first = self.cohort_names[0]
        dates = [item for item in self.prediction_dates(calendar) if item.cohort == first]
        return [item.point for item in sorted(dates, key=lambda item: item.date)]

    def _place(
        self, period: CohortPeriod, point: PredictionPoint, calendar: SchoolCalendar
    ) -> PredictionDate:
        """Return one cohort's date at one point."""
        years = self.years_before(point)
        start = add_months(period.start, -12 * years)
        level = self.population.grade_level_in(calendar.year_start(start).year)
        grade: Where = {} if level is None else {self.population.grade_column: (level - years,)}
        moment = point.date_after(start, calendar)
        horizon = self.outcome.horizon
        is_counted_from_cohort = years != 0 or horizon.counted_from == "cohort"
        return PredictionDate(
            period=period,
            point=point.name,
            date=moment,
            outcome_window=horizon.bounds(moment, period.start if is_counted_from_cohort else None),
            where=self.population.where | grade | point.where,
            grade_column=None if level is None else self.population.grade_column,
        )


@dataclass(frozen=True)
class PredictionDate:
    """One cohort's date at one point, for whom, and when the outcome must fall to count.

    Parameters
    ----------
    period : CohortPeriod
        The cohort, which may have conditions of its own.
    point : str
        The name of the point.
    date : datetime.date
        The day of the prediction; nothing known on it or later may be used.
    outcome_window : Interval
        The days on which the outcome counts.
    where : dict
        Columns and the values of which an enrolment must have one at this point.
    grade_column : str or None
        Which of the columns tells the grade level; a pupil is in one of them at a time.
    """

    period: CohortPeriod
    point: str
    date: date
    outcome_window: Interval
    where: Where
    grade_column: str | None = None

    @property
    def cohort(self) -> str:
        """The cohort's name."""
        return self.period.name

    @property
    def conditions(self) -> tuple[Where, ...]:
        """The point's conditions and the cohort's own, all of which must hold."""
        return tuple(where for where in (self.where, self.period.where) if where)

    @property
    def grade_levels(self) -> tuple[bool | int | str, ...]:
        """The grade levels that count; empty where the population is not told by them."""
        return () if self.grade_column is None else self.where.get(self.grade_column, ())

    @property
    def other_conditions(self) -> tuple[Where, ...]:
        """The conditions on other columns than the grade level."""
        rest = {name: values for name, values in self.where.items() if name != self.grade_column}
        return tuple(where for where in (rest, self.period.where) if where)


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
