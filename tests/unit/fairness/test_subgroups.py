from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from riskmodel.fairness.audit import audit

SIZE = 6000


def make_pupils(seed: int, *, planted: bool, n_schools: int = 60) -> pd.DataFrame:
    """Return pupils; where planted, girls with a high score are missed more often."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "school": rng.integers(0, n_schools, SIZE),
            "sex": rng.choice(["Man", "Kvinna"], SIZE),
            "background": rng.choice(["a", "b", "c"], SIZE),
            "score": rng.normal(size=SIZE),
            "label": (rng.random(SIZE) < 0.4).astype(float),
        }
    )
    school = rng.normal(0, 0.05, n_schools)[frame["school"]]
    chance = np.clip(np.where(frame["label"] == 1, 0.6, 0.2) + school, 0, 1)
    if planted:
        unlucky = frame["sex"].eq("Kvinna") & frame["score"].gt(0.43) & frame["label"].eq(1)
        chance = np.where(unlucky, 0.2, chance)
    frame["risk"] = (rng.random(SIZE) < chance) * 0.8 + 0.1
    return frame


def describe(frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the audit's part on hidden subgroups."""
    result = audit(
        frame["label"],
        frame["risk"],
        sensitive_features=frame[["sex", "background"]],
        cluster=frame["school"],
        covariates=frame[["score"]],
        **{"threshold": 0.5, "n_resamples": 199} | options,
    )
    part: dict[str, Any] = result.to_dict()["subgroups"]
    return part


def test_a_planted_subgroup_is_found_and_named() -> None:
    found = describe(make_pupils(1, planted=True))["miss_rate"]["confirmed"]
    conditions = [{c["feature"]: c["value"] for c in entry["conditions"]} for entry in found]
    assert {"sex": "Kvinna", "score": "high"}.items() <= conditions[0].items()
    assert found[0]["lower"] > 0.1
    assert found[0]["count"] < SIZE / 4


def test_where_all_are_served_alike_hardly_anything_is_confirmed() -> None:
    flagged = 0
    for seed in range(20):
        found = describe(make_pupils(100 + seed, planted=False), n_resamples=99)
        flagged += any(found[name]["confirmed"] for name in ("miss_rate", "false_positive_rate"))
    assert flagged <= 4  # nominal 5 %: 1 of 20


def test_missing_and_categorical_covariates_are_conditions() -> None:
    frame = make_pupils(2, planted=False)
    frame["score"] = np.where(frame["score"] > 0, frame["score"], np.nan)
    lost = frame["score"].isna() & (frame["label"] == 1)
    frame.loc[lost, "risk"] = 0.1
    found = describe(frame)["miss_rate"]["confirmed"]
    assert {"feature": "score", "value": "unknown"} in found[0]["conditions"]


def test_too_few_schools_cannot_be_said() -> None:
    frame = make_pupils(3, planted=True, n_schools=11)
    assert describe(frame) == {"reason": "too_few"}


def test_small_subgroups_show_no_numbers() -> None:
    found = describe(make_pupils(1, planted=True), minimum_count=200)["miss_rate"]["confirmed"]
    for entry in found:
        assert entry["count"] is None or entry["count"] >= 200
