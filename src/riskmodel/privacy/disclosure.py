"""Disclosure control: no small count is shown, nor follows by subtraction from what is shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.errors import UsageError

DEFAULT_LIMIT = 10
"""Counts from 1 up to, not including, this are hidden: Skolverket's own practice."""

SUPPRESSED = "suppressed"
"""The reason that stands beside a null value that is hidden."""

_Counts = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]
_Cell = tuple[int, int]
_Node = tuple[str, int]


@dataclass(frozen=True)
class Suppression:
    """The counts of some groups with the small ones hidden.

    Parameters
    ----------
    counts : dict of str to int or None
        The count of each group, in the given order; None where it is hidden.
    total : int or None
        The sum over all groups; None where it is hidden too.
    limit : int
        The least positive count that may be shown.
    """

    counts: dict[str, int | None]
    total: int | None
    limit: int

    @property
    def hidden(self) -> tuple[str, ...]:
        """The groups whose count, and all figures that rest on it, must not be shown."""
        return tuple(name for name, count in self.counts.items() if count is None)

    def is_hidden(self, group: str) -> bool:
        """Tell whether a group must not be shown.

        Parameters
        ----------
        group : str
            Its name.

        Returns
        -------
        bool
            True if it is hidden, whether small itself or hidden to protect another.
        """
        return self.counts[group] is None

    def to_dict(self) -> dict[str, Any]:
        """Return the counts for JSON, a hidden one as null with its reason.

        Returns
        -------
        dict
            With `groups`, `total` and `limit`.
        """
        return {
            "groups": {name: describe_count(count) for name, count in self.counts.items()},
            "total": describe_count(self.total),
            "limit": self.limit,
        }


@dataclass(frozen=True, eq=False)
class SuppressedTable:
    """A two-way table of counts and its margins with the small ones hidden.

    Parameters
    ----------
    counts : pandas.DataFrame of Int64
        The cells; missing where hidden.
    row_totals, column_totals : pandas.Series of Int64
        The margins; missing where hidden.
    total : int or None
        The sum over all cells; None where it is hidden.
    limit : int
        The least positive count that may be shown.
    """

    counts: pd.DataFrame
    row_totals: pd.Series
    column_totals: pd.Series
    total: int | None
    limit: int

    def is_hidden(self, row: Any, column: Any) -> bool:
        """Tell whether a cell must not be shown.

        Parameters
        ----------
        row, column : hashable
            The cell's labels.

        Returns
        -------
        bool
            True if it is hidden.
        """
        return bool(pd.isna(self.counts.loc[row, column]))


def describe_count(count: int | None) -> dict[str, Any]:
    """Return a count for JSON: its value, or null with the reason.

    Parameters
    ----------
    count : int or None
        None where it is hidden.

    Returns
    -------
    dict
        With `value`, and `reason` where the value is null.

    Examples
    --------
    >>> describe_count(None)
    {'value': None, 'reason': 'suppressed'}
    """
    return {"value": None, "reason": SUPPRESSED} if count is None else {"value": int(count)}


def is_small(count: float, limit: int = DEFAULT_LIMIT) -> bool:
    """Tell whether a count is too small to be shown; nought is not.

    Parameters
    ----------
    count : float
        At least 0; not whole where pupils of equal risk share a place.
    limit : int, default 10
        The least positive count that may be shown.

    Returns
    -------
    bool
        True above 0 up to, not including, the limit.
    """
    return 0 < count < limit


def show_count(count: int, limit: int = DEFAULT_LIMIT) -> str:
    """Return a single count as text, a small one only as being small.

    Parameters
    ----------
    count : int
        At least 0.
    limit : int, default 10
        The least positive count that may be shown.

    Returns
    -------
    str
        The number, or ``"<10"``. For several counts that add up to a shown total, use
        `suppress_small_groups`.

    Examples
    --------
    >>> show_count(3), show_count(0), show_count(1200)
    ('<10', '0', '1200')
    """
    return f"<{limit}" if is_small(count, limit) else str(int(count))


def show_share(part: int, whole: int, limit: int = DEFAULT_LIMIT) -> float | None:
    """Return a share in whole per cent, if no small count follows from it.

    Parameters
    ----------
    part, whole : int
        At least 0; the part is in the whole.
    limit : int, default 10
        The least count that may be shown, on either side of the share.

    Returns
    -------
    float or None
        In [0, 1]; None where part or rest is below the limit, none at all included, since
        nobody and everybody is what a share tells of each one in the whole.

    Examples
    --------
    >>> show_share(25, 100), show_share(3, 100), show_share(0, 100)
    (0.25, None, None)
    """
    return None if min(part, whole - part) < limit else round(part / whole, 2)


def round_count(count: int, limit: int = DEFAULT_LIMIT) -> int:
    """Return a count rounded to a multiple of the limit.

    Parameters
    ----------
    count : int
        At least 0.
    limit : int, default 10
        What is rounded to.

    Returns
    -------
    int
        Of small counts 0 stands for none as well as for a few. A total of several such counts
        must be their sum and not be rounded itself: from both the parts could follow.

    Examples
    --------
    >>> round_count(4), round_count(6), round_count(1234)
    (0, 10, 1230)
    """
    return round(count / limit) * limit


def suppress_small_groups(counts: Mapping[str, int], *, limit: int = DEFAULT_LIMIT) -> Suppression:
    """Hide small groups, and others where a small one would follow from the total.

    Parameters
    ----------
    counts : mapping of str to int
        The number of persons in each group; together they are the total.
    limit : int, default 10
        The least positive count that may be shown, at least 2.

    Returns
    -------
    Suppression
        Where the total is shown, the hidden groups are none, or at least two so large together
        that each of them, for all that is known, may reach the limit. Groups without anyone
        are shown as 0.

    Raises
    ------
    UsageError
        If a count is not a whole number of at least 0, or `limit` is below 2.

    Notes
    -----
    The smallest shown group is hidden until the hidden ones are safe, the first in order
    among equals. If all are hidden and that is not enough, so is the total.

    Examples
    --------
    >>> suppress_small_groups({"a": 120, "b": 4, "c": 45}).counts
    {'a': 120, 'b': None, 'c': None}
    """
    values = _check_counts(np.array(list(counts.values()), dtype=object), limit)
    hidden = (values > 0) & (values < limit)
    shows_total = not is_small(int(values.sum()), limit)
    while shows_total and _is_unsafe(values[hidden], limit):
        open_groups = np.flatnonzero(~hidden & (values > 0))
        if open_groups.size:
            hidden[open_groups[np.argmin(values[open_groups])]] = True
        else:
            shows_total = False
    return Suppression(
        {
            name: None if is_hidden else int(value)
            for name, value, is_hidden in zip(counts, values, hidden, strict=True)
        },
        int(values.sum()) if shows_total else None,
        limit,
    )


def suppress_counts(table: pd.DataFrame, limit: int = DEFAULT_LIMIT) -> SuppressedTable:
    """Hide small cells of a two-way table, and others from which they would follow.

    Parameters
    ----------
    table : pandas.DataFrame of int, shape (n_rows, n_columns)
        Numbers of persons. Its margins count as shown, unless they must be hidden too.
    limit : int, default 10
        The least positive count that may be shown, at least 2.

    Returns
    -------
    SuppressedTable
        No hidden cell or margin can be worked out from those shown, even by a reader who
        knows that cells without anyone are always shown; and of none that is small can it be
        worked out that it is.

    Raises
    ------
    UsageError
        If a count is not a whole number of at least 0, or `limit` is below 2.

    Notes
    -----
    Small cells and margins are hidden first. Then, while a row or column gives something
    away, its smallest shown cell is hidden; then, while a hidden cell is determined by all
    equations together, the smallest shown cell in its row or column. A cell is determined if
    no cycle of hidden cells lets it change [1]_, and known to be small if no flow through such
    cycles lets it reach the limit. Both are found exactly, for whole numbers, by searches in
    the residual network.

    References
    ----------
    .. [1] D. Gusfield, "A graph theoretic approach to statistical data security", SIAM
       Journal on Computing 17(3), 1988.
    """
    inner = _check_counts(table.to_numpy(dtype=object), limit)
    values = _add_margins(inner)
    hidden = (values > 0) & (values < limit)
    while (cell := _find_next_cell(values, hidden, limit)) is not None:
        hidden[cell] = True
    shown = pd.DataFrame(values).astype("Int64").mask(hidden)
    cells = shown.iloc[:-1, :-1].set_axis(table.index).set_axis(table.columns, axis=1)
    return SuppressedTable(
        cells,
        shown.iloc[:-1, -1].set_axis(table.index),
        shown.iloc[-1, :-1].set_axis(table.columns),
        None if hidden[-1, -1] else int(values[-1, -1]),
        limit,
    )


def _check_counts(values: npt.NDArray[Any], limit: int) -> _Counts:
    """Return counts as integers, or raise."""
    if limit < 2:
        raise UsageError(f"`limit` must be at least 2, got {limit}. Use 5 or more in practice.")
    try:
        whole = values.astype(np.int64)
        bad = int((whole != values).sum() + (whole < 0).sum())
    except (TypeError, ValueError, OverflowError):
        bad = values.size
        whole = np.zeros(values.shape, dtype=np.int64)
    if bad:
        raise UsageError(
            f"`counts` must be whole numbers of at least 0, got {bad} others. Count persons."
        )
    return whole


def _is_unsafe(hidden_values: _Counts, limit: int) -> bool:
    """Tell whether hidden cells with a known sum give something away.

    One cell is its sum; and each of several is known to be small if it is so even where all
    others are 1, as little as a hidden cell can be.
    """
    n_hidden, known_sum = hidden_values.size, int(hidden_values.sum())
    return n_hidden > 0 and (n_hidden == 1 or known_sum - (n_hidden - 1) < limit)


def _add_margins(inner: _Counts) -> _Counts:
    """Return the table with its row totals, column totals and grand total appended."""
    with_rows = np.hstack([inner, inner.sum(axis=1, keepdims=True)])
    return np.vstack([with_rows, with_rows.sum(axis=0, keepdims=True)])


def _find_next_cell(values: _Counts, hidden: _Mask, limit: int) -> _Cell | None:
    """Return the next cell to hide, or None if the table is safe."""
    for line in _lines(values.shape):
        if _gives_away(values, hidden, line, limit):
            cell = _smallest_open(values, hidden, line)
            if cell is not None:
                return cell
    for row, column in np.argwhere(hidden):
        cell_node = (int(row), int(column))
        if not _is_safe(values, hidden, cell_node, limit):
            near = [line for line in _lines(values.shape) if cell_node in line]
            return _smallest_open(values, hidden, near[0] + near[1]) or _smallest_open(
                values, hidden, [(i, j) for i, j in np.ndindex(values.shape)]
            )
    return None


def _lines(shape: tuple[int, ...]) -> list[list[_Cell]]:
    """Return the cells of each row and each column, the margin last."""
    n_rows, n_columns = shape
    rows = [[(i, j) for j in range(n_columns)] for i in range(n_rows)]
    return rows + [[(i, j) for i in range(n_rows)] for j in range(n_columns)]


def _gives_away(values: _Counts, hidden: _Mask, line: list[_Cell], limit: int) -> bool:
    """Tell whether one row or column alone gives something away."""
    if hidden[line[-1]]:
        return not any(hidden[cell] for cell in line[:-1])
    inner = np.array([values[cell] for cell in line[:-1] if hidden[cell]], dtype=np.int64)
    return _is_unsafe(inner, limit)


def _smallest_open(values: _Counts, hidden: _Mask, cells: list[_Cell]) -> _Cell | None:
    """Return the smallest shown positive cell, an inner one before a margin, or None."""
    last_row, last_column = values.shape[0] - 1, values.shape[1] - 1
    candidates = [
        (i == last_row or j == last_column, int(values[i, j]), i, j)
        for i, j in cells
        if not hidden[i, j] and values[i, j] > 0
    ]
    return min(candidates)[2:] if candidates else None


def _is_safe(values: _Counts, hidden: _Mask, cell: _Cell, limit: int) -> bool:
    """Tell whether a hidden cell could have another value, and a small one reach the limit.

    It grows along any path through the residual network that leads from its column back to
    its row, by as much as the path bears; what was pushed may be pushed back later.
    """
    flows = values.copy()
    row, column = ("row", cell[0]), ("column", cell[1])
    start, goal = (column, row) if _has_arc(flows, cell, "row", grows=True) else (row, column)
    if values[cell] >= limit:
        return any(
            _has_arc(flows, cell, first[0]) and _find_path(flows, hidden, last, first, cell)
            for first, last in ((row, column), (column, row))
        )
    while flows[cell] < limit:
        path = _find_path(flows, hidden, start, goal, cell)
        if not path:
            return False
        shrinking = [flows[other] - 1 for other, grows in path if not grows]
        amount = min([limit - flows[cell], *shrinking])
        for other, grows in path:
            flows[other] += amount if grows else -amount
        flows[cell] += amount
    return True


def _find_path(
    values: _Counts, hidden: _Mask, start: _Node, goal: _Node, without: _Cell
) -> list[tuple[_Cell, bool]]:
    """Return the hidden cells on a way through the residual network, and which of them grow.

    Its nodes are the rows and columns, its arcs the hidden cells: from row to column where
    the cell, counted negative in a margin, can grow, and back where it can shrink.
    """
    came: dict[_Node, tuple[_Node, _Cell, bool] | None] = {start: None}
    queue = deque([start])
    while queue and goal not in came:
        kind, index = here = queue.popleft()
        line = hidden[index] if kind == "row" else hidden[:, index]
        for other in np.flatnonzero(line):
            cell = (index, int(other)) if kind == "row" else (int(other), index)
            node = ("column" if kind == "row" else "row", int(other))
            if node not in came and cell != without and _has_arc(values, cell, kind):
                came[node] = (here, cell, _has_arc(values, cell, kind, grows=True))
                queue.append(node)
    path = []
    step = came.get(goal)
    while step is not None:
        path.append(step[1:])
        step = came[step[0]]
    return path


def _has_arc(values: _Counts, cell: _Cell, start_kind: str, *, grows: bool = False) -> bool:
    """Tell whether a hidden cell can change along an arc, or whether it grows there."""
    is_margin = (cell[0] == values.shape[0] - 1) != (cell[1] == values.shape[1] - 1)
    does_grow = (start_kind == "row") != is_margin
    return does_grow or (not grows and bool(values[cell] > 1))
