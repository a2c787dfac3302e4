"""The compiler against a slow plain-Python reading of the same rules, and its laws."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from fractions import Fraction

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskmodel.core.schema import Column, Table
from riskmodel.core.windows import SchoolCalendar, Window
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.features.aggregations import AGGREGATIONS
from riskmodel.features.cells import MOST_PLANS, plan_cohort
from riskmodel.features.compiler import compile_features, compute_features
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import FeatureSpec

CALENDAR = SchoolCalendar(month=7, day=1)
FIRST_DAY = date(2024, 5, 20)
EVENTS = Table(
    columns={
        "person_id": Column(type="string", required=True),
        "date": Column(type="date", required=True),
        "amount": Column(type="number"),
        "extra": Column(type="number"),
        "size": Column(type="number"),
        "units": Column(type="integer"),
        "code": Column(type="string"),
        "is_ok": Column(type="boolean"),
        "known_date": Column(type="date"),
    },
    date="date",
    user_declared=True,
)
SCHEMAS = feature_schemas({"events": EVENTS})
EXAMPLE = {
    "subject_id": "a",
    "date": FIRST_DAY,
    "amount": 1.25,
    "extra": None,
    "size": 2.5,
    "units": 1,
    "code": "a",
    "is_ok": True,
    "known_date": None,
}

LOOKBACKS = (Window(days=1), Window(days=7), Window(days=30))
EVER = Window(kind="ever")
THIS_YEAR = Window(kind="school_year")
LAST_YEAR = Window(kind="previous_school_year")


def make_spec(name, aggregation, window, **fields):
    fields.setdefault("missing", "keep")
    return FeatureSpec(
        name=name,
        table="events",
        aggregation=aggregation,
        window=window,
        domain="motivation",
        **fields,
    )


def make_specs():
    """Return features that use every aggregation, window and option."""
    value = {"value": "amount"}
    yield make_spec("share", "share", LOOKBACKS[2], value=("amount", "extra"), denominator="size")
    yield make_spec(
        "share_ok",
        "share",
        THIS_YEAR,
        value="amount",
        denominator=("size", "units"),
        where={"is_ok": True},
    )
    yield make_spec("share_hit", "share", EVER, match={"code": ("a", "b"), "is_ok": True})
    yield make_spec("count_where", "count", EVER, where={"code": "a", "units": (0, 1, 2)})
    yield make_spec("count_hit", "count", EVER, match={"code": "a"})
    yield make_spec("count_above", "count", LAST_YEAR, value="units", above=1)
    yield make_spec("mean_flag", "mean", LOOKBACKS[2], **value, missing="zero", flag=True)
    yield make_spec(
        "mean_ok", "mean", EVER, value="is_ok", missing={"kind": "constant", "value": -1.5}
    )
    yield make_spec("latest_sum", "sum", EVER, **value, latest_days=10)
    yield make_spec("latest_count", "count", THIS_YEAR, match={"code": "a"}, latest_days=3)
    yield make_spec("latest_min", "min", EVER, **value, latest_days=5, where={"is_ok": False})
    yield make_spec("latest_any", "max", THIS_YEAR, match={"code": "a"}, latest_days=4)
    yield make_spec("latest_before", "mean", LAST_YEAR, **value, latest_days=5)
    yield make_spec("trend_share", "trend", EVER, value="amount", denominator="size", per_days=30)
    yield make_spec(
        "change_share", "change", LOOKBACKS[2], value="amount", denominator="size", baseline=EVER
    )
    yield make_spec("change_hit", "change", LOOKBACKS[1], match={"code": "a"}, baseline=THIS_YEAR)
    yield make_spec("change_apart", "change", THIS_YEAR, **value, baseline=LAST_YEAR)
    yield make_spec("distinct_code", "distinct_count", EVER, value="code", where={"is_ok": True})
    yield make_spec("day_above", "day_count", LOOKBACKS[2], value="amount", above=2)
    yield make_spec("since_hit", "days_since_last", EVER, match={"code": "b"})
    windows = (*LOOKBACKS, EVER, THIS_YEAR, LAST_YEAR)
    for number, (aggregation, rule) in enumerate(AGGREGATIONS.items()):
        own = value if rule.value == "needed" else {}
        for window in (windows[number % 6], windows[(number + 3) % 6]):
            if rule.baseline != "needed":
                name = f"{aggregation}_{window.days or window.kind}"
                yield make_spec(name, aggregation, window, **own)


SPECS = tuple(make_specs())

# The slow reading: one feature, one subject, one date, one row after another.


def is_counted(row, spec):
    columns = [spec.value, spec.denominator]
    present = all(any(row[c] is not None for c in part) for part in columns if part)
    known_match = not spec.match or find_hit(row, spec) is not None
    passes = all(row[c] in values for c, values in spec.where.items())
    return present and known_match and passes


def add_up(row, columns):
    return sum((Fraction(str(float(row[c]))) for c in columns if row[c] is not None), Fraction(0))


def find_hit(row, spec):
    answers = [None if row[c] is None else row[c] in v for c, v in spec.match.items()]
    if False in answers:
        return 0
    return None if None in answers else 1


def find_value(row, spec):
    if spec.match:
        return Fraction(find_hit(row, spec))
    if spec.above is not None:
        return Fraction(int(add_up(row, spec.value) > spec.above))
    return add_up(row, spec.value) if spec.value else Fraction(1)


def find_weight(row, spec):
    return add_up(row, spec.denominator) if spec.denominator else Fraction(1)


def is_hit(row, spec):
    return not spec.is_indicator or find_value(row, spec) > 0


def find_share(rows, spec):
    weight = sum(find_weight(row, spec) for row in rows)
    return sum(find_value(row, spec) for row in rows) / weight if weight else None


def find_slope(rows, spec, origin):
    days = [(row["date"] - origin).days for row in rows]
    weights = [find_weight(row, spec) for row in rows]
    total = sum(weights)
    if len({d for d, w in zip(days, weights) if w > 0}) < 2:
        return None
    mean = sum(w * d for w, d in zip(weights, days)) / total
    cross = sum((d - mean) * find_value(row, spec) for d, row in zip(days, rows))
    return spec.per_days * cross / sum(w * (d - mean) ** 2 for w, d in zip(weights, days))


def reduce_rows(rows, spec, moment):
    kind = spec.aggregation
    hits = [row for row in rows if is_hit(row, spec)]
    if kind == "days_since_last":
        return (moment - max(row["date"] for row in hits)).days if hits else None
    if not rows:
        return None
    values = [find_value(row, spec) for row in rows] if kind != "distinct_count" else []
    if kind == "count":
        return len(hits)
    if kind == "distinct_count":
        return len({row[spec.value[0]] for row in rows})
    if kind == "day_count":
        return len({row["date"] for row in hits})
    if kind == "share":
        return find_share(rows, spec)
    if kind == "trend":
        return find_slope(rows, spec, moment)
    if kind in ("mean", "last"):
        return sum(values) / len(values)
    return {"sum": sum, "min": min, "max": max}[kind](values)


def in_window(row, window, moment):
    bounds = window.bounds(moment, CALENDAR)
    return bounds.start <= row["date"] < bounds.end


def keep_counted(rows, spec):
    if spec.aggregation == "distinct_count":
        return [
            row
            for row in rows
            if row[spec.value[0]] is not None
            and all(row[c] in values for c, values in spec.where.items())
        ]
    return [row for row in rows if is_counted(row, spec)]


def find_feature(rows, spec, subject, moment):
    rows = [row for row in rows if row["subject_id"] == subject and row["date"] is not None]
    rows = [row for row in rows if (row["known_date"] or row["date"]) < moment]
    rows = keep_counted(rows, spec)
    seen = [row for row in rows if in_window(row, spec.window, moment)]
    latest_days = spec.latest_days or (1 if spec.aggregation == "last" else None)
    if latest_days and seen:
        start = max(row["date"] for row in seen) - timedelta(days=latest_days - 1)
        seen = [row for row in seen if row["date"] >= start]
    if spec.aggregation != "change":
        return reduce_rows(seen, spec, moment)
    rest = [row for row in rows if in_window(row, spec.baseline, moment) and row not in seen]
    now, before = find_share(seen, spec), find_share(rest, spec)
    return None if now is None or before is None else now - before


def compute_slowly(rows, pairs, specs):
    table = []
    for subject, moment in sorted(pairs):
        line = {"subject_id": subject, "prediction_date": moment}
        for spec in specs:
            value = find_feature(rows, spec, subject, moment)
            filled = spec.missing.constant if value is None else value
            line[spec.name] = math.nan if filled is None else float(filled)
            if spec.flag:
                line[spec.name + "__missing"] = float(value is None)
        table.append(line)
    return pd.DataFrame(table)


# Made tables: few subjects, days near the edges of windows, nulls and repeated rows.

days = st.integers(0, 170).map(lambda n: FIRST_DAY + timedelta(days=n))
edge_days = st.sampled_from(
    [date(2023, 6, 30), date(2023, 7, 1), date(2024, 6, 30), date(2024, 7, 1), date(2024, 9, 30)]
)
amounts = st.none() | st.integers(0, 4000).map(lambda n: n / 1000)
event_rows = st.fixed_dictionaries(
    {
        "subject_id": st.sampled_from(["a", "b", "c", "d", "e", "outside"]),
        "date": days | edge_days,
        "amount": amounts,
        "extra": amounts,
        "size": st.none() | st.sampled_from([0.0, 1.0, 2.5, 40.0]),
        "units": st.none() | st.integers(0, 3),
        "code": st.none() | st.sampled_from(["a", "b", "å"]),
        "is_ok": st.none() | st.booleans(),
        "known_date": st.none() | days,
    }
)
moments = st.sampled_from([date(2024, 6, 30), date(2024, 7, 1), date(2024, 10, 1)]) | days
cohorts = st.sets(
    st.tuples(st.sampled_from(["a", "b", "c", "without rows"]), moments), min_size=1, max_size=7
)


@st.composite
def event_tables(draw):
    rows = draw(st.lists(event_rows, max_size=60))
    repeated = draw(st.lists(st.sampled_from(rows), max_size=3)) if rows else []
    # A row "not in seen" is told by identity of content: repeated rows lie in the same windows.
    return rows + [dict(row) for row in repeated]


PAIRS = [
    (subject, moment)
    for subject in ("a", "b", "c", "d", "e", "without rows")
    for moment in (
        date(2024, 6, 30),
        date(2024, 7, 1),
        date(2024, 7, 9),
        date(2024, 8, 1),
        date(2024, 10, 1),
        date(2024, 10, 2),
    )
    if (subject, moment) != ("b", date(2024, 10, 2))
]


@pytest.fixture(scope="module")
def engine():
    with open_engine(EngineSpec(threads=2, memory_limit="1GB")) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(engine):
    """Compute all features over fixed prediction dates: compiled once, run on any rows."""
    expr = compile_features(
        engine,
        {"events": register(engine, [])},
        to_cohort(PAIRS),
        SPECS,
        schemas=SCHEMAS,
        calendar=CALENDAR,
    )
    query = engine.connection.compile(expr)

    def compute_prepared(rows):
        register(engine, rows)
        return engine.connection.con.sql(query).to_arrow_table().to_pandas()

    return compute_prepared


def register(engine, rows):
    kinds = {"string": pa.string(), "date": pa.date32(), "integer": pa.int64()}
    kinds |= {"number": pa.float64(), "boolean": pa.bool_()}
    fields = [(name, kinds[column.type]) for name, column in SCHEMAS["events"].columns.items()]
    return engine.register(pa.Table.from_pylist(rows, schema=pa.schema(fields)), "events")


def to_cohort(pairs):
    return pd.DataFrame(pairs, columns=["subject_id", "prediction_date"])


def compute(engine, rows, pairs, specs):
    return compute_features(
        engine,
        {"events": register(engine, rows)},
        to_cohort(pairs),
        specs,
        schemas=SCHEMAS,
        calendar=CALENDAR,
    )


def some(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def check_same(computed, expected):
    pd.testing.assert_frame_equal(computed, expected, rtol=1e-7, atol=1e-7, check_dtype=False)


def test_every_aggregation_is_compared():
    assert {spec.aggregation for spec in SPECS} == set(AGGREGATIONS)


@some(15)
@given(rows=event_tables())
def test_features_agree_with_the_slow_reading(run, rows):
    check_same(run(rows), compute_slowly(rows, PAIRS, SPECS))


def make_many_rows(count):
    """Return rows near the prediction dates, most of them known in time."""
    rng = random.Random(20241001)

    def pick(*choices):
        return rng.choice([None, *choices])

    rows = []
    for _ in range(count):
        moment = rng.choice([moment for _, moment in PAIRS])
        happened = moment + timedelta(days=rng.randint(-40, 2))
        rows.append(
            {
                "subject_id": rng.choice("abcde"),
                "date": happened,
                "amount": pick(*(n / 8 for n in range(40))),
                "extra": pick(0.5, 3.0),
                "size": pick(0.0, 1.0, 2.5, 40.0),
                "units": pick(0, 1, 2, 3),
                "code": pick("a", "b", "å"),
                "is_ok": pick(True, True, False),
                "known_date": pick(happened, happened + timedelta(days=rng.randint(-3, 6))),
            }
        )
    return rows


def test_many_rows_agree_with_the_slow_reading(run):
    rows = make_many_rows(400)
    check_same(run(rows), compute_slowly(rows, PAIRS, SPECS))


@some(4)
@given(rows=event_tables(), pairs=cohorts)
def test_any_prediction_dates_agree_with_the_slow_reading(engine, rows, pairs):
    specs = SPECS[:20]
    check_same(compute(engine, rows, sorted(pairs), specs), compute_slowly(rows, pairs, specs))


def test_many_different_dates_share_plans(engine):
    rows = [
        dict(EXAMPLE, subject_id=f"s{n}", date=FIRST_DAY + timedelta(days=n % 50))
        for n in range(200)
    ]
    pairs = [(f"s{n}", FIRST_DAY + timedelta(days=1 + n % 90)) for n in range(200)]
    assert len(plan_cohort(to_cohort(pairs)).dates) == MOST_PLANS
    specs = SPECS[:20]
    check_same(compute(engine, rows, pairs, specs), compute_slowly(rows, pairs, specs))


@some(5)
@given(rows=event_tables(), future=event_tables(), data=st.data())
def test_no_row_known_too_late_changes_a_feature(run, rows, future, data):
    moment = data.draw(st.sampled_from([moment for _, moment in PAIRS]))
    late = [row for row in future if (row["known_date"] or row["date"]) >= moment]
    early = [row for row in rows if (row["known_date"] or row["date"]) < moment]
    without, with_late = run(early), run(rows + late)
    at_moment = without["prediction_date"] == moment
    pd.testing.assert_frame_equal(without[at_moment], with_late[at_moment], check_exact=True)


@some(5)
@given(rows=event_tables(), data=st.data())
def test_neither_order_nor_names_change_a_feature(run, rows, data):
    swap = {"a": "c", "c": "a"}
    renamed = [row | {"subject_id": swap.get(row["subject_id"], row["subject_id"])} for row in rows]
    before, after = run(rows), run(data.draw(st.permutations(renamed)))
    for old, new in (("a", "c"), ("c", "a"), ("d", "d")):
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
