"""Disclosure control: no small count is shown, nor follows by subtraction from what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.errors import UsageError

DEFAULT_LIMIT = 10
"""Counts from 1 up to, not including, this are hidden: Skolverket's own practice."""

SUPPRESSED = "suppressed"
"""The reason that stands beside a null value that is hidden."""

_Counts = npt.NDArray[np.int64]


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
