"""Laws of eligibility and merit, held against a plain reading of the paragraphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskmodel.cohort.rules.eligibility import find_eligible
from riskmodel.cohort.rules.merit import compute_merit
from riskmodel.cohort.rules.specs import load_compulsory_rules
from riskmodel.engine.session import Engine, open_engine
from riskmodel.engine.specs import EngineSpec

RULES = load_compulsory_rules()
CORE = ("swedish", "english", "mathematics")
SUBJECTS = (
    *CORE, "biology", "physics", "chemistry", "geography", "history", "religion", "civics", "art",
    "home_economics", "physical_education", "music", "crafts", "technology", "language_choice",
    "mother_tongue",
)  # fmt: skip
POINTS = (None, 0.0, 10.0, 12.5, 15.0, 17.5, 20.0)
"""A dash, F, E, D, C, B, A."""

SCHEMA = pa.schema(
    {
        "subject_id": pa.string(), "subject": pa.string(), "grade_points": pa.float64(),
        "is_pass": pa.bool_(), "day": pa.date32(), "known": pa.date32(),
    }
)  # fmt: skip
Grade = tuple[str, float | None, date, date]
days = st.dates(date(2025, 6, 1), date(2025, 9, 30))
grades = st.builds(
    lambda subject, points, one, other: (subject, points, min(one, other), max(one, other)),
    st.sampled_from(SUBJECTS),
    st.sampled_from(POINTS),
    days,
    days,
)
good = st.builds(lambda grade: (grade[0], grade[1] or 10.0, *grade[2:]), grades)


@st.composite
def nearly_all(draw: st.DrawFn) -> list[Grade]:
    """Draw a pupil who passed all subjects but a few, some of them later than others."""
    lacking = draw(st.sets(st.sampled_from(SUBJECTS), max_size=3))
    late = draw(st.dictionaries(st.sampled_from(SUBJECTS), st.tuples(days, days), max_size=3))
    first = (date(2025, 6, 10), date(2025, 6, 12))
    return [
        (subject, draw(st.sampled_from(POINTS[2:])), *sorted(late.get(subject, first)))
        for subject in SUBJECTS
        if subject not in lacking
    ]


# Grades drawn one by one hardly ever meet a rule: both kinds of pupils are needed.
pupils = st.one_of(nearly_all(), st.lists(st.one_of(good, grades), max_size=26))
end = date(2026, 1, 1)
number = count()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSpec(threads=1)) as opened:
        yield opened


def lay_out(engine: Engine, held: Sequence[Sequence[Grade]]) -> Any:
    """Return the final grades of several pupils as a table."""
    rows = [
        {"subject_id": str(pupil), "subject": subject, "grade_points": points,
         "is_pass": bool(points), "day": day, "known": known}
        for pupil, items in enumerate(held)
        for subject, points, day, known in items
    ]  # fmt: skip
    return engine.register(pa.Table.from_pylist(rows, schema=SCHEMA), f"held_{next(number)}")


def eligible(engine: Engine, rule: str, held: Sequence[Sequence[Grade]]) -> list[Any]:
    """Return the (day, known) of each pupil, None for who is not eligible."""
    found = find_eligible(lay_out(engine, held), RULES.eligibility[rule]).to_pyarrow().to_pylist()
    by_pupil = {row["subject_id"]: (row["day"], row["known"]) for row in found}
    return [by_pupil.get(str(pupil)) for pupil in range(len(held))]


def merit(engine: Engine, rule: str, held: Sequence[Sequence[Grade]]) -> list[float]:
    """Return each pupil's merit value by all grades."""
    rows = lay_out(engine, held)
    moments = pa.table(
        {"subject_id": [str(pupil) for pupil in range(len(held))], "day": [end] * len(held),
         "known": [end] * len(held)}
    )  # fmt: skip
    table = engine.register(moments, f"moments_{next(number)}")
    found = compute_merit(rows, table, RULES.merit[rule]).to_pyarrow().to_pylist()
    by_pupil = {row["subject_id"]: row["merit"] for row in found}
    return [by_pupil[str(pupil)] for pupil in range(len(held))]


def split(values: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the two halves of a list."""
    half = len(values) // 2
    return values[:half], values[half:]


def is_eligible(rule: str, held: Sequence[Grade], until: date, clock: int) -> bool:
    """Read the paragraph: the subjects passed by a day, by date (2) or knowledge (3)."""
    passed = {item[0] for item in held if item[1] and item[clock] <= until}
    return any(
        passed >= {*way.core, *way.named} and len(passed - set(way.core)) >= way.others
        for way in RULES.eligibility[rule][-1].ways
    )


def first_day(rule: str, held: Sequence[Grade]) -> Any:
    """Return the first day by either clock on which the paragraph is met."""
    found = []
    for clock in (2, 3):
        moments = sorted({item[clock] for item in held})
        found.append(next((day for day in moments if is_eligible(rule, held, day, clock)), None))
    return None if found[0] is None else tuple(found)


quick = settings(
    max_examples=7, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_of_the_drawn_pupils_some_meet_each_rule_and_some_do_not() -> None:
    drawn: list[list[Grade]] = []

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(pupils)
    def collect(held: list[Grade]) -> None:
        drawn.append(held)

    collect()
    for rule in RULES.eligibility:
        n_met = sum(first_day(rule, held) is not None for held in drawn)
        assert len(drawn) / 10 < n_met < len(drawn) * 9 / 10, rule


@pytest.mark.parametrize("rule", RULES.eligibility)
@settings(max_examples=4, deadline=None)
@given(held=st.lists(pupils, min_size=4, max_size=16))
def test_the_day_is_that_on_which_the_paragraph_is_met(
    rule: str, held: list[list[Grade]], engine: Engine
) -> None:
    assert eligible(engine, rule, held) == [first_day(rule, items) for items in held]


@quick
@given(held=st.lists(pupils, min_size=1, max_size=12), data=st.data())
def test_a_higher_grade_never_loses_anything(
    held: list[list[Grade]], data: st.DataObject, engine: Engine
) -> None:
    raised = [
        [
            (subject, data.draw(st.sampled_from([p for p in POINTS if (p or 0) >= (points or 0)])),
             day, known)
            for subject, points, day, known in items
        ]
        for items in held
    ]  # fmt: skip
    for rule in ("merit_16", "merit_17"):
        before, after = split(merit(engine, rule, [*held, *raised]))
        assert all(later >= earlier for earlier, later in zip(before, after, strict=True))
    before, after = split(eligible(engine, "eligible_science_technology", [*held, *raised]))
    assert all(
        earlier is None or (later is not None and later <= earlier)
        for earlier, later in zip(before, after, strict=True)
    )


@quick
@given(held=st.lists(pupils, min_size=1, max_size=12), extra=good)
def test_one_more_passed_subject_never_loses_anything(
    held: list[list[Grade]], extra: Grade, engine: Engine
) -> None:
    more = [[*items, extra] for items in held]
    before, after = split(eligible(engine, "eligible_programme_oriented", [*held, *more]))
    assert all(
        earlier is None or (later is not None and later[0] <= earlier[0])
        for earlier, later in zip(before, after, strict=True)
    )
    low, high = split(merit(engine, "merit_17", [*held, *more]))
    assert all(later >= earlier for earlier, later in zip(low, high, strict=True))


@quick
@given(held=st.lists(pupils, min_size=1, max_size=16))
def test_merit_values_keep_within_their_bounds(held: list[list[Grade]], engine: Engine) -> None:
    sixteen, seventeen = merit(engine, "merit_16", held), merit(engine, "merit_17", held)
    for items, low, high in zip(held, sixteen, seventeen, strict=True):
        best = {subject: 0.0 for subject in SUBJECTS}
        for subject, points, _, _ in items:
            best[subject] = max(best[subject], points or 0.0)
        language = best.pop("language_choice")
        assert high == sum(sorted(best.values())[-16:]) + language
        assert low == sum(sorted([*best.values(), language])[-16:])
        assert 0 <= low <= high <= 340
        assert low <= 320
        assert high - low <= 20


@quick
@given(held=pupils.filter(bool), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(
    held: list[Grade], seed: Any, engine: Engine
) -> None:
    other = list(held)
    seed.shuffle(other)
    one, two = eligible(engine, "eligible_arts", [held, other])
    assert one == two
