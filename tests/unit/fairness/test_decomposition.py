from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.designs import make_pupils
from hypothesis import given
from hypothesis import strategies as st

from riskmodel.fairness.audit import audit
from riskmodel.fairness.decomposition import split_gap


@given(st.data())
def test_the_parts_add_up_to_the_gap(data: st.DataObject) -> None:
    n_schools = data.draw(st.integers(2, 6))
    counts = st.lists(st.integers(0, 30), min_size=n_schools, max_size=n_schools)
    own_trials, rest_trials = (np.array(data.draw(counts), float) for _ in range(2))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    own, rest = (rng.binomial(n.astype(int), 0.4).astype(float) for n in (own_trials, rest_trials))
    found = split_gap(own + rest, own_trials + rest_trials, own, own_trials)
    if own_trials.sum() == 0 or rest_trials.sum() == 0:
        assert np.isnan(found.gap)
        return
    assert found.between + found.within == pytest.approx(found.gap)
    within = 0.0
    for k, n, total, everyone in zip(
        own, own_trials, own + rest, own_trials + rest_trials, strict=True
    ):
        if everyone:
            within += (k - n * total / everyone) / own_trials.sum()
            within -= ((total - k) - (everyone - n) * total / everyone) / rest_trials.sum()
    assert found.within == pytest.approx(within)


def describe(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the audit's parts of the gaps by group."""
    result = audit(
        frame["label"], frame["risk"], sensitive_features=frame[["group"]],
        cluster=frame.get("school", None), capacity=0.3, n_resamples=99,
    )  # fmt: skip
    part: dict[str, Any] = result.to_dict()["decomposition"]
    return part


def test_a_gap_of_schools_lies_between_and_one_of_pupils_within() -> None:
    schools = make_pupils(1, n_pupils=6000, n_schools=60, segregation=4, intraclass=0.3)
    pupils = make_pupils(2, n_pupils=6000, n_schools=60, segregation=1, intraclass=0.0, extra=0.2)
    first = describe(schools)["attributes"][0]["groups"][0]["base_rate"]
    assert abs(first["within"]["value"]) < 0.05
    second = describe(pupils)["attributes"][0]["groups"][0]["base_rate"]
    assert second["within"]["lower"] > 0.08
    assert second["gap"]["value"] == pytest.approx(
        second["between"]["value"] + second["within"]["value"]
    )


def test_without_schools_it_cannot_be_said() -> None:
    frame = make_pupils(1).drop(columns="school")
    assert describe(frame) == {"reason": "no_schools"}
    assert describe(make_pupils(1, n_schools=4)) == {"reason": "too_few"}
