from __future__ import annotations

import numpy as np
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


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), COUNT, max_size=7), LIMIT)
@example({"a": 1, "b": 1, "c": 30}, 2)
@example({str(i): 1 for i in range(10)}, 10)
@settings(max_examples=120, deadline=None)
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
    if hidden:
        equation = np.ones((1, len(hidden)))
        for cell in range(len(hidden)):
            low, high = feasible_range(equation, np.array([known]), cell)
            assert low < high, "the total determines a hidden group"
            assert high >= limit, "the total tells that a hidden group is small"


def test_the_attack_finds_a_lone_hidden_cell():
    lone = np.array([[1.0]])
    assert feasible_range(lone, np.array([7.0]), 0) == (7, 7)


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
        suppress_small_groups({"a": 1}, limit=1)


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
