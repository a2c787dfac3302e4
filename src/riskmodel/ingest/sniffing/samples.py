"""The first rows of a file, whatever its format, and what keeps it from being read."""

from __future__ import annotations

import codecs
import csv
import io
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from riskmodel.ingest.column_mapping import merge_headings
from riskmodel.ingest.csv_files import WIDE_MARKS
from riskmodel.ingest.excel_files import LOCKED_MARK, NOT_EXCEL, cell_to_text, is_bomb
from riskmodel.ingest.sniffing.headings import MAX_ABOVE, count_below, find_headings, is_datum
from riskmodel.ingest.specs import SourceSpec

MAX_ROWS = 2_000
"""So many rows of a file or sheet are looked at."""

_HEAD = 1 << 20
_PIECE = 1 << 16
_MAX_SHEETS = 20
_MAX_COLUMNS = 500
_SNIFFED = 40
_BINARY_MARKS = (b"PK\x03\x04", b"PAR1", b"%PDF", LOCKED_MARK)


@dataclass(frozen=True)
class FileProblem:
    """Why a file, or a sheet of it, cannot be used.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    kind : str
        A short name, which the reports put into words.
    sheet : str or None
        The sheet.
    """

    path: Path
    kind: str
    sheet: str | None = None


@dataclass(frozen=True, repr=False)
class Sample:
    """The first rows of a file or sheet as text.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    settings : dict of str to object
        What a source must say to read it: encoding, delimiter, sheet and the row of the
        headings; only what is needed.
    columns : dict of str to list of str
        What stands under each heading, without space around it; empty cells are left out.
    n_rows : int
        How many rows were looked at.
    is_plain : bool
        Whether every encoding reads the text alike.
    """

    path: Path
    settings: dict[str, Any]
    columns: dict[str, list[str]]
    n_rows: int
    is_plain: bool = True

    @property
    def names(self) -> list[str]:
        """The headings."""
        return list(self.columns)


def take_samples(path: Path) -> tuple[list[Sample], list[FileProblem]]:
    """Look at the first rows of a file.

    Parameters
    ----------
    path : pathlib.Path
        CSV, Excel or Parquet. At most the first 2,000 rows are read; of a CSV file also a piece
        from its middle and its end, for the encoding.

    Returns
    -------
    samples : list of Sample
        One, or one for each sheet that can be used.
    problems : list of FileProblem
        What cannot be used.
    """
    try:
        if path.is_dir():
            return [], [FileProblem(path, "folder")]
        if not path.exists():
            return [], [FileProblem(path, "absent")]
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError:
        return [], [FileProblem(path, "unreadable")]
    if not start:
        return [], [FileProblem(path, "empty")]
    kind = SourceSpec(path=path).file_format
    if kind == "excel":
        return _sample_excel(path, start)
    if path.suffix.lower() == ".xls":
        return [], [FileProblem(path, "old_excel")]
    if kind is None:
        return [], [FileProblem(path, "extension")]
    return _sample_parquet(path) if kind == "parquet" else _sample_csv(path, start)


def _sample_csv(path: Path, start: bytes) -> tuple[list[Sample], list[FileProblem]]:
    """Look at a CSV file."""
    if start.startswith(_BINARY_MARKS):
        return [], [FileProblem(path, "not_text")]
    pieces = _read_pieces(path)
    encoding = sniff_encoding(pieces)
    if encoding is None:
        return [], [FileProblem(path, "encoding")]
    text = codecs.getincrementaldecoder(encoding)().decode(pieces[0])
    is_cut = len(pieces[0]) == _HEAD
    if is_cut:  # and so is the last line
        text = text[: text.rfind("\n") + 1] or text
    delimiter = sniff_delimiter(text)
    rows = _split(text, delimiter, MAX_ROWS + MAX_ABOVE)
    if rows is None:
        return [], [FileProblem(path, "not_text")]
    settings = {"encoding": encoding, "delimiter": delimiter}
    is_whole = not is_cut and len(rows) < MAX_ROWS
    samples, problems = _make_sample(path, rows, settings, is_whole=is_whole)
    is_plain = all(piece.isascii() for piece in pieces)
    return [replace(sample, is_plain=is_plain) for sample in samples], problems


def sniff_delimiter(text: str) -> str:
    r"""Tell what the cells of a text are parted by.

    Parameters
    ----------
    text : str
        Lines.

    Returns
    -------
    str
        A semicolon, a comma or a tab: the one that parts most lines into equally many cells.

    Examples
    --------
    >>> sniff_delimiter("Namn;Minuter\nx;37,5\n")
    ';'
    """
    first = "".join(text.splitlines(keepends=True)[:_SNIFFED])
    best: tuple[float, int] = (0.0, 0)
    chosen = ";"
    for mark in (";", "\t", ","):
        widths = Counter(len(row) for row in _split(first, mark, _SNIFFED) or [] if any(row))
        parted = {width: count for width, count in widths.items() if width > 1}
        if parted:
            width = max(parted, key=lambda width: (parted[width], width))
            rank = (parted[width] / widths.total(), width)
            chosen, best = (mark, rank) if rank > best else (chosen, best)
    return chosen


def _split(text: str, delimiter: str, most: int) -> list[list[str]] | None:
    """Return the first rows of a text, or None if it is no CSV."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [[cell.strip() for cell in row] for row in islice(reader, most)]
    except csv.Error:
        return None


def _read_pieces(path: Path) -> list[bytes]:
    """Return the beginning of a file, and what lies about its middle and at its end."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        pieces = [stream.read(_HEAD)]
        for place in (size // 2, size - _PIECE) if size > _HEAD else ():
            stream.seek(max(place, _HEAD))
            pieces.append(stream.read(_PIECE))
    return pieces


def sniff_encoding(pieces: Sequence[bytes]) -> str | None:
    """Tell the encoding of a text from pieces of it.

    Parameters
    ----------
    pieces : sequence of bytes
        The first is its beginning; the others may begin and end within a letter.

    Returns
    -------
    str or None
        ``"utf-8-sig"``, ``"utf-8"``, ``"cp1252"``, or ``"utf-16"`` where it begins with the
        mark of that; None if it is none of them.

    Examples
    --------
    >>> sniff_encoding(["Kön".encode("cp1252")]), sniff_encoding(["Kön".encode("utf-8")])
    ('cp1252', 'utf-8')
    """
    if pieces[0].startswith(WIDE_MARKS):
        return "utf-16" if _is_wide(pieces[0]) else None
    if any(b"\0" in piece for piece in pieces):
        return None
    try:
        for piece in pieces:
            begin = next((k for k in range(4) if piece[k : k + 1] < b"\x80" or piece[k] >= 0xC0), 0)
            codecs.getincrementaldecoder("utf-8")().decode(
                piece[begin if piece is not pieces[0] else 0 :]
            )
    except UnicodeDecodeError:
        try:
            for piece in pieces:
                piece.decode("cp1252")
        except UnicodeDecodeError:
            return None
        return "cp1252"
    return "utf-8-sig" if pieces[0].startswith(codecs.BOM_UTF8) else "utf-8"


def _is_wide(piece: bytes) -> bool:
    """Tell whether the beginning of a file is text in UTF-16."""
    try:
        return "\0" not in codecs.getincrementaldecoder("utf-16")().decode(piece)
    except UnicodeDecodeError:
        return False


def _sample_excel(path: Path, start: bytes) -> tuple[list[Sample], list[FileProblem]]:
    """Look at each sheet of a workbook."""
    if start == LOCKED_MARK:
        return [], [FileProblem(path, "locked")]
    import openpyxl

    samples: list[Sample] = []
    problems: list[FileProblem] = []
    try:
        if is_bomb(path):
            return [], [FileProblem(path, "not_excel")]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles, which are not read
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                for sheet in book.worksheets[:_MAX_SHEETS]:
                    cells = islice(sheet.iter_rows(values_only=True), MAX_ROWS + MAX_ABOVE)
                    rows = _write_cells(cells)
                    if any(map(any, rows)):
                        is_whole = len(rows) < MAX_ROWS
                        settings = {"sheet": sheet.title}
                        found, wrong = _make_sample(path, rows, settings, is_whole=is_whole)
                        samples += found
                        problems += wrong
            finally:
                book.close()
    except NOT_EXCEL:
        return [], [FileProblem(path, "not_excel")]
    if not samples and not problems:
        problems.append(FileProblem(path, "empty"))
    return samples, problems


def _sample_parquet(path: Path) -> tuple[list[Sample], list[FileProblem]]:
    """Look at a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        try:
            names = file.schema_arrow.names
            batch = next(file.iter_batches(batch_size=MAX_ROWS), None)
            columns = [] if batch is None else [column.to_pylist() for column in batch.columns]
        finally:
            file.close()
    except (pa.ArrowException, OSError, ArithmeticError, UnicodeError):
        return [], [FileProblem(path, "not_parquet")]
    rows = [list(names), *_write_cells(zip(*columns, strict=True))]
    return _make_sample(path, rows, {}, is_whole=False)


def _write_cells(rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """Return rows as text."""
    return [[(cell_to_text(cell, ".", None) or "").strip() for cell in row] for row in rows]


def _make_sample(
    path: Path, rows: list[list[str]], settings: dict[str, Any], *, is_whole: bool
) -> tuple[list[Sample], list[FileProblem]]:
    """Return rows as a sample, or what is wrong with them."""
    sheet = settings.get("sheet")
    header, place = find_headings(rows)
    body = [row for row in rows[place[-1] :] if any(row)]
    kind = _find_problem(header, body)
    if kind:
        return [], [FileProblem(path, kind, sheet)]
    n_below = count_below(body) if is_whole else 0
    body = body[: len(body) - n_below][:MAX_ROWS]
    names = merge_headings([header])
    cells = [(row + [""] * len(names))[: len(names)] for row in body]
    columns = {
        name: [row[place] for row in cells if row[place]] for place, name in enumerate(names)
    }
    if place != [1]:
        settings = settings | {"header_row": place[0] if len(place) == 1 else tuple(place)}
    if n_below:
        settings = settings | {"footer_rows": n_below}
    return [Sample(path, settings, columns, len(body))], []


def _find_problem(header: list[str], body: list[list[str]]) -> str:
    """Return what keeps rows from being a table with a header; empty if nothing does."""
    named = [name for name in header if name]
    if not named and not body:
        return "empty"
    if any(is_datum(name) for name in named):
        return "no_header"
    if len(named) < 2:
        return "one_column"
    if len({name.casefold() for name in named}) < len(named):
        return "repeated_header"
    if len(named) > _MAX_COLUMNS:
        return "too_wide"
    return "" if body else "no_rows"
