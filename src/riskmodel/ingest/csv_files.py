"""CSV files as streams of text: delimiters, encodings, quotes and broken rows."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.dataset as pa_dataset

from riskmodel.ingest.findings import ContractFinding

MAX_COLUMNS = 4096
"""A file or sheet with more columns than this is refused: it takes far too long."""

_BLOCK = 1 << 20
_MAX_HEADER = 1 << 20
_DELIMITERS = (";", ",")


def open_csv_file(
    table: str, path: Path, delimiter: str | None, encoding: str, *, header_row: int = 1
) -> tuple[Any, list[ContractFinding]]:
    """Open a CSV file as a data set of text that is read in a stream.

    Parameters
    ----------
    table : str
        The table's name, for the findings.
    path : pathlib.Path
        An existing file with a header.
    delimiter : {';', ','} or None
        None: the one that the header has more of outside quotes.
    encoding : str
        The file's encoding. A byte order mark is skipped.
    header_row : int, default 1
        The line that the header begins on; those above it are passed over.

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
        names, n_lines, found = _read_header(path, codec, delimiter, header_row - 1)
    except csv.Error:
        return None, [ContractFinding(table, "", "header", None, f"{path.name} is no CSV")]
    if not names:
        detail = f"{path.name} has no header in row {header_row}"
        return None, [ContractFinding(table, "", "file", None, detail)]
    if len(names) > MAX_COLUMNS:
        detail = f"{path.name} has {len(names)} columns; at most {MAX_COLUMNS} can be read"
        return None, [ContractFinding(table, "", "file", None, detail)]
    repeated = len(names) - len({name.casefold() for name in names})
    if repeated:
        return None, [ContractFinding(table, "", "header", None, f"{repeated} repeated")]
    if n_quotes % 2 and _has_open_quote(path, codec, found):
        return None, [ContractFinding(table, "", "quotes", None, path.name)]
    layout = _CsvLayout(names, n_lines, found, codec)
    findings = _find_broken_rows(table, path, layout)
    if findings:
        return None, findings
    return pa_dataset.dataset(path, format=layout.to_format()), []


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

    def parse(self, invalid_row_handler: Any = None) -> Any:
        """Return the options of the parser."""
        return pa_csv.ParseOptions(
            delimiter=self.delimiter,
            newlines_in_values=True,
            invalid_row_handler=invalid_row_handler,
        )

    def to_format(self) -> Any:
        """Return the format for a data set."""
        return pa_dataset.CsvFileFormat(
            parse_options=self.parse(), read_options=self.read, convert_options=self.convert
        )


def _count_quotes(path: Path, codec: str) -> int | str:
    """Return how many quotes a file has, or why it is no text; empty if not in an encoding."""
    decoder = codecs.getincrementaldecoder(codec)()
    n_quotes = 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
                if b"\0" in block:
                    return "holds NUL characters; save it as UTF-8"
                n_quotes += block.count(b'"')
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return ""
    return n_quotes


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
    path: Path, codec: str, delimiter: str | None, n_above: int
) -> tuple[list[str], int, str]:
    """Return the column names, the number of lines up to their end, and the delimiter."""
    with path.open("r", encoding=codec, newline="") as stream:
        for _ in range(n_above):
            stream.readline(_MAX_HEADER)
        start = stream.tell()
        found = delimiter or _sniff_delimiter(stream.readline(_MAX_HEADER))
        stream.seek(start)
        reader = csv.reader(stream, delimiter=found, strict=True)
        names = [name.strip() for name in next(reader, [])]
        n_lines = n_above + reader.line_num
    named = [name or f"unnamed_{place}" for place, name in enumerate(names, start=1)]
    return named, n_lines, found


def _sniff_delimiter(line: str) -> str:
    """Return the delimiter that a line has more of outside quotes, a semicolon among equals."""
    outside = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _find_broken_rows(table: str, path: Path, layout: _CsvLayout) -> list[ContractFinding]:
    """Read a file once, and count the rows that have too few or too many cells."""
    n_broken = 0

    def count(_: Any) -> str:
        nonlocal n_broken
        n_broken += 1
        return "skip"

    try:
        with pa_csv.open_csv(
            path,
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
