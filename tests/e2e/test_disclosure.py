"""Somebody who reads every artifact of a run and solves for what is hidden in them."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

LIMIT = 10
WIDTH = 1
"""A hidden count must have at least one other value that fits all that is shown."""

COUNTS = {"count": (0, 1, 2, 3), "n_positive": (0, 1), "n_flagged": (0, 2)}
RATES = {
    "base_rate": ((0, 1), (0, 1, 2, 3)),
    "selection_rate": ((0, 2), (0, 1, 2, 3)),
    "miss_rate": ((1,), (0, 1)),
    "recall": ((0,), (0, 1)),
    "false_positive_rate": ((2,), (2, 3)),
    "false_discovery_rate": ((2,), (0, 2)),
    "precision": ((0,), (0, 2)),
}
PARTS = [*COUNTS.values(), (2, 3), (1, 3), (0,), (1,), (2,), (3,)]


def read(run, name):
    return json.loads((run.out / name).read_text(encoding="utf-8"))


class Reader:
    """Knows every count and rate of an audit, that counts are whole, and who is listed."""

    def __init__(self, report):
        self.attributes = [a for a in report["attributes"] if len(a["features"]) == 1]
        names = [a["name"] for a in self.attributes]
        listed = [[g["group"] for g in a["groups"]] for a in self.attributes]
        self.atoms = [
            dict(zip(names, values, strict=True)) for values in itertools.product(*listed)
        ]
        self.rows, self.low, self.high = [], [], []
        self.learn(report["overall"], {})
        for group in (g for a in report["attributes"] for g in a["groups"]):
            self.learn(group, group["values"])

    def place(self, values, cells):
        vector = np.zeros((len(self.atoms), 4))
        for number, atom in enumerate(self.atoms):
            if all(atom[name] == value for name, value in values.items()):
                vector[number, list(cells)] = 1
        return vector.ravel()

    def add(self, vector, low, high):
        self.rows.append(vector)
        self.low.append(low)
        self.high.append(high)

    def learn(self, entry, values):
        self.add(self.place(values, COUNTS["count"]), 1, np.inf)
        for name, cells in COUNTS.items():
            value = entry["counts"][name]["value"]
            if value is not None:
                self.add(self.place(values, cells), value, value)
        for name, (over, among) in RATES.items():
            value = entry["measures"][name]["value"]
            if value is not None:
                difference = self.place(values, over) - value * self.place(values, among)
                self.add(difference, -1e-6, 1e-6)

    def solve(self, target):
        ends = []
        for sign in (1, -1):
            found = milp(
                sign * target,
                integrality=np.ones(len(target)),
                bounds=Bounds(0, 100_000),
                constraints=LinearConstraint(np.array(self.rows), self.low, self.high),
                options={"time_limit": 10},
            )
            assert found.x is not None
            ends.append(round(float(target @ found.x)))
        return ends


def find_hidden(report):
    """Every count of every group that is not shown."""
    for group in (g for a in report["attributes"] for g in a["groups"]):
        hidden = {name for name in COUNTS if group["counts"][name]["value"] is None}
        for cells in PARTS:
            if hidden or group["measures"]["miss_rate"].get("reason") == "suppressed":
                yield group, cells


def test_no_hidden_count_of_the_audit_can_be_solved_for(canary_run):
    report = read(canary_run, "fairness.json")
    reader, n_hidden = Reader(report), 0
    for group, cells in find_hidden(report):
        low, high = reader.solve(reader.place(group["values"], cells))
        if any(group["counts"][n]["value"] == low == high for n, c in COUNTS.items() if c == cells):
            continue  # a count that is shown
        n_hidden += 1
        assert low == high >= LIMIT or low == 0 or high >= LIMIT, (group["group"], cells)
        assert low == high >= LIMIT or high - low >= WIDTH or high == 0, (group["group"], cells)
    assert n_hidden > 0


def test_the_reader_finds_what_is_not_protected(canary_run):
    report = read(canary_run, "fairness.json")
    attribute = next(a for a in report["attributes"] if len(a["groups"]) > 1)
    for group, count in zip(attribute["groups"], itertools.count(20)):
        group["counts"]["count"] = {"value": count}
    report["overall"]["counts"]["count"] = {
        "value": sum(g["counts"]["count"]["value"] for g in attribute["groups"])
    }
    attribute["groups"][0]["counts"]["count"] = {"value": None}
    report["attributes"] = [attribute]
    for entry in (report["overall"], *attribute["groups"]):
        entry["measures"] = {name: {"value": None} for name in RATES}
        entry["counts"] |= {"n_positive": {"value": None}, "n_flagged": {"value": None}}
    reader = Reader(report)
    target = reader.place(attribute["groups"][0]["values"], COUNTS["count"])
    assert reader.solve(target) == [20, 20]


def walk(content, path=()):
    """Every number of a report with the way to it."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from walk(value, (*path, str(name)))
    elif isinstance(content, list):
        for value in content:
            yield from walk(value, path)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield path, content


OF_PUPILS = re.compile(
    r"^(n|n_positive|n_flagged|n_unknown|n_pupils|n_listed|n_supported|count|capacity_count"
    r"|subjects|protected|labelled|eligible|enrolled|moved|deceased|censored|unknown|cancelled"
    r"|known_too_late|n_predictions|n_training)$"
)
NAMES = ["fairness.json", "evaluation.json", "cohort.json", "data_contract.json",
         "screening_check.json", "leakage.json", "training.json"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_artifact_shows_a_small_count(canary_run, name):
    shown = [
        (path, value)
        for path, value in walk(read(canary_run, name))
        if OF_PUPILS.match(next(step for step in reversed(path) if step != "value"))
        and 0 < value < LIMIT
    ]
    assert shown == []


def test_rates_of_the_evaluation_give_no_small_count_away(canary_run):
    n_seen = 0
    for point in read(canary_run, "evaluation.json")["points"].values():
        for model in point["models"].values():
            for share in model["at_shares"]:
                rate, n = share["precision"].get("value"), share["count"]
                if rate is not None and n is not None:
                    n_seen += 1
                    for part in (rate * n, (1 - rate) * n):
                        assert part < 1e-6 or part > LIMIT - 1, share["share"]
            for level in model["calibration_curve"]:
                if level["observed"] is not None:
                    for part in (level["observed"] * level["n"], level["n"]):
                        assert part < 1e-6 or part > LIMIT - 0.5
    assert n_seen > 0


def test_totals_of_the_flow_are_the_sums_of_its_parts(canary_run):
    for row in read(canary_run, "cohort.json")["flow"]:
        parts = [row[name] for name in ("labelled", "moved", "deceased", "censored", "unknown")]
        assert all(part % LIMIT == 0 for part in parts)
        assert row["eligible"] == sum(parts)
        assert row["enrolled"] == row["eligible"] + row["cancelled"]
