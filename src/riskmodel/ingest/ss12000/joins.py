"""Joins of entities by the names of columns."""

from __future__ import annotations

from typing import Any, Literal

How = Literal["inner", "left", "semi", "anti"]


def join(left: Any, right: Any, how: How, **on: str) -> Any:
    """Join two tables.

    Parameters
    ----------
    left, right : ibis.Table
        Without a common column name, so that each keeps its own.
    how : {'inner', 'left', 'semi', 'anti'}
        Which rows are kept.
    **on : str
        For each column of `left`, the one of `right` that it must equal.

    Returns
    -------
    ibis.Table
        The columns of `left`, and those of `right` unless it merely selects rows.

    Notes
    -----
    Ibis adds a join of joined rows to the first join, where columns computed in between are
    not known; a view of the rows keeps the two apart.
    """
    left, right = left.view(), right.view()
    predicates = [left[mine] == right[other] for mine, other in on.items()]
    return left.join(right, predicates, how=how)
