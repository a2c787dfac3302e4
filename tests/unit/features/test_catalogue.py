"""The catalogue: it fits the tables, and its texts can be shown."""

from __future__ import annotations

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
from riskmodel.features.specs import feature_infos

CATALOGUE = load_catalogue()
SCHEMAS = feature_schemas(TABLES)
MOMENT = date(2024, 11, 1)


def test_the_catalogue_fits_the_tables():
    check_specs(CATALOGUE, SCHEMAS)
    assert len(CATALOGUE) >= 36
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
    return frame.assign(
        subject_id="a",
        date=pd.to_datetime(frame["date"]).dt.date,
        grade_points=frame["grade"].map(points),
    )


def test_grades_of_one_term_are_taken_together(engine):
    result = compute_features(
        engine,
        {"grades": engine.register(make_grades(), "grades")},
        pd.DataFrame({"subject_id": ["a"], "prediction_date": [MOMENT]}),
        [spec for spec in CATALOGUE if spec.table == "grades"],
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
    }
    assert result[list(expected)].astype(float).to_dict() == pytest.approx(expected)
    assert pd.isna(result["points_english"])
