"""The content of Parquet files by column, in batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

_BATCH_ROWS = 1 << 16
_BUFFER = 1 << 20
_LARGEST = 1 << 53


def read_parquet(file: Path) -> Iterator[tuple[str, bytes | npt.NDArray[np.int64]]]:
    """Yield column names, metadata and the different values of all columns.

    Parameters
    ----------
    file : pathlib.Path
        The file.

    Yields
    ------
    place : str
        The column; empty for names and metadata.
    piece : bytes or numpy.ndarray of int64
        Texts, one to a line, or whole numbers, however they are stored.

    Notes
    -----
    Batches of rows are read through a small buffer, so that neither the file nor a row group
    is held in memory.
    """
    with pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False) as parquet:
        schema = parquet.schema_arrow
        yield "", "\n".join(schema.names).encode("utf-8")
        for key, value in (schema.metadata or {}).items():
            if key != b"ARROW:schema":
                yield "", key + b"\n" + value
        columns = [field.name for field in schema if not _is_measure(field.type)]
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                for piece in _read_column(column):
                    yield name, piece


def whole_numbers(values: npt.NDArray[np.number]) -> npt.NDArray[np.int64]:
    """Return the different whole numbers among some numbers.

    Parameters
    ----------
    values : numpy.ndarray of int or float
        Numbers; missing ones and fractions are left out.

    Returns
    -------
    numpy.ndarray of int64
        In order.
    """
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
        values = values[(np.abs(values) < _LARGEST) & (values == np.floor(values))]
    return np.unique(values.astype("int64", copy=False))


def _is_measure(kind: pa.DataType) -> bool:
    """Tell whether a type can hold neither text nor whole numbers of many digits."""
    is_short = pa.types.is_integer(kind) and kind.bit_width < 32
    return is_short or any(t(kind) for t in (pa.types.is_boolean, pa.types.is_temporal))


def _read_column(column: pa.Array) -> Iterator[bytes | npt.NDArray[np.int64]]:
    """Yield the different values of one column's batch, texts one to a line."""
    kind = column.type
    if _is_measure(kind) or pa.types.is_null(kind):
        return
    if pa.types.is_dictionary(kind):
        yield from _read_column(column.dictionary)
    elif pa.types.is_struct(kind):
        for child in column.flatten():
            yield from _read_column(child)
    elif pa.types.is_nested(kind):
        yield from _read_column(column.flatten() if not pa.types.is_map(kind) else column.items)
        if pa.types.is_map(kind):
            yield from _read_column(column.keys)
    elif pa.types.is_decimal(kind):
        yield from _read_column(column.cast(pa.float64(), safe=False))
    elif pa.types.is_primitive(kind):
        yield whole_numbers(column.drop_null().to_numpy(zero_copy_only=False))
    else:
        yield b"\n".join(column.cast(pa.large_binary()).unique().drop_null().to_pylist())
