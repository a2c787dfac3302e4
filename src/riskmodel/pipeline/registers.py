"""The key-holder's register: the run's own persons, or another file like theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.engine.session import Engine, open_engine
from riskmodel.errors import UsageError
from riskmodel.ingest.column_names import IDENTITY, IS_PROTECTED
from riskmodel.ingest.identity_links import LINKS, LinkedIdentities, identify
from riskmodel.ingest.link_source import load_links
from riskmodel.ingest.register import Register, read_register
from riskmodel.ingest.sniffing.samples import take_samples
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.ss12000.delivery import Delivery
from riskmodel.ingest.stage import PERSONS
from riskmodel.pipeline.extracts import open_extracts
from riskmodel.pipeline.runs import Run
from riskmodel.privacy.identities import PROVIDER_SEPARATOR


def load_register(
    run: Run,
    other: Path | None = None,
    id_column: str | None = None,
    *,
    show: Sequence[str] | None = None,
) -> Register:
    """Read who there is, identities taken and replaced as the ingest does it.

    Parameters
    ----------
    run : Run
        Names the extract of persons, or the ready table with its column of identifiers.
    other : pathlib.Path, optional
        A file to read in its place, in the same way as far as its format allows.
    id_column : str, optional
        Its column of identifiers.
    show : sequence of str, optional
        Columns to show; by default those with usual names for a person's name and class.

    Returns
    -------
    Register
        Who has a protected identity by the run's own extract is protected, whatever another
        file says, unless the extract is not on this machine.

    Raises
    ------
    DataContractError
        If a file cannot be read.
    UsageError
        If a ready table has no identifiers, so that there are no pseudonyms.
    """
    config, spec = run.config, run.config.identities
    demand_identifiers(config)
    with open_extracts(config, run.project, is_needed=other is None) as (engine, delivery):
        links = load_links(engine, config.sources.get(LINKS), spec)
        own = _find_own(config, delivery)
        named = _replace(own, other, id_column)
        register = read_register(
            engine, named, spec, links,
            show=show, is_extract=other is None, has_provider=config.feature_table is None,
        )  # fmt: skip
        hidden = _identify_last(delivery.protected, config, links)
        if other is not None and own is not None and all(path.exists() for path in own.paths):
            people = read_register(engine, own, spec, links, show=()).people
            hidden = pd.concat([hidden, people.loc[people[IS_PROTECTED], IDENTITY]])
        return register.protect(hidden)


def demand_identifiers(config: RunConfig) -> None:
    """Refuse a ready table without identifiers.

    Parameters
    ----------
    config : RunConfig
        The run.

    Raises
    ------
    UsageError
        If rows are only numbered, so that there are no pseudonyms.
    """
    table = config.feature_table
    if table is not None and table.id_column is None:
        raise UsageError(
            "`feature_table` must have an `id_column`, got none: its rows are only numbered. "
            "There is nobody to name, to forget or to give a new pseudonym."
        )


def _find_own(config: RunConfig, delivery: Delivery) -> SourceSpec | None:
    """Return the run's own extract of persons; None where SS 12000 has not delivered one."""
    table = config.feature_table
    if table is None:
        return (delivery.sources | config.sources).get(PERSONS)
    return table.source.model_copy(update={"columns": {"person_id": str(table.id_column)}})


def _replace(own: SourceSpec | None, other: Path | None, id_column: str | None) -> SourceSpec:
    """Return the register to read: the extract, or another file in its place."""
    if own is None:
        assert other is not None
        own = SourceSpec(path=other)
    changed: dict[str, Any] = {}
    if id_column is not None:
        changed["columns"] = own.columns | {"person_id": id_column}
    if other is not None:
        changed |= {"path": other, "also": (), "format": None, "delimiter": None, "sheet": None,
                    "header_row": 1, "footer_rows": 0, "unpivot": None}  # fmt: skip
        changed |= _look_at(other, id_column)
    return own.model_copy(update=changed)


def _look_at(path: Path, id_column: str | None) -> dict[str, Any]:
    """Return how a file is written: its encoding, sheet, headings and foot; empty if unknown."""
    samples, _ = take_samples(path)
    named = [sample for sample in samples if id_column in sample.names]
    found = (named or samples)[:1]
    return dict(found[0].settings) if found else {}


def _identify_last(given: Sequence[str], config: RunConfig, links: LinkedIdentities) -> pd.Series:
    """Return the last identity of each identifier that is valid."""
    identities = identify(pd.Series(list(given), dtype="str"), config.identities)[0]
    return links.follow(identities.dropna())


def find_all_identities(run: Run, given: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return all identities that some persons have or have had, by one of each.

    Parameters
    ----------
    run : Run
        Says how identifiers are taken, and which were replaced by which.
    given : pandas.Series of str, shape (n,)
        One identifier of each person, in any written form.

    Returns
    -------
    identities : pandas.Series of str, shape (m,)
        As `LinkedIdentities.gather` gives them, for the identifiers that are valid.
    unfit : pandas.Series of str
        What those turned out to be that are not valid and not kept.

    Raises
    ------
    DataContractError
        If the links cannot be read or followed.
    UsageError
        If a temporary number is given without the provider that the extract names with it.
    """
    config = run.config
    identities, kinds = identify(given, config.identities)
    with open_engine(config.engine.embedded) as engine:
        links = load_links(engine, config.sources.get(LINKS), config.identities)
        is_bare = kinds.eq("temporary_number") & ~identities.map(_has_provider).eq(True)
        bare = identities[is_bare]
        if len(bare):
            _demand_provider(engine, run, bare, links)
    return links.gather(identities.dropna()), kinds[identities.isna()]


def _demand_provider(engine: Engine, run: Run, bare: pd.Series, links: LinkedIdentities) -> None:
    """Refuse temporary numbers that the extract or the links know only with their provider."""
    known = {*links.ends, *links.ends.values()}
    own = run.config.sources.get(PERSONS)
    if own is not None and all(path.exists() for path in own.paths):
        register = read_register(engine, own, run.config.identities, links, show=())
        known |= set(register.identities.index)
    provided = {text.rpartition(PROVIDER_SEPARATOR)[2] for text in known if _has_provider(text)}
    n_unclear = int((bare.isin(provided) & ~bare.isin(known)).sum())
    if n_unclear:
        raise UsageError(
            f"`ids` must name the school provider of temporary numbers, got {n_unclear} without. "
            f"Write the provider and {PROVIDER_SEPARATOR} before the number; nobody was forgotten."
        )


def _has_provider(text: object) -> bool:
    """Tell whether an identity is a temporary number with its provider."""
    return isinstance(text, str) and PROVIDER_SEPARATOR in text
