"""The keys of a run: where they may not lie, and what the manifest tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskmodel.config.models import RunConfig
from riskmodel.errors import PrivacyError
from riskmodel.ingest.pseudonymise import DomainKey
from riskmodel.pipeline.artifacts import FORGOTTEN, RunFolder
from riskmodel.privacy.keys import PseudonymKey, load_key


def list_shared_places(config: RunConfig, project: Path) -> list[Path]:
    """Return the folders that neither keys nor identities may lie in.

    Parameters
    ----------
    config : RunConfig
        The run.
    project : pathlib.Path
        The folder of the configuration file.

    Returns
    -------
    list of pathlib.Path
        The run's folder and the project.
    """
    return [config.out, project]


def load_main_key(config: RunConfig, project: Path) -> PseudonymKey:
    """Load the key of the run's pseudonyms.

    Parameters
    ----------
    config : RunConfig
        Names the key.
    project : pathlib.Path
        The folder of the configuration file.

    Returns
    -------
    PseudonymKey
        The key.

    Raises
    ------
    PrivacyError
        If there is none, it is unfit or lies in the project or the run's folder.
    """
    spec = config.pseudonyms
    forbidden = list_shared_places(config, project)
    return load_key(spec.key_file, spec.key_variable, forbidden=forbidden)


@dataclass(frozen=True)
class RunKeys:
    """All keys of a run.

    Parameters
    ----------
    main : DomainKey
        Of all tables that have no key of their own.
    own : dict of str to DomainKey
        Of single tables.
    linkage : PseudonymKey or None
        Joins those to the others; None where there are none.
    """

    main: DomainKey
    own: dict[str, DomainKey]
    linkage: PseudonymKey | None

    def to_dict(self) -> dict[str, Any]:
        """Return what the manifest tells of the keys of single tables: never a key.

        Returns
        -------
        dict
            Empty where there are none.
        """
        if self.linkage is None:
            return {}
        sources = {name: one.to_dict() for name, one in self.own.items()}
        return {"sources": sources, "linkage_key_id": self.linkage.key_id}


def load_keys(config: RunConfig, project: Path) -> RunKeys:
    """Load all keys of a run.

    Parameters
    ----------
    config : RunConfig
        Names them.
    project : pathlib.Path
        The folder of the configuration file.

    Returns
    -------
    RunKeys
        Each another one.

    Raises
    ------
    PrivacyError
        If one is missing, unfit, in the wrong place, or the same as another.
    """
    spec, forbidden = config.pseudonyms, list_shared_places(config, project)
    keys = RunKeys(
        DomainKey(load_main_key(config, project), spec.domain),
        {
            name: DomainKey(
                load_key(one.key_file, one.key_variable, forbidden=forbidden), one.domain
            )
            for name, one in sorted(spec.sources.items())
        },
        load_linkage_key(config, project),
    )
    key_ids = [keys.main.key.key_id, *(one.key.key_id for one in keys.own.values())]
    key_ids += [keys.linkage.key_id] if keys.linkage is not None else []
    if len(set(key_ids)) < len(key_ids):
        raise PrivacyError(
            "`pseudonyms` must have a key of its own for each source and for the linkage, got one "
            "twice. Make each with `riskmodel keygen`."
        )
    return keys


def load_linkage_key(config: RunConfig, project: Path) -> PseudonymKey | None:
    """Load the key that joins sources with keys of their own.

    Parameters
    ----------
    config : RunConfig
        Names it.
    project : pathlib.Path
        The folder of the configuration file.

    Returns
    -------
    PseudonymKey or None
        None where no source has a key of its own.

    Raises
    ------
    PrivacyError
        If it is missing, unfit or in the wrong place.
    """
    spec = config.pseudonyms.linkage
    if spec is None:
        return None
    forbidden = list_shared_places(config, project)
    return load_key(spec.key_file, spec.key_variable, forbidden=forbidden)


def find_forgotten_file(config: RunConfig, folder: RunFolder) -> Path:
    """Return the file that remembers who must be left out.

    Parameters
    ----------
    config : RunConfig
        May name it.
    folder : RunFolder
        Where it is otherwise.

    Returns
    -------
    pathlib.Path
        It need not exist.
    """
    return config.pseudonyms.forgotten or folder.path(FORGOTTEN)
