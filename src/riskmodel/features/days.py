"""Days as bits: how many there are, and how many come in a row.

The days of one cell on which a pupil has a row that counts, and those on which it is a hit,
are the bits of two whole numbers. A run is a number of hits in a row among the pupil's own
days: a day without a row that counts neither breaks nor lengthens it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import pandas as pd

from riskmodel.features.aggregations import LONGEST_CELL_DAYS

RUN_PARTS = ("longest", "misses", "length")
"""What `find_runs` says of runs."""


@ibis.udf.scalar.builtin(name="bit_count")  # type: ignore[untyped-decorator]
def _bit_count(number: int) -> dt.int8:
    """Return how many bits are set; the engines' own function."""


@dataclass(frozen=True)
class DaySet:
    """The days of one kind of row in one span.

    Parameters
    ----------
    days, hits : str
        The columns of bits.
    span : str
        The column that says which cells are inside.
    """

    days: str
    hits: str
    span: str


def make_bits() -> pd.DataFrame:
    """Return the bits of a cell's days.

    Returns
    -------
    pandas.DataFrame
        One row per day: ``value``, its bit, and ``upto``, it and all bits before.
    """
    values = [1 << number for number in range(LONGEST_CELL_DAYS)]
    return pd.DataFrame({"value": values, "upto": [2 * value - 1 for value in values]})


def count_bits(number: Any) -> Any:
    """Return how many bits of a whole number are set.

    Parameters
    ----------
    number : ibis integer column
        Not negative.

    Returns
    -------
    ibis integer column
        From 0 to 63, in 32 bits.
    """
    return _bit_count(number).cast("int32")


def unite_days(seen: Any, sets: Sequence[DaySet]) -> Any:
    """Unite the days that became known at different times.

    Parameters
    ----------
    seen : ibis.Table
        One row per row of the cohort and cell that sees it, and more where rows of one
        cell became known at different times.
    sets : sequence of DaySet
        The days.

    Returns
    -------
    ibis.Table
        One row per row of the cohort and cell, with the columns of the sets.
    """
    columns = {name for item in sets for name in (item.days, item.hits)}
    united = {name: seen[name].bit_or() for name in sorted(columns)}
    spans = {name: seen[name].arbitrary() for name in sorted({item.span for item in sets})}
    return seen.group_by("row_no", "cell").aggregate(**united, **spans)


def count_days(united: Any, sets: Mapping[str, DaySet]) -> Any:
    """Count days, and those that are hits.

    Parameters
    ----------
    united : ibis.Table
        As `unite_days` returns it.
    sets : mapping of str to DaySet
        The days by name.

    Returns
    -------
    ibis.Table
        One row per row of the cohort; for each set its name with ``_days`` and with
        ``_hits``.
    """
    counts = {}
    for name, item in sets.items():
        for part, column in (("days", item.days), ("hits", item.hits)):
            inside = ibis.ifelse(united[item.span], united[column], None)
            counts[f"{name}_{part}"] = count_bits(inside.fill_null(0)).sum()
    return united.group_by("row_no").aggregate(**counts)


def number_misses(united: Any, sets: Mapping[str, DaySet]) -> Any:
    """Count the misses, days that are no hits, before each cell.

    Parameters
    ----------
    united : ibis.Table
        As `unite_days` returns it.
    sets : mapping of str to DaySet
        The days by name.

    Returns
    -------
    ibis.Table
        ``row_no`` and for each set its name with ``_hits`` and ``_misses``, as bits, and with
        ``_before``, the misses in earlier cells; one row per row of the cohort and cell.
    """
    upto = ibis.cumulative_window(group_by="row_no", order_by="cell")
    columns = {}
    for name, item in sets.items():
        hits = united[item.hits].fill_null(0)
        columns[f"{name}_hits"] = ibis.ifelse(united[item.span], hits, 0)
        misses = ibis.ifelse(united[item.span], united[item.days] - hits, 0).fill_null(0)
        columns[f"{name}_misses"] = misses
        before = count_bits(misses).sum().over(upto) - count_bits(misses)
        columns[f"{name}_before"] = before.cast("int32")
    return united.select("row_no", **columns)


def find_runs(numbered: Any, name: str, bits: Any) -> Any:
    """Find the longest run of hits, and the latest one.

    Parameters
    ----------
    numbered : ibis.Table
        As `number_misses` returns it.
    name : str
        The set of days.
    bits : ibis.Table
        As `make_bits` returns them.

    Returns
    -------
    ibis.Table
        ``row_no``, ``longest`` (in days), and of the latest run the ``misses`` before it, which
        are all of them if it lasts until the latest day, and its ``length``; without those who
        have no hit.

    Notes
    -----
    Only hits are taken out of the bits. Those of one run have the same number of misses before
    them.
    """
    hits, misses = numbered[f"{name}_hits"], numbered[f"{name}_misses"]
    cells = numbered.select("row_no", hits=hits, misses=misses, before=f"{name}_before")
    cells = cells.filter(cells.hits != 0)
    taken = cells.join(bits, [(cells.hits & bits.value) != 0])
    before = taken.before + count_bits(taken.misses & taken.upto)
    taken = taken.select("row_no", misses=before.cast("int32"))
    runs = taken.group_by("row_no", "misses").aggregate(length=taken.count())
    return runs.group_by("row_no").aggregate(
        longest=runs.length.max(),
        misses=runs.misses.max(),
        length=runs.length.argmax(runs.misses),
    )
