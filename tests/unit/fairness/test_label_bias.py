from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from benchmarks.designs import make_pupils
from hypothesis import given
from hypothesis import strategies as st

from riskmodel.fairness.audit import audit
from riskmodel.fairness.label_bias import ERRORS, EXAMINED, find_turning_point

COUNTS = st.lists(st.integers(0, 40), min_size=4, max_size=4).map(lambda c: np.array(c, float))


def gap_after(cells: Any, others: Any, name: str, error: str, number: int) -> float:
    """Return the gap with so many labels moved, in plain arithmetic."""
    hit, missed, alarm, rest = cells
    if name == "miss_rate":
        moved = number if error == "missed" else -number
        own = (missed + moved) / (hit + missed + moved)
        return float(own - others[1] / (others[0] + others[1]))
    moved = -number if error == "missed" else number
    own = (alarm + moved) / (alarm + rest + moved)
    return float(own - others[2] / (others[2] + others[3]))


@given(COUNTS, COUNTS, st.sampled_from(EXAMINED), st.sampled_from(sorted(ERRORS)))
def test_the_turning_point_is_the_first_number_that_turns(
    cells: Any, others: Any, name: str, error: str
) -> None:
    found = find_turning_point(cells, others, name, error)
    among = (0, 1) if name == "miss_rate" else (2, 3)
    if sum(others[list(among)]) == 0 or sum(cells[list(among)]) == 0:
        assert found is None
        return
    start = gap_after(cells, others, name, error, 0)
    if found is None:
        assert start != 0
        return
    if found == 0:
        assert start == pytest.approx(0)
        return
    assert gap_after(cells, others, name, error, found - 1) * start > 0
    assert gap_after(cells, others, name, error, found) * start <= 1e-9


def test_the_audit_gives_rounded_numbers_and_shares() -> None:
    frame = make_pupils(1, n_pupils=4000, n_schools=40, intraclass=0.02, extra=0.2)
    rng = np.random.default_rng(0)
    result = audit(
        frame["label"], rng.random(len(frame)), sensitive_features=frame[["group"]],
        cluster=frame["school"], capacity=0.3, n_resamples=99,
    )  # fmt: skip
    part = result.to_dict()["label_bias"]["attributes"][0]["groups"]
    sizes = {e["group"]: e["counts"]["count"]["value"] for e in result.attributes[0]["groups"]}
    seen = 0
    for entry in part:
        for name in EXAMINED:
            for figure in entry[name].values():
                if figure["number"] is not None:
                    assert figure["number"] % 5 == 0
                    assert figure["share"] == figure["number"] / sizes[entry["group"]]
                    seen += 1
    assert seen > 4
