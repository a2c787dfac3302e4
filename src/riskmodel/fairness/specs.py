"""What an audit is asked to do."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name
from riskmodel.fairness.measures import COMPARED, RATES


def _check_rates(names: tuple[str, ...]) -> tuple[str, ...]:
    """Demand names of rates, each once."""
    for name in names:
        if name not in RATES:
            raise ValueError(f"there is no rate '{name}'.{suggest_name(name, RATES)}")
    if len(set(names)) < len(names):
        raise ValueError("a rate must be named once")
    return names


class GateSpec(Spec):
    """How large a sure disparity may be before `riskmodel audit --gate` stops.

    `largest_difference` names rates with the largest difference between a group and all
    others, in shares; `largest_miscalibration` is that of mean risk and observed share. What
    cannot be said is always listed; with ``too_few: fail`` it stops too.
    """

    largest_difference: dict[str, float] = Field(
        default_factory=lambda: {"miss_rate": 0.1, "false_positive_rate": 0.1}
    )
    largest_miscalibration: float | None = Field(default=0.05, ge=0, le=1)
    too_few: Literal["report", "fail"] = "report"

    @field_validator("largest_difference")
    @classmethod
    def _check_differences(cls, limits: dict[str, float]) -> dict[str, float]:
        """Demand rates and shares."""
        _check_rates(tuple(limits))
        if any(not 0 <= limit <= 1 for limit in limits.values()):
            raise ValueError("a limit must be a share in [0, 1]")
        return limits


class AuditSpec(Spec):
    """Which groups are compared, at which threshold, and what is too small to show.

    Give `capacity` (a share in (0, 1], or a whole number of pupils) or `threshold` (a risk);
    the audit looks at the pupils whom that flags. `intersections` crosses sensitive features
    with one another; `compared` are the rates in which each group is tested against all
    others. With `control_features` groups are compared among pupils who are alike in these.
    `subgroup_features` are the model inputs, beside the sensitive features, among which
    badly served subgroups are looked for. Counts from 1 to below `minimum_count` are not
    shown.
    """

    sensitive_features: tuple[str, ...] = Field(min_length=1)
    intersections: tuple[tuple[str, ...], ...] = ()
    control_features: tuple[str, ...] = ()
    subgroup_features: tuple[str, ...] = ()
    compared: tuple[str, ...] = Field(default=COMPARED, min_length=1)
    capacity: float | int | None = Field(default=None, gt=0)
    threshold: float | None = Field(default=None, ge=0, le=1)
    minimum_count: int = Field(default=10, ge=1)
    level: float = Field(default=0.95, gt=0.5, lt=1)
    n_resamples: int = Field(default=999, ge=99)
    gate: GateSpec = GateSpec()

    @field_validator("compared")
    @classmethod
    def _check_compared(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Demand names of rates, each once."""
        return _check_rates(names)

    @model_validator(mode="after")
    def _check_all(self) -> Self:
        """Demand one way to flag, and intersections of features that are audited."""
        if (self.capacity is None) == (self.threshold is None):
            raise ValueError("give either `capacity` or `threshold`, and not both")
        if self.capacity is not None and self.capacity > 1 and self.capacity % 1:
            raise ValueError("`capacity` must be a share in (0, 1] or a whole number of pupils")
        shared = sorted(set(self.control_features) & set(self.sensitive_features))
        if shared:
            raise ValueError(
                f"`control_features` must not be sensitive features, got {', '.join(shared)}"
            )
        unmeasured = sorted(set(self.gate.largest_difference) - set(self.compared))
        if unmeasured and "gate" in self.model_fields_set:
            raise ValueError(f"`gate` must limit rates in `compared`, got {', '.join(unmeasured)}")
        for crossed in self.intersections:
            if len(set(crossed)) < 2 or len(set(crossed)) < len(crossed):
                raise ValueError("`intersections` must cross at least two different features")
            unknown = sorted(set(crossed) - set(self.sensitive_features))
            if unknown:
                raise ValueError(
                    f"`intersections` must name `sensitive_features`, got {', '.join(unknown)}"
                )
        return self
