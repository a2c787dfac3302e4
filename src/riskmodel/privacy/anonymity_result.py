"""Measures of anonymity as they may be shown: without small counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from riskmodel.privacy.anonymity_specs import AnonymitySpec
from riskmodel.privacy.disclosure import describe_count, is_small, suppress_small_groups

_DIGITS = 4

Reason = Literal["no_pupils", "too_few_pupils", "one_value", "step_limit"]


@dataclass(frozen=True)
class AnonymityMeasure:
    """What the classes are like.

    Parameters
    ----------
    n_pupils, n_classes : int
        How many there are.
    k : int
        The size of the smallest class; 0 without pupils.
    l : dict of str to int
        For each sensitive attribute the least number of different known values in a class
        where any is known; 0 where none is.
    n_below_k : int
        Pupils in classes smaller than demanded.
    n_below_l : dict of str to int
        Pupils in classes with fewer different values than demanded.
    n_failing : int
        Pupils in classes that fail in either.
    """

    n_pupils: int
    n_classes: int
    k: int
    l: dict[str, int]  # noqa: E741
    n_below_k: int
    n_below_l: dict[str, int]
    n_failing: int

    def to_dict(self, limit: int) -> dict[str, Any]:
        """Return the measure for JSON without small counts.

        Parameters
        ----------
        limit : int
            The least positive count that may be shown.

        Returns
        -------
        dict
            A `k` below the limit is null with its reason, as are numbers of pupils that are
            small themselves or leave few others.
        """
        return {
            "n_classes": self.n_classes,
            "k": describe_count(None if is_small(self.k, limit) else self.k),
            "l": dict(self.l),
            "below_k": _describe_part(self.n_below_k, self.n_pupils, limit),
            "below_l": {
                name: _describe_part(count, self.n_pupils, limit)
                for name, count in self.n_below_l.items()
            },
            "failing": _describe_part(self.n_failing, self.n_pupils, limit),
        }


@dataclass(frozen=True)
class Generalisation:
    """One way to coarsen, and what it gives.

    Parameters
    ----------
    steps : dict of str to int
        The step of each quasi-identifier; 0 is exact.
    n_steps : dict of str to int
        The last step that each has.
    n_values : dict of str to (int, int)
        How many different values each has exactly, and after its step.
    loss : float
        How much less is told, from 0 (all exact) to 1 (nothing), the mean over attributes.
    before_suppression : AnonymityMeasure
        Of all pupils.
    kept : AnonymityMeasure
        Of the pupils of the classes that do not fail.
    """

    steps: dict[str, int]
    n_steps: dict[str, int]
    n_values: dict[str, tuple[int, int]]
    loss: float
    before_suppression: AnonymityMeasure
    kept: AnonymityMeasure

    @property
    def n_suppressed(self) -> int:
        """Pupils who must be left out."""
        return self.before_suppression.n_failing

    def to_dict(self, limit: int) -> dict[str, Any]:
        """Return the generalisation for JSON without small counts.

        Parameters
        ----------
        limit : int
            The least positive count that may be shown.

        Returns
        -------
        dict
            With `steps`, `n_steps`, `n_values`, `loss`, `suppressed` and what is `kept`.
        """
        return {
            "steps": dict(self.steps),
            "n_steps": dict(self.n_steps),
            "n_values": {name: list(numbers) for name, numbers in self.n_values.items()},
            "loss": round(self.loss, _DIGITS),
            "suppressed": _describe_part(
                self.n_suppressed, self.before_suppression.n_pupils, limit
            ),
            "kept": self.kept.to_dict(limit),
        }


@dataclass(frozen=True)
class AnonymityReport:
    """The anonymity of the tables as they are, and what would reach what is demanded.

    Parameters
    ----------
    spec : AnonymitySpec
        What is demanded.
    as_is : AnonymityMeasure
        With exact values.
    reached : Generalisation or None
        The one that tells most among those that reach it; None if there is none.
    closest : Generalisation
        That one, or the one that leaves the fewest pupils in failing classes.
    reason : str or None
        Why there is none: `no_pupils`; `too_few_pupils` in all; `one_value` of a sensitive
        attribute, or fewer than demanded, in all; `step_limit`, the steps that may be used.
    """

    spec: AnonymitySpec
    as_is: AnonymityMeasure
    reached: Generalisation | None
    closest: Generalisation
    reason: Reason | None

    def to_dict(self, limit: int) -> dict[str, Any]:
        """Return the report for JSON without small counts.

        Parameters
        ----------
        limit : int
            The least positive count that may be shown.

        Returns
        -------
        dict
            With `demanded`, `as_is`, `reached`, `closest` and `reason`.
        """
        demanded = self.spec.model_dump(exclude={"hierarchies"})
        return {
            "demanded": demanded | {"quasi_identifiers": list(self.spec.quasi_identifiers)},
            "as_is": self.as_is.to_dict(limit),
            "reached": None if self.reached is None else self.reached.to_dict(limit),
            "closest": self.closest.to_dict(limit),
            "reason": self.reason,
        }


def _describe_part(part: int, whole: int, limit: int) -> dict[str, Any]:
    """Return a number of pupils of all, hidden if it or the rest is small."""
    shown = suppress_small_groups({"part": part, "rest": whole - part}, limit=limit)
    count = shown.counts["part"]
    share = None if count is None or whole == 0 else round(count / whole, _DIGITS)
    return describe_count(count) | {"share": share}
