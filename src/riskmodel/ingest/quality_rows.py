"""Rows that a soft finding concerns, counted by school in the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import ibis
import pandas as pd
import yaml

from riskmodel.core.schema import Table
from riskmodel.core.spec import Spec
from riskmodel.core.windows import Interval, SchoolCalendar, is_before
from riskmodel.engine.session import Engine
from riskmodel.ingest.column_names import RESERVED, SUBJECT
from riskmodel.ingest.quality_places import IS_OUTSIDE, SCHOOL, Places

DAY = "day"
N_ROWS, N_AFFECTED, N_PUPILS = "n_rows", "n_affected", "n_pupils"
NO_SCHOOL = -1
"""Stands for the rows of pupils who were at no known school."""

_MAX_DAYS_SOUGHT = 100
_N_BITS = 60
_N, _MONTH, _BIT, _TABLE = (RESERVED + name for name in ("n", "month", "bit", "table"))
_EMPTY = pd.DataFrame(
    {N_ROWS: [], N_AFFECTED: [], N_PUPILS: []}, index=pd.Index([], name=SCHOOL), dtype="int64"
)


class AgeRule(Spec):
    """How many years the age lies above the grade level, by type of school, from a day on."""

    valid_from: date
    years: dict[str, int]


@dataclass(frozen=True)
class RowCounts:
    """How many rows of a table one check concerns, by school.

    Parameters
    ----------
    check : str
        Which check.
    table : str
        The table.
    frame : pandas.DataFrame of int
        Indexed by the school's number, `NO_SCHOOL` for none: rows of the table, rows
        concerned, and different pupils among those. Not to be shown before small counts are
        hidden.
    """

    check: str
    table: str
    frame: pd.DataFrame


def count_days(engine: Engine, places: Places, attendance: Any) -> pd.DataFrame:
    """Count the rows of attendance of each school and day.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    places : Places
        Where pupils were.
    attendance : ibis.Table
        Pseudonymised.

    Returns
    -------
    pandas.DataFrame
        A row for each school (`NO_SCHOOL` for none) and day with rows: `SCHOOL`, `DAY`,
        `N_ROWS`, `n_not_reported`, `n_outside`. One scan and one join.
    """
    rows = attendance.select(SUBJECT, "date", is_missing=_is_not_reported(attendance))
    located = places.locate(rows, "date")
    counts = located.group_by(SCHOOL, DAY=located["date"]).aggregate(
        n_rows=located.count(),
        n_not_reported=located["is_missing"].cast("int64").sum(),
        n_outside=located[IS_OUTSIDE].cast("int64").sum(),
    )
    frame = engine.to_pandas(counts).rename(columns={"DAY": DAY})
    frame[SCHOOL] = frame[SCHOOL].fillna(NO_SCHOOL).astype("int64")
    return frame.sort_values([SCHOOL, DAY]).reset_index(drop=True)


def count_attendance(
    engine: Engine, places: Places, attendance: Any, days: pd.DataFrame
) -> list[RowCounts]:
    """Count rows of attendance that are not reported, and those outside any enrolment.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    places : Places
        Where pupils were.
    attendance : ibis.Table
        Pseudonymised.
    days : pandas.DataFrame
        As `count_days` gives it.

    Returns
    -------
    list of RowCounts
        ``not_reported`` and ``outside_enrolment``. Only rows that may be concerned are read
        again, to count their pupils.
    """
    n_rows = days.groupby(SCHOOL)[N_ROWS].sum()
    sought = sorted(days.loc[days["n_outside"] > 0, DAY].unique())
    is_missing = _is_not_reported(attendance)
    may_be_outside = ibis.literal(bool(sought))
    if sought and len(sought) <= _MAX_DAYS_SOUGHT:
        may_be_outside = attendance["date"].isin(sought)
    rows = attendance.select(SUBJECT, "date", is_missing=is_missing, **{_N: 1})
    located = places.locate(rows.filter(is_missing | may_be_outside), "date")
    located = engine.materialise(located, RESERVED + "concerned")
    found = {"not_reported": located["is_missing"], "outside_enrolment": located[IS_OUTSIDE]}
    return [
        RowCounts(check, "attendance", _frame(n_rows, _count(engine, located, is_concerned)))
        for check, is_concerned in found.items()
    ]


def count_outside(
    engine: Engine, places: Places, tables: Mapping[str, Any], days: Mapping[str, str]
) -> list[RowCounts]:
    """Count the rows of tables that lie outside any enrolment of their pupil.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    places : Places
        Where pupils were.
    tables : mapping of str to ibis.Table
        At least those of `days`.
    days : mapping of str to str
        The date of each table.

    Returns
    -------
    list of RowCounts
        ``outside_enrolment`` for each table of `days`.
    """
    parts = []
    for name, day in days.items():
        dated = tables[name].select(SUBJECT, **{DAY: tables[name][day]})
        parts.append(_count_dates(dated, DAY).mutate(**{_TABLE: ibis.literal(name)}))
    located = places.locate(_union(parts), DAY)
    frames = _count_by_table(engine, located, located[IS_OUTSIDE])
    return [RowCounts("outside_enrolment", name, frames.get(name, _EMPTY)) for name in days]


def count_repeated(
    engine: Engine,
    places: Places,
    tables: Mapping[str, Any],
    schemas: Mapping[str, Table],
    n_rows: Mapping[str, pd.Series],
) -> list[RowCounts]:
    """Count rows that are the same as another one in every column.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    places : Places
        Where pupils were.
    tables : mapping of str to ibis.Table
        At least those of `n_rows`.
    schemas : mapping of str to Table
        Their schemas, with a date.
    n_rows : mapping of str to pandas.Series of int
        The rows of each table by school number.

    Returns
    -------
    list of RowCounts
        ``repeated_rows`` for each table of `n_rows`: of rows that are all the same, all but
        one, at the school of the pupil's first row in the month.

    Notes
    -----
    Rows are told apart by 64-bit hashes among those of a pupil and month, so that two
    different ones are hardly ever taken for the same. Where a fact's key says so, months are
    left alone in which no day, or no subject of grades, comes twice: then the sum of their bits
    is the union of them.
    """
    parts = []
    for name in n_rows:
        repeats = _find_repeats(engine, name, tables[name], schemas[name])
        if repeats is not None:
            parts.append(repeats.mutate(**{_TABLE: ibis.literal(name)}))
    located = places.locate(_union(parts), DAY) if parts else None
    frames = _count_by_table(engine, located, ibis.literal(True)) if parts else {}
    return [
        RowCounts("repeated_rows", name, _frame(sizes, frames.get(name, _EMPTY)))
        for name, sizes in n_rows.items()
    ]


def _find_repeats(engine: Engine, name: str, rows: Any, table: Table) -> Any | None:
    """Return how many rows each pupil has too many in a month, None where none can have."""
    assert table.date is not None
    day = rows[table.date]
    marked, group = rows.mutate(**{_MONTH: day.year() * 12 + day.month()}), [SUBJECT, _MONTH]
    with_bits = _find_bits(engine, marked, table)
    if with_bits is not None:
        bit = ibis.literal(1, type="int64") << with_bits[_BIT]
        months = with_bits.group_by(group).aggregate(union=bit.bit_or(), total=bit.sum())
        repeated = months.filter(months["union"] != months["total"].cast("int64")).select(group)
        repeated = engine.materialise(repeated, f"{RESERVED}repeated_{name}")
        if not engine.to_pandas(repeated.aggregate(n=repeated.count()))["n"].iloc[0]:
            return None
        marked = marked.semi_join(repeated, group)
    content = ibis.struct({column: marked[column] for column in rows.columns if column != SUBJECT})
    found = marked.group_by(group).aggregate(
        n=marked.count(), hashes=content.hash().collect(), **{DAY: marked[table.date].min()}
    )
    extra = (found["n"] - found["hashes"].unique().length()).name(_N)
    return found.select(SUBJECT, DAY, extra).filter(lambda row: row[_N] > 0)


def count_unknown_grades(
    engine: Engine, places: Places, grades: Any, n_rows: pd.Series
) -> RowCounts:
    """Count grades that are not in the scale of their day.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    places : Places
        Where pupils were.
    grades : ibis.Table
        Pseudonymised, with `is_pass`: null outside the scale.
    n_rows : pandas.Series of int
        Grades by school number.

    Returns
    -------
    RowCounts
        Of ``grade_scale``.
    """
    unknown = _count_dates(grades.filter(grades["is_pass"].isnull()), "date")
    counts = _count(engine, places.locate(unknown, "date"))
    return RowCounts("grade_scale", "grades", _frame(n_rows, counts))


def count_unlikely_ages(
    engine: Engine,
    places: Places,
    enrolments: Any,
    subjects: Any,
    *,
    until: date,
    calendar: SchoolCalendar,
    tolerance: int,
) -> RowCounts:
    """Count enrolments at a grade level that does not go with the pupil's age.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    places : Places
        Where pupils were.
    enrolments, subjects : ibis.Table
        Pseudonymised.
    until : datetime.date
        The day after the last of the data: an open enrolment is held against it.
    calendar : SchoolCalendar
        When school years start.
    tolerance : int
        How many years the age may lie from the grade level's.

    Returns
    -------
    RowCounts
        Of ``age_for_grade``. An enrolment that lasts several years may tell the level of any
        of them, so that it counts only if the age fits none.
    """
    rows = enrolments.join(subjects.select(SUBJECT, "birth_year"), SUBJECT)
    rows = rows.join(places.numbers, "school_unit")
    start, last = rows["start_date"], ibis.literal(until)
    end = ibis.least(rows["end_date"].coalesce(last), last)
    expected = rows["birth_year"] + _find_age(rows)
    above = _find_year(start, calendar) - expected
    below = expected - ibis.greatest(_find_year(end, calendar), _find_year(start, calendar))
    is_unlikely = (above > tolerance) | (below > tolerance)
    rows = rows.select(SUBJECT, SCHOOL, is_unlikely=is_unlikely, **{_N: 1})
    rows = rows.filter(rows["is_unlikely"].notnull())
    return RowCounts("age_for_grade", "enrolments", _count(engine, rows, rows["is_unlikely"]))


@cache
def load_age_rules() -> tuple[AgeRule, ...]:
    """Load the ages of grade levels that come with the library.

    Returns
    -------
    tuple of AgeRule
        The oldest first.
    """
    file = resources.files("riskmodel.ingest") / "data" / "school_ages.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    return tuple(AgeRule.model_validate(rule) for rule in content["rules"])


def _find_age(rows: Any) -> Any:
    """Return the age that a pupil of an enrolment's level reaches in the year it starts in."""
    rules = load_age_rules()
    ends = [rule.valid_from for rule in rules[1:]] + [date.max]
    years = [
        (
            Interval(rule.valid_from, end).contains(rows["start_date"])
            & (rows["school_type"] == school_type),
            ibis.literal(above, type="int64"),
        )
        for rule, end in zip(rules, ends, strict=True)
        for school_type, above in rule.years.items()
    ]
    return rows["school_year"] + ibis.cases(*years, else_=ibis.null("int64"))


def _find_year(moments: Any, calendar: SchoolCalendar) -> Any:
    """Return the calendar year in which the school year of each day started."""
    start = ibis.date(moments.year(), calendar.month, calendar.day)
    return moments.year() - is_before(moments, start).cast("int64")


def _is_not_reported(attendance: Any) -> Any:
    """Return which rows are said not to be reported."""
    return (~attendance["is_reported"]).fill_null(False)


def _count_dates(rows: Any, day: str) -> Any:
    """Return how many rows each pupil has on each day."""
    return rows.group_by(SUBJECT, day).aggregate(**{_N: rows.count()})


def _find_bits(engine: Engine, marked: Any, table: Table) -> Any | None:
    """Return rows with a bit's place that rows of a month share only if they may be the same."""
    columns = [name for name in table.fact_key if table.columns[name].type == "string"]
    if table.date in table.fact_key:
        return marked.mutate(**{_BIT: marked[table.date].day()})
    if not columns:
        return None
    codes = engine.to_pandas(marked.select(columns[0]).distinct().limit(_N_BITS + 1)).dropna()
    if len(codes) > _N_BITS:
        return None
    codes = codes.sort_values(columns[0]).reset_index(drop=True)
    codes[_BIT] = codes.index.astype("int64")
    return marked.join(engine.register(codes, RESERVED + "codes"), columns[0])


def _union(parts: Sequence[Any]) -> Any:
    """Return the rows of several tables with the same columns."""
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def _count(engine: Engine, located: Any, is_concerned: Any = None) -> pd.DataFrame:
    """Return all rows of each school, those that are concerned, and their different pupils."""
    named = located.mutate(**{_TABLE: ibis.literal("")})
    concerned = ibis.literal(True) if is_concerned is None else named[is_concerned.get_name()]
    return _count_by_table(engine, named, concerned).get("", _EMPTY)


def _count_by_table(engine: Engine, located: Any, is_concerned: Any) -> dict[str, pd.DataFrame]:
    """Return the same for each table."""
    sums = located.group_by(_TABLE, SCHOOL).aggregate(
        n_rows=located[_N].sum(),
        n_affected=ibis.ifelse(is_concerned, located[_N], 0).sum(),
        n_pupils=ibis.ifelse(is_concerned, located[SUBJECT], None).nunique(),
    )
    frame = engine.to_pandas(sums)
    frame[SCHOOL] = frame[SCHOOL].fillna(NO_SCHOOL)
    return {
        str(name): rows.drop(columns=_TABLE).astype("int64").set_index(SCHOOL).sort_index()
        for name, rows in frame.groupby(_TABLE)
    }


def _frame(n_rows: pd.Series, counts: pd.DataFrame) -> pd.DataFrame:
    """Return all rows of each school beside those that are concerned."""
    frame = counts.reindex(n_rows.index.union(counts.index), fill_value=0).sort_index()
    frame[N_ROWS] = n_rows.reindex(frame.index, fill_value=0).astype("int64")
    return frame
