"""A slow plain-Python reading of features, and made tables, to hold every engine against.

Importable by tests as ``contract.oracle``.
"""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from fractions import Fraction

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from riskmodel.core.schema import Column, Table
from riskmodel.core.windows import SchoolCalendar, Window
from riskmodel.features.aggregations import AGGREGATIONS
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
        "lesson": Column(type="string"),
        "ended": Column(type="date", is_plan=True),
        "is_over": Column(type="boolean", known_from="ended"),
        "known_date": Column(type="date"),
    },
    date="date",
    fact_key=("date", "lesson"),
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
    "lesson": None,
    "ended": None,
    "is_over": None,
    "known_date": None,
}

LOOKBACKS = (Window(days=1), Window(days=7), Window(days=30))
EVER = Window(kind="ever")
THIS_YEAR = Window(kind="school_year")
LAST_YEAR = Window(kind="previous_school_year")
TERM = Window(kind="term")


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
    yield make_spec("on_some_days", "sum", EVER, **value, weekdays=("monday", "friday"))
    yield make_spec("mean_on_tuesdays", "mean", EVER, **value, weekdays="tuesday")
    yield make_spec(
        "share_of_mondays", "weekday_share", THIS_YEAR, match={"code": "a"}, weekdays="monday"
    )
    yield make_spec("over", "count", EVER, match={"is_over": True})
    yield make_spec("not_over", "mean", EVER, **value, where={"is_over": False})
    yield make_spec("run_above", "longest_run", EVER, value="units", above=1, missing="zero")
    yield make_spec("run_of_code", "current_run", EVER, match={"code": ("a", "b")}, flag=True)
    yield make_spec("learnt", "max", TERM, **value, missing="median")
    yield make_spec("beside_peers", "count", EVER, relative_to="school_unit", missing="mean")
    yield make_spec("since_of_peers", "days_since_last", EVER, relative_to="school_unit")
    yield make_spec("mean_of_peers", "mean", EVER, **value, relative_to="school_unit", flag=True)
    windows = (*LOOKBACKS, EVER, THIS_YEAR, LAST_YEAR, TERM)
    for number, (aggregation, rule) in enumerate(AGGREGATIONS.items()):
        own = value if rule.value == "needed" else {}
        own = own | ({"above": 1.5} if rule.indicator == "needed" else {})
        own = own | ({"weekdays": ("tuesday", "sunday")} if rule.weekdays == "needed" else {})
        for window in (windows[number % 7], windows[(number + 3) % 7]):
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
    on_day = spec.aggregation == "weekday_share" or is_on_weekdays(row, spec)
    return present and known_match and passes and on_day


def is_on_weekdays(row, spec):
    return not spec.weekdays or row["date"].strftime("%A").lower() in spec.weekdays


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
    return reduce_counted(rows, hits, spec, moment) if rows else None


def reduce_counted(rows, hits, spec, moment):
    kind = spec.aggregation
    values = [find_value(row, spec) for row in rows] if kind != "distinct_count" else []
    if kind == "count":
        return len(hits)
    if kind == "weekday_share":
        total = sum(values)
        chosen = sum(find_value(row, spec) for row in rows if is_on_weekdays(row, spec))
        return chosen / total if total else None
    if kind in ("longest_run", "current_run"):
        return find_run(rows, hits, is_longest=kind == "longest_run")
    if kind == "distinct_count":
        return len({row[spec.value[0]] for row in rows})
    if kind == "day_count":
        return len({row["date"] for row in hits})
    if kind == "share":
        return find_share(rows, spec)
    if kind == "trend":
        return find_slope(rows, spec, moment)
    if kind in ("mean", "first", "last"):
        return sum(values) / len(values)
    return {"sum": sum, "min": min, "max": max}[kind](values)


def find_run(rows, hits, *, is_longest):
    hit_days, length, longest = {row["date"] for row in hits}, 0, 0
    for day in sorted({row["date"] for row in rows}):
        length = length + 1 if day in hit_days else 0
        longest = max(longest, length)
    return longest if is_longest else length


def find_known_day(row):
    return max(row["known_date"] or row["date"], row["date"])


def keep_latest_versions(rows, moment, fact_key):
    """Return the rows known in time, less those that a later one of the same fact replaces."""
    known = [row for row in rows if row["date"] is not None and find_known_day(row) < moment]
    newest = {}
    for row in known:
        fact = name_fact(row, fact_key)
        newest[fact] = max(newest.get(fact, date.min), find_known_day(row))
    return [
        row
        for row in known
        if any(row[name] is None for name in fact_key)
        or find_known_day(row) == newest[name_fact(row, fact_key)]
    ]


def name_fact(row, fact_key):
    return tuple(row[name] for name in ("subject_id", *fact_key))


def is_known_enough(row, spec, moment):
    """Tell whether what the feature reads of a row was known: a mark, only from its date on."""
    reads_mark = "is_over" in spec.where or "is_over" in spec.match
    return not reads_mark or (row["ended"] is not None and row["ended"] < moment)


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
    rows = [row for row in rows if row["subject_id"] == subject]
    rows = [row for row in rows if is_known_enough(row, spec, moment)]
    rows = keep_counted(rows, spec)
    seen = [row for row in rows if in_window(row, spec.window, moment)]
    latest_days = spec.latest_days or (1 if spec.aggregation == "last" else None)
    if latest_days and seen:
        start = max(row["date"] for row in seen) - timedelta(days=latest_days - 1)
        seen = [row for row in seen if row["date"] >= start]
    if spec.aggregation == "first" and seen:
        start = min(row["date"] for row in seen)
        seen = [row for row in seen if row["date"] == start]
    if spec.aggregation != "change":
        return reduce_rows(seen, spec, moment)
    rest = [row for row in rows if in_window(row, spec.baseline, moment) and row not in seen]
    now, before = find_share(seen, spec), find_share(rest, spec)
    return None if now is None or before is None else now - before


SCHOOLS = {"a": "x", "b": "x", "d": "x", "e": "x", "f": "x", "g": "x", "h": "x", "c": "y"}
"""The school of each subject; those without one have no peers."""


def compare_with_peers(values, subject):
    school = SCHOOLS.get(subject)
    others = [
        value
        for other, value in values.items()
        if other != subject and SCHOOLS.get(other) == school and value is not None
    ]
    if school is None or values[subject] is None or len(others) < 5:
        return None
    return values[subject] - sum(others) / len(others)


def compute_slowly(rows, pairs, specs, fact_key=EVENTS.fact_key):
    found = {}
    for moment in {moment for _, moment in pairs}:
        known = keep_latest_versions(rows, moment, fact_key)
        subjects = [subject for subject, other in pairs if other == moment]
        for spec in specs:
            values = {s: find_feature(known, spec, s, moment) for s in subjects}
            if spec.relative_to:
                values = {s: compare_with_peers(values, s) for s in subjects}
            found |= {(s, moment, spec.name): value for s, value in values.items()}
    table = []
    for subject, moment in sorted(pairs):
        line = {"subject_id": subject, "prediction_date": moment}
        for spec in specs:
            value = found[subject, moment, spec.name]
            filled = spec.missing.constant if value is None else value
            line[spec.name] = math.nan if filled is None else float(filled)
            if spec.has_flag:
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
        "subject_id": st.sampled_from([*"abcdefgh", "outside"]),
        "date": days | edge_days,
        "amount": amounts,
        "extra": amounts,
        "size": st.none() | st.sampled_from([0.0, 1.0, 2.5, 40.0]),
        "units": st.none() | st.integers(0, 3),
        "code": st.none() | st.sampled_from(["a", "b", "å"]),
        "is_ok": st.none() | st.booleans(),
        "lesson": st.none() | st.sampled_from(["1", "2"]),
        "ended": st.none() | days,
        "is_over": st.none() | st.booleans(),
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
    late = (
        draw(st.lists(st.tuples(st.sampled_from(rows), days, amounts), max_size=8)) if rows else []
    )
    corrections = [
        row | {"lesson": "1", "known_date": known, "amount": amount} for row, known, amount in late
    ]
    # A row "not in seen" is told by identity of content: repeated rows lie in the same windows.
    return rows + corrections + [dict(row) for row in repeated]


PAIRS = [
    (subject, moment)
    for subject in (*"abcdefgh", "without rows")
    for moment in (
        date(2024, 6, 30),
        date(2024, 7, 1),
        date(2024, 7, 9),
        date(2024, 10, 1),
        date(2024, 10, 2),
    )
    if (subject, moment) != ("c", date(2024, 10, 2))
]


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
                "subject_id": rng.choice("abcdefgh"),
                "date": happened,
                "amount": pick(*(n / 8 for n in range(40))),
                "extra": pick(0.5, 3.0),
                "size": pick(0.0, 1.0, 2.5, 40.0),
                "units": pick(0, 1, 2, 3),
                "code": pick("a", "b", "å"),
                "is_ok": pick(True, True, False),
                "lesson": pick("1", "2", "3"),
                "ended": pick(moment, happened + timedelta(days=rng.randint(0, 60))),
                "is_over": pick(True, False),
                "known_date": pick(happened, happened + timedelta(days=rng.randint(-3, 6))),
            }
        )
    return rows


def to_table(rows):
    """Return rows as an Arrow table with the columns of the events."""
    kinds = {"string": pa.string(), "date": pa.date32(), "integer": pa.int64()}
    kinds |= {"number": pa.float64(), "boolean": pa.bool_()}
    fields = [(name, kinds[column.type]) for name, column in SCHEMAS["events"].columns.items()]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def to_cohort(pairs):
    """Return pairs of a subject and a prediction date as a cohort, with their schools."""
    cohort = pd.DataFrame(pairs, columns=["subject_id", "prediction_date"])
    schools = [SCHOOLS.get(subject) for subject, _ in pairs]
    return cohort.assign(school_unit=pd.Series(schools, dtype=object))


def check_same(computed, expected):
    """Demand the same table, up to the last digits of floating-point numbers."""
    pd.testing.assert_frame_equal(computed, expected, rtol=1e-7, atol=1e-7, check_dtype=False)
