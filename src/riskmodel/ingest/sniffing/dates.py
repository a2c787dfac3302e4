"""Which date formats the texts of a sample are written in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from riskmodel.ingest.dates import EXCEL, ISO, find_rivals

_Y, _M, _D = r"(?P<y>(?:18|19|20|21)\d\d)", r"(?P<m>\d\d?)", r"(?P<d>\d\d?)"
_M2, _D2, _Y2 = r"(?P<m>\d\d)", r"(?P<d>\d\d)", r"(?P<y>\d\d)"
_PATTERNS = {
    ISO: rf"{_Y}-{_M2}-{_D2}",
    "%Y%m%d": rf"{_Y}{_M2}{_D2}",
    "%d/%m %Y": rf"{_D}/{_M} {_Y}",
    "%d/%m/%Y": rf"{_D}/{_M}/{_Y}",
    "%m/%d/%Y": rf"{_M}/{_D}/{_Y}",
    "%d.%m.%Y": rf"{_D}\.{_M}\.{_Y}",
    "%d-%m-%Y": rf"{_D}-{_M}-{_Y}",
    "%m-%d-%Y": rf"{_M}-{_D}-{_Y}",
    "%Y/%m/%d": rf"{_Y}/{_M}/{_D}",
    "%Y.%m.%d": rf"{_Y}\.{_M}\.{_D}",
    "%d/%m/%y": rf"{_D}/{_M}/{_Y2}",
    "%m/%d/%y": rf"{_M}/{_D}/{_Y2}",
    "%y-%m-%d": rf"{_Y2}-{_M2}-{_D2}",
    "%y%m%d": rf"{_Y2}{_M2}{_D2}",
}
_COMPILED = {name: re.compile(text, re.ASCII) for name, text in _PATTERNS.items()}
_TIME = re.compile(r"[ T]\d\d:\d\d(:\d\d(\.\d+)?)?\Z", re.ASCII)
_SERIAL = re.compile(r"[2-6]\d{4}([.,]\d+)?", re.ASCII)
_ORIGIN = date(1899, 12, 30)
_PIVOT = 69


@dataclass(frozen=True)
class DateFormats:
    """In which formats the texts of a column are written.

    Parameters
    ----------
    formats : tuple of str
        The fewest that read all they can; two that give different days stand both among them.
    is_ambiguous : bool
        Whether a text of the sample is two days by two of the formats.
    share : float
        In [0, 1]: how many of the texts are dates.
    """

    formats: tuple[str, ...]
    is_ambiguous: bool
    share: float


def find_days(text: str) -> dict[str, date]:
    """Return the day that a text is by each format that fits it.

    Parameters
    ----------
    text : str
        Without space around it; a time of day may follow.

    Returns
    -------
    dict of str to datetime.date
        By strptime format, or ``"excel"``.

    Examples
    --------
    >>> sorted(find_days("3/4/2024"))
    ['%d/%m/%Y', '%m/%d/%Y']
    """
    plain = _TIME.sub("", text)
    days = {}
    for name, pattern in _COMPILED.items():
        if match := pattern.fullmatch(plain):
            year = int(match["y"])
            if year < 100:
                year += 1900 if year >= _PIVOT else 2000
            try:
                days[name] = date(year, int(match["m"]), int(match["d"]))
            except ValueError:
                continue
    if _SERIAL.fullmatch(text):
        days[EXCEL] = _ORIGIN + timedelta(days=int(text[:5]))
    return days


def find_formats(texts: Sequence[str]) -> DateFormats:
    """Return the formats that the texts of a column are written in.

    Parameters
    ----------
    texts : sequence of str
        Without empty ones.

    Returns
    -------
    DateFormats
        Formats are chosen by how many texts they read; each further one must read a text that
        those before it do not. One that reads every text is not enough where another that
        gives other days reads every text too.

    Examples
    --------
    >>> find_formats(["13/4/2024", "3/4/2024"])
    DateFormats(formats=('%d/%m/%Y',), is_ambiguous=False, share=1.0)
    >>> find_formats(["1/4/2024", "3/4/2024"]).is_ambiguous
    True
    """
    read = [find_days(text) for text in dict.fromkeys(texts)]
    total = len(read)
    chosen: list[str] = []
    left = [days for days in read if days]
    n_dates = len(left)
    while left:
        counts = {name: sum(name in days for days in left) for name in (*_PATTERNS, EXCEL)}
        best = max(counts, key=lambda name: counts[name])
        equals = [name for name in counts if counts[name] == counts[best]]
        chosen += [name for name in equals if name == best or _differ(best, name, left)]
        left = [days for days in left if not set(chosen) & set(days)]
    pairs = find_rivals(chosen)
    clash = any(a in days and b in days and days[a] != days[b] for a, b in pairs for days in read)
    return DateFormats(tuple(chosen), clash, n_dates / total if total else 0.0)


def _differ(one: str, other: str, read: Sequence[dict[str, date]]) -> bool:
    """Tell whether two formats that read the same texts give other days for one of them."""
    return any(one in days and other in days and days[one] != days[other] for days in read)
