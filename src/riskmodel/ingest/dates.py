"""Dates in the ways that extracts write them: one format, or several tried in order."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Sequence
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
_ISO_LIKE = "____-__-__"  # the engine would read 'epoch     ' and '290000-1-1' too
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
_SERIAL_TEXT = r"^[1-9][0-9]{4}([.,][0-9]+)?$"  # from 18 May 1927 until 2173
_PART = "[0-9A-Za-zÀ-ÿ]+"
_TIME_TEXT = r"([T ][0-9:]+)?$"
_SERIAL_ORIGIN = "1899-12-30"
_FIRST_YEAR = 1800  # the engine reads a year of two digits as one of the first century
_LAST_YEAR = 9999
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


def add_cell_format(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Return formats with one in which a real date of a sheet can be written without loss.

    Parameters
    ----------
    formats : tuple of str
        The formats of a source; empty is ISO 8601.

    Returns
    -------
    tuple of str
        The same, followed by ISO 8601 where a date would lose its century, or be two days, in
        the others.

    Examples
    --------
    >>> add_cell_format(("%d/%m/%Y", "%m/%d/%Y"))[-1], add_cell_format(("%d/%m/%Y",))
    ('%Y-%m-%d', ('%d/%m/%Y',))
    """
    is_whole = any("%Y" in text for text in formats)
    if not formats or ISO in formats or (is_whole and not find_rivals(formats)):
        return formats
    return (*formats, ISO)


def choose_cell_format(formats: Sequence[str]) -> str | None:
    """Return how a real date in a sheet is to be written, so that it is read again.

    Parameters
    ----------
    formats : sequence of str
        As `add_cell_format` gives them.

    Returns
    -------
    str or None
        A strptime format; None is ISO 8601 with the time of day.

    Examples
    --------
    >>> choose_cell_format(["excel", "%Y%m%d"])
    '%Y%m%d'
    """
    return None if ISO in formats else next((text for text in formats if "%Y" in text), None)


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
        A time of day is dropped; a moment with a time zone gives no day, and no day lies before
        1800 or after 9999.
    """
    kind = given.type()
    if kind.is_date() or (kind.is_timestamp() and kind.timezone is None):
        return _within_years(given.cast("date"))
    if not kind.is_string():
        return ibis.null("date")
    if formats:
        text = given.strip()
        if len(formats) == 1:
            return _parse(text, formats)
        return _by_shape(text, formats, lambda alike: _parse(text, alike))
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
    rivals = list(dict.fromkeys(one for pair in find_rivals(formats) for one in pair))
    return _by_shape(text, rivals, lambda alike: _is_twofold(text, alike)).fill_null(False)


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
    return [pair for pair in combinations(formats, 2) if _shape(pair[0]) == _shape(pair[1])]


def _shape(date_format: str) -> str:
    """Return a regular expression of what a format's texts look like, by the marks in them."""
    if date_format == EXCEL:
        return _SERIAL_TEXT
    marks = re.split(r"(?:%-?[A-Za-z])+", date_format)
    return "^" + _PART.join(map(_escape, marks)) + _TIME_TEXT


def _escape(mark: str) -> str:
    """Return a regular expression of a mark, any number of spaces for one."""
    return r"\s+".join(re.escape(piece) for piece in mark.split(" "))


def _by_shape(text: Any, formats: Sequence[str], read: Callable[[Sequence[str]], Any]) -> Any:
    """Read each text by the formats whose shape it has: trying others costs far more."""
    groups: dict[str, list[str]] = {}
    for one in sorted(formats, key=lambda one: one != EXCEL):  # five digits are nothing else
        groups.setdefault(_shape(one), []).append(one)
    cases = [(text.re_search(shape), read(alike)) for shape, alike in groups.items()]
    return ibis.cases(*cases, else_=ibis.null(cases[0][1].type()))


def _is_twofold(text: Any, formats: Sequence[str]) -> Any:
    """Tell which texts are different days by two of the formats."""
    days = [_parse(text, [one]) for one in formats]
    return functools.reduce(
        operator.or_,
        ((one != other).fill_null(False) for one, other in combinations(days, 2)),
    )


def _parse(text: Any, formats: Sequence[str]) -> Any:
    """Return the days of formats of one shape, by the first of them that gives one."""
    if formats[0] == EXCEL:
        is_serial = text.re_search(_SERIAL_TEXT)
        number = ibis.cases((is_serial, text.substr(0, 5)), else_=ibis.null("string"))
        day = ibis.literal(_SERIAL_ORIGIN).cast("date") + number.try_cast("int32").as_interval("D")
        return day.cast("date")
    moment = _try_strptime(text, [one + time for one in formats for time in _TIMES])
    return _within_years(moment.cast("date"))


def _within_years(day: Any) -> Any:
    """Return days of years that can be meant."""
    is_meant = day.year().between(_FIRST_YEAR, _LAST_YEAR)
    return ibis.cases((is_meant, day), else_=ibis.null("date"))


def _parse_iso(given: Any) -> Any:
    """Return the days of texts in ISO 8601."""
    text = given.strip()
    day = ibis.cases(
        (given.like(_ISO_LIKE), given.try_cast("date")),
        (text.re_search(_ISO_TEXT), text.substr(0, _ISO_LENGTH).try_cast("date")),
        else_=ibis.null("date"),
    )
    return _within_years(day)


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "array<string>"), "timestamp"))
def _try_strptime(text, formats):  # type: ignore[no-untyped-def]
    """Return the moments in texts, null where none of the formats fits."""
