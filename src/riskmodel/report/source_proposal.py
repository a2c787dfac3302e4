"""A proposal of sources in words: as YAML with comments, and as what the console shows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from riskmodel.ingest.sniffing.proposal import ProposedSource, SourceProposal
from riskmodel.ingest.sniffing.recognition import Doubt
from riskmodel.privacy.disclosure import show_count
from riskmodel.privacy.patterns import KnownIdentifiers, find_kinds
from riskmodel.report.language import Texts, load_texts

_BY_COLUMN = ("columns", "values")
_MANY = 30
_DOUBTS = (
    "shortened", "lost_zeros", "broken_ids", "other_ids", "by_content", "local", "several",
    "content", "blank", "footer", "hours", "share", "values", "ambiguous_dates", "decimal",
    "parts", "files",
)  # fmt: skip
"""What may be unsure, in the order in which it is told."""
_SETTINGS = {
    "hours": "factors",
    "lost_zeros": "lost_zeros",
    "ambiguous_dates": "date_format",
    "decimal": "decimal",
    "footer": "footer_rows",
}
"""The setting that each doubt is about, which is not sure then."""
_PROBLEMS = (
    "absent", "folder", "unreadable", "empty", "extension", "old_excel", "locked", "not_excel",
    "not_parquet", "not_text", "encoding", "no_header", "one_column",
    "repeated_header", "too_wide", "no_rows",
)  # fmt: skip
"""Why a file cannot be used."""
_INFINITE = float("inf")


def write_sources(
    proposal: SourceProposal, folder: Path, required: Sequence[str], *, language: str
) -> str:
    """Return the sources as a block of a configuration, with what is unsure as comments.

    Parameters
    ----------
    proposal : SourceProposal
        What the files are.
    folder : pathlib.Path
        Where the configuration will lie; paths start there.
    required : sequence of str
        The tables that a configuration must have.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    str
        YAML, from ``sources:`` on. A table that is required and not found has a name of a file
        that does not exist in place of its path.
    """
    t = load_texts(language)
    lines = ["sources:"]
    for source in proposal.sources:
        lines += [f"  {line}" for line in _write_source(source, folder, t)]
    for table in proposal.tables:
        if table in required:
            note = f"# {t('proposal.missing')}: {t('proposal.placeholder')}"
            lines.append(f"  {table}: {{path: {t('proposal.missing')}-{table}.csv}}  {note}")
    return "\n".join(lines) + "\n"


def write_notes(file: str, *, language: str) -> str:
    """Return the comment that a proposed configuration begins with.

    Parameters
    ----------
    file : str
        The configuration's name.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    str
        Lines of comment.
    """
    text = load_texts(language)("proposal.notes", file=file)
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def describe_proposal(
    proposal: SourceProposal, required: Sequence[str], out: str, *, language: str
) -> list[str]:
    """Return what was found, what is unsure and why, and what is missing.

    Parameters
    ----------
    proposal : SourceProposal
        What the files are.
    required : sequence of str
        The tables that a configuration must have.
    out : str
        The file that was written; empty if there are no sources and none was.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    list of str
        Lines: headings, settings and counts, never what stands in a cell. Of a file that is
        not recognised not even the headings are shown.
    """
    t = load_texts(language)
    lines: list[str] = []
    for source in proposal.sources:
        lines += [*_describe_source(source, t), ""]
    for table in proposal.tables:
        key = "no_table" if table in required else "no_table_optional"
        lines.append(t(f"proposal.{key}", table=table))
    for problem in sorted(proposal.problems, key=lambda problem: _PROBLEMS.index(problem.kind)):
        file, reason = _name_file(problem.path, problem.sheet), t(f"proposal.file.{problem.kind}")
        lines.append(t("proposal.problem", file=file, reason=reason))
    lines += [
        t("proposal.weaker", file=_plain(path.name), table=table) for path, table in proposal.weaker
    ]
    lines += [t("proposal.unknown", file=_plain(path.name)) for path in proposal.unknown]
    if not proposal.sources:
        return [*lines, t("proposal.nothing"), t("proposal.advice")]
    n_open = sum(len(source.doubts) + len(source.missing) for source in proposal.sources)
    n_open += sum(table in required for table in proposal.tables)
    marks = f"{t('proposal.unsure')} / {t('proposal.missing')}"
    lines += ["", t("proposal.open", count=n_open, mark=marks), t("proposal.written", file=out)]
    return lines


def _name_file(path: Path, sheet: str | Sequence[str] | None) -> str:
    """Return the name of a file with its sheet or sheets."""
    names = sheet if sheet is None or isinstance(sheet, str) else ", ".join(sheet)
    return _plain(path.name if names is None else f"{path.name} [{names}]")


def _plain(text: str) -> str:
    """Return a heading or a name on one line, or dots where it holds an identifier."""
    held = find_kinds(text.encode("utf-8"), KnownIdentifiers([]))
    return "…" if held else " ".join(text.split())


def _write_source(source: ProposedSource, folder: Path, t: Texts) -> Iterator[str]:
    """Yield the lines of one source."""
    settings = dict(source.settings)
    columns, values = (settings.pop(name, {}) for name in _BY_COLUMN)
    yield f"{source.table}:"
    yield from (f"  {line}" for line in _comment(source, ("", *source.absent), t))
    yield f"  path: {_scalar(_relative(source.path, folder))}"
    if source.also:
        yield f"  also: {_scalar([_relative(path, folder) for path in source.also])}"
    for name, value in settings.items():
        yield f"  {name}: {_scalar(value)}"
    yield "  columns:"
    for column, heading in columns.items():
        yield from (f"    {line}" for line in _comment(source, (column,), t))
        yield f"    {column}: {_scalar(heading)}"
    for column in source.missing:
        said = t("proposal.required", column=column)
        yield f"    # {t('proposal.missing')}: {said}"
    if values:
        yield "  values:"
        for column, mapped in values.items():
            yield f"    {column}: {_scalar(mapped)}"


def _comment(source: ProposedSource, columns: Sequence[str], t: Texts) -> list[str]:
    """Return a line of comment for each doubt about some columns."""
    return [
        f"# {t('proposal.unsure')}: {_describe_doubt(doubt, t)}"
        for doubt in _order(source.doubts)
        if doubt.column in columns
    ]


def _order(doubts: Sequence[Doubt]) -> list[Doubt]:
    """Return doubts in the order in which they are told."""
    return sorted(doubts, key=lambda doubt: _DOUBTS.index(doubt.kind))


def _describe_doubt(doubt: Doubt, t: Texts) -> str:
    """Return what is unsure, and why."""
    names = [_plain(name) for name in doubt.names]
    return t(
        f"proposal.doubt.{doubt.kind}",
        names=", ".join(names),
        heading=names[0] if names else "",
        allowed=", ".join(names[1:]),
        count="" if doubt.count is None else show_count(doubt.count),
    )


def _describe_source(source: ProposedSource, t: Texts) -> Iterator[str]:
    """Yield what the console shows of one source."""
    file = _name_file(source.path, source.settings.get("sheet"))
    rows = show_count(source.n_rows)
    yield t("proposal.file_for", table=source.table, file=file, rows=rows)
    doubtful = {doubt.column for doubt in source.doubts}
    sure = [
        t("proposal.column", column=column, heading=_plain(heading))
        for column, heading in source.settings["columns"].items()
        if column not in doubtful
    ]
    unsure = {_SETTINGS.get(doubt.kind) for doubt in source.doubts}
    said = {
        name: value
        for name, value in source.settings.items()
        if name not in _BY_COLUMN and name not in unsure
    }
    sure += [t("proposal.column", column=name, heading=_scalar(said[name])) for name in said]
    yield "  " + t("proposal.sure", columns=", ".join(sure))
    for doubt in _order(source.doubts):
        place = f"{doubt.column}: " if doubt.column else ""
        yield f"  {t('proposal.unsure')}: {place}{_describe_doubt(doubt, t)}"
    for column in source.missing:
        yield f"  {t('proposal.missing')}: {t('proposal.required', column=column)}"
    if source.absent:
        yield "  " + t("proposal.absent", columns=", ".join(source.absent))
    if len(source.unused) > _MANY:
        yield "  " + t("proposal.unused_many", count=len(source.unused))
    elif source.unused:
        yield "  " + t("proposal.unused", columns=", ".join(map(_plain, source.unused)))


def _relative(path: Path, folder: Path) -> str:
    """Return a path from a folder, with forward slashes; the whole path where there is no way."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _scalar(value: Any) -> str:
    """Return a value in one line of YAML."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=_INFINITE, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
