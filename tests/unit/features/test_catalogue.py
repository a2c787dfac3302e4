"""The catalogue: it fits the tables, and its texts can be shown."""

from __future__ import annotations

import typing
from datetime import date

import pandas as pd
import pytest

from riskmodel.core.schema import TABLES
from riskmodel.core.windows import SchoolCalendar
from riskmodel.errors import ConfigurationError
from riskmodel.features.catalogue import list_catalogues, load_catalogue
from riskmodel.features.checks import check_specs
from riskmodel.features.compiler import compute_features
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import Domain, feature_infos

CATALOGUE = load_catalogue()
SCHEMAS = feature_schemas(TABLES)
MOMENT = date(2024, 11, 1)


def test_the_catalogue_fits_the_tables():
    check_specs(CATALOGUE, SCHEMAS)
    assert len(CATALOGUE) >= 60
    tables = {spec.table for spec in CATALOGUE}
    assert tables == {"attendance", "grades", "health_contacts", "enrolments", "support"}


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_every_feature_can_be_shown(spec):
    for name in (spec.name_sv, spec.name_en):
        assert name[0].isupper()
        assert not name.endswith(".")
    for text in (spec.description_sv, spec.description_en):
        assert text[0] == text[0].upper()
        assert text.endswith(".")
    assert spec.unit != "value"


def test_no_two_features_look_the_same_to_a_reader():
    infos = feature_infos(CATALOGUE)
    for language in ("sv", "en"):
        shown = [(getattr(i, f"name_{language}"), getattr(i, f"window_{language}")) for i in infos]
        assert len(set(shown)) == len(shown)


def test_every_domain_has_features():
    assert {spec.domain for spec in CATALOGUE} == set(typing.get_args(Domain))


def test_help_that_was_given_has_no_expected_direction():
    given = [spec for spec in CATALOGUE if spec.table in ("health_contacts", "support")]
    assert len(given) >= 12
    assert {spec.direction for spec in given} == {0}


def test_no_feature_tells_swedish_from_swedish_as_a_second_language():
    """The choice between them, and language support, would stand in for migration."""
    for spec in CATALOGUE:
        for conditions in (spec.where, spec.match):
            subjects = conditions.get("subject", ())
            assert ("SV" in subjects) == ("SVA" in subjects)
            assert "language_support" not in conditions.get("measure", ())


def test_texts_put_no_label_on_a_child():
    texts = " ".join(
        text.lower()
        for spec in CATALOGUE
        for text in (spec.name_sv, spec.name_en, spec.description_sv, spec.description_en)
    )
    for label in ("riskelev", "problem", "svag", "skolk", "truan", "weak", "dropout", "at risk"):
        assert label not in texts


def test_a_window_that_the_words_would_mistell_has_words_of_its_own():
    for spec in CATALOGUE:
        told = (spec.window_sv, spec.window_en)
        if spec.baseline or spec.latest_days or spec.aggregation in ("last", "days_since_last"):
            assert None not in told
        else:
            assert (told[0] is None) == (told[1] is None)


def test_attendance_needs_no_slow_pass():
    """Looking for the latest or different rows of the largest table would take long."""
    for spec in CATALOGUE:
        if spec.table == "attendance":
            assert spec.latest_days is None
            assert spec.aggregation not in ("first", "last", "distinct_count")
            assert spec.window.kind != "ever"


def test_health_contacts_tell_of_mental_health_or_of_learning():
    domains = {spec.domain for spec in CATALOGUE if spec.table == "health_contacts"}
    assert domains == {"mental_health"}


def test_minutes_count_only_where_attendance_was_reported():
    using = [spec for spec in CATALOGUE if any(name.endswith("_minutes") for name in spec.value)]
    assert len(using) >= 12
    assert all(spec.where == {"is_reported": (True,)} for spec in using)


def test_nothing_is_read_of_background():
    read = {name for spec in CATALOGUE for name in (*spec.value, *spec.where, *spec.match)}
    assert not read & set(TABLES["persons"].columns)


def test_an_unknown_catalogue_gets_the_closest_name():
    with pytest.raises(ConfigurationError, match="Did you mean 'swedish_school'"):
        load_catalogue("swedish_schools")
    assert list_catalogues() == ("swedish_school",)


def make_grades():
    rows = [
        ("2021-06-10", 6, "MA", "F"),
        ("2021-06-08", 6, "EN", "-"),
        ("2020-12-18", 6, "SV", "F"),
        ("2024-06-05", 8, "MA", "C"),
        ("2024-06-10", 8, "SVA", "F"),
        ("2024-06-12", 8, "EN", "-"),
    ]
    frame = pd.DataFrame(rows, columns=["date", "school_year", "subject", "grade"])
    points = {"C": 15.0, "F": 0.0}
    passed = {"C": True, "F": False, "-": False}
    return frame.assign(
        subject_id="a",
        date=pd.to_datetime(frame["date"]).dt.date,
        grade_points=frame["grade"].map(points),
        is_pass=frame["grade"].map(passed),
    )


@pytest.fixture
def compute(engine):
    """Compute the catalogue's features of one table for subject "a"."""

    def run(table, rows, columns):
        frame = pd.DataFrame(rows, columns=columns).assign(subject_id="a")
        for name in frame.columns:
            if name.endswith("date"):
                frame[name] = pd.to_datetime(frame[name]).dt.date
        return compute_features(
            engine,
            {table: engine.register(frame, table)},
            pd.DataFrame({"subject_id": ["a"], "prediction_date": [MOMENT]}),
            [spec for spec in CATALOGUE if spec.table == table and spec.relative_to is None],
            schemas=SCHEMAS,
            calendar=SchoolCalendar(),
        ).iloc[0]

    return run


def check(result, expected):
    assert result[list(expected)].astype(float).to_dict() == pytest.approx(expected)


def test_grades_of_one_term_are_taken_together(engine):
    result = compute_features(
        engine,
        {"grades": engine.register(make_grades(), "grades")},
        pd.DataFrame({"subject_id": ["a"], "prediction_date": [MOMENT]}),
        [spec for spec in CATALOGUE if spec.table == "grades" and spec.relative_to is None],
        schemas=SCHEMAS,
        calendar=SchoolCalendar(),
    ).iloc[0]
    expected = {
        "grade_points_mean": 7.5,
        "grade_points_lowest": 0,
        "grade_points_sum": 15,
        "fail_count": 2,
        "no_grade_count": 1,
        "fail_share": 5 / 6,
        "fail_swedish": 1,
        "fail_english": 1,
        "fail_mathematics": 0,
        "points_swedish": 0,
        "points_mathematics": 15,
        "year_6_fail_count": 2,
        "grade_points_change_1y": 7.5,
        "grade_points_highest": 15,
        "pass_count": 1,
        "core_pass_count": 1,
        "fail_share_change_1y": 2 / 3 - 1,
        "year_6_fail_swedish": 1,
        "year_6_fail_english": 1,
        "year_6_fail_mathematics": 1,
        "year_6_points_mean": 0,
        "points_swedish_change_1y": 0,
        "points_mathematics_change_1y": 15,
    }
    check(result, expected)
    for name in ("points_english", "points_modern_language", "points_practical"):
        assert pd.isna(result[name])


def test_absence_is_told_by_kind_and_by_who_knows_of_it(compute):
    columns = ["date", "offered_minutes", "attended_minutes", "valid_absence_minutes",
               "invalid_absence_minutes", "other_minutes", "is_reported"]  # fmt: skip
    rows = [
        ("2024-05-03", 100, 100, 0, 0, 0, True),
        ("2024-05-06", 100, 50, 50, 0, 0, True),
        ("2024-09-02", 100, 70, 0, 30, 0, True),
        ("2024-10-28", 100, 0, 90, 10, 0, True),
        ("2024-10-29", 100, 80, 0, 0, 20, True),
        ("2024-10-30", 100, None, None, None, None, False),
    ]
    result = compute("attendance", rows, columns)
    expected = {
        "absence_share_30d": 100 / 200,
        "absence_share_term": 130 / 300,
        "absence_share_previous_year": 50 / 200,
        "invalid_absence_share_term": 40 / 300,
        "invalid_absence_change_30d": 10 / 200 - 30 / 100,
        "valid_part_of_absence_school_year": 90 / 130,
        "valid_part_of_absence_previous_year": 1,
        "valid_part_of_absence_change": 90 / 130 - 1,
        "other_activity_share_school_year": 20 / 300,
        "unreported_share_term": 1 / 4,
        "longest_absence_run_school_year": 2,
        "longest_invalid_absence_run_school_year": 2,
        "current_absence_run": 0,
        "monday_friday_absence_share": 1,
        "absence_days_30d": 1,
        "days_since_attendance": 3,
    }
    check(result, expected)
    assert compute("attendance", rows[:4], columns)["current_absence_run"] == 2


def test_comparisons_name_the_school_and_differ_in_unit():
    compared = [spec for spec in CATALOGUE if spec.relative_to is not None]
    assert len(compared) >= 3
    for spec in compared:
        assert spec.relative_to == "school_unit"
        assert spec.name.endswith("_vs_school")
        assert spec.unit.endswith("_change")
        assert spec.missing.kind == "keep"


def test_schools_are_counted_whatever_the_register_does_each_year(compute):
    columns = ["start_date", "school_unit", "school_type", "programme"]
    rows = [
        ("2021-08-18", "first", "GR", None),
        ("2023-08-18", "second", "GR", None),
        ("2024-08-18", "third", "GY", "SA"),
        ("2024-10-01", "third", "GY", "IMV"),
    ]
    expected = {
        "school_count": 3,
        "school_count_2y": 2,
        "school_count_school_year": 1,
        "enrolments_1y": 2,
        "introductory_programme": 1,
    }
    check(compute("enrolments", rows, columns), expected)
    assert compute("enrolments", rows[:3], columns)["introductory_programme"] == 0
    assert pd.isna(compute("enrolments", rows[:2], columns)["introductory_programme"])


def test_contacts_are_told_apart_by_who_began_them(compute):
    rows = [
        ("2023-10-02", "counsellor", "own_initiative"),
        ("2024-02-05", "school_nurse", "health_visit"),
        ("2024-05-06", "school_nurse", "own_initiative"),
        ("2024-09-09", "psychologist", "referred"),
        ("2024-10-07", "psychologist", "follow_up"),
    ]
    expected = {
        "counsellor_contacts_1y": 2,
        "nurse_contacts_1y": 1,
        "own_initiative_contacts_1y": 1,
        "referred_contacts_1y": 1,
        "follow_up_contacts_1y": 1,
        "special_education_contacts_1y": 0,
        "health_contacts_90d": 2,
        "health_contacts_previous_year": 2,
        "health_services_1y": 2,
        "health_visits": 1,
        "days_since_health_contact": 25,
    }
    check(compute("health_contacts", rows, ["date", "service", "category"]), expected)


def test_support_is_told_by_kind(compute):
    rows = [
        ("2022-09-05", "action_programme"),
        ("2024-01-15", "special_teaching"),
        ("2024-03-04", "extra_adaptations"),
        ("2024-10-14", "extra_adaptations"),
    ]
    expected = {
        "support_measures_1y": 3,
        "support_kinds": 3,
        "action_programmes": 1,
        "extra_adaptations_1y": 2,
        "special_teaching_1y": 1,
        "attendance_support_1y": 0,
        "days_since_support": 18,
    }
    check(compute("support", rows, ["start_date", "measure"]), expected)
