"""Forgetting persons: out of everything that a run has written, now and in later runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.files import hash_file, write_json
from riskmodel.errors import PrivacyError, UsageError
from riskmodel.pipeline.artifacts import FORGETTING, LINKS, RunFolder
from riskmodel.pipeline.keys import find_forgotten_file, load_linkage_key, load_main_key
from riskmodel.pipeline.removal import Removal, find_holders, list_files, remove_subjects
from riskmodel.pipeline.runs import Run
from riskmodel.privacy.disclosure import show_count
from riskmodel.privacy.identities import normalise_identifiers
from riskmodel.privacy.linkage import make_link_ids, open_links
from riskmodel.privacy.pseudonyms import pseudonymise_ids
from riskmodel.privacy.tombstones import make_tombstones, read_tombstones, write_tombstones


def forget(run: Run, identifiers: Sequence[str]) -> str:
    """Take persons out of a run's results, remember to leave them out, and prove it.

    Parameters
    ----------
    run : Run
        Names the key and where the results are.
    identifiers : sequence of str
        The persons, in any written form. Lines without anything are left out.

    Returns
    -------
    str
        What was done, and where the proof is.

    Raises
    ------
    UsageError
        If there is no identifier, or one is not valid.
    PrivacyError
        If the key is unfit, or a pseudonym still stands in a file that cannot be changed.

    Notes
    -----
    The tombstones are written first: a process that is killed leaves a run that the next one,
    or the same command again, makes right. A trained model holds no row of a person; the next
    `riskmodel run` trains it without them.
    """
    config = run.config
    identities = _read_identities(identifiers, local_only=config.identities.all_local)
    key = load_main_key(config, run.project)
    pseudonyms = pseudonymise_ids(identities, key, domain=config.pseudonyms.domain).tolist()
    memory = find_forgotten_file(config, RunFolder(config.out))
    tombstones = read_tombstones(memory)
    own = tombstones.get(key.key_id, frozenset()) | set(make_tombstones(pseudonyms, key))
    write_tombstones(memory, tombstones | {key.key_id: own})
    pseudonyms += _find_linked(run, pseudonyms)
    removal = remove_subjects(list_files(config), pseudonyms)
    files = list_files(config)
    holders = find_holders(files, pseudonyms)
    proof = RunFolder(config.out).path(FORGETTING)
    write_json(proof, _describe(config, removal, files, holders, len(identities)))
    if holders:
        raise PrivacyError(
            f"`artifacts` must not hold persons who were forgotten, got {len(holders)} file(s) "
            "that cannot be changed. Remove them and run the command again.",
            [path.name for path in holders],
        )
    return (
        f"Taken out of {len(removal.changed)} tables; {len(removal.removed)} pages and workbooks "
        f"were removed and are made anew by `riskmodel run`. {len(files)} files were scanned and "
        f"hold no trace: {FORGETTING}"
    )


def _find_linked(run: Run, pseudonyms: Sequence[str]) -> list[str]:
    """Return what the persons are called in tables with keys of their own, and in the links."""
    place = RunFolder(run.config.out).path(LINKS)
    linkage = load_linkage_key(run.config, run.project)
    if linkage is None or not place.exists():
        return []
    links, found = pd.read_parquet(place), []
    every = pd.Series(list(pseudonyms), dtype="str")
    for source in run.config.pseudonyms.sources:
        ids = make_link_ids(every, linkage, source=source)
        linked = every[ids.isin(links["subject_id"]).to_numpy()]
        found += [*ids, *open_links(links, linked, linkage, source=source)]
    return found


def _read_identities(identifiers: Sequence[str], *, local_only: bool) -> pd.Series:
    """Return the identities, each once, or raise if one is not valid."""
    given = pd.Series([text for text in identifiers if text.strip()], dtype="str")
    if given.empty:
        raise UsageError("`ids` must name a person, got none. Give one identifier on each line.")
    identities, kinds = normalise_identifiers(given, local_only=local_only)
    n_invalid = int(identities.isna().sum())
    if n_invalid:
        invalid = ", ".join(kind for kind in kinds if kind.startswith("invalid"))
        raise UsageError(
            f"`ids` must hold valid identifiers, got {n_invalid} that are not ({invalid}). Mend "
            "them; nobody was forgotten."
        )
    return identities.drop_duplicates()


def _describe(
    config: RunConfig,
    removal: Removal,
    files: Sequence[Path],
    holders: Sequence[Path],
    n_persons: int,
) -> dict[str, Any]:
    """Return the proof: what was scanned and changed, by name and hash, and no identifier."""
    changed = set(removal.changed)
    return {
        "format": 1,
        "persons": show_count(n_persons),
        "scanned": len(files),
        "holding_a_pseudonym_after": len(holders),
        "tables_changed": sorted(_name(path, config) for path in removal.changed),
        "files_removed": sorted(_name(path, config) for path in removal.removed),
        "files": [
            {
                "file": _name(path, config),
                "sha256": hash_file(path),
                "changed": path in changed,
            }
            for path in files
        ],
    }


def _name(path: Path, config: RunConfig) -> str:
    """Return a file's name within the run's folder, or its own where it lies elsewhere."""
    return path.relative_to(config.out).as_posix() if path.is_relative_to(config.out) else path.name
