"""Where in a sheet the headings stand, and where its rows end."""

from __future__ import annotations

from collections.abc import Sequence

from riskmodel.ingest.casting import TRUTH
from riskmodel.ingest.column_mapping import fold_name, merge_headings
from riskmodel.ingest.sniffing.contents import GRADES
from riskmodel.ingest.sniffing.dates import find_days
from riskmodel.privacy.identities import is_personal_number
from riskmodel.privacy.patterns import KnownIdentifiers, find_kinds

MAX_ABOVE = 20
"""So many rows may stand above the headings."""

_SNIFFED = 40
_ALIKE = 0.7
_MAX_BELOW = 10
_SUMS = ("summa", "total", "antal", "medel", "genomsnitt", "snitt", "sum", "average", "mean")
_HEADING_MARKS = ("%", "#", "‰")


def find_headings(rows: Sequence[Sequence[str]]) -> tuple[list[str], list[int]]:
    """Find the headings of a table, below a title and in two rows where cells are merged.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first rows of a file, without space around the cells.

    Returns
    -------
    header : list of str
        The headings up to the last named one.
    place : list of int
        Their rows, the first of the file being one.

    Examples
    --------
    >>> find_headings([["Frånvaro"], ["Nr", "Giltig", ""], ["", "tim", "%"], ["7", "2", "1"]])
    (['Nr', 'Giltig tim', 'Giltig %'], [2, 3])
    """
    first = _count_above(rows)
    header = _trim(rows[first]) if rows else []
    for above in (first, first - 1, first - 2):
        pair = [_trim(row) for row in rows[above : above + 2]] if above >= 0 else []
        if len(pair) == 2 and _are_merged(*pair):
            width = max(map(len, pair))
            return merge_headings([row[:width] for row in pair]), [above + 1, above + 2]
    return header, [first + 1]


def count_below(body: Sequence[Sequence[str]]) -> int:
    """Return how many rows at the foot are sums or notes rather than rows of the table.

    Parameters
    ----------
    body : sequence of sequence of str
        All rows below the headings, none of them empty.

    Returns
    -------
    int
        At most ten: from the last row on upwards those that begin with a word such as Summa or
        hold one cell of several words, and nothing that tells who somebody is.
    """
    n_below = 0
    for row in reversed(body[-_MAX_BELOW:]):
        given = [cell for cell in row if cell]
        is_sum = fold_name(given[0]).startswith(_SUMS)
        is_note = len(given) == 1 and len(given[0].split()) > 1
        if any(map(_is_person, given)) or not (is_sum or is_note):
            break
        n_below += 1
    return n_below if n_below < len(body) else 0


def is_datum(text: str) -> bool:
    """Tell whether a text is what stands in a row, and not a heading.

    Parameters
    ----------
    text : str
        Without space around it, not empty.

    Returns
    -------
    bool
        True for identifiers, dates, long numbers, and signs that head no column.
    """
    if _is_person(text):
        return True
    is_number = text.replace(",", "").replace(".", "").isdigit() and len(text) > 4
    is_mark = not fold_name(text) and text not in _HEADING_MARKS
    return is_number or any(find_days(text).values()) or is_mark


def _trim(row: Sequence[str]) -> list[str]:
    """Return a row up to its last cell that is not empty."""
    width = max((place for place, cell in enumerate(row, 1) if cell), default=0)
    return list(row[:width])


def _are_merged(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Tell whether two rows are headings of which some in the upper one span several columns.

    So it is if the lower row has a text under each gap of the upper one, none that stands in a
    row, and cannot head the columns alone: it repeats itself, or has gaps where the upper one
    has none.
    """
    width = max(len(upper), len(lower))
    over, under = ([*row, *[""] * (width - len(row))] for row in (upper, lower))
    if not all(over) and sum(map(bool, over)) > 1 and all(map(any, zip(over, under, strict=True))):
        named = [cell.casefold() for cell in under if cell]
        is_partial = len(set(named)) < len(named) or len(named) < width
        return is_partial and len(named) > 1 and not any(map(_is_content, (*upper, *lower)))
    return False


def _is_content(text: str) -> bool:
    """Tell whether a text stands under headings rather than among them."""
    is_number = text.replace(",", "").replace(".", "").replace(":", "").isdigit()
    return bool(text) and (is_number or is_datum(text) or text.lower() in GRADES | {*TRUTH})


def _count_above(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows stand above the headings: those with far fewer cells than most."""
    counts = [sum(map(bool, row)) for row in rows[:_SNIFFED]]
    usual = sorted(count for count in counts if count)
    least = max(2.0, _ALIKE * usual[len(usual) // 2]) if usual else 2.0
    return next((k for k, count in enumerate(counts[:MAX_ABOVE]) if count >= least), 0)


def _is_person(text: str) -> bool:
    """Tell whether a text is, or holds, what tells who somebody is."""
    return is_personal_number(text) or bool(find_kinds(text.encode(), KnownIdentifiers([])))
