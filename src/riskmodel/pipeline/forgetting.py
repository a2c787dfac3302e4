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
from riskmodel.pipeline.registers import demand_identifiers, find_all_identities
from riskmodel.pipeline.removal import Removal, find_holders, list_files, remove_subjects
from riskmodel.pipeline.runs import Run
from riskmodel.pipeline.subject_tables import find_subjects
from riskmodel.privacy.disclosure import show_count
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
        The persons, by any identity that they have or have had, in any written form. Lines
        without anything are left out.

    Returns
    -------
    str
        What was done, and where the proof is.

    Raises
    ------
    UsageError
        If there is no identifier, one is not valid, or one lacks its school provider; or if
        the run has no pseudonyms.
    DataContractError
        If `identity_links` cannot be read or followed: nobody is forgotten then.
    PrivacyError
        If the key is unfit, or a pseudonym still stands in a file that cannot be changed.

    Notes
    -----
    The tombstones are written first: a process that is killed leaves a run that the next one,
    or the same command again, makes right. A trained model holds no row of a person; the next
    `riskmodel run` trains it without them.
    """
    config = run.config
    identities = _find_identities(run, identifiers)
    key = load_main_key(config, run.project)
    every = identities.index.to_series()
    pseudonyms = pseudonymise_ids(every, key, domain=config.pseudonyms.domain).tolist()
    memory = find_forgotten_file(config, RunFolder(config.out))
    tombstones = read_tombstones(memory)
    own = tombstones.get(key.key_id, frozenset()) | set(make_tombstones(pseudonyms, key))
    write_tombstones(memory, tombstones | {key.key_id: own})
    linked = _find_linked(run, pseudonyms)
    n_strangers = _count_strangers(list_files(config), identities, pseudonyms, linked)
    pseudonyms += linked
    removal = remove_subjects(list_files(config), pseudonyms)
    files = list_files(config)
    holders = find_holders(files, pseudonyms)
    proof = RunFolder(config.out).path(FORGETTING)
    write_json(proof, _describe(config, removal, files, holders, identities.nunique()))
    if holders:
        raise PrivacyError(
            f"`artifacts` must not hold persons who were forgotten, got {len(holders)} file(s) "
            "that cannot be changed. Remove them and run the command again.",
            [path.name for path in holders],
        )
    return (
        f"Taken out of {len(removal.changed)} tables; {len(removal.removed)} pages and workbooks "
        f"were removed and are made anew by `riskmodel run`. {len(files)} files were scanned and "
        f"hold no trace: {FORGETTING}{_warn(n_strangers)}"
    )


def _warn(n_strangers: int) -> str:
    """Return what to check where persons were in no table; empty if all were in one."""
    if not n_strangers:
        return ""
    return (
        f". {show_count(n_strangers)} of the persons were in no table: check how their numbers "
        "are written. They will be left out all the same"
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


def _find_identities(run: Run, identifiers: Sequence[str]) -> pd.Series:
    """Return all identities of the persons by the last of each, or raise if one is not valid."""
    demand_identifiers(run.config)
    given = pd.Series([text for text in identifiers if text.strip()], dtype="str")
    if given.empty:
        raise UsageError("`ids` must name a person, got none. Give one identifier on each line.")
    identities, unfit = find_all_identities(run, given)
    if len(unfit):
        kinds = ", ".join(sorted(set(unfit)))
        raise UsageError(
            f"`ids` must hold valid identifiers, got {len(unfit)} that are not ({kinds}). Mend "
            "them; nobody was forgotten."
        )
    return identities


def _count_strangers(
    files: Sequence[Path], identities: pd.Series, pseudonyms: Sequence[str], linked: Sequence[str]
) -> int:
    """Return how many persons no table holds, by any of their identities; 0 if one cannot tell."""
    held = find_subjects(files)
    if held & set(linked):
        return 0
    is_held = pd.Series(pseudonyms, index=identities.to_numpy()).isin(held)
    return int((~is_held.groupby(level=0).any()).sum())


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
