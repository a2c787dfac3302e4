"""Atomic writing and hashing of files."""

from __future__ import annotations

import codecs
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PARTIAL_PREFIX = ".partial-"


@contextmanager
def write_atomically(target: Path) -> Iterator[Path]:
    """Give a temporary path that becomes `target` only if the block ends well.

    The temporary path lies in the folder of `target`, so that the final move is one rename.
    Whatever stood at `target` stays as it was until then, and if the block raises.

    Parameters
    ----------
    target : pathlib.Path
        The file, or folder, to make. Its parent is made where needed.

    Yields
    ------
    pathlib.Path
        Where to write: a path that does not exist yet. Write a file there, or make a folder.

    Notes
    -----
    A folder cannot be replaced in one step on every system: the old one is moved aside first
    and moved back if the new one cannot take its place.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=_PARTIAL_PREFIX, dir=target.parent))
    partial = holder / target.name
    try:
        yield partial
        _replace(partial, target, holder)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _replace(partial: Path, target: Path, holder: Path) -> None:
    """Move `partial` to `target`, keeping the old content until the new one stands."""
    if not target.is_dir():
        partial.replace(target)
        return
    old = holder / (target.name + ".old")
    target.replace(old)
    try:
        partial.replace(target)
    except OSError:
        old.replace(target)
        raise


def remove_partial_files(folder: Path) -> int:
    """Remove what killed runs left half written in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        The folder to clean, not its subfolders.

    Returns
    -------
    int
        How many leftovers were removed.
    """
    leftovers = sorted(folder.glob(_PARTIAL_PREFIX + "*"))
    for leftover in leftovers:
        shutil.rmtree(leftover, ignore_errors=True)
    return len(leftovers)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text with line feeds, atomically.

    Parameters
    ----------
    target : pathlib.Path
        The file to write.
    text : str
        Its content.
    """
    with write_atomically(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text that a person has saved, in whichever encoding that was.

    Parameters
    ----------
    path : pathlib.Path
        A text in UTF-8, in UTF-16 with its mark, or in the letters of Windows (cp1252).

    Returns
    -------
    list of str
        Without their ends.

    Raises
    ------
    OSError
        If the file cannot be read.
    UnicodeError
        If it is no such text.
    """
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252")
    if "\0" in text:
        raise UnicodeError("a text must hold no NUL characters")
    return text.splitlines()


def write_json(target: Path, content: Any) -> None:
    """Write JSON with sorted keys, atomically: the same content gives the same bytes.

    Parameters
    ----------
    target : pathlib.Path
        The file to write.
    content : object
        Dictionaries, lists, strings, finite numbers, booleans and None.

    Raises
    ------
    ValueError
        If a number is not finite: an undefined value must be null with its reason.
    """
    text = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    write_text(target, text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file as UTF-8.

    Parameters
    ----------
    path : pathlib.Path
        The file to read.

    Returns
    -------
    object
        Its content.
    """
    return json.loads(path.read_text(encoding="utf-8"))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files in a folder, in hexadecimal.

    Parameters
    ----------
    path : pathlib.Path
        A file or a folder. In a folder the relative names count, the times do not.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for child in sorted(child for child in path.rglob("*") if child.is_file()):
            digest.update(child.relative_to(path).as_posix().encode("utf-8") + b"\0")
            digest.update(bytes.fromhex(hash_file(child)))
        return digest.hexdigest()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
