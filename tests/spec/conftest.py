"""Worked examples: a pupil's grades in, the outcomes by the rules out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from riskmodel.cohort.rules.final_grades import final_rows, name_subjects
from riskmodel.cohort.rules.merit import compute_merit
from riskmodel.cohort.rules.outcomes import DerivedOutcomes, derive_outcomes
from riskmodel.cohort.rules.specs import FromGradesSpec, load_compulsory_rules
from riskmodel.core.windows import SchoolCalendar
from riskmodel.engine.session import Engine, open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.ingest.grade_scale import add_grade_values

GRADES = pa.schema(
    {
        "subject_id": pa.string(),
        "date": pa.date32(),
        "subject": pa.string(),
        "grade": pa.string(),
        "term": pa.string(),
        "school_year": pa.int64(),
        "points": pa.float64(),
        "is_final": pa.bool_(),
        "known_date": pa.date32(),
    }
)
ENROLMENTS = pa.schema(
    {
        "subject_id": pa.string(),
        "school_unit": pa.string(),
        "school_type": pa.string(),
        "school_year": pa.int64(),
        "programme": pa.string(),
        "start_date": pa.date32(),
        "end_date": pa.date32(),
    }
)
JUNE = date(2025, 6, 10)

Row = dict[str, Any]
Pupils = Mapping[str, Sequence[Row]]
Apply = Callable[..., "Outcomes"]


class Outcomes:
    """What was computed, by pupil: (day, value, status, known) in order of time."""

    def __init__(self, derived: DerivedOutcomes) -> None:
        self.derived = derived
        self.rows: dict[str, list[tuple[date, float | None, str, date]]] = {}
        for row in derived.table.to_pyarrow().to_pylist():
            entry = (row["date"], row["value"], row["status"], row["known_date"])
            self.rows.setdefault(row["subject_id"], []).append(entry)
        for entries in self.rows.values():
            entries.sort(key=lambda entry: entry[0])

    def values(self, pupil: str) -> list[float | None]:
        """The values of one pupil's outcomes, in order of time."""
        return [value for _, value, _, _ in self.rows.get(pupil, [])]

    def met(self, pupil: str) -> bool:
        """Whether a pupil meets the rule at some time."""
        return 1.0 in self.values(pupil)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSpec(threads=1)) as opened:
        yield opened


@pytest.fixture(scope="session")
def apply_rule(engine: Engine) -> Apply:
    """Return how to compute an outcome for some pupils' grades."""

    def apply(
        rule: str,
        pupils: Pupils,
        enrolments: Sequence[Row] = (),
        outcomes: Any = None,
        **settings: Any,
    ) -> Outcomes:
        rows = [{"subject_id": name, **row} for name, rows in pupils.items() for row in rows]
        placed = enrolments or [
            {
                "subject_id": name,
                "school_unit": "A",
                "school_type": "GR",
                "start_date": date(2011, 8, 15),
            }
            for name in pupils
        ]
        tables = {
            "grades": add_grade_values(
                engine.register(pa.Table.from_pylist(rows, schema=GRADES), "grades")
            ),
            "enrolments": engine.register(
                pa.Table.from_pylist(placed, schema=ENROLMENTS), "enrolments"
            ),
        }
        if outcomes is not None:
            tables["outcomes"] = engine.register(outcomes, "outcomes")
        spec = FromGradesSpec(**settings)
        return Outcomes(derive_outcomes(engine, tables, rule, spec, calendar=SchoolCalendar()))

    return apply


@pytest.fixture(scope="session")
def merit_of(engine: Engine) -> Callable[[str, Pupils], dict[str, float]]:
    """Return how to compute the merit value by all of some pupils' grades."""

    def compute(rule: str, pupils: Pupils) -> dict[str, float]:
        grades = [{"subject_id": name, **row} for name, rows in pupils.items() for row in rows]
        table = engine.register(pa.Table.from_pylist(grades, schema=GRADES), "grades")
        rows = name_subjects(final_rows(add_grade_values(table), courses=False))
        moments = rows.group_by("subject_id").aggregate(day=rows.day.max(), known=rows.known.max())
        merit = compute_merit(rows, moments, load_compulsory_rules().merit[rule])
        found = merit.select("subject_id", "merit").to_pyarrow().to_pylist()
        return {row["subject_id"]: row["merit"] for row in found}

    return compute


def final(subjects: Mapping[str, str], day: date = JUNE, **changes: Any) -> list[Row]:
    """Return final grades of year 9, given as {subject: grade}."""
    common = {"date": day, "term": "VT", "school_year": 9, "is_final": True}
    return [
        {**common, "subject": code, "grade": grade, **changes} for code, grade in subjects.items()
    ]


@pytest.fixture(scope="session")
def final_grades() -> Callable[..., list[Row]]:
    return final
