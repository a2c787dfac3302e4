"""Runs of days, found in bits, against the same days one by one."""

from __future__ import annotations

import random
from itertools import groupby

import pandas as pd
import pytest

from riskmodel.features.aggregations import LONGEST_CELL_DAYS
from riskmodel.features.days import DaySet, count_days, find_runs, make_bits, number_misses

SETS = {"set_0": DaySet("days", "hits", "span")}
N_CELLS = 4


def draw_cells(chance, row_no):
    """Draw cells, each one letter a day: a hit, a miss, or no row at all."""
    shares = [chance.choice([0.0, 0.05, 0.5, 0.95, 1.0]) for _ in range(2)]
    for cell in range(N_CELLS):
        letters = [
            "." if chance.random() > shares[0] else "h" if chance.random() < shares[1] else "m"
            for _ in range(LONGEST_CELL_DAYS)
        ]
        yield {"row_no": row_no, "cell": cell, "span": chance.random() > 0.2, "letters": letters}


def find_slowly(cells):
    """Return the longest run of hits and the one at the end, or None without any hit."""
    seen = [letter for cell in cells if cell["span"] for letter in cell["letters"]]
    runs = [(letter, len([*group])) for letter, group in groupby(x for x in seen if x != ".")]
    hits = [length for letter, length in runs if letter == "h"]
    return (max(hits), runs[-1][1] if runs[-1][0] == "h" else 0) if hits else None


def to_bits(letters, wanted):
    return sum(1 << day for day, letter in enumerate(letters) if letter in wanted)


@pytest.fixture(scope="module")
def cells():
    chance = random.Random(20260101)
    return [cell for row_no in range(1500) for cell in draw_cells(chance, row_no)]


@pytest.fixture(scope="module")
def united(engine, cells):
    frame = pd.DataFrame(
        {
            "row_no": [cell["row_no"] for cell in cells],
            "cell": [cell["cell"] for cell in cells],
            "span": [cell["span"] for cell in cells],
            "days": [to_bits(cell["letters"], "hm") for cell in cells],
            "hits": [to_bits(cell["letters"], "h") for cell in cells],
        }
    )
    return engine.register(frame, "united")


def test_runs_in_bits_are_runs_of_days(engine, cells, united):
    bits = engine.register(make_bits(), "bits")
    found = engine.to_pandas(find_runs(number_misses(united, SETS), "set_0", bits))
    expected = {
        row_no: runs
        for row_no, group in groupby(cells, lambda cell: cell["row_no"])
        if (runs := find_slowly(group)) is not None
    }
    pairs = zip(found["longest"], found["current"], strict=True)
    assert dict(zip(found["row_no"], pairs, strict=True)) == expected
    assert {current > 0 for _, current in expected.values()} == {True, False}


def test_bits_are_counted(engine, cells, united):
    found = engine.to_pandas(count_days(united, SETS)).set_index("row_no")
    for name, wanted in (("set_0_days", "hm"), ("set_0_hits", "h")):
        counts = dict.fromkeys(range(1500), 0)
        for cell in cells:
            if cell["span"]:
                counts[cell["row_no"]] += sum(cell["letters"].count(letter) for letter in wanted)
        assert found[name].to_dict() == counts
