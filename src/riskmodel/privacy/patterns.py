"""Find identifiers in text, as bytes, where hashes and long numbers must not be mistaken."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from riskmodel.privacy.identities import is_personal_number

MIN_KNOWN_LENGTH = 4
"""Known identifiers shorter than this cannot be told from ordinary numbers and words."""

OVERLAP = 512
"""No identifier is longer than this many bytes."""

# A word of its own: not the decimals of a number, nor followed by decimals.
_LEFT, _RIGHT = rb"(?<![0-9A-Za-z])(?<![^A-Za-z]\.)(?<!\A\.)", rb"(?![0-9A-Za-z])(?!\.[0-9])"
_DATE = rb"(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]|6[1-9]|[78]\d|9[01])"
_LONG = re.compile(_LEFT + rb"((?:18|19|20)\d\d" + _DATE + rb"[-+]?\d{4})" + _RIGHT)
_SHORT = re.compile(_LEFT + rb"(\d\d" + _DATE + rb"[-+]\d{4})" + _RIGHT)
_BARE = re.compile(
    rb"(?:^|(?<=[\"'>;\t]))(\d\d" + _DATE + rb"\d{4})(?=[\"'<;\t\r]|$)", re.MULTILINE
)
_TEMPORARY = re.compile(_LEFT + rb"((?:19|20)\d\d" + _DATE + rb"-?(?:T\d{3}|TF\d\d))" + _RIGHT)
_LOCAL_PART = re.compile(rb"(?<![0-9A-Za-z._%+-])[0-9A-Za-z._%+-]{2,64}\Z")
_DOMAIN = re.compile(
    rb"@(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.){1,8}"
    rb"(?!(?:js|css|png|svg|json|html?|py|whl)\b)[A-Za-z]{2,24}(?![0-9A-Za-z-])"
)
_LONGEST_LOCAL_PART = 66
_CLOCK = re.compile(rb"20(?:[2-9]\d).{4}[-+]?(?:[01]\d|2[0-3])[0-5]\d")
_HYPHENS = re.compile(rb"&#45;|&#x2d;|&hyphen;|\\u201[0-2]|\xe2\x80[\x90\x91\x92]", re.IGNORECASE)

_DIGIT = np.zeros(256, dtype=bool)
_DIGIT[list(b"0123456789")] = True
_GOES_ON = np.zeros(256, dtype=bool)
_GOES_ON[list(b"-+T")] = True
_WORD = np.zeros(256, dtype=bool)
_WORD[list(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = True


class KnownIdentifiers:
    """Identifiers of a run, prepared for being looked up in much text.

    Parameters
    ----------
    known : collection of str
        As they stand in the extracts. Those shorter than 4 characters are left out.
    """

    def __init__(self, known: Collection[str]) -> None:
        stripped = {text.strip().encode("utf-8") for text in known}
        self._texts = {text for text in stripped if len(text) >= MIN_KNOWN_LENGTH}
        self._lengths = sorted({len(text) for text in self._texts})

    def occur_in(self, text: bytes) -> bool:
        """Tell whether any of them stands in a text, as a word of its own.

        Parameters
        ----------
        text : bytes
            UTF-8.

        Returns
        -------
        bool
            True if one does.

        Examples
        --------
        >>> known = KnownIdentifiers(["SIM000012345"])
        >>> known.occur_in(b"run-SIM000012345.json"), known.occur_in(b"XSIM000012345")
        (True, False)
        """
        if not self._lengths or not text:
            return False
        is_word = _WORD[np.frombuffer(text, dtype=np.uint8)]
        # A place begins an identifier unless it stands inside a word, and likewise an end.
        inside = np.zeros(len(text) + 1, dtype=bool)
        inside[1:-1] = is_word[1:] & is_word[:-1]
        starts = np.flatnonzero(~inside)
        return any(
            text[start : start + length] in self._texts
            for length in self._lengths
            for start in self._fitting(starts, inside, length)
        )

    @staticmethod
    def _fitting(starts: np.ndarray, inside: np.ndarray, length: int) -> list[int]:
        """Return the starts from which a stretch of a length ends at the end of a word."""
        within = starts[starts + length < inside.size]
        fitting: list[int] = within[~inside[within + length]].tolist()
        return fitting


def find_kinds(text: bytes, known: KnownIdentifiers) -> set[str]:
    """Return which kinds of identifiers stand in a text.

    Parameters
    ----------
    text : bytes
        UTF-8, or anything with stretches of it.
    known : KnownIdentifiers
        Identifiers that count wherever they stand.

    Returns
    -------
    set of str
        Among ``personal_number``, ``temporary_number``, ``email`` and ``known_identifier``.

    Notes
    -----
    A number counts if its date exists, its check digit fits and no letter, digit, point or
    hyphen runs on from it. Ten digits without a separator count only where they fill a
    quoted text, an element or a line, since other numbers look the same. Twelve digits that
    may be a time of day since 2020 are taken as one.

    Examples
    --------
    >>> sorted(find_kinds(b"pupil 19811218-9876, 0.198112189876", KnownIdentifiers([])))
    ['personal_number']
    """
    plain = _HYPHENS.sub(b"-", text) if b"&" in text or b"\\u" in text or b"\xe2" in text else text
    kinds = _find_numbers(plain)
    if any(_has_local_part(plain, match.start()) for match in _DOMAIN.finditer(plain)):
        kinds.add("email")
    if known.occur_in(text):
        kinds.add("known_identifier")
    return kinds


def _find_numbers(text: bytes) -> set[str]:
    """Return which kinds of numbers of persons stand in a text."""
    kinds = set()
    for start in _starts_of_digits(text):
        if _TEMPORARY.match(text, start):
            kinds.add("temporary_number")
        matches = (pattern.match(text, start) for pattern in (_LONG, _SHORT, _BARE))
        numbers = (match[1] for match in matches if match)
        if any(_is_person(number) for number in numbers):
            kinds.add("personal_number")
    return kinds


def _starts_of_digits(text: bytes) -> list[int]:
    """Return where stretches of digits begin that could be a number, or its date."""
    codes = np.frombuffer(text + b"\0", dtype=np.uint8)
    edges = np.diff(_DIGIT[codes].astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    lengths = ends - starts
    is_whole = (lengths == 10) | (lengths == 12)
    is_date = ((lengths == 6) | (lengths == 8)) & _GOES_ON[codes[ends]]
    fitting: list[int] = starts[is_whole | is_date].tolist()
    return fitting


def _is_person(number: bytes) -> bool:
    """Tell whether digits in the form of a personal number are one."""
    return not _CLOCK.fullmatch(number) and is_personal_number(number.decode("ascii"))


def _has_local_part(text: bytes, end: int) -> bool:
    """Tell whether the name of a mailbox stands before a place."""
    return _LOCAL_PART.search(text[max(0, end - _LONGEST_LOCAL_PART) : end]) is not None
