"""Identities that a later one has replaced, and the school providers of temporary numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.schema import Column, Table
from riskmodel.ingest.column_names import IDENTITY, IS_CURRENT, IS_PERSON, IS_PROTECTED, KIND
from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.specs import IdentitySpec
from riskmodel.privacy.identities import PROVIDER_SEPARATOR, classify_identifiers

LINKS = "identity_links"
"""The table that says which identity was replaced by which; it never leaves the ingest."""

LINK_TABLE = Table(
    columns={
        "old_id": Column(type="string", required=True),
        "new_id": Column(type="string", required=True),
        "known_date": Column(type="date"),
    },
    person="old_id",
)

PROVIDER = "school_provider"
"""The column that any extract may have, to say who gave its temporary numbers."""

_BETWEEN = "[^!-,.-~]"  # spaces, dashes and what else stands between parts of a number
_LETTERED = r"^(?:19|20)[0-9]{6}[A-Za-z]"


@dataclass(frozen=True, repr=False)
class LinkedIdentities:
    """Where each replaced identity leads.

    Parameters
    ----------
    ends : dict of str to str
        The last identity by replaced one, both in their normal form.
    steps : dict of str to int
        How many replacements lie between the two, counted along the longest way.
    findings : tuple of ContractFinding
        What is wrong with the links.
    """

    ends: dict[str, str] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    findings: tuple[ContractFinding, ...] = ()

    def follow(self, identities: pd.Series) -> pd.Series:
        """Return the last identity of each person.

        Parameters
        ----------
        identities : pandas.Series of str, shape (n,)
            In their normal form; missing is allowed.

        Returns
        -------
        pandas.Series of str, shape (n,)
            With the same index; an identity that was never replaced is its own last one.
        """
        last = identities
        if self.ends:
            last = last.map(lambda text: self.ends.get(text, text), na_action="ignore")
        texts: pd.Series = last.astype("str")
        return texts

    def gather(self, identities: pd.Series) -> pd.Series:
        """Return all identities that some persons have or have had.

        Parameters
        ----------
        identities : pandas.Series of str, shape (n,)
            At least one of each person, in their normal form; none missing.

        Returns
        -------
        pandas.Series of str, shape (m,)
            The last identity of each person, indexed by every identity, each once: the given
            ones, the last ones, and all that were replaced on the way.
        """
        given = pd.Series(self.follow(identities).to_numpy(), index=identities.to_numpy())
        last = given.drop_duplicates()
        replaced = pd.Series(self.ends, dtype="str")
        replaced = replaced[_are_among(replaced, last)]
        every = pd.concat([given, pd.Series(last.to_numpy(), index=last), replaced])
        once: pd.Series = every[~every.index.duplicated()].astype("str")
        return once


def identify(given: pd.Series, spec: IdentitySpec) -> tuple[pd.Series, pd.Series]:
    """Return the normal form of identifiers, wherever they stand: one rule for all.

    Parameters
    ----------
    given : pandas.Series of str, shape (n,)
        As they stand in an extract, a register or a look-up; missing is allowed. Those that
        `name_provider` gave a provider keep it.
    spec : IdentitySpec
        How identifiers are taken.

    Returns
    -------
    identities : pandas.Series of str, shape (n,)
        Missing where the identifier is missing, or not valid and not kept.
    kinds : pandas.Series of str, shape (n,)
        What each turned out to be.
    """
    texts = given.astype("str")
    if spec.provider is not None:
        compact = texts.str.replace(_BETWEEN, "", regex=True)
        is_own = compact.str.contains(_LETTERED, regex=True, na=False)
        start = spec.provider.strip() + PROVIDER_SEPARATOR
        texts = texts.mask(is_own, start + texts.str.strip())
    return classify_identifiers(
        texts, local_only=spec.all_local, keep_invalid=spec.invalid == "keep_local"
    )


def add_provider(table: Table) -> Table:
    """Return a table's schema with the school provider, which any extract may name.

    Parameters
    ----------
    table : Table
        The schema.

    Returns
    -------
    Table
        With the column `school_provider` unless it has one.
    """
    columns = {PROVIDER: Column(type="string")} | table.columns
    return table.model_copy(update={"columns": columns})


def name_provider(rows: Any, given: Any, table: Table) -> Any:
    """Put the school provider that an extract names before temporary numbers: they are its own.

    Parameters
    ----------
    rows : ibis.Table
        As `cast_columns` gives it.
    given : ibis.Table
        The extract before that.
    table : Table
        The schema, with `school_provider`.

    Returns
    -------
    ibis.Table
        The same, changed only where a provider is named and the identifier has letters after
        its date. Where none is named, `identify` knows that of the run.
    """
    if PROVIDER not in given.columns or PROVIDER not in table.columns:
        return rows
    name = rows[PROVIDER]
    start = name.strip() + PROVIDER_SEPARATOR
    identifiers = ("old_id", "new_id") if table.person == LINK_TABLE.person else (table.person,)
    changed = {
        column: ibis.cases(
            (
                rows[column].re_replace(_BETWEEN, "").re_search(_LETTERED) & name.notnull(),
                start + rows[column].strip(),
            ),
            else_=rows[column],
        )
        for column in identifiers
    }
    return rows.mutate(**changed)


def resolve_links(links: pd.DataFrame, spec: IdentitySpec) -> LinkedIdentities:
    """Follow every replaced identity to the last one.

    Parameters
    ----------
    links : pandas.DataFrame
        `old_id`, `new_id` and `known_date`, as they stand in the extract.
    spec : IdentitySpec
        How identifiers are taken.

    Returns
    -------
    LinkedIdentities
        Chains of several replacements lead to their end. Of several successors of one
        identity the one known last counts; others are a finding unless all lead to one end.
        So are links that lead in a circle, and links to or from what is no valid identity.

    Notes
    -----
    Identities are taken up from the ends of the chains backwards; those that are never
    reached lie on a circle or lead into one. Time and memory are linear in the links.
    """
    pairs = pd.DataFrame({name: identify(links[name], spec)[0] for name in ("old_id", "new_id")})
    pairs = pairs.assign(known_date=pd.to_datetime(links["known_date"]))
    n_invalid = int(pairs[["old_id", "new_id"]].isna().any(axis=1).sum())
    pairs = pairs.dropna(subset=["old_id", "new_id"])
    pairs = _keep_last(pairs[pairs["old_id"] != pairs["new_id"]])
    successors = {str(old): set(group) for old, group in pairs.groupby("old_id")["new_id"]}
    ends, steps = _follow(successors)
    n_split = sum(len(found) > 1 for old, found in ends.items() if len(successors[old]) > 1)
    counts = {
        "link": n_invalid,
        "link_end": n_split,
        "link_cycle": len(successors) - len(ends),
    }
    findings = [ContractFinding(LINKS, "", rule, n) for rule, n in counts.items() if n]
    return LinkedIdentities(
        {old: min(found) for old, found in ends.items()}, steps, tuple(findings)
    )


def _keep_last(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the links of each identity that were known last, all where no date tells."""
    latest = pairs.groupby("old_id")["known_date"].transform("max")
    kept: pd.DataFrame = pairs[latest.isna() | pairs["known_date"].eq(latest)]
    return kept


def _follow(
    successors: Mapping[str, set[str]],
) -> tuple[dict[str, set[str]], dict[str, int]]:
    """Return the ends of each identity that leads to any, and the longest way there."""
    predecessors: dict[str, list[str]] = defaultdict(list)
    for old, following in successors.items():
        for new in following:
            predecessors[new].append(old)
    left = {old: len(following) for old, following in successors.items()}
    ends: dict[str, set[str]] = {}
    steps: dict[str, int] = {}
    ready = [new for new in predecessors if new not in successors]
    while ready:
        new = ready.pop()
        for old in predecessors[new]:
            ends[old] = ends.get(old, set()) | ends.get(new, {new})
            steps[old] = max(steps.get(old, 0), steps.get(new, 0) + 1)
            left[old] -= 1
            if not left[old]:
                ready.append(old)
    done = [old for old, n in left.items() if not n]
    return {old: ends[old] for old in done}, {old: steps[old] for old in done}


def tie_identities(
    given: pd.Index,
    persons: pd.Index,
    protected: Collection[str],
    links: LinkedIdentities,
    spec: IdentitySpec,
) -> pd.DataFrame:
    """Say of identifiers whose they are: by the last identity of each person.

    Parameters
    ----------
    given : pandas.Index of str
        All identifiers as they stand in the extracts, each once.
    persons : pandas.Index of str
        Those in the table of persons.
    protected : collection of str
        Those of persons with a protected identity.
    links : LinkedIdentities
        Which identities were replaced.
    spec : IdentitySpec
        How identifiers are taken.

    Returns
    -------
    pandas.DataFrame
        Indexed by `given`, with the columns `IDENTITY`, `KIND`, `IS_CURRENT`, `IS_PERSON` and
        `IS_PROTECTED` of `riskmodel.ingest.column_names`.
    """
    frame = pd.DataFrame(index=given)
    frame[IDENTITY], frame[KIND] = identify(given.to_series(), spec)
    frame = apply_links(frame, links, persons)
    for column, members in ((IS_PERSON, persons), (IS_PROTECTED, protected)):
        identities = frame.loc[_are_among(frame.index, members), IDENTITY].dropna()
        frame[column] = _are_among(frame[IDENTITY], identities)
    return frame


def _are_among(
    texts: pd.Series | pd.Index, members: Collection[str] | pd.Series | pd.Index
) -> npt.NDArray[np.bool_]:
    """Tell which texts are among others; several times as fast as `isin` of Arrow's strings."""
    plain = members.to_numpy(dtype=object) if isinstance(members, pd.Series | pd.Index) else members
    known = set(plain)
    return np.array([text in known for text in texts.to_numpy(dtype=object)], dtype=np.bool_)


def apply_links(
    identities: pd.DataFrame, links: LinkedIdentities, persons: pd.Index
) -> pd.DataFrame:
    """Give all identities of a person the last one.

    Parameters
    ----------
    identities : pandas.DataFrame
        Indexed by identifier as given, with the column `IDENTITY`.
    links : LinkedIdentities
        Where each leads.
    persons : pandas.Index of str
        The identifiers in the table of persons.

    Returns
    -------
    pandas.DataFrame
        With the last identity, and `IS_CURRENT`: of the identities of one person that stand
        in the table of persons, only the latest is, and so its row counts.
    """
    own = identities[IDENTITY]
    last = links.follow(own)
    steps = own.map(lambda text: links.steps.get(text, 0), na_action="ignore")
    steps = steps.where(_are_among(identities.index, persons))
    least = steps.groupby(last).transform("min")
    is_current = steps.isna() | steps.eq(least)
    linked = identities.copy()
    linked[IDENTITY], linked[IS_CURRENT] = last, is_current.to_numpy(dtype=bool)
    return linked
