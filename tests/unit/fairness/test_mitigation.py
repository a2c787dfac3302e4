from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from riskmodel.fairness.audit import audit
from riskmodel.fairness.context import AuditedRows
from riskmodel.fairness.groups import flag_pupils
from riskmodel.fairness.policies import choose_pupils, rank_within_groups

SIZE = 8000


def make_pupils(seed: int = 0) -> pd.DataFrame:
    """Return pupils of whom one group's risks are too low by half."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "school": rng.integers(0, 60, SIZE),
            "group": rng.choice(["a", "b"], SIZE, p=[0.7, 0.3]),
            "true": rng.beta(1.5, 4, SIZE),
        }
    )
    frame["label"] = (rng.random(SIZE) < frame["true"]).astype(float)
    frame["risk"] = np.where(frame["group"] == "b", frame["true"] * 0.6, frame["true"])
    return frame


def describe(frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the audit's part on what could be done."""
    result = audit(
        frame["label"], frame["risk"], sensitive_features=frame[["group"]],
        cluster=frame["school"], **{"capacity": 0.2, "n_resamples": 99} | options,
    )  # fmt: skip
    part: dict[str, Any] = result.to_dict()["mitigation"]
    return part


def rates(policy: dict[str, Any], name: str, when: str) -> dict[str, float]:
    """Return one rate by group."""
    return {entry["group"]: entry[name][when] for entry in policy["groups"]}


def test_equal_recall_closes_the_gap_with_the_same_places() -> None:
    policy = describe(make_pupils())["attributes"][0]["policies"]["equal_recall"]
    today, then = (rates(policy, "miss_rate", when) for when in ("today", "then"))
    assert today["b"] - today["a"] > 0.2
    assert abs(then["b"] - then["a"]) < 0.05
    assert policy["places"] == 0
    assert policy["entering"] == policy["leaving"] > 0
    recall = policy["overall"]["recall"]
    assert recall["lower"] < recall["value"] < recall["upper"]


def test_equal_false_alarms_closes_that_gap() -> None:
    policy = describe(make_pupils())["attributes"][0]["policies"]["equal_false_alarms"]
    then = rates(policy, "false_positive_rate", "then")
    assert abs(then["b"] - then["a"]) < 0.03


def test_levelling_up_takes_nobody_from_the_list() -> None:
    policy = describe(make_pupils())["attributes"][0]["policies"]["level_up"]
    assert policy["leaving"] == 0
    assert policy["places"] == policy["entering"] > 0
    today, then = (rates(policy, "miss_rate", when) for when in ("today", "then"))
    assert then["b"] < today["b"] - 0.1
    assert policy["overall"]["recall"]["lower"] > 0


def test_the_choice_is_the_same_for_every_seed() -> None:
    frame = make_pupils()
    assert describe(frame, random_state=1) == describe(frame, random_state=2)


def test_group_thresholds_are_marked_for_a_lawyer() -> None:
    assert describe(make_pupils())["requires_legal_review"] is True


def test_ranks_are_the_share_of_the_reference_with_at_least_the_risk() -> None:
    risk = np.array([0.9, 0.5, 0.1, 0.5, 0.2])
    codes = np.array([0, 0, 0, 1, 1])
    reference = np.array([True, True, True, False, True])
    found = rank_within_groups(risk, codes, reference, minimum_count=1)
    assert found == pytest.approx([1 / 3, 2 / 3, 1, 0, 1])
    pooled = rank_within_groups(risk, codes, reference, minimum_count=2)
    assert pooled[3:] == pytest.approx([0.5, 0.75])


def test_a_group_that_moves_by_a_few_hides_another_with_it() -> None:
    frame = make_pupils()
    frame["group"] = np.where(np.arange(SIZE) < 60, "c", frame["group"])
    for policy in describe(frame)["attributes"][0]["policies"].values():
        hidden = [entry["group"] for entry in policy["groups"] if "reason" in entry]
        assert len(hidden) != 1


def test_few_schools_cannot_be_said() -> None:
    frame = make_pupils()
    frame["school"] = frame["school"] % 8
    assert describe(frame) == {"reason": "too_few"}


def test_the_frontier_goes_from_today_to_equal_recall() -> None:
    attribute = describe(make_pupils())["attributes"][0]
    frontier = attribute["frontier"]
    assert frontier["group"] == "b"
    gaps = [frontier["gap"], *(step["gap"] for step in frontier["steps"])]
    values = [gap["value"] for gap in gaps]
    assert values == sorted(values)
    assert values[0] < -0.2
    assert abs(values[-1]) < 0.05
    assert all(gap["lower"] < gap["value"] < gap["upper"] for gap in gaps)
    last = {**frontier["steps"][-1]}
    del last["step"], last["gap"]
    assert last.items() <= attribute["policies"]["equal_recall"].items()
    moved = [step["entering"] for step in frontier["steps"]]
    assert moved == sorted(moved)


def test_no_step_is_todays_list() -> None:
    frame = make_pupils()
    rng = np.random.default_rng(1)
    flags = rng.random(SIZE) < 0.5
    rows = AuditedRows(
        y_true=frame["label"].to_numpy(), risk=frame["risk"].to_numpy(),
        is_flagged=flag_pupils(frame["risk"].to_numpy(), capacity=0.2, threshold=None),
        clusters=None, groupings=(),
    )  # fmt: skip
    codes = (frame["group"] == "b").to_numpy().astype(np.int64)
    chosen = choose_pupils(rows, codes, "equal_recall", flags, minimum_count=10, step=0.0)
    assert (chosen == rows.is_flagged).all()


def test_one_group_alone_has_no_frontier() -> None:
    frame = make_pupils()
    frame["group"] = "a"
    frontier = describe(frame)["attributes"][0]["frontier"]
    assert frontier == {"reason": "suppressed"}


def test_a_step_that_gives_a_small_count_away_is_left_out() -> None:
    frame = make_pupils()
    frame["risk"] = np.where(frame["group"] == "b", frame["true"] * 0.97, frame["true"])
    frontier = describe(frame, minimum_count=30)["attributes"][0]["frontier"]
    left_out = [step for step in frontier["steps"] if "reason" in step]
    assert left_out
    for step in left_out:
        assert step == {"step": step["step"], "reason": "suppressed"}
