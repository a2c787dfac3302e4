"""Kinds of export: how a system, or a way of exporting, names and writes each table."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from riskmodel.core.schema import TABLES
from riskmodel.core.spec import Spec
from riskmodel.ingest.specs import ReadingSpec

_BY_COLUMN = {"columns", "names", "constants", "values", "factors"}
_IN_ALL = ("person_id", "known_date")


class TableProfile(ReadingSpec):
    """How one table is written; `files` are words that its files' names hold."""

    files: tuple[str, ...] = ()


class SourceProfile(Spec):
    """How the tables of a kind of export are written.

    `defaults` holds for every table where the table says nothing itself, as far as the table
    has the columns.
    """

    version: Literal[1]
    title: str
    defaults: ReadingSpec = ReadingSpec()
    tables: dict[str, TableProfile] = Field(min_length=1)

    def reading(self, table: str) -> dict[str, Any]:
        """Return what the profile says of a table, as the settings of a source.

        Parameters
        ----------
        table : str
            One of `tables`.

        Returns
        -------
        dict
            Only what is said, the table's own before the defaults.
        """
        known = TABLES[table].columns if table in TABLES else _IN_ALL
        general = self.defaults.model_dump(exclude_unset=True)
        for setting in _BY_COLUMN & set(general):
            general[setting] = {
                column: said for column, said in general[setting].items() if column in known
            }
        own = self.tables[table].model_dump(exclude_unset=True, exclude={"files"})
        return merge_readings(general, own)


def merge_readings(general: dict[str, Any], special: dict[str, Any]) -> dict[str, Any]:
    """Return settings of a source in which special ones stand before general ones.

    Parameters
    ----------
    general : dict
        Settings.
    special : dict
        Settings, any of which may override a general one.

    Returns
    -------
    dict
        Settings that map names are merged name by name, the values of each column value by
        value; all others are replaced.

    Examples
    --------
    >>> merge_readings({"values": {"sex": {"F": "Kvinna"}}}, {"values": {"sex": {"P": "Man"}}})
    {'values': {'sex': {'F': 'Kvinna', 'P': 'Man'}}}
    """
    merged = dict(general)
    for name, value in special.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(value, dict) and name != "unpivot":
            merged[name] = merge_readings(before, value)
        else:
            merged[name] = value
    return merged
