"""Tables that cannot give what features look for are refused, or their features left out."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from riskmodel.core.windows import SchoolCalendar, Window
from riskmodel.errors import ConfigurationError, DataContractError
from riskmodel.features.inspection import FitFeatures, fit_to_tables, leave_out_unknown

NOVEMBER, FEBRUARY = date(2024, 11, 1), date(2025, 2, 1)
ROWS = {
    "subject_id": ["a", "b"],
    "date": [date(2024, 10, 1), date(2024, 10, 20)],
    "known_date": [None, None],
    "amount": [1.0, 2.0],
    "size": [None, None],
    "units": [3, 4],
    "code": ["red", "green"],
    "is_ok": [True, None],
}


@pytest.fixture
def fit(engine, schemas):
    def run(specs, *, days=(NOVEMBER, FEBRUARY), school_unit=None, n_rows=2, **changes):
        frame = pd.DataFrame(ROWS | changes)
        for name in ("date", "known_date"):
            if name not in changes or not isinstance(changes[name][0], str):
                frame[name] = frame[name].astype("date32[pyarrow]")
        frame["size"] = frame["size"].astype("float64")
        frame["code"] = frame["code"].astype("str")
        cohort = pd.DataFrame(
            {
                "subject_id": "a",
                "prediction_date": list(days),
                "point": ["november", "february"][: len(days)],
                "school_unit": school_unit,
            }
        )
        table = engine.register(frame.iloc[:n_rows], "inspected")
        return fit_to_tables(
            engine, {"events": table}, cohort, specs, schemas=schemas, calendar=SchoolCalendar()
        )

    return run


def find(fit, specs, **changes):
    with pytest.raises(DataContractError) as caught:
        fit(specs, **changes)
    assert caught.value.exit_code == 11
    return caught.value.findings


def test_features_with_rows_in_reach_are_kept_without_a_notice(fit, make_spec):
    specs = [make_spec("a", value="amount", window=Window(kind="ever")), make_spec("b", "count")]
    found = fit(specs, days=[NOVEMBER])
    assert found.specs == tuple(specs)
    assert found.notices == ()


def test_features_of_other_tables_are_left_out(engine, schemas, make_spec):
    cohort = pd.DataFrame({"subject_id": ["a"], "prediction_date": [NOVEMBER]})
    places = {"schemas": schemas, "calendar": SchoolCalendar()}
    assert fit_to_tables(engine, {}, cohort, [make_spec("a", "count")], **places).specs == ()


def test_a_date_that_is_no_date_is_named_with_the_features_that_read_it(fit, make_spec):
    specs = [make_spec("first", "count"), make_spec("second", value="amount")]
    findings = find(fit, specs, date=["1 oktober", "20 oktober"], amount=["1", "2"])
    assert findings == (
        "events: column `date` must be of the type date, got string (read by `first` and 1 more)",
        "events: column `amount` must be of the type number, got string "
        "(read by `first` and 1 more)",
    )


def test_a_table_without_a_date_column_is_refused(engine, schemas, make_spec):
    table = engine.register(pd.DataFrame(ROWS).drop(columns=["date", "known_date"]), "undated")
    cohort = pd.DataFrame({"subject_id": ["a"], "prediction_date": [NOVEMBER]})
    with pytest.raises(DataContractError, match="column `date` must be there"):
        fit_to_tables(
            engine,
            {"events": table},
            cohort,
            [make_spec("a", "count")],
            schemas=schemas,
            calendar=SchoolCalendar(),
        )


def test_a_table_without_rows_is_refused(fit, make_spec):
    (finding,) = find(fit, [make_spec("visits", "count", missing="zero")], n_rows=0)
    assert finding == "events: must hold at least one row with a date, got none (read by `visits`)"


@pytest.mark.parametrize(
    "changes",
    [
        {"date": [date(2025, 3, 1), date(2025, 4, 1)]},
        {"date": [date(2025, 2, 1), date(2025, 2, 1)]},
        {"known_date": [date(2025, 2, 1), date(2025, 8, 1)]},
    ],
)
def test_a_table_that_is_known_too_late_is_refused(fit, make_spec, changes):
    (finding,) = find(fit, [make_spec("visits", "count", window=Window(kind="ever"))], **changes)
    assert "must hold a row known before the last prediction date, got none" in finding
    assert "2025" not in finding


def test_a_row_known_the_day_before_the_last_prediction_date_is_enough(fit, make_spec):
    spec = make_spec("visits", "count", window=Window(kind="ever"))
    found = find(fit, [spec], date=[date(2025, 1, 31), date(2025, 8, 1)])
    assert found == (
        "events: must hold rows in reach of the point 'november', got none at any of its 1 "
        "prediction date(s) (read by `visits`)",
    )


def test_a_point_beyond_all_rows_is_refused_and_one_beyond_some_windows_is_told(fit, make_spec):
    short = make_spec("short", "count", window=Window(days=30))
    (finding,) = find(fit, [short])
    assert "in reach of the point 'february'" in finding
    found = fit([short, make_spec("long", "count", window=Window(days=365))])
    assert len(found.specs) == 2
    assert found.notices == ("events: no data at the point 'february' for short",)


def test_the_last_day_of_a_window_counts_and_the_day_before_it_does_not(fit, make_spec):
    days = [date(2024, 10, 21), date(2024, 10, 21)]
    spec = make_spec("visits", "count", window=Window(days=103))
    assert fit([spec], date=days).notices == ()
    with pytest.raises(DataContractError, match="february"):
        fit([make_spec("visits", "count", window=Window(days=102))], date=days)


def test_features_of_empty_columns_are_left_out_and_told(fit, make_spec):
    specs = [
        make_spec("whole", "count"),
        make_spec("of_empty", value="size"),
        make_spec("of_two", value=("size", "amount")),
        make_spec("per_empty", "share", value="amount", denominator="size"),
        make_spec("filtered", value="amount", where={"code": "red"}),
        make_spec("matched", "share", match={"code": "red"}),
    ]
    found = fit(specs, code=[None, None], days=[NOVEMBER])
    assert [spec.name for spec in found.specs] == ["whole", "of_two"]
    assert found.notices == (
        "events: left out for want of a filled column: of_empty, per_empty, filtered, matched",
    )


@pytest.mark.parametrize(("school_unit", "kept"), [(None, 0), (["s", None], 1)])
def test_a_comparison_needs_the_cohort_to_say_who_the_peers_are(fit, make_spec, school_unit, kept):
    spec = make_spec("a", "count", window=Window(days=365), relative_to="school_unit")
    assert len(fit([spec], school_unit=school_unit).specs) == kept


def test_features_that_do_not_fit_the_schemas_are_refused_first(fit, make_spec):
    with pytest.raises(ConfigurationError, match="Did you mean 'amount'"):
        fit([make_spec("a", value="amont")])


def test_features_that_nobody_has_are_left_out_and_told(make_spec):
    specs = (make_spec("a"), make_spec("b", flag=True), make_spec("c"))
    frame = pd.DataFrame({"a": [1.0, None], "b": [None, None], "c": [0.0, 0.0]})
    found = leave_out_unknown(FitFeatures(specs, ("before",)), frame)
    assert [spec.name for spec in found.specs] == ["a", "c"]
    assert found.notices == ("before", "left out, known of nobody at any prediction date: b")
    assert leave_out_unknown(found, frame) is found
