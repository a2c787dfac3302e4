"""The rules that come with the library are whole, and each says what it follows."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from pydantic import ValidationError

from riskmodel.cohort.rules.courses import name_courses
from riskmodel.cohort.rules.specs import (
    FromGradesSpec,
    Version,
    load_compulsory_rules,
    load_diploma_rules,
    load_subject_names,
    outcome_source,
    rule_names,
)
from riskmodel.cohort.rules.subjects import name_compulsory_subjects, tidy_code
from riskmodel.cohort.specs import OutcomeSpec
from riskmodel.core.windows import Horizon

COMPULSORY, DIPLOMA = load_compulsory_rules(), load_diploma_rules()
VERSIONS = {
    "final years": COMPULSORY.final_years,
    **COMPULSORY.eligibility,
    **COMPULSORY.merit,
    "diploma": DIPLOMA.versions,
}


@pytest.mark.parametrize("rule", VERSIONS)
def test_versions_follow_one_another_without_gap_or_overlap(rule: str) -> None:
    versions = VERSIONS[rule]
    assert versions[-1].valid_to is None
    for earlier, later in pairwise(versions):
        assert earlier.valid_to == later.valid_from


def test_every_subject_that_a_rule_names_is_known() -> None:
    known = {item.subject for item in load_subject_names().compulsory}
    for versions in COMPULSORY.eligibility.values():
        for version in versions:
            for way in version.ways:
                assert {*way.core, *way.named} <= known
                assert len(way.named) <= way.others
    assert {
        name for versions in COMPULSORY.merit.values() for v in versions for name in v.beside
    } <= known
    upper = set(load_subject_names().upper_secondary.subjects)
    for version in DIPLOMA.versions:
        assert set(version.kinds) == set(DIPLOMA.programmes)
        assert {name for kind in version.kinds.values() for name in kind.levels} == upper


def test_no_code_or_name_stands_for_two_subjects() -> None:
    subjects = load_subject_names().compulsory
    names = [tidy_code(text) for item in subjects for text in (*item.codes, *item.names)]
    assert len(names) == len(set(names))
    found = name_compulsory_subjects([*names, "M1DEU", "M2SPA", "ML ARA", "MLSOM"])
    assert len(found) == len(names) + 4


@pytest.mark.parametrize("code", ["NO", "SO", "SVE", "ENGENG05", "M3SPA", "MAT", "", "M2SPANISH"])
def test_what_is_not_known_has_no_subject(code: str) -> None:
    assert name_compulsory_subjects([code]).empty


@pytest.mark.parametrize(
    ("codes", "course"),
    [
        (("SVESVE01", "SVASVA01", "SVEN1000X", "SVEA1000X", "Svenska 1", "Svenska nivå 1",
          "Svenska som andraspråk, nivå 1"), "swedish 1"),
        (("ENGENG06", "ENGE2000X", "Engelska 6", "engelska nivå 2"), "english 2"),
        (("MATMAT01a", "MATMAT01c", "MATE1B00X", "Matematik 1b", "Matematik nivå 1c"),
         "mathematics 1"),
        (("GYARSA", "GYARNA", "Gymnasiearbete"), "project"),
    ],
)  # fmt: skip
def test_alternatives_are_one_course(codes: tuple[str, ...], course: str) -> None:
    assert set(name_courses(codes)["course"]) == {course}


def test_other_courses_are_told_apart() -> None:
    codes = ["SVERET0", "HIST1A10X", "HIST1A20X", "HIST1B00X", "MODY1000XDAN", "MODY1000XITA",
             "MATO1B00X", "SVE", "ENG", "XXX"]  # fmt: skip
    found = name_courses(codes)
    assert found["course"].nunique() == len(codes)
    assert not found["subject"].isin(["swedish", "english", "mathematics"]).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "eligible_vocatonal", "from_grades": {}}, "Did you mean 'eligible_vocational'"),
        ({"name": "merit_17", "from_grades": {}}, "at_least"),
        ({"name": "eligible_arts", "from_grades": {"at_least": 100}}, "at_least"),
        ({"name": "diploma", "from_grades": {"programme_subjects": {"XX": ["A"]}}}, "'XX'"),
        ({"name": "diploma", "completed_value": 0, "from_grades": {}}, "completed_value"),
    ],
)
def test_settings_that_no_rule_takes_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OutcomeSpec.model_validate(settings | {"horizon": Horizon(months=12)})


@pytest.mark.parametrize(
    ("outcome", "spec", "tables", "source"),
    [
        ("eligible_arts", None, ["grades"], "grades"),
        ("eligible_arts", None, ["grades", "outcomes"], "outcomes"),
        ("eligible_arts", FromGradesSpec(), ["grades", "outcomes"], "grades"),
        ("eligible_arts", None, [], "outcomes"),
        ("own", None, ["grades"], "outcomes"),
        ("own", FromGradesSpec(rule="eligible_arts"), ["grades"], "grades"),
        ("merit_16", None, ["grades"], "outcomes"),  # needs a limit, which nobody gave
    ],
)
def test_where_an_outcome_comes_from(
    outcome: str, spec: FromGradesSpec | None, tables: list[str], source: str
) -> None:
    assert outcome_source(outcome, spec, tables) == source


def test_a_version_holds_on_some_day() -> None:
    with pytest.raises(ValidationError, match="valid_to"):
        Version(valid_from=date(2020, 1, 1), valid_to=date(2020, 1, 1), follows="SL 1:1")
    assert "diploma" in rule_names()
