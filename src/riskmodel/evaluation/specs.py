"""What the evaluation measures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictFloat, StrictInt, field_validator

from riskmodel.core.spec import Spec


def count_places(share: float, n_rows: int) -> int:
    """Return how many places a share of some pupils is.

    Parameters
    ----------
    share : float
        In [0, 1].
    n_rows : int
        All pupils.

    Returns
    -------
    int
        Rounded down. A share such as .15 has no exact form: of 100 pupils it is still 15.

    Examples
    --------
    >>> count_places(0.15, 100), count_places(0.15, 99)
    (15, 14)
    """
    return int(share * n_rows + 1e-9)


class EvaluationSpec(Spec):
    """At which capacity and level the risks are measured.

    `capacity` is how many pupils can be met: a share of all pupils in (0, 1] if it is a
    number with decimals, a count if it is a whole number. `level` is the share of intervals
    that cover the true value. No figure rests on fewer than `minimum_count` pupils.
    `curve_groups` is the number of groups of the calibration curve before small ones merge.
    `shares` are the sizes of other lists that are measured too, ascending.
    """

    capacity: StrictInt | StrictFloat = 0.1
    level: float = Field(default=0.95, gt=0.5, lt=1)
    minimum_count: int = Field(default=10, ge=1)
    curve_groups: int = Field(default=10, ge=2, le=50)
    shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.05, 0.1, 0.15, 0.2, 0.3)

    @field_validator("capacity")
    @classmethod
    def _check_capacity(cls, value: int | float) -> int | float:
        """Demand a share or a positive count."""
        if isinstance(value, int) and value < 1:
            raise ValueError("`capacity` must be at least 1 pupil, or a share such as 0.1")
        if isinstance(value, float) and not 0 < value <= 1:
            raise ValueError("`capacity` must be a share in (0, 1], or a whole number of pupils")
        return value

    def capacity_count(self, n_rows: int) -> int:
        """Return how many of some pupils can be met.

        Parameters
        ----------
        n_rows : int
            All pupils, those with an unknown label too.

        Returns
        -------
        int
            The share of them, rounded down, or the count, at most all of them.

        Examples
        --------
        >>> EvaluationSpec(capacity=0.15).capacity_count(99)
        14
        """
        if isinstance(self.capacity, int):
            return min(self.capacity, n_rows)
        return count_places(self.capacity, n_rows)
