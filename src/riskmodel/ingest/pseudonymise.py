"""The stage where identities end: every table leaves it with pseudonyms in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd

from riskmodel.core.schema import Table
from riskmodel.engine.session import Engine
from riskmodel.errors import PrivacyError
from riskmodel.ingest.column_names import (
    IDENTITIES,
    IDENTITY,
    IS_CURRENT,
    IS_PERSON,
    IS_PROTECTED,
    RANK,
    RAW,
    SUBJECT,
    SUBJECTS,
)
from riskmodel.ingest.grade_scale import add_grade_values
from riskmodel.ingest.stage import PERSONS, IngestedTables
from riskmodel.privacy.disclosure import show_count
from riskmodel.privacy.identities import PROVIDER_SEPARATOR
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.linkage import seal_links
from riskmodel.privacy.patterns import KnownIdentifiers, find_kinds
from riskmodel.privacy.pseudonyms import pseudonymise_ids

_LARGEST_WHOLE = 2**31 - 1
_MIN_DISTINCTIVE = 8
_UNUSABLE_KINDS = ("invalid_date", "invalid_check_digit", "missing")


@dataclass(frozen=True)
class DomainKey:
    """A key and what its pseudonyms are for.

    Parameters
    ----------
    key : PseudonymKey
        The secret.
    domain : str
        Those of two domains cannot be linked without the key.
    """

    key: PseudonymKey
    domain: str

    def to_dict(self) -> dict[str, str]:
        """Return what the manifest tells of it.

        Returns
        -------
        dict
            `key_id` and `domain`.
        """
        return {"key_id": self.key.key_id, "domain": self.domain}


@dataclass(frozen=True, repr=False)
class PseudonymisedTables:
    """All tables with pseudonyms in place of identifiers.

    Parameters
    ----------
    tables : dict of str to ibis.Table
        `subjects` in place of `persons`, and the others under their names, each in its final
        order: by subject, date and all other columns. Computed only when written; until
        then `forget_identities` must not be called.
    report : PseudonymReport
        What was kept and what was dropped.
    """

    tables: dict[str, Any]
    report: PseudonymReport


@dataclass(frozen=True)
class PseudonymReport:
    """Counts of what was pseudonymised and of what was left out.

    Parameters
    ----------
    key_id : str
        Which key was used.
    domain : str
        What the pseudonyms are for.
    subjects : int
        Persons with a pseudonym.
    protected : int
        Persons left out because their identity is protected.
    invalid_identifiers : dict of str to int
        How many different identifiers were not valid, by kind: left out, unless the
        configuration keeps them.
    usable_rows : dict of str to int
        Rows of each table that were kept.
    """

    key_id: str
    domain: str
    subjects: int
    protected: int
    invalid_identifiers: dict[str, int]
    usable_rows: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON, small counts as text.

        Returns
        -------
        dict
            With the fields of this class. How many rows or identifiers were read is not
            told, so that no small count follows by subtraction.
        """
        return {
            "key_id": self.key_id,
            "domain": self.domain,
            "subjects": show_count(self.subjects),
            "protected": show_count(self.protected),
            "invalid_identifiers": _show_counts(self.invalid_identifiers),
            "usable_rows": _show_counts(self.usable_rows),
        }


def _show_counts(counts: Mapping[str, int]) -> dict[str, str]:
    """Return counts as text, small ones only as being small."""
    return {name: show_count(count) for name, count in counts.items()}


def pseudonymise_tables(
    engine: Engine,
    ingested: IngestedTables,
    key: PseudonymKey,
    *,
    domain: str,
    own: Mapping[str, DomainKey] | None = None,
) -> PseudonymisedTables:
    """Replace every identifier by a pseudonym, and drop what could stand for one.

    Parameters
    ----------
    engine : Engine
        The engine of the tables.
    ingested : IngestedTables
        The checked extracts.
    key : PseudonymKey
        The secret.
    domain : str
        What the pseudonyms are for; those of two domains cannot be linked without the key.
    own : mapping of str to DomainKey, optional
        Tables whose pseudonyms are made with a key and for a domain of their own.

    Returns
    -------
    PseudonymisedTables
        `subject_id` in place of the person's identifier. Rows of persons with a protected
        identity or an identifier that is not valid are left out. `persons` becomes
        `subjects`, with `birth_year` in place of `birth_date` and without
        `security_marking`. `grades` gets `grade_points` and `is_pass`. Of a lesson only a
        number is left that tells it from others. Numbers that are all whole are whole numbers.

    Raises
    ------
    PrivacyError
        If a column of text holds a personal number, an e-mail address or a distinctive local
        identifier. It names the columns, not the values.

    Notes
    -----
    The table that ties identifiers to pseudonyms lives in the engine alone and goes with it,
    or with `forget_identities`. Rows are ordered by all columns, so that the same extracts in
    any order give the same bytes; sorting takes about half of the time.
    """
    main, n_subjects, n_protected = _register_subjects(engine, ingested, key, domain, SUBJECTS)
    apart = {
        name: _register_subjects(engine, ingested, one.key, one.domain, SUBJECTS + name)[0]
        for name, one in (own or {}).items()
    }
    tables = {}
    for name, rows in ingested.tables.items():
        schema, subjects = ingested.schemas[name], apart.get(name, main)
        joined = rows.join(subjects, rows[schema.person] == subjects[RAW])
        if name == PERSONS:
            joined = joined.filter(joined[IS_CURRENT])
        kept = _reshape(name, joined, schema)
        tables["subjects" if name == PERSONS else name] = kept
    _check_no_identifiers(engine, tables, ingested)
    invalid = {k: n for k, n in ingested.identifier_kinds.items() if k in _UNUSABLE_KINDS}
    report = PseudonymReport(
        key.key_id, domain, n_subjects, n_protected, invalid, dict(ingested.report.usable_rows)
    )
    ordered = {
        name: _order(_narrow(engine, kept), ingested.schemas.get(name)).drop(RANK)
        for name, kept in tables.items()
    }
    return PseudonymisedTables(ordered, report)


def find_left_out(
    engine: Engine, ingested: IngestedTables, key: PseudonymKey, *, domain: str
) -> frozenset[str]:
    """Return the pseudonyms of the persons who are left out, so that older rows can go too.

    Parameters
    ----------
    engine : Engine
        The engine of the tables.
    ingested : IngestedTables
        The checked extracts.
    key : PseudonymKey
        The secret.
    domain : str
        What the pseudonyms are for.

    Returns
    -------
    frozenset of str
        Of those with a protected identity and those who were forgotten, by the last identity
        and by every earlier one. Never written.
    """
    frame = engine.to_pandas(ingested.identities)
    gone = frame.loc[frame[IS_PROTECTED] & frame[IDENTITY].notna(), IDENTITY].drop_duplicates()
    every = ingested.links.gather(gone).index.to_series()
    return frozenset(pseudonymise_ids(every, key, domain=domain))


def forget_identities(engine: Engine) -> None:
    """Drop the tables that tie identifiers to persons and pseudonyms.

    Parameters
    ----------
    engine : Engine
        The engine of the tables. What it has not yet written can then no longer be computed.
    """
    run = engine.connection.con.execute
    held = [name for (name,) in run("SELECT table_name FROM duckdb_tables()").fetchall()]
    for name in held:
        if name == IDENTITIES or name.startswith(SUBJECTS):
            quoted = name.replace('"', '""')
            run(f'DROP TABLE "{quoted}"')


def link_sources(
    engine: Engine,
    ingested: IngestedTables,
    main: DomainKey,
    own: Mapping[str, DomainKey],
    linkage: PseudonymKey,
) -> pd.DataFrame:
    """Return the sealed links between the pseudonyms of the run and those of single sources.

    Parameters
    ----------
    engine : Engine
        The engine of the tables.
    ingested : IngestedTables
        The checked extracts.
    main : DomainKey
        What the other tables' pseudonyms are made with.
    own : mapping of str to DomainKey
        What those of single tables are made with.
    linkage : PseudonymKey
        Seals the links.

    Returns
    -------
    pandas.DataFrame
        As `riskmodel.privacy.linkage.seal_links` gives them, by source.
    """
    frame = engine.to_pandas(ingested.identities)
    usable = frame[frame[IDENTITY].notna() & frame[IS_PERSON] & ~frame[IS_PROTECTED]]
    identities = usable[IDENTITY].drop_duplicates()
    pseudonyms = pseudonymise_ids(identities, main.key, domain=main.domain)
    links = [
        seal_links(
            pseudonyms,
            pseudonymise_ids(identities, one.key, domain=one.domain),
            linkage,
            source=name,
        )
        for name, one in sorted(own.items())
    ]
    return pd.concat(links, ignore_index=True)


def _register_subjects(
    engine: Engine, ingested: IngestedTables, key: PseudonymKey, domain: str, name: str
) -> tuple[Any, int, int]:
    """Give each usable identity a pseudonym and its rank; count subjects and protected ones."""
    frame = engine.to_pandas(ingested.identities)
    frame = frame[frame[IDENTITY].notna() & frame[IS_PERSON]]
    n_protected = int(frame.loc[frame[IS_PROTECTED], IDENTITY].nunique())
    usable = frame[~frame[IS_PROTECTED]]
    identities = usable[IDENTITY].drop_duplicates()
    pseudonyms = pd.Series(
        pseudonymise_ids(identities, key, domain=domain).to_numpy(), index=identities.to_numpy()
    )
    ranks = pseudonyms.rank().astype("int64")
    subjects = pd.DataFrame(
        {
            RAW: usable[RAW],
            SUBJECT: usable[IDENTITY].map(pseudonyms),
            RANK: usable[IDENTITY].map(ranks),
            IS_CURRENT: usable[IS_CURRENT],
        }
    )
    return engine.register(subjects, name), len(identities), n_protected


def _reshape(name: str, joined: Any, schema: Table) -> Any:
    """Return the columns that a table leaves this stage with, and the rank."""
    columns = {SUBJECT: joined[SUBJECT], RANK: joined[RANK]}
    for column in schema.columns:
        if name == PERSONS and column == "birth_date":
            columns["birth_year"] = joined[column].year()
        elif column == "lesson":
            number = joined[column].hash()
            columns[column] = ibis.ifelse(joined[column].isnull(), None, number)
        elif column != schema.person and not (name == PERSONS and column == "security_marking"):
            columns[column] = joined[column]
    kept = joined.select(**columns)
    return add_grade_values(kept) if name == "grades" else kept


def _narrow(engine: Engine, rows: Any) -> Any:
    """Return rows with columns of numbers that are all whole as whole numbers.

    They take less space, and sums of them are exact without more ado.
    """
    numbers = [name for name, kind in rows.schema().items() if kind.is_floating()]
    if not numbers:
        return rows
    are_whole = {
        name: ((rows[name] == rows[name].round()) & (rows[name].abs() <= _LARGEST_WHOLE)).all()
        for name in numbers
    }
    found = engine.to_pandas(rows.aggregate(**are_whole)).iloc[0]
    whole = [name for name in numbers if not pd.isna(found[name]) and found[name]]
    return rows.mutate(**{name: rows[name].cast("int32") for name in whole}) if whole else rows


def _order(rows: Any, schema: Table | None) -> Any:
    """Return rows in the order of subject, date and all other columns, nulls last."""
    first = [RANK] if schema is None or schema.date is None else [RANK, schema.date]
    others = [name for name in rows.columns if name not in {SUBJECT, *first}]
    return rows.order_by([rows[name].asc(nulls_first=False) for name in [*first, *others]])


def _check_no_identifiers(
    engine: Engine, tables: Mapping[str, Any], ingested: IngestedTables
) -> None:
    """Raise if a column of text still holds identifiers."""
    raw = engine.to_pandas(ingested.identities.select(RAW))[RAW]
    given = [text.rpartition(PROVIDER_SEPARATOR)[2] for text in raw]
    known = KnownIdentifiers([text for text in given if _is_distinctive(text)])
    findings = []
    for name, rows in tables.items():
        for column, text in _distinct_texts(engine, rows).items():
            kinds = sorted(find_kinds(text, known))
            findings += [f"{name}.{column}: {kind.replace('_', ' ')}" for kind in kinds]
    if findings:
        raise PrivacyError(
            f"`tables` must hold identifiers of persons in no column but their own, got "
            f"{len(findings)} finding(s). Leave the column out of the extract, or map it to "
            "another one.",
            findings,
        )


def _distinct_texts(engine: Engine, rows: Any) -> dict[str, bytes]:
    """Return the different texts of each column of text, one to a line."""
    columns = [name for name, kind in rows.schema().items() if kind.is_string()]
    texts = {name: rows[name].collect(distinct=True) for name in columns if name != SUBJECT}
    if not texts:
        return {}
    found = engine.to_pandas(rows.aggregate(**texts)).iloc[0]
    return {
        name: "\n".join(sorted(found[name])).encode("utf-8")
        for name in texts
        if found[name] is not None
    }


def _is_distinctive(text: str) -> bool:
    """Tell whether a local identifier cannot be mistaken for a code or a number."""
    length = len(text.strip())
    return length > _MIN_DISTINCTIVE or (
        length == _MIN_DISTINCTIVE and not text.strip().isdecimal()
    )
