"""Tables with pseudonyms on disk: read for these alone, rewritten piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from riskmodel.core.files import write_atomically
from riskmodel.errors import PrivacyError

SUBJECT = "subject_id"
"""The column of pseudonyms."""

TABLE_SUFFIX = ".parquet"

_BATCH_ROWS = 1 << 18


def read_subjects(path: Path) -> pa.ChunkedArray:
    """Return the pseudonyms of a table's rows.

    Parameters
    ----------
    path : pathlib.Path
        A Parquet file.

    Returns
    -------
    pyarrow.ChunkedArray of string, shape (n_rows,)
        Empty where the table has no column of that name.

    Raises
    ------
    PrivacyError
        If the file cannot be read: what is not looked at is not known to hold nobody.
    """
    try:
        if SUBJECT not in pq.read_schema(path).names:
            return pa.chunked_array([], type=pa.string())
        return pq.read_table(path, columns=[SUBJECT])[SUBJECT].cast(pa.string())
    except (pa.ArrowException, OSError) as error:
        raise PrivacyError(
            f"`artifacts` must be readable, got {type(error).__name__} in {path.name}. Mend or "
            "remove the file."
        ) from None


def find_subjects(files: Iterable[Path]) -> set[str]:
    """Return all pseudonyms in the tables among some files.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Files of any kind.

    Returns
    -------
    set of str
        The values of `subject_id`.
    """
    found: set[str] = set()
    for path in files:
        if path.suffix.lower() == TABLE_SUFFIX:
            found |= set(pc.unique(read_subjects(path)).to_pylist())
    return found - {None}


def rewrite_table(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a table in place, atomically.

    Parameters
    ----------
    path : pathlib.Path
        A Parquet file.
    change : callable
        Takes some of the rows and returns them changed, with the same columns.

    Notes
    -----
    A quarter of a million rows are in memory at a time. Dictionaries are written out, since
    one would keep the values of rows that are gone.
    """
    with pq.ParquetFile(path) as source, write_atomically(path) as partial:
        schema = _plain_schema(source.schema_arrow)
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for batch in source.iter_batches(batch_size=_BATCH_ROWS):
                rows = pa.Table.from_batches([batch]).cast(schema)
                writer.write_table(change(rows).cast(schema))


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return a schema without dictionaries."""
    for place, field in enumerate(schema):
        if pa.types.is_dictionary(field.type):
            schema = schema.set(place, pa.field(field.name, field.type.value_type))
    return schema
