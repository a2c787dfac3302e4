"""Open an extract, whatever its format, as a table with the library's own column names."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from riskmodel.core.schema import Table
from riskmodel.core.validation import is_writable
from riskmodel.engine.interface import UnreadableFileError
from riskmodel.engine.session import Engine
from riskmodel.ingest.column_mapping import (
    find_unpivot_problems,
    map_columns,
    select_columns,
    unpivot,
)
from riskmodel.ingest.csv_files import open_csv_file
from riskmodel.ingest.dates import choose_cell_format
from riskmodel.ingest.excel_files import read_excel_file
from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.specs import SourceSpec


def open_source(
    engine: Engine, name: str, table: Table, spec: SourceSpec
) -> tuple[Any, list[ContractFinding]]:
    """Open an extract as a table with the library's own column names.

    Parameters
    ----------
    engine : Engine
        Where the table will live.
    name : str
        The table's name.
    table : Table
        Its schema. Columns of the file that are not in it are left out.
    spec : SourceSpec
        Where the file is and how to read it.

    Returns
    -------
    rows : ibis.Table or None
        The columns that the file has. From CSV and Excel all are text with missing cells
        null, from Parquet they have the types of the file. None if there are findings.
    findings : list of ContractFinding
        Every reason why the file cannot be read as this table.

    Notes
    -----
    CSV and Parquet are scanned anew by each computation and never held in memory or copied
    to disk. A CSV file is read twice more at first, to check encoding and rows. Excel sheets
    are loaded whole.
    """
    rows, findings = open_file(engine, name, spec)
    if rows is None:
        return None, findings
    findings = find_unpivot_problems(name, spec, rows.columns)
    if findings:
        return None, findings
    if spec.unpivot is not None:
        rows = unpivot(rows, spec.unpivot)
    mapping, findings = map_columns(name, table, spec, rows.columns)
    findings += _find_unfit_types(name, table, rows, mapping)
    if findings:
        return None, findings
    return select_columns(rows, table, spec, mapping), []


def open_file(engine: Engine, name: str, spec: SourceSpec) -> tuple[Any, list[ContractFinding]]:
    """Open a file with its own columns.

    Parameters
    ----------
    engine : Engine
        Where the table will live.
    name : str
        The table's name.
    spec : SourceSpec
        Where the file is and how to read it.

    Returns
    -------
    rows : ibis.Table or None
        The columns of the file under their own names; None if there are findings.
    findings : list of ContractFinding
        Why the file cannot be read.
    """
    problem = find_file_problem(spec)
    if problem:
        return None, [ContractFinding(name, "", "file", None, problem)]
    return _open(engine, name, spec)


def _find_unfit_types(
    name: str, table: Table, rows: Any, mapping: Mapping[str, str]
) -> list[ContractFinding]:
    """Return a finding for each column whose type in the file holds no single values."""
    findings = []
    for column, given in mapping.items():
        kind = rows[given].type()
        is_unfit = kind.is_nested() or kind.is_binary()
        if column == table.person:
            is_unfit |= kind.is_temporal() or kind.is_boolean() or kind.is_interval()
        if is_unfit:
            detail = f"{table.columns[column].type}, not {type(kind).__name__.lower()}"
            findings.append(ContractFinding(name, column, "type", None, detail))
    return findings


def find_broken_files(
    engine: Engine, name: str, table: Table, spec: SourceSpec
) -> list[ContractFinding]:
    """Read the Parquet files of a table to their ends, to tell which of them are broken.

    Parameters
    ----------
    engine : Engine
        What reads them.
    name : str
        The table's name.
    table : Table
        Its schema.
    spec : SourceSpec
        Where the files are.

    Returns
    -------
    list of ContractFinding
        One for each file that begins as it must and cannot be read to its end.
    """
    findings = []
    for part in spec.parts:
        if part.file_format != "parquet":
            continue
        try:
            rows, _ = open_source(engine, name, table, part)
            if rows is not None:
                sizes = {
                    column: rows[column].cast("string").length().sum() for column in rows.columns
                }
                engine.to_pandas(rows.aggregate(**sizes))
        except UnreadableFileError:
            detail = f"{part.path.name} cannot be read to its end; export it again"
            findings.append(ContractFinding(name, "", "file", None, detail))
    return findings


def find_file_problem(spec: SourceSpec) -> str:
    """Return why a file cannot be opened at all.

    Parameters
    ----------
    spec : SourceSpec
        Where the file is.

    Returns
    -------
    str
        The reason, with the file's name; empty if there is none.
    """
    name = spec.path.name
    if not is_writable(str(spec.path)):
        return "a file's name holds letters in an unknown encoding; rename it"
    try:
        if not spec.path.exists():
            return f"{name} does not exist"
        if spec.path.is_dir():
            return f"{name} is a folder"
        if spec.path.stat().st_size == 0:
            return f"{name} is empty"
        with spec.path.open("rb"):
            pass
    except OSError as error:
        return f"{name} gives {type(error).__name__}"
    if spec.file_format is None:
        return f"{name} has no known extension; set `format` to csv, parquet or excel"
    return ""


def _open(engine: Engine, name: str, spec: SourceSpec) -> tuple[Any, list[ContractFinding]]:
    """Return the file as a table, or None with findings."""
    if spec.file_format == "parquet":
        return _open_parquet(engine, name, spec.path)
    if spec.file_format == "excel":
        data, findings = read_excel_file(
            name,
            spec.path,
            spec.sheets[0],
            decimal=spec.decimal,
            date_format=choose_cell_format(spec.date_formats),
            heading_rows=spec.heading_rows,
            footer_rows=spec.footer_rows,
        )
        rows = None if data is None else engine.register(data, _name_table(name, spec))
        return rows, findings
    dataset, findings = open_csv_file(
        name,
        spec.path,
        spec.delimiter,
        spec.encoding,
        heading_rows=spec.heading_rows,
        footer_rows=spec.footer_rows,
    )
    if dataset is None:
        return None, findings
    engine.connection.con.register(_name_table(name, spec), dataset)
    return engine.connection.table(_name_table(name, spec)), findings


def _name_table(name: str, spec: SourceSpec) -> str:
    """Return the engine's name of a file, another for each file and sheet of one table."""
    place = f"{spec.path}\n{spec.sheets[0]}"
    return f"source_{name}_{zlib.crc32(place.encode('utf-8')):08x}"


def _open_parquet(engine: Engine, name: str, path: Path) -> tuple[Any, list[ContractFinding]]:
    """Return a Parquet file as a table, or None with findings."""
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError, UnicodeError):  # the last of a name that is no UTF-8
        return None, [ContractFinding(name, "", "file", None, f"{path.name} is not Parquet")]
    if not names:
        return None, [ContractFinding(name, "", "file", None, f"{path.name} has no columns")]
    repeated = len(names) - len({column.casefold() for column in names})
    if repeated:
        return None, [ContractFinding(name, "", "header", None, f"{repeated} repeated")]
    return engine.read_parquet(path), []
