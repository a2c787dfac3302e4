"""Numbers and dates as Swedish and English readers write them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

Language = Literal["sv", "en"]

NO_BREAK_SPACE = "\u00a0"
_MINUS = "\u2212"
_DASH = "\u2013"
_DECIMAL = {"sv": ",", "en": "."}
_THOUSANDS = {"sv": NO_BREAK_SPACE, "en": ","}
PERCENT = {"sv": NO_BREAK_SPACE + "%", "en": "%"}
_MONTHS = {
    "sv": ("januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti",
           "september", "oktober", "november", "december"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August",
           "September", "October", "November", "December"),
}  # fmt: skip


def format_number(value: float, language: Language, digits: int = 0) -> str:
    """Write a number with the language's decimal mark and thousands.

    Parameters
    ----------
    value : float
        A finite number.
    language : {"sv", "en"}
        Whose custom to follow.
    digits : int, default 0
        Decimals.

    Returns
    -------
    str
        With a typographic minus and, in Swedish, no-break spaces between thousands.

    Examples
    --------
    >>> format_number(1234.5, "en", 1), format_number(-0.25, "sv", 2)
    ('1,234.5', '−0,25')
    """
    text = f"{abs(value):,.{digits}f}"
    whole, _, decimals = text.partition(".")
    whole = whole.replace(",", _THOUSANDS[language])
    negative = value < 0 and any(digit in "123456789" for digit in text)
    return (
        (_MINUS if negative else "") + whole + (_DECIMAL[language] + decimals if decimals else "")
    )


def format_percent(value: float, language: Language, digits: int = 0) -> str:
    """Write a share as a percentage.

    Parameters
    ----------
    value : float
        A share, usually in [0, 1].
    language : {"sv", "en"}
        Whose custom to follow.
    digits : int, default 0
        Decimals.

    Returns
    -------
    str
        With a no-break space before the sign in Swedish and none in English.

    Examples
    --------
    >>> format_percent(0.163, "en"), format_percent(0.1634, "en", 1)
    ('16%', '16.3%')
    """
    return format_number(value * 100, language, digits) + PERCENT[language]


def format_range(
    lower: float, upper: float, language: Language, *, digits: int = 0, percent: bool = False
) -> str:
    """Write an interval.

    Parameters
    ----------
    lower, upper : float
        Its ends.
    language : {"sv", "en"}
        Whose custom to follow.
    digits : int, default 0
        Decimals.
    percent : bool, default False
        Whether the ends are shares to be written as percentages, without the sign.

    Returns
    -------
    str
        The ends with an en dash between them; a word, if an end is negative.

    Examples
    --------
    >>> format_range(0.181, 0.294, "en", percent=True)
    '18–29'
    """
    scale = 100 if percent else 1
    ends = [format_number(end * scale, language, digits) for end in (lower, upper)]
    separator = _DASH
    if any(end.startswith(_MINUS) for end in ends):
        word = "till" if language == "sv" else "to"
        separator = f"{NO_BREAK_SPACE}{word}{NO_BREAK_SPACE}"
    return separator.join(ends)


def format_date(moment: date | str, language: Language) -> str:
    """Write a date in words.

    Parameters
    ----------
    moment : datetime.date or str
        A day, or its ISO form (anything after the day is left out).
    language : {"sv", "en"}
        Whose custom to follow.

    Returns
    -------
    str
        Day, month and year, kept on one line.

    Examples
    --------
    >>> format_date("2025-11-01", "en").replace(NO_BREAK_SPACE, " ")
    '1 November 2025'
    """
    day = date.fromisoformat(str(moment)[:10])
    month = _MONTHS[language][day.month - 1]
    return NO_BREAK_SPACE.join([str(day.day), month, str(day.year)])


def format_days(start: date, end: date, language: Language) -> str:
    """Write the first and the last day of a period, without the year.

    Parameters
    ----------
    start, end : datetime.date
        Half-open: the day of `end` is not in the period.
    language : {"sv", "en"}
        Whose custom to follow.

    Returns
    -------
    str
        Days and the first three letters of their months.

    Examples
    --------
    >>> format_days(date(2026, 1, 25), date(2026, 2, 22), "sv").replace(NO_BREAK_SPACE, " ")
    '25 jan – 21 feb'
    """
    days = [start, end - timedelta(days=1)]
    return f" {_DASH} ".join(
        f"{day.day} {_MONTHS[language][day.month - 1][:3]}" for day in days
    ).replace(" ", NO_BREAK_SPACE)


def count_of_ten(share: float) -> int:
    """Return how many of ten a share is nearest to.

    Parameters
    ----------
    share : float
        In [0, 1].

    Returns
    -------
    int
        From 0 to 10; a half goes up.

    Examples
    --------
    >>> count_of_ten(0.25), count_of_ten(0.62)
    (3, 6)
    """
    return int(share * 10 + 0.5)


def shorten_pseudonym(subject_id: str) -> str:
    """Return the short form of a pseudonym that people can read out.

    Parameters
    ----------
    subject_id : str
        A pseudonym.

    Returns
    -------
    str
        Its first eight characters in two groups of four, or the whole if it is shorter.

    Examples
    --------
    >>> shorten_pseudonym("3fa9c1d20b7e4a55")
    '3fa9-c1d2'
    """
    text = str(subject_id)
    return text if len(text) <= 8 else f"{text[:4]}-{text[4:8]}"
