"""Scan files of any kind for identifiers that should not be there."""

from __future__ import annotations

import gzip
import io
import re
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from riskmodel.errors import PrivacyError
from riskmodel.privacy.patterns import OVERLAP, KnownIdentifiers, find_kinds

_BLOCK = 1 << 22
_MAX_DEPTH = 4
_SEPARATORS = b" \t\r\n,;:<>\"'()[]{}=|/\\\0"
_TEXT_ARRAY = re.compile(rb"'descr': '[<>|=]?[US]\d")
_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    sqlite3.Error,
    pa.ArrowException,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
_NUMBER_RANGE = (180_000_000_000, 210_000_000_000)


@dataclass(frozen=True, order=True)
class IdentifierFinding:
    """One kind of identifier found in one file. It never holds the identifier.

    Parameters
    ----------
    file : pathlib.Path
        The file, or the folder if it is a file's name that holds the identifier.
    kind : str
        ``personal_number``, ``temporary_number``, ``email`` or ``known_identifier``.
    """

    file: Path
    kind: str

    def to_dict(self) -> dict[str, str]:
        """Return the finding for JSON.

        Returns
        -------
        dict
            With `file` and `kind`.
        """
        return {"file": self.file.as_posix(), "kind": self.kind}


def find_identifiers(
    paths: Iterable[Path], *, known: Collection[str] = ()
) -> list[IdentifierFinding]:
    """Scan files and folders for personal numbers, e-mail addresses and known identifiers.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files, and folders with all that is in them.
    known : collection of str, optional
        Identifiers of the run as they stand in the extracts; shorter ones than 4 characters
        are left out.

    Returns
    -------
    list of IdentifierFinding
        One per file and kind, in order; empty if nothing was found.

    Raises
    ------
    PrivacyError
        If a path does not exist or a file cannot be read: what was not scanned is not clean.

    Notes
    -----
    Parquet files are read by column, SQLite stores by value, archives (zip, xlsx, skops, npz,
    gzip, tar) by member, NumPy arrays of text by element, and all else as bytes. Files are
    read in blocks, so that size does not matter. Not seen: images of text, encrypted or
    otherwise encoded content, and the freed pages of a database.
    """
    prepared = KnownIdentifiers(known)
    findings: set[IdentifierFinding] = set()
    for path in paths:
        for file in _walk(path):
            findings |= _scan_file(file, prepared)
    return sorted(findings)


def _walk(path: Path) -> list[Path]:
    """Return the files at a path, in order."""
    if path.is_dir():
        return sorted(child for child in path.rglob("*") if child.is_file())
    if not path.exists():
        raise PrivacyError(
            f"`paths` must exist, got nothing at {path.name}. Scan what the run has written."
        )
    return [path]


def _scan_file(file: Path, known: KnownIdentifiers) -> set[IdentifierFinding]:
    """Return the findings in one file and in its name."""
    findings = {
        IdentifierFinding(file.parent, kind)
        for kind in find_kinds(file.name.encode("utf-8"), known)
    }
    place = file.parent if findings else file
    try:
        kinds = {kind for text in _read_texts(file) for kind in find_kinds(text, known)}
    except _UNREADABLE as error:
        raise PrivacyError(
            f"`paths` must be readable, got {type(error).__name__} in {place.name}. "
            "Mend or remove the file: what cannot be scanned cannot be called clean."
        ) from None
    return findings | {IdentifierFinding(place, kind) for kind in kinds}


def _read_texts(file: Path) -> Iterator[bytes]:
    """Yield all text in a file, by the reader that its first bytes ask for."""
    with file.open("rb") as stream:
        magic = stream.read(16)
    if magic.startswith(b"SQLite format 3\0"):
        yield from _read_sqlite(file)
    elif magic.startswith(b"PAR1"):
        yield from _read_parquet(file)
    else:
        with file.open("rb") as stream:
            yield from _read_stream(stream, 0)


def _read_sqlite(file: Path) -> Iterator[bytes]:
    """Yield the values of all tables, each on a line."""
    uri = f"{file.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as store:
        store.text_factory = bytes
        schema = store.execute("SELECT name, sql FROM sqlite_master").fetchall()
        yield b"\n".join(part for row in schema for part in row if part)
        tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            quoted = name.decode("utf-8").replace('"', '""')
            cursor = store.execute(f'SELECT * FROM "{quoted}"')
            while rows := cursor.fetchmany(10_000):
                yield b"\n".join(_cell_bytes(value) for row in rows for value in row)


def _cell_bytes(value: object) -> bytes:
    """Return a database value as bytes."""
    if isinstance(value, bytes):
        return value
    return b"" if value is None or isinstance(value, float) else str(value).encode("utf-8")


def _read_parquet(file: Path) -> Iterator[bytes]:
    """Yield column names, metadata and the different values of all text and whole numbers."""
    with pq.ParquetFile(file) as parquet:
        schema = parquet.schema_arrow
        yield "\n".join(schema.names).encode("utf-8")
        for key, value in (schema.metadata or {}).items():
            if key != b"ARROW:schema":
                yield key + b"\n" + value
        columns = [field.name for field in schema if not _is_measure(field.type)]
        for batch in parquet.iter_batches(batch_size=1 << 17, columns=columns):
            for column in batch.columns:
                yield from _column_texts(column)


def _is_measure(kind: pa.DataType) -> bool:
    """Tell whether a type can hold neither text nor whole numbers."""
    tests = (pa.types.is_floating, pa.types.is_boolean, pa.types.is_temporal)
    return any(test(kind) for test in tests)


def _column_texts(column: pa.Array) -> Iterator[bytes]:
    """Yield the different values of one column's batch, one to a line."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _column_texts(column.dictionary)
    elif pa.types.is_struct(kind):
        for child in column.flatten():
            yield from _column_texts(child)
    elif pa.types.is_nested(kind):
        yield from _column_texts(column.flatten() if not pa.types.is_map(kind) else column.items)
        if pa.types.is_map(kind):
            yield from _column_texts(column.keys)
    elif pa.types.is_integer(kind):
        yield from _number_texts(column)
    elif not (pa.types.is_primitive(kind) or pa.types.is_null(kind) or pa.types.is_decimal(kind)):
        binary = column.cast(pa.large_binary()).unique().drop_null()
        yield b"\n".join(binary.to_pylist())


def _number_texts(column: pa.Array) -> Iterator[bytes]:
    """Yield the whole numbers that are as long as a personal number."""
    low, high = _NUMBER_RANGE
    if column.type.bit_width < 64:
        return
    inside = pc.and_(pc.greater_equal(column, low), pc.less(column, high))
    numbers = column.filter(inside).unique().to_pylist()
    yield b"\n".join(str(number).encode("ascii") for number in numbers if number is not None)


def _read_stream(stream: IO[bytes], depth: int) -> Iterator[bytes]:
    """Yield the text of a stream, going into archives."""
    magic = stream.read(512)
    stream.seek(0)
    if depth < _MAX_DEPTH:
        if magic.startswith(b"PK\x03\x04"):
            yield from _read_archive(_zip_members, stream, depth)
            return
        if magic.startswith(b"\x1f\x8b"):
            yield from _read_archive(_gzip_members, stream, depth)
            return
        if magic[257:262] == b"ustar":
            yield from _read_archive(_tar_members, stream, depth)
            return
    if magic.startswith(b"\x93NUMPY") and _TEXT_ARRAY.search(magic):
        elements = np.unique(np.load(stream, allow_pickle=False)).astype(str)
        yield "\n".join(elements.tolist()).encode("utf-8")
        return
    yield from _read_blocks(stream)


def _read_archive(
    members: Callable[[IO[bytes]], Iterator[tuple[str, IO[bytes]]]], stream: IO[bytes], depth: int
) -> Iterator[bytes]:
    """Yield the names and the text of an archive's members."""
    for name, member in members(stream):
        yield name.encode("utf-8")
        yield from _read_stream(member, depth + 1)


def _zip_members(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the members of a zip archive."""
    with zipfile.ZipFile(stream) as archive:
        yield "comment", io.BytesIO(archive.comment)
        for info in archive.infolist():
            with archive.open(info) as member:
                yield info.filename, member


def _gzip_members(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the one member of a gzip file."""
    with gzip.GzipFile(fileobj=stream) as member:
        yield "", member  # type: ignore[misc]


def _tar_members(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the files in a tar archive."""
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for info in archive:
            member = archive.extractfile(info)
            if member is not None:
                yield info.name, member


def _read_blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield a stream in blocks that cut no word in two and overlap by more than an identifier."""
    rest = b""
    while block := stream.read(_BLOCK):
        text = rest + block
        end = _last_separator(text, len(text)) + 1 or len(text)
        yield from _readable_forms(text[:end])
        start = _last_separator(text, max(0, end - OVERLAP))
        rest = text[max(start, end - 2 * OVERLAP, 0) :]
    yield from _readable_forms(rest)


def _last_separator(text: bytes, end: int) -> int:
    """Return the place of the last separator before a place, or -1 if none is near."""
    near = max(0, end - (1 << 16))
    return max(text.rfind(bytes((separator,)), near, end) for separator in _SEPARATORS)


def _readable_forms(text: bytes) -> Iterator[bytes]:
    """Yield bytes as they are, and text of two or four bytes a character as one byte each."""
    yield text
    if b"\0" in text:
        yield text.replace(b"\0\0\0", b"").replace(b"\0", b"")
