from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.fairness.groups import UNKNOWN, count_cells, find_cells, make_groupings
from riskmodel.fairness.measures import RATES, make_metric_frame

ROWS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from("abc"), st.sampled_from("xy")),
    min_size=1,
    max_size=40,
)


@given(ROWS)
@settings(max_examples=20, deadline=None)
def test_rates_agree_exactly_with_fairlearn(rows: list[tuple[bool, bool, str, str]]) -> None:
    truth = np.array([float(row[0]) for row in rows])
    flags = np.array([row[1] for row in rows])
    features = pd.DataFrame({"one": [row[2] for row in rows], "two": [row[3] for row in rows]})
    frame = make_metric_frame(truth, flags, sensitive_features=features)
    grouping = make_groupings(features, [("one", "two")])[-1]
    zeros = np.zeros(len(rows), dtype=np.int64)
    cells = count_cells(
        grouping.codes, len(grouping.values), zeros, 1, find_cells(truth, flags)
    ).sum(axis=1)
    for name, rate in RATES.items():
        successes, trials = rate.count(cells)
        for position, values in enumerate(grouping.values):
            expected = frame.by_group.loc[values, name]
            if trials[position]:
                assert successes[position] / trials[position] == expected
            else:
                assert np.isnan(expected)
    assert frame.by_group["count"].sum() == len(rows)


def test_false_alarms_among_completers_and_among_the_flagged_are_two_things() -> None:
    cells = np.array([30.0, 10.0, 20.0, 140.0])
    found = {name: np.divide(*rate.count(cells)) for name, rate in RATES.items()}
    assert found["false_positive_rate"] == 20 / 160
    assert found["false_discovery_rate"] == 20 / 50
    assert found["precision"] == 30 / 50
    assert found["recall"] == 30 / 40
    assert found["miss_rate"] == 10 / 40
    assert found["base_rate"] == 40 / 200
    assert found["selection_rate"] == 50 / 200


def test_missing_values_are_a_group_that_comes_last() -> None:
    frame = pd.DataFrame({"a": ["z", None, "b", np.nan], "c": [1, 2, 2, 1]})
    one, two, crossed = make_groupings(frame, [("a", "c")])
    assert one.values == (("b",), ("z",), (UNKNOWN,))
    assert one.codes.tolist() == [1, 2, 0, 2]
    assert two.labels == ("1", "2")
    assert crossed.name == "a × c"
    assert crossed.labels == ("b × 2", "z × 1", "unknown × 1", "unknown × 2")


@pytest.mark.parametrize("dtype", ["str", "category", "object"])
def test_groups_do_not_depend_on_how_texts_are_held(dtype: str) -> None:
    frame = pd.DataFrame({"a": pd.Series(["x", None, "y"], dtype="object").astype(dtype)})
    assert make_groupings(frame)[0].labels == ("x", "y", UNKNOWN)


def test_counts_by_group_and_cluster() -> None:
    cells = find_cells(np.array([1.0, 1, 0, 0]), np.array([True, False, True, False]))
    assert cells.tolist() == [0, 1, 2, 3]
    counts = count_cells(np.array([0, 0, 1, 1]), 2, np.array([0, 2, 2, 2]), 3, cells)
    assert counts.shape == (2, 3, 4)
    assert counts[0, 0].tolist() == [1, 0, 0, 0]
    assert counts[1, 2].tolist() == [0, 0, 1, 1]
    assert counts.sum() == 4
