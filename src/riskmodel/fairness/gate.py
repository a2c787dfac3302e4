"""The gate: limits on what an audit may find before a model goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from riskmodel.errors import GateError
from riskmodel.fairness.specs import GateSpec

_ALL = "all"


@dataclass(frozen=True)
class GateVerdict:
    """What the gate found.

    Parameters
    ----------
    failures : tuple of str
        What exceeds a limit, one sentence each.
    unsaid : tuple of str
        What could not be compared and has therefore not been tested, one sentence each.
    n_tested : int
        How many comparisons and calibrations were tested against a limit.
    """

    failures: tuple[str, ...]
    unsaid: tuple[str, ...]
    n_tested: int

    @property
    def is_passed(self) -> bool:
        """Whether something was tested and nothing exceeds its limit."""
        return self.n_tested > 0 and not self.failures

    def to_text(self) -> str:
        """Return what is to be read on a terminal.

        Returns
        -------
        str
            The verdict, then one line for each thing that could not be said.
        """
        verdict = "passed" if self.is_passed else "not passed"
        lines = [f"Gate {verdict}: {self.n_tested} tested, {len(self.failures)} above the limit."]
        if self.unsaid:
            lines.append(f"Not tested, too little to say ({len(self.unsaid)}):")
            lines += [f"  - {text}" for text in self.unsaid]
        return "\n".join(lines)

    def check(self) -> None:
        """Raise unless the gate is passed.

        Raises
        ------
        GateError
            If a limit is exceeded, or nothing could be tested.
        """
        if self.failures:
            raise GateError(
                f"`audit.gate` must not be exceeded, got {len(self.failures)} findings. "
                "Read fairness.html, and decide with those whom it concerns.",
                self.failures,
            )
        if not self.is_passed:
            raise GateError(
                "`audit.gate` must have something to test, got no group of which anything can "
                "be said. Audit a larger cohort, or coarser groups."
            )


def check_gate(audit: Mapping[str, Any], gate: GateSpec) -> GateVerdict:
    """Hold an audit against limits.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    gate : GateSpec
        The limits.

    Returns
    -------
    GateVerdict
        A disparity fails if it is flagged and larger than its limit, or flagged with a size
        that may not be shown; a miscalibration if its whole interval lies beyond the limit.
        Differences that are not flagged pass: they may be chance. What cannot be said is
        listed, never passed over; with ``too_few: fail`` it fails.
    """
    failures: list[str] = []
    unsaid: list[str] = []
    n_tested = 0
    for attribute, group in _groups(audit):
        place = f"{attribute}, group '{group['group']}'"
        for name, limit in gate.largest_difference.items():
            figure = group["comparisons"].get(name)
            if figure is None or figure["flagged"] is None:
                reason = "not compared" if figure is None else str(figure["reason"])
                unsaid.append(f"{place}: {name} ({reason})")
                continue
            n_tested += 1
            if figure["flagged"] and (
                figure["difference"] is None or abs(figure["difference"]) > limit
            ):
                failures.append(_describe_difference(place, name, figure["difference"], limit))
    if gate.largest_miscalibration is not None:
        for place, figure in _calibrations(audit):
            if figure.get("lower") is None or figure.get("upper") is None:
                unsaid.append(f"{place}: calibration ({figure.get('reason', 'no interval')})")
                continue
            n_tested += 1
            if min(figure["upper"], -figure["lower"]) < -gate.largest_miscalibration:
                failures.append(
                    f"{place}: mean risk less observed share is {figure['value']:+.3f}, "
                    f"beyond {gate.largest_miscalibration}"
                )
    if gate.too_few == "fail":
        failures += [f"{text}: cannot be said" for text in unsaid]
    return GateVerdict(tuple(failures), tuple(unsaid), n_tested)


def _groups(audit: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give every group with the name of its attribute."""
    for attribute in audit["attributes"]:
        for group in attribute["groups"]:
            yield attribute["name"], group


def _calibrations(audit: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the calibration in the large of all pupils and of every group."""
    yield _ALL, audit["overall"]["measures"]["risk_minus_observed"]
    for attribute, group in _groups(audit):
        place = f"{attribute}, group '{group['group']}'"
        yield place, group["measures"]["risk_minus_observed"]


def _describe_difference(place: str, name: str, difference: float | None, limit: float) -> str:
    """Return a sentence on a disparity that is too large."""
    if difference is None:
        return f"{place}: {name} differs from all others, by how much may not be shown"
    return f"{place}: {name} differs from all others by {difference:+.3f}, limit {limit}"
