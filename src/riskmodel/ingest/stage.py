"""Read all extracts, check them together, and hold them ready to be pseudonymised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from riskmodel.core.schema import SECURITY_NONE, Table
from riskmodel.core.validation import suggest_name
from riskmodel.engine.interface import UnreadableFileError
from riskmodel.engine.session import Engine
from riskmodel.errors import ConfigurationError
from riskmodel.ingest.casting import AMBIGUOUS, FAILED
from riskmodel.ingest.column_names import (
    IDENTITIES,
    IDENTITY,
    IS_PERSON,
    IS_PROTECTED,
    KIND,
    RAW,
    RESERVED,
    SUBJECT,
)
from riskmodel.ingest.contracts import (
    check_contract,
    check_identities,
    count_identifiers,
    find_invalid,
)
from riskmodel.ingest.findings import ContractFinding, DataContractReport, make_error
from riskmodel.ingest.identity_links import (
    LINK_TABLE,
    LINKS,
    LinkedIdentities,
    add_provider,
    tie_identities,
)
from riskmodel.ingest.link_source import read_links
from riskmodel.ingest.parts import open_parts
from riskmodel.ingest.readers import find_broken_files
from riskmodel.ingest.specs import IdentitySpec, SourceSpec

PERSONS = "persons"
"""The table that says who there is."""

FindForgotten = Callable[[pd.Series], pd.Series]
"""Tells which identities belong to persons who must be left out."""


@dataclass(frozen=True, repr=False)
class IngestedTables:
    """The extracts as typed tables that keep to the contract. They still hold identifiers.

    Parameters
    ----------
    tables : dict of str to ibis.Table
        The columns of each schema in its order; computed only when used.
    schemas : dict of str to Table
        Their schemas.
    identities : ibis.Table
        One row per identifier as given, with the columns named in `riskmodel.ingest.column_names`.
    identifier_kinds : dict of str to int
        How many different identifiers of each kind there were.
    report : DataContractReport
        Without findings.
    links : LinkedIdentities
        Which identities were replaced by which.
    """

    tables: dict[str, Any]
    schemas: dict[str, Table]
    identities: Any
    identifier_kinds: dict[str, int]
    report: DataContractReport
    links: LinkedIdentities


def ingest_tables(
    engine: Engine,
    sources: Mapping[str, SourceSpec],
    tables: Mapping[str, Table],
    *,
    spec: IdentitySpec | None = None,
    protected: Sequence[str] = (),
    notices: Sequence[ContractFinding] = (),
    find_forgotten: FindForgotten | None = None,
) -> IngestedTables:
    """Read extracts and check that they keep to the data contract.

    Parameters
    ----------
    engine : Engine
        Where the tables will live.
    sources : mapping of str to SourceSpec
        The extract of each table; `persons` must be among them.
    tables : mapping of str to Table
        The schemas of all tables that there may be.
    spec : IdentitySpec, optional
        How identifiers are taken, and what becomes of those that are not valid.
    protected : sequence of str, optional
        Identifiers, as given, of persons whose identity is known to be protected beside those
        that `persons` marks.
    notices : sequence of ContractFinding, optional
        What is known of the extracts already, for the report.
    find_forgotten : callable, optional
        Takes identities in their normal form and tells which to leave out, as protected ones.

    Returns
    -------
    IngestedTables
        Typed tables, computed only when used.

    Raises
    ------
    DataContractError
        With every finding in every table.

    Notes
    -----
    Each table is scanned once for its different identifiers and once for all rules. An
    identifier that looks like a personal number without being valid breaks no rule unless
    `spec` says so: its rows are left out later, and counted. A valid one that is not in
    `persons` does break one. A source `identity_links` is applied to all identifiers, and is
    none of the tables.
    """
    spec = spec or IdentitySpec()
    _check_names(tables)
    known = {name: add_provider(table) for name, table in tables.items()}
    known[LINKS] = add_provider(LINK_TABLE)
    try:
        return _ingest(engine, sources, tables, known, spec, protected, notices, find_forgotten)
    except UnreadableFileError:
        broken = [
            finding
            for name, source in sources.items()
            if name in known
            for finding in find_broken_files(engine, name, known[name], source)
        ]
        if not broken:
            raise
        raise make_error(broken) from None


def _ingest(
    engine: Engine,
    sources: Mapping[str, SourceSpec],
    tables: Mapping[str, Table],
    known: Mapping[str, Table],
    spec: IdentitySpec,
    protected: Sequence[str],
    notices: Sequence[ContractFinding],
    find_forgotten: FindForgotten | None,
) -> IngestedTables:
    """Read and check extracts whose files are whole."""
    cast, unread = _read_all(engine, sources, known)
    findings = [*_find_unknown_tables(sources, tables), *unread]
    links, found = read_links(engine, cast.pop(LINKS, None), spec)
    findings += found
    counts = {name: count_identifiers(engine, rows, tables[name]) for name, rows in cast.items()}
    marked = find_marked(engine, cast[PERSONS]) if PERSONS in cast else []
    hidden = {*marked, *protected}
    given = pd.Index(sorted(hidden.union(*(rows.index for rows in counts.values()))), dtype="str")
    persons = counts[PERSONS].index if PERSONS in counts else given[:0]
    identities = tie_identities(given, persons, hidden, links, spec)
    if find_forgotten is not None:
        identities[IS_PROTECTED] |= _find_forgotten(identities, links, find_forgotten)
    usable_rows: dict[str, int] = {}
    for name, rows in cast.items():
        findings += check_contract(engine, name, rows, tables[name])
        found, usable_rows[name] = check_identities(name, tables[name], counts[name], identities)
        findings += found if PERSONS in cast else []
        findings += find_invalid(name, tables[name], counts[name], identities, spec)
    kinds = {str(kind): int(n) for kind, n in identities[KIND].value_counts().sort_index().items()}
    report = DataContractReport(tuple(findings), usable_rows, tuple(notices))
    report.check()
    return IngestedTables(
        {name: rows.select(*tables[name].columns) for name, rows in cast.items()},
        {name: tables[name] for name in cast},
        engine.register(identities.rename_axis(RAW).reset_index(), IDENTITIES),
        kinds,
        report,
        links,
    )


def _check_names(tables: Mapping[str, Table]) -> None:
    """Refuse schemas whose columns would meet the library's own."""
    taken = sorted(
        name
        for name, table in tables.items()
        for column in table.columns
        if column == SUBJECT or column.startswith(RESERVED) or column.endswith((FAILED, AMBIGUOUS))
    )
    if taken:
        raise ConfigurationError(
            f"`event_tables` must not name a column {SUBJECT}, got it in {', '.join(taken)}. "
            "Give the column another name."
        )


def _find_unknown_tables(
    sources: Mapping[str, SourceSpec], tables: Mapping[str, Table]
) -> list[ContractFinding]:
    """Return a finding per source without a schema, and one if there are no persons."""
    findings = [
        ContractFinding(name, "", "table", None, f"not known.{suggest_name(name, tables)}")
        for name in sources
        if name not in tables and name != LINKS
    ]
    return findings if PERSONS in sources else [ContractFinding(PERSONS, "", "table"), *findings]


def _read_all(
    engine: Engine,
    sources: Mapping[str, SourceSpec],
    tables: Mapping[str, Table],
) -> tuple[dict[str, Any], list[ContractFinding]]:
    """Return the tables that can be read, and what keeps the others from it."""
    cast: dict[str, Any] = {}
    unread: list[ContractFinding] = []
    for name, source in sources.items():
        if name not in tables:
            continue
        rows, findings = open_parts(engine, name, tables[name], source)
        unread += findings
        if rows is not None:
            cast[name] = rows
    return cast, unread


def _find_forgotten(
    identities: pd.DataFrame, links: LinkedIdentities, find: FindForgotten
) -> pd.Series[bool]:
    """Tell which identifiers are those of persons who were forgotten by any of their identities."""
    usable = identities.loc[identities[IS_PERSON] & ~identities[IS_PROTECTED], IDENTITY]
    every = links.gather(usable.drop_duplicates())
    gone = every[find(every.index.to_series()).to_numpy()]
    return identities[IDENTITY].isin(gone)


def find_marked(engine: Engine, persons: Any) -> list[str]:
    """Return the identifiers of the persons whose identity is marked as protected.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    persons : ibis.Table
        With `person_id` and `security_marking`.

    Returns
    -------
    list of str
        As given.
    """
    marking = persons["security_marking"]
    protected = persons.filter(marking.notnull() & (marking != SECURITY_NONE))
    identifiers: list[str] = engine.to_pandas(protected.select("person_id"))["person_id"].tolist()
    return identifiers
