"""Eligibility for upper secondary school, paragraph by paragraph."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

CORE = ("SV", "EN", "MA")
OTHERS = ("BI", "FY", "KE", "GE", "HI", "RE", "SH", "BL", "HKK", "IDH", "MU", "SL", "TK")
SOCIAL = ("GE", "HI", "RE", "SH")
SCIENCE = ("BI", "FY", "KE")


def passed(*codes: str, failed: tuple[str, ...] = ()) -> dict[str, str]:
    """Return E in some subjects, and F in others."""
    return dict.fromkeys(codes, "E") | dict.fromkeys(failed, "F")


SL_16_30 = {  # vocational: Swedish, English, mathematics and at least five other subjects
    "eight subjects": (passed(*CORE, *OTHERS[:5]), True),
    "seven subjects": (passed(*CORE, *OTHERS[:4], failed=OTHERS[4:]), False),
    "no Swedish": (passed("EN", "MA", *OTHERS, failed=("SV",)), False),
    "no English": (passed("SV", "MA", *OTHERS, failed=("EN",)), False),
    "a dash in mathematics": (passed("SV", "EN", *OTHERS) | {"MA": "-"}, False),
    "Swedish as a second language": (passed("SVA", "EN", "MA", *OTHERS[:5]), True),
    "Swedish twice is one subject": (passed("SV", "SVA", "EN", "MA", *OTHERS[:4]), False),
    "languages and mother tongue": (passed(*CORE, "M1DEU", "M2SPA", "MLARA", "MU", "BL"), True),
    "SS 12000 codes": (
        passed("GRGRSVE01", "GRGRENG01", "GRGRMAT01", "GRGRBIO01", "GRGRFYS01", "GRGRKEM01",
               "GRGRGEO01", "GRGRHIS01"),
        True,
    ),
    "Swedish names": (
        passed("Svenska", "Engelska", "Matematik", "Biologi", "fysik", " Kemi", "Geografi",
               "Hem- och konsumentkunskap"),
        True,
    ),
    "A counts as E does": (dict.fromkeys((*CORE, *OTHERS[:5]), "A"), True),
    "only dashes": (dict.fromkeys((*CORE, *OTHERS), "-"), False),
    # SL 10:15-16: a grade for several subjects together is no final grade
    "NO and SO are no subjects": (passed(*CORE, "NO", "SO", "BL", "MU"), False),
}  # fmt: skip
SL_16_31_GF_7_1_1 = {  # EK, HU, SA: nine others, with the four social subjects
    "twelve with the social ones": (passed(*CORE, *SOCIAL, *SCIENCE, "BL", "MU"), True),
    "eleven": (passed(*CORE, *SOCIAL, *SCIENCE, "BL"), False),
    "without history": (
        passed(*CORE, "GE", "RE", "SH", *SCIENCE, "BL", "MU", "SL", "TK", failed=("HI",)),
        False,
    ),
}
SL_16_31_GF_7_1_2 = {  # NA, TE: nine others, with the three sciences
    "twelve with the sciences": (passed(*CORE, *SCIENCE, *SOCIAL, "BL", "MU"), True),
    "without chemistry": (
        passed(*CORE, "BI", "FY", *SOCIAL, "BL", "MU", "SL", "TK", failed=("KE",)),
        False,
    ),
}
SL_16_31 = {  # ES: nine others, any of them
    "any twelve": (passed(*CORE, *SOCIAL[:2], *SCIENCE, "BL", "MU", "SL", "TK"), True),
    "eleven": (passed(*CORE, *SOCIAL[:2], *SCIENCE, "BL", "MU", "SL"), False),
}
SL_17_10 = {  # IMV: Swedish with English or mathematics and four others, or both and three
    "English and four others": (passed("SV", "EN", *OTHERS[:4], failed=("MA",)), True),
    "mathematics and four others": (passed("SV", "MA", *OTHERS[:4], failed=("EN",)), True),
    "English and three others": (passed("SV", "EN", *OTHERS[:3]), False),
    "both and three others": (passed(*CORE, *OTHERS[:3]), True),
    "both and two others": (passed(*CORE, *OTHERS[:2]), False),
    "no Swedish": (passed("EN", "MA", *OTHERS), False),
}
RULES = {
    "eligible_vocational": SL_16_30,
    "eligible_business_humanities_social": SL_16_31_GF_7_1_1,
    "eligible_science_technology": SL_16_31_GF_7_1_2,
    "eligible_arts": SL_16_31,
    "eligible_programme_oriented": SL_17_10,
}


@pytest.mark.parametrize("rule", RULES)
def test_worked_examples(rule: str, apply_rule: Any, final_grades: Any) -> None:
    examples = RULES[rule]
    found = apply_rule(rule, {name: final_grades(grades) for name, (grades, _) in examples.items()})
    assert {name: found.values(name) for name in examples} == {
        name: [1.0 if eligible else 0.0] for name, (_, eligible) in examples.items()
    }


FULL = passed(*CORE, *OTHERS[:5])
ALMOST = passed("SV", "EN", *OTHERS[:5], failed=("MA",))
REST = {code: "E" for code in FULL if code != "MA"}


@pytest.fixture(scope="module")
def found(apply_rule: Any, final_grades: Any) -> Any:
    """Pupils whose grades came, came late, were changed or replaced."""
    june, august = date(2025, 6, 27), date(2025, 8, 20)
    corrected = {
        f"corrected to {grade}": [
            *final_grades(REST),
            *final_grades({"MA": "F" if grade == "E" else "E"}, known_date=date(2025, 6, 10)),
            *final_grades({"MA": grade}, known_date=date(2025, 7, 2)),
        ]
        for grade in "EF"
    }
    early = final_grades({"HKK": "E"}, day=date(2024, 6, 10), school_year=8)
    pupils = {
        "late": [
            *final_grades(REST),
            *final_grades({"MA": "E"}, day=date(2025, 6, 12), known_date=date(2025, 6, 20)),
        ],
        "examined": [*final_grades(ALMOST), *final_grades({"MA": "E"}, day=august, term="HT")],
        "summer": [*final_grades(ALMOST), *final_grades({"MA": "E"}, day=june, term=None)],
        "worse": [*final_grades(FULL), *final_grades({"MA": "F"}, day=august, term="HT")],
        **corrected,
        "by term": [
            *final_grades(ALMOST),
            *final_grades({"MA": "E"}, day=date(2024, 12, 20), term="HT", is_final=False),
        ],
        "early": early,
        "early and then": [*early, *final_grades(ALMOST)],
        "repeats": [*final_grades(ALMOST), *final_grades(ALMOST, day=date(2026, 6, 9))],
        "year 9 in 2028": final_grades(ALMOST, day=date(2028, 6, 9)),
        "year 9 in 2029": final_grades(ALMOST, day=date(2029, 6, 8)),
        "year 10 in 2029": final_grades(ALMOST, day=date(2029, 6, 8), school_year=10),
    }
    return apply_rule("eligible_vocational", pupils)


def in_time(found: Any, pupil: str) -> list[tuple[date, float]]:
    """Return the days and values of a pupil's outcomes."""
    return [(day, value) for day, value, _, _ in found.rows.get(pupil, [])]


def test_the_outcome_is_dated_by_the_grade_that_decides(found: Any) -> None:
    assert found.rows["late"] == [(date(2025, 6, 12), 1.0, "observed", date(2025, 6, 20))]


def test_a_later_examination_adds_a_success(found: Any) -> None:
    """SL 10:23: anybody may be examined for a grade, also after final grades were given."""
    days = [(date(2025, 6, 10), 0.0), (date(2025, 8, 20), 1.0)]
    assert in_time(found, "examined") == days


def test_summer_school_within_the_school_year_is_one_decision(found: Any) -> None:
    """SL 10:23 b: summer school in June, with an examination; a school year ends with June."""
    assert in_time(found, "summer") == [(date(2025, 6, 27), 1.0)]


def test_a_worse_grade_in_an_examination_takes_nothing(found: Any) -> None:
    assert found.values("worse") == [1.0]


@pytest.mark.parametrize(("grade", "value"), [("E", 1.0), ("F", 0.0)])
def test_a_correction_replaces_what_it_corrects(grade: str, value: float, found: Any) -> None:
    """The same subject, term and school year, known later: up or down."""
    row = (date(2025, 6, 10), value, "observed", date(2025, 7, 2))
    assert found.rows[f"corrected to {grade}"] == [row]


def test_grades_that_are_not_final_count_for_nothing(found: Any) -> None:
    assert found.values("by term") == [0.0]


def test_an_early_final_grade_decides_nothing_by_itself(found: Any) -> None:
    assert found.values("early") == []
    assert in_time(found, "early and then") == [(date(2025, 6, 10), 0.0)]


def test_who_repeats_the_final_year_is_decided_on_by_the_second(found: Any) -> None:
    """The second year's grades have the same subject, term and level, as a correction has."""
    assert in_time(found, "repeats") == [(date(2026, 6, 9), 0.0)]


def test_the_ten_year_school_decides_in_year_10(found: Any) -> None:
    """SL 10:3, SFS 2025:729: applied first to education after 30 June 2028."""
    assert found.values("year 9 in 2028") == [0.0]
    assert found.values("year 9 in 2029") == []
    assert found.values("year 10 in 2029") == [0.0]


def test_nothing_is_decided_before_a_rule_holds(apply_rule: Any, final_grades: Any) -> None:
    """SL 17:10 in this wording: SFS 2018:749, education begun after 30 June 2019."""
    found = apply_rule(
        "eligible_programme_oriented",
        {"2018": final_grades(ALMOST, day=date(2018, 6, 9)), "2020": final_grades({"SV": "F"})},
    )
    assert found.met("2018")
    assert found.rows["2018"][0][0] == date(2019, 7, 1)
    assert found.values("2020") == [0.0]
