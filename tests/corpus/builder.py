"""What a case of the corpus is, and the small files that most of them are made of."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

WORD = "Zkanariefagel"
"""Stands as a value in the files; no message, report or artifact may hold it."""
NUMBER = "198112189876"
"""A number that nobody has, from the tax agency's list of test numbers."""
CANARIES = (WORD, NUMBER, "811218-9876", "8112189876", "19811218-9876")

HEADER = "person_id;birth_date;sex;municipality\n"
PERSON = f"{NUMBER};2010-01-31;Man;Borås\n"
PERSONS = HEADER + PERSON + "SIM000000002;2010-02-28;Kvinna;Ale\n"

Content = bytes | str | Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """One input, and what must come of it.

    `surface` is what reads it. `said` must stand in the error; where it is empty the input is
    taken, and `reported` must stand in the report on the data.
    """

    name: str
    surface: str
    files: Mapping[str, Content]
    said: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    reported: str = ""

    def write(self, folder: Path) -> None:
        """Make the files."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes | str):
                path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
            else:
                content(path)


def persons(name: str, content: Content, said: str = "", **settings: Any) -> Case:
    """A case whose persons are the input."""
    file = settings.pop("file", "persons.csv")
    reported = settings.pop("reported", "")
    return Case(name, "extract", {file: content}, said, {"persons": settings}, reported)


def table(name: str, table: str, content: Content, said: str = "", **settings: Any) -> Case:
    """A case of another table, beside two good persons."""
    file = settings.pop("file", f"{table}.csv")
    reported = settings.pop("reported", "")
    files = {"persons.csv": PERSONS, file: content}
    return Case(name, "extract", files, said, {"persons": {}, table: settings}, reported)


def book(*rows: Any, title: str = "Blad1", change: Callable[[Any], None] | None = None) -> bytes:
    """A workbook with one sheet."""
    made = openpyxl.Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    if change is not None:
        change(made)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def repack(content: bytes, changes: Mapping[str, bytes | None], method: int = 8) -> bytes:
    """A workbook with some of its parts exchanged, or left out where None."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(stream, "w", method) as new,
    ):
        parts = {name: old.read(name) for name in old.namelist()}
        for name, part in {**parts, **changes}.items():
            if part is not None:
                new.writestr(name, part)
    return stream.getvalue()


def parquet(**columns: Any) -> bytes:
    """A Parquet file."""
    return save_table(pa.table(columns))


def save_table(made: pa.Table) -> bytes:
    """A table as a Parquet file."""
    stream = io.BytesIO()
    pq.write_table(made, stream)
    return stream.getvalue()


def overwrite(content: bytes, start: int, end: int, with_: int = 0xFF) -> bytes:
    """Bytes with some of them exchanged; negative places count from the end."""
    changed = bytearray(content)
    changed[start:end] = bytes([with_]) * len(changed[start:end])
    return bytes(changed)
