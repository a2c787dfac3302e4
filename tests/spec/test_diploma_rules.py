"""The diploma from upper secondary school, by the rules of 2011 and of 2025."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from riskmodel.errors import DataContractError

START = {"gy11": date(2021, 8, 16), "gy25": date(2025, 8, 18)}
END = {"gy11": date(2024, 6, 10), "gy25": date(2028, 6, 9)}
GY11_CORE = ("SVESVE01", "SVESVE02", "SVESVE03", "ENGENG05", "ENGENG06", "MATMAT01b")
GY25_CORE = ("SVEN1000X", "SVEN2000X", "SVEN3000X", "ENGE1000X", "ENGE2000X", "MATE1B00X")
PROJECT = "GYARSA"

Grades = Mapping[str, str]


def programme(core: Sequence[str], **changes: str) -> dict[str, str]:
    """Return E in a whole programme of 2,500 points (25 courses of 100), with some changed."""
    rest = [f"XXXXXX{number:02d}" for number in range(25 - len(core) - 1)]
    return dict.fromkeys((*core, *rest, PROJECT), "E") | changes


def without(grades: Grades, *codes: str) -> dict[str, str]:
    """Return the grades less some courses."""
    return {code: grade for code, grade in grades.items() if code not in codes}


def renamed(grades: Grades, **names: str) -> dict[str, str]:
    """Return the grades with other codes, given as old=new."""
    return {names.get(code, code): grade for code, grade in grades.items()}


GY11 = programme(GY11_CORE)
GY25 = programme(GY25_CORE)
F3 = {"XXXXXX00": "F", "XXXXXX01": "F", "XXXXXX02": "F"}
F2 = {"XXXXXX00": "F", "XXXXXX01": "F"}

PREPARATORY_2011 = {  # SL 16:26 and 16:28, GF 8:7 before SFS 2022:147 and 2023:654
    "2,500 points, all passed": (GY11, True),
    "2,400 points": (without(GY11, "XXXXXX00"), False),
    "2,300 of 2,500 points passed": (GY11 | F2, True),
    "2,200 of 2,500 points passed": (GY11 | F3, False),
    "F in Swedish 3": (GY11 | {"SVESVE03": "F"}, False),
    "F in Swedish 1, a pass in Swedish 3": (GY11 | {"SVESVE01": "F"}, False),
    "F in English 6": (GY11 | {"ENGENG06": "F"}, False),
    "mathematics 1c in place of 1b": (renamed(GY11, MATMAT01b="MATMAT01c"), True),
    "mathematics 1a in place of 1b": (renamed(GY11, MATMAT01b="MATMAT01a"), False),
    "Swedish as a second language": (
        renamed(GY11, SVESVE01="SVASVA01", SVESVE02="SVASVA02", SVESVE03="SVASVA03"),
        True,
    ),
    "the project failed": (GY11 | {PROJECT: "F"}, False),
    "no project": (without(GY11, PROJECT) | {"XXXXXX99": "E"}, False),
    "a dash (GF 8:12)": (GY11 | {"XXXXXX00": "-", "XXXXXX98": "E", "XXXXXX99": "E"}, False),
    "the names of courses": (
        renamed(GY11, SVESVE01="Svenska 1", ENGENG05="engelska 5", MATMAT01b="Matematik 1b") | {},
        True,
    ),
    # GF 8:14: of two grades in the same course, or alternative ones, one counts.
    "the same course twice": (
        without(GY11, "XXXXXX00") | {"MATMAT01c": "E"},
        False,
    ),
}
PREPARATORY_2025 = {  # SL 15:22, 16:26 and 16:28, GF 8:7
    "2,500 points, all passed": (GY25, True),
    "2,400 points": (without(GY25, "XXXXXX00"), False),
    "F in Swedish level 1 is replaced by a pass in level 3": (GY25 | {"SVEN1000X": "F"}, True),
    "a dash on level 1 is covered by a pass in level 2": (GY25 | {"ENGE1000X": "-"}, True),
    "F in Swedish level 3": (GY25 | {"SVEN3000X": "F"}, False),
    "F in English level 2": (GY25 | {"ENGE2000X": "F"}, False),
    "mathematics level 1a": (renamed(GY25, MATE1B00X="MATE1A00X"), False),
    "mathematics level 2b only": (renamed(GY25, MATE1B00X="MATE2B00X"), True),
    "replaced F are passed points": (GY25 | F2 | {"SVEN1000X": "F"}, True),
    "F not replaced are not": (GY25 | F2 | {"MATE1B00X": "F"}, False),
    # SFS 2022:147, transitional provision 6: a diploma may hold grades in courses too.
    "courses and levels together": (
        renamed(GY25, SVEN1000X="SVESVE01", ENGE1000X="ENGENG05"),
        True,
    ),
}
VOCATIONAL_2011 = {  # SL 16:27, GF 8:5-6; English 5, Swedish 1 and mathematics 1a
    "Swedish 1, English 5, mathematics 1a": (
        programme(("SVESVE01", "ENGENG05", "MATMAT01a")),
        True,
    ),
    "F in English 5": (programme(("SVESVE01", "ENGENG05", "MATMAT01a"), ENGENG05="F"), False),
    "no Swedish": (programme(("ENGENG05", "MATMAT01a")), False),
}
VOCATIONAL_2025 = {
    "level 1 of each": (programme(("SVEN1000X", "ENGE1000X", "MATE1A00X")), True),
    "F in mathematics": (
        programme(("SVEN1000X", "ENGE1000X", "MATE1A00X"), MATE1A00X="F"),
        False,
    ),
}
RULES = {
    "preparatory, 2011": ("gy11", "SA", PREPARATORY_2011),
    "preparatory, 2025": ("gy25", "NANAT", PREPARATORY_2025),
    "vocational, 2011": ("gy11", "BF", VOCATIONAL_2011),
    "vocational, 2025": ("gy25", "VO", VOCATIONAL_2025),
}


def rows(grades: Grades, day: date, **changes: Any) -> list[dict[str, Any]]:
    """Return final grades of 100 points each."""
    common = {"date": day, "points": 100.0, "is_final": True}
    return [
        {**common, "subject": code, "grade": grade, **changes} for code, grade in grades.items()
    ]


def began(pupil: str, code: str, day: date, **changes: Any) -> dict[str, Any]:
    """Return an enrolment in upper secondary school."""
    row = {"subject_id": pupil, "school_unit": "A", "school_type": "GY", "programme": code}
    return row | {"start_date": day, "school_year": 1} | changes


LATE = began("late", "IMA", date(2040, 8, 15))
"""Somebody whose enrolment says that the extract reaches so far."""

Apply = Callable[..., Any]


@pytest.mark.parametrize("rule", RULES)
def test_worked_examples(rule: str, apply_rule: Apply) -> None:
    kind, code, examples = RULES[rule]
    found = apply_rule(
        "diploma",
        {name: rows(grades, END[kind]) for name, (grades, _) in examples.items()},
        [LATE, *(began(name, code, START[kind]) for name in examples)],
    )
    none = [(date(START[kind].year + 4, 6, 30), 0.0)]
    assert {name: [row[:2] for row in found.rows[name]] for name in examples} == {
        name: [(END[kind], 1.0)] if passed else none for name, (_, passed) in examples.items()
    }


def test_400_points_in_subjects_common_to_the_programme(apply_rule: Apply) -> None:
    """GF 8:5 and annex 1: on the building programme 400 points in "bygg och anläggning"."""
    core = programme(("SVEN1000X", "ENGE1000X", "MATE1A00X"))
    common = {f"Bygg och anläggning, nivå {level}": "E" for level in (1, 2, 3, 4)}
    whole = without(core, "XXXXXX00", "XXXXXX01", "XXXXXX02", "XXXXXX03") | common
    pupils = {
        "passed": rows(whole, END["gy25"]),
        "the last level failed": rows(whole | {"Bygg och anläggning, nivå 4": "F"}, END["gy25"]),
        "not of the programme": rows(core, END["gy25"]),
    }
    found = apply_rule(
        "diploma", pupils, [LATE, *(began(name, "BA", START["gy25"]) for name in pupils)]
    )
    assert {name: found.met(name) for name in pupils} == {
        "passed": True, "the last level failed": False, "not of the programme": False,
    }  # fmt: skip
    assert found.derived.counts["programme_subjects_not_checked"] == 0


def test_what_cannot_be_checked_is_counted_unless_the_user_names_it(apply_rule: Apply) -> None:
    grades = programme(("SVESVE01", "ENGENG05", "MATMAT01a", "BYGBYG01"))
    place = [LATE, began("p", "BA", START["gy11"])]
    pupils = {"p": rows(grades, END["gy11"])}
    silent = apply_rule("diploma", pupils, place)
    assert silent.met("p")
    assert silent.derived.counts["programme_subjects_not_checked"] == 1
    named = apply_rule("diploma", pupils, place, programme_subjects={"BA": ("BYG",)})
    assert not named.met("p")
    assert named.derived.counts["programme_subjects_not_checked"] == 0


REPLACED = GY25 | {"SVEN1000X": "F"} | F2
"""Passed by the rules of 2025 alone: level 3 of Swedish replaces the F in level 1."""


UNEVEN = GY11 | {"SVESVE01": "F"}
"""Swedish 3 without Swedish 1: enough by the rules of 2025 alone."""


@pytest.fixture(scope="module")
def found(apply_rule: Apply) -> Any:
    """Pupils who began under one rule and ended under another, left, or were examined."""
    after, before = date(2030, 9, 1), date(2029, 6, 8)
    dash = [
        *rows(without(GY11, "XXXXXX00"), END["gy11"]),
        *rows({"XXXXXX00": "-"}, END["gy11"], term="VT"),
        *rows({"XXXXXX00": "E"}, date(2024, 8, 20), term="HT"),
    ]
    pupils = {
        "introductory first": rows(REPLACED, date(2028, 6, 9)),
        "completed in 2029": rows(UNEVEN, before),
        "completed in 2030": [
            *rows(without(UNEVEN, "XXXXXX05"), before), *rows({"XXXXXX05": "E"}, after)
        ],
        "stayed": rows(GY11, END["gy11"]),
        "dash": dash,
    }  # fmt: skip
    places = [
        LATE,
        began("introductory first", "IMA", date(2024, 8, 19), end_date=date(2025, 6, 30)),
        began("introductory first", "EK", date(2025, 8, 18)),
        began("completed in 2029", "SA", date(2024, 8, 19)),
        began("completed in 2030", "SA", date(2024, 8, 19)),
        began("stayed", "SA", START["gy11"]),
        began("dash", "SA", START["gy11"]),
        began("left", "SA", START["gy11"], end_date=date(2022, 3, 1)),
        began("introductory only", "IMA", START["gy11"]),
    ]
    return apply_rule("diploma", pupils, places)


def test_the_first_national_programme_says_which_rules_hold(found: Any) -> None:
    """Who began an introductory programme before July 2025 and a national one after it."""
    assert found.met("introductory first")


def test_old_education_is_completed_by_the_new_rules_after_june_2030(found: Any) -> None:
    """SFS 2022:147 and 2023:654, transitional provision 4."""
    assert not found.met("completed in 2029")
    assert found.rows["completed in 2030"][-1][:2] == (date(2030, 9, 1), 1.0)


def test_who_left_school_has_no_diploma_and_is_not_censored(found: Any) -> None:
    assert [row[:3] for row in found.rows["left"]] == [(date(2025, 6, 30), 0.0, "observed")]
    assert found.values("introductory only") == [0.0]
    assert found.values("stayed") == [1.0]


def test_a_passed_examination_replaces_a_dash(found: Any) -> None:
    assert [row[:2] for row in found.rows["dash"]] == [(date(2024, 8, 20), 1.0)]


def test_nothing_is_said_of_years_that_are_not_over(apply_rule: Apply) -> None:
    pupils = {"done": rows(GY11, END["gy11"]), "later": rows(GY11 | F3, END["gy11"])}
    found = apply_rule("diploma", pupils, [began(name, "SA", START["gy11"]) for name in pupils])
    assert found.values("done") == [1.0]
    assert found.values("later") == []


def test_three_years_are_enough_if_they_are_asked_for(apply_rule: Apply) -> None:
    slow = rows(GY11, date(2025, 6, 9))
    found = apply_rule("diploma", {"p": slow}, [LATE, began("p", "SA", START["gy11"])], years=3)
    assert [row[:2] for row in found.rows["p"]] == [
        (date(2024, 6, 30), 0.0),
        (date(2025, 6, 9), 1.0),
    ]


def test_grades_of_parts_of_programmes_are_refused(apply_rule: Apply) -> None:
    few = dict(list(GY11.items())[:12])
    with pytest.raises(DataContractError, match="no pupil with 2500 points"):
        apply_rule("diploma", {"p": rows(few, END["gy11"])}, [began("p", "SA", START["gy11"])])
