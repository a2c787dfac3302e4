"""Leaving school early, term by term: who is still there when each term is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from riskmodel.cohort.build import select_outcome
from riskmodel.cohort.population import Conditions, is_void, match_rows
from riskmodel.cohort.specs import CohortSpec, LeavingSpec
from riskmodel.core.validation import check_columns
from riskmodel.core.windows import SchoolCalendar, is_before, is_current
from riskmodel.errors import UndefinedMetricError

LEAVING_COLUMNS = ("subject_id", "prediction_date", "point", "term", "known_date", "left")
"""The columns of the terms, in order."""

_KEYS = ["subject_id", "prediction_date", "point", "term"]
_ENDED = ("moved", "deceased")
_TYPES = {
    "subject_id": "string", "prediction_date": "date", "point": "string", "term": "int64",
    "term_end": "date", "known_date": "date",
}  # fmt: skip


def follow_terms(
    tables: Mapping[str, Any],
    labels: pd.DataFrame,
    spec: CohortSpec,
    *,
    calendar: SchoolCalendar,
) -> pd.DataFrame:
    """Follow pupils from the prediction date, term by term, until they leave.

    Term 1 is the one that holds the prediction date. A pupil has left in the first term that
    is followed by `grace_days` without an enrolment that counts. Who has completed stays in
    the count to the end as one who did not leave. Who moves away or dies is followed until
    the term before, and everybody until the last term of which all is known.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The population's table and ``outcomes``, with the columns that `build_cohort` needs.
    labels : pandas.DataFrame
        One row per pupil and prediction date: subject_id, prediction_date and point.
    spec : CohortSpec
        With `leaving`; without, nobody is followed.
    calendar : SchoolCalendar
        On which days terms start.

    Returns
    -------
    pandas.DataFrame
        One row for each term that a pupil began and of which all is known, sorted: the
        columns of `LEAVING_COLUMNS`. `term` counts from 1; `known_date` is the first day on
        which it was known whether the pupil had left; `left` is 1 in the term in which the
        pupil left, the last one then, else 0.

    Raises
    ------
    UsageError
        If a column is missing.

    Examples
    --------
    A pupil of whom nothing is enrolled after June left in the second term: the school year
    had begun, but 60 days without school had gone by on 30 August.
    """
    check_columns(list(labels.columns), ("subject_id", "prediction_date", "point"), where="labels")
    if spec.leaving is None or labels.empty:
        return _tidy(pd.DataFrame(columns=[*_KEYS, "known_date", "left"]))
    enrolments = _select_enrolments(tables[spec.population.table], spec.leaving)
    known_until = spec.leaving.known_until or enrolments.start_date.max().to_pyarrow().as_py()
    begun = _list_terms(labels, spec.leaving, calendar)
    begun = begun[~is_before(pd.Series(known_until, begun.index), begun["known_date"])]
    terms = ibis.memtable(begun, schema={name: _TYPES[name] for name in begun.columns})
    people = ibis.memtable(
        labels[_KEYS[:3]].drop_duplicates(), schema={name: _TYPES[name] for name in _KEYS[:3]}
    )
    rows = people.join(terms, ["prediction_date", "point"])
    rows = _attach_enrolments(rows, enrolments)
    rows = _attach_ends(rows, tables["outcomes"], spec)
    return _tidy(_follow(rows.to_pyarrow().to_pandas()))


def known_before(terms: pd.DataFrame, limit: date) -> pd.DataFrame:
    """Return the terms of which all was known before a day.

    Parameters
    ----------
    terms : pandas.DataFrame
        What `follow_terms` returned.
    limit : datetime.date
        The first day that is too late.

    Returns
    -------
    pandas.DataFrame
        Some of the rows.
    """
    known: pd.DataFrame = terms[is_before(terms["known_date"], limit)]
    return known


def demand_leavers(terms: pd.DataFrame, *, fewest: int, where: str) -> None:
    """Demand enough pupils who left, and terms in which pupils stayed.

    Parameters
    ----------
    terms : pandas.DataFrame
        What `follow_terms` returned.
    fewest : int
        The fewest of either.
    where : str
        Which terms they are, for the message.

    Raises
    ------
    UndefinedMetricError
        If there are fewer.
    """
    n_left = int(terms["left"].sum())
    if min(n_left, len(terms) - n_left) < fewest:
        raise UndefinedMetricError(
            f"`{where}` must hold at least {fewest} pupils who left in a known term, and as many "
            "who stayed, got fewer. Follow more cohorts, or leave `cohort.leaving` out."
        )


def _list_terms(labels: pd.DataFrame, spec: LeavingSpec, calendar: SchoolCalendar) -> pd.DataFrame:
    """Return the terms of each prediction date, when they end and when all is known of them."""
    dates = labels[["prediction_date", "point"]].drop_duplicates()
    rows = [
        (moment, point, number, end, end + timedelta(days=spec.grace_days))
        for moment, point in dates.itertuples(index=False)
        for number, end in enumerate(calendar.term_ends(moment, spec.terms), start=1)
    ]
    names = ["prediction_date", "point", "term", "term_end", "known_date"]
    return pd.DataFrame(rows, columns=names).sort_values(names[:3], ignore_index=True)


def _select_enrolments(table: Any, spec: LeavingSpec) -> Any:
    """Return the enrolments that count as going to school, less those that never came about."""
    conditions: Conditions = (spec.where,) if spec.where else ()
    kept = table.filter(match_rows(table, conditions) & ~is_void(table))
    return kept.select("subject_id", "start_date", "end_date")


def _attach_enrolments(rows: Any, enrolments: Any) -> Any:
    """Add whether a pupil has an enrolment in the days of grace after each term."""
    joined = rows.join(enrolments, "subject_id")
    returns = is_before(joined.start_date, joined.known_date) & ~is_before(
        joined.start_date, joined.term_end
    )
    is_there = returns | is_current(joined.start_date, joined.end_date, joined.term_end)
    found = joined.group_by(_KEYS).aggregate(is_enrolled=is_there.any())
    both = rows.left_join(found, _KEYS)
    return both.select(*rows.columns, is_enrolled=both.is_enrolled.fill_null(False))


def _attach_ends(rows: Any, outcomes: Any, spec: CohortSpec) -> Any:
    """Add whether a pupil had completed, or moved away or died, when a term was known."""
    joined = rows.join(select_outcome(outcomes, spec.outcome), "subject_id")
    is_past = is_before(joined.day, joined.known_date)
    found = joined.group_by(_KEYS).aggregate(
        completed=(joined.completed & is_past).any(),
        ended=(joined.status.isin(_ENDED) & is_past).any(),
    )
    both = rows.left_join(found, _KEYS)
    return both.select(
        *rows.columns,
        completed=both.completed.fill_null(False),
        ended=both.ended.fill_null(False),
    )


def _follow(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the terms until a pupil leaves, or is not followed any longer."""
    rows = rows.sort_values(_KEYS, ignore_index=True)
    is_away = ~rows["is_enrolled"] & ~rows["completed"]
    stops = rows["ended"] & ~rows["completed"]
    left = is_away & ~stops
    pupil = [rows[name] for name in _KEYS[:3]]
    n_before = (left | stops).astype("int64").groupby(pupil).cumsum() - (left | stops)
    kept = rows.assign(left=left.astype("float64"))[(n_before == 0) & ~stops]
    return kept[list(LEAVING_COLUMNS)]


def _tidy(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in order with their types, also where there are none."""
    tidy = rows[list(LEAVING_COLUMNS)].astype({"term": "int64", "left": "float64"})
    order = ["prediction_date", "point", "subject_id", "term"]
    return tidy.sort_values(order, ignore_index=True)
