"""A proposed source for each table, from looking at the beginning of files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskmodel.core.schema import TABLES, Table
from riskmodel.ingest.dates import ISO
from riskmodel.ingest.sniffing.contents import (
    find_decimal,
    find_unknown,
    fold_values,
    inspect_identifiers,
)
from riskmodel.ingest.sniffing.dates import find_formats
from riskmodel.ingest.sniffing.recognition import Doubt, TableMatch, Vocabulary, match_table
from riskmodel.ingest.sniffing.samples import FileProblem, Sample, take_samples

_OPEN = ("school_type", "school_year", "subject", "parental_education", "grade")
_LEAST_SCORE = 1.0
_LEAST_SCORE_LOCAL = 2.0
_LEAST_SHARED = 4.0


@dataclass(frozen=True)
class ProposedSource:
    """A source for one table.

    Parameters
    ----------
    table : str
        The table.
    path : pathlib.Path
        The file.
    settings : dict of str to object
        What the source says besides its path, in the words of a configuration.
    doubts : tuple of Doubt
        What a person must look at.
    missing : tuple of str
        Required columns for which nothing was found.
    absent : tuple of str
        Other columns for which nothing was found.
    unused : tuple of str
        Headings of the file that are not used.
    n_rows : int
        How many rows were looked at.
    """

    table: str
    path: Path
    settings: dict[str, Any]
    doubts: tuple[Doubt, ...]
    missing: tuple[str, ...]
    absent: tuple[str, ...]
    unused: tuple[str, ...]
    n_rows: int


@dataclass(frozen=True)
class SourceProposal:
    """What some files are.

    Parameters
    ----------
    sources : tuple of ProposedSource
        In the order of the tables.
    problems : tuple of FileProblem
        Files and sheets that cannot be used.
    unknown : tuple of pathlib.Path
        Files of which no sheet is recognised.
    tables : tuple of str
        Tables for which no file was found.
    """

    sources: tuple[ProposedSource, ...]
    problems: tuple[FileProblem, ...]
    unknown: tuple[Path, ...]
    tables: tuple[str, ...]


def propose_sources(
    paths: Iterable[Path], vocabularies: Mapping[str, Vocabulary]
) -> SourceProposal:
    """Look at files and propose a source for each table.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files.
    vocabularies : mapping of str to Vocabulary
        What the profiles know of each canonical table.

    Returns
    -------
    SourceProposal
        Headings, settings and numbers, and of cells only those of closed lists.

    Notes
    -----
    For each table the file that fits best is taken; a file may serve two tables, as a list of
    pupils serves persons and enrolments, if it has all that the second one requires.
    """
    samples: list[Sample] = []
    problems: list[FileProblem] = []
    for path in paths:
        found, wrong = take_samples(path)
        samples += found
        problems += wrong
    matches = [
        match_table(name, table, vocabularies[name], sample)
        for name, table in TABLES.items()
        for sample in samples
        if name in vocabularies
    ]
    chosen, rivals = _choose(matches)
    sources = tuple(_propose(match, TABLES[name], rivals[name]) for name, match in chosen.items())
    used = {source.path for source in sources}
    fitting = {match.sample.path for match in matches if match.score >= _LEAST_SHARED}
    others = dict.fromkeys(sample.path for sample in samples)
    return SourceProposal(
        sources,
        tuple(problems),
        tuple(path for path in others if path not in used | fitting),
        tuple(name for name in TABLES if name not in chosen),
    )


def _choose(
    matches: Sequence[TableMatch],
) -> tuple[dict[str, TableMatch], dict[str, list[TableMatch]]]:
    """Return the best match of each table, and others that come close to it."""
    best: dict[tuple[Path, str | None], float] = {}
    for match in matches:
        key = _key(match)
        best[key] = max(best.get(key, 0.0), match.score)
    chosen: dict[str, TableMatch] = {}
    rivals: dict[str, list[TableMatch]] = {}
    for name, table in TABLES.items():
        fitting = [
            match
            for match in matches
            if match.table == name
            and match.score >= _least_score(match)
            and _is_whole(match, table, is_first=match.score >= best[_key(match)])
        ]
        if not fitting:
            continue
        chosen[name] = max(fitting, key=lambda match: match.score)
        rivals[name] = [
            match
            for match in fitting
            if match is not chosen[name]
            and match.score >= best[_key(match)]
            and match.score >= 0.75 * chosen[name].score
        ]
    return chosen, rivals


def _least_score(match: TableMatch) -> float:
    """Return from which score on a sample may be a table: more where it may be no persons'."""
    is_local = any(doubt.kind == "local" for doubt in match.doubts)
    return _LEAST_SCORE_LOCAL if is_local else _LEAST_SCORE


def _key(match: TableMatch) -> tuple[Path, str | None]:
    """Return what tells samples apart."""
    return match.sample.path, match.sample.settings.get("sheet")


def _is_whole(match: TableMatch, table: Table, *, is_first: bool) -> bool:
    """Tell whether a sample can serve a table: its own best one, or one that it has all of."""
    if table.unique == (table.person,) and _repeats_persons(match):
        return False
    return is_first or not _find_missing(match, table)


def _repeats_persons(match: TableMatch) -> bool:
    """Tell whether a sample has more than one row for many persons."""
    identifiers = match.sample.columns[match.columns["person_id"]]
    return len(set(identifiers)) < 0.95 * len(identifiers)


def _find_missing(match: TableMatch, table: Table) -> tuple[str, ...]:
    """Return the required columns that a sample lacks."""
    given = {*match.columns, *(("subject", "grade") if match.subjects else ())}
    return tuple(
        name for name, column in table.columns.items() if column.required and name not in given
    )


def _propose(match: TableMatch, table: Table, rivals: Sequence[TableMatch]) -> ProposedSource:
    """Return the source for one table."""
    sample = match.sample
    doubts = list(match.doubts)
    if rivals:
        doubts.append(Doubt("files", names=tuple(_name(rival.sample) for rival in rivals)))
    settings: dict[str, Any] = dict(sample.settings)
    decimal, is_unsure = find_decimal(_texts_of(match, table, "number"))
    if decimal == ",":
        settings["decimal"] = decimal
    if is_unsure:
        doubts.append(Doubt("decimal"))
    settings["columns"] = match.columns
    in_hours = [doubt.column for doubt in doubts if doubt.kind == "hours"]
    if in_hours:
        settings["factors"] = dict.fromkeys(in_hours, 60)
    values, unknown = _propose_values(match, table)
    doubts += unknown
    if values:
        settings["values"] = values
    formats = find_formats(_texts_of(match, table, "date"))
    if formats.formats not in {(), (ISO,)}:
        listed = formats.formats
        settings["date_format"] = listed[0] if len(listed) == 1 else list(listed)
    if formats.is_ambiguous:
        doubts.append(Doubt("ambiguous_dates", names=formats.formats))
    if match.subjects:
        settings["unpivot"] = {"columns": list(match.subjects)}
    if inspect_identifiers(sample.columns[match.columns[table.person]]).lack_zeros:
        settings["lost_zeros"] = True
    used = {*match.columns.values(), *match.subjects}
    missing = _find_missing(match, table)
    given = {*match.columns, *missing, *(("subject", "grade") if match.subjects else ())}
    return ProposedSource(
        match.table,
        sample.path,
        settings,
        tuple(doubts),
        missing,
        tuple(name for name in table.columns if name not in given),
        tuple(name for name in sample.names if name not in used),
        sample.n_rows,
    )


def _name(sample: Sample) -> str:
    """Return the name of a file with its sheet."""
    sheet = sample.settings.get("sheet")
    return sample.path.name if sheet is None else f"{sample.path.name} [{sheet}]"


def _texts_of(match: TableMatch, table: Table, kind: str) -> list[str]:
    """Return what stands in the columns of a type."""
    return [
        text
        for name, heading in match.columns.items()
        if table.columns[name].type == kind
        for text in match.sample.columns[heading]
    ]


def _propose_values(
    match: TableMatch, table: Table
) -> tuple[dict[str, dict[str, str]], list[Doubt]]:
    """Return the values to translate, and a doubt for each column with others."""
    proposed: dict[str, dict[str, str]] = {}
    doubts: list[Doubt] = []
    texts_by_column = {
        name: match.sample.columns[heading] for name, heading in match.columns.items()
    }
    if match.subjects:
        texts_by_column["subject"] = list(match.subjects)
    for name, texts in texts_by_column.items():
        known = fold_values(match.values.get(name, {}))
        seen = {text for text in texts if known.get(text.lower(), text) != text}
        if seen and name in _OPEN:
            proposed[name] = match.values[name]
        elif seen:
            proposed[name] = {text: known[text.lower()] for text in sorted(seen)}
        allowed = table.columns[name].allowed
        count = 0 if allowed is None else find_unknown(texts, allowed, match.values.get(name, {}))
        if count:
            doubts.append(Doubt("values", name, (match.columns[name], *(allowed or ())), count))
    return proposed, doubts
