"""What the leakage test found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from riskmodel.errors import LeakageError
from riskmodel.features.leakage_specs import FINDING_KINDS, Severity
from riskmodel.privacy.disclosure import DEFAULT_LIMIT, SUPPRESSED, is_small

_ROUNDED_TO = 10


def round_count(count: int) -> int:
    """Return a count as it may be told: to the nearest ten.

    Parameters
    ----------
    count : int
        At least 0.

    Returns
    -------
    int
        A multiple of ten, so that no small count follows by subtraction.
    """
    return (int(count) + _ROUNDED_TO // 2) // _ROUNDED_TO * _ROUNDED_TO


@dataclass(frozen=True)
class LeakageFinding:
    """One sign that something from the future, or the outcome itself, is in the data.

    Parameters
    ----------
    kind : str
        One of `FINDING_KINDS`.
    place : str
        The feature, the table, or the table and its column.
    text : str
        What was seen, for people, without counts.
    severity : {"leak", "warning", "note"}
        A leak stops the run unless it is accepted.
    table : str
        The table, or an empty text.
    changes : tuple of str
        Which changes of the future moved the feature.
    count, total : int, optional
        How many predictions or rows it concerns, and of how many. May be small: not for
        release as they are.
    is_accepted : bool
        Whether the configuration accepts it.
    """

    kind: str
    place: str
    text: str
    severity: Severity
    table: str = ""
    changes: tuple[str, ...] = ()
    count: int | None = None
    total: int | None = None
    is_accepted: bool = False

    @property
    def name(self) -> str:
        """What the finding is called in the configuration."""
        return f"{self.kind}:{self.place}"

    @property
    def is_stopping(self) -> bool:
        """Whether training may not go on."""
        return self.severity == "leak" and not self.is_accepted

    def describe(self) -> str:
        """Return the finding in one line, small counts hidden.

        Returns
        -------
        str
            Its name, what was seen and how often.
        """
        marks: list[str] = [self.severity] if self.severity != "leak" else []
        marks += ["accepted in the configuration"] if self.is_accepted else []
        mark = f" ({', '.join(marks)})" if marks else ""
        return f"{self.name}{mark}: {self.text}{self._tell_count()}"

    def _tell_count(self) -> str:
        """Return how many it concerns, in words."""
        if self.count is None or self.total is None:
            return ""
        of = f"of about {round_count(self.total):,}"
        if is_small(self.count):
            return f"; fewer than {DEFAULT_LIMIT} {of}"
        return f"; about {round_count(self.count):,} {of}"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding for JSON, small counts hidden and others rounded.

        Returns
        -------
        dict
            Its fields and its name.
        """
        counts: dict[str, Any] = {
            name: None if value is None else _release(value)
            for name, value in (("count", self.count), ("total", self.total))
        }
        return {"name": self.name} | asdict(self) | {"changes": list(self.changes)} | counts


def _release(count: int) -> dict[str, Any]:
    """Return a count for JSON, hidden if it is small."""
    if is_small(count):
        return {"value": None, "reason": SUPPRESSED}
    return {"value": round_count(count)}


@dataclass(frozen=True)
class PerturbedTable:
    """What was done to one table of the sample.

    Parameters
    ----------
    name : str
        The table.
    rows : int
        Its rows in the sample, once for each prediction.
    dropped, changed, added, hidden : int
        Rows of the future that were dropped and changed, rows of the future that were put in,
        and rows of the past of which a column that was not yet known was changed.
    """

    name: str
    rows: int
    dropped: int
    changed: int
    added: int
    hidden: int

    @property
    def n_perturbed(self) -> int:
        """The number of rows that were dropped, changed or added."""
        return self.dropped + self.changed + self.added + self.hidden

    def to_dict(self) -> dict[str, Any]:
        """Return the table for JSON, with rounded counts.

        Returns
        -------
        dict
            Its fields.
        """
        return {
            name: value if isinstance(value, str) else round_count(value)
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class LeakageReport:
    """What the leakage test did, and what it found.

    Parameters
    ----------
    n_predictions, n_all : int
        How many predictions were tested, and how many there are.
    n_dates : int
        On how many prediction dates.
    features : tuple of str
        The features that were tested.
    moved : tuple of str
        Those that moved.
    tables : tuple of PerturbedTable
        What was done to each table that features read.
    findings : tuple of LeakageFinding
        Leaks first, accepted ones among them.
    skipped : tuple of str
        What could not be looked at, and why.
    unused : tuple of str
        Names that the configuration accepts though nothing was found under them.
    """

    n_predictions: int
    n_all: int
    n_dates: int
    features: tuple[str, ...]
    moved: tuple[str, ...]
    tables: tuple[PerturbedTable, ...]
    findings: tuple[LeakageFinding, ...]
    skipped: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def leaks(self) -> tuple[LeakageFinding, ...]:
        """The findings that stop the run."""
        return tuple(finding for finding in self.findings if finding.is_stopping)

    @property
    def n_perturbed(self) -> int:
        """How many facts were dropped, changed or added."""
        return sum(table.n_perturbed for table in self.tables)

    def check(self) -> None:
        """Raise if there is a leak that is not accepted.

        Raises
        ------
        LeakageError
            With every finding, small counts hidden.
        """
        refuse_leaks(
            [finding.describe() for finding in self.leaks],
            [finding.describe() for finding in self.findings if not finding.is_stopping],
        )

    def to_text(self) -> str:
        """Return the result in a few lines.

        Returns
        -------
        str
            What was perturbed, how many features held, and the findings unless `check` raises
            with them.
        """
        held = len(self.features) - len(self.moved)
        lines = [
            f"Facts from the future, about {round_count(self.n_perturbed):,}, were dropped, changed"
            f" and added in {len(self.tables)} tables for {self.n_predictions:,} of"
            f" {self.n_all:,} predictions on {self.n_dates} dates.",
            f"{held} of {len(self.features)} features held"
            + (f"; {len(self.moved)} moved." if self.moved else ": not one value moved."),
            *(_describe_table(table) for table in self.tables),
            *(f"  {finding.describe()}" for finding in self.findings if not self.leaks),
            *(f"  not looked at: {text}" for text in self.skipped),
            *(f"  accepted, and not found: {name}" for name in self.unused),
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON, small counts hidden.

        Returns
        -------
        dict
            Plain values.
        """
        return {
            "is_clean": not self.leaks,
            "n_predictions": self.n_predictions,
            "n_all": self.n_all,
            "n_dates": self.n_dates,
            "n_perturbed": round_count(self.n_perturbed),
            "n_features": len(self.features),
            "n_moved": len(self.moved),
            "tables": [table.to_dict() for table in self.tables],
            "findings": [finding.to_dict() for finding in self.findings],
            "skipped": list(self.skipped),
            "accepted_and_not_found": list(self.unused),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the findings as a frame, one row each, small counts hidden.

        Returns
        -------
        pandas.DataFrame
            The columns name, kind, place, table, severity, is_accepted, count and text.
        """
        columns = ["name", "kind", "place", "table", "severity", "is_accepted", "count", "text"]
        rows = [finding.to_dict() for finding in self.findings]
        frame = pd.DataFrame(rows, columns=columns)
        counts = [row["count"] and row["count"]["value"] for row in rows]
        return frame.assign(count=pd.array(counts, dtype="Int64"))


def _describe_table(table: PerturbedTable) -> str:
    """Return what was done to a table, in one line."""
    parts = [
        f"{round_count(count):,} {word}"
        for word, count in (
            ("dropped", table.dropped),
            ("changed", table.changed),
            ("added", table.added),
            ("not yet known columns changed", table.hidden),
        )
        if count
    ]
    return f"  {table.name}: {round_count(table.rows):,} rows; {', '.join(parts) or 'none late'}"


def refuse_leaks(leaks: Sequence[str], others: Sequence[str] = ()) -> None:
    """Raise if there are leaks.

    Parameters
    ----------
    leaks : sequence of str
        The findings that stop the run.
    others : sequence of str, optional
        Findings that do not, shown beside them.

    Raises
    ------
    LeakageError
        With every finding.
    """
    if leaks:
        raise LeakageError(
            f"`features` must use nothing from the future, got {len(leaks)} "
            f"finding{'s' if len(leaks) > 1 else ''}. Mend the dates of the table or the feature; "
            "or, if you know why it is right, accept the finding by its name under "
            "`leakage.accepted`.",
            [*leaks, *others],
        )


def mark_accepted(
    findings: Sequence[LeakageFinding], accepted: Sequence[str]
) -> tuple[tuple[LeakageFinding, ...], tuple[str, ...]]:
    """Mark the findings that the configuration accepts and put the grave ones first.

    Parameters
    ----------
    findings : sequence of LeakageFinding
        What was found.
    accepted : sequence of str
        Names of findings.

    Returns
    -------
    tuple of tuple of LeakageFinding and tuple of str
        The findings, and the names under which there was none.
    """
    order = list(dict.fromkeys(FINDING_KINDS.values()))
    marked = [replace(finding, is_accepted=finding.name in accepted) for finding in findings]
    marked.sort(key=lambda finding: (order.index(finding.severity), finding.name))
    found = {finding.name for finding in marked}
    return tuple(marked), tuple(name for name in accepted if name not in found)
