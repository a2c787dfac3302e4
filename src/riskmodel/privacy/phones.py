"""Find telephone numbers in text, as bytes: Swedish ones, and Nordic ones with a country code."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

_END = rb"(?![0-9A-Za-z]|[-.:/]\d)"
_ABROAD = re.compile(rb"(?:00)?(?:4[567]|358)[ \-]?(?:\(0\)[ \-]?)?[1-9](?:[ \-]?\d){6,9}" + _END)
_MOBILE = re.compile(
    rb"07[02369](?:\d?-? ?\d{2,3}(?: \d{2,3}){2}|-\d{7}|\d-\d{6}|\d? ?- ?\d{2,3}(?: ?\d{2,3}){2})"
    + _END
)
_AREA = rb"0(?:8|1[013689]|2[0136]|3[1356]|4[0246]|54|6[03]|77|90)"
_FIXED = re.compile(
    rb"(?:" + _AREA + rb" ?- ?(?=(?: ?\d){5,8}(?! ?\d))|0[1-9]\d{2} ?- ?(?=(?: ?\d){5,6}(?! ?\d)))"
    rb"\d{2,3}(?: ?\d{2,3}){1,3}" + _END
)
_STOPS = np.zeros(256, dtype=bool)
_STOPS[list(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-/#%&")] = True
_ZERO, _PLUS = b"0+"
_LONGEST_RUN = 14


def find_phone(
    text: bytes,
    codes: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.intp],
    ends: npt.NDArray[np.intp],
) -> bool:
    """Tell whether a telephone number stands in a text.

    Parameters
    ----------
    text : bytes
        The text.
    codes : numpy.ndarray of uint8
        Its bytes, and one more at the end.
    starts, ends : numpy.ndarray of int
        Where its stretches of digits begin and end.

    Returns
    -------
    bool
        True for a number written with a country code (`+46`, `0046`, Denmark, Norway,
        Finland), or with the hyphen or the spaces that a Swedish number is written with.

    Notes
    -----
    Ten digits alone are left to the caller, since other numbers look the same. A fixed line
    needs the hyphen after its area code.
    """
    before = np.where(starts > 0, codes[starts - 1], 0)
    lengths = ends - starts
    fits = lengths <= _LONGEST_RUN
    has_plus = fits & (before == _PLUS)
    is_national = fits & (codes[starts] == _ZERO) & (lengths >= 2) & ~_STOPS[before] & ~has_plus
    return any(
        _ABROAD.match(text, start) is not None and not _is_inside(text, start - 1)
        for start in starts[has_plus].tolist()
    ) or any(_is_national(text, start) for start in starts[is_national].tolist())


def _is_inside(text: bytes, place: int) -> bool:
    """Tell whether a plus goes on from a word or number, as in a sum or an exponent."""
    return place > 0 and bool(_STOPS[text[place - 1]] or text[place - 1] == ord(")"))


def _is_national(text: bytes, start: int) -> bool:
    """Tell whether a number that begins with nought is a telephone's."""
    if text.startswith(b"00", start):
        return _ABROAD.match(text, start) is not None
    return _MOBILE.match(text, start) is not None or _FIXED.match(text, start) is not None
