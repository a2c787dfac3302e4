"""A table whose rows lie in several files that are written alike."""

from __future__ import annotations

from typing import Any

import ibis

from riskmodel.core.schema import Table
from riskmodel.engine.session import Engine
from riskmodel.ingest.casting import cast_columns
from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.identity_links import name_provider
from riskmodel.ingest.readers import open_source
from riskmodel.ingest.specs import SourceSpec


def open_parts(
    engine: Engine, name: str, table: Table, spec: SourceSpec
) -> tuple[Any, list[ContractFinding]]:
    """Open all files of a source as one table of the declared types.

    Parameters
    ----------
    engine : Engine
        Where the table will live.
    name : str
        The table's name.
    table : Table
        Its schema.
    spec : SourceSpec
        Where the files are and how to read them.

    Returns
    -------
    rows : ibis.Table or None
        As `cast_columns` gives it, temporary numbers told apart by provider, the rows of the
        files after one another; None if there are findings.
    findings : list of ContractFinding
        Why some of the files cannot be read as this table.
    """
    parts: list[Any] = []
    findings: list[ContractFinding] = []
    for part in spec.parts:
        rows, found = open_source(engine, name, table, part)
        findings += found
        if rows is not None:
            parts.append(name_provider(cast_columns(rows, table, part), rows, table))
    if findings:
        return None, findings
    return parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False), []
