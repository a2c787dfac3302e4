"""Find identifiers in text, as bytes, where hashes and long numbers must not be mistaken."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from riskmodel.privacy.identities import (
    REFERENCE_DATE,
    is_personal_number,
    is_reserve_number,
)
from riskmodel.privacy.names import NameRegister
from riskmodel.privacy.phones import find_phone

MIN_KNOWN_LENGTH = 4
"""Known identifiers shorter than this cannot be told from ordinary numbers and words."""

OVERLAP = 512
"""No identifier is longer than this many bytes."""

STRONG_SHARE, WEAK_SHARE, WEAK_COUNT = 0.25, 0.5, 3
"""Which share of a place's bare numbers must be valid for one of them to count: numbers that
each fill a cell, and other ones, of which so many different valid ones must be there besides."""

# A word of its own: not the decimals of a number, nor followed by decimals other than `.0`.
_LEFT = rb"(?<![0-9A-Za-z])(?<![^A-Za-z]\.)(?<!\A\.)"
_RIGHT = rb"(?![0-9A-Za-z])(?!\.(?:[1-9]|0[0-9]))"
_YEAR = rb"(?:19\d\d|20(?:[0-2]\d|30))"
_DATE = rb"(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]|6[1-9]|[78]\d|9[01])"
_LONG = re.compile(_LEFT + rb"(" + _YEAR + _DATE + rb"[-+]?\d{4})" + _RIGHT)
_SHORT = re.compile(_LEFT + rb"(\d\d" + _DATE + rb"[-+]\d{4})" + _RIGHT)
_CELL = re.compile(rb"(?:^|(?<=[\"'>;\t]))(\d{10})(?=[\"'<;\t\r]|$)", re.MULTILINE)
_PLAIN = re.compile(_LEFT + rb"(\d{10})" + _RIGHT)
_LETTERED = re.compile(_LEFT + rb"(" + _YEAR + _DATE + rb")-?(T\d{3}|TF\d\d|[KMX]\d{3})" + _RIGHT)
_LOCAL_PART = re.compile(rb"(?<![0-9A-Za-z._%+-])[0-9A-Za-z._%+-]{2,64}\Z")
_DOMAIN = re.compile(
    rb"@(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.){1,8}"
    rb"(?!(?:js|css|png|svg|json|html?|py|whl)\b)[A-Za-z]{2,24}(?![0-9A-Za-z-])"
)
_LONGEST_LOCAL_PART = 66
_CLOCK = re.compile(rb"20[2-9]\d\d\d(?:[0-2]\d|3[01])[-+]?(?:[01]\d|2[0-3])[0-5]\d")
_MOBILE = re.compile(rb"07[02369]\d{7}")
_HYPHENS = re.compile(
    rb"&#45;|&#x2d;|&hyphen;|\\u201[0-3]|\\u2212|\xe2\x80[\x90-\x93]|\xe2\x88\x92", re.IGNORECASE
)
_ESCAPED_SPACE = re.compile(rb"\\[nrtbf]")

_DIGIT = np.zeros(256, dtype=bool)
_DIGIT[list(b"0123456789")] = True
_GOES_ON = np.zeros(256, dtype=bool)
_GOES_ON[list(b"-+TKMX")] = True
_WORD = np.zeros(256, dtype=bool)
_WORD[list(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = True

_LEAST, _END_OF_TEN, _LEAST_LONG = 1_010_000, 10**10, 10**11
_LONG_NUMBERS = (190_000_000_000, (REFERENCE_DATE.year + 1) * 10**8)


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


@dataclass
class _Crowd:
    """How many bare numbers a place has, and how many of them are valid."""

    n: int = 0
    n_valid: int = 0
    different: set[bytes] = field(default_factory=set, repr=False)

    def add(self, number: bytes, is_valid: bool) -> None:
        """Count one more number."""
        self.n += 1
        if is_valid:
            self.n_valid += 1
            if len(self.different) < WEAK_COUNT:
                self.different.add(number)

    @property
    def is_strong(self) -> bool:
        """Whether cells of their own hold numbers of persons."""
        return self.n_valid > 0 and self.n_valid >= STRONG_SHARE * self.n

    @property
    def is_weak(self) -> bool:
        """Whether numbers that stand anywhere are numbers of persons."""
        return len(self.different) >= WEAK_COUNT and self.n_valid >= WEAK_SHARE * self.n


@dataclass(repr=False)
class IdentifierSearch:
    """A search through the pieces of one file, which remembers only what was found.

    Parameters
    ----------
    known : KnownIdentifiers
        Identifiers that count wherever they stand.
    names : NameRegister, optional
        Names of persons that count.

    Notes
    -----
    A number counts if its date exists and lies in 1900 to 2030, its check digit fits and no
    letter, digit, point or hyphen runs on from it. Ten digits without a separator look like
    many other numbers: they count where they fill a quoted text, an element, a cell or a line
    and at least a quarter of such numbers in the same place are valid, and anywhere if three
    different ones and half of them are. Twelve digits that may be a time of day since 2020
    count by the same rule. Twelve digits in a column of numbers count if a quarter of the
    column's numbers of twelve digits or more are valid.
    """

    known: KnownIdentifiers
    names: NameRegister | None = None
    _kinds: set[str] = field(init=False, default_factory=set)
    _cells: dict[str, _Crowd] = field(init=False, default_factory=lambda: defaultdict(_Crowd))
    _plain: dict[str, _Crowd] = field(init=False, default_factory=lambda: defaultdict(_Crowd))
    _mobiles: dict[str, _Crowd] = field(init=False, default_factory=lambda: defaultdict(_Crowd))
    _parts: dict[str, set[str]] = field(init=False, default_factory=lambda: defaultdict(set))

    def read(self, text: bytes, place: str = "") -> None:
        """Look through a piece of text.

        Parameters
        ----------
        text : bytes
            UTF-8, or anything with stretches of it.
        place : str, default ""
            What the piece belongs to, such as a column.
        """
        plain = _plain_text(text)
        self._read_numbers(plain, place)
        if any(_has_local_part(plain, match.start()) for match in _DOMAIN.finditer(plain)):
            self._kinds.add("email")
        if self.known.occur_in(text) or (plain != text and self.known.occur_in(plain)):
            self._kinds.add("known_identifier")
        if self.names is None or "name" in self._kinds:
            return
        if self.names.occur_in(text, self._parts[place]):
            self._kinds.add("name")

    def read_numbers(self, values: npt.NDArray[np.int64], place: str = "") -> None:
        """Look through whole numbers that are stored as numbers.

        Parameters
        ----------
        values : numpy.ndarray of int64, shape (n,)
            The different numbers of a column. Ten digits may have lost their leading zeros.
        place : str, default ""
            The column.
        """
        low, high = _LONG_NUMBERS
        is_long = (values >= low) & (values < high)
        self._cells[place].n += int(np.count_nonzero(values[~is_long] >= _LEAST_LONG))
        for value in values[is_long].tolist():
            number = b"%d" % value
            crowd = (self._plain if _CLOCK.fullmatch(number) else self._cells)[place]
            crowd.add(number, is_personal_number(number.decode("ascii")))
        short = values[(values >= _LEAST) & (values < _END_OF_TEN)]
        may_be = _may_be_numbers(short)
        self._plain[place].n += int(np.count_nonzero(~may_be))
        for value in short[may_be].tolist():
            number = b"%010d" % value
            self._plain[place].add(number, is_personal_number(number.decode("ascii")))

    @property
    def kinds(self) -> set[str]:
        """What was found so far.

        Returns
        -------
        set of str
            Among ``personal_number``, ``temporary_number``, ``reserve_number``, ``email``,
            ``phone_number``, ``name`` and ``known_identifier``.
        """
        kinds = set(self._kinds)
        if any(crowd.is_strong for crowd in self._cells.values()) or any(
            crowd.is_weak for crowd in self._plain.values()
        ):
            kinds.add("personal_number")
        if any(crowd.is_strong for crowd in self._mobiles.values()):
            kinds.add("phone_number")
        if self.names is not None and any(map(self.names.are_many, self._parts.values())):
            kinds.add("name")
        return kinds

    def _read_numbers(self, text: bytes, place: str) -> None:
        """Look for numbers of persons and of telephones."""
        codes = np.frombuffer(text + b"\0", dtype=np.uint8)
        is_digit = _DIGIT[codes]
        edges = np.flatnonzero(is_digit[1:] != is_digit[:-1]) + 1
        if is_digit[0]:
            edges = np.append(0, edges)
        starts, ends = edges[::2], edges[1::2]
        for start in _may_be_persons(codes, starts, ends):
            self._read_person(text, start, place)
        if "phone_number" not in self._kinds and find_phone(text, codes, starts, ends):
            self._kinds.add("phone_number")

    def _read_person(self, text: bytes, start: int, place: str) -> None:
        """Look at the number that begins at a place."""
        if match := _LETTERED.match(text, start):
            day, tail = match[1].decode("ascii"), match[2].decode("ascii")
            if tail.startswith("T"):
                self._kinds.add("temporary_number")
            elif is_reserve_number(day + tail):
                self._kinds.add("reserve_number")
        elif match := _LONG.match(text, start):
            self._read_long(match[1], place)
        elif match := _SHORT.match(text, start):
            if is_personal_number(match[1].decode("ascii")):
                self._kinds.add("personal_number")
        elif match := _CELL.match(text, start):
            self._cells[place].add(match[1], is_personal_number(match[1].decode("ascii")))
            self._plain[place].add(match[1], is_personal_number(match[1].decode("ascii")))
            self._mobiles[place].add(match[1], _MOBILE.fullmatch(match[1]) is not None)
        elif match := _PLAIN.match(text, start):
            self._plain[place].add(match[1], is_personal_number(match[1].decode("ascii")))

    def _read_long(self, number: bytes, place: str) -> None:
        """Look at a number with its century."""
        is_person = is_personal_number(number.decode("ascii"))
        if _CLOCK.fullmatch(number):
            self._plain[place].add(number, is_person)
        elif is_person:
            self._kinds.add("personal_number")


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
        As `IdentifierSearch.kinds`.

    Examples
    --------
    >>> sorted(find_kinds(b"pupil 19811218-9876, 0.198112189876", KnownIdentifiers([])))
    ['personal_number']
    """
    search = IdentifierSearch(known)
    search.read(text)
    return search.kinds


def _plain_text(text: bytes) -> bytes:
    """Return a text with hyphens of all kinds as one, and escaped white space as space."""
    if b"&" in text or b"\\u" in text or b"\xe2" in text:
        text = _HYPHENS.sub(b"-", text)
    return _ESCAPED_SPACE.sub(b"  ", text) if b"\\" in text else text


def _may_be_persons(
    codes: npt.NDArray[np.uint8], starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]
) -> list[int]:
    """Return where stretches of digits begin that could be a number, or its date."""
    lengths = ends - starts
    is_whole = (lengths == 10) | (lengths == 12)
    is_date = ((lengths == 6) | (lengths == 8)) & _GOES_ON[codes[ends]]
    fitting: list[int] = starts[is_whole | is_date].tolist()
    return fitting


def _may_be_numbers(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell which numbers of up to ten digits have the check digit and perhaps a date."""
    month, day = numbers // 10**6 % 100, numbers // 10**4 % 100
    total = np.zeros(numbers.shape, dtype="int64")
    for place in range(10):
        digit = numbers // 10**place % 10 * (1 + place % 2)
        total += digit // 10 + digit % 10
    is_date = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 91)
    may_be: npt.NDArray[np.bool_] = is_date & (total % 10 == 0)
    return may_be


def _has_local_part(text: bytes, end: int) -> bool:
    """Tell whether the name of a mailbox stands before a place."""
    return _LOCAL_PART.search(text[max(0, end - _LONGEST_LOCAL_PART) : end]) is not None
