"""How much a check of the data found, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskmodel.report.formatting import PERCENT, format_number, format_percent, format_range
from riskmodel.report.language import Texts

Finding = Mapping[str, Any]

UNITS = {
    "not_reported": "rows",
    "calendar_gap": "days",
    "reporting_drop": "weeks",
    "repeated_rows": "rows",
    "grade_scale": "rows",
    "outside_enrolment": "rows",
    "age_for_grade": "rows",
}
"""What each check counts, in the order of the page."""


def has_share(finding: Finding) -> bool:
    """Tell whether a share says anything: of all days or weeks of all schools it does not.

    Parameters
    ----------
    finding : mapping
        What one check found in one table.

    Returns
    -------
    bool
        True for shares of rows that are known.
    """
    return finding["share"] is not None and UNITS[finding["check"]] == "rows"


def write_found(count: int, check: str, t: Texts) -> str:
    """Return a number of rows, days or weeks in words.

    Parameters
    ----------
    count : int
        How many.
    check : str
        The check.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        The number with its unit.
    """
    return t.count(f"quality.count.{UNITS[check]}", count, count=format_number(count, t.language))


def write_share(share: float, t: Texts) -> str:
    """Return a share with as many decimals as it needs to be told from none.

    Parameters
    ----------
    share : float
        In [0, 1].
    t : Texts
        The reader's language.

    Returns
    -------
    str
        A percentage.
    """
    return format_percent(share, t.language, _choose_digits(share))


def write_span(found: Sequence[Mapping[str, Any]], check: str, t: Texts) -> str:
    """Return from how much to how much a check found at several schools.

    Parameters
    ----------
    found : sequence of mapping
        What it found at each school, with `value` and perhaps a `share`; at least one.
    check : str
        The check.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        Shares of rows, where all are known; otherwise numbers of rows, days or weeks.
    """
    shares = [one["share"] for one in found]
    if UNITS[check] == "rows" and None not in shares:
        low, high = min(shares), max(shares)
        digits = _choose_digits(low)
        ends = [format_number(100 * one, t.language, digits) for one in (low, high)]
        if ends[0] == ends[1]:
            return write_share(low, t)
        span = format_range(low, high, t.language, digits=digits, percent=True)
        return span + PERCENT[t.language]
    low, high = min(one["value"] for one in found), max(one["value"] for one in found)
    if low == high:
        return write_found(high, check, t)
    return t.count(f"quality.count.{UNITS[check]}", high, count=format_range(low, high, t.language))


def _choose_digits(share: float) -> int:
    """Return with how many decimals a percentage is written."""
    return 0 if share >= 0.1 or share == 0 else 1 + (share < 0.01)
