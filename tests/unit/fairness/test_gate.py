from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from riskmodel.errors import GateError
from riskmodel.fairness.gate import check_gate
from riskmodel.fairness.specs import AuditSpec, GateSpec


def make_audit(
    difference: float | None, flagged: bool | None, miscalibration: tuple[float, float]
) -> dict[str, Any]:
    """Return an audit of one attribute with one group, and all pupils together."""
    lower, upper = miscalibration
    shift = {"value": (lower + upper) / 2, "lower": lower, "upper": upper}
    comparison = {"difference": difference, "flagged": flagged, "reason": None}
    if flagged is None:
        comparison["reason"] = "too_few"
    group = {
        "group": "Kvinna",
        "measures": {"risk_minus_observed": shift},
        "comparisons": {"miss_rate": comparison},
    }
    overall = {"measures": {"risk_minus_observed": {"value": 0.0, "lower": -0.01, "upper": 0.01}}}
    return {"overall": overall, "attributes": [{"name": "sex", "groups": [group]}]}


GATE = GateSpec(largest_difference={"miss_rate": 0.1}, largest_miscalibration=0.05)
CALIBRATED = (-0.02, 0.02)


@pytest.mark.parametrize(
    ("difference", "flagged", "is_passed"),
    [
        (0.15, True, False),
        (-0.15, True, False),
        (0.05, True, True),
        (0.15, False, True),
        (None, True, False),
    ],
)
def test_only_a_sure_difference_beyond_the_limit_fails(
    difference: float | None, flagged: bool, is_passed: bool
) -> None:
    verdict = check_gate(make_audit(difference, flagged, CALIBRATED), GATE)
    assert verdict.is_passed == is_passed
    assert len(verdict.failures) == (not is_passed)


@pytest.mark.parametrize(
    ("interval", "is_passed"),
    [((0.06, 0.1), False), ((-0.1, -0.06), False), ((0.04, 0.1), True), ((-0.1, 0.1), True)],
)
def test_a_miscalibration_fails_where_its_whole_interval_is_beyond(
    interval: tuple[float, float], is_passed: bool
) -> None:
    assert check_gate(make_audit(0.0, False, interval), GATE).is_passed == is_passed


def test_what_cannot_be_said_is_listed_and_fails_where_asked() -> None:
    audit = make_audit(None, None, CALIBRATED)
    verdict = check_gate(audit, GATE)
    assert verdict.is_passed
    assert verdict.unsaid == ("sex, group 'Kvinna': miss_rate (too_few)",)
    assert "too_few" in verdict.to_text()
    strict = check_gate(audit, GATE.model_copy(update={"too_few": "fail"}))
    with pytest.raises(GateError, match="1 findings"):
        strict.check()


def test_a_gate_with_nothing_to_test_is_not_passed() -> None:
    gate = GateSpec(largest_difference={"miss_rate": 0.1}, largest_miscalibration=None)
    verdict = check_gate(make_audit(None, None, CALIBRATED), gate)
    assert not verdict.is_passed
    with pytest.raises(GateError, match="something to test"):
        verdict.check()


def test_a_rate_that_is_not_compared_is_not_passed_over() -> None:
    gate = GateSpec(largest_difference={"false_discovery_rate": 0.1})
    verdict = check_gate(make_audit(0.0, False, CALIBRATED), gate)
    assert verdict.unsaid == ("sex, group 'Kvinna': false_discovery_rate (not compared)",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"compared": ["mis_rate"]}, "Did you mean 'miss_rate'"),
        ({"compared": ["recall", "recall"]}, "named once"),
        ({"control_features": ["sex"]}, "must not be sensitive"),
        ({"gate": {"largest_difference": {"recall": 0.1}}}, "must limit rates in `compared`"),
        ({"gate": {"largest_difference": {"miss_rate": 10}}}, "share in"),
    ],
)
def test_settings_that_do_not_fit_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AuditSpec.model_validate({"sensitive_features": ["sex"], "capacity": 0.1} | fields)
