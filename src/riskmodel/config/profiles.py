"""Profiles of exports: those of `configs/sources/`, shipped with the package, and a user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from riskmodel.config.loader import parse_spec, read_yaml
from riskmodel.config.templates import templates_folder
from riskmodel.core.schema import TABLES
from riskmodel.core.validation import suggest_name
from riskmodel.errors import ConfigurationError
from riskmodel.ingest.profiles import SourceProfile, merge_readings
from riskmodel.ingest.sniffing.recognition import Vocabulary

_SUFFIXES = (".yaml", ".yml")
_FIRST = "swedish"


def list_profiles() -> list[str]:
    """Return the names of the profiles that are shipped.

    Returns
    -------
    list of str
        In alphabetical order.
    """
    return sorted(path.stem for path in (templates_folder() / "sources").glob("*.yaml"))


def load_profile(name: str, folder: Path) -> SourceProfile:
    """Read a profile.

    Parameters
    ----------
    name : str
        One of `list_profiles`, or the path of a YAML file.
    folder : pathlib.Path
        Where a relative path starts.

    Returns
    -------
    SourceProfile
        Valid.

    Raises
    ------
    ConfigurationError
        If there is no such profile, or with every finding in it.
    """
    names = list_profiles()
    if name in names:
        path = templates_folder() / "sources" / f"{name}.yaml"
    elif name.endswith(_SUFFIXES):
        path = folder / Path(name).expanduser()
    else:
        raise ConfigurationError(
            f"`profile` must be one of {', '.join(names)} or a YAML file, got '{name}'."
            f"{suggest_name(name, names)}"
        )
    return parse_spec(read_yaml(path), SourceProfile, name=path.name)


def apply_profiles(content: Mapping[str, Any], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Put what the profiles say into the sources of a configuration.

    Parameters
    ----------
    content : mapping
        What the file holds.
    folder : pathlib.Path
        Where its relative paths start.

    Returns
    -------
    content : dict
        A copy in which no source refers to a profile. What a source says itself stands before
        what its profile says, also within `columns` and `values`: a column named in `columns`
        is no longer looked for among the profile's `names`.
    findings : list of str
        Profiles that cannot be read or do not know the table, each with its place.
    """
    sources = content.get("sources")
    if not isinstance(sources, Mapping):
        return dict(content), []
    findings: list[str] = []
    filled = {
        table: _fill(str(table), source, folder, findings)
        if isinstance(source, Mapping) and "profile" in source
        else source
        for table, source in sources.items()
    }
    return {**content, "sources": filled}, findings


def build_vocabularies(profiles: Sequence[str], folder: Path) -> dict[str, Vocabulary]:
    """Return what profiles know of each canonical table.

    Parameters
    ----------
    profiles : sequence of str
        Names or paths of profiles that go before those that are shipped.
    folder : pathlib.Path
        Where relative paths start.

    Returns
    -------
    dict of str to Vocabulary
        Names and values of all profiles. Where two differ, the one named first counts; of those
        that are shipped the Swedish one does.
    """
    shipped = sorted(list_profiles(), key=lambda name: name != _FIRST)
    loaded = [load_profile(name, folder) for name in dict.fromkeys([*profiles, *shipped])]
    return {name: _build_vocabulary(name, loaded) for name in TABLES}


def _build_vocabulary(table: str, profiles: Sequence[SourceProfile]) -> Vocabulary:
    """Return what profiles know of one table."""
    names: dict[str, tuple[str, ...]] = {}
    values: dict[str, dict[str, str]] = {}
    files: tuple[str, ...] = ()
    for profile in profiles:
        if table not in profile.tables:
            continue
        said = profile.reading(table)
        files += profile.tables[table].files
        for column, heading in said.get("columns", {}).items():
            names[column] = (*names.get(column, ()), heading)
        for column, synonyms in said.get("names", {}).items():
            names[column] = (*names.get(column, ()), *synonyms)
        for column, mapped in said.get("values", {}).items():
            values[column] = {**mapped, **values.get(column, {})}
    return Vocabulary(names, values, files)


def _fill(
    table: str, source: Mapping[str, Any], folder: Path, findings: list[str]
) -> dict[str, Any]:
    """Return a source with its profile's settings, and note what is wrong with it."""
    own = {name: value for name, value in source.items() if name != "profile"}
    place = f"sources.{table}.profile"
    try:
        profile = load_profile(str(source["profile"]), folder)
    except ConfigurationError as error:
        findings.append(f"{place}: {error.message}")
        findings += [f"{place}: {text}" for text in error.findings]
        return own
    if table not in profile.tables:
        hint = suggest_name(table, profile.tables)
        findings.append(f"{place}: the profile must know the table '{table}', got none.{hint}")
        return own
    return merge_readings(profile.reading(table), own)
