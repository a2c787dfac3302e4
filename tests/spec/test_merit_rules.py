"""Merit value (gymnasieförordningen 7:4)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

SIXTEEN = (
    "SV", "EN", "MA", "BI", "FY", "KE", "GE", "HI", "RE", "SH", "BL", "HKK", "IDH", "MU", "SL",
    "TK",
)  # fmt: skip
EXAMPLES = {  # grades, merit by 16, merit by 17
    "A in all and in the language": (dict.fromkeys((*SIXTEEN, "M2SPA"), "A"), 320, 340),
    "C in all and in the language": (dict.fromkeys((*SIXTEEN, "M2DEU"), "C"), 240, 255),
    "E in all, no language": (dict.fromkeys(SIXTEEN, "E"), 160, 160),
    "E in all and in the language": (dict.fromkeys((*SIXTEEN, "M2FRA"), "E"), 160, 170),
    # The best 16 of 17 leave one E out; with the language on top of the others it is counted.
    "an A in the language": (dict.fromkeys(SIXTEEN, "E") | {"M2SPA": "A"}, 170, 180),
    # Mother tongue and the pupil's own choice may be among the 16, but are no 17th grade.
    "an A in mother tongue": (dict.fromkeys(SIXTEEN, "E") | {"MLARA": "A"}, 170, 170),
    "an A in a chosen language": (dict.fromkeys(SIXTEEN, "E") | {"M1DEU": "A"}, 170, 170),
    "a dash is no grade": (dict.fromkeys(SIXTEEN[:15], "E") | {"TK": "-"}, 150, 150),
    "an F is worth nothing": (dict.fromkeys(SIXTEEN[:15], "E") | {"TK": "F"}, 150, 150),
    "one of each": (dict(zip(("SV", "EN", "MA", "BI", "FY", "KE"), "ABCDEF")), 75, 75),
    "Swedish twice counts once": ({"SV": "E", "SVA": "A"}, 20, 20),
}


@pytest.mark.parametrize("kind", [16, 17])
def test_worked_examples(kind: int, merit_of: Any, final_grades: Any) -> None:
    pupils = {name: final_grades(grades) for name, (grades, _, _) in EXAMPLES.items()}
    expected = {name: float(row[kind - 15]) for name, row in EXAMPLES.items()}
    assert merit_of(f"merit_{kind}", pupils) == expected


def test_the_17th_grade_came_with_the_admission_of_2014(apply_rule: Any, final_grades: Any) -> None:
    grades = dict.fromkeys((*SIXTEEN, "M2SPA"), "A")
    found = apply_rule(
        "merit_17",
        {str(year): final_grades(grades, day=date(year, 6, 10)) for year in (2013, 2014)},
        at_least=330,
    )
    assert found.values("2013") == []
    assert found.values("2014") == [1.0]


def test_a_better_grade_raises_the_value_on_its_day(apply_rule: Any, final_grades: Any) -> None:
    """GF 7:4, fourth paragraph: a grade after an examination counts."""
    better = final_grades({"MA": "A"}, day=date(2025, 8, 20), term="HT")
    found = apply_rule(
        "merit_16", {"p": [*final_grades(dict.fromkeys(SIXTEEN, "E")), *better]}, at_least=170
    )
    assert [(day, value) for day, value, _, _ in found.rows["p"]] == [
        (date(2025, 6, 10), 0.0),
        (date(2025, 8, 20), 1.0),
    ]
