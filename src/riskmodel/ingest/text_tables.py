"""A whole file as a frame of text, for tables that fit in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskmodel.ingest.column_mapping import suggest_heading
from riskmodel.ingest.csv_files import open_csv_file
from riskmodel.ingest.excel_files import cell_to_text, read_excel_file
from riskmodel.ingest.findings import ContractFinding, raise_findings
from riskmodel.ingest.readers import find_file_problem
from riskmodel.ingest.specs import SourceSpec

TABLE_NAME = "feature_table"
"""What findings call the table."""


def read_as_text(source: SourceSpec) -> pd.DataFrame:
    """Read a CSV, Parquet or Excel file as text.

    Parameters
    ----------
    source : SourceSpec
        Where the file is and how to read it.

    Returns
    -------
    pandas.DataFrame of str, shape (n_rows, n_columns)
        Without space around the texts; missing and blank cells are NaN.

    Raises
    ------
    DataContractError
        If the file cannot be read.
    """
    problem = find_file_problem(source)
    if problem:
        raise_findings([ContractFinding(TABLE_NAME, "", "file", None, problem)])
    data: Any
    if source.file_format == "excel":
        data, findings = read_excel_file(
            TABLE_NAME, source.path, source.sheets[0], decimal=source.decimal, date_format=None
        )
    elif source.file_format == "parquet":
        data, findings = _read_parquet(source.path, source.decimal)
    else:
        dataset, findings = open_csv_file(
            TABLE_NAME, source.path, source.delimiter, source.encoding
        )
        data = None if dataset is None else dataset.to_table()
    if findings:
        raise_findings(findings)
    frame = data.to_pandas()
    texts = {name: frame[name].astype("str").str.strip() for name in frame.columns}
    return pd.DataFrame({name: text.mask(text == "") for name, text in texts.items()})


def _read_parquet(path: Path, decimal: str) -> tuple[pa.Table | None, list[ContractFinding]]:
    """Return a Parquet file with its cells as they would be written in a CSV file."""
    try:
        schema = pq.read_schema(path)
        findings = _find_unfit_columns(schema)
        if findings:
            return None, findings
        columns = [column.to_pylist() for column in pq.read_table(path).columns]
    except (pa.ArrowException, OSError, ArithmeticError, UnicodeError):
        return None, [ContractFinding(TABLE_NAME, "", "file", None, f"{path.name} is not Parquet")]
    texts = [
        pa.array([cell_to_text(cell, decimal, None) for cell in column], pa.string())
        for column in columns
    ]
    return pa.table(texts, names=schema.names), []


def _find_unfit_columns(schema: pa.Schema) -> list[ContractFinding]:
    """Return a finding if names repeat, and for each column that holds no single values."""
    repeated = len(schema.names) - len({name.casefold() for name in schema.names})
    if repeated:
        return [ContractFinding(TABLE_NAME, "", "header", None, f"{repeated} repeated")]
    return [
        ContractFinding(TABLE_NAME, field.name, "type", None, "text, numbers or dates")
        for field in schema
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type)
    ]


def find_absent_columns(
    source: SourceSpec, wanted: Sequence[str], present: Sequence[str]
) -> list[ContractFinding]:
    """Return a finding for each column that is named and not there.

    Parameters
    ----------
    source : SourceSpec
        The file.
    wanted : sequence of str
        The columns that are named.
    present : sequence of str
        The columns of the file.

    Returns
    -------
    list of ContractFinding
        In the order of `wanted`, with the closest name that there is.
    """
    return [
        ContractFinding(
            TABLE_NAME,
            name,
            "present",
            None,
            f"not in {source.path.name}.{suggest_heading(name, present)}",
        )
        for name in dict.fromkeys(wanted)
        if name not in present
    ]
