"""A proposed source for each table, from looking at the beginning of files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from riskmodel.core.schema import TABLES, Table
from riskmodel.ingest.dates import ISO
from riskmodel.ingest.sniffing.contents import (
    find_decimal,
    find_unknown,
    fold_values,
)
from riskmodel.ingest.sniffing.dates import find_formats
from riskmodel.ingest.sniffing.recognition import Doubt, TableMatch, Vocabulary, match_table
from riskmodel.ingest.sniffing.samples import FileProblem, Sample, take_samples
from riskmodel.ingest.specs import SourceSpec

_OPEN = ("school_type", "school_year", "subject", "parental_education", "grade")
_LEAST_SCORE = 1.0
_LEAST_SCORE_LOCAL = 2.0


@dataclass(frozen=True)
class ProposedSource:
    """A source for one table.

    Parameters
    ----------
    table : str
        The table.
    path : pathlib.Path
        The file.
    also : tuple of pathlib.Path
        Further files that are written alike.
    settings : dict of str to object
        What the source says besides its files, in the words of a configuration.
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
    also: tuple[Path, ...]
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
    weaker : tuple of tuple of pathlib.Path and str
        Files that are like a table, which another file fits better.
    unknown : tuple of pathlib.Path
        Files of which no sheet is recognised.
    tables : tuple of str
        Tables for which no file was found.
    """

    sources: tuple[ProposedSource, ...]
    problems: tuple[FileProblem, ...]
    weaker: tuple[tuple[Path, str], ...]
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
    used = {path for source in sources for path in (source.path, *source.also)}
    told = used | {one.sample.path for others in rivals.values() for one in others}
    weaker: dict[Path, str] = {}
    for match in sorted(matches, key=lambda match: -match.score):
        if match.score >= _least_score(match) and match.sample.path not in told:
            weaker.setdefault(match.sample.path, match.table)
    others = dict.fromkeys(sample.path for sample in samples)
    return SourceProposal(
        sources,
        tuple(problems),
        tuple(weaker.items()),
        tuple(path for path in others if path not in told | weaker.keys()),
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
    first = match
    match, parts, others = _join(match, rivals, table)
    sample = match.sample
    doubts = list(match.doubts)
    for kind, found in (("parts", [first, *parts] if parts else []), ("files", others)):
        if found:
            names = tuple(_name(one.sample) for one in found)
            doubts.append(Doubt(kind, names=names))
    settings, unsure = _propose_settings(match, table, doubts)
    doubts += unsure
    used = {*match.columns.values(), *match.subjects}
    missing = _find_missing(match, table)
    given = {*match.columns, *missing, *(("subject", "grade") if match.subjects else ())}
    return ProposedSource(
        match.table,
        sample.path,
        tuple(dict.fromkeys(p.sample.path for p in parts if p.sample.path != sample.path)),
        settings,
        tuple(doubts),
        missing,
        tuple(name for name in table.columns if name not in given),
        tuple(name for name in sample.names if name not in used),
        sample.n_rows,
    )


def _propose_settings(
    match: TableMatch, table: Table, doubts: Sequence[Doubt]
) -> tuple[dict[str, Any], list[Doubt]]:
    """Return what a source says besides its files, and what is not sure of that."""
    settings: dict[str, Any] = dict(match.sample.settings)
    decimal, is_unsure = find_decimal(_texts_of(match, table, "number"))
    unsure = [Doubt("decimal")] if is_unsure else []
    if "footer_rows" in settings:
        unsure.append(Doubt("footer"))
    if decimal == ",":
        settings["decimal"] = decimal
    settings["columns"] = match.columns
    in_hours = [doubt.column for doubt in doubts if doubt.kind == "hours"]
    if in_hours:
        settings["factors"] = dict.fromkeys(in_hours, 60)
    values, unknown = _propose_values(match, table)
    if values:
        settings["values"] = values
    found = find_formats(_texts_of(match, table, "date"))
    if found.formats not in {(), (ISO,)}:
        single = len(found.formats) == 1
        settings["date_format"] = found.formats[0] if single else list(found.formats)
    if found.is_ambiguous:
        unsure.append(Doubt("ambiguous_dates", names=found.formats))
    if match.subjects:
        settings["unpivot"] = {"columns": list(match.subjects)}
    if any(doubt.kind == "lost_zeros" for doubt in doubts):
        settings["lost_zeros"] = True
    return settings, [*unsure, *unknown]


def _join(
    match: TableMatch, rivals: Sequence[TableMatch], table: Table
) -> tuple[TableMatch, list[TableMatch], list[TableMatch]]:
    """Return a match with the rows of all files that are written alike, those, and the others."""
    parts: list[TableMatch] = []
    for rival in _find_alike(match, rivals):
        joined = replace(match, sample=_append(match.sample, rival.sample))
        if table.unique != (table.person,) or not _repeats_persons(joined):
            parts.append(rival)
            match = joined
    doubts = _add_doubts([*match.doubts, *(doubt for part in parts for doubt in part.doubts)])
    values = match.values
    for part in parts:
        values = {
            name: {**part.values.get(name, {}), **values.get(name, {})}
            for name in dict.fromkeys([*values, *part.values])
        }
    sheets = list(dict.fromkeys(_key(one)[1] for one in (match, *parts)))
    if len(sheets) > 1:
        settings = match.sample.settings | {"sheet": sheets}
        match = replace(match, sample=replace(match.sample, settings=settings))
    match = replace(match, doubts=doubts, values=values)
    return match, parts, [rival for rival in rivals if rival not in parts]


def _add_doubts(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Return doubts, those of one kind about the same in one with the sum of their counts."""
    counts: dict[Doubt, int | None] = {}
    for doubt in doubts:
        key = replace(doubt, count=None)
        before = counts.get(key)
        counts[key] = before if doubt.count is None else (before or 0) + doubt.count
    return tuple(replace(doubt, count=count) for doubt, count in counts.items())


def _find_alike(match: TableMatch, rivals: Sequence[TableMatch]) -> list[TableMatch]:
    """Return the rivals that one source can read too: other files, other sheets, or all of both."""
    alike = [rival for rival in rivals if _is_alike(match, rival)]
    found = {_key(one) for one in (match, *alike)}
    own_path, own_sheet = _key(match)
    paths = {path for path, sheet in found if sheet == own_sheet}
    sheets = {sheet for path, sheet in found if path == own_path}
    if not {(path, sheet) for path in paths for sheet in sheets} <= found:
        paths = {own_path}
    return [one for one in alike if _key(one)[0] in paths and _key(one)[1] in sheets]


def _is_alike(match: TableMatch, other: TableMatch) -> bool:
    """Tell whether two files can be read by one source."""
    ours, theirs = dict(match.sample.settings), dict(other.sample.settings)
    ours.pop("sheet", None)
    theirs.pop("sheet", None)
    encodings = {ours.pop("encoding", ""), theirs.pop("encoding", "")}
    is_plain = match.sample.is_plain or other.sample.is_plain
    return (
        (is_plain or len(encodings - {"utf-8-sig"}) < 2)
        and ours == theirs
        and match.columns == other.columns
        and set(match.subjects) == set(other.subjects)
        and _key(match) != _key(other)
        and SourceSpec(path=match.sample.path).file_format
        == SourceSpec(path=other.sample.path).file_format
    )


def _append(sample: Sample, other: Sample) -> Sample:
    """Return a sample with the rows of another one after its own."""
    names = dict.fromkeys([*sample.names, *other.names])
    columns = {
        name: [*sample.columns.get(name, ()), *other.columns.get(name, ())] for name in names
    }
    settings = dict(sample.settings)
    if sample.is_plain and "encoding" in other.settings:
        settings["encoding"] = other.settings["encoding"]
    return Sample(
        sample.path,
        settings,
        columns,
        sample.n_rows + other.n_rows,
        sample.is_plain and other.is_plain,
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
