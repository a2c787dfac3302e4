"""What breaks the data contract: named by table, column and rule, counted, never quoted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from riskmodel.errors import DataContractError
from riskmodel.privacy.disclosure import show_count

RULES: dict[str, str] = {
    "table": "the table must be given",
    "file": "the file must be readable",
    "header": "the header must name each column once",
    "encoding": "the text must be in the stated encoding",
    "quotes": "each quoted cell must be closed",
    "cells": "each row must have as many cells as the header",
    "mapping": "the mapping must name columns that exist",
    "present": "the column must be there",
    "type": "values must be of the column's type",
    "ambiguous": "a date must not be two days by two of the formats; leave one format out",
    "shortened": "identifiers must be whole, not shortened by Excel; export the column as text",
    "required": "a value must be there",
    "allowed": "values must be in the list of allowed ones",
    "minimum": "values must not lie below the least one",
    "maximum": "values must not lie above the greatest one",
    "order": "the end must not lie before the start",
    "unique": "rows must not repeat",
    "identity": "identifiers must be valid",
    "link": "a link must lead from one valid identity to another",
    "link_end": "an identity must have one successor",
    "link_cycle": "links must not lead back to where they began",
    "reference": "every person must be in the table of persons",
    "endpoint": "files must be named after endpoints of SS 12000, and the needed ones be there",
    "source": "the source must deliver every page",
    "json": "a page must be whole and valid JSON",
    "page": "a page must be as an endpoint of SS 12000 delivers it",
    "last_page": "the last page of an endpoint must be there",
    "field": "fields must be of the kind that SS 12000 states",
    "undelivered": "what it refers to must be delivered too",
}
"""The rules of the contract, by their short names."""

NOTICES: dict[str, str] = {
    "enumeration": "values outside the standard's list were taken as they are",
    "unlinked": "rows that refer to what was not delivered were left out",
}
"""What is reported without breaking the contract, by its short names."""


@dataclass(frozen=True, order=True)
class ContractFinding:
    """One rule that one column breaks.

    Parameters
    ----------
    table : str
        The table.
    column : str
        The column; empty where the finding concerns the whole table.
    rule : str
        A key of `RULES`, or of `NOTICES` for what is merely reported.
    count : int or None
        How many rows break it; None where rows cannot be counted.
    detail : str, optional
        What helps to mend it: a file, a name, a type or a format; never a value.
    """

    table: str
    column: str
    rule: str
    count: int | None = None
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the finding for JSON, a small count as text.

        Returns
        -------
        dict
            With `table`, `column`, `rule`, `count` (text such as ``"<10"``, or null) and
            `detail`.
        """
        return {
            "table": self.table,
            "column": self.column or None,
            "rule": self.rule,
            "count": None if self.count is None else show_count(self.count),
            "detail": self.detail or None,
        }

    def to_text(self) -> str:
        """Return the finding as one line.

        Returns
        -------
        str
            Table and column, rule, number of rows and detail.

        Examples
        --------
        >>> ContractFinding("grades", "term", "allowed", 3, "HT, VT").to_text()
        'grades.term: values must be in the list of allowed ones (HT, VT): <10 rows'
        """
        where = f"{self.table}.{self.column}" if self.column else self.table
        detail = f" ({self.detail})" if self.detail else ""
        rows = "" if self.count is None else f": {show_count(self.count)} rows"
        said = RULES.get(self.rule) or NOTICES[self.rule]
        return f"{where}: {said}{detail}{rows}"


@dataclass(frozen=True)
class DataContractReport:
    """All that was found wrong, and how many rows can be used.

    Parameters
    ----------
    findings : tuple of ContractFinding
        In the order of tables, columns and rules.
    usable_rows : dict of str to int
        Rows of each table that belong to a person with a valid identifier and without
        protected identity. Rows read are not told: their difference would give away how many
        protected persons there are.
    notices : tuple of ContractFinding
        What should be known of the data though it breaks no rule.
    """

    findings: tuple[ContractFinding, ...]
    usable_rows: dict[str, int]
    notices: tuple[ContractFinding, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether the data keep to the contract."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON, without any small count.

        Returns
        -------
        dict
            With `usable_rows`, `findings` and `notices`.
        """
        return {
            "usable_rows": {name: show_count(rows) for name, rows in self.usable_rows.items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "notices": [notice.to_dict() for notice in self.notices],
        }

    def to_text(self) -> str:
        """Return the report as lines of text.

        Returns
        -------
        str
            One line per table, then one per finding and notice.
        """
        lines = [f"{name}: {show_count(rows)} rows" for name, rows in self.usable_rows.items()]
        found = [finding.to_text() for finding in (*self.findings, *self.notices)]
        return "\n".join([*lines, *found])

    def check(self) -> None:
        """Raise if the contract is broken.

        Raises
        ------
        DataContractError
            With every finding.
        """
        if self.findings:
            raise_findings(self.findings)


def make_error(findings: Iterable[ContractFinding]) -> DataContractError:
    """Return one error that holds every finding.

    Parameters
    ----------
    findings : iterable of ContractFinding
        At least one.

    Returns
    -------
    DataContractError
        To be raised.
    """
    lines = [finding.to_text() for finding in findings]
    return DataContractError(
        f"`sources` must keep to the data contract, got {len(lines)} finding(s). "
        "Mend the extracts, or the mapping in the configuration.",
        lines,
    )


def raise_findings(findings: Iterable[ContractFinding]) -> NoReturn:
    """Raise one error that holds every finding.

    Parameters
    ----------
    findings : iterable of ContractFinding
        At least one.

    Raises
    ------
    DataContractError
        Always.
    """
    raise make_error(findings)
