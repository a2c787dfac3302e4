"""Which column of a file is which column of a table, and sheets that are wider than long."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import ibis

from riskmodel.core.schema import Table
from riskmodel.core.validation import suggest_name
from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.specs import SourceSpec, UnpivotSpec

_MOST_DIGITS = 4
_MOST_COLUMNS = 4096
"""A file or sheet with more columns than this is refused: it takes far too long."""


def fold_name(name: str) -> str:
    """Return a column's name without what people write in different ways.

    Parameters
    ----------
    name : str
        A heading.

    Returns
    -------
    str
        Its letters, without accents and case, and its digits.

    Examples
    --------
    >>> fold_name("Frånvaro (min)"), fold_name("birth_date") == fold_name("birthDate")
    ('franvaromin', True)
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def merge_headings(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the names of columns whose headings stand in one row or in several.

    Parameters
    ----------
    rows : sequence of sequence of str
        The headings, empty where there is none. Of several rows each but the last may hold
        headings that stand over more than one column: only the first of these has the text.

    Returns
    -------
    list of str
        What stands over each column, from above; a column without any is ``unnamed_``, with
        its number.

    Examples
    --------
    >>> merge_headings([["Nr", "Giltig", "", "Total"], ["", "tim", "%", ""]])
    ['Nr', 'Giltig tim', 'Giltig %', 'Total']
    """
    width = max(map(len, rows), default=0)
    names = [""] * width
    for depth, row in enumerate(rows):
        last = ""
        for place in range(width):
            own = row[place] if place < len(row) else ""
            last = own or last
            below = (later[place] for later in rows[depth + 1 :] if place < len(later))
            said = last if any(below) else own
            names[place] = f"{names[place]} {said}".strip()
    return [name or f"unnamed_{place}" for place, name in enumerate(names, start=1)]


def find_unfit_headings(table: str, file: str, names: Sequence[str]) -> list[ContractFinding]:
    """Return why the headings of a file cannot name its columns.

    Parameters
    ----------
    table : str
        The table's name.
    file : str
        The file's name.
    names : sequence of str
        Its headings.

    Returns
    -------
    list of ContractFinding
        That there are too many, or that some are the same but for capitals; else none.
    """
    if len(names) > _MOST_COLUMNS:
        detail = f"{file} has {len(names)} columns; at most {_MOST_COLUMNS} can be read"
        return [ContractFinding(table, "", "file", None, detail)]
    n_repeated = len(names) - len({name.casefold() for name in names})
    if n_repeated:
        return [ContractFinding(table, "", "header", None, f"{n_repeated} repeated")]
    return []


def find_named(names: Iterable[str], present: Sequence[str]) -> list[str]:
    """Return the columns that have one of some names.

    Parameters
    ----------
    names : iterable of str
        Names, in order of preference.
    present : sequence of str
        The columns of the file.

    Returns
    -------
    list of str
        Columns, in the order of the names.
    """
    order = {fold_name(name): place for place, name in reversed(list(enumerate(names)))}
    fitting = [name for name in present if fold_name(name) in order]
    return sorted(fitting, key=lambda name: order[fold_name(name)])


def map_columns(
    name: str, table: Table, spec: SourceSpec, present: Sequence[str]
) -> tuple[dict[str, str], list[ContractFinding]]:
    """Tell which column of a file each column of a table is.

    Parameters
    ----------
    name : str
        The table's name, for the findings.
    table : Table
        Its schema.
    spec : SourceSpec
        How the file is written.
    present : sequence of str
        The columns of the file.

    Returns
    -------
    mapping : dict of str to str
        The file's name by the table's, in the order of the schema.
    findings : list of ContractFinding
        Names that the schema or the file does not have, required columns that are absent, and
        columns that several of the file could be.
    """
    findings = _find_unknown(name, table, spec)
    mapping: dict[str, str] = {}
    for canonical, column in table.columns.items():
        found = _find_column(canonical, spec, present)
        if len(found) > 1:
            detail = f"{', '.join(found)} in {spec.path.name} all fit; name one in `columns`"
            findings.append(ContractFinding(name, canonical, "mapping", None, detail))
        elif found:
            mapping[canonical] = found[0]
        elif canonical in spec.columns or (column.required and canonical not in spec.constants):
            wanted = spec.columns.get(canonical, canonical)
            rule = "mapping" if canonical in spec.columns else "present"
            detail = f"no {wanted} in {spec.path.name}.{suggest_heading(wanted, present)}"
            findings.append(ContractFinding(name, canonical, rule, None, detail))
    return mapping, findings


def suggest_heading(name: str, present: Iterable[str]) -> str:
    """Return a hint with the closest heading of a file, unless it may be a value.

    Parameters
    ----------
    name : str
        The name that was given.
    present : iterable of str
        The headings; where a file has none, they are the values of its first row.

    Returns
    -------
    str
        As `suggest_name` gives it. Headings with more than four digits are not shown.
    """
    shown = [one for one in present if sum(map(str.isdigit, one)) <= _MOST_DIGITS]
    return suggest_name(name, shown)


def _find_unknown(name: str, table: Table, spec: SourceSpec) -> list[ContractFinding]:
    """Return a finding for each column that the schema does not have."""
    named = dict.fromkeys(
        [*spec.columns, *spec.names, *spec.constants, *spec.values, *spec.factors]
    )
    return [
        ContractFinding(
            name, column, "mapping", None, f"no such column.{suggest_name(column, table.columns)}"
        )
        for column in named
        if column not in table.columns
    ]


def _find_column(canonical: str, spec: SourceSpec, present: Sequence[str]) -> list[str]:
    """Return the columns of a file that one of the table could be."""
    if canonical in spec.columns:
        return [name for name in present if name == spec.columns[canonical]]
    if canonical in spec.names:
        return find_named((canonical, *spec.names[canonical]), present)
    return [name for name in present if name == canonical]


def unpivot(rows: Any, spec: UnpivotSpec) -> Any:
    """Lay columns that stand side by side under one another.

    Parameters
    ----------
    rows : ibis.Table
        As the file has them.
    spec : UnpivotSpec
        Which columns.

    Returns
    -------
    ibis.Table
        The other columns, then the heading and what stands under it; empty cells are left out.
    """
    kinds = {rows[column].type() for column in spec.columns}
    if len(kinds) > 1:
        rows = rows.mutate(**{column: rows[column].cast("string") for column in spec.columns})
    long = rows.pivot_longer(list(spec.columns), names_to=spec.name, values_to=spec.value)
    value = long[spec.value]
    is_given = value.notnull()
    return long.filter(is_given & (value.strip() != "") if value.type().is_string() else is_given)


def find_unpivot_problems(
    name: str, spec: SourceSpec, present: Sequence[str]
) -> list[ContractFinding]:
    """Return what keeps the columns of a file from being laid under one another.

    Parameters
    ----------
    name : str
        The table's name, for the findings.
    spec : SourceSpec
        How the file is written.
    present : sequence of str
        The columns of the file.

    Returns
    -------
    list of ContractFinding
        Columns that are not there, and names that are taken.
    """
    if spec.unpivot is None:
        return []
    file, asked = spec.path.name, spec.unpivot
    findings = [
        ContractFinding(
            name,
            asked.value,
            "mapping",
            None,
            f"no {column} in {file}.{suggest_heading(column, present)}",
        )
        for column in asked.columns
        if column not in present
    ]
    kept = {column.casefold() for column in present if column not in asked.columns}
    for made in (asked.name, asked.value):
        if made.casefold() in kept:
            detail = f"{file} has a column {made} beside those to be laid under one another"
            findings.append(ContractFinding(name, made, "mapping", None, detail))
    return findings


def select_columns(rows: Any, table: Table, spec: SourceSpec, mapping: dict[str, str]) -> Any:
    """Return the columns of a file under the table's names, with those that are constant.

    Parameters
    ----------
    rows : ibis.Table
        As the file has them.
    table : Table
        The schema.
    spec : SourceSpec
        How the file is written.
    mapping : dict of str to str
        As `map_columns` gives it.

    Returns
    -------
    ibis.Table
        In the order of the schema.
    """
    chosen = {}
    for name in table.columns:
        if name in mapping:
            chosen[name] = rows[mapping[name]]
        elif name in spec.constants:
            chosen[name] = ibis.literal(spec.constants[name])
    return rows.select(**chosen)
