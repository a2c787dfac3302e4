"""What an audit is asked to do."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from riskmodel.core.spec import Spec


class AuditSpec(Spec):
    """Which groups are compared, at which threshold, and what is too small to show.

    Give `capacity` (a share in (0, 1], or a whole number of pupils) or `threshold` (a risk);
    the audit looks at the pupils whom that flags. `intersections` crosses sensitive features
    with one another. Counts from 1 to below `minimum_count` are not shown.
    """

    sensitive_features: tuple[str, ...] = Field(min_length=1)
    intersections: tuple[tuple[str, ...], ...] = ()
    capacity: float | int | None = Field(default=None, gt=0)
    threshold: float | None = Field(default=None, ge=0, le=1)
    minimum_count: int = Field(default=10, ge=1)
    level: float = Field(default=0.95, gt=0.5, lt=1)
    n_resamples: int = Field(default=999, ge=99)

    @model_validator(mode="after")
    def _check_all(self) -> Self:
        """Demand one way to flag, and intersections of features that are audited."""
        if (self.capacity is None) == (self.threshold is None):
            raise ValueError("give either `capacity` or `threshold`, and not both")
        if self.capacity is not None and self.capacity > 1 and self.capacity % 1:
            raise ValueError("`capacity` must be a share in (0, 1] or a whole number of pupils")
        for crossed in self.intersections:
            if len(set(crossed)) < 2 or len(set(crossed)) < len(crossed):
                raise ValueError("`intersections` must cross at least two different features")
            unknown = sorted(set(crossed) - set(self.sensitive_features))
            if unknown:
                raise ValueError(
                    f"`intersections` must name `sensitive_features`, got {', '.join(unknown)}"
                )
        return self
