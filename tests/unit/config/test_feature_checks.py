"""Every mistake in declared features has its place and the nearest name, all of them at once."""

from __future__ import annotations

import copy

import pytest
import yaml

from riskmodel.config.feature_checks import find_feature_errors
from riskmodel.config.loader import parse_spec
from riskmodel.config.models import RunConfig
from riskmodel.config.templates import find_template
from riskmodel.errors import ConfigurationError

GOOD = {
    "name": "visits",
    "table": "visits",
    "aggregation": "count",
    "where": {"kind": "planned"},
    "window": {"days": 90},
    "missing": "zero",
    "domain": "mental_health",
}
VISITS = {
    "columns": {
        "kind": {"type": "string", "allowed": ["planned", "drop_in"]},
        "minutes": {"type": "number"},
    }
}


@pytest.fixture
def settings():
    content = yaml.safe_load(find_template("compulsory_school").read_text(encoding="utf-8"))
    content["sources"]["visits"] = {"path": "visits.csv"}
    content["event_tables"] = {"visits": copy.deepcopy(VISITS)}
    content["features"]["declared"] = [dict(GOOD)]
    return content


def read(settings):
    return parse_spec(settings, RunConfig, name="run.yaml", find_errors=find_feature_errors)


def find(settings):
    with pytest.raises(ConfigurationError) as caught:
        read(settings)
    assert caught.value.exit_code == 10
    return list(caught.value.findings)


def test_good_features_have_no_findings(settings):
    assert read(settings).features.declared[0].name == "visits"


CASES = {
    "column": (
        {"aggregation": "sum", "value": "minute"},
        "features.declared[0].value: feature `visits`: `value` must name columns of the table, "
        "got 'minute'. Did you mean 'minutes'?",
    ),
    "filter": ({"where": {"knd": "planned"}}, "features.declared[0].where.knd: feature"),
    "value": ({"where": {"kind": "plannd"}}, "got 1 other. Did you mean 'planned'?"),
    "aggregation": (
        {"aggregation": "cuont"},
        "features.declared[0].aggregation: feature `visits`: `aggregation` must be one of",
    ),
    "table": ({"table": "visit"}, "features.declared[0].table: feature `visits`: `table` must"),
    "window": (
        {"window": {"kind": "trem"}},
        "features.declared[0].window.kind: Input should be",
    ),
    "empty window": (
        {"window": {"days": 0}},
        "features.declared[0].window.days: Input should be greater than or equal to 1",
    ),
    "empty baseline": (
        {"aggregation": "change", "value": "minutes", "baseline": {"days": 30}},
        "features.declared[0].baseline: feature `visits`: `baseline` must hold days outside",
    ),
    "taken name": (
        {"name": "fail_count"},
        "features.declared[0].name: feature `fail_count`: the column `fail_count` must be made",
    ),
    "taken flag": (
        {"name": "absence_share_30d__missing"},
        "the column `absence_share_30d__missing` must be made once",
    ),
    "weekday": (
        {"weekdays": ["mondy"]},
        "features.declared[0].weekdays[0]: Input should be",
    ),
    "peers": (
        {"relative_to": "class", "missing": "keep"},
        "features.declared[0].relative_to: feature `visits`: `relative_to` must be one of",
    ),
    "filled peers": (
        {"relative_to": "school_class"},
        "features.declared[0].missing: feature `visits`: `missing` must be keep, mean or median",
    ),
    "missing rule": ({"missing": "nil"}, "features.declared[0].missing.kind: Input should be"),
    "constant": ({"missing": {"kind": "median", "value": 3}}, "features.declared[0].missing:"),
    "setting": (
        {"agregation": "count"},
        "features.declared[0].agregation: there is no such setting. Did you mean 'aggregation'?",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_found_in_its_place(settings, case):
    changes, expected = CASES[case]
    settings["features"]["declared"][0] |= changes
    (finding,) = find(settings)
    assert expected in finding


@pytest.mark.parametrize(
    ("case", "nearest"),
    [("aggregation", "count"), ("table", "visits"), ("window", "term"), ("weekday", "monday")],
)
def test_the_nearest_valid_name_is_given(settings, case, nearest):
    settings["features"]["declared"][0] |= CASES[case][0]
    (finding,) = find(settings)
    assert finding.endswith(f"Did you mean '{nearest}'?")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"date": "kind"}, "event_tables.visits.columns.kind.type: must be date"),
        (
            {"columns": VISITS["columns"] | {"known_date": {"type": "string"}}},
            "event_tables.visits.columns.known_date.type: must be date",
        ),
        ({"fact_key": ["kid"]}, "event_tables.visits.fact_key[0]: must name a column"),
        ({"unique": ["date", "kid"]}, "event_tables.visits.unique[1]: must name a column"),
        (
            {"columns": VISITS["columns"] | {"came": {"type": "boolean", "known_from": "dat"}}},
            "event_tables.visits.columns.came.known_from: must name a date column of the table, "
            "got 'dat'. Did you mean 'date'?",
        ),
    ],
)
def test_an_event_table_has_its_dates_and_keys(settings, changes, expected):
    settings["event_tables"]["visits"] |= changes
    found = find(settings)
    assert expected in found[0]


def test_a_declared_feature_needs_a_source(settings):
    del settings["sources"]["visits"]
    (finding,) = find(settings)
    assert finding.startswith("features.declared[0].table: feature `visits`: `table` must have a")


def test_a_window_that_is_empty_at_a_point_is_found(settings):
    settings["features"]["declared"][0]["window"] = {"kind": "term"}
    assert read(settings)
    settings["cohort"]["prediction_points"].append({"name": "new_year", "month": 1, "day": 1})
    (finding,) = find(settings)
    assert finding.startswith("features.declared[0].window: feature `visits`: `window` must hold a")
    assert "'new_year'" in finding


def test_the_catalogue_and_what_is_left_out_of_it_exist(settings):
    settings["features"]["exclude"] = ["fail_count", "absence_share_30"]
    (finding,) = find(settings)
    assert finding == (
        "features.exclude[1]: must name a feature of the catalogue, got 'absence_share_30'. Did "
        "you mean 'absence_share_30d'?"
    )
    settings["features"] = {"catalogue": "swedish_schol", "declared": [dict(GOOD)]}
    (finding,) = find(settings)
    assert "features.catalogue" in finding
    assert finding.endswith("Did you mean 'swedish_school'?")


def test_a_name_left_out_of_the_catalogue_may_be_used(settings):
    settings["features"]["exclude"] = ["fail_count"]
    settings["features"]["declared"][0]["name"] = "fail_count"
    assert read(settings)


def test_all_mistakes_come_at_once_those_of_one_feature_too(settings):
    settings["random_state"] = -1
    settings["event_tables"]["visits"]["fact_key"] = ["kid"]
    settings["features"]["exclude"] = ["nothing"]
    settings["features"]["declared"] = [
        GOOD | {"window": {"days": 0}, "aggregation": "cuont", "where": {"knd": "planned"}},
        GOOD | {"name": "other", "aggregation": "sum", "value": "minute"},
        GOOD | {"name": "other"},
    ]
    places = [finding.split(":")[0] for finding in find(settings)]
    assert places == [
        "random_state",
        "features.declared[0].window.days",
        "event_tables.visits.fact_key[0]",
        "features.exclude[0]",
        "features.declared[0].aggregation",
        "features.declared[0].where.knd",
        "features.declared[1].value",
        "features.declared[2].name",
    ]


def test_features_of_a_table_that_cannot_be_read_wait_for_it(settings):
    settings["event_tables"]["visits"]["columns"]["minutes"]["type"] = "numbr"
    settings["features"]["declared"][0]["where"] = {"unknown": 1}
    (finding,) = find(settings)
    assert finding.endswith("Did you mean 'number'?")


def test_pieces_that_are_no_mappings_do_not_stop_the_check(settings):
    for name, content in (("features", []), ("event_tables", 1), ("sources", None)):
        broken = settings | {name: content}
        assert find(broken)
    settings["features"]["declared"] = [1, "a", None]
    assert len(find(settings)) == 3
