"""How windows are told to readers, in Swedish and in English."""

from __future__ import annotations

from typing import Literal

from riskmodel.core.windows import Window

Language = Literal["sv", "en"]

MISSING_PREFIX: dict[Language, str] = {"sv": "Uppgift saknas: ", "en": "Not known: "}
"""What stands before a feature's name in the name of its missing flag."""

_WINDOWS: dict[Language, dict[str, str]] = {
    "sv": {
        "one_day": "den senaste dagen",
        "days": "de senaste {days} dagarna",
        "year": "det senaste året",
        "years": "de senaste {years} åren",
        "term": "den här terminen",
        "school_year": "det här läsåret",
        "previous_school_year": "förra läsåret",
        "ever": "hittills",
    },
    "en": {
        "one_day": "the last day",
        "days": "the last {days} days",
        "year": "the last year",
        "years": "the last {years} years",
        "term": "this term",
        "school_year": "this school year",
        "previous_school_year": "last school year",
        "ever": "so far",
    },
}


def window_text(window: Window, language: Language) -> str:
    """Return a window in words, to be read after a feature's name.

    Parameters
    ----------
    window : Window
        The days looked at.
    language : {"sv", "en"}
        Of the reader.

    Returns
    -------
    str
        Without a capital letter or a full stop.

    Examples
    --------
    >>> window_text(Window(days=30), "sv")
    'de senaste 30 dagarna'
    >>> window_text(Window(kind="previous_school_year"), "sv")
    'förra läsåret'
    """
    texts = _WINDOWS[language]
    if window.days is None:
        return texts[window.kind]
    years, rest = divmod(window.days, 365)
    if years and not rest:
        return texts["year" if years == 1 else "years"].format(years=years)
    return texts["one_day" if window.days == 1 else "days"].format(days=window.days)
