"""At which school a pupil was on a day, and whether any enrolment covers that day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import pandas as pd

from riskmodel.core.windows import is_before
from riskmodel.engine.session import Engine
from riskmodel.ingest.column_names import RESERVED, SUBJECT

SCHOOL = RESERVED + "school"
"""The number of a school; null where a pupil was at none."""

IS_OUTSIDE = RESERVED + "is_outside"
"""Whether no enrolment covers the row's day."""

_YEAR_BEFORE = 366
_YEAR = RESERVED + "year"
_FROM, _UNTIL, _COVERED = (RESERVED + name for name in ("from", "until", "covered"))
_PUPIL, _START = (RESERVED + name for name in ("pupil", "start"))


@dataclass(frozen=True, repr=False)
class Places:
    """Where pupils were.

    Parameters
    ----------
    stays : ibis.Table
        A row for each enrolment and year of the join; used by `locate`.
    spans : ibis.Table
        A row for each enrolment: pupil, school number, first and last day (null if open).
    numbers : ibis.Table
        The number of each `school_unit`.
    schools : pandas.DataFrame
        Indexed by number: `school_unit` and `school_type` (the type of most enrolments).
    """

    stays: Any
    spans: Any
    numbers: Any
    schools: pd.DataFrame

    def locate(self, rows: Any, day: str) -> Any:
        """Add the school of each row's day.

        Parameters
        ----------
        rows : ibis.Table
            With `subject_id` and a date column.
        day : str
            That column.

        Returns
        -------
        ibis.Table
            With `SCHOOL` and `IS_OUTSIDE` in addition; each row once.
        """
        stays, moment = self.stays.rename({_PUPIL: SUBJECT, _START: "start_date"}), rows[day]
        joined = rows.left_join(
            stays,
            [
                rows[SUBJECT] == stays[_PUPIL],
                _number_year(moment) == stays[_YEAR],
                ~is_before(moment, stays[_FROM]),
                is_before(moment, stays[_UNTIL]),
            ],
        )
        is_outside = joined[_COVERED].isnull() | is_before(joined[_COVERED], joined[day])
        is_early = is_before(joined[day], joined[_START]).fill_null(False)
        return joined.select(
            *rows.columns, **{SCHOOL: joined[SCHOOL], IS_OUTSIDE: is_outside | is_early}
        )


def place_pupils(engine: Engine, enrolments: Any, until: date) -> Places:
    """Find at which school each pupil was, from when until when.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    enrolments : ibis.Table
        Pseudonymised.
    until : datetime.date
        The day after the last that will be asked about.

    Returns
    -------
    Places
        The school of a day is that of the latest enrolment that began on it or before; up to a
        year before the first one, it is the first one's. A day is covered if any enrolment
        holds it, its last day included (SS 12000).
    """
    schools = _number_schools(engine, enrolments)
    numbers = engine.register(
        pd.DataFrame({SCHOOL: schools.index, "school_unit": schools["school_unit"]}),
        RESERVED + "schools",
    )
    known = enrolments.join(numbers, "school_unit")
    order = [known["start_date"], known[SCHOOL], known["end_date"]]
    window = ibis.window(group_by=known[SUBJECT], order_by=order)
    so_far = ibis.window(group_by=known[SUBJECT], order_by=order, preceding=None, following=0)
    start, is_first = known["start_date"], ibis.row_number().over(window) == 0
    stays = known.select(
        SUBJECT,
        SCHOOL,
        "start_date",
        **{
            _FROM: ibis.ifelse(is_first, start - ibis.interval(days=_YEAR_BEFORE), start),
            _UNTIL: start.lead().over(window).coalesce(ibis.literal(until)),
            _COVERED: known["end_date"].coalesce(ibis.literal(date.max)).max().over(so_far),
        },
    )
    years = ibis.range(_number_year(stays[_FROM]), _number_year(stays[_UNTIL]) + 1)
    return Places(
        engine.materialise(stays.mutate(**{_YEAR: years.unnest()}), RESERVED + "stays"),
        known.select(SUBJECT, SCHOOL, "start_date", "end_date"),
        numbers,
        schools,
    )


def _number_year(moments: Any) -> Any:
    """Return a number that is the same for days of about one school year.

    It only divides the join into small parts: any other division gives the same rows.
    """
    return moments.year() + (moments.month() > 6).cast("int32")


def _number_schools(engine: Engine, enrolments: Any) -> pd.DataFrame:
    """Return the schools in order of their names, with the type of most of their enrolments."""
    sizes = enrolments.group_by("school_unit", "school_type").aggregate(n=enrolments.count())
    frame = engine.to_pandas(sizes).sort_values(
        ["school_unit", "n", "school_type"], ascending=[True, False, True]
    )
    first = frame.drop_duplicates("school_unit").reset_index(drop=True)
    return first[["school_unit", "school_type"]].rename_axis(SCHOOL)
