"""Read all extracts, check them together, and hold them ready to be pseudonymised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from riskmodel.core.schema import SECURITY_NONE, Table
from riskmodel.core.validation import suggest_name
from riskmodel.engine.session import Engine
from riskmodel.errors import ConfigurationError
from riskmodel.ingest.casting import AMBIGUOUS, FAILED
from riskmodel.ingest.contracts import check_contract, check_identities, count_identifiers
from riskmodel.ingest.findings import ContractFinding, DataContractReport
from riskmodel.ingest.keys import (
    IDENTITIES,
    IDENTITY,
    IS_PERSON,
    IS_PROTECTED,
    RAW,
    RESERVED,
    SUBJECT,
)
from riskmodel.ingest.parts import open_parts
from riskmodel.ingest.specs import SourceSpec
from riskmodel.privacy.identities import normalise_identifiers

PERSONS = "persons"
"""The table that says who there is."""


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
        One row per identifier as given, with the columns named in `riskmodel.ingest.keys`.
    identifier_kinds : dict of str to int
        How many different identifiers of each kind there were.
    report : DataContractReport
        Without findings.
    """

    tables: dict[str, Any]
    schemas: dict[str, Table]
    identities: Any
    identifier_kinds: dict[str, int]
    report: DataContractReport


def ingest_tables(
    engine: Engine,
    sources: Mapping[str, SourceSpec],
    tables: Mapping[str, Table],
    *,
    local_identifiers: bool = False,
    protected: Sequence[str] = (),
    notices: Sequence[ContractFinding] = (),
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
    local_identifiers : bool, default False
        Take identifiers as they are, even where they look like Swedish personal numbers.
    protected : sequence of str, optional
        Identifiers, as given, of persons whose identity is known to be protected beside those
        that `persons` marks.
    notices : sequence of ContractFinding, optional
        What is known of the extracts already, for the report.

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
    identifier that looks like a personal number without being valid breaks no rule: its rows
    are left out later, and counted. A valid one that is not in `persons` does break one.
    """
    _check_names(tables)
    cast, unread = _read_all(engine, sources, tables)
    findings = [*_find_unknown_tables(sources, tables), *unread]
    counts = {name: count_identifiers(engine, rows, tables[name]) for name, rows in cast.items()}
    marked = _find_protected(engine, cast[PERSONS]) if PERSONS in cast else []
    identities, kinds = _identify(counts, [*marked, *protected], local_identifiers)
    usable_rows: dict[str, int] = {}
    for name, rows in cast.items():
        findings += check_contract(engine, name, rows, tables[name])
        found, usable_rows[name] = check_identities(name, tables[name], counts[name], identities)
        findings += found if PERSONS in cast else []
    report = DataContractReport(tuple(findings), usable_rows, tuple(notices))
    report.check()
    return IngestedTables(
        {name: rows.select(*tables[name].columns) for name, rows in cast.items()},
        {name: tables[name] for name in cast},
        engine.register(identities.rename_axis(RAW).reset_index(), IDENTITIES),
        kinds,
        report,
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
        if name not in tables
    ]
    return findings if PERSONS in sources else [ContractFinding(PERSONS, "", "table"), *findings]


def _read_all(
    engine: Engine, sources: Mapping[str, SourceSpec], tables: Mapping[str, Table]
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


def _identify(
    counts: Mapping[str, pd.Series], protected: Sequence[str], local_only: bool
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Bring all identifiers to one form, and say who is a person and who is protected."""
    found = set(protected).union(*(rows.index for rows in counts.values()))
    given = pd.Index(sorted(found), dtype="str")
    frame = pd.DataFrame(index=given)
    frame[IDENTITY], kinds = normalise_identifiers(given.to_series(), local_only=local_only)
    persons = list(counts[PERSONS].index) if PERSONS in counts else []
    for column, members in ((IS_PERSON, persons), (IS_PROTECTED, protected)):
        identities = frame.loc[frame.index.isin(members), IDENTITY].dropna()
        frame[column] = frame[IDENTITY].isin(identities)
    return frame, kinds


def _find_protected(engine: Engine, persons: Any) -> list[str]:
    """Return the identifiers, as given, of the persons with protected identity."""
    marking = persons["security_marking"]
    protected = persons.filter(marking.notnull() & (marking != SECURITY_NONE))
    identifiers: list[str] = engine.to_pandas(protected.select("person_id"))["person_id"].tolist()
    return identifiers
