"""All that can be read in a file, piece by piece: columns, values, members, blocks."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from riskmodel.core.private_folders import PrivateFolder
from riskmodel.privacy.parquet_values import read_parquet, whole_numbers
from riskmodel.privacy.patterns import OVERLAP

Piece = tuple[str, "bytes | npt.NDArray[np.int64]"]
"""The name of a place, such as a column, and text or whole numbers from it."""

MAX_DEPTH = 4
"""Archives within archives are opened so far; a deeper one is refused."""

MAX_EXPANSION, FREE_EXPANSION = 100, 1 << 28
"""An archive may unpack to so many times its size, or to this many bytes, else it is refused."""

_BLOCK = 1 << 22
_SEPARATORS = b" \t\r\n,;:<>\"'()[]{}=|/\\\0"
_ZIP, _GZIP, _BZ2, _XZ = b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
_SQLITE, _PARQUET, _NUMPY = b"SQLite format 3\0", b"PAR1", b"\x93NUMPY"
_CLOSED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")
"""How archives begin that are not opened here: 7z, rar, zstd, lz4."""


class TooMuchError(ValueError):
    """An archive is nested or packed beyond what is read, or of a kind that is not opened."""


UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    sqlite3.Error,
    pa.ArrowException,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a broken, locked or boundless file raises."""


class _Budget:
    """How many bytes the archives of one file may still unpack to."""

    def __init__(self, size: int) -> None:
        self.left = FREE_EXPANSION + MAX_EXPANSION * size

    def spend(self, count: int) -> None:
        """Take bytes off, or raise."""
        self.left -= count
        if self.left < 0:
            raise TooMuchError("unpacks to too much")


class _Unpacked(io.RawIOBase):
    """A member of an archive whose bytes are counted."""

    def __init__(self, stream: IO[bytes], budget: _Budget) -> None:
        self._stream, self._budget = stream, budget

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        data = self._stream.read(len(buffer))
        self._budget.spend(len(data))
        buffer[: len(data)] = data
        return len(data)


def read_pieces(file: Path) -> Iterator[Piece]:
    """Yield all that can be read in a file.

    Parameters
    ----------
    file : pathlib.Path
        Parquet is read by column, SQLite by value, archives (zip, xlsx, skops, npz, gzip,
        bzip2, xz, tar) by member, NumPy arrays by element, and all else as bytes.

    Yields
    ------
    place : str
        The column or value that a piece comes from; empty for text without columns.
    piece : bytes or numpy.ndarray of int64
        Text, or the different whole numbers of a column.

    Raises
    ------
    TooMuchError
        If archives are nested deeper than `MAX_DEPTH` or unpack to more than `MAX_EXPANSION`
        and `FREE_EXPANSION` allow, or one is of a kind that is not opened.

    Notes
    -----
    Memory does not grow with the file: tables come in batches and all else in blocks of 4 MiB
    that overlap. Members that need to be read out of order lie in a private temporary folder
    while they are read.
    """
    yield from _read_file(file, 0, _Budget(file.stat().st_size))


def _read_file(file: Path, depth: int, budget: _Budget) -> Iterator[Piece]:
    """Yield the pieces of a file by the reader that its first bytes ask for."""
    with file.open("rb") as stream:
        magic = stream.read(16)
    if magic.startswith(_SQLITE):
        yield from _read_sqlite(file, depth, budget)
    elif magic.startswith(_PARQUET):
        yield from read_parquet(file)
    elif magic.startswith(_ZIP):
        yield from _read_zip(file, _go_deeper(depth), budget)
    else:
        with file.open("rb") as stream:
            yield from _read_stream(stream, depth, budget)


def _go_deeper(depth: int) -> int:
    """Return the depth of an archive's members, or raise."""
    if depth >= MAX_DEPTH:
        raise TooMuchError("nested too deep")
    return depth + 1


def _read_stream(stream: io.BufferedReader, depth: int, budget: _Budget) -> Iterator[Piece]:
    """Yield the pieces of a stream that is read once from its beginning to its end."""
    magic = stream.peek(512)
    if magic.startswith(_CLOSED):
        raise TooMuchError("of a kind that is not opened")
    if magic.startswith((_ZIP, _PARQUET, _SQLITE)):
        with PrivateFolder() as folder:
            copy = folder.path / "member"
            with copy.open("wb") as target:
                shutil.copyfileobj(stream, target, 1 << 20)
            yield from _read_file(copy, depth, budget)
    elif magic.startswith((_GZIP, _BZ2, _XZ)):
        inner = _go_deeper(depth)
        with _unpack(stream, magic) as member:
            yield from _read_stream(_count(member, budget), inner, budget)
    elif magic[257:262] == b"ustar":
        yield from _read_tar(stream, _go_deeper(depth), budget)
    elif magic.startswith(_NUMPY):
        yield from _read_numpy(stream)
    else:
        for text in _read_blocks(stream):
            yield "", text


def _unpack(stream: io.BufferedReader, magic: bytes) -> Any:
    """Return what a packed stream unpacks to."""
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=stream)
    return bz2.BZ2File(stream) if magic.startswith(_BZ2) else lzma.LZMAFile(stream)


def _count(member: IO[bytes], budget: _Budget) -> io.BufferedReader:
    """Return a member as a stream that takes its bytes off the budget."""
    return io.BufferedReader(_Unpacked(member, budget), 1 << 16)


def _read_zip(file: Path, depth: int, budget: _Budget) -> Iterator[Piece]:
    """Yield the names and the pieces of the members of a zip archive."""
    with zipfile.ZipFile(file) as archive:
        yield "", archive.comment
        for info in archive.infolist():
            name = info.filename.encode("utf-8", "replace")
            budget.spend(len(name))
            yield "", name
            with archive.open(info) as member:
                yield from _read_stream(_count(member, budget), depth, budget)


def _read_tar(stream: io.BufferedReader, depth: int, budget: _Budget) -> Iterator[Piece]:
    """Yield the names and the pieces of the files in a tar archive."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            name = info.name.encode("utf-8", "replace")
            budget.spend(len(name))
            yield "", name
            member = archive.extractfile(info)
            if member is not None:
                yield from _read_stream(_count(member, budget), depth, budget)


def _read_sqlite(file: Path, depth: int, budget: _Budget) -> Iterator[Piece]:
    """Yield the values of all tables by column, each on a line."""
    uri = f"{file.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as store:
        store.text_factory = bytes
        schema = store.execute("SELECT name, sql FROM sqlite_master").fetchall()
        yield "", b"\n".join(part for row in schema for part in row if part)
        tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            quoted = name.decode("utf-8").replace('"', '""')
            cursor = store.execute(f'SELECT * FROM "{quoted}"')
            while rows := cursor.fetchmany(2_000):
                for number, values in enumerate(zip(*rows, strict=True)):
                    yield from _read_values(f"{quoted}.{number}", values, depth, budget)


def _read_values(
    place: str, values: tuple[Any, ...], depth: int, budget: _Budget
) -> Iterator[Piece]:
    """Yield the values of one column of a database."""
    texts = [value for value in values if isinstance(value, bytes)]
    numbers = [value for value in values if isinstance(value, int | float)]
    yield place, b"\n".join(texts)
    yield place, whole_numbers(np.array(numbers, dtype="float64"))
    for text in texts:
        if text.startswith((_ZIP, _GZIP, _BZ2, _XZ, _PARQUET, _SQLITE, *_CLOSED)):
            yield from _read_stream(_count(io.BytesIO(text), budget), depth, budget)


def _read_numpy(stream: io.BufferedReader) -> Iterator[Piece]:
    """Yield the elements of a NumPy array, in blocks."""
    major = np.lib.format.read_magic(stream)[0]
    read_header = getattr(np.lib.format, f"read_array_header_{min(major, 2)}_0")
    dtype = read_header(stream)[2]
    if dtype.hasobject or dtype.kind not in "USiuf":
        for text in _read_blocks(stream):
            yield "", text
        return
    size = max(1, _BLOCK // max(1, dtype.itemsize)) * dtype.itemsize
    while block := stream.read(size):
        values = np.frombuffer(block[: len(block) // dtype.itemsize * dtype.itemsize], dtype)
        if dtype.kind in "US":
            yield "", b"\n".join(_element_bytes(value) for value in np.unique(values))
        else:
            yield "", whole_numbers(values)


def _element_bytes(value: Any) -> bytes:
    """Return an element of an array of text as bytes."""
    return bytes(value) if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


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
        text = text.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
        yield text.replace(b"\0\0\0", b"").replace(b"\0", b"")
