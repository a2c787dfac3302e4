"""Checks shared by the stages: `check_*` raises, `find_*` returns findings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from riskmodel.errors import UsageError

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def suggest_name(name: str, valid: Iterable[str]) -> str:
    """Return a hint with the closest valid name, or an empty string.

    Parameters
    ----------
    name : str
        The name that was given.
    valid : iterable of str
        The names that exist.

    Returns
    -------
    str
        For example ``" Did you mean 'attendance'?"``.

    Examples
    --------
    >>> suggest_name("atendance", ["attendance", "grades"])
    " Did you mean 'attendance'?"
    """
    close = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def find_missing_columns(
    present: Sequence[str], required: Sequence[str], *, where: str
) -> list[str]:
    """Return a finding for each required column that is not there.

    Parameters
    ----------
    present : sequence of str
        The columns that the table has.
    required : sequence of str
        The columns that it must have.
    where : str
        The table or file, as the reader knows it.

    Returns
    -------
    list of str
        One sentence per missing column, with the closest present name.
    """
    return [
        f"{where}: column `{name}` is missing.{suggest_name(name, present)}"
        for name in required
        if name not in set(present)
    ]


def check_columns(present: Sequence[str], required: Sequence[str], *, where: str) -> None:
    """Raise if a required column is not there.

    Parameters
    ----------
    present : sequence of str
        The columns that the table has.
    required : sequence of str
        The columns that it must have.
    where : str
        The table or file, as the reader knows it.

    Raises
    ------
    UsageError
        With one finding per missing column.
    """
    findings = find_missing_columns(present, required, where=where)
    if findings:
        raise UsageError(
            f"`{where}` must have all required columns, got {len(findings)} missing. "
            "Add them or map them in the configuration.",
            findings,
        )


def is_writable(text: str) -> bool:
    r"""Tell whether a text can be written to a file: half a character cannot, nor can a NUL.

    Parameters
    ----------
    text : str
        Any text, such as a path.

    Returns
    -------
    bool
        False if it holds a surrogate, as a name in an unknown encoding does, or a NUL.

    Examples
    --------
    >>> is_writable("Åsa"), is_writable("\ud800"), is_writable("a\0b")
    (True, False, False)
    """
    return not _UNWRITABLE.search(text)
