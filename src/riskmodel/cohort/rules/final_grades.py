"""The final grades of compulsory school: which rows they are, and when they were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import pandas as pd

from riskmodel.cohort.rules.specs import FinalYear, load_compulsory_rules
from riskmodel.cohort.rules.subjects import SCHEMA, name_compulsory_subjects
from riskmodel.cohort.rules.versions import holds_on
from riskmodel.core.validation import find_missing_columns
from riskmodel.core.windows import SchoolCalendar, is_current
from riskmodel.errors import DataContractError

GRADE_COLUMNS = ("subject_id", "date", "subject", "is_final", "grade_points", "is_pass")
"""The columns of grades that every rule needs."""

_FACT_KEY = ("subject_id", "subject", "term", "school_year")


def check_grades(grades: Any) -> None:
    """Raise if the grades lack what the rules read.

    Parameters
    ----------
    grades : ibis.Table
        The pseudonymised grades.

    Raises
    ------
    DataContractError
        With one finding for each missing column.
    """
    findings = find_missing_columns(grades.columns, GRADE_COLUMNS, where="grades")
    if findings:
        raise DataContractError(
            f"`grades` must have the columns that an outcome is computed from, got "
            f"{len(findings)} missing. Map them in the configuration.",
            findings,
        )


def final_rows(grades: Any, *, courses: bool) -> Any:
    """Return the final grades, of several about one fact the one known last.

    Parameters
    ----------
    grades : ibis.Table
        Columns of `GRADE_COLUMNS`; term, school_year, points and known_date if there are any.
    courses : bool
        Those of upper secondary school, which have points, or those of compulsory school.

    Returns
    -------
    ibis.Table
        Columns subject_id, code, school_year, points, grade_points, is_pass, `day` and
        `known`, the day on which the grade was known. A correction has the same subject, term
        and school year as what it corrects; a row that lacks one of these is a fact of its own.
    """
    absent = {"term": "string", "school_year": "int64", "points": "float64", "known_date": "date"}
    rows = grades.mutate(
        **{name: ibis.null(kind) for name, kind in absent.items() if name not in grades.columns}
    )
    has_points = rows.points.fill_null(0) > 0
    rows = rows.filter(rows.is_final.fill_null(False) & (has_points == courses))
    rows = rows.mutate(known=ibis.greatest(rows["date"], ibis.coalesce(rows.known_date, rows.date)))
    rank = ibis.row_number().over(
        group_by=[rows[name] for name in _FACT_KEY],
        order_by=[
            rows.known.desc(),
            rows.date.desc(),
            rows.is_pass.fill_null(False).desc(),
            rows.grade_points.desc(nulls_first=False),
        ],
    )
    is_whole = ibis.and_(*(rows[name].notnull() for name in _FACT_KEY))
    kept = rows.mutate(rank=rank, is_whole=is_whole)
    kept = kept.filter((kept["rank"] == 0) | ~kept.is_whole)
    return kept.select(
        "subject_id",
        "school_year",
        "grade_points",
        "known",
        code=kept.subject,
        points=kept.points.cast("float64"),
        is_pass=kept.is_pass.fill_null(False),
        day=kept.date,
    )


def name_subjects(rows: Any) -> Any:
    """Return final grades in subjects of compulsory school, with the subject's name.

    Parameters
    ----------
    rows : ibis.Table
        What `final_rows` returned.

    Returns
    -------
    ibis.Table
        The same columns and `subject`. Rows whose code is not known on their day are left out.
    """
    codes = rows.select("code").distinct().filter(lambda row: row.code.notnull())
    names = name_compulsory_subjects(codes.to_pyarrow()["code"].to_pylist())
    known = ibis.memtable(names, schema=SCHEMA)
    joined = rows.join(known, "code")
    valid = is_current(joined.valid_from, joined.valid_to, joined.day)
    return joined.filter(valid).drop("valid_from", "valid_to")


def decisions(
    rows: Any, *, calendar: SchoolCalendar, years: Sequence[FinalYear] | None = None
) -> Any:
    """Return the days on which pupils got their final grades.

    Parameters
    ----------
    rows : ibis.Table
        What `name_subjects` returned.
    calendar : SchoolCalendar
        On which day a school year starts.
    years : sequence of FinalYear, optional
        By default those that come with the library.

    Returns
    -------
    ibis.Table
        Columns subject_id, `day` and `known`: the last final grade of each school year in which
        a pupil got one in the final grade level (or in none that is told). A grade that is
        final early, in a subject that ends before, decides nothing by itself.
    """
    if years is None:
        years = load_compulsory_rules().final_years
    final = ibis.literal(False)
    for item in years:
        level = rows.school_year.isnull() | (rows.school_year == item.grade_level)
        final = final | (holds_on(item, rows.day) & level)
    days = rows.select("day").distinct().to_pyarrow()["day"].to_pylist()
    starts = pd.DataFrame(
        {"day": days, "year": [calendar.year_start(day) for day in days]}, dtype="object"
    )
    placed = rows.mutate(is_deciding=final).join(
        ibis.memtable(starts, schema={"day": "date", "year": "date"}), "day"
    )
    found = placed.group_by("subject_id", "year").aggregate(
        day=placed.day.max(), known=placed.known.max(), is_deciding=placed.is_deciding.any()
    )
    return found.filter(found.is_deciding).select("subject_id", "day", "known")
