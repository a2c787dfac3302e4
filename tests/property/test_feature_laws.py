"""The compiler against a slow plain-Python reading of the same rules, and its laws."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from contract.oracle import (
    CALENDAR,
    EVER,
    EXAMPLE,
    FIRST_DAY,
    PAIRS,
    SCHEMAS,
    SPECS,
    check_same,
    cohorts,
    compute_slowly,
    event_tables,
    make_many_rows,
    make_spec,
    to_cohort,
    to_table,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.features.aggregations import AGGREGATIONS
from riskmodel.features.compiler import compute_features
from riskmodel.features.rows import find_presence, find_used_columns


@pytest.fixture(scope="module")
def engine():
    with open_engine(EngineSpec(threads=2, memory_limit="1GB")) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(engine):
    """Compute all features over fixed prediction dates."""
    return lambda rows: compute(engine, rows, PAIRS, SPECS)


def register(engine, rows):
    return engine.register(to_table(rows), "events")


def compute(engine, rows, pairs, specs, schemas=SCHEMAS):
    return compute_features(
        engine,
        {"events": register(engine, rows)},
        to_cohort(pairs),
        specs,
        schemas=schemas,
        calendar=CALENDAR,
    )


def some(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def test_every_aggregation_is_compared():
    assert {spec.aggregation for spec in SPECS} == set(AGGREGATIONS)


def test_many_rows_agree_with_the_slow_reading(run):
    rows = make_many_rows(400)
    check_same(run(rows), compute_slowly(rows, PAIRS, SPECS))


@some(3)
@given(rows=event_tables(), pairs=cohorts)
def test_any_prediction_dates_agree_with_the_slow_reading(engine, rows, pairs):
    specs = SPECS[:20]
    check_same(compute(engine, rows, sorted(pairs), specs), compute_slowly(rows, pairs, specs))


ASKED = make_spec("asked", "count", EVER, where={"is_ok": True}).where
FILLED = {"amount": 0.5, "extra": -1.0, "size": 2.0, "units": 3, "code": "b"}


def fill(row, complete, only):
    """Return a row that lacks none of some columns if it is asked for, and has none of others."""
    if row["is_ok"]:
        return row | {name: FILLED[name] for name in complete if row[name] is None}
    return row | dict.fromkeys(only)


@pytest.mark.parametrize("only", [(), ("amount", "size"), tuple(FILLED)])
@pytest.mark.parametrize("complete", [(), ("amount", "units"), tuple(FILLED)])
@some(2)
@given(rows=event_tables())
def test_who_has_what_is_found_and_changes_nothing(engine, complete, only, rows):
    rows = [fill(row, complete, only) for row in [*rows, *make_many_rows(60)]]
    specs = [spec.model_copy(update={"where": ASKED}) for spec in SPECS]
    found = find_presence(engine, register(engine, rows), SCHEMAS["events"].columns, specs)
    counted = {n for n in FILLED if sum(n in find_used_columns([spec]) for spec in specs) > 1}
    assert counted >= {"amount", "units"}
    assert found.complete >= {"is_ok", *(counted & set(complete))}
    assert found.only >= counted & set(only)
    check_same(compute(engine, rows, PAIRS, specs), compute_slowly(rows, PAIRS, specs))


def ask_alike(count):
    """Return features that ask the same of rows, and read the same columns."""
    one = make_spec("one", "share", EVER, value="amount", denominator="units", where=ASKED)
    return [one.model_copy(update={"name": f"{number}"}) for number in range(count)]


def test_what_is_lacking_is_counted_only_among_rows_asked_for(engine):
    rows = [EXAMPLE, dict(EXAMPLE, is_ok=False, amount=None), dict(EXAMPLE, units=None)]
    table, columns = register(engine, rows), SCHEMAS["events"].columns
    specs = ask_alike(6)
    found = find_presence(engine, table, columns, specs)
    assert (found.complete, found.only) == ({"amount", "is_ok"}, {"amount"})
    assert find_presence(engine, table, columns, specs[:2]).complete == set()
    others = [make_spec("other", "count", EVER, where={"code": (c,)}) for c in "abcdefg"]
    assert find_presence(engine, table, columns, specs + others).complete == set()


def test_rows_of_which_it_is_not_known_whether_they_are_asked_for_are_not(engine):
    rows = [EXAMPLE, dict(EXAMPLE, is_ok=None, units=None)]
    table, columns = register(engine, rows), SCHEMAS["events"].columns
    found = find_presence(engine, table, columns, ask_alike(6))
    assert (found.complete, found.only) == ({"amount", "units", "is_ok"}, {"units"})


def test_no_row_is_read_where_features_share_no_column(engine):
    table, columns = register(engine, [EXAMPLE]), SCHEMAS["events"].columns
    names = ("amount", "extra", "size", "units")
    specs = [make_spec(name, "sum", EVER, value=name, where=ASKED) for name in names]
    found = find_presence(None, table, columns, specs)
    assert (found.complete, found.only) == ({"is_ok"}, set())


@pytest.mark.parametrize("are_late", [True, False])
def test_a_fact_may_be_dated_anew(engine, are_late):
    fact_key = ("code", "lesson")
    rows = make_many_rows(400)
    if not are_late:
        rows = [row | {"known_date": None} for row in rows]
    schemas = {"events": SCHEMAS["events"].model_copy(update={"fact_key": fact_key})}
    specs = [spec for spec in SPECS if spec.aggregation in ("sum", "last", "longest_run")]
    expected = compute_slowly(rows, PAIRS, specs, fact_key)
    check_same(compute(engine, rows, PAIRS, specs, schemas), expected)


def test_many_different_dates_are_computed_together(engine):
    rows = [
        dict(EXAMPLE, subject_id=f"s{n}", date=FIRST_DAY + timedelta(days=n % 50))
        for n in range(200)
    ]
    pairs = [(f"s{n}", FIRST_DAY + timedelta(days=1 + n % 90)) for n in range(200)]
    specs = SPECS[:20]
    check_same(compute(engine, rows, pairs, specs), compute_slowly(rows, pairs, specs))


@some(3)
@given(rows=event_tables(), future=event_tables(), data=st.data())
def test_no_row_known_too_late_changes_a_feature(run, rows, future, data):
    moment = data.draw(st.sampled_from([moment for _, moment in PAIRS]))
    late = [row for row in future if (row["known_date"] or row["date"]) >= moment]
    early = [row for row in rows if (row["known_date"] or row["date"]) < moment]
    without, with_late = run(early), run(rows + late)
    at_moment = without["prediction_date"] == moment
    pd.testing.assert_frame_equal(without[at_moment], with_late[at_moment], check_exact=True)


@some(3)
@given(rows=event_tables(), data=st.data())
def test_neither_order_nor_names_change_a_feature(run, rows, data):
    swap = {"a": "b", "b": "a"}
    renamed = [row | {"subject_id": swap.get(row["subject_id"], row["subject_id"])} for row in rows]
    before, after = run(rows), run(data.draw(st.permutations(renamed)))
    for old, new in (("a", "b"), ("b", "a"), ("d", "d")):
        pd.testing.assert_frame_equal(
            before[before["subject_id"] == old].iloc[:, 1:].reset_index(drop=True),
            after[after["subject_id"] == new].iloc[:, 1:].reset_index(drop=True),
            check_exact=True,
        )


def test_one_cohort_gives_what_several_give(engine, run):
    rows = [dict(EXAMPLE, date=FIRST_DAY + timedelta(days=3 * n), amount=n / 7) for n in range(40)]
    together = run(rows)
    names = ["subject_id", "prediction_date", *(c for spec in SPECS[:20] for c in spec.columns)]
    together = together[names]
    for pair in PAIRS[1:3]:
        alone = compute(engine, rows, [pair], SPECS[:20])
        same = (together["subject_id"] == pair[0]) & (together["prediction_date"] == pair[1])
        pd.testing.assert_frame_equal(
            alone, together[same].reset_index(drop=True), check_exact=True
        )


def test_sums_of_fractions_do_not_depend_on_order(engine):
    amounts = [0.1 * n + 1e-3 for n in range(997)]
    spec = make_spec("total", "sum", EVER, value="amount")
    rows = [dict(EXAMPLE, amount=amount) for amount in amounts]
    pairs = [("a", date(2024, 10, 1))]
    totals = {
        compute(engine, order, pairs, [spec])["total"].item()
        for order in (rows, rows[::-1], sorted(rows, key=lambda row: str(row["amount"])))
    }
    assert len(totals) == 1
