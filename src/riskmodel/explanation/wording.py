"""Numbers and their units as a reader in Swedish or in English writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Language = Literal["sv", "en"]
Writer = Callable[[float, Language], str]

NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"

TEXTS: dict[Language, dict[str, str]] = {
    "sv": {
        "missing": "uppgift saknas",
        "compared": "{value} bland tidigare elever",
        "earlier": "tidigare {value}",
        "day": "dag",
        "days": "dagar",
        "point": "poäng",
        "points": "poäng",
        "percentage_points": "procentenheter",
        "per_week": " per vecka",
        "per_year": " per år",
        "yes": "ja",
        "no": "nej",
    },
    "en": {
        "missing": "not known",
        "compared": "{value} among earlier pupils",
        "earlier": "{value} before",
        "day": "day",
        "days": "days",
        "point": "point",
        "points": "points",
        "percentage_points": "percentage points",
        "per_week": " per week",
        "per_year": " per year",
        "yes": "yes",
        "no": "no",
    },
}
"""The words that stand with numbers."""

_SEPARATORS: dict[Language, tuple[str, str]] = {"sv": (NO_BREAK_SPACE, ","), "en": (",", ".")}


def write_number(value: float, language: Language, decimals: int = 1, sign: str = "") -> str:
    """Return a number with the reader's separators.

    Parameters
    ----------
    value : float
        Finite.
    language : {"sv", "en"}
        The reader's.
    decimals : int, default 1
        Number of decimals.
    sign : {"", "+"}, default ""
        Whether a positive number has its sign too.

    Returns
    -------
    str
        With a true minus sign, and a no-break space (Swedish) or comma between thousands.

    Examples
    --------
    >>> write_number(-1234.5, "en"), write_number(0.25, "sv", decimals=2)
    ('−1,234.5', '0,25')
    """
    thousands, point = _SEPARATORS[language]
    text = f"{abs(value):,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        return text.replace(".", point)
    text = text.replace(",", "\0").replace(".", point).replace("\0", thousands)
    return (MINUS if value < 0 else sign) + text


def write_value(value: float, unit: str, language: Language) -> str:
    """Return a feature's value with its unit.

    Parameters
    ----------
    value : float
        Finite; a share as a fraction.
    unit : str
        A unit of the feature catalogue. One that is not known here is left out.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    str
        Number and unit, held together by no-break spaces.

    Examples
    --------
    >>> write_value(0.18, "share", "en")
    '18.0%'
    >>> write_value(3.0, "days", "sv") == f"3{NO_BREAK_SPACE}dagar"
    True
    """
    return _WRITERS.get(unit, _write_plain)(value, language)


def _write_plain(value: float, language: Language) -> str:
    """Return a whole number as such, another with one decimal, a small one with three digits."""
    if float(value).is_integer():
        return write_number(value, language, 0)
    return write_number(value, language, 1 if abs(value) >= 1 else 3)


def _write_count(value: float, language: Language) -> str:
    """Return a count, or a mean of counts, without a unit."""
    return write_number(value, language, 0 if float(value).is_integer() else 1)


def _write_share(value: float, language: Language) -> str:
    """Return a fraction as per cent."""
    space = NO_BREAK_SPACE if language == "sv" else ""
    return write_number(100 * value, language) + space + "%"


def _write_flag(value: float, language: Language) -> str:
    """Return yes or no; a mean of flags is a share."""
    if float(value).is_integer():
        return TEXTS[language]["yes" if value else "no"]
    return _write_share(value, language)


def _write_days(value: float, language: Language) -> str:
    """Return a number of days."""
    word = TEXTS[language]["day" if value == 1 else "days"]
    return _write_count(value, language) + NO_BREAK_SPACE + word


def _write_points(value: float, language: Language) -> str:
    """Return grade points."""
    word = TEXTS[language]["point" if value == 1 else "points"]
    return _write_count(value, language) + NO_BREAK_SPACE + word


def _make_difference(
    factor: float, word: str, period: str = ""
) -> Callable[[float, Language], str]:
    """Return a writer of signed differences, per some period if there is one."""

    def write(value: float, language: Language) -> str:
        """Return the difference with its sign."""
        texts = TEXTS[language]
        number = write_number(factor * value, language, 1, sign="+")
        return number + NO_BREAK_SPACE + texts[word] + (texts[period] if period else "")

    return write


_WRITERS: dict[str, Writer] = {
    "share": _write_share,
    "share_change": _make_difference(100, "percentage_points"),
    "share_per_week": _make_difference(100, "percentage_points", "per_week"),
    "count": _write_count,
    "days": _write_days,
    "points": _write_points,
    "points_change": _make_difference(1, "points"),
    "points_per_year": _make_difference(1, "points", "per_year"),
    "flag": _write_flag,
}
