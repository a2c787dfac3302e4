from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.designs import make_pupils

from riskmodel.fairness.audit import audit
from riskmodel.fairness.calibration import check_calibration


def smallest_p_value(frame: pd.DataFrame, seed: int, rate: float = 0.3) -> float:
    """Test the labels of each group against one risk."""
    group = frame["group"].str[1:].astype(int).to_numpy()
    shape = (group.max() + 1, frame["school"].max() + 1)
    residuals, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(residuals, (group, frame["school"]), frame["label"] - rate)
    np.add.at(counts, (group, frame["school"]), 1)
    found = check_calibration(
        residuals, counts, counts.sum(axis=1) * rate * (1 - rate), (counts > 0).sum(axis=1) >= 6,
        level=0.95, n_resamples=199, generator=np.random.default_rng(seed),
    )  # fmt: skip
    return float(np.nanmin(found.p_value))


@pytest.mark.parametrize(
    ("n_schools", "n_groups", "n_pupils"),
    [(12, 4, 2000), (20, 12, 2000), (60, 4, 2000), (60, 12, 400)],
)
def test_calibrated_groups_are_seldom_flagged(n_schools: int, n_groups: int, n_pupils: int) -> None:
    found = [
        smallest_p_value(
            make_pupils(
                seed, n_schools=n_schools, n_groups=n_groups, segregation=2, n_pupils=n_pupils
            ),
            seed,
        )
        for seed in range(150)
    ]
    assert np.mean(np.array(found) <= 0.05) <= 0.12


def test_a_group_whose_risks_are_too_low_is_found() -> None:
    found = [
        smallest_p_value(make_pupils(seed, n_schools=60, intraclass=0.02, extra=0.15), seed)
        for seed in range(30)
    ]
    assert np.mean(np.array(found) <= 0.05) > 0.8


def describe(frame: pd.DataFrame, *, clustered: bool = True, **options: Any) -> dict[str, Any]:
    """Return the audit's part on calibration by group."""
    result = audit(
        frame["label"],
        frame["risk"],
        sensitive_features=frame[["group"]],
        cluster=frame["school"] if clustered else None,
        **{"capacity": 0.3, "n_resamples": 199} | options,
    )
    part = result.to_dict()["calibration"]["attributes"][0]
    return {entry["group"]: entry for entry in part["groups"]}


@pytest.mark.parametrize("clustered", [True, False])
def test_the_audit_names_the_group_that_is_off_and_by_how_much(clustered: bool) -> None:
    rng = np.random.default_rng(0)
    frame = make_pupils(1, n_pupils=8000, n_schools=80, intraclass=0.0)
    frame["risk"] = 1 / (1 + np.exp(-rng.normal(-1, 1, len(frame))))
    chance = np.where(frame["group"] == "g1", frame["risk"] * 0.5, frame["risk"])
    frame["label"] = (rng.random(len(frame)) < chance).astype(float)
    found = describe(frame, clustered=clustered)
    off = found["g1"]["observed_minus_risk"]
    rows = frame[frame["group"] == "g1"]
    assert off["difference"] == pytest.approx((rows["label"] - rows["risk"]).mean())
    assert off["flagged"]
    assert off["upper"] < 0
    assert found["g1"]["bands"]["flagged"]
    assert not found["g0"]["observed_minus_risk"]["flagged"]


def test_risks_that_are_right_on_average_but_too_flat_are_found_by_the_bands() -> None:
    rng = np.random.default_rng(2)
    frame = make_pupils(2, n_pupils=8000, n_schools=80, intraclass=0.0)
    frame["risk"] = rng.uniform(0.2, 0.6, len(frame))
    steep = 0.4 + 2 * (frame["risk"] - 0.4)
    frame["label"] = (rng.random(len(frame)) < steep).astype(float)
    found = describe(frame)
    assert found["g0"]["bands"]["flagged"]
    assert not found["g0"]["observed_minus_risk"]["flagged"]


def test_no_band_of_a_curve_gives_a_small_count_away() -> None:
    frame = make_pupils(3, n_pupils=3000, n_schools=40)
    for entry in describe(frame).values():
        for band in entry["curve"]:
            positives = round(band["observed"] * band["n"])
            assert min(positives, band["n"] - positives) >= 10


def test_a_group_in_few_schools_cannot_be_said() -> None:
    frame = make_pupils(4, n_pupils=3000, n_schools=40)
    frame.loc[frame["school"] < 3, "group"] = "few"
    found = describe(frame)["few"]
    assert found["observed_minus_risk"]["reason"] == "too_few"
    assert found["bands"]["flagged"] is None
