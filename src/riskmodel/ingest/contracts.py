"""The data contract: each table is counted once, and every broken rule becomes a finding."""

from __future__ import annotations

from typing import Any

import pandas as pd

from riskmodel.core.schema import Column, Table
from riskmodel.core.windows import is_before
from riskmodel.engine.session import Engine
from riskmodel.ingest.casting import AMBIGUOUS, FAILED
from riskmodel.ingest.column_names import IDENTITY, IS_CURRENT, IS_PERSON, IS_PROTECTED, KIND
from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.specs import IdentitySpec

_ORDER = ("start_date", "end_date")


def check_contract(engine: Engine, name: str, rows: Any, table: Table) -> list[ContractFinding]:
    """Count the rows of one table that break each rule.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    name : str
        The table's name.
    rows : ibis.Table
        As `cast_columns` gives it.
    table : Table
        The schema.

    Returns
    -------
    list of ContractFinding
        In the order of columns and rules; never a value.

    Notes
    -----
    One scan counts all rules but uniqueness, which takes a grouping of its own. Rules about
    persons are counted by `count_identifiers` and `check_identities`.
    """
    rules = _rules(rows, table)
    measures = {str(place): _count(broken) for place, broken in enumerate(rules.values())}
    counts = engine.to_pandas(rows.aggregate(n_rows=rows.count(), **measures)).iloc[0]
    findings = [
        ContractFinding(name, column, rule, int(counts[str(place)]), _detail(table, column, rule))
        for place, (column, rule) in enumerate(rules)
        if counts[str(place)] > 0
    ]
    return findings + _find_repeated(engine, name, rows, table)


def count_identifiers(engine: Engine, rows: Any, table: Table) -> pd.Series:
    """Count the rows of each identifier in a table.

    Parameters
    ----------
    engine : Engine
        Where the table lives.
    rows : ibis.Table
        As `cast_columns` gives it.
    table : Table
        The schema.

    Returns
    -------
    pandas.Series of int, shape (n_identifiers,)
        Rows by identifier as given; missing identifiers are left out.
    """
    given = rows.select(raw=rows[table.person])
    counts = engine.to_pandas(given.group_by("raw").aggregate(n=given.count())).dropna()
    return pd.Series(counts["n"].to_numpy(dtype="int64"), index=counts["raw"].to_numpy())


def check_identities(
    name: str, table: Table, counts: pd.Series, identities: pd.DataFrame
) -> tuple[list[ContractFinding], int]:
    """Check the persons of one table, and count the rows that can be used.

    Parameters
    ----------
    name : str
        The table's name.
    table : Table
        Its schema.
    counts : pandas.Series of int
        Rows by identifier as given.
    identities : pandas.DataFrame
        Indexed by identifier as given, with the columns `IDENTITY`, `IS_PERSON`,
        `IS_PROTECTED` and `IS_CURRENT` of `riskmodel.ingest.column_names`.

    Returns
    -------
    findings : list of ContractFinding
        Rows of persons that are not in the table of persons; and, where persons must be
        unique, rows that repeat one, in whatever form it is written. A row of persons whose
        identity was replaced by another one there does not count.
    usable_rows : int
        Rows of persons with a valid identifier and without protected identity.
    """
    found = identities.loc[counts.index]
    n_rows = counts.to_numpy()
    is_valid = found[IDENTITY].notna().to_numpy()
    strangers = int(n_rows[is_valid & ~found[IS_PERSON].to_numpy()].sum())
    if name == "persons":
        is_valid = is_valid & found[IS_CURRENT].to_numpy()
    repeated = int(n_rows[is_valid].sum()) - int(found[IDENTITY][is_valid].nunique())
    findings = []
    if strangers:
        findings.append(ContractFinding(name, table.person, "reference", strangers))
    if repeated and table.unique == (table.person,):
        findings.append(ContractFinding(name, table.person, "unique", repeated))
    return findings, int(n_rows[is_valid & ~found[IS_PROTECTED].to_numpy()].sum())


def find_invalid(
    name: str, table: Table, counts: pd.Series, identities: pd.DataFrame, spec: IdentitySpec
) -> list[ContractFinding]:
    """Return a finding per reason for which identifiers of a table are not valid.

    Parameters
    ----------
    name : str
        The table's name.
    table : Table
        Its schema.
    counts : pandas.Series of int
        Rows by identifier as given.
    identities : pandas.DataFrame
        Indexed by identifier as given, with the column `KIND`.
    spec : IdentitySpec
        What becomes of them.

    Returns
    -------
    list of ContractFinding
        Empty unless they must stop the run.
    """
    kinds = identities.loc[counts.index, KIND]
    rows = counts.groupby(kinds.to_numpy()).sum() if spec.invalid == "stop" else counts[:0]
    return [
        ContractFinding(name, table.person, "identity", int(n), str(kind).replace("_", " "))
        for kind, n in rows.items()
        if str(kind).startswith("invalid_")
    ]


def _count(broken: Any) -> Any:
    """Return how many rows a condition holds for; unknown is not."""
    return broken.fill_null(False).cast("int64").sum().fill_null(0)


def _rules(rows: Any, table: Table) -> dict[tuple[str, str], Any]:
    """Return the condition under which a row breaks each rule."""
    rules = {(table.person, "shortened"): rows[table.person + FAILED]}
    for name, column in table.columns.items():
        for rule, broken in _column_rules(rows, name, column).items():
            rules[name, rule] = broken
    if all(name in table.columns for name in _ORDER):
        start, end = (rows[name] for name in _ORDER)
        rules["end_date", "order"] = is_before(end, start)
    return rules


def _column_rules(rows: Any, name: str, column: Column) -> dict[str, Any]:
    """Return the conditions of one column."""
    value, failed = rows[name], rows[name + FAILED]
    rules = {}
    if column.type != "string":
        rules["type"] = failed
    if name + AMBIGUOUS in rows.columns:
        rules["ambiguous"] = rows[name + AMBIGUOUS]
        rules["type"] = failed & ~rows[name + AMBIGUOUS]
    if column.required:
        rules["required"] = value.isnull() & ~failed
    if column.allowed is not None:
        rules["allowed"] = value.notin(column.allowed)
    if column.minimum is not None:
        rules["minimum"] = value < column.minimum
    if column.maximum is not None:
        rules["maximum"] = value > column.maximum
    return rules


def _detail(table: Table, name: str, rule: str) -> str:
    """Return what the rule asks for."""
    column = table.columns[name]
    if rule == "allowed":
        return ", ".join(column.allowed or ())
    if rule in {"minimum", "maximum"}:
        return f"{getattr(column, rule):g}"
    return column.type if rule == "type" else ""


def _find_repeated(engine: Engine, name: str, rows: Any, table: Table) -> list[ContractFinding]:
    """Return a finding if rows repeat what must be unique, unless it is the person alone."""
    if not table.unique or table.unique == (table.person,):
        return []
    keys = rows.select(*table.unique).drop_null()
    sizes = keys.group_by(list(table.unique)).aggregate(n=keys.count())
    repeated = engine.to_pandas(sizes.aggregate(n=_count_extra(sizes["n"])))["n"].iloc[0]
    if not repeated:
        return []
    return [ContractFinding(name, ", ".join(table.unique), "unique", int(repeated))]


def _count_extra(sizes: Any) -> Any:
    """Return how many rows stand beside a first one of their group."""
    return (sizes - 1).sum().fill_null(0)
