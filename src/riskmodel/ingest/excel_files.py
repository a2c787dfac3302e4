"""Excel sheets as tables of text."""

from __future__ import annotations

import math
import warnings
import zipfile
import zlib
from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from riskmodel.core.validation import suggest_name
from riskmodel.ingest.column_mapping import find_unfit_headings, merge_headings
from riskmodel.ingest.csv_files import NO_ROWS_ABOVE
from riskmodel.ingest.findings import ContractFinding

LOCKED_MARK = bytes.fromhex("D0CF11E0A1B11AE1")
"""How a workbook begins that a password protects, or that has the format before 2007."""

NOT_EXCEL = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What openpyxl raises on files that are broken."""

_MAX_UNPACKED = 64 << 20
_MAX_RATIO = 300
_LOCKED = " that can be read: it has a password or the old format; save an unlocked copy as .xlsx"


def read_excel_file(
    table: str,
    path: Path,
    sheet: str | None,
    *,
    decimal: str,
    date_format: str | None,
    heading_rows: Sequence[int] = (1,),
    footer_rows: int = 0,
    only: Collection[str] | None = None,
) -> tuple[pa.Table | None, list[ContractFinding]]:
    """Read one sheet as text, as it would stand in a CSV file.

    Parameters
    ----------
    table : str
        The table's name, for the findings.
    path : pathlib.Path
        An existing file.
    sheet : str or None
        The sheet's name; None is the first one.
    decimal : {',', '.'}
        How to write numbers.
    date_format : str or None
        How to write dates, by default ISO 8601.
    heading_rows : sequence of int, default (1,)
        The row of the headings, those above it are passed over; further ones where headings
        stand in several rows, as `merge_headings` reads them.
    footer_rows : int, default 0
        How many rows below the last one to leave out, such as sums; empty ones do not count.
    only : collection of str, optional
        The headings of the columns to read, for a sheet that people have written in: what stands
        in other columns, or in none, is passed over.

    Returns
    -------
    data : pyarrow.Table or None
        The columns as text, empty cells null, empty rows left out; None if there are
        findings.
    findings : list of ContractFinding
        Why the file cannot be used.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles, which are not read
            rows, detail = _read_rows(path, sheet, heading_rows[0])
    except NOT_EXCEL:
        rows, detail = [], f"{path.name} is not Excel{_LOCKED if _is_locked(path) else ''}"
    if detail:
        return None, [ContractFinding(table, "", "file", None, detail)]
    names = _name_columns(rows[: len(heading_rows)])
    if only is not None:
        names, rows = _keep_columns(names, rows, only)
    findings = find_unfit_headings(table, path.name, names)
    if findings:
        return None, findings
    body = [row for row in rows[len(heading_rows) :] if any(cell is not None for cell in row)]
    if footer_rows > len(body):
        return None, [ContractFinding(table, "", "file", None, f"{path.name} {NO_ROWS_ABOVE}")]
    body = body[: len(body) - footer_rows]
    if any(cell is not None for row in body for cell in row[len(names) :]):
        n_long = sum(any(cell is not None for cell in row[len(names) :]) for row in body)
        return None, [ContractFinding(table, "", "cells", n_long, path.name)]
    columns = [
        pa.array(
            [cell_to_text(row[k], decimal, date_format) if k < len(row) else None for row in body],
            type=pa.string(),
        )
        for k in range(len(names))
    ]
    return pa.table(columns, names=names), []


def _keep_columns(
    names: list[str], rows: list[tuple[Any, ...]], only: Collection[str]
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names and the cells of the columns asked for."""
    places = [place for place, name in enumerate(names) if name in only]
    kept = [tuple(row[k] for k in places if k < len(row)) for row in rows]
    return [names[place] for place in places], kept


def _is_locked(path: Path) -> bool:
    """Tell whether a file is a workbook that cannot be opened without more."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(LOCKED_MARK)) == LOCKED_MARK
    except OSError:
        return False


def is_bomb(path: Path) -> bool:
    """Tell whether a workbook is packed far more densely than real sheets are.

    Parameters
    ----------
    path : pathlib.Path
        A zip file.

    Returns
    -------
    bool
        True if a part of more than 64 MiB takes less than a three hundredth of that in the file.
    """
    with zipfile.ZipFile(path) as packed:
        return any(
            part.file_size > max(_MAX_UNPACKED, _MAX_RATIO * part.compress_size)
            for part in packed.infolist()
        )


def _read_rows(path: Path, sheet: str | None, header_row: int) -> tuple[list[tuple[Any, ...]], str]:
    """Return the cells of a sheet, or no rows and the reason."""
    if is_bomb(path):
        return [], f"{path.name} unpacks to far more than a sheet"
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        if sheet is not None and sheet not in book.sheetnames:
            hint = suggest_name(sheet, book.sheetnames)
            return [], f"{path.name} has no sheet {sheet}.{hint}"
        chosen = book[sheet] if sheet is not None else book.worksheets[0]
        rows = list(chosen.iter_rows(min_row=header_row, values_only=True))
    finally:
        book.close()
    is_empty = not rows or all(cell is None for cell in rows[0])
    return rows, f"{path.name} has no header in row {header_row}" if is_empty else ""


def _name_columns(header: Sequence[Sequence[Any]]) -> list[str]:
    """Return the column names up to the last named one."""
    texts = [["" if cell is None else str(cell).strip() for cell in row] for row in header]
    width = max((place for row in texts for place, text in enumerate(row, 1) if text), default=0)
    return merge_headings([row[:width] for row in texts])


def cell_to_text(cell: Any, decimal: str, date_format: str | None) -> str | None:
    """Return a cell as it would be written in a CSV file.

    Parameters
    ----------
    cell : object
        Text, number, truth value, date, time, duration (written 26:30:00) or None.
    decimal : {',', '.'}
        How to write numbers; whole ones are written without decimals.
    date_format : str or None
        How to write dates, by default ISO 8601.

    Returns
    -------
    str or None
        None for an empty cell.
    """
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if math.isnan(cell):
            return None
        return str(int(cell)) if cell.is_integer() else repr(cell).replace(".", decimal)
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    if isinstance(cell, datetime):
        return cell.strftime(date_format) if date_format else cell.isoformat(sep=" ")
    if isinstance(cell, date) and date_format:
        return cell.strftime(date_format)
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)
