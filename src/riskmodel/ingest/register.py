"""The key-holder's register: who the pseudonyms are, for the one who has the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from riskmodel.core.schema import Column, Table
from riskmodel.engine.session import Engine
from riskmodel.ingest.column_mapping import suggest_heading
from riskmodel.ingest.column_names import IDENTITY, IS_CURRENT, IS_PROTECTED, RESERVED, SUBJECT
from riskmodel.ingest.findings import ContractFinding, raise_findings
from riskmodel.ingest.identity_links import LinkedIdentities, add_provider, tie_identities
from riskmodel.ingest.parts import open_parts
from riskmodel.ingest.readers import open_file
from riskmodel.ingest.specs import IdentitySpec, SourceSpec
from riskmodel.ingest.stage import find_marked
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.pseudonyms import pseudonymise_ids

REGISTER = "register"
"""What findings call the table."""

_PERSON, _MARKING = "person_id", "security_marking"
_SHOWN = RESERVED + "shown_"
_TABLE = Table(
    columns={_PERSON: Column(type="string", required=True), _MARKING: Column(type="string")}
)
_BY_COLUMN = ("columns", "names", "constants", "values", "factors")
_SHOWN_BY_DEFAULT = frozenset(
    {
        "namn", "förnamn", "tilltalsnamn", "mellannamn", "efternamn", "klass", "name",
        "given_name", "givenname", "first_name", "family_name", "familyname", "last_name",
        "school_class", "class",
    }
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Register:
    """Persons by identity. It holds identifiers and names: never write it to a run's folder.

    Parameters
    ----------
    people : pandas.DataFrame
        One row per person: the last identity in its normal form, whether it is protected
        (columns named in `riskmodel.ingest.column_names`) and the columns of `shown`, as they
        stand in the file.
    shown : tuple of str
        Names of columns such as the person's name and class.
    links : LinkedIdentities
        Which identities were replaced by which.
    """

    people: pd.DataFrame
    shown: tuple[str, ...]
    links: LinkedIdentities

    @property
    def identities(self) -> pd.Series:
        """All identities that there are pseudonyms of, each once.

        The last one of each person by every one that the person has or has had, as
        `LinkedIdentities.gather` gives them.
        """
        return self.links.gather(self.people[IDENTITY])

    def protect(self, identities: Iterable[str]) -> Register:
        """Return the register with more persons protected.

        Parameters
        ----------
        identities : iterable of str
            Their last identities in normal form.

        Returns
        -------
        Register
            Otherwise the same.
        """
        is_protected = self.people[IS_PROTECTED] | self.people[IDENTITY].isin(set(identities))
        return replace(self, people=self.people.assign(**{IS_PROTECTED: is_protected}))

    def with_pseudonyms(self, key: PseudonymKey, *, domain: str) -> pd.DataFrame:
        """Return the persons by each pseudonym that they have or have had.

        Parameters
        ----------
        key : PseudonymKey
            The secret.
        domain : str
            What the pseudonyms are for.

        Returns
        -------
        pandas.DataFrame
            The columns of `people`, indexed by `subject_id`; one row per identity.
        """
        last = self.identities
        pseudonyms = pseudonymise_ids(last.index.to_series(), key, domain=domain)
        people = self.people.set_index(IDENTITY, drop=False).loc[last.to_numpy()]
        return people.set_index(pd.Index(pseudonyms.to_numpy(), name=SUBJECT))


def read_register(
    engine: Engine,
    source: SourceSpec,
    spec: IdentitySpec,
    links: LinkedIdentities,
    *,
    show: Sequence[str] | None = None,
    is_extract: bool = True,
    has_provider: bool = True,
) -> Register:
    """Read who there is, with what the key-holder may show of each person.

    Parameters
    ----------
    engine : Engine
        Reads the files, as the ingest does.
    source : SourceSpec
        The files. `columns` may map `person_id` and `security_marking` to their own names.
    spec : IdentitySpec
        How identifiers are taken.
    links : LinkedIdentities
        Which identities were replaced.
    show : sequence of str, optional
        Columns of the files to show; by default those with usual names for a person's name
        and class.
    is_extract : bool, default True
        Whether mapped columns must be there, as in the run's own extract; the identifier's
        must always.
    has_provider : bool, default True
        Whether a column `school_provider` says who gave temporary numbers, as in an extract.

    Returns
    -------
    Register
        Rows without a valid identifier are left out. Of several rows of a person whose
        identity was replaced that of the latest one counts.

    Raises
    ------
    DataContractError
        If a file cannot be read, a column is not there, or rows of one person say different
        things.

    Notes
    -----
    About ten microseconds a row, most of it for the normal form of the identifiers.
    """
    headings = _read_headings(engine, source)
    identifier = source.columns.get(_PERSON, _PERSON)
    shown = _find_shown(headings, identifier) if show is None else tuple(dict.fromkeys(show))
    absent = [name for name in shown if name not in headings]
    if absent:
        raise_findings(
            [
                ContractFinding(
                    REGISTER, name, "present", None,
                    f"not in {source.path.name}.{suggest_heading(name, headings)}",
                )
                for name in absent
            ]
        )  # fmt: skip
    names = {f"{_SHOWN}{place}": name for place, name in enumerate(shown)}
    known = {name: Column(type="string") for name in names}
    table = _TABLE.model_copy(update={"columns": _TABLE.columns | known})
    table = add_provider(table) if has_provider else table
    held = None if is_extract else headings
    rows, findings = open_parts(engine, REGISTER, table, _narrow(source, table, names, held))
    if findings:
        raise_findings(findings)
    marked = find_marked(engine, rows)
    frame = engine.to_pandas(rows.select(_PERSON, *names)).rename(columns=names)
    return Register(_make_people(frame, shown, marked, links, spec), shown, links)


def _read_headings(engine: Engine, source: SourceSpec) -> list[str]:
    """Return the columns that all files have."""
    opened = [open_file(engine, REGISTER, part) for part in source.parts]
    findings = [finding for _, found in opened for finding in found]
    if findings:
        raise_findings(findings)
    first, *others = (list(rows.columns) for rows, _ in opened)
    return [name for name in first if all(name in other for other in others)]


def _find_shown(headings: Sequence[str], identifier: str) -> tuple[str, ...]:
    """Return the columns with usual names for a person's name and class."""
    return tuple(
        name
        for name in headings
        if name.strip().casefold() in _SHOWN_BY_DEFAULT and name != identifier
    )


def _narrow(
    source: SourceSpec, table: Table, shown: dict[str, str], held: Sequence[str] | None
) -> SourceSpec:
    """Return how to read the register's columns alone, mapped ones only where they are held."""
    settings: dict[str, Any] = {
        name: {column: said for column, said in getattr(source, name).items()
               if column in table.columns}
        for name in _BY_COLUMN
    }  # fmt: skip
    settings["columns"] = {
        column: name
        for column, name in settings["columns"].items()
        if held is None or column == _PERSON or name in held
    } | shown
    return source.model_copy(update=settings)


def _make_people(
    frame: pd.DataFrame,
    shown: tuple[str, ...],
    marked: Sequence[str],
    links: LinkedIdentities,
    spec: IdentitySpec,
) -> pd.DataFrame:
    """Return one row per person; one protected row of any identity protects the person."""
    frame = frame[frame[_PERSON].notna()]
    given = pd.Index(frame[_PERSON].unique(), dtype="str")
    tied = tie_identities(given, given, marked, links, spec).loc[frame[_PERSON].to_numpy()]
    people = frame[list(shown)].assign(
        **{IDENTITY: tied[IDENTITY].to_numpy(), IS_PROTECTED: tied[IS_PROTECTED].to_numpy()}
    )
    people = people[tied[IS_CURRENT].to_numpy() & people[IDENTITY].notna()]
    once = people.drop_duplicates([IDENTITY, *shown])
    n_repeated = int(once[IDENTITY].duplicated().sum())
    if n_repeated:
        raise_findings([ContractFinding(REGISTER, _PERSON, "unique", n_repeated)])
    return once.reset_index(drop=True)
