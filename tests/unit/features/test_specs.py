"""What a feature's declaration may say, and what later stages get of it."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from riskmodel.core.schema import TABLES
from riskmodel.core.windows import Window
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import FeatureInfo, FeatureSpec, MissingRule, feature_infos
from riskmodel.features.texts import window_text


def test_short_forms_mean_the_long_ones():
    common = {"name": "a", "table": "t", "aggregation": "share", "domain": "results"}
    short = FeatureSpec(
        **common, value="x", denominator="y", where={"z": 1}, window={"days": 7}, missing="zero"
    )
    long = FeatureSpec(
        **common,
        value=("x",),
        denominator=("y",),
        where={"z": (1,)},
        window=Window(kind="lookback", days=7),
        missing=MissingRule(kind="zero"),
    )
    assert short == long
    assert FeatureSpec(**common, value=None, window={"days": 7}, missing="keep").value == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Absence"},
        {"missing": "constant"},
        {"missing": {"kind": "zero", "value": 1}},
        {"missing": "drop"},
        {"window": {"kind": "month"}},
        {"direction": 2},
        {"domain": "weather"},
        {"where": "x = 1"},
        {"colour": "red"},
    ],
)
def test_what_is_not_foreseen_is_refused(make_spec, fields):
    with pytest.raises(ValidationError):
        make_spec(**fields)


def test_a_missing_rule_must_be_declared():
    with pytest.raises(ValidationError, match="missing"):
        FeatureSpec(
            name="a", table="t", aggregation="count", window=Window(days=1), domain="results"
        )


def test_true_stays_true_and_one_stays_one(make_spec):
    values = make_spec(where={"a": (True, 1, 1.5, "1")}).where["a"]
    assert [type(value) for value in values] == [bool, int, float, str]


def test_infos_cover_every_column_and_survive_json(make_spec):
    specs = [
        make_spec("a", name_sv="Frånvaro", name_en="Absence", flag=True, direction=1),
        make_spec("b", name_en="Grades", window_sv="", window_en="at the latest grading"),
        make_spec("c"),
    ]
    infos = feature_infos(specs)
    assert [info.name for info in infos] == [c for spec in specs for c in spec.columns]
    assert infos[1].name_sv == "Uppgift saknas: Frånvaro"
    assert (infos[1].unit, infos[1].direction) == ("flag", 0)
    assert (infos[2].name_sv, infos[2].window_sv) == ("Grades", "")
    assert infos[2].window_en == "at the latest grading"
    assert (infos[3].name_sv, infos[3].window_sv) == ("c", "de senaste 30 dagarna")
    copies = json.loads(json.dumps([info.to_dict() for info in infos]))
    assert tuple(FeatureInfo.from_dict(copy) for copy in copies) == infos


@pytest.mark.parametrize(
    ("window", "swedish", "english"),
    [
        (Window(days=1), "den senaste dagen", "the last day"),
        (Window(days=30), "de senaste 30 dagarna", "the last 30 days"),
        (Window(days=365), "det senaste året", "the last year"),
        (Window(days=730), "de senaste 2 åren", "the last 2 years"),
        (Window(kind="term"), "den här terminen", "this term"),
        (Window(kind="school_year"), "det här läsåret", "this school year"),
        (Window(kind="previous_school_year"), "förra läsåret", "last school year"),
        (Window(kind="ever"), "hittills", "so far"),
    ],
)
def test_windows_in_words(window, swedish, english):
    assert (window_text(window, "sv"), window_text(window, "en")) == (swedish, english)


def test_schemas_are_those_after_pseudonymisation():
    schemas = feature_schemas(TABLES)
    assert "persons" not in schemas
    assert all("person_id" not in table.columns for table in schemas.values())
    assert all(table.person == "subject_id" for table in schemas.values())
    assert {"grade_points", "is_pass"} <= set(schemas["grades"].columns)
    own = TABLES["grades"].model_copy(update={"user_declared": True})
    assert "grade_points" not in feature_schemas({"grades": own})["grades"].columns
