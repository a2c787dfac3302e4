"""Reading the table that says which identity was replaced by which."""

from __future__ import annotations

from typing import Any

from riskmodel.engine.session import Engine
from riskmodel.ingest.contracts import check_contract
from riskmodel.ingest.findings import ContractFinding, raise_findings
from riskmodel.ingest.identity_links import (
    LINK_TABLE,
    LINKS,
    LinkedIdentities,
    add_provider,
    resolve_links,
)
from riskmodel.ingest.parts import open_parts
from riskmodel.ingest.specs import IdentitySpec, SourceSpec


def read_links(
    engine: Engine, rows: Any, spec: IdentitySpec
) -> tuple[LinkedIdentities, list[ContractFinding]]:
    """Return which identities were replaced by which, and what is wrong with the links.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    rows : ibis.Table or None
        As `open_parts` gives it; None where there is none.
    spec : IdentitySpec
        How identifiers are taken.

    Returns
    -------
    links : LinkedIdentities
        Where each replaced identity leads.
    findings : list of ContractFinding
        Broken rules, and links that cannot be followed.
    """
    if rows is None:
        return LinkedIdentities(), []
    findings = check_contract(engine, LINKS, rows, LINK_TABLE)
    links = resolve_links(engine.to_pandas(rows.select(*LINK_TABLE.columns)), spec)
    return links, [*findings, *(links.findings if not findings else ())]


def load_links(engine: Engine, source: SourceSpec | None, spec: IdentitySpec) -> LinkedIdentities:
    """Return which identities were replaced by which, as the ingest takes it, or raise.

    Parameters
    ----------
    engine : Engine
        Reads the files.
    source : SourceSpec or None
        Where they are; None where no identity was replaced.
    spec : IdentitySpec
        How identifiers are taken.

    Returns
    -------
    LinkedIdentities
        Where each replaced identity leads.

    Raises
    ------
    DataContractError
        If the files cannot be read, or the links cannot be followed.
    """
    if source is None:
        return LinkedIdentities()
    rows, findings = open_parts(engine, LINKS, add_provider(LINK_TABLE), source)
    if not findings:
        links, findings = read_links(engine, rows, spec)
    if findings:
        raise_findings(findings)
    return links
