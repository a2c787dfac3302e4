"""Dates in the ways that extracts write them: one format, or several tried in order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

import ibis

EXCEL = "excel"
"""Stands among formats for Excel's numbering of days, with 1 as 1 January 1900."""

ISO = "%Y-%m-%d"
"""How dates are written where nothing else is said."""

_ISO_TEXT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?$"
_ISO_LENGTH = len("2024-01-31")
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
_SERIAL_TEXT = r"^[1-9][0-9]{4}([.,][0-9]+)?$"  # from 18 May 1927 until 2173
_SERIAL_ORIGIN = "1899-12-30"
_FIRST_YEAR = 1800  # the engine reads a year of two digits as one of the first century
_SAMPLE_DAY = datetime(2013, 11, 27)


def check_format(text: str) -> str:
    """Return a date format, or raise where it does not give a whole date.

    Parameters
    ----------
    text : str
        A strptime format, or ``"excel"``.

    Returns
    -------
    str
        The same.

    Raises
    ------
    ValueError
        If it lacks a year, a month or a day.

    Examples
    --------
    >>> check_format("%d/%m %Y")
    '%d/%m %Y'
    """
    try:
        is_fit = text == EXCEL or (
            datetime.strptime(_SAMPLE_DAY.strftime(text), text).date() == _SAMPLE_DAY.date()
        )
    except ValueError:
        is_fit = False
    if not is_fit:
        raise ValueError(
            "`date_format` must hold a year, a month and a day, as in '%Y%m%d', or be 'excel'"
        )
    return text


def choose_cell_format(formats: Sequence[str]) -> str | None:
    """Return how a real date in a sheet is to be written, so that it is read again.

    Parameters
    ----------
    formats : sequence of str
        The formats of a source; empty is ISO 8601.

    Returns
    -------
    str or None
        A strptime format; None is ISO 8601.

    Examples
    --------
    >>> choose_cell_format(["excel", "%Y%m%d"])
    '%Y%m%d'
    """
    return next((text for text in formats if text != EXCEL), None)


def to_date(given: Any, formats: Sequence[str]) -> Any:
    """Return days, null where there is none.

    Parameters
    ----------
    given : ibis.Column
        Text, dates or moments.
    formats : sequence of str
        Tried in order; empty is ISO 8601.

    Returns
    -------
    ibis.Column of date
        A time of day is dropped; a moment with a time zone gives no day.
    """
    kind = given.type()
    if kind.is_date():
        return given
    if kind.is_timestamp():
        return given.cast("date") if kind.timezone is None else ibis.null("date")
    if formats:
        return ibis.coalesce(*(_parse(given.strip(), one) for one in formats))
    return _parse_iso(given)


def is_ambiguous(given: Any, formats: Sequence[str]) -> Any:
    """Tell which texts are one day by one of the formats and another day by another.

    Parameters
    ----------
    given : ibis.Column
        Text.
    formats : sequence of str
        The formats.

    Returns
    -------
    ibis.Column of bool
        Never missing.
    """
    text = given.strip()
    clash = ibis.literal(False)
    for one, other in find_rivals(formats):
        clash = clash | (_parse(text, one) != _parse(text, other)).fill_null(False)
    return clash


def find_rivals(formats: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of formats that may read one text as two days.

    Parameters
    ----------
    formats : sequence of str
        The formats.

    Returns
    -------
    list of tuple of str
        Pairs that have the same marks between their parts.

    Examples
    --------
    >>> find_rivals(["%d/%m/%Y", "%Y-%m-%d", "%m/%d/%Y"])
    [('%d/%m/%Y', '%m/%d/%Y')]
    """
    marks = {text: re.sub(r"%[A-Za-z]", "#", text) for text in formats if text != EXCEL}
    return [(one, other) for one, other in combinations(marks, 2) if marks[one] == marks[other]]


def _parse(text: Any, date_format: str) -> Any:
    """Return the days of one format."""
    if date_format == EXCEL:
        is_serial = text.re_search(_SERIAL_TEXT)
        number = ibis.cases((is_serial, text.substr(0, 5)), else_=ibis.null("string"))
        day = ibis.literal(_SERIAL_ORIGIN).cast("date") + number.try_cast("int32").as_interval("D")
        return ibis.coalesce(day.cast("date"), _parse_iso(text))
    moment = _try_strptime(text, [date_format + time for time in _TIMES])
    return ibis.cases((moment.year() >= _FIRST_YEAR, moment.cast("date")), else_=ibis.null("date"))


def _parse_iso(given: Any) -> Any:
    """Return the days of texts in ISO 8601."""
    text = given.strip()
    return ibis.cases(
        (given.length() == _ISO_LENGTH, given.try_cast("date")),
        (text.re_search(_ISO_TEXT), text.substr(0, _ISO_LENGTH).try_cast("date")),
        else_=ibis.null("date"),
    )


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "array<string>"), "timestamp"))
def _try_strptime(text, formats):  # type: ignore[no-untyped-def]
    """Return the moments in texts, null where none of the formats fits."""
