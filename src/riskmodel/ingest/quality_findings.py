"""Soft findings as they may be shown: by check, table and school, without small counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from riskmodel.ingest.quality_specs import QualitySpec
from riskmodel.privacy.disclosure import describe_count

CHECKS = (
    "not_reported",
    "calendar_gap",
    "reporting_drop",
    "repeated_rows",
    "grade_scale",
    "outside_enrolment",
    "age_for_grade",
)
"""The checks, in the order of the report."""

Status = Literal["noted", "clear", "not_assessed"]


@dataclass(frozen=True)
class SchoolFinding:
    """What one check found at one school, as it may be shown.

    Parameters
    ----------
    count : int or None
        Rows, days or weeks; None where hidden.
    share : float or None
        Of the school's rows, days or weeks; None where hidden.
    is_flagged : bool
        Whether a limit is exceeded.
    when : tuple of str
        School years (``2023/24``) or weeks (``2024-W35``) in which it is.
    """

    count: int | None
    share: float | None
    is_flagged: bool
    when: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the finding for JSON.

        Returns
        -------
        dict
            A hidden count is null with its reason.
        """
        return describe_count(self.count) | {
            "share": self.share,
            "is_flagged": self.is_flagged,
            "when": list(self.when),
        }


@dataclass(frozen=True)
class QualityFinding:
    """What one check found in one table, as it may be shown.

    Parameters
    ----------
    check : str
        One of `CHECKS`.
    table : str
        The table.
    status : {"noted", "clear", "not_assessed"}
        Whether any school exceeds the limit; or that the check could not be made.
    limit : float
        What is exceeded: a share, or a number of days or weeks.
    count : int or None
        Rows, days or weeks of all schools; None where hidden or not assessed.
    share : float or None
        Of all.
    schools : dict of str to SchoolFinding
        Those with anything found, by name; the empty name stands for pupils who were at no
        school.
    """

    check: str
    table: str
    status: Status
    limit: float
    count: int | None = None
    share: float | None = None
    schools: dict[str, SchoolFinding] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding for JSON.

        Returns
        -------
        dict
            Schools that are not named have none.
        """
        return {
            "check": self.check,
            "table": self.table,
            "status": self.status,
            "limit": self.limit,
            **(describe_count(self.count) if self.status != "not_assessed" else {"value": None}),
            "share": self.share,
            "n_schools_flagged": sum(found.is_flagged for found in self.schools.values()),
            "schools": {name: found.to_dict() for name, found in sorted(self.schools.items())},
        }


@dataclass(frozen=True)
class QualityReport:
    """All soft findings.

    Parameters
    ----------
    findings : tuple of QualityFinding
        In the order of `CHECKS` and of tables.
    n_schools : int
        Schools with enrolments.
    never_reported : tuple of str
        Schools with enrolments and no attendance at all, where others of their type report.
    spec : QualitySpec
        The limits.
    """

    findings: tuple[QualityFinding, ...]
    n_schools: int
    never_reported: tuple[str, ...]
    spec: QualitySpec

    @property
    def n_noted(self) -> int:
        """How many checks exceed their limit anywhere."""
        return sum(finding.status == "noted" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON, without any small count.

        Returns
        -------
        dict
            With `settings`, `n_schools`, `never_reported` and `findings`.
        """
        return {
            "settings": self.spec.model_dump(),
            "n_schools": self.n_schools,
            "never_reported": list(self.never_reported),
            "findings": [finding.to_dict() for finding in self.findings],
        }
