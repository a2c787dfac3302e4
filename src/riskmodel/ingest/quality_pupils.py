"""Pupils who are alike: counted by what others may know of them and by what must stay private."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.engine.session import Engine
from riskmodel.ingest.column_names import RESERVED, SUBJECT

SCHOOL_UNIT = "school_unit"
"""A quasi-identifier that is not in `subjects`: the school of the latest enrolment."""

HEALTH, OUTCOME = "health_contacts", "outcome"
"""The sensitive attributes: how many health contacts, in classes, and the outcome."""

_HEALTH_CLASSES = ((1, "0"), (3, "1–2"), (6, "3–5"))
_MOST = "6–"


def count_alike(
    engine: Engine,
    tables: Mapping[str, Any],
    quasi_identifiers: Sequence[str],
    outcome: str | None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Count the pupils who are alike in quasi-identifiers and sensitive attributes.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        Pseudonymised; `subjects` and `enrolments` must be there.
    quasi_identifiers : sequence of str
        Columns of `subjects`, and perhaps `SCHOOL_UNIT`.
    outcome : str or None
        Which outcome.

    Returns
    -------
    counts : pandas.DataFrame
        Text columns, missing where not known, and the number of pupils `n`.
    sensitive : tuple of str
        The sensitive attributes for which there is a table.
    """
    pupils, sensitive = tables["subjects"], []
    if SCHOOL_UNIT in quasi_identifiers:
        pupils = _join(pupils, _find_latest(tables["enrolments"], "start_date", SCHOOL_UNIT))
    check_columns(pupils.columns, list(quasi_identifiers), where="privacy.quasi_identifiers")
    known = pupils.select(SUBJECT, **{n: pupils[n].cast("string") for n in quasi_identifiers})
    if HEALTH in tables:
        contacts = tables[HEALTH].group_by(SUBJECT).aggregate(n_contacts=tables[HEALTH].count())
        known = _join(known, contacts)
        number = known["n_contacts"].fill_null(0)
        classes = [(number < limit, label) for limit, label in _HEALTH_CLASSES]
        known = known.mutate(**{_SENSITIVE[HEALTH]: ibis.cases(*classes, else_=_MOST)})
        sensitive.append(_SENSITIVE[HEALTH])
    if outcome is not None and "outcomes" in tables:
        rows = tables["outcomes"]
        rows = rows.filter((rows["outcome"] == outcome) & (rows["status"] == "observed"))
        known = _join(known, _find_latest(rows, "date", "value"))
        known = known.mutate(**{_SENSITIVE[OUTCOME]: known["value"].cast("string")})
        sensitive.append(_SENSITIVE[OUTCOME])
    named = [*quasi_identifiers, *sensitive]
    counts = engine.to_pandas(known.group_by(named).aggregate(n=known.count()))
    return counts.rename(columns=_NAMES), tuple(_NAMES[name] for name in sensitive)


_SENSITIVE = {name: RESERVED + name for name in (HEALTH, OUTCOME)}
_NAMES = {column: name for name, column in _SENSITIVE.items()}


def _join(pupils: Any, others: Any) -> Any:
    """Add columns of at most one row per pupil."""
    other = others.rename({RESERVED + "other": SUBJECT})
    joined = pupils.left_join(other, pupils[SUBJECT] == other[RESERVED + "other"])
    return joined.drop(RESERVED + "other")


def _find_latest(rows: Any, day: str, column: str) -> Any:
    """Return a column's value on each pupil's last day; of several, the last in order."""
    window = ibis.window(group_by=rows[SUBJECT], order_by=[rows[day].desc(), rows[column].desc()])
    ranked = rows.mutate(place=ibis.row_number().over(window))
    return ranked.filter(ranked["place"] == 0).select(SUBJECT, column)
