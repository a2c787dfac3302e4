"""One figure with its interval, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A measured value with the interval around it.

    Parameters
    ----------
    value : float, optional
        None where the measure is not defined or may not be shown.
    lower, upper : float, optional
        The ends of the interval; None where it cannot be given.
    method : str, optional
        How the interval was made.
    reason : str, optional
        Why the value, or the interval, is not there.

    Examples
    --------
    >>> Estimate.unknown("only one class").to_dict()
    {'value': None, 'reason': 'only one class'}
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    method: str | None = None
    reason: str | None = None

    @classmethod
    def unknown(cls, reason: str) -> Estimate:
        """Return an estimate that is not there.

        Parameters
        ----------
        reason : str
            Why.

        Returns
        -------
        Estimate
            Without a value.
        """
        return cls(None, reason=reason)

    @classmethod
    def suppressed(cls, minimum_count: int) -> Estimate:
        """Return an estimate that may not be shown.

        Parameters
        ----------
        minimum_count : int
            The fewest pupils that it might rest on.

        Returns
        -------
        Estimate
            Without a value.
        """
        return cls.unknown(f"suppressed: rests on fewer than {minimum_count} pupils")

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as plain values.

        Returns
        -------
        dict
            `value` and `reason` if there is no value; else `value`, `lower`, `upper`,
            `method`, and `reason` if there is no interval.
        """
        if self.value is None:
            return {"value": None, "reason": self.reason}
        interval = {"value": self.value, "lower": self.lower, "upper": self.upper}
        result: dict[str, Any] = {**interval, "method": self.method}
        return result if self.reason is None else {**result, "reason": self.reason}
