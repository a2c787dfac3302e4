"""What a screening list is asked to hold and show."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, StrictFloat, StrictInt, model_validator

from riskmodel.core.spec import Spec


class ScreeningSpec(Spec):
    """Whom a list is for and how many it may hold.

    `capacity_per_school` is a number of pupils (an integer) or a share of the school's pupils
    (a decimal number above 0, at most 1; rounded up, so that every school has at least one).
    `cohort` and `point` choose the rows where they carry those columns; without them the
    latest prediction date is taken. Reasons from `withheld_domains` or `withheld_features`
    count in the risk and are not shown: health records have a secrecy of their own.
    """

    cohort: str | None = None
    point: str | None = None
    capacity_per_school: StrictInt | StrictFloat = 10
    n_reasons: int = Field(default=3, ge=1, le=10)
    language: Literal["sv", "en"] = "sv"
    withheld_domains: tuple[str, ...] = ("mental_health",)
    withheld_features: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_capacity(self) -> Self:
        """Demand a number of at least one or a share above zero and at most one."""
        capacity = self.capacity_per_school
        if not (capacity >= 1 if isinstance(capacity, int) else 0 < capacity <= 1):
            raise ValueError(
                "`capacity_per_school` must be a whole number of at least 1, or a share above "
                "0 and at most 1"
            )
        return self

    def capacity_of(self, n_pupils: int) -> int:
        """Return how many pupils of a school the list may hold.

        Parameters
        ----------
        n_pupils : int
            The school's pupils at the prediction date.

        Returns
        -------
        int
            May exceed `n_pupils` where the capacity is a number.

        Examples
        --------
        >>> ScreeningSpec(capacity_per_school=0.1).capacity_of(41)
        5
        >>> ScreeningSpec(capacity_per_school=10).capacity_of(7)
        10
        """
        if isinstance(self.capacity_per_school, int):
            return self.capacity_per_school
        return math.ceil(round(self.capacity_per_school * n_pupils, 9))
