"""CSV files as streams of text: delimiters, encodings, quotes and broken rows."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.dataset as pa_dataset

from riskmodel.ingest.column_mapping import find_unfit_headings, merge_headings
from riskmodel.ingest.findings import ContractFinding

WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a file begins that a spreadsheet has saved as "Unicode text"."""

NO_ROWS_ABOVE = "has fewer rows than `footer_rows` leaves out"
"""What is said of a file that has nothing above its foot."""

_BLOCK = 1 << 20
_MAX_HEADER = 1 << 20
_TAIL = 1 << 16
_BLANK = ' ;,\t"\r\n'


def open_csv_file(
    table: str,
    path: Path,
    delimiter: str | None,
    encoding: str,
    *,
    heading_rows: Sequence[int] = (1,),
    footer_rows: int = 0,
) -> tuple[Any, list[ContractFinding]]:
    """Open a CSV file as a data set of text that is read in a stream.

    Parameters
    ----------
    table : str
        The table's name, for the findings.
    path : pathlib.Path
        An existing file with a header.
    delimiter : {';', ',', tab} or None
        None: the one that the header has most of outside quotes.
    encoding : str
        The file's encoding. A byte order mark is skipped; ``"utf-16"`` must begin with one.
    heading_rows : sequence of int, default (1,)
        The line that the header begins on, those above it are passed over; further ones where
        headings stand in several rows, as `merge_headings` reads them.
    footer_rows : int, default 0
        How many lines below the last row to leave out, such as sums; blank ones do not count.

    Returns
    -------
    dataset : pyarrow.dataset.Dataset or None
        All columns as text, empty cells null; None if there are findings.
    findings : list of ContractFinding
        Why the file cannot be used.
    """
    codec = "utf-8-sig" if encoding.startswith("utf-8") else encoding
    n_quotes = _count_quotes(path, codec)
    if not isinstance(n_quotes, int):
        detail = f"{path.name} {n_quotes or f'is not {encoding}'}"
        return None, [ContractFinding(table, "", "encoding", None, detail)]
    try:
        names, n_lines, found = _read_header(path, codec, delimiter, heading_rows)
    except csv.Error:
        return None, [ContractFinding(table, "", "header", None, f"{path.name} is no CSV")]
    if not names:
        detail = f"{path.name} has no header in row {heading_rows[0]}"
        return None, [ContractFinding(table, "", "file", None, detail)]
    findings = find_unfit_headings(table, path.name, names)
    if findings:
        return None, findings
    if n_quotes % 2 and _has_open_quote(path, codec, found):
        return None, [ContractFinding(table, "", "quotes", None, path.name)]
    layout = _CsvLayout(names, n_lines, found, codec)
    body = _leave_out_footer(path, codec, footer_rows, n_lines) if footer_rows else None
    if footer_rows and body is None:
        return None, [ContractFinding(table, "", "file", None, f"{path.name} {NO_ROWS_ABOVE}")]
    findings = _find_broken_rows(table, path, layout, body)
    if findings:
        return None, findings
    return layout.open(path, body), []


class _CsvLayout:
    """What pyarrow must be told to read one file as text."""

    def __init__(self, names: Sequence[str], n_lines: int, delimiter: str, codec: str) -> None:
        self.read = pa_csv.ReadOptions(
            column_names=list(names),
            skip_rows=n_lines,
            encoding="utf8" if codec.startswith("utf-8") else codec,
            block_size=_BLOCK,
        )
        self.convert = pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=[""],
        )
        self.delimiter = delimiter
        self.schema = pa.schema([(name, pa.string()) for name in names])

    def parse(self, invalid_row_handler: Any = None) -> Any:
        """Return the options of the parser."""
        return pa_csv.ParseOptions(
            delimiter=self.delimiter,
            newlines_in_values=True,
            invalid_row_handler=invalid_row_handler,
        )

    def open(self, path: Path, body: Any) -> Any:
        """Return a data set of a file, or of that part of it which is its body."""
        form = pa_dataset.CsvFileFormat(
            parse_options=self.parse(), read_options=self.read, convert_options=self.convert
        )
        if body is None:
            return pa_dataset.dataset(path, format=form)
        return pa_dataset.FileSystemDataset([form.make_fragment(body)], self.schema, form)


def _count_quotes(path: Path, codec: str) -> int | str:
    """Return how many quotes a file has, or why it is no text; empty if not in an encoding."""
    decoder = codecs.getincrementaldecoder(codec)()
    n_quotes = 0
    try:
        with path.open("rb") as stream:
            is_wide = stream.read(2).startswith(WIDE_MARKS)
            if is_wide != (codec == "utf-16"):
                return "is utf-16; set `encoding: utf-16`" if is_wide else ""
            stream.seek(0)
            while block := stream.read(_BLOCK):
                text = decoder.decode(block)
                if "\0" in text:
                    return "holds NUL characters; save it as UTF-8"
                n_quotes += text.count('"')
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return ""
    return n_quotes


def _leave_out_footer(path: Path, codec: str, n_rows: int, n_kept: int) -> Any:
    """Return a file less its last lines, as bytes that are mapped and not held in memory.

    None if the file has fewer lines than those and the ones to keep above them.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        plain = codec.removesuffix("-sig")
        if codec == "utf-16":
            plain = "utf-16-le" if stream.read(2) == codecs.BOM_UTF16_LE else "utf-16-be"
        start = stream.seek(max(0, size - _TAIL) // 2 * 2)
        tail = stream.read().decode(plain, errors="replace")
    lines = list(io.StringIO(tail, newline=""))
    while n_rows and lines:
        line = lines.pop()
        size -= len(line.encode(plain))
        n_rows -= bool(line.strip(_BLANK))
    if n_rows or (start == 0 and len(lines) < n_kept):
        return None
    return pa.memory_map(str(path)).read_buffer(size)


def _has_open_quote(path: Path, codec: str, delimiter: str) -> bool:
    """Tell whether a quote that is not closed swallows rows."""
    try:
        with path.open("r", encoding=codec, newline="") as stream:
            for _ in csv.reader(stream, delimiter=delimiter, strict=True):
                pass
    except csv.Error:
        return True
    return False


def _read_header(
    path: Path, codec: str, delimiter: str | None, heading_rows: Sequence[int]
) -> tuple[list[str], int, str]:
    """Return the column names, the number of lines up to their end, and the delimiter."""
    n_above = heading_rows[0] - 1
    with path.open("r", encoding=codec, newline="") as stream:
        for _ in range(n_above):
            stream.readline(_MAX_HEADER)
        start = stream.tell()
        found = delimiter or _sniff_delimiter(stream.readline(_MAX_HEADER))
        stream.seek(start)
        reader = csv.reader(stream, delimiter=found, strict=True)
        rows = [[name.strip() for name in row] for row in islice(reader, len(heading_rows))]
        n_lines = n_above + reader.line_num
    return merge_headings(rows), n_lines, found


def _sniff_delimiter(line: str) -> str:
    """Return the delimiter that a line has most of outside quotes, a semicolon among equals.

    A comma is none beside tabs.
    """
    outside = "".join(line.split('"')[::2])
    marks = (";", "\t") if "\t" in outside else (";", ",")
    return max(marks, key=outside.count)


def _find_broken_rows(
    table: str, path: Path, layout: _CsvLayout, body: Any
) -> list[ContractFinding]:
    """Read a file, or its body, once, and count the rows that have too few or too many cells."""
    n_broken = 0

    def count(_: Any) -> str:
        nonlocal n_broken
        n_broken += 1
        return "skip"

    try:
        with pa_csv.open_csv(
            path if body is None else pa.BufferReader(body),
            read_options=layout.read,
            parse_options=layout.parse(count),
            convert_options=layout.convert,
        ) as reader:
            for _ in reader:
                pass
    except (pa.ArrowException, UnicodeError):
        return [ContractFinding(table, "", "file", None, f"{path.name} is no CSV")]
    if n_broken:
        return [ContractFinding(table, "", "cells", n_broken, path.name)]
    return []
