from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from riskmodel.fairness.audit import audit

SIZE = 8000


def make_pupils(seed: int, *, wrong: bool, n_schools: int = 60) -> pd.DataFrame:
    """Return pupils; where wrong, the highest risks of one group are too high."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "school": rng.integers(0, n_schools, SIZE),
            "group": rng.choice(["a", "b"], SIZE, p=[0.6, 0.4]),
            "risk": rng.beta(1.5, 4, SIZE),
        }
    )
    shift = rng.normal(0, 0.2, n_schools)[frame["school"]]
    odds = frame["risk"] / (1 - frame["risk"]) * np.exp(shift)
    chance = odds / (1 + odds)
    if wrong:
        high = frame["group"].eq("b") & frame["risk"].ge(frame["risk"].quantile(0.8))
        chance = np.where(high, chance * 0.6, chance)
    frame["label"] = (rng.random(SIZE) < chance).astype(float)
    return frame


def describe(frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the audit's scan for cells whose risks are wrong."""
    result = audit(
        frame["label"], frame["risk"], sensitive_features=frame[["group"]],
        cluster=frame["school"], **{"capacity": 0.2, "n_resamples": 199} | options,
    )  # fmt: skip
    part: dict[str, Any] = result.to_dict()["multicalibration"]
    return part


def test_the_cell_that_is_wrong_is_confirmed_with_its_size() -> None:
    frame = make_pupils(1, wrong=True)
    found = describe(frame)
    first = found["confirmed"][0]
    assert (first["group"], first["band"]) == ("b", 5)
    assert first["upper"] < 0
    assert -0.35 < first["difference"] < -0.1
    assert found["n_scanned"] == 10


def test_right_risks_are_seldom_called_wrong() -> None:
    called = sum(bool(describe(make_pupils(10 + s, wrong=False))["confirmed"]) for s in range(20))
    assert called <= 4  # nominal 5 %: 1 of 20


def test_small_cells_and_few_schools_show_nothing() -> None:
    hidden = describe(make_pupils(1, wrong=True), minimum_count=1500)
    assert all(cell["difference"] is None for cell in hidden["confirmed"])
    assert describe(make_pupils(1, wrong=True, n_schools=9)) == {"reason": "too_few"}
