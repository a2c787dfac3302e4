"""How well what stands in a column fits what a column of the library holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from riskmodel.core.schema import Column
from riskmodel.ingest.casting import CLOCK, MINUTES, TRUTH
from riskmodel.ingest.sniffing.dates import find_formats
from riskmodel.privacy.identities import is_personal_number, normalise_identifiers

GRADES = frozenset({"a", "b", "c", "d", "e", "f", "-"})
"""The grades of the scale, as they are compared."""

_NUMBER = re.compile(r"[-−]?\d[\d \u00a0\u202f]*([.,]\d+)?", re.ASCII)
_TERM = re.compile(r"(HT|VT)[ -]?(?:19|20)?\d\d|(?:19|20)?\d\d[ -]?(HT|VT)", re.IGNORECASE)
_SHORTENED = re.compile(r"\d([.,]\d+)?E[+]\d+", re.IGNORECASE)
_LACKS_ZEROS = re.compile(r"\d{7,9}", re.ASCII)
_MOSTLY = 0.8


@dataclass(frozen=True)
class Identifiers:
    """What the identifiers of a sample turned out to be, in numbers of different ones.

    Parameters
    ----------
    total : int
        How many there are.
    known : int
        Valid personal, coordination and temporary numbers.
    broken : int
        In the form of a personal number without being one.
    short : int
        Valid personal numbers once the noughts are put back that a spreadsheet took.
    shortened : int
        Powers of ten, from which no number can be won back.
    """

    total: int
    known: int
    broken: int
    short: int
    shortened: int

    @property
    def are_personal(self) -> bool:
        """Whether the column is one of personal numbers, in whatever state."""
        found = self.known + self.broken + self.short + self.shortened
        return self.total > 0 and self.known + self.short > 0 and found >= _MOSTLY * self.total

    @property
    def lack_zeros(self) -> bool:
        """Whether a spreadsheet has taken noughts."""
        return self.are_personal and self.short > 0


def inspect_identifiers(texts: Sequence[str]) -> Identifiers:
    """Tell what the identifiers of a column are.

    Parameters
    ----------
    texts : sequence of str
        Without empty ones.

    Returns
    -------
    Identifiers
        Numbers only.

    Examples
    --------
    >>> inspect_identifiers(["19811218-9876", "6012345674"]).known
    1
    """
    different = list(dict.fromkeys(texts))
    _, kinds = normalise_identifiers(pd.Series(different, dtype="str"))
    known = ("personal_number", "coordination_number", "temporary_number")
    short = sum(
        1
        for text in different
        if _LACKS_ZEROS.fullmatch(text) and is_personal_number(text.zfill(10))
    )
    return Identifiers(
        total=len(different),
        known=sum(kinds.get(kind, 0) for kind in known),
        broken=sum(count for kind, count in kinds.items() if kind.startswith("invalid")),
        short=short,
        shortened=sum(1 for text in different if _SHORTENED.fullmatch(text)),
    )


def find_decimal(texts: Sequence[str]) -> tuple[str | None, bool]:
    """Tell which decimal mark numbers are written with.

    Parameters
    ----------
    texts : sequence of str
        Without empty ones; those that are no numbers are passed over.

    Returns
    -------
    decimal : {',', '.'} or None
        None where all are whole.
    is_unsure : bool
        Whether both marks occur, or each may part thousands.

    Examples
    --------
    >>> find_decimal(["37,5", "40"]), find_decimal(["1.234", "2.500"])
    ((',', False), ('.', True))
    """
    marks = [match[1] for text in texts if (match := _NUMBER.fullmatch(text)) and match[1]]
    if not marks:
        return None, False
    commas = [mark for mark in marks if mark.startswith(",")]
    decimal = "," if 2 * len(commas) >= len(marks) else "."
    is_mixed = 0 < len(commas) < len(marks)
    return decimal, is_mixed or all(len(mark) == 4 for mark in marks)


def match_term(text: str) -> str | None:
    """Return the term in a text such as HT 2024.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str or None
        ``"HT"``, ``"VT"``, or None.

    Examples
    --------
    >>> match_term("ht24"), match_term("2025 VT"), match_term("hösten")
    ('HT', 'VT', None)
    """
    match = _TERM.fullmatch(text)
    return (match[1] or match[2]).upper() if match else None


def fold_values(values: Mapping[str, str]) -> dict[str, str]:
    """Return a map of values with its keys as they are compared.

    Parameters
    ----------
    values : mapping of str to str
        What files say, and what the library knows.

    Returns
    -------
    dict of str to str
        The same in lower case.
    """
    return {old.lower(): new for old, new in values.items()}


def find_unknown(texts: Sequence[str], allowed: Collection[str], values: Mapping[str, str]) -> int:
    """Count the different texts that are neither allowed nor mapped to what is.

    Parameters
    ----------
    texts : sequence of str
        Without empty ones.
    allowed : collection of str
        What may stand in the column.
    values : mapping of str to str
        What files say, and what the library knows.

    Returns
    -------
    int
        How many.
    """
    folded = fold_values(values)
    return sum(folded.get(text.lower(), text) not in {*allowed, ""} for text in set(texts))


def measure_fit(
    name: str, column: Column, texts: Sequence[str], values: Mapping[str, str]
) -> float | None:
    """Return how much of a column's content is what the library's column holds.

    Parameters
    ----------
    name : str
        The library's column.
    column : Column
        Its type and rules.
    texts : sequence of str
        What stands in the file, without empty cells.
    values : mapping of str to str
        What files say, and what the library knows.

    Returns
    -------
    float or None
        In [0, 1], a share of the different texts; None where anything would fit, or nothing
        stands there.
    """
    if not texts:
        return None
    different = set(texts)
    folded = fold_values(values)
    mapped = [folded.get(text.lower(), text) for text in different]
    if column.type == "date":
        return find_formats(texts).share
    if column.allowed is not None:
        return 1 - find_unknown(texts, column.allowed, values) / len(different)
    if column.type == "boolean":
        return sum(text.lower() in TRUTH for text in mapped) / len(different)
    if column.type in {"integer", "number"}:
        n_clocks = sum(map(is_clock, mapped)) if name.endswith(MINUTES) else 0
        return (n_clocks + sum(_is_within(text, column) for text in mapped)) / len(different)
    if name == "grade":
        return sum(text.lower() in GRADES for text in mapped) / len(different)
    return None


def is_clock(text: str) -> bool:
    """Tell whether a text is hours and minutes in one.

    Parameters
    ----------
    text : str
        Without space around it.

    Returns
    -------
    bool
        True for such as ``"1:30"``.
    """
    return re.search(CLOCK, text) is not None


def _is_within(text: str, column: Column) -> bool:
    """Tell whether a text is a number that a column may hold."""
    if not _NUMBER.fullmatch(text):
        return False
    plain = "".join(text.split()).replace("\u2212", "-").replace(",", ".")
    number = float(plain)
    if column.type == "integer" and not number.is_integer():
        return False
    least = column.minimum if column.minimum is not None else number
    most = column.maximum if column.maximum is not None else number
    return least <= number <= most
