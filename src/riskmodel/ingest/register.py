"""The key-holder's register: who the pseudonyms are, for the one who has the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from riskmodel.core.schema import SECURITY_NONE
from riskmodel.ingest.findings import ContractFinding, raise_findings
from riskmodel.ingest.keys import IDENTITY, IS_PROTECTED, SUBJECT
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.text_tables import find_absent_columns, read_as_text
from riskmodel.privacy.identities import normalise_identifiers
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.pseudonyms import pseudonymise_ids

REGISTER = "register"
"""What findings call the table."""

_MARKING = "security_marking"
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
        One row per person: the identity in its normal form, whether it is protected (columns
        named in `riskmodel.ingest.keys`) and the columns of `shown`, as they stand in the file.
    shown : tuple of str
        Names of columns such as the person's name and class.
    """

    people: pd.DataFrame
    shown: tuple[str, ...]

    def with_pseudonyms(self, key: PseudonymKey, *, domain: str) -> pd.DataFrame:
        """Return the persons by pseudonym.

        Parameters
        ----------
        key : PseudonymKey
            The secret.
        domain : str
            What the pseudonyms are for.

        Returns
        -------
        pandas.DataFrame
            The columns of `people`, indexed by `subject_id`.
        """
        pseudonyms = pseudonymise_ids(self.people[IDENTITY], key, domain=domain)
        return self.people.set_index(pd.Index(pseudonyms.to_numpy(), name=SUBJECT))


def read_register(
    source: SourceSpec, *, show: Sequence[str] | None = None, is_extract: bool = True
) -> Register:
    """Read who there is, with what the key-holder may show of each person.

    Parameters
    ----------
    source : SourceSpec
        The file. `columns` may map `person_id` and `security_marking` to its own names.
    show : sequence of str, optional
        Columns of the file to show; by default those with usual names for a person's name
        and class.
    is_extract : bool, default True
        Whether a mapped column of markings must be there, as in the run's own extract.

    Returns
    -------
    Register
        Rows without a valid identifier are left out.

    Raises
    ------
    DataContractError
        If the file cannot be read, a column is not there, or rows of one person say
        different things.

    Notes
    -----
    About eight microseconds a row, most of it for the normal form of the identifiers.
    """
    table = read_as_text(source, table=REGISTER)
    identifier = source.columns.get("person_id", "person_id")
    marking = source.columns.get(_MARKING, _MARKING)
    demanded = [marking] if is_extract and _MARKING in source.columns else []
    wanted = [identifier, *(show or ()), *demanded]
    absent = find_absent_columns(source, wanted, list(table.columns), table=REGISTER)
    if absent:
        raise_findings(absent)
    shown = tuple(dict.fromkeys(show)) if show is not None else _find_shown(table, identifier)
    people = table[list(shown)].copy()
    people[IDENTITY] = normalise_identifiers(table[identifier])[0]
    people[IS_PROTECTED] = _is_protected(table, source, marking)
    return Register(_one_each(people[people[IDENTITY].notna()], shown, identifier), shown)


def _find_shown(table: pd.DataFrame, identifier: str) -> tuple[str, ...]:
    """Return the columns with usual names for a person's name and class."""
    return tuple(
        name
        for name in table.columns
        if name.strip().casefold() in _SHOWN_BY_DEFAULT and name != identifier
    )


def _is_protected(table: pd.DataFrame, source: SourceSpec, marking: str) -> pd.Series[bool]:
    """Tell which rows bear a marking of a protected identity, known to the library or not."""
    if marking not in table.columns:
        return pd.Series(False, index=table.index)
    means = source.values.get(_MARKING, {})
    read = table[marking].map(lambda said: means.get(said, said), na_action="ignore")
    return read.notna() & ~read.isin([SECURITY_NONE, ""])


def _one_each(people: pd.DataFrame, shown: tuple[str, ...], identifier: str) -> pd.DataFrame:
    """Return one row per person; one protected row protects the person."""
    protected = people.loc[people[IS_PROTECTED], IDENTITY]
    once = people.drop_duplicates([IDENTITY, *shown])
    once = once.assign(**{IS_PROTECTED: once[IDENTITY].isin(protected)})
    n_repeated = int(once[IDENTITY].duplicated().sum())
    if n_repeated:
        raise_findings([ContractFinding(REGISTER, identifier, "unique", n_repeated)])
    return once.reset_index(drop=True)
