"""Which column of a sample each column of a table is, by its name and by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from riskmodel.core.schema import Column, Table
from riskmodel.ingest.casting import MINUTES
from riskmodel.ingest.column_mapping import find_named, fold_name
from riskmodel.ingest.sniffing.contents import (
    GRADES,
    inspect_identifiers,
    is_clock,
    match_term,
    measure_fit,
)
from riskmodel.ingest.sniffing.samples import Sample

_FITS = 0.95
_MISFIT = 0.5
_MIN_SUBJECTS = 3
_UNIT = re.compile(
    r"[\s_(\[]+(?:(?P<hours>timmar|tim|hours|h)|minuter|minutes|min)\.?[)\]]?\s*\Z", re.IGNORECASE
)
_SHARES = ("procent", "andel", "percent")
_OWN_NAME = fold_name("person_id")
_ID_WORDS = ("id", "nr", "nummer", "number")
_PUPIL_WORDS = ("elev", "student", "pupil", "person", "barn")


@dataclass(frozen=True)
class Vocabulary:
    """What the profiles know of one table.

    Parameters
    ----------
    names : dict of str to tuple of str
        Names that each column may have, in order of preference.
    values : dict of str to dict
        Per column, what files say and what the library knows.
    files : tuple of str
        Words that the names of its files hold.
    """

    names: dict[str, tuple[str, ...]]
    values: dict[str, dict[str, str]]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Doubt:
    """Something about a proposal that a person must look at.

    Parameters
    ----------
    kind : str
        A short name, which the reports put into words.
    column : str
        The library's column; empty where it concerns the whole source.
    names : tuple of str
        Headings or settings that it is about; never what stands in a cell.
    count : int or None
        How many; the reports hide small ones.
    """

    kind: str
    column: str = ""
    names: tuple[str, ...] = ()
    count: int | None = None


@dataclass(frozen=True)
class TableMatch:
    """How a sample fits a table.

    Parameters
    ----------
    table : str
        The table's name.
    sample : Sample
        The file or sheet.
    columns : dict of str to str
        The file's heading by the library's column.
    doubts : tuple of Doubt
        What is not sure.
    subjects : tuple of str
        Headings that are subjects, where grades stand side by side.
    score : float
        Higher fits better; nought or less does not fit.
    values : dict of str to dict
        The vocabulary's values, with terms as the file writes them.
    """

    table: str
    sample: Sample
    columns: dict[str, str]
    doubts: tuple[Doubt, ...]
    subjects: tuple[str, ...]
    score: float
    values: dict[str, dict[str, str]] = field(default_factory=dict)


def match_table(name: str, table: Table, words: Vocabulary, sample: Sample) -> TableMatch:
    """Tell which column of a sample each column of a table is.

    Parameters
    ----------
    name : str
        The table's name.
    table : Table
        Its schema.
    words : Vocabulary
        What the profiles know of it.
    sample : Sample
        The file or sheet.

    Returns
    -------
    TableMatch
        With a score of nought where the sample holds no person or nothing of the table.
    """
    values = _add_terms(words.values, words, sample)
    columns: dict[str, str] = {}
    doubts: list[Doubt] = []
    score = 0.0
    for canonical, column in table.columns.items():
        if canonical == table.person:
            found, doubt, gain = _match_person(words.names.get(canonical, ()), sample)
        else:
            names = (canonical, *words.names.get(canonical, ()))
            found, doubt, gain = _match_column(
                canonical, column, names, values.get(canonical, {}), sample
            )
        if found is not None:
            columns[canonical] = found
            score += 0.0 if canonical in {table.person, "known_date"} else gain
        doubts += doubt
    subjects = _find_subjects(name, columns, values.get("subject", {}), sample)
    if subjects:
        score += 4
        columns.pop("subject", None)
        doubts = [doubt for doubt in doubts if doubt.column not in {"subject", "grade"}]
    is_used = score > 0 and table.person in columns
    score += 1.5 if is_used and _is_named(words.files, sample) else 0.0
    match = TableMatch(name, sample, columns, tuple(doubts), subjects, score, values)
    return match if is_used else replace(match, score=0.0)


def _is_named(files: Sequence[str], sample: Sample) -> bool:
    """Tell whether a file or sheet is named as a table's files are."""
    name = fold_name(f"{sample.path.stem} {sample.settings.get('sheet', '')}")
    return any(fold_name(word) in name for word in files)


def _add_terms(
    values: Mapping[str, dict[str, str]], words: Vocabulary, sample: Sample
) -> dict[str, dict[str, str]]:
    """Return the values with the terms of a sample, such as HT 2024."""
    texts = {
        text
        for column in find_named(("term", *words.names.get("term", ())), sample.names)
        for text in sample.columns[column]
    }
    terms = {text: term for text in sorted(texts) if (term := match_term(text))}
    return {**values, "term": {**values.get("term", {}), **terms}} if terms else dict(values)


def _match_person(names: Sequence[str], sample: Sample) -> tuple[str | None, list[Doubt], float]:
    """Return the column of the person's identifier, with what is not sure of it."""
    named = find_named(("person_id", *names), sample.names)
    personal = [
        name
        for name in sample.names
        if name not in named and inspect_identifiers(sample.columns[name]).are_personal
    ]
    if named:
        chosen = max(named, key=lambda name: inspect_identifiers(sample.columns[name]).are_personal)
        rivals = [name for name in (*named, *personal) if name != chosen]
        doubts = [Doubt("several", "person_id", (chosen, *rivals))] if rivals else []
        found = inspect_identifiers(sample.columns[chosen])
        if not (found.are_personal or found.shortened or fold_name(chosen) == _OWN_NAME):
            doubts.append(Doubt("local", "person_id", (chosen,)))
    elif personal:
        chosen = personal[0]
        rest = tuple(personal)
        doubts = [Doubt("several" if len(rest) > 1 else "by_content", "person_id", rest)]
    else:
        local = [name for name in sample.names if _is_local_name(name)]
        if not local:
            return None, [], 0.0
        chosen, doubts = local[0], [Doubt("local", "person_id", tuple(local))]
    return chosen, doubts + _doubt_identifiers(sample.columns[chosen]), 0.0


def _is_local_name(name: str) -> bool:
    """Tell whether a heading may be that of a pupil's number in a system."""
    plain = fold_name(name)
    return all(any(word in plain for word in words) for words in (_PUPIL_WORDS, _ID_WORDS))


def _doubt_identifiers(texts: Sequence[str]) -> list[Doubt]:
    """Return what is not sure of a column of identifiers."""
    found = inspect_identifiers(texts)
    doubts = []
    if found.shortened:
        doubts.append(Doubt("shortened", "person_id", count=found.shortened))
    if found.lack_zeros:
        doubts.append(Doubt("lost_zeros", "person_id", count=found.short))
    if found.broken and found.are_personal:
        doubts.append(Doubt("broken_ids", "person_id", count=found.broken))
    strange = found.total - found.known - found.broken - found.short - found.shortened
    if strange > 0 and found.are_personal:
        doubts.append(Doubt("other_ids", "person_id", count=strange))
    return doubts


def _match_column(
    canonical: str,
    column: Column,
    names: Sequence[str],
    values: Mapping[str, str],
    sample: Sample,
) -> tuple[str | None, list[Doubt], float]:
    """Return the column of a file that one of a table is, its doubts and what it adds."""
    named = _find_headings(canonical, names, sample.names)
    if not named:
        return None, [], 0.0
    fits = {name: measure_fit(canonical, column, sample.columns[name], values) for name in named}
    chosen = max(named, key=lambda name: _rank(fits[name]))
    doubts = _doubt_unit(canonical, chosen, sample.columns[chosen])
    if len(named) > 1:
        rest = (name for name in named if name != chosen)
        doubts.append(Doubt("several", canonical, (chosen, *rest)))
    fit = fits[chosen]
    if not sample.columns[chosen]:
        doubts.append(Doubt("blank", canonical, (chosen,)))
    elif fit is not None and fit < _FITS and column.allowed is None:
        doubts.append(Doubt("content", canonical, (chosen,)))
    return chosen, doubts, _gain(fit, column)


def _find_headings(canonical: str, names: Sequence[str], present: Sequence[str]) -> list[str]:
    """Return the headings that are among some names, for minutes also less their unit.

    A share is taken for minutes only where nothing else is.
    """
    named = find_named(names, present)
    if not canonical.endswith(MINUTES) or not all(map(_is_share, named)):
        return named
    plain = {_UNIT.sub("", heading): heading for heading in present if _UNIT.search(heading)}
    return [plain[name] for name in find_named(names, list(plain))] or named


def _rank(fit: float | None) -> float:
    """Return how well a column fits, where it can be told."""
    return _MISFIT if fit is None else fit


def _gain(fit: float | None, column: Column) -> float:
    """Return what a column adds to the score of its table."""
    weight = 2.0 if column.required else 1.0
    return weight if fit is None else weight * max(fit, _MISFIT)


def _is_share(heading: str) -> bool:
    """Tell whether a heading speaks of a share."""
    return "%" in heading or any(word in fold_name(heading) for word in _SHARES)


def _doubt_unit(canonical: str, name: str, texts: Sequence[str]) -> list[Doubt]:
    """Return a doubt where a heading speaks of hours or shares, and minutes are meant."""
    if not canonical.endswith(MINUTES):
        return []
    if _is_share(name):
        return [Doubt("share", canonical, (name,))]
    unit = _UNIT.search(name)
    is_in_hours = bool(unit and unit["hours"]) and not all(map(is_clock, texts))
    return [Doubt("hours", canonical, (name,))] if is_in_hours else []


def _find_subjects(
    table: str, columns: Collection[str], values: Mapping[str, str], sample: Sample
) -> tuple[str, ...]:
    """Return the headings that are subjects with grades under them."""
    if table != "grades" or "grade" in columns:
        return ()
    known = {fold_name(word) for word in (*values, *values.values())}
    subjects = [
        name
        for name in sample.names
        if fold_name(name) in known and all(text.lower() in GRADES for text in sample.columns[name])
    ]
    return tuple(subjects) if len(subjects) >= _MIN_SUBJECTS else ()
