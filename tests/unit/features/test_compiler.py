"""What counts in a feature, shown one rule at a time."""

from __future__ import annotations

import gc
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from riskmodel.core.schema import TABLES
from riskmodel.core.windows import SchoolCalendar, Window
from riskmodel.errors import ConfigurationError, DataContractError, UsageError
from riskmodel.features.compiler import compile_features, compute_features, select_available
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import FeatureSpec

MOMENT = date(2024, 11, 1)
EVER = Window(kind="ever")


def on(day, **fields):
    return {"date": day, "amount": 1.0} | fields


def value_of(frame, name="feature"):
    (value,) = frame[name]
    return value


@pytest.mark.parametrize(
    ("window", "first_inside", "first_after"),
    [
        (Window(days=30), date(2024, 10, 2), date(2024, 11, 1)),
        (Window(days=1), date(2024, 10, 31), date(2024, 11, 1)),
        (Window(kind="school_year"), date(2024, 7, 1), date(2024, 11, 1)),
        (Window(kind="previous_school_year"), date(2023, 7, 1), date(2024, 7, 1)),
        (Window(kind="ever"), date(1, 1, 1), date(2024, 11, 1)),
    ],
)
def test_windows_are_half_open(compute, make_spec, window, first_inside, first_after):
    spec = make_spec(aggregation="count", window=window, missing="zero")
    days = {"after": first_after, "first": first_inside, "last": first_after - timedelta(days=1)}
    if first_inside > date.min:
        days["before"] = first_inside - timedelta(days=1)
    rows = [on(day, subject_id=subject) for subject, day in days.items()]
    result = compute(rows, spec, pairs=[(subject, MOMENT) for subject in days])
    counted = dict(zip(result["subject_id"], result["feature"], strict=True))
    assert counted == {subject: float(subject in ("first", "last")) for subject in days}


def test_a_timestamp_belongs_to_its_day(compute, make_spec):
    spec = make_spec(aggregation="count", missing="zero", window=Window(days=1))
    rows = [on(datetime(2024, 10, 31, 23, 59)), on(datetime(2024, 11, 1, 0, 0))]
    assert value_of(compute(rows, spec)) == 1


@pytest.mark.parametrize(
    ("known", "counted"),
    [(date(2024, 10, 31), 1), (MOMENT, 0), (date(2025, 1, 1), 0), (None, 1), (date(2020, 1, 1), 1)],
)
def test_a_row_counts_only_if_known_before(compute, make_spec, known, counted):
    spec = make_spec(aggregation="count", missing="zero")
    rows = [on(date(2024, 10, 20), known_date=known), on(date(2010, 1, 1), known_date=MOMENT)]
    assert value_of(compute(rows, spec)) == counted


def test_a_plan_for_the_future_does_not_count_before_its_day(compute, make_spec):
    spec = make_spec(aggregation="count", missing="zero", window=EVER)
    assert value_of(compute([on(date(2024, 12, 1), known_date=date(2024, 10, 1))], spec)) == 0


def test_a_row_without_a_date_counts_nowhere(compute, make_spec):
    spec = make_spec(aggregation="count", window=EVER)
    rows = [on(None, known_date=date(2024, 10, 1)), on(date(2024, 10, 1), subject_id="b")]
    assert np.isnan(value_of(compute(rows, spec)))


def test_the_school_year_starts_where_the_calendar_says(compute, make_spec):
    spec = make_spec(aggregation="count", missing="zero", window=Window(kind="school_year"))
    rows = [on(date(2024, 8, 14)), on(date(2024, 8, 15))]
    assert value_of(compute(rows, spec, calendar=SchoolCalendar(month=8, day=15))) == 1


def test_each_prediction_date_sees_its_own_days(compute, make_spec):
    spec = make_spec(aggregation="sum", value="amount", window=Window(days=10))
    rows = [on(date(2024, 1, d), amount=d) for d in range(1, 31)]
    moments = [date(2024, 1, 11), date(2024, 1, 12), date(2024, 1, 30)]
    result = compute(rows, spec, pairs=[("a", moment) for moment in moments])
    assert result["feature"].tolist() == [sum(range(1, 11)), sum(range(2, 12)), sum(range(20, 30))]


def test_every_row_of_the_cohort_is_there_in_order(compute, make_spec):
    pairs = [("c", MOMENT), ("a", date(2024, 12, 1)), ("a", MOMENT), ("b", MOMENT)]
    spec = make_spec(aggregation="count", window=EVER)
    result = compute(
        [on(date(2024, 10, 1)), on(date(2024, 10, 1), subject_id="x")], spec, pairs=pairs
    )
    assert result["subject_id"].tolist() == ["a", "a", "b", "c"]
    assert result["prediction_date"].tolist() == [MOMENT, date(2024, 12, 1), MOMENT, MOMENT]
    np.testing.assert_array_equal(result["feature"], [1, 1, np.nan, np.nan])
    assert result["feature"].dtype == "float64"


def test_missing_rules_and_flags(compute, make_spec):
    specs = [
        make_spec("kept", "count", flag=True),
        make_spec("zero", "count", missing="zero", flag=True),
        make_spec("constant", "count", missing={"kind": "constant", "value": -7}),
    ]
    result = compute([], *specs)
    assert list(result.columns[2:]) == [
        "kept",
        "kept__missing",
        "zero",
        "zero__missing",
        "constant",
    ]
    assert np.isnan(value_of(result, "kept"))
    assert result.iloc[0, 3:].tolist() == [1.0, 0.0, 1.0, -7.0]
    there = compute([on(date(2024, 10, 20))], *specs)
    assert there.iloc[0, 2:].tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]


def test_a_share_of_nothing_is_missing(compute, make_spec):
    spec = make_spec(aggregation="share", value="amount", denominator="size")
    assert np.isnan(value_of(compute([on(date(2024, 10, 20), size=0.0)], spec)))


def test_rows_without_value_or_denominator_do_not_count(compute, make_spec):
    spec = make_spec(aggregation="share", value="amount", denominator="size")
    rows = [
        on(date(2024, 10, 20), amount=1.0, size=4.0),
        on(date(2024, 10, 21), amount=None, size=100.0),
        on(date(2024, 10, 22), amount=100.0, size=None),
        on(date(2024, 10, 23), amount=float("nan"), size=5.0),
    ]
    assert value_of(compute(rows, spec)) == 0.25


def test_numbers_that_are_not_finite_are_missing(engine, schemas, make_spec):
    rows = "SELECT 'a' AS subject_id, DATE '2024-10-20' AS date, {}::DOUBLE AS amount"
    query = " UNION ALL ".join(rows.format(value) for value in ("'nan'", "'inf'", "2"))
    engine.connection.con.execute(f"CREATE OR REPLACE TEMP TABLE not_finite AS {query}")
    result = compute_features(
        engine,
        {"events": engine.connection.table("not_finite")},
        pd.DataFrame({"subject_id": ["a"], "prediction_date": [MOMENT]}),
        [make_spec(value="amount"), make_spec("rows", "count", value="amount")],
        schemas=schemas,
        calendar=SchoolCalendar(),
    )
    assert result.iloc[0, 2:].tolist() == [2.0, 1.0]


def test_several_value_columns_are_summed(compute, make_spec):
    spec = make_spec(aggregation="sum", value=("amount", "size"))
    rows = [
        on(date(2024, 10, 20), amount=1.0, size=2.0),
        on(date(2024, 10, 21), amount=None, size=4.0),
        on(date(2024, 10, 22), amount=None, size=None),
    ]
    assert value_of(compute(rows, spec)) == 7
    assert np.isnan(value_of(compute(rows[2:], spec)))


def test_days_not_reported_are_neither_present_nor_absent(engine):
    frame = pd.DataFrame(
        {
            "subject_id": "a",
            "date": [date(2024, 10, day) for day in (21, 22, 23, 24)],
            "offered_minutes": [100.0, 100.0, 100.0, 100.0],
            "valid_absence_minutes": [50.0, 0.0, None, 100.0],
            "invalid_absence_minutes": [0.0, None, None, 0.0],
            "is_reported": [True, True, True, False],
        }
    )
    spec = FeatureSpec(
        name="absence",
        table="attendance",
        aggregation="share",
        value=("valid_absence_minutes", "invalid_absence_minutes"),
        denominator="offered_minutes",
        where={"is_reported": True},
        window=Window(days=30),
        missing="keep",
        domain="school_attendance",
    )
    result = compute_features(
        engine,
        {"attendance": engine.register(frame, "attendance")},
        pd.DataFrame({"subject_id": ["a"], "prediction_date": [MOMENT]}),
        [spec],
        schemas=feature_schemas(TABLES),
        calendar=SchoolCalendar(),
    )
    assert value_of(result, "absence") == 0.25


def test_nothing_that_matches_is_zero_and_no_rows_are_missing(compute, make_spec):
    spec = make_spec(aggregation="count", match={"code": "red"})
    assert value_of(compute([on(date(2024, 10, 20), code="green")], spec)) == 0
    assert np.isnan(value_of(compute([on(date(2024, 10, 20), code=None)], spec)))


def test_the_latest_days_are_those_up_to_the_latest_row(compute, make_spec):
    spec = make_spec(aggregation="mean", value="amount", window=EVER, latest_days=3)
    rows = [on(date(2024, 6, d), amount=d) for d in (7, 8, 10)]
    assert value_of(compute(rows, spec)) == 9
    last = make_spec(aggregation="last", value="amount", window=EVER)
    assert value_of(compute([*rows, on(date(2024, 6, 10), amount=20)], last)) == 15


def test_a_trend_is_per_week_and_needs_two_days_with_weight(compute, make_spec):
    spec = make_spec(aggregation="trend", value="amount", denominator="size")
    rows = [on(date(2024, 10, d), amount=0.1 * d * 3, size=3.0) for d in (10, 14, 20)]
    assert value_of(compute(rows, spec)) == pytest.approx(0.7)
    one_day = [on(date(2024, 10, 11), amount=n, size=n / 3) for n in (0.1, 0.7, 1.3)]
    weightless = [on(date(2024, 10, 19), amount=5.0, size=0.0)]
    assert np.isnan(value_of(compute(one_day + weightless, spec)))


def test_a_change_compares_with_the_rest_of_the_baseline(compute, make_spec):
    spec = make_spec(
        aggregation="change", value="amount", window=Window(days=7), baseline=Window(days=30)
    )
    rows = [on(date(2024, 10, 26), amount=5), on(date(2024, 10, 25), amount=2)]
    assert np.isnan(value_of(compute(rows, spec)))
    assert value_of(compute([*rows, on(date(2024, 10, 24), amount=1)], spec)) == 2.5


def test_different_days_are_counted(compute, make_spec):
    by_day = make_spec("days", "day_count", value="amount", above=0)
    by_value = make_spec("dates", "distinct_count", value="date")
    rows = [on(date(2024, 10, d), amount=n) for d, n in ((20, 1), (20, 2), (21, 0), (22, 4))]
    result = compute(rows, by_day, by_value)
    assert (value_of(result, "days"), value_of(result, "dates")) == (2, 3)


def test_a_correction_counts_from_the_day_on_which_it_is_known(compute, make_spec):
    spec = make_spec(value="amount", window=EVER)
    rows = [
        on(date(2024, 10, 3), lesson="1", amount=60.0),
        on(date(2024, 10, 3), lesson="1", amount=0.0, known_date=date(2024, 10, 20)),
        on(date(2024, 10, 3), lesson="2", amount=5.0),
    ]
    moments = [date(2024, 10, 20), date(2024, 10, 21), MOMENT]
    result = compute(rows, spec, pairs=[("a", moment) for moment in moments])
    assert result["feature"].tolist() == [65, 5, 5]


def test_a_correction_after_every_prediction_date_changes_nothing(compute, make_spec):
    spec = make_spec(value="amount")
    original = [on(date(2024, 10, 20), lesson="1", amount=60.0)]
    late = on(date(2024, 10, 20), lesson="1", amount=0.0, known_date=MOMENT)
    assert value_of(compute([*original, late], spec)) == value_of(compute(original, spec)) == 60


def test_the_latest_of_several_corrections_counts(compute, make_spec):
    spec = make_spec(value="amount")
    known = {60.0: None, 30.0: date(2024, 10, 25), 10.0: date(2024, 10, 28), 99.0: MOMENT}
    rows = [
        on(date(2024, 10, 20), lesson="1", amount=amount, known_date=day)
        for amount, day in known.items()
    ]
    assert value_of(compute(rows, spec)) == 10


def test_garbage_is_collected_again_afterwards(compute, make_spec):
    compute([on(date(2024, 10, 3), amount=1.0)], make_spec(value="amount"))
    assert gc.isenabled()
    with pytest.raises(ConfigurationError):
        compute([on(date(2024, 10, 3), amount=1.0)], make_spec(value="no_such_column"))
    assert gc.isenabled()


@pytest.mark.parametrize("n_late", [0, 2])
def test_a_fact_whose_key_lacks_the_date_may_be_dated_anew(compute, make_spec, schemas, n_late):
    # As a grade that is set again in the same term, on a later day.
    table = schemas["events"]
    schemas["events"] = table.model_copy(update={"fact_key": ("lesson",)})
    late = on(date(2024, 10, 5), lesson="2", amount=5.0, known_date=date(2024, 10, 6))
    rows = [
        on(date(2024, 10, 3), lesson="1", amount=60.0),
        on(date(2024, 10, 20), lesson="1", amount=7.0),
        *[late] * n_late,
    ]
    pairs = [("a", day) for day in (date(2024, 10, 20), date(2024, 10, 21))]
    result = compute(rows, make_spec(value="amount"), pairs=pairs)
    assert result["feature"].tolist() == [60 + 5 * n_late, 7 + 5 * n_late]


def test_a_correction_that_no_longer_passes_the_filter_takes_the_row_away(compute, make_spec):
    spec = make_spec(aggregation="count", where={"code": "red"}, missing="zero")
    rows = [
        on(date(2024, 10, 20), lesson="1", code="red"),
        on(date(2024, 10, 20), lesson="1", code="green", known_date=date(2024, 10, 22)),
    ]
    assert value_of(compute(rows, spec)) == 0


def test_rows_without_the_whole_key_are_facts_of_their_own(compute, make_spec):
    spec = make_spec(value="amount")
    rows = [on(date(2024, 10, 20), known_date=known) for known in (None, date(2024, 10, 22), None)]
    assert value_of(compute([*rows, on(date(2024, 10, 20), lesson="1")], spec)) == 4


def test_a_backdated_row_counts_once_it_is_known(compute, make_spec):
    spec = make_spec(value="amount", window=EVER)
    rows = [on(date(2020, 1, 1), known_date=date(2024, 10, 15)), on(date(2024, 10, 1))]
    moments = [date(2024, 10, 15), date(2024, 10, 16)]
    result = compute(rows, spec, pairs=[("a", moment) for moment in moments])
    assert result["feature"].tolist() == [1, 2]


def test_a_mark_counts_only_from_the_day_on_which_it_was_set(compute, make_spec):
    specs = [
        make_spec("over", "count", match={"is_over": True}, window=EVER),
        make_spec("rows", "count", window=EVER),
    ]
    rows = [
        on(date(2024, 8, 20), is_over=True, ended=date(2024, 10, 10)),
        on(date(2024, 8, 20), is_over=True, ended=MOMENT),
        on(date(2024, 8, 20), is_over=True),
    ]
    result = compute(rows, *specs)
    assert (value_of(result, "over"), value_of(result, "rows")) == (1, 3)


def test_the_term_starts_in_july_or_january(compute, make_spec):
    spec = make_spec(aggregation="count", missing="zero", window=Window(kind="term"))
    rows = [on(day) for day in (date(2024, 6, 30), date(2024, 7, 1), date(2025, 1, 1))]
    moments = [MOMENT, date(2025, 1, 1), date(2025, 2, 1)]
    result = compute(rows, spec, pairs=[("a", moment) for moment in moments])
    assert result["feature"].tolist() == [1, 0, 1]


def test_only_rows_on_the_weekdays_named_count(compute, make_spec):
    rows = [on(date(2024, 10, d), amount=d) for d in (21, 22, 25, 28)]  # Mon, Tue, Fri, Mon
    chosen = make_spec("chosen", value="amount", weekdays=("monday", "friday"))
    share = make_spec("share", "weekday_share", value="amount", weekdays="monday")
    result = compute(rows, chosen, share)
    assert value_of(result, "chosen") == 21 + 25 + 28
    assert value_of(result, "share") == pytest.approx(49 / 96)


def test_weekdays_are_told_before_1970_too(compute, make_spec):
    spec = make_spec(aggregation="count", window=EVER, weekdays="wednesday", missing="zero")
    rows = [on(date(1969, 12, 31)), on(date(1969, 12, 30)), on(date(1900, 1, 3))]
    assert value_of(compute(rows, spec)) == 2


def test_a_run_is_broken_by_a_day_without_and_not_by_a_day_that_is_not_there(compute, make_spec):
    longest = make_spec("longest", "longest_run", value="amount", above=0, window=EVER)
    current = make_spec("current", "current_run", value="amount", above=0, window=EVER)
    present = date(2024, 10, 3)
    absent = [date(2024, 10, d) for d in (1, 2, 4, 7, 11)]
    rows = [on(day) for day in absent] + [on(present, amount=0.0), on(absent[0], amount=0.0)]
    result = compute(rows, longest, current)
    assert (value_of(result, "longest"), value_of(result, "current")) == (3, 3)
    ended = compute([*rows, on(date(2024, 10, 30), amount=0.0)], longest, current)
    assert (value_of(ended, "longest"), value_of(ended, "current")) == (3, 0)


def test_a_run_may_last_for_years(compute, make_spec):
    spec = make_spec(aggregation="longest_run", value="amount", above=0, window=EVER)
    rows = [on(date(2020, 1, 1) + timedelta(days=n)) for n in range(1000)]
    assert value_of(compute(rows, spec)) == 1000


def test_no_days_are_missing_and_no_hits_are_zero(compute, make_spec):
    specs = [
        make_spec(kind, kind, value="amount", above=0) for kind in ("longest_run", "day_count")
    ]
    there = compute([on(date(2024, 10, 20), amount=0.0)], *specs)
    assert there.iloc[0, 2:].tolist() == [0, 0]
    assert compute([on(date(2024, 10, 20), amount=None)], *specs).iloc[0, 2:].isna().all()


def test_the_first_is_the_mean_of_the_earliest_day(compute, make_spec):
    spec = make_spec(aggregation="first", value="amount", window=EVER)
    rows = [on(date(2024, 6, d), amount=a) for d, a in ((8, 1.0), (7, 2.0), (7, 4.0))]
    assert value_of(compute(rows, spec)) == 3


def test_peers_are_the_others_of_the_same_school_at_the_same_date(compute, make_spec):
    spec = make_spec(value="amount", relative_to="school_unit")
    rows = [on(date(2024, 10, 20), subject_id=s, amount=n) for n, s in enumerate("abcdefgh")]
    schools = dict.fromkeys("abcdef", "x") | {"g": "y"}
    pairs = [(subject, MOMENT) for subject in "abcdefgh"] + [("a", date(2024, 10, 25))]
    result = compute(rows, spec, pairs=pairs, schools=schools)
    at_moment = result[result["prediction_date"] == MOMENT].set_index("subject_id")["feature"]
    assert at_moment["a"] == 0 - 3
    assert at_moment["f"] == 5 - 2
    assert at_moment[["g", "h"]].isna().all()
    assert result.loc[result["prediction_date"] != MOMENT, "feature"].isna().all()


def test_too_few_peers_with_a_value_are_no_comparison(compute, make_spec):
    spec = make_spec(value="amount", relative_to="school_unit")
    rows = [on(date(2024, 10, 20), subject_id=s) for s in "abcde"]
    pairs = [(subject, MOMENT) for subject in "abcdef"]
    result = compute(rows, spec, pairs=pairs, schools=dict.fromkeys("abcdef", "x"))
    assert result["feature"].isna().all()


def test_a_rule_that_is_learnt_leaves_the_value_missing_and_says_so(compute, make_spec):
    result = compute([], make_spec(value="amount", missing="median"))
    assert list(result.columns[2:]) == ["feature", "feature__missing"]
    assert np.isnan(value_of(result))
    assert value_of(result, "feature__missing") == 1


def test_whole_numbers_and_fractions_give_the_same(engine, schemas, make_spec):
    specs = [
        make_spec("total", value="amount"),
        make_spec("trend", "trend", value="amount", denominator="size", window=EVER),
        make_spec("above", "count", value=("amount", "size"), above=5),
    ]
    rows = [{"date": date(2024, 10, d), "amount": d % 3, "size": 5} for d in range(1, 30)]
    results = []
    for kind in ("int32", "float64"):
        frame = pd.DataFrame(rows).assign(subject_id="a").astype({"amount": kind, "size": kind})
        results.append(
            compute_features(
                engine,
                {"events": engine.register(frame, f"numbers_{kind}")},
                pd.DataFrame({"subject_id": ["a"], "prediction_date": [MOMENT]}),
                specs,
                schemas=schemas,
                calendar=SchoolCalendar(),
            )
        )
    pd.testing.assert_frame_equal(*results, check_exact=True)


def test_columns_may_have_the_plans_own_names(engine):
    schema = feature_schemas(
        {
            "events": TABLES["support"].model_copy(
                update={
                    "columns": TABLES["support"].columns
                    | {"cell": TABLES["grades"].columns["points"]},
                    "user_declared": True,
                }
            )
        }
    )
    frame = pd.DataFrame({"subject_id": ["a"], "start_date": [date(2024, 10, 20)], "cell": [3.0]})
    names = ("point", "known", "span_0", "subject_no", "prediction_day")
    specs = [
        FeatureSpec(
            name=name,
            table="events",
            aggregation="sum",
            value="cell",
            window=Window(days=30),
            missing="keep",
            domain="motivation",
        )
        for name in names
    ]
    result = compute_features(
        engine,
        {"events": engine.register(frame, "odd_names")},
        pd.DataFrame({"subject_id": ["a"], "prediction_date": [pd.Timestamp(2024, 11, 1)]}),
        specs,
        schemas=schema,
        calendar=SchoolCalendar(),
    )
    assert result.iloc[0, 2:].tolist() == [3.0] * len(names)


def test_the_expression_can_be_written_without_pandas(engine, schemas, make_spec, tmp_path):
    frame = pd.DataFrame({"subject_id": ["a"], "date": [date(2024, 10, 20)], "amount": [2.0]})
    arguments = (
        engine,
        {"events": engine.register(frame, "written")},
        pd.DataFrame({"subject_id": ["b", "a"], "prediction_date": [MOMENT, MOMENT]}),
        [make_spec(value="amount")],
    )
    fields = {"schemas": schemas, "calendar": SchoolCalendar()}
    expr = compile_features(*arguments, **fields)
    engine.write_parquet(expr, tmp_path / "f.parquet", order_by=("subject_id", "prediction_date"))
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "f.parquet"), compute_features(*arguments, **fields)
    )


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "at least one row"),
        ([("a", MOMENT), ("a", MOMENT)], "got 1 repeated"),
        ([("a", None), (None, MOMENT)], "got 2 without"),
    ],
)
def test_a_cohort_that_cannot_be_used_is_refused(compute, make_spec, pairs, message):
    with pytest.raises(UsageError, match=message):
        compute([], make_spec(value="amount"), pairs=pairs)


def test_tables_that_are_not_there_are_named(engine, schemas, make_spec):
    cohort = pd.DataFrame({"subject_id": ["a"], "prediction_date": [MOMENT]})
    spec = make_spec(value="amount")
    with pytest.raises(UsageError, match="1 missing: events"):
        compute_features(engine, {}, cohort, [spec], schemas=schemas, calendar=SchoolCalendar())
    assert select_available([spec], {}) == ()
    assert select_available([spec], {"events": None}) == (spec,)


def test_specifications_are_checked_first(compute, make_spec):
    with pytest.raises(ConfigurationError, match="Did you mean 'amount'"):
        compute([], make_spec(value="amont"))


def test_text_in_a_number_column_gives_no_value_away(compute, make_spec):
    rows = [on(date(2024, 10, 20), amount="19900101-0017")]
    with pytest.raises(DataContractError) as caught:
        compute(rows, make_spec(value="amount"))
    assert "1990" not in str(caught.value)
