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

_ALL_BITS = (1 << LONGEST_CELL_DAYS) - 1

RUN_PARTS = ("longest", "current")
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
    """Count the misses, days that are no hits, before and after each cell.

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
        ``_before`` and ``_after``, the misses in earlier and in later cells; one row per row of
        the cohort and cell.
    """
    every = ibis.window(group_by="row_no")
    upto = ibis.cumulative_window(group_by="row_no", order_by="cell")
    columns = {}
    for name, item in sets.items():
        hits = united[item.hits].fill_null(0)
        columns[f"{name}_hits"] = ibis.ifelse(united[item.span], hits, 0)
        misses = ibis.ifelse(united[item.span], united[item.days] - hits, 0).fill_null(0)
        columns[f"{name}_misses"] = misses
        count = count_bits(misses)
        seen = count.sum().over(upto)
        columns[f"{name}_before"] = (seen - count).cast("int32")
        columns[f"{name}_after"] = (count.sum().over(every) - seen).cast("int32")
    return united.select("row_no", **columns)


def find_runs(numbered: Any, name: str, bits: Any) -> Any:
    """Find the longest run of hits, and the one that lasts until the latest day.

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
        ``row_no``, ``longest`` and ``current``, in days; without those who have no hit.

    Notes
    -----
    Only the first day of each run in a cell is taken out of the bits. A run with a miss on
    either side lies within its cell. The parts of another one have the same number of misses
    before them.
    """
    parts = ("hits", "misses", "before", "after")
    cells = numbered.select("row_no", **{part: numbered[f"{name}_{part}"] for part in parts})
    cells = cells.filter(cells.hits != 0)
    firsts = cells.mutate(firsts=_find_firsts(cells.hits, cells.misses))
    taken = firsts.join(bits, [(firsts.firsts & bits.value) != 0])
    earlier = taken.misses & taken.upto
    later = taken.misses - earlier
    # The lowest bit of a number is what it has in common with its opposite.
    taken = taken.select(
        "row_no", "hits", "before", "after", "value", earlier=earlier, end=later & -later
    )
    is_last = taken.end == 0
    days = ibis.ifelse(
        is_last,
        taken.hits - (taken.hits & (taken.value - 1)),
        taken.hits & (taken.end - taken.value),
    )
    is_open = is_last | (taken.earlier == 0)
    number = taken.before + count_bits(taken.earlier)
    lengths = taken.select(
        "row_no",
        length=count_bits(days),
        number=ibis.ifelse(is_open, number.cast("int32"), None),
        is_current=is_last & (taken.after == 0),
    )
    runs = lengths.group_by("row_no", "number").aggregate(
        whole=lengths.length.sum(),
        longest=lengths.length.max(),
        current=ibis.ifelse(lengths.is_current, lengths.length, 0).sum(),
    )
    longest = ibis.ifelse(runs.number.isnull(), runs.longest, runs.whole)
    return runs.group_by("row_no").aggregate(longest=longest.max(), current=runs.current.sum())


def _find_firsts(hits: Any, misses: Any) -> Any:
    """Return the hits before which there is no hit in the cell, or a miss in between.

    Twice a number is each of its days moved to the next. Where that is a day without a row, to
    add all such days carries it on to the next day that has one.
    """
    gaps = _ALL_BITS - (hits + misses)
    moved = hits + hits
    following = ((moved & gaps) + gaps) | moved
    return hits - (hits & following)
