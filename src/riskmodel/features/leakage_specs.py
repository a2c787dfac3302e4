"""What the leakage test looks at, and which of its findings are accepted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name

Severity = Literal["leak", "warning", "note"]

FINDING_KINDS: dict[str, Severity] = {
    "moved": "leak",
    "unsteady": "leak",
    "tells_outcome": "leak",
    "column_tells_outcome": "leak",
    "known_before_date": "warning",
    "known_in_bulk": "warning",
    "no_known_dates": "note",
}
"""The kinds of finding, and how much each weighs: a leak stops the run unless accepted."""


class LeakageSpec(Spec):
    """How much of the data the leakage test looks at, and which findings are accepted.

    `sample` is the number of predictions that are tested before each training, None for all.
    `accepted` names findings that somebody has looked into, such as
    ``"moved:absence_share_30d"``: they no longer stop the run, and are still shown.
    `single_feature_auc` is from where on one feature alone tells the outcome too well.
    """

    sample: int | None = Field(default=500, ge=1)
    accepted: tuple[str, ...] = ()
    single_feature_auc: float = Field(default=0.98, gt=0.5, le=1)

    @field_validator("accepted")
    @classmethod
    def _check_accepted(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Demand names of findings: a kind, a colon and a place."""
        for name in names:
            kind, _, place = name.partition(":")
            if kind not in FINDING_KINDS or not place:
                raise ValueError(
                    f"must name findings as they are printed, a kind and a place such as "
                    f"'moved:some_feature', got '{name}'.{suggest_name(kind, FINDING_KINDS)}"
                )
        return names
