from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.designs import make_pupils
from hypothesis import given
from hypothesis import strategies as st

from riskmodel.fairness.audit import audit
from riskmodel.fairness.groups import flag_pupils
from riskmodel.fairness.sweep import choose_sizes


def make_frame(seed: int, n_pupils: int = 3000) -> pd.DataFrame:
    """Return pupils with risks that tell something of the outcome."""
    rng = np.random.default_rng(seed)
    frame = make_pupils(seed, n_pupils=n_pupils, n_schools=40, n_groups=3)
    frame["risk"] = np.clip(0.3 * frame["label"] + rng.random(n_pupils) * 0.7, 0, 1)
    return frame


def describe(frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the audit's sweep over the sizes of the list."""
    result = audit(
        frame["label"], frame["risk"], sensitive_features=frame[["group"]],
        cluster=frame["school"], **{"capacity": 0.15, "n_resamples": 99} | options,
    )  # fmt: skip
    part: dict[str, Any] = result.to_dict()["sweep"]["attributes"][0]
    return part


def test_each_point_is_what_counting_gives() -> None:
    frame = make_frame(1, n_pupils=8000)
    points = describe(frame)["points"]
    assert len(points) > 10
    for point in points:
        flagged = flag_pupils(frame["risk"].to_numpy(), capacity=point["capacity"])
        assert point["threshold"] == pytest.approx(frame["risk"][flagged].min(), abs=1e-4)
        for entry in point["groups"]:
            own = frame["group"].eq(entry["group"])
            positive = own & frame["label"].eq(1)
            missed = (~flagged[positive]).mean()
            alarms = flagged[own & frame["label"].eq(0)].mean()
            assert entry["miss_rate"]["value"] == pytest.approx(missed, abs=1e-4)
            assert entry["false_positive_rate"]["value"] == pytest.approx(alarms, abs=1e-4)
            assert entry["selection_rate"]["value"] == pytest.approx(flagged[own].mean(), abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_no_two_points_give_a_small_count_away(seed: int) -> None:
    frame = make_frame(seed, n_pupils=700)
    frame.loc[:14, "group"] = "few"
    points = describe(frame)["points"]
    shown = {entry["group"] for point in points for entry in point["groups"]}
    listed = [np.zeros(len(frame), dtype=bool)]
    listed += [flag_pupils(frame["risk"].to_numpy(), capacity=p["capacity"]) for p in points]
    listed.append(np.ones(len(frame), dtype=bool))
    parts = [frame["group"].eq(group) for group in sorted(shown)]
    parts.append(~frame["group"].isin(shown))
    for place, first in enumerate(listed):
        for second in listed[place + 1 :]:
            for inside in parts:
                for label in (0, 1):
                    added = (second & ~first & inside & frame["label"].eq(label)).sum()
                    assert added == 0 or added >= 10


@given(st.lists(st.integers(0, 30), min_size=3, max_size=12), st.data())
def test_chosen_sizes_are_safe_and_hold_the_anchor(steps: list[int], data: st.DataObject) -> None:
    listed = np.cumsum([0, *steps]).astype(float)[:, np.newaxis]
    anchor = data.draw(st.integers(1, len(listed) - 2))
    chosen = choose_sizes(listed, anchor, 10)
    assert anchor in chosen
    for first, second in itertools.pairwise(chosen):
        added = listed[second, 0] - listed[first, 0]
        assert added == 0 or added >= 10
