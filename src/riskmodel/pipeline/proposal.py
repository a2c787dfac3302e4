"""A first configuration from looking at the extracts that a user has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from riskmodel.cohort.specs import CohortSpec
from riskmodel.config.loader import read_yaml
from riskmodel.config.models import find_needed_tables
from riskmodel.config.profiles import build_vocabularies
from riskmodel.config.templates import fill_template, find_template
from riskmodel.core.files import write_text
from riskmodel.errors import UsageError
from riskmodel.ingest.sniffing.proposal import propose_sources
from riskmodel.report.source_proposal import describe_proposal, write_notes, write_sources

_MAX_FILES = 200
_TEMPORARY = (".", "~$")
_SUFFIXES = (".csv", ".txt", ".xlsx", ".xlsm", ".xls", ".parquet")


def propose_configuration(
    paths: Sequence[Path],
    out: Path,
    *,
    template: str,
    profiles: Sequence[str] = (),
    language: str = "sv",
) -> list[str]:
    """Look at extracts and write a configuration for a person to confirm.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files, and folders whose files are looked at.
    out : pathlib.Path
        The file to make.
    template : str
        The configuration whose sources are replaced.
    profiles : sequence of str
        Profiles that go before those that are shipped.
    language : {"sv", "en"}, default "sv"
        The reader's.

    Returns
    -------
    list of str
        What was found, what is unsure and what is missing.

    Raises
    ------
    UsageError
        If the file is there already, if a path does not exist, if there are too many files, or
        if none is recognised: nothing is written then.
    """
    if out.exists():
        raise UsageError(
            f"`out` must be a new file, got the existing {out.name}. Choose another: --out"
        )
    vocabularies = build_vocabularies(profiles, Path.cwd())
    proposal = propose_sources(_list_files(paths), vocabularies)
    needed = _find_needed(template, [source.table for source in proposal.sources])
    said = describe_proposal(proposal, needed, str(out), language=language)
    if not proposal.sources:
        raise UsageError("`--from` must name extracts, got none that is recognised.", said)
    sources = write_sources(proposal, out.parent, needed, language=language)
    text = fill_template(template, sources, write_notes(out.name, language=language))
    write_text(out, text)
    return said


def _find_needed(template: str, tables: Sequence[str]) -> tuple[str, ...]:
    """Return the tables that a run of a template cannot do without."""
    cohort = read_yaml(find_template(template)).get("cohort")
    return () if cohort is None else find_needed_tables(CohortSpec.model_validate(cohort), tables)


def _list_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files among some paths and in the folders among them, each once."""
    absent = [path.name for path in paths if not _exists(path)]
    if absent:
        raise UsageError(
            f"`--from` must name files and folders that exist, got {', '.join(absent)}. "
            "Check the paths."
        )
    found = list(dict.fromkeys(file for path in paths for file in _expand(path)))
    if not 0 < len(found) <= _MAX_FILES:
        raise UsageError(
            f"`--from` must lead to between 1 and {_MAX_FILES} files, got {len(found)}. "
            "Name the files themselves."
        )
    return found


def _exists(path: Path) -> bool:
    """Tell whether there is a path, which no system has where its name is impossible."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _expand(path: Path) -> Iterator[Path]:
    """Yield a file, or the tables of a folder and its subfolders in alphabetical order."""
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        is_table = file.suffix.lower() in _SUFFIXES and not file.name.startswith(_TEMPORARY)
        if is_table and file.is_file():
            yield file
