"""Writing extracts row group by row group, as Parquet or as a Swedish CSV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from riskmodel.core.schema import TABLES, ColumnType
from riskmodel.simulation.frames import EventRows

TableFormat = Literal["parquet", "csv"]
"""The forms in which extracts can be written."""

_ARROW_TYPES: dict[ColumnType, Any] = {
    "string": pa.string(),
    "date": pa.date32(),
    "integer": pa.int32(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}
_DECIMALS = pa.decimal128(12, 1)
_BOM = b"\xef\xbb\xbf"


class _Writer(Protocol):
    """What both formats' writers can do."""

    def write_table(self, table: Any) -> None:
        """Append a table."""

    def close(self) -> None:
        """Finish the file."""


class ExtractWriter:
    """Append blocks of rows to one file for each table.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files go; it must exist.
    table_format : {"parquet", "csv"}
        Parquet with one row group per block, or CSV with semicolons, decimal commas and a byte
        order mark, as Swedish spreadsheets expect.
    """

    def __init__(self, folder: Path, table_format: TableFormat) -> None:
        self._folder = folder
        self._format = table_format
        self._writers: dict[str, _Writer] = {}
        self._files = ExitStack()
        self.counts: dict[str, int] = {}

    def write(self, name: str, table: Any) -> None:
        """Append rows to a table's file.

        Parameters
        ----------
        name : str
            The table, which names the file.
        table : pyarrow.Table
            Rows; every block of a table has the same schema.
        """
        if self._format == "csv":
            table = localise(table)
        if name not in self._writers:
            self._writers[name] = self._open(name, table.schema)
        self.counts[name] = self.counts.get(name, 0) + table.num_rows
        if table.num_rows:
            self._writers[name].write_table(table)

    def close(self) -> None:
        """Finish all files."""
        for writer in self._writers.values():
            writer.close()
        self._files.close()

    def _open(self, name: str, schema: Any) -> _Writer:
        """Open the file of one table."""
        path = self._folder / f"{name}.{self._format}"
        if self._format == "parquet":
            writer: _Writer = pq.ParquetWriter(path, schema, compression="zstd", store_schema=False)
            return writer
        stream = self._files.enter_context(path.open("wb"))
        stream.write(_BOM)
        options = pyarrow.csv.WriteOptions(delimiter=";", quoting_style="needed")
        csv_writer: _Writer = pyarrow.csv.CSVWriter(stream, schema, write_options=options)
        return csv_writer


@contextmanager
def open_writer(folder: Path, table_format: TableFormat) -> Iterator[ExtractWriter]:
    """Open a writer on a new folder, and finish its files at the end.

    Parameters
    ----------
    folder : pathlib.Path
        Made here.
    table_format : {"parquet", "csv"}
        The form of the files.

    Yields
    ------
    ExtractWriter
        To write blocks to.
    """
    folder.mkdir(parents=True)
    writer = ExtractWriter(folder, table_format)
    try:
        yield writer
    finally:
        writer.close()


def canonical_table(name: str, rows: EventRows, person_ids: NDArray[np.str_]) -> Any:
    """Turn rows into a table with the columns and types of the schema.

    Parameters
    ----------
    name : str
        One of the canonical tables.
    rows : EventRows
        Rows of a block.
    person_ids : numpy.ndarray of str, shape (n,)
        Identifiers of the block's pupils.

    Returns
    -------
    pyarrow.Table
        In the schema's order of columns. Columns that the rows lack are wholly missing.
    """
    schema = TABLES[name]
    columns: dict[str, Any] = {}
    for column, declared in schema.columns.items():
        kind = _ARROW_TYPES[declared.type]
        if column == schema.person:
            columns[column] = _person_column(rows, person_ids)
        elif column == schema.date:
            columns[column] = _to_arrow(rows.date, kind)
        elif column == "known_date" and rows.known_date is not None:
            columns[column] = _to_arrow(rows.known_date, kind)
        elif column in rows.columns:
            columns[column] = _to_arrow(rows.columns[column], kind)
        else:
            columns[column] = pa.nulls(len(rows), kind)
    return pa.table(columns)


def truth_table(rows: EventRows, person_ids: NDArray[np.str_]) -> Any:
    """Turn the true risks into a table.

    Parameters
    ----------
    rows : EventRows
        One row per pupil and outcome.
    person_ids : numpy.ndarray of str, shape (n,)
        Identifiers of the block's pupils.

    Returns
    -------
    pyarrow.Table
        The person's identifier, then the rows' columns.
    """
    columns = {"person_id": _person_column(rows, person_ids)}
    return pa.table(
        columns | {name: _to_arrow(values, None) for name, values in rows.columns.items()}
    )


def localise(table: Any) -> Any:
    """Turn a table into text as Swedish systems write it.

    Parameters
    ----------
    table : pyarrow.Table
        Of any schema.

    Returns
    -------
    pyarrow.Table
        Numbers as text with a decimal comma; the rest as it was.
    """
    columns = [_localise_column(column) for column in table.columns]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def _localise_column(column: Any) -> Any:
    """Return numbers as text with a decimal comma, and other columns as they are."""
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    if not pa.types.is_floating(column.type):
        return column
    text = column.cast(_DECIMALS).cast(pa.string())
    return pc.replace_substring(text, pattern=".", replacement=",")


def _person_column(rows: EventRows, person_ids: NDArray[np.str_]) -> Any:
    """Return the identifiers of the rows, each stored once."""
    return pa.DictionaryArray.from_arrays(
        pa.array(rows.pupil.astype(np.int32)), pa.array(person_ids, type=pa.string())
    )


def _to_arrow(values: NDArray[Any], kind: Any) -> Any:
    """Turn an array into a column; empty text, NaN and NaT are missing."""
    if values.dtype.kind == "U":
        return pa.array(values, type=kind, mask=values == "")
    missing = None
    if values.dtype.kind in "fM":
        missing = np.isnan(values) if values.dtype.kind == "f" else np.isnat(values)
    return pa.array(values, type=kind, mask=missing)
