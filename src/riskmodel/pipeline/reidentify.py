"""Adding identities to a list: for the holder of the key alone, on a machine of their own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskmodel.config.models import RunConfig
from riskmodel.core.files import hash_file, read_json
from riskmodel.errors import PrivacyError, UsageError
from riskmodel.ingest.column_names import IDENTITY, IS_PROTECTED
from riskmodel.ingest.excel_files import read_excel_file
from riskmodel.ingest.findings import ContractFinding, raise_findings
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.keys import find_forgotten_file, list_shared_places, load_main_key
from riskmodel.pipeline.registers import load_register
from riskmodel.pipeline.runs import Run
from riskmodel.privacy.access_log import AccessEntry, append_entry, verify_log
from riskmodel.privacy.disclosure import show_count
from riskmodel.privacy.keys import PseudonymKey, check_outside, load_key
from riskmodel.privacy.tombstones import is_forgotten, read_tombstones
from riskmodel.report.identified_list import (
    ListColumn,
    describe_columns,
    describe_disclosure,
    name_identity,
    name_sheet,
    write_identified_workbook,
)

ACTION = "reidentify"
_LOG_SUFFIX = ".access.jsonl"
_WORKBOOK = ".xlsx"
_LIST = "list"


@dataclass(frozen=True)
class Disclosure:
    """What the key-holder asks for.

    Parameters
    ----------
    path : pathlib.Path
        `screening.parquet`, or a view's Parquet file or workbook.
    out : pathlib.Path
        The workbook to make, outside the project and the run's folder.
    who, purpose : str
        Who asks and what for: both stand in the access log.
    log : pathlib.Path or None
        The access log; None puts it beside the key file.
    register : pathlib.Path or None
        A file with the persons; None takes the run's own extract.
    id_column : str or None
        The register's column of identifiers, where it is not that of the extract.
    show : tuple of str or None
        The register's columns to show; None shows those with usual names.
    """

    path: Path
    out: Path
    who: str
    purpose: str
    log: Path | None = None
    register: Path | None = None
    id_column: str | None = None
    show: tuple[str, ...] | None = None


def reidentify(run: Run, asked: Disclosure) -> str:
    """Write a list with the pupils' identities, after the use stands in the access log.

    Parameters
    ----------
    run : Run
        Names the key, its domain and the persons.
    asked : Disclosure
        Which list, for whom and what for.

    Returns
    -------
    str
        How many pupils have names now, in the reader's language.

    Raises
    ------
    PrivacyError
        If the key is not that of the list, the log's chain is broken, or the new file would
        lie where others read. Nothing is written then.
    DataContractError
        If the list or the register cannot be read.
    UsageError
        If a path does not fit.
    """
    config, language = run.config, run.config.language
    shared = list_shared_places(config, run.project)
    key = load_main_key(config, run.project)
    log = _find_log(config, asked.log)
    _check_places(asked, log, shared)
    _check_key(config, asked.path, key)
    digest, columns = hash_file(asked.path), _read_list(asked.path, language)
    found = _find_pupils(run, asked, key, columns[-1])
    named = found[IDENTITY].notna()
    kept = ~found[IS_PROTECTED].eq(True)
    entry = AccessEntry(asked.who, asked.purpose, ACTION, digest, int((named & kept).sum()))
    moment = datetime.now(UTC)
    summary = append_entry(log, entry, key, moment=moment)
    write_identified_workbook(
        [
            ListColumn(name_identity(language) if name == IDENTITY else name, values, "identity")
            for name, values in _to_cells(found[kept].drop(columns=IS_PROTECTED)).items()
        ],
        [_select(column, kept) for column in columns],
        asdict(entry)
        | {"time": f"{moment:%Y-%m-%d %H:%M}", "number": summary.entries, "hash": summary.head},
        asked.out,
        language=language,
    )
    return describe_disclosure(
        entry.pupils,
        {"file": asked.out.name, "log": log.name, "number": summary.entries},
        protected=_count(int((~kept).sum())),
        unknown=_count(int((~named).sum())),
        language=language,
    )


def check_access_log(path: Path, *, key_file: Path | None = None, expect: str | None = None) -> str:
    """Check an access log's chain.

    Parameters
    ----------
    path : pathlib.Path
        The log.
    key_file : pathlib.Path, optional
        Checks the seals too.
    expect : str, optional
        The hash of an entry that must be there, as it stands in a list with identities.

    Returns
    -------
    str
        How many entries there are, and the last one's hash.

    Raises
    ------
    PrivacyError
        If the chain or a seal is broken, or the entry is not there.
    """
    key = None if key_file is None else load_key(key_file, None)
    summary = verify_log(path, key)
    if expect is not None and expect.strip().lower() not in summary.hashes:
        raise PrivacyError(
            "`expect` must be the hash of an entry, got one that is not in the log. Entries were "
            "cut off, or the list was made with another log."
        )
    seals = "" if summary.sealed is None else f", {summary.sealed} sealed by this key"
    return f"{summary.entries} entries in an unbroken chain{seals}; the last is {summary.head}"


def _find_log(config: RunConfig, given: Path | None) -> Path:
    """Return where the access log is: as given, or beside the key file."""
    key_file = config.pseudonyms.key_file
    if given is not None:
        return given
    if key_file is None or not key_file.exists():
        raise UsageError(
            "`--log` must be given where the key comes from an environment variable, got none. "
            "Name the access log."
        )
    return key_file.with_name(key_file.name + _LOG_SUFFIX)


def _check_places(asked: Disclosure, log: Path, shared: list[Path]) -> None:
    """Refuse a list that is not there and places where others read or something is lost."""
    if not asked.path.is_file():
        raise UsageError(f"`list` must be a file, got none at {asked.path.name}. Check the path.")
    if asked.out.suffix.lower() != _WORKBOOK or asked.out.exists():
        problem = "one that exists" if asked.out.exists() else f"'{asked.out.suffix}'"
        raise UsageError(
            f"`--out` must be a new file that ends in {_WORKBOOK}, got {problem}. Choose another."
        )
    check_outside(asked.out, shared, name="out")
    check_outside(log, shared, name="log")


def _check_key(config: RunConfig, path: Path, key: PseudonymKey) -> None:
    """Refuse another key than that of the run, where the list is the run's."""
    report = RunFolder(config.out).path(artifacts.DATA_REPORT)
    if not report.exists() or not path.resolve().is_relative_to(config.out.resolve()):
        return
    made_with = read_json(report)
    if made_with["key_id"] != key.key_id or made_with["domain"] != config.pseudonyms.domain:
        raise PrivacyError(
            f"`key` must be the one of the run's pseudonyms, {made_with['key_id']} with domain "
            f"{made_with['domain']}, got {key.key_id} with domain {config.pseudonyms.domain}. "
            "Name the right key. Nothing was written."
        )


def _read_list(path: Path, language: str) -> list[ListColumn]:
    """Return the columns of a list, the pseudonyms last."""
    if path.suffix.lower() == _WORKBOOK:
        sheet = name_sheet(language)
        table, findings = read_excel_file(_LIST, path, sheet, decimal=".", date_format=None)
        if table is None:
            raise_findings(findings)
        frame = table.to_pandas() if table is not None else pd.DataFrame()
    else:
        try:
            frame = pq.read_table(path).to_pandas()
        except (pa.ArrowException, OSError):
            raise_findings([ContractFinding(_LIST, "", "file", None, f"{path.name} is no list")])
    columns = describe_columns(frame, language)
    if not columns or columns[-1].kind != "subject_id":
        raise_findings([ContractFinding(_LIST, "subject_id", "present", None, path.name)])
    if not columns[-1].values:
        raise UsageError(f"`list` must name pupils, got none in {path.name}. Nothing to do.")
    return columns


def _find_pupils(
    run: Run, asked: Disclosure, key: PseudonymKey, pseudonyms: ListColumn
) -> pd.DataFrame:
    """Return who the pupils of a list are, in its order; empty where they are not known."""
    config = run.config
    register = load_register(run, asked.register, asked.id_column, show=asked.show)
    people = register.with_pseudonyms(key, domain=config.pseudonyms.domain)
    found = people.reindex(pd.Index(pseudonyms.values, dtype="object"))
    if not found[IDENTITY].notna().any():
        raise PrivacyError(
            f"`key` must be the one that made the list's pseudonyms, got the key {key.key_id} "
            f"with domain {config.pseudonyms.domain}, which made none of them for the persons of "
            "the register. Name the right key and register. Nothing was written."
        )
    tombstones = read_tombstones(find_forgotten_file(config, RunFolder(config.out)))
    gone = people.loc[is_forgotten(people.index.to_series(), key, tombstones).to_numpy(), IDENTITY]
    found[IS_PROTECTED] = (
        found[IS_PROTECTED].eq(True)
        | found[IDENTITY].isin(gone)
        | is_forgotten(found.index.to_series(), key, tombstones)
    )
    return found[[IDENTITY, *register.shown, IS_PROTECTED]].reset_index(drop=True)


def _to_cells(found: pd.DataFrame) -> dict[str, tuple[str | None, ...]]:
    """Return columns of text, None where a cell is empty."""
    return {
        str(name): tuple(None if pd.isna(cell) else str(cell) for cell in found[name])
        for name in found.columns
    }


def _select(column: ListColumn, kept: pd.Series[bool]) -> ListColumn:
    """Return a column with some of its rows."""
    values = tuple(value for value, stays in zip(column.values, kept, strict=True) if stays)
    return ListColumn(column.heading, values, column.kind)


def _count(count: int) -> str:
    """Return a count as text, a small one only as being small; empty for none."""
    return show_count(count) if count else ""
