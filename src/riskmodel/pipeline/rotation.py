"""Rotating the key: new pseudonyms for old ones in all results, their histories kept joined."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskmodel.config.models import RunConfig
from riskmodel.core.files import read_json, write_atomically, write_json
from riskmodel.errors import PrivacyError, UsageError
from riskmodel.ingest.pseudonymise import DomainKey
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.keys import (
    find_forgotten_file,
    list_shared_places,
    load_linkage_key,
    load_main_key,
)
from riskmodel.pipeline.registers import load_register
from riskmodel.pipeline.removal import list_files, remove_subjects
from riskmodel.pipeline.runs import Run
from riskmodel.pipeline.subject_tables import (
    SUBJECT,
    TABLE_SUFFIX,
    find_subjects,
    read_subjects,
    rewrite_table,
)
from riskmodel.pipeline.tables import write_frame
from riskmodel.privacy.disclosure import show_count
from riskmodel.privacy.keys import load_key
from riskmodel.privacy.linkage import make_link_ids, open_links, seal_links
from riskmodel.privacy.pseudonyms import pseudonymise_ids
from riskmodel.privacy.tombstones import make_tombstones, read_tombstones, write_tombstones

_COUNTS = ("rows", "subjects_before", "subjects_after")
_ROUNDED_TO = 10


@dataclass(frozen=True)
class Rotation:
    """What the key-holder asks for; the configuration names the new key and domain.

    Parameters
    ----------
    old_key : pathlib.Path
        The key file that the results were made with.
    old_domain : str or None
        Its domain; None where it stays the same.
    register : pathlib.Path or None
        A file with the persons; None takes the run's own extract.
    id_column : str or None
        The register's column of identifiers, where it is not that of the extract.
    leave_out_unknown : bool
        Take out rows of persons who are not in the register, in place of refusing.
    """

    old_key: Path
    old_domain: str | None = None
    register: Path | None = None
    id_column: str | None = None
    leave_out_unknown: bool = False


@dataclass(frozen=True, repr=False)
class _Pairs:
    """Old and new pseudonyms of the persons of a register, in the same order."""

    old: pa.Array
    new: pa.Array

    def change(self, rows: pa.Table) -> pa.Table:
        """Return rows with new pseudonyms; new ones stay, so that it may be done again."""
        held = rows[SUBJECT].cast(pa.string())
        found = self.new.take(pc.index_in(held, value_set=self.old).combine_chunks())
        place = rows.schema.get_field_index(SUBJECT)
        return rows.set_column(place, SUBJECT, pc.coalesce(found, held.combine_chunks()))


def repseudonymise(run: Run, asked: Rotation) -> str:
    """Give all results of a run new pseudonyms, or none of them.

    Parameters
    ----------
    run : Run
        Names the new key, its domain and the persons.
    asked : Rotation
        Names the old key.

    Returns
    -------
    str
        What was done, and where the proof is.

    Raises
    ------
    PrivacyError
        If a key is unfit or not that of the results, or results hold persons who are not in
        the register. Nothing is changed then.
    UsageError
        If there are no results, or both keys and domains are the same.

    Notes
    -----
    The run's folder is made anew beside the old one and takes its place by renaming. Earlier
    lists that lie elsewhere follow, one by one; killed in between, the same command goes on
    where it was, since new pseudonyms stay as they are.
    """
    config = run.config
    if not config.out.is_dir():
        raise UsageError(
            f"`out` must be a run's folder, got none called {config.out.name}. If a process was "
            f"killed while it took the old one's place, that is {config.out.name}.old in a folder "
            "beside it whose name begins with .partial-: move it back."
        )
    old, new = _load_both(run, asked)
    _check_report(config, old, new)
    register = load_register(run, asked.register, asked.id_column, show=())
    people = register.identities.index.to_series()
    pairs = _Pairs(*(_make(people, one) for one in (old, new)))
    files = list_files(config)
    unknown = _find_unknown(files, config, pairs, old)
    if not asked.leave_out_unknown:
        _refuse_unknown(unknown)
    inside = [path for path in files if path.is_relative_to(config.out)]
    memory = find_forgotten_file(config, RunFolder(config.out))
    with write_atomically(config.out) as partial:
        _copy_tree(config.out, partial)
        moved = [partial / path.relative_to(config.out) for path in inside]
        removed = remove_subjects(moved, unknown).removed
        removed += _remove_pages(moved, pairs)
        tables = [_rewrite(path, partial, pairs) for path in moved if _is_table(path)]
        _reseal(run, partial, pairs)
        n_stones = _move_tombstones(memory, RunFolder(config.out), partial, pairs, old, new)
        _tell_new_key(partial, new)
        names = sorted(path.relative_to(partial).as_posix() for path in removed)
        proof = _describe(old, new, tables, names, n_stones, len(unknown))
        write_json(partial / artifacts.ROTATION, proof)
    elsewhere = [path for path in files if path not in set(inside)]
    remove_subjects(elsewhere, unknown)
    _remove_pages(elsewhere, pairs)
    for path in elsewhere:
        if _is_table(path):
            _rewrite(path, path.parent, pairs)
    n_tables = len([table for table in tables if table["rows"]])
    return (
        f"{n_tables} tables have pseudonyms by the key {new.key.key_id}, each joined as before: "
        f"{artifacts.ROTATION}. {len(names)} pages and workbooks were removed and are made anew by "
        "`riskmodel run`. Keep the old key until all older lists are gone."
    )


def _load_both(run: Run, asked: Rotation) -> tuple[DomainKey, DomainKey]:
    """Load both keys."""
    config = run.config
    forbidden = list_shared_places(config, run.project)
    domain = config.pseudonyms.domain
    old = DomainKey(load_key(asked.old_key, None, forbidden=forbidden), asked.old_domain or domain)
    new = DomainKey(load_main_key(config, run.project), domain)
    if old.to_dict() == new.to_dict():
        raise UsageError(
            "`--old-key` must be another key than that of the configuration, or with another "
            f"domain, got {old.key.key_id} twice. Name the new key in the configuration."
        )
    return old, new


def _check_report(config: RunConfig, old: DomainKey, new: DomainKey) -> None:
    """Refuse an old key that the results were not made with."""
    report = RunFolder(config.out).path(artifacts.DATA_REPORT)
    if not report.exists():
        return
    content = read_json(report)
    made_with = {name: content[name] for name in ("key_id", "domain")}
    if made_with not in (old.to_dict(), new.to_dict()):
        raise PrivacyError(
            f"`--old-key` must be the key of the results, {made_with['key_id']} with domain "
            f"{made_with['domain']}, got {old.key.key_id} with domain {old.domain}. Name the "
            "right key. Nothing was changed."
        )


def _make(people: pd.Series, one: DomainKey) -> pa.Array:
    """Return the persons' pseudonyms."""
    return pa.array(pseudonymise_ids(people, one.key, domain=one.domain), type=pa.string())


def _is_table(path: Path) -> bool:
    """Tell whether a file is a table whose pseudonyms are the run's: links have their own."""
    return path.suffix.lower() == TABLE_SUFFIX and path.name != artifacts.LINKS


def _find_unknown(files: list[Path], config: RunConfig, pairs: _Pairs, old: DomainKey) -> set[str]:
    """Return the pseudonyms of persons who are not in the register; raise where all are."""
    apart = {f"{name}{TABLE_SUFFIX}" for name in config.pseudonyms.sources}
    held = find_subjects(path for path in files if _is_table(path) and path.name not in apart)
    olds, news = set(pairs.old.to_pylist()), set(pairs.new.to_pylist())
    unknown = held - olds - news
    if held and not held & (olds | news):
        raise PrivacyError(
            f"`--old-key` must be the key of the results, got {old.key.key_id} with domain "
            f"{old.domain}, which made none of their pseudonyms for the persons of the register. "
            "Name the right key and register. Nothing was changed."
        )
    return unknown


def _refuse_unknown(unknown: set[str]) -> None:
    """Raise if the results hold persons who are not in the register."""
    if unknown:
        raise PrivacyError(
            f"`register` must hold everyone in the results, got {show_count(len(unknown))} persons "
            "who are not in it. Name a fuller one with `--register`, or take their rows out with "
            "`--leave-out-unknown`. Nothing was changed."
        )


def _copy_tree(folder: Path, target: Path) -> None:
    """Copy a folder, its files by link where the system has them; none is changed in place."""

    def copy(source: str, copied: str) -> None:
        try:
            os.link(source, copied)
        except OSError:
            shutil.copy2(source, copied)

    shutil.copytree(folder, target, copy_function=copy)


def _remove_pages(files: list[Path], pairs: _Pairs) -> tuple[Path, ...]:
    """Remove pages and workbooks with old pseudonyms; the next run makes them anew."""
    pages = [path for path in files if path.suffix.lower() != TABLE_SUFFIX and path.exists()]
    return remove_subjects(pages, set(pairs.old.to_pylist())).removed


def _rewrite(path: Path, root: Path, pairs: _Pairs) -> dict[str, Any]:
    """Rewrite one table and return the proof that its rows are joined as before."""
    before = read_subjects(path)
    expected = pairs.change(pa.table({SUBJECT: before}))[SUBJECT] if len(before) else before
    if len(before) and not expected.equals(before):
        rewrite_table(path, pairs.change)
    after = read_subjects(path)
    n_before, n_after = len(before.unique()), len(after.unique())
    is_joined = after.combine_chunks().equals(expected.combine_chunks()) and n_before == n_after
    if not is_joined:
        raise PrivacyError(
            f"`artifacts` must stay joined, got {path.name} that did not. Nothing was changed."
        )
    return {
        "file": path.relative_to(root).as_posix(),
        "rows": len(before),
        "subjects_before": n_before,
        "subjects_after": n_after,
        "is_joined": is_joined,
    }


def _reseal(run: Run, root: Path, pairs: _Pairs) -> None:
    """Link sources with keys of their own to the new pseudonyms, where there are any."""
    place, linkage = root / artifacts.LINKS, load_linkage_key(run.config, run.project)
    if linkage is None or not place.exists():
        return
    links, sealed = pd.read_parquet(place), []
    old, new = pd.Series(pairs.old.to_pylist()), pd.Series(pairs.new.to_pylist())
    sources = sorted(run.config.pseudonyms.sources)
    if make_link_ids(new, linkage, source=sources[0]).isin(links["subject_id"]).any():
        return  # a process that was killed has come so far
    for source in sources:
        own = open_links(links, old, linkage, source=source)
        is_linked = own.notna()
        sealed.append(seal_links(new[is_linked], own[is_linked], linkage, source=source))
    write_frame(place, pd.concat(sealed, ignore_index=True))


def _move_tombstones(
    memory: Path, folder: RunFolder, root: Path, pairs: _Pairs, old: DomainKey, new: DomainKey
) -> dict[str, int]:
    """Remember by the new key who was forgotten, as far as the register tells who that is."""
    tombstones = read_tombstones(memory)
    known = tombstones.get(old.key.key_id, frozenset())
    if not known:
        return {"moved": 0, "left": 0}
    made = make_tombstones(pairs.old.to_pylist(), old.key)
    people = [pseudonym for pseudonym, stone in zip(pairs.new.to_pylist(), made, strict=True)
              if stone in known]  # fmt: skip
    own = tombstones.get(new.key.key_id, frozenset()) | set(make_tombstones(people, new.key))
    inside = memory.is_relative_to(folder.root)
    place = root / memory.relative_to(folder.root) if inside else memory
    write_tombstones(place, tombstones | {new.key.key_id: own})
    return {"moved": len(people), "left": len(known) - len(people)}


def _tell_new_key(root: Path, new: DomainKey) -> None:
    """Write the new key's id where the old one stood."""
    report, manifest = root / artifacts.DATA_REPORT, root / artifacts.MANIFEST
    if report.exists():
        write_json(report, read_json(report) | new.to_dict())
    if manifest.exists():
        content = read_json(manifest)
        content["pseudonyms"] = content.get("pseudonyms", {}) | new.to_dict()
        write_json(manifest, content)


def _describe(
    old: DomainKey,
    new: DomainKey,
    tables: list[dict[str, Any]],
    removed: list[str],
    tombstones: Mapping[str, int],
    n_unknown: int,
) -> dict[str, Any]:
    """Return the proof, all counts rounded so that no small one shows or follows."""
    return {
        "format": 1,
        "old": old.to_dict(),
        "new": new.to_dict(),
        "is_joined": all(table["is_joined"] for table in tables),
        "tables": [
            {
                "file": table["file"],
                "is_joined": table["is_joined"],
                **{name: _round(table[name]) for name in _COUNTS},
            }
            for table in tables
            if table["rows"]
        ],
        "files_removed": removed,
        "left_out": show_count(n_unknown),
        "tombstones": {name: show_count(count) for name, count in tombstones.items()},
        "rounded_to": _ROUNDED_TO,
    }


def _round(count: int) -> int:
    """Return a count to the nearest ten."""
    return round(count / _ROUNDED_TO) * _ROUNDED_TO
