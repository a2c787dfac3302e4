"""A folder of pages: which file belongs to which endpoint, and what it holds."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from riskmodel.core.validation import suggest_name
from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.ss12000.fields import ENDPOINTS, UNUSED_ENDPOINTS
from riskmodel.ingest.ss12000.pages import UnreadablePageError
from riskmodel.ingest.ss12000.staging import Stage

SOURCE = "ss12000"
"""What findings call the source as a whole."""

Notify = Callable[[float], None]

_CHUNK = 1 << 20
_ENDS = 4096
_NAMES = {name.casefold(): name for name in (*ENDPOINTS, *UNUSED_ENDPOINTS)}


def find_pages(
    folder: Path, wanted: Sequence[str] | None
) -> tuple[dict[str, list[Path]], list[ContractFinding]]:
    """Find the pages of each endpoint in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        With files such as ``persons.json`` and ``attendances_0001.json``, or one folder of
        files for an endpoint, such as ``attendances/0001.json``. Other files, and endpoints
        that hold nothing for this library, are left alone.
    wanted : sequence of str or None
        The endpoints that must be there; None for those that are.

    Returns
    -------
    pages : dict of str to list of pathlib.Path
        In the order of endpoints and names.
    findings : list of ContractFinding
        Why the folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        problem = f"{folder.name} must be a folder of pages, got {type(error).__name__}"
        return {}, [ContractFinding(SOURCE, "", "file", None, problem)]
    pages: dict[str, list[Path]] = {}
    findings = []
    for entry in entries:
        is_folder = entry.is_dir() and entry.suffix == ""
        if entry.name.startswith(".") or not (is_folder or entry.suffix.lower() == ".json"):
            continue
        name = _name_endpoint(entry.stem)
        if name is None and not is_folder:
            hint = suggest_name(entry.stem, _NAMES.values())
            detail = f"{entry.name} is named after no endpoint.{hint}"
            findings.append(ContractFinding(SOURCE, "", "endpoint", None, detail))
        elif name in ENDPOINTS and (wanted is None or name in wanted):
            found = sorted(entry.glob("*.json")) if is_folder else [entry]
            pages.setdefault(name, []).extend(found)
    absent = [name for name in wanted or ("persons",) if not pages.get(name)]
    findings += [ContractFinding(name, "", "endpoint", None, "no page") for name in absent]
    return {name: pages[name] for name in ENDPOINTS if pages.get(name)}, findings


def _name_endpoint(stem: str) -> str | None:
    """Return the endpoint that a file is named after, numbers and marks behind it left out."""
    return _NAMES.get(stem.rstrip("0123456789-_. ").casefold())


def stage_files(
    stage: Stage, endpoint: str, paths: Sequence[Path], notify: Notify
) -> Iterator[ContractFinding]:
    """Take in the pages of an endpoint, file by file.

    Parameters
    ----------
    stage : Stage
        Where they go.
    endpoint : str
        Whose pages they are.
    paths : sequence of pathlib.Path
        The files.
    notify : callable
        Is told how much has been read, in [0, 1].

    Yields
    ------
    ContractFinding
        For each file that cannot be read, and one if the last page is not there.
    """
    is_readable = True
    for number, path in enumerate(paths):
        try:
            stage.add(_read_chunks(path, within(notify, number, len(paths))))
            continue
        except UnreadablePageError as error:
            rule, detail = error.rule, f"{path.name} {error.detail}"
        except OSError as error:
            rule, detail = "file", f"{path.name} gives {type(error).__name__}"
        is_readable = False
        yield ContractFinding(endpoint, "", rule, None, detail)
    if is_readable and not stage.is_complete:
        yield ContractFinding(endpoint, "", "last_page", None, "each page asks for another one")


def find_broken_ends(pages: Mapping[str, Sequence[Path]]) -> list[ContractFinding]:
    """Look at the beginning and end of every page, which takes no time even where it is long.

    Parameters
    ----------
    pages : mapping of str to sequence of pathlib.Path
        The files of each endpoint.

    Returns
    -------
    list of ContractFinding
        For each file that is missing, empty, cut off or clearly no JSON.
    """
    findings = []
    for endpoint, paths in pages.items():
        for path in paths:
            rule, problem = _find_broken_end(path)
            if problem:
                findings.append(ContractFinding(endpoint, "", rule, None, f"{path.name} {problem}"))
    return findings


def _find_broken_end(path: Path) -> tuple[str, str]:
    """Return why a file cannot be a page, by the rule it breaks; empty if that cannot be told."""
    try:
        if not path.is_file():
            return "file", "is a folder" if path.is_dir() else "is no file"
        with path.open("rb") as stream:
            first = stream.read(_ENDS).removeprefix(codecs.BOM_UTF8).strip()
            stream.seek(max(path.stat().st_size - _ENDS, 0))
            last = stream.read(_ENDS).strip()
    except OSError as error:
        return "file", f"gives {type(error).__name__}"
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "encoding", "is not UTF-8"
    if not last:
        return "file", "is empty"
    if first[:1] in {b"{", b"["} and last[-1:] not in {b"}", b"]"}:
        return "json", "ends too early"
    return "", ""


def within(notify: Notify, number: int, n_parts: int) -> Notify:
    """Return what tells how much of one part of several has been done.

    Parameters
    ----------
    notify : callable
        Is told how much of all has been done, in [0, 1].
    number : int
        The part's place, from 0.
    n_parts : int
        How many parts there are.

    Returns
    -------
    callable
        To be told how much of the part has been done, in [0, 1].
    """
    return lambda share: notify((number + share) / n_parts)


def _read_chunks(path: Path, notify: Notify) -> Iterator[bytes]:
    """Give a file's bytes piece by piece."""
    if not path.is_file():
        raise UnreadablePageError("file", "is a folder" if path.is_dir() else "is no file")
    n_bytes, n_read = max(path.stat().st_size, 1), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
            n_read += len(chunk)
            notify(min(n_read / n_bytes, 1.0))
