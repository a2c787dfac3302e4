"""Planted leaks are found and named; honest data raise no alarm."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskmodel.core.schema import Column, Table
from riskmodel.core.windows import SchoolCalendar, Window
from riskmodel.errors import LeakageError, UsageError
from riskmodel.features import leakage
from riskmodel.features.compiler import compute_features
from riskmodel.features.leakage import find_leaks
from riskmodel.features.leakage_perturb import DAY, draw_sample
from riskmodel.features.leakage_specs import LeakageSpec
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import FeatureSpec

DATES = (date(2024, 11, 1), date(2025, 2, 1))
FIRST = date(2024, 6, 1)
N_PUPILS = 160


def make_schemas(**columns):
    known = {
        "person_id": Column(type="string", required=True),
        "date": Column(type="date", required=True),
        "known_date": Column(type="date"),
        "amount": Column(type="number"),
        "code": Column(type="string", allowed=("red", "green", "blue")),
        "place": Column(type="string"),
        "is_ok": Column(type="boolean"),
    }
    return feature_schemas(
        {"events": Table(columns=known | columns, date="date", user_declared=True)}
    )


def make_events(seed=0, n_rows=4_000):
    """Rows on any day of a year, each known some days after it happened."""
    rng = np.random.default_rng(seed)
    days = pd.to_datetime(FIRST) + pd.to_timedelta(rng.integers(0, 365, n_rows), unit="D")
    known = days + pd.to_timedelta(rng.integers(0, 30, n_rows), unit="D")
    return pd.DataFrame(
        {
            "subject_id": [f"p{i:03d}" for i in rng.integers(0, N_PUPILS, n_rows)],
            "date": days.date,
            "known_date": known.date,
            "amount": rng.integers(0, 50, n_rows) / 4,
            "code": rng.choice(["red", "green", "blue"], n_rows),
            "place": rng.choice(["here", "there"], n_rows),
            "is_ok": rng.random(n_rows) < 0.5,
        }
    )


def make_cohort(seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        [(f"p{i:03d}", day) for i in range(N_PUPILS) for day in DATES],
        columns=["subject_id", "prediction_date"],
    )
    frame["label"] = np.repeat(rng.random(N_PUPILS) < 0.4, len(DATES)).astype(float)
    return frame.assign(split="train", school_unit=frame["subject_id"].str[-1])


def make_spec(name, aggregation="sum", **fields):
    given_fields = {"table": "events", "window": Window(days=60), "missing": "keep"}
    fields = given_fields | {"domain": "motivation"} | fields
    return FeatureSpec(name=name, aggregation=aggregation, **fields)


SPECS = (
    make_spec("amount_60d", value="amount"),
    make_spec("red_share", "share", match={"code": "red"}, window=Window(kind="ever"), flag=True),
    make_spec("days_since", "days_since_last", window=Window(kind="ever")),
    make_spec("ok_days", "day_count", where={"is_ok": True}, missing="zero"),
)


@pytest.fixture
def test(engine):
    """Run the leakage test on made events."""

    def run(events, specs=SPECS, *, schemas=None, cohort=None, spec=None, **options):
        tables = {"events": engine.register(events, "leakage_events")}
        return find_leaks(
            engine,
            tables,
            make_cohort() if cohort is None else cohort,
            specs,
            schemas=schemas or make_schemas(),
            calendar=SchoolCalendar(),
            random_state=options.pop("random_state", 7),
            spec=spec,
            **options,
        )

    return run


def names(report):
    return {finding.name for finding in report.leaks}


def find(report, name):
    return next(finding for finding in report.findings if finding.name == name)


def test_honest_data_hold_and_are_perturbed_in_every_way(test):
    report = test(make_events())
    assert report.findings == ()
    assert report.moved == ()
    table = report.tables[0]
    assert min(table.dropped, table.changed, table.added) > 500
    assert "4 of 4 features held" in report.to_text()
    report.check()


def test_rows_that_sum_up_days_to_come_are_found(test):
    """One row per term, dated at its start, holds what happened until its end."""
    length = 150
    events = make_events().drop(columns="known_date")
    start = pd.to_datetime(FIRST)
    number = (pd.to_datetime(events["date"]) - start).dt.days // length
    events["date"] = (start + pd.to_timedelta(number * length, unit="D")).dt.date
    events["period_end"] = (start + pd.to_timedelta((number + 1) * length, unit="D")).dt.date
    schemas = make_schemas(period_end=Column(type="date"))
    report = test(events, schemas=schemas)
    assert "moved:red_share" in names(report)
    finding = find(report, "moved:red_share")
    assert finding.table == "events"
    assert "`period_end`" in finding.text
    assert {"dropped", "changed"} <= set(finding.changes)
    planned = make_schemas(period_end=Column(type="date", is_plan=True))
    assert names(test(events, schemas=planned)) == set()


def test_a_known_date_that_another_date_contradicts_is_found(test):
    events = make_events()
    events["registered_date"] = events["known_date"]
    schemas = make_schemas(registered_date=Column(type="date"))
    assert names(test(events, schemas=schemas)) == set()
    report = test(events.assign(known_date=events["date"]), schemas=schemas)
    assert "moved:amount_60d" in names(report)
    assert "`registered_date`" in find(report, "moved:amount_60d").text
    with pytest.raises(LeakageError, match="moved:amount_60d") as caught:
        report.check()
    assert caught.value.exit_code == 12


def test_an_engine_that_ignores_known_dates_is_found(test, monkeypatch):
    def ignore(engine, tables, cohort, specs, *, schemas, calendar):
        tables = {name: table.drop("known_date") for name, table in tables.items()}
        return compute_features(engine, tables, cohort, specs, schemas=schemas, calendar=calendar)

    monkeypatch.setattr(leakage, "compute_features", ignore)
    report = test(make_events())
    assert set(report.moved) == {spec.name for spec in SPECS}
    assert set(find(report, "moved:amount_60d").changes) == {"dropped", "changed", "added"}


def test_an_engine_that_looks_at_the_prediction_date_itself_is_found(test, monkeypatch):
    def look_on(engine, tables, cohort, specs, **places):
        later = cohort.assign(
            prediction_date=[day + timedelta(days=1) for day in cohort["prediction_date"]]
        )
        frame = compute_features(engine, tables, later, specs, **places)
        return frame.assign(
            prediction_date=[day - timedelta(days=1) for day in frame["prediction_date"]]
        )

    monkeypatch.setattr(leakage, "compute_features", look_on)
    quiet = make_events()
    quiet = quiet[~quiet["date"].isin(DATES)]  # no row of the data lies on the edge itself
    report = test(quiet)
    assert "moved:amount_60d" in names(report)
    assert "added" in find(report, "moved:amount_60d").changes


def test_a_column_that_was_not_known_yet_is_found(test, monkeypatch):
    """Like `cancelled`, which is set when an enrolment ends."""
    events = make_events()
    events["end_date"] = [day + timedelta(days=90) for day in events["date"]]
    schemas = make_schemas(
        end_date=Column(type="date", is_plan=True),
        is_cancelled=Column(type="boolean", known_from="end_date"),
    )
    events["is_cancelled"] = events["is_ok"]
    specs = (*SPECS, make_spec("cancelled", "count", where={"is_cancelled": True}))
    without = make_schemas(
        end_date=Column(type="date", is_plan=True), is_cancelled=Column(type="boolean")
    )

    def ignore(engine, tables, cohort, specs, *, schemas, calendar):
        return compute_features(engine, tables, cohort, specs, schemas=without, calendar=calendar)

    assert names(test(events, specs, schemas=schemas)) == set()
    monkeypatch.setattr(leakage, "compute_features", ignore)
    report = test(events, specs, schemas=schemas)
    assert names(report) == {"moved:cancelled"}
    assert find(report, "moved:cancelled").changes == ("hidden",)
    assert "known_from" in find(report, "moved:cancelled").text


def plant_outcome(events, cohort, share=1.0):
    """Put the outcome into a code on a day before all prediction dates, for some pupils."""
    labels = cohort.drop_duplicates("subject_id").set_index("subject_id")["label"]
    chosen = labels.sample(frac=share, random_state=1)
    rows = pd.DataFrame(
        {
            "subject_id": chosen.index,
            "date": date(2024, 9, 1),
            "known_date": date(2024, 9, 1),
            "amount": 1.0,
            "code": chosen.map({1.0: "blue", 0.0: "green"}).to_numpy(),
            "place": "here",
            "is_ok": True,
        }
    )
    return pd.concat([events, rows], ignore_index=True)


def test_an_outcome_copied_with_early_dates_is_found(test):
    cohort = make_cohort()
    events = plant_outcome(make_events().query("code != 'blue'"), cohort)
    blue = make_spec("blue", "count", where={"code": "blue"}, window=Window(kind="ever"))
    report = test(events, (*SPECS, blue), cohort=cohort)
    assert report.moved == ()
    assert names(report) == {"tells_outcome:blue", "column_tells_outcome:events.code"}
    assert "AUC 1.000" in find(report, "tells_outcome:blue").text
    unread = [spec for spec in SPECS if spec.name != "red_share"]
    report = test(events, unread, cohort=cohort)
    assert names(report) == set()
    assert find(report, "column_tells_outcome:events.code").severity == "note"


def test_a_feature_whose_absence_tells_the_outcome_is_found(test):
    cohort = make_cohort()
    failed = cohort.loc[cohort["label"] == 1, "subject_id"]
    events = make_events()
    events = events[~events["subject_id"].isin(failed) | (events["code"] != "red")]
    spec = make_spec(
        "red_amount", "mean", value="amount", where={"code": "red"}, window=Window(kind="ever")
    )
    report = test(events, (spec,), cohort=cohort)
    assert "tells_outcome:red_amount" in names(report)


def test_the_outcomes_of_the_test_cohorts_are_not_looked_at(test):
    cohort = make_cohort()
    events = plant_outcome(make_events().query("code != 'blue'"), cohort)
    blue = make_spec("blue", "count", where={"code": "blue"}, window=Window(kind="ever"))
    report = test(events, (blue,), cohort=cohort.assign(split="test"))
    assert names(report) == set()
    assert report.skipped
    report = test(events, (blue,), cohort=cohort.drop(columns="label"))
    assert "no labels" in report.skipped[0]


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (lambda e: e.assign(known_date=None), "no_known_dates"),
        (lambda e: e.drop(columns="known_date"), "no_known_dates"),
        (lambda e: e.assign(known_date=date(2025, 8, 1)), "known_in_bulk"),
        (
            lambda e: e.assign(known_date=[day - timedelta(days=3) for day in e["date"]]),
            "known_before_date",
        ),
    ],
)
def test_known_dates_that_cannot_be_right_are_told(test, plant, kind):
    report = test(plant(make_events()), SPECS[:1])
    assert {finding.kind for finding in report.findings} == {kind}
    assert report.leaks == ()
    assert f"{kind}:events" in report.to_text()


def test_features_within_groups_are_tested_with_whole_groups(test):
    specs = (
        make_spec("beside", "mean", value="amount", relative_to="school_unit"),
        make_spec("alone", "mean", value="amount"),
    )
    report = test(make_events(), specs, spec=LeakageSpec(sample=60))
    assert names(report) == set()
    assert report.moved == ()
    assert 60 <= report.n_predictions < 120


def test_the_sample_holds_every_date_and_whole_groups():
    cohort = make_cohort()
    sample = draw_sample(cohort, ["school_unit"], 50, 3)
    assert set(sample[DAY]) == set(DATES)
    whole = cohort.groupby(["prediction_date", "school_unit"]).size()
    drawn = sample.groupby(["prediction_date", "school_unit"]).size()
    assert (whole[drawn.index] == drawn).all()
    assert len(draw_sample(cohort, [], 50, 3)) == 50
    assert draw_sample(cohort, [], 50, 3).equals(draw_sample(cohort, [], 50, 3))
    assert len(draw_sample(cohort, [], None, 3)) == len(cohort)


def test_groups_that_cross_are_drawn_by_whole_dates():
    cohort = make_cohort().assign(school_class=lambda c: c["subject_id"].str[-2])
    sample = draw_sample(cohort, ["school_unit", "school_class"], 20, 3)
    assert len(sample) == len(cohort)


def test_features_made_of_other_tables_are_not_taken_for_these(test, engine):
    cohort = make_cohort()
    tables = {"events": engine.register(make_events(seed=5), "leakage_other")}
    features = compute_features(
        engine, tables, cohort, SPECS, schemas=make_schemas(), calendar=SchoolCalendar()
    )
    report = test(make_events(), features=features)
    assert names(report) >= {"unsteady:amount_60d", "unsteady:ok_days"}
    with pytest.raises(UsageError, match="must have a row for each of the cohort"):
        test(make_events(), features=features.iloc[5:])


def test_an_accepted_finding_does_not_stop_and_is_still_shown(test):
    events = make_events()
    events["registered_date"] = events["known_date"]
    schemas = make_schemas(registered_date=Column(type="date"))
    events = events.assign(known_date=events["date"])
    found = names(test(events, schemas=schemas))
    spec = LeakageSpec(accepted=(*found, "moved:other"))
    report = test(events, schemas=schemas, spec=spec)
    report.check()
    assert set(report.moved) == {name.partition(":")[2] for name in found}
    text = report.to_text()
    assert text.count("accepted in the configuration") == len(found)
    assert "accepted, and not found: moved:other" in text
    assert all(item["is_accepted"] for item in report.to_dict()["findings"])
    assert report.to_frame()["is_accepted"].all()


def test_small_counts_are_hidden(test):
    events = make_events()
    events["entered"] = events["date"]
    one = events["subject_id"] == "p001"
    events.loc[one, "entered"] = date(2026, 1, 1)
    report = test(events, schemas=make_schemas(entered=Column(type="date")))
    finding = find(report, "moved:amount_60d")
    assert finding.count == 2
    assert "fewer than 10 of about 320" in finding.describe()
    assert finding.to_dict()["count"] == {"value": None, "reason": "suppressed"}
    assert all(count % 10 == 0 for count in report.to_frame()["count"].dropna())


def test_the_same_seed_gives_the_same_report(test):
    events = make_events()
    events["late"] = events["known_date"]
    options = {"schemas": make_schemas(late=Column(type="date")), "spec": LeakageSpec(sample=80)}
    events = events.assign(known_date=events["date"])
    first = test(events, **options).to_dict()
    assert test(events.sample(frac=1, random_state=1), **options).to_dict() == first
    assert test(events, random_state=8, **options).to_dict() != first


def test_a_name_that_is_no_finding_cannot_be_accepted():
    with pytest.raises(ValueError, match="Did you mean 'moved'"):
        LeakageSpec(accepted=("move:absence",))
    with pytest.raises(ValueError, match="a kind and a place"):
        LeakageSpec(accepted=("moved",))


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "subject_id": st.sampled_from(["p001", "p002", "p003"]),
            "day": st.integers(0, 250),
            "wait": st.none() | st.integers(-5, 120),
            "amount": st.none() | st.integers(-9, 9),
            "code": st.none() | st.sampled_from(["red", "green", "blue"]),
            "place": st.none() | st.sampled_from(["here", "there"]),
            "is_ok": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=25,
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, seed=st.integers(0, 1000))
def test_no_table_of_honest_rows_raises_an_alarm(test, rows, seed):
    frame = pd.DataFrame(rows)
    days = [FIRST + timedelta(days=day) for day in frame["day"]]
    known = [
        None if pd.isna(wait) else day + timedelta(days=int(wait))
        for day, wait in zip(days, frame["wait"], strict=True)
    ]
    text = frame[["code", "place"]].astype("string")
    events = frame[["subject_id"]].assign(
        date=days, known_date=pd.Series(known, dtype="object"),
        amount=frame["amount"].astype(float), code=text["code"], place=text["place"],
        is_ok=frame["is_ok"].astype("boolean"),
    )  # fmt: skip
    assert names(test(events, random_state=seed)) == set()
