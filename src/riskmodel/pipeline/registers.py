"""Where the key-holder's register is: the run's own persons, or another file like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from riskmodel.config.models import RunConfig
from riskmodel.errors import UsageError
from riskmodel.ingest.keys import IDENTITY, IS_PROTECTED
from riskmodel.ingest.register import read_register
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.stage import PERSONS


def find_register(
    config: RunConfig, other: Path | None = None, id_column: str | None = None
) -> SourceSpec:
    """Return the file that says who there is.

    Parameters
    ----------
    config : RunConfig
        Names the extract of persons, or the ready table with its column of identifiers.
    other : pathlib.Path, optional
        A file to read in its place, in the same way as far as its format allows.
    id_column : str, optional
        Its column of identifiers.

    Returns
    -------
    SourceSpec
        What `read_register` reads.

    Raises
    ------
    UsageError
        If a ready table has no identifiers, so that there are no pseudonyms.
    """
    table = config.feature_table
    if table is not None and table.id_column is None:
        raise UsageError(
            "`feature_table` must have an `id_column`, got none: its rows are only numbered. "
            "There is nobody to name."
        )
    source = config.sources[PERSONS] if table is None else table.source
    own = {} if table is None else {"person_id": str(table.id_column)}
    columns = source.columns | own | ({"person_id": id_column} if id_column else {})
    changed: dict[str, Any] = {"columns": columns}
    if other is not None:
        changed |= {"path": other, "format": None, "delimiter": None, "sheet": None}
    return source.model_copy(update=changed)


def find_protected(config: RunConfig, other: Path | None = None) -> frozenset[str]:
    """Return who has a protected identity by the run's own extract, whatever another file says.

    Parameters
    ----------
    config : RunConfig
        Names the extract of persons.
    other : pathlib.Path or None
        The file that was read in its place; None where it was the extract itself.

    Returns
    -------
    frozenset of str
        Identities in their normal form; empty where the extract has been read already, or is
        not on this machine.
    """
    source = config.sources.get(PERSONS)
    if other is None or source is None or not source.path.exists():
        return frozenset()
    people = read_register(source, show=()).people
    return frozenset(people.loc[people[IS_PROTECTED], IDENTITY])
