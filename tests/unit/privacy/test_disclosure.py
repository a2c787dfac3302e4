from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, milp

from riskmodel.errors import UsageError
from riskmodel.privacy.disclosure import (
    describe_count,
    is_small,
    round_count,
    show_count,
    show_share,
    suppress_counts,
    suppress_small_groups,
)

COUNT = st.one_of(st.integers(0, 12), st.integers(0, 60))
LIMIT = st.sampled_from([2, 3, 5, 10])


def feasible_range(constraints: np.ndarray, known: np.ndarray, cell: int) -> tuple[float, float]:
    """Smallest and largest whole value of one unknown, all unknowns being at least 1."""
    n = constraints.shape[1]
    ends = []
    for sign in (1, -1):
        cost = np.zeros(n)
        cost[cell] = sign
        result = milp(
            cost,
            integrality=np.ones(n),
            bounds=(1, 10_000),
            constraints=LinearConstraint(constraints, known, known),
        )
        assert result.success
        ends.append(result.x[cell])
    return ends[0], ends[1]


def attack_table(table: pd.DataFrame, limit: int) -> list[tuple[int, int, int]]:
    """Return the hidden cells and margins that the shown ones determine, or show to be small."""
    result = suppress_counts(table, limit)
    shown = np.full((table.shape[0] + 1, table.shape[1] + 1), -1.0)
    shown[:-1, :-1] = result.counts.astype(float).fillna(-1).to_numpy()
    shown[:-1, -1] = result.row_totals.astype(float).fillna(-1)
    shown[-1, :-1] = result.column_totals.astype(float).fillna(-1)
    shown[-1, -1] = -1 if result.total is None else result.total
    unknown = {tuple(cell): k for k, cell in enumerate(np.argwhere(shown < 0).tolist())}
    rows, known = [], []
    for axis, size in ((0, shown.shape[0]), (1, shown.shape[1])):
        for index in range(size):
            line = [(index, k) if axis == 0 else (k, index) for k in range(shown.shape[1 - axis])]
            equation, value = np.zeros(len(unknown)), 0.0
            for cell in line:
                sign = -1 if cell == line[-1] else 1
                if cell in unknown:
                    equation[unknown[cell]] = sign
                else:
                    value -= sign * shown[cell]
            rows.append(equation)
            known.append(value)
    if not unknown:
        return []
    matrix, vector = np.array(rows), np.array(known)
    ranges = {cell: feasible_range(matrix, vector, k) for cell, k in unknown.items()}
    return [cell for cell, (low, high) in ranges.items() if high - low < 0.5 or high < limit - 0.5]


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), COUNT, max_size=7), LIMIT)
@example({"a": 1, "b": 1, "c": 30}, 2)
@example({str(i): 1 for i in range(10)}, 10)
@settings(max_examples=300, deadline=None)
def test_no_small_group_is_shown_nor_follows_from_the_total(counts, limit):
    result = suppress_small_groups(counts, limit=limit)
    assert list(result.counts) == list(counts)
    hidden = [counts[name] for name in result.hidden]
    assert all(
        count == 0 or count >= limit for count in result.counts.values() if count is not None
    )
    assert all(count > 0 for count in hidden)
    if result.total is None:
        return
    assert result.total == sum(counts.values())
    assert not is_small(result.total, limit)
    known = result.total - sum(c for c in result.counts.values() if c is not None)
    assert known == sum(hidden)
    assert known == 0 or known >= limit
    possible = [
        values
        for values in itertools.product(range(1, limit + 2), repeat=2)
        if sum(values) <= known
    ]
    if hidden:
        assert len(hidden) >= 2
        assert known > len(hidden)
        assert len({first for first, _ in possible}) > 1 or known > 2 * (limit + 1)
        assert known - (len(hidden) - 1) >= limit  # each may reach the limit


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(COUNT, min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    LIMIT,
)
@example([[20, 3, 20], [3, 20, 20], [20, 20, 4]], 10)
@example([[3, 20, 20, 20], [20, 3, 20, 20], [20, 20, 3, 20], [20, 20, 20, 3]], 10)
@example([[1, 1], [1, 1]], 2)
@example([[1, 1, 30, 1], [40, 1, 40, 5], [2, 20, 20, 1], [30, 5, 0, 20]], 2)  # a bug once
@example([[5, 0], [0, 30]], 10)
@settings(max_examples=60, deadline=None)
def test_no_hidden_cell_of_a_table_is_determined(rows, limit):
    table = pd.DataFrame(rows)
    result = suppress_counts(table, limit)
    flat = [*result.counts.to_numpy().ravel(), *result.row_totals, *result.column_totals]
    assert not any(is_small(int(value), limit) for value in flat if not pd.isna(value))
    assert attack_table(table, limit) == []
    for shown, true, margin in (
        *zip(result.counts.to_numpy(), table.to_numpy(), result.row_totals),
        *zip(result.counts.to_numpy().T, table.to_numpy().T, result.column_totals),
    ):
        hidden_sum = true[pd.isna(shown)].sum()
        assert pd.isna(margin) or hidden_sum == 0 or hidden_sum >= limit


def test_the_attack_finds_a_lone_hidden_cell():
    lone = np.array([[1.0]])
    assert feasible_range(lone, np.array([7.0]), 0) == (7, 7)


def test_two_hidden_blocks_joined_by_one_cell_are_taken_apart():
    # Every row and column has two hidden cells or none, yet the joining cell is determined.
    table = pd.DataFrame(
        [
            [5, 5, 40, 40, 40],
            [5, 5, 5, 40, 40],
            [40, 40, 40, 5, 5],
            [40, 40, 5, 5, 5],
        ]
    )
    assert attack_table(table, 10) == []


def test_shown_counts_are_the_true_ones_and_labels_stay():
    table = pd.DataFrame([[50, 4], [60, 70]], index=["x", "y"], columns=["m", "k"])
    result = suppress_counts(table)
    assert result.total == 184
    assert result.row_totals.to_dict() == {"x": 54, "y": 130}
    assert result.column_totals.to_dict() == {"m": 110, "k": 74}
    assert result.is_hidden("x", "k")
    assert result.counts.isna().all(axis=None)


def test_a_table_without_small_counts_is_untouched():
    table = pd.DataFrame([[50, 0], [60, 70]])
    assert suppress_counts(table).counts.to_numpy().tolist() == [[50, 0], [60, 70]]


def test_the_smallest_other_group_protects_a_single_small_one():
    result = suppress_small_groups({"a": 100, "b": 3, "c": 40})
    assert result.counts == {"a": 100, "b": None, "c": None}
    assert result.is_hidden("c")
    assert result.total == 143
    assert result.to_dict() == {
        "groups": {
            "a": {"value": 100},
            "b": {"value": None, "reason": "suppressed"},
            "c": {"value": None, "reason": "suppressed"},
        },
        "total": {"value": 143},
        "limit": 10,
    }


def test_a_small_total_is_hidden():
    assert suppress_small_groups({"a": 4, "b": 0}).total is None
    assert suppress_small_groups({}).total == 0


@pytest.mark.parametrize("bad", [-1, 1.5, float("nan"), "many", None])
def test_what_is_no_count_is_refused_without_showing_it(bad):
    with pytest.raises(UsageError, match="whole numbers") as caught:
        suppress_small_groups({"a": bad})
    assert "many" not in str(caught.value)


def test_a_limit_below_two_is_refused():
    with pytest.raises(UsageError, match="limit"):
        suppress_counts(pd.DataFrame([[1]]), 1)


def test_two_groups_that_can_only_be_small_are_not_enough():
    assert suppress_small_groups({"a": 5, "b": 5, "c": 40}).counts == {
        "a": None,
        "b": None,
        "c": None,
    }


@pytest.mark.parametrize("n_parts", [1, 2, 5])
def test_totals_of_rounded_parts_give_nothing_more_away(n_parts):
    """Each part may be any count that rounds to it, whatever the others are."""
    rng = np.random.default_rng(n_parts)
    for _ in range(50):
        parts = rng.integers(0, 40, n_parts)
        shown = [round_count(int(part)) for part in parts]
        low = [min(n for n in range(50) if round_count(n) == part) for part in shown]
        high = [max(n for n in range(50) if round_count(n) == part) for part in shown]
        assert all(a <= part <= b for a, part, b in zip(low, parts, high, strict=True))
        assert all(b - a >= 5 and (b >= 10 or a == 0) for a, b in zip(low, high, strict=True))


def test_a_share_is_shown_only_where_neither_side_is_small():
    assert [show_share(n, 100) for n in (0, 9, 10, 90, 91, 100)] == [
        None,
        None,
        0.1,
        0.9,
        None,
        None,
    ]


def test_single_counts_as_text():
    assert [show_count(n) for n in (0, 1, 9, 10, 12345)] == ["0", "<10", "<10", "10", "12345"]
    assert describe_count(12) == {"value": 12}
