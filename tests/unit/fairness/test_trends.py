from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.designs import make_pupils

from riskmodel.fairness.audit import audit


def describe(frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the audit's part on changes over time."""
    result = audit(
        frame["label"], frame["risk"], sensitive_features=frame[["group"]],
        cluster=frame["school"], cohort=frame.get("cohort"),
        **{"threshold": 0.5, "n_resamples": 99} | options,
    )  # fmt: skip
    part: dict[str, Any] = result.to_dict()["trends"]
    return part


def make_cohorts(seed: int, missed: list[float], *, n_pupils: int = 3000) -> pd.DataFrame:
    """Return cohorts in which the first group is missed more often by so much."""
    rng = np.random.default_rng(seed)
    frames = []
    for number, extra in enumerate(missed):
        frame = make_pupils(seed * 10 + number, n_pupils=n_pupils, n_schools=40, intraclass=0.02)
        school = rng.normal(0, 0.03, 40)[frame["school"]]
        chance = 0.5 + school + np.where(frame["group"] == "g0", extra, 0.0)
        frame["risk"] = np.where(rng.random(n_pupils) < chance, 0.2, 0.8)
        frames.append(frame.assign(cohort=f"202{number}/2{number + 1}"))
    return pd.concat(frames, ignore_index=True)


def changes(part: dict[str, Any], group: str = "g0") -> list[dict[str, Any]]:
    """Return the changes of one group's miss rate."""
    groups = {entry["group"]: entry for entry in part["attributes"][0]["groups"]}
    found: list[dict[str, Any]] = groups[group]["miss_rate"]["changes"]
    return found


def test_a_gap_that_grows_is_flagged_where_it_grows() -> None:
    part = describe(make_cohorts(1, [0.0, 0.0, 0.3], n_pupils=5000))
    assert part["cohorts"] == ["2020/21", "2021/22", "2022/23"]
    first, second = changes(part)
    assert not first["flagged"]
    assert second["flagged"]
    assert second["value"] == pytest.approx(0.3, abs=0.1)


def test_gaps_that_stay_are_seldom_flagged() -> None:
    flagged = 0
    for seed in range(20):
        part = describe(make_cohorts(seed + 5, [0.1, 0.1]))
        flagged += any(
            change["flagged"]
            for entry in part["attributes"][0]["groups"]
            for name in ("miss_rate", "false_positive_rate")
            for change in entry[name]["changes"]
        )
    assert flagged <= 4  # nominal 5 %: 1 of 20


def test_a_group_hidden_in_one_cohort_is_hidden_in_all() -> None:
    frame = make_cohorts(2, [0.0, 0.0])
    few = frame["cohort"].eq("2020/21") & frame["group"].eq("g3")
    frame = frame[~few | (few.cumsum() <= 6)]
    groups = {entry["group"]: entry for entry in describe(frame)["attributes"][0]["groups"]}
    for gap in groups["g3"]["miss_rate"]["gaps"]:
        assert gap == {"value": None, "reason": "suppressed"}
    assert groups["g3"]["miss_rate"]["changes"][0]["flagged"] is None


def test_one_cohort_has_no_trend() -> None:
    assert describe(make_cohorts(1, [0.0])) == {"reason": "one_cohort"}
    assert describe(make_cohorts(1, [0.0]).drop(columns="cohort")) == {"reason": "one_cohort"}
