from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from riskmodel.fairness.audit import audit
from riskmodel.fairness.groups import find_cells, make_groupings
from riskmodel.fairness.release import find_hidden, make_lattice

LIMIT = 10
PARTS = [
    cells
    for size in (1, 2, 4)
    for cells in product(range(4), repeat=size)
    if list(cells) == sorted(set(cells))
    and (size != 2 or cells in {(0, 1), (2, 3), (0, 2), (1, 3)})
]
OF_COUNT = {"count": (0, 1, 2, 3), "n_positive": (0, 1), "n_flagged": (0, 2)}
OF_RATE = {
    "base_rate": ((0, 1), (0, 1, 2, 3)),
    "selection_rate": ((0, 2), (0, 1, 2, 3)),
    "recall": ((0,), (0, 1)),
    "miss_rate": ((1,), (0, 1)),
    "false_positive_rate": ((2,), (2, 3)),
    "false_discovery_rate": ((2,), (0, 2)),
    "precision": ((0,), (0, 2)),
}


def make_region(seed: int, n_pupils: int) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Return labels, risks and groups, some of them small."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "background": rng.choice(["a", "b", "c", None], n_pupils, p=[0.7, 0.2, 0.07, 0.03]),
            "education": rng.choice(["x", "y", "z"], n_pupils, p=[0.5, 0.4, 0.1]),
        }
    )
    risk = rng.beta(1, 5, n_pupils)
    return (rng.random(n_pupils) < risk).astype(float), risk, frame


class Attacker:
    """Knows every number of a report, and that counts of pupils are not negative."""

    def __init__(self, report: dict[str, Any], frame: pd.DataFrame) -> None:
        texts = frame.fillna("unknown").astype(str)
        self.atoms = [tuple(row) for row in texts.drop_duplicates().to_numpy()]
        self.features = list(texts.columns)
        self.rows: list[np.ndarray] = []
        self.sums: list[float] = []
        self.learn(report["overall"], {})
        for attribute in report["attributes"]:
            for group in attribute["groups"]:
                self.learn(group, group["values"])

    def place(self, values: dict[str, str], cells: tuple[int, ...]) -> np.ndarray:
        """Return the sum over a group's atoms and some cells as a vector."""
        vector = np.zeros((len(self.atoms), 4))
        for number, atom in enumerate(self.atoms):
            held = dict(zip(self.features, atom))
            if all(held[name] == value for name, value in values.items()):
                vector[number, list(cells)] = 1
        return vector.ravel()

    def learn(self, entry: dict[str, Any], values: dict[str, str]) -> None:
        """Take down what one group's figures say."""
        for name, cells in OF_COUNT.items():
            if entry["counts"][name]["value"] is not None:
                self.rows.append(self.place(values, cells))
                self.sums.append(entry["counts"][name]["value"])
        for name, (over, among) in OF_RATE.items():
            rate = entry["measures"][name]["value"]
            if rate is not None:
                self.rows.append(self.place(values, over) - rate * self.place(values, among))
                self.sums.append(0.0)

    def bounds(self, target: np.ndarray) -> tuple[float, float]:
        """Return the least and the greatest value that a sum can have."""
        ends = []
        for sign in (1, -1):
            found = linprog(
                sign * target, A_eq=np.array(self.rows), b_eq=np.array(self.sums), method="highs"
            )
            ends.append(np.inf if found.status == 3 else sign * found.fun)
        return ends[0], ends[1]


@pytest.mark.parametrize(
    ("seed", "n_pupils"), [(0, 300), (1, 800), (2, 1500), (3, 4000), (4, 9000)]
)
def test_no_small_count_can_be_worked_out(seed: int, n_pupils: int) -> None:
    y_true, risk, frame = make_region(seed, n_pupils)
    capacity = n_pupils // 5
    result = audit(
        y_true,
        risk,
        sensitive_features=frame,
        intersections=[("background", "education")],
        capacity=capacity,
        minimum_count=LIMIT,
        n_resamples=99,
    )
    report = result.to_dict()
    attacker = Attacker(report, frame)
    flagged = np.zeros(n_pupils, dtype=bool)
    flagged[np.argsort(-risk, kind="stable")[:capacity]] = True
    cell = np.where(y_true == 1, np.where(flagged, 0, 1), np.where(flagged, 2, 3))
    texts = frame.fillna("unknown")
    n_small = n_shown = 0
    for attribute in report["attributes"]:
        for group in attribute["groups"]:
            n_shown += group["measures"]["recall"]["value"] is not None
            inside = np.all(
                [texts[name] == value for name, value in group["values"].items()], axis=0
            )
            for cells in PARTS:
                truth = int((inside & np.isin(cell, cells)).sum())
                if 0 < truth < LIMIT:
                    n_small += 1
                    low, high = attacker.bounds(attacker.place(group["values"], cells))
                    assert high - low > 0.5, (group["group"], cells)
                    # nor is it known to be small; a group that is listed has somebody in it
                    least = max(low, 1) if len(cells) == 4 else low
                    assert least < 0.5 or high > LIMIT - 0.5, (group["group"], cells)
    assert n_small > 0
    assert n_shown > 0 or n_pupils < 1000


def test_the_attacker_would_find_an_unprotected_count() -> None:
    """The test above can fail: without complementary suppression it does."""
    y_true, risk, frame = make_region(3, 4000)
    report = audit(
        y_true, risk, sensitive_features=frame, capacity=800, minimum_count=1, n_resamples=99
    ).to_dict()
    group = report["attributes"][0]["groups"][-1]
    group["counts"] = {name: {"value": None} for name in group["counts"]}
    group["measures"] = {name: {"value": None} for name in group["measures"]}
    attacker = Attacker(report, frame)
    low, high = attacker.bounds(attacker.place(group["values"], (1,)))
    assert high - low < 1e-6


def test_a_single_small_group_hides_a_second_one() -> None:
    frame = pd.DataFrame({"g": ["a"] * 400 + ["b"] * 200 + ["c"] * 5})
    y_true = np.tile([1.0, 0.0], 303)[:605]
    result = audit(
        y_true, np.linspace(0, 1, 605), sensitive_features=frame, capacity=0.5, n_resamples=99
    )
    counts = [group["counts"]["count"] for group in result.attributes[0]["groups"]]
    hidden = {"value": None, "reason": "suppressed"}
    assert counts == [{"value": 400}, hidden, hidden]
    assert result.attributes[0]["groups"][1]["measures"]["recall"] == hidden


def test_a_rate_is_hidden_that_would_tell_of_a_few_misses() -> None:
    """150 pupils with the outcome are no small number, but 4 of them missed are."""
    frame = pd.DataFrame({"g": ["a"] * 500 + ["b"] * 500})
    y_true = np.tile([1.0] * 150 + [0.0] * 350, 2)
    risk = np.tile([0.9] * 146 + [0.1] * 4 + [0.9] * 50 + [0.1] * 300, 2)
    risk[500:560] = 0.1
    result = audit(y_true, risk, sensitive_features=frame, threshold=0.5, n_resamples=99)
    first = result.attributes[0]["groups"][0]
    assert first["counts"]["n_positive"] == {"value": 150}
    for name in ("recall", "miss_rate", "precision", "false_positive_rate"):
        assert first["measures"][name] == {"value": None, "reason": "suppressed"}
    comparison = first["comparisons"]["miss_rate"]
    assert comparison["flagged"] is True
    assert comparison["difference"] is None
    assert comparison["reason"] == "suppressed"


def test_what_only_all_equations_together_give_away_is_hidden_too() -> None:
    """Two rings of small cells joined by one: no row or column tells it, but all of them do."""
    sizes = np.full((4, 4), 40)
    sizes[:2, :2] = sizes[2:, 2:] = 6
    sizes[1, 2] = 5
    places = [(i, j) for i, j in np.ndindex(4, 4) for _ in range(sizes[i, j])]
    frame = pd.DataFrame(places, columns=["row", "column"]).astype(str)
    lattice = make_lattice(make_groupings(frame, [("row", "column")]))
    counts = lattice.members @ np.bincount(lattice.atoms)
    cells = np.column_stack([counts, np.zeros((len(counts), 3))])
    hidden = find_hidden(cells, lattice, LIMIT)["size"]
    small = (counts > 0) & (counts < LIMIT)
    assert hidden[small].all()
    assert (hidden & ~small).any()
    known = lattice.members[~hidden]
    for vector in lattice.members[small]:
        weights = np.linalg.lstsq(known.T, vector, rcond=None)[0]
        assert np.abs(known.T @ weights - vector).max() > 0.01


@pytest.mark.parametrize("seed", [1, 37, 47, 57])  # each gave a small group away once
def test_no_group_of_a_cross_is_known_to_be_small(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 1500))
    wide, narrow = int(rng.integers(2, 5)), int(rng.integers(2, 4))
    frame = pd.DataFrame(
        {
            "a": rng.choice(list("abcd")[:wide], n, p=rng.dirichlet(np.full(wide, 0.6))),
            "b": rng.choice(list("xyz")[:narrow], n, p=rng.dirichlet(np.full(narrow, 0.6))),
        }
    )
    outcome, flagged = rng.random(n) < 0.15, rng.random(n) < 0.2
    lattice = make_lattice(make_groupings(frame, [("a", "b")]))
    cells = np.zeros((lattice.members.shape[1], 4))
    np.add.at(cells, (lattice.atoms, find_cells(outcome.astype(float), flagged)), 1)
    counts = lattice.members @ cells
    hidden, sizes = find_hidden(counts, lattice, LIMIT)["size"], counts.sum(axis=1)
    small = np.flatnonzero(hidden & (sizes > 0) & (sizes < LIMIT))
    for group in small:
        greatest = linprog(
            -lattice.members[group],
            A_eq=lattice.members[~hidden],
            b_eq=sizes[~hidden],
            A_ub=-lattice.members,
            b_ub=-np.ones(len(sizes)),
        )
        assert greatest.status == 3 or -greatest.fun > LIMIT - 0.5
    assert len(small)
