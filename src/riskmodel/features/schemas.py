"""The event tables as features find them: after pseudonymisation."""

from __future__ import annotations

from collections.abc import Mapping

from riskmodel.core.schema import Column, Table

SUBJECT = "subject_id"
PREDICTION = "prediction_date"
KNOWN = "known_date"

DERIVED_COLUMNS: dict[str, dict[str, Column]] = {
    "grades": {"grade_points": Column(type="number"), "is_pass": Column(type="boolean")}
}
"""What pseudonymisation adds to a canonical table."""


def feature_schemas(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the schemas of the tables that features can read.

    Parameters
    ----------
    tables : mapping of str to Table
        As they enter the library, the user's own among them.

    Returns
    -------
    dict of str to Table
        Only tables with a date; `subject_id` stands in place of the person's identifier, and
        derived columns are added.
    """
    return {
        name: table.model_copy(update={"columns": _columns_after(name, table), "person": SUBJECT})
        for name, table in tables.items()
        if table.date is not None
    }


def _columns_after(name: str, table: Table) -> dict[str, Column]:
    """Return a table's columns after pseudonymisation."""
    kept = {
        (SUBJECT if column == table.person else column): rule
        for column, rule in table.columns.items()
    }
    return kept if table.user_declared else kept | DERIVED_COLUMNS.get(name, {})
