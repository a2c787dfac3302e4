"""Days and lengths in the texts of SS 12000: moments become days in Sweden."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis

from riskmodel.core.windows import is_before

_ZONE = "Europe/Stockholm"
_OPEN_END = date(9999, 12, 31)
"""Stands for no end in many systems; there is no day after it."""

_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MOMENT = (
    r"^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})?$"
)
_WITH_ZONE = r"([Zz]|[+-][0-9]{2}:?[0-9]{2})$"


def to_day(text: Any) -> Any:
    """Return the days in texts such as ``2024-09-02``, null where there is none.

    Parameters
    ----------
    text : ibis column of str
        Days, or moments whose day it is.

    Returns
    -------
    ibis column of date
        Days.
    """
    return ibis.coalesce(_where(text, _DAY).try_cast("date"), to_local(text).date())


def to_local(text: Any) -> Any:
    """Return the moments in texts as clocks in Sweden show them, null where there is none.

    Parameters
    ----------
    text : ibis column of str
        RFC 3339 moments of the years 1900 to 2099. One without a zone is taken as local.

    Returns
    -------
    ibis column of timestamp
        Without a zone.
    """
    given = _where(text, _MOMENT)
    zoned = _where(given, _WITH_ZONE).try_cast("timestamp('UTC')")
    return ibis.coalesce(
        _to_zone(ibis.literal(_ZONE), zoned),
        ibis.ifelse(given.re_search(_WITH_ZONE), ibis.null("string"), given).try_cast("timestamp"),
    )


def to_local_day_text(text: Any) -> Any:
    """Return the local day of moments as text; a text that is no moment stays as it is.

    Parameters
    ----------
    text : ibis column of str
        Moments.

    Returns
    -------
    ibis column of str
        Days, or what the data contract will find to be none.
    """
    return ibis.coalesce(to_day(text).cast("string"), text)


def to_end_text(text: Any) -> Any:
    """Return the first day after a last day as text; a text that is no day stays as it is.

    Parameters
    ----------
    text : ibis column of str
        Last days, included, as the standard has them.

    Returns
    -------
    ibis column of str
        The days on which spans have ended, as the library has them.
    """
    day = to_day(text)
    after = ibis.ifelse(is_before(day, _OPEN_END), day + ibis.interval(days=1), day)
    return ibis.coalesce(after.strftime("%Y-%m-%d"), text)


def to_minutes(start: Any, end: Any) -> Any:
    """Return the minutes between moments, null where one is missing or they are not in order.

    Parameters
    ----------
    start, end : ibis column of str
        Moments.

    Returns
    -------
    ibis column of float
        Minutes.
    """
    seconds = to_local(end).epoch_seconds() - to_local(start).epoch_seconds()
    return ibis.ifelse(seconds > 0, seconds / 60, None)


def _where(text: Any, pattern: str) -> Any:
    """Return texts that fit a pattern, null in place of others."""
    return ibis.ifelse(text.re_search(pattern), text, ibis.null("string"))


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp('UTC')"), "timestamp"))
def _to_zone(zone, moment):  # type: ignore[no-untyped-def]
    """Return moments as clocks in a zone show them."""
