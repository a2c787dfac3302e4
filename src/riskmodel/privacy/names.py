"""Find the names of a register in text, however they are written."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from riskmodel.core.files import read_lines
from riskmodel.errors import PrivacyError

MIN_SINGLE_LENGTH = 3
"""A single word shorter than this counts only as part of a whole name."""

MANY = 3
"""So many different parts of names that each fill a cell are a list of names."""

_WORD = re.compile(r"[^\W\d_]+")
_TAG = re.compile(r"<[^<>]{0,200}>")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_MARKS = re.compile("[\u0300-\u036f]")
_GAP = re.compile(r"[^\w\r\n]{1,12}")
_CELL = re.compile(r"(?:^|[\"'>;,\t|]) ?([^\W\d_]{3,40})(?= ?(?:[\"'<;,\t\r|]|$))", re.MULTILINE)
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
_LONE_BYTES = {0xDC00 + code: chr(code) for code in range(0x80, 0x100)}


class NameRegister:
    """Names of persons, prepared for being looked up in much text.

    Parameters
    ----------
    names : iterable of str
        One name each: given and family names as in ``Anna Andersson`` or ``Andersson, Anna``,
        or a single word.
    common : collection of str, optional
        Words of ordinary texts. A name that is one of them counts only as part of a whole
        name whose other part is none.

    Notes
    -----
    Letters count without case, accents and dots: ``Åsa`` is ``ASA``. A whole name is its family
    name beside any of its given names, in either order, with punctuation, white space or a tag
    between them. A single word of the register counts wherever it stands as a word of its own.
    A part of a whole name counts only as one of three or more that each fill a cell.

    Examples
    --------
    >>> register = NameRegister(["Åsa Öberg", "Maj"], common=["maj"])
    >>> register.occur_in("OBERG, Asa".encode(), set()), register.occur_in(b"maj 2024", set())
    (True, False)
    """

    def __init__(self, names: Iterable[str], common: Collection[str] = ()) -> None:
        ordinary = {word for text in common for word in _WORD.findall(fold_text(text))}
        self._single: set[str] = set()
        self._parts: set[str] = set()
        self._pairs: dict[str, set[str]] = defaultdict(set)
        for name in names:
            self._add(fold_text(name), ordinary)
        self._first = self._single | self._parts | set(self._pairs)

    def _add(self, name: str, ordinary: set[str]) -> None:
        """Take in one name."""
        family, _, given = name.partition(",")
        words = _WORD.findall(name)
        last = (_WORD.findall(family) or [""])[-1] if given else (words or [""])[-1]
        if len(words) == 1:
            self._single |= {w for w in words if self._is_telling(w, ordinary)}
            return
        self._parts |= {word for word in words if self._is_telling(word, ordinary)}
        for word in set(words) - {last}:
            if not {word, last} <= ordinary and min(len(word), len(last)) > 1:
                self._pairs[word].add(last)
                self._pairs[last].add(word)

    @staticmethod
    def _is_telling(word: str, ordinary: set[str]) -> bool:
        """Tell whether a word alone can be taken for a name."""
        return len(word) >= MIN_SINGLE_LENGTH and word not in ordinary

    @staticmethod
    def are_many(parts: set[str]) -> bool:
        """Tell whether parts of names make a list of names.

        Parameters
        ----------
        parts : set of str
            As `occur_in` gathers them.

        Returns
        -------
        bool
            True if there are enough different ones.
        """
        return len(parts) >= MANY

    def occur_in(self, text: bytes, parts: set[str]) -> bool:
        """Tell whether any name stands in a text.

        Parameters
        ----------
        text : bytes
            UTF-8, or anything with stretches of it.
        parts : set of str
            Where to gather the parts of names that each fill a cell.

        Returns
        -------
        bool
            True if a whole name or a single word of the register does.
        """
        plain = fold_text(_decode(text))
        found = self._first.intersection(_WORD.findall(plain))
        if not found:
            return False
        if found & self._single or (len(found) > 1 and self._has_pair(plain, found)):
            return True
        if found & self._parts and len(parts) < MANY:
            parts |= found & self._parts & set(_CELL.findall(plain))
        return False

    def _has_pair(self, text: str, found: set[str]) -> bool:
        """Tell whether two words that make a name stand beside each other."""
        before, end = "", 0
        for match in _WORD.finditer(text):
            word = match[0]
            is_pair = word in found and word in self._pairs.get(before, ())
            if is_pair and _GAP.fullmatch(text, end, match.start()):
                return True
            before, end = word, match.end()
        return False


def read_names(path: Path, common: Collection[str] = ()) -> NameRegister:
    """Read the names of a register from a file, one to a line.

    Parameters
    ----------
    path : pathlib.Path
        UTF-8 text, as the holder of the key keeps it.
    common : collection of str, optional
        Words of ordinary texts, see `NameRegister`.

    Returns
    -------
    NameRegister
        Ready to be looked up.

    Raises
    ------
    PrivacyError
        If the file cannot be read or holds no name. The message holds no name.
    """
    try:
        lines = read_lines(path)
    except (OSError, UnicodeError) as error:
        problem = type(error).__name__
        raise PrivacyError(
            f"`names` must be a text file of names, got {problem} from {path.name}. "
            "Write one name to a line, and save as UTF-8."
        ) from None
    names = [line for line in lines if _WORD.search(line)]
    if not names:
        raise PrivacyError(
            f"`names` must hold at least one name, got none in {path.name}. "
            "Write one name to a line."
        )
    return NameRegister(names, common)


def fold_text(text: str) -> str:
    """Return a text in small letters without accents and dots.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Folded.

    Examples
    --------
    >>> fold_text("ÅSA Öberg-Łuć")
    'asa oberg-luc'
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return _MARKS.sub("", apart).translate(_LETTERS)


def _decode(text: bytes) -> str:
    """Return text with its escapes and entities undone and tags as gaps."""
    plain = text.decode("utf-8", "surrogateescape").translate(_LONE_BYTES)
    if "\\u" in plain:
        plain = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), plain)
    if "\\" in plain:
        plain = re.sub(r"\\[nrtbf]", "\n", plain)
    if "<" in plain:
        plain = _TAG.sub("|", plain)
    return html.unescape(plain) if "&" in plain else plain
