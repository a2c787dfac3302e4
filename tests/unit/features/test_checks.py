"""Findings about features that do not fit the tables."""

from __future__ import annotations

import pytest

from riskmodel.core.windows import Window
from riskmodel.errors import ConfigurationError
from riskmodel.features.checks import check_specs, count_repeated_names, find_problems
from riskmodel.features.specs import FeatureSpec

ALL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def change(window, baseline):
    return {"aggregation": "change", "value": "amount", "window": window, "baseline": baseline}


CASES = [
    ({"table": "event", "value": "amount"}, "`table` must be an event table, got 'event'. Did you"),
    ({"table": "zzz", "value": "amount"}, "There is: events."),
    ({"value": "amounts"}, "`value` must name columns of the table, got 'amounts'. Did you mean"),
    ({"value": "zzz"}, "There is: subject_id, date"),
    ({"value": "code"}, "`value` must be numeric, got the string column 'code'."),
    ({"aggregation": "summ", "value": "amount"}, "Did you mean 'sum'?"),
    ({}, "`value` must be given for the aggregation 'sum'."),
    ({"value": "amount", "denominator": "size"}, "`denominator` must not be given"),
    ({"value": "amount", "match": {"code": "red"}}, "`match` must stand in place of `value`"),
    ({"aggregation": "count", "above": 1.0}, "`above` must have a `value`"),
    ({"aggregation": "change", "value": "amount"}, "`baseline` must be given"),
    ({"value": "amount", "baseline": Window(days=3)}, "`baseline` must not be given"),
    ({"aggregation": "trend", "value": "amount", "latest_days": 3}, "`latest_days` must not"),
    ({"aggregation": "distinct_count", "value": ("code", "units")}, "one column, got 2"),
    ({"aggregation": "share", "value": "amount", "denominator": "date"}, "got the date column"),
    ({"value": "amount", "where": {"cod": "red"}}, "Did you mean 'code'?"),
    ({"value": "amount", "where": {"code": ()}}, "at least one value of 'code', got none"),
    ({"value": "amount", "where": {"code": 1}}, "the string column 'code', got 1 other"),
    ({"value": "amount", "where": {"is_ok": "yes"}}, "the boolean column 'is_ok', got 1 other"),
    ({"value": "amount", "where": {"units": (True, "a", 1)}}, "column 'units', got 2 other"),
    ({"value": "amount", "where": {"date": "2024-01-01"}}, "the date column 'date', got 1"),
    ({"value": "amount", "where": {"code": "gren"}}, "Did you mean 'green'?"),
    ({"value": "amount", "window": Window(days=40_000)}, "at most 36500 days"),
    ({"aggregation": "weekday_share", "value": "amount"}, "`weekdays` must be given for the"),
    ({"aggregation": "longest_run", "value": "amount"}, "`match` or `above` must be given"),
    ({"aggregation": "current_run", "value": "amount"}, "`match` or `above` must be given"),
    ({"aggregation": "first", "value": "amount", "latest_days": 3}, "`latest_days` must not"),
    ({"value": "amount", "weekdays": ("monday", "monday")}, "each day once, got 2 names"),
    ({"value": "amount", "weekdays": ALL_DAYS}, "must leave out at least one day, got all"),
    (
        {"value": "amount", "relative_to": "school"},
        "one of school_unit, school_class, got 'school'",
    ),
    ({"value": "amount", "relative_to": "school_units"}, "Did you mean 'school_unit'?"),
    ({"value": "amount", "relative_to": "label"}, "one of school_unit, school_class, got 'label'"),
    (
        {"value": "amount", "relative_to": "school_unit", "missing": "zero"},
        "keep, mean or median beside `relative_to`, got zero",
    ),
    (change(Window(days=90), Window(days=30)), "`baseline` must hold days outside `window`"),
    (change(Window(days=30), Window(days=30)), "got none"),
    (change(Window(kind="ever"), Window(days=30)), "got none"),
    (change(Window(kind="school_year"), Window(kind="term")), "got none"),
    (change(Window(days=366), Window(kind="term")), "got none"),
    (change(Window(days=732), Window(kind="previous_school_year")), "got none"),
]


@pytest.mark.parametrize(("fields", "expected"), CASES)
def test_a_problem_is_found(make_spec, schemas, fields, expected):
    (problem,) = find_problems(make_spec(**fields), schemas)
    assert expected in problem.text
    assert problem.place.split(".")[0] in FeatureSpec.model_fields


def test_good_features_have_no_problems(make_spec, schemas):
    specs = [
        make_spec("a", "share", value=("amount", "units"), denominator="size"),
        make_spec("b", "share", match={"code": ("red", "green")}, where={"units": (1, 2.0)}),
        make_spec("c", "distinct_count", value="code"),
        make_spec("d", "mean", value="is_ok", flag=True),
        make_spec("e", "days_since_last"),
        make_spec("f", **change(Window(days=30), Window(kind="school_year")), weekdays="monday"),
        make_spec("i", "longest_run", value="amount", above=0),
        make_spec("j", "current_run", match={"code": "red"}),
        make_spec("k", "weekday_share", value="amount", weekdays=("monday", "friday")),
        make_spec("g", value="amount", relative_to="school_class", missing="median"),
        make_spec("h", **change(Window(days=365), Window(kind="previous_school_year"))),
    ]
    check_specs(specs, schemas)


def test_names_are_used_once(make_spec):
    specs = [
        make_spec("a", flag=True),
        make_spec("a"),
        make_spec("a__missing"),
        make_spec("subject_id"),
    ]
    assert count_repeated_names(specs) == {"subject_id": 2, "a": 2, "a__missing": 2}


def test_all_findings_come_at_once(make_spec, schemas):
    specs = [make_spec("a", table="event"), make_spec("a", value=("x", "y"))]
    with pytest.raises(ConfigurationError, match="got 5 problems") as caught:
        check_specs(specs, schemas)
    assert len(caught.value.findings) == 5
    assert caught.value.exit_code == 10
