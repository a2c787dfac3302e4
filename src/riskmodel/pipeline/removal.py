"""Taking persons out of everything that a run has written, and showing that they are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskmodel.config.models import RunConfig
from riskmodel.errors import PrivacyError
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.keys import find_forgotten_file
from riskmodel.pipeline.subject_tables import (
    SUBJECT,
    TABLE_SUFFIX,
    find_subjects,
    read_subjects,
    rewrite_table,
)
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.scan import find_identifiers
from riskmodel.privacy.tombstones import is_forgotten, read_tombstones

_REMADE = frozenset({".html", ".xlsx", ".csv", ".json"})
_BESIDE_LIST = (".html", ".xlsx", "_changes.parquet", "_scores.parquet")
_KNOWN = "known_identifier"


@dataclass(frozen=True)
class Removal:
    """What was done to the files of a run.

    Parameters
    ----------
    changed : tuple of pathlib.Path
        Tables that rows were taken out of.
    removed : tuple of pathlib.Path
        Pages and workbooks that were removed, since they can be made anew.
    """

    changed: tuple[Path, ...]
    removed: tuple[Path, ...]

    def __bool__(self) -> bool:
        """Tell whether anything was done."""
        return bool(self.changed or self.removed)


def list_files(config: RunConfig, *, but: Collection[str] = ()) -> list[Path]:
    """Return the files that may hold pseudonyms: the run's, and earlier ones that it reads.

    Parameters
    ----------
    config : RunConfig
        The run.
    but : collection of str, optional
        Artifacts to leave out.

    Returns
    -------
    list of pathlib.Path
        Each once, in order. Beside an earlier list its page, workbook and views; all of an
        earlier run that the list is compared with.
    """
    folder = RunFolder(config.out)
    skipped = [folder.path(name) for name in but]
    files = {
        path
        for path in _walk(config.out)
        if not any(path == place or path.is_relative_to(place) for place in skipped)
    }
    earlier = config.screening.earlier if config.screening is not None else None
    if earlier is not None and earlier.run is not None:
        files |= set(_walk(earlier.run))
    for path in config.cohort.earlier_lists if config.cohort is not None else ():
        names = [path.name, *(path.stem + ending for ending in _BESIDE_LIST)]
        beside = [path.with_name(name) for name in names]
        views = _walk(path.parent / artifacts.SCREENING_VIEWS)
        files |= {one for one in (*beside, *views) if one.is_file()}
    return sorted(files)


def _walk(folder: Path) -> Iterator[Path]:
    """Give all files in a folder."""
    return (path for path in folder.rglob("*") if path.is_file())


def remove_left_out(config: RunConfig, protected: Collection[str], key: PseudonymKey) -> Removal:
    """Take persons who are left out now out of what earlier runs wrote.

    Parameters
    ----------
    config : RunConfig
        The run, whose pseudonymised tables are about to be written anew.
    protected : collection of str
        The pseudonyms of persons whose identity is protected now.
    key : PseudonymKey
        Recognises those who were forgotten, in this run or in another, even where no extract
        holds them any more.

    Returns
    -------
    Removal
        What was done.
    """
    files = list_files(config, but=[artifacts.PSEUDONYMISED, artifacts.LINKS])
    tombstones = read_tombstones(find_forgotten_file(config, RunFolder(config.out)))
    gone = set(protected)
    if tombstones.get(key.key_id):
        held = pd.Series(sorted(find_subjects(files)), dtype="str")
        gone |= set(held[is_forgotten(held, key, tombstones)])
    return remove_subjects(files, gone)


def remove_subjects(files: Iterable[Path], pseudonyms: Collection[str]) -> Removal:
    """Take persons out of files: their rows out of tables, and pages that name them altogether.

    Parameters
    ----------
    files : iterable of pathlib.Path
        What `list_files` returned.
    pseudonyms : collection of str
        The persons.

    Returns
    -------
    Removal
        What was done. Doing it again changes nothing.

    Notes
    -----
    A file is left as it is, or replaced in one step. Of a table only the pseudonyms are read
    unless rows must go.
    """
    if not pseudonyms:
        return Removal((), ())
    unwanted = pa.array(sorted(pseudonyms), type=pa.string())
    changed, removed = [], []
    for path in files:
        suffix = path.suffix.lower()
        if suffix == TABLE_SUFFIX:
            if _remove_rows(path, unwanted):
                changed.append(path)
        elif suffix in _REMADE and find_holders([path], pseudonyms):
            _remove_file(path)
            removed.append(path)
    return Removal(tuple(changed), tuple(removed))


def _remove_file(path: Path) -> None:
    """Remove a file that can be made anew."""
    try:
        path.unlink()
    except OSError as error:
        raise PrivacyError(
            f"`artifacts` must be removable, got {type(error).__name__} for {path.name}. Close it "
            "where it is open, and run the command again."
        ) from None


def find_holders(files: Iterable[Path], pseudonyms: Collection[str]) -> list[Path]:
    """Return the files that hold one of some pseudonyms, wherever it stands in them.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Files of any kind.
    pseudonyms : collection of str
        What to look for.

    Returns
    -------
    list of pathlib.Path
        In order.
    """
    found = find_identifiers(files, known=pseudonyms)
    return sorted({finding.file for finding in found if finding.kind == _KNOWN})


def _remove_rows(path: Path, unwanted: pa.Array) -> bool:
    """Take rows out of a table in place, and tell whether there were any."""
    if not pc.any(pc.is_in(read_subjects(path), value_set=unwanted)).as_py():
        return False

    def keep(rows: pa.Table) -> pa.Table:
        subjects = rows[SUBJECT].cast(pa.string())
        return rows.filter(pc.invert(pc.is_in(subjects, value_set=unwanted)))

    rewrite_table(path, keep)
    return True
