"""A small event table, and how to compute features of it."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from riskmodel.core.schema import Column, Table
from riskmodel.core.windows import SchoolCalendar, Window
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.features.compiler import compute_features
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import FeatureSpec

MOMENT = date(2024, 11, 1)


@pytest.fixture(scope="session")
def engine():
    with open_engine(EngineSpec(threads=2, memory_limit="1GB")) as opened:
        yield opened


@pytest.fixture
def schemas():
    columns = {
        "person_id": Column(type="string", required=True),
        "date": Column(type="date", required=True),
        "known_date": Column(type="date"),
        "amount": Column(type="number"),
        "size": Column(type="number"),
        "units": Column(type="integer"),
        "code": Column(type="string", allowed=("red", "green")),
        "is_ok": Column(type="boolean"),
        "lesson": Column(type="string"),
        "ended": Column(type="date", is_plan=True),
        "is_over": Column(type="boolean", known_from="ended"),
    }
    table = Table(columns=columns, date="date", fact_key=("date", "lesson"), user_declared=True)
    return feature_schemas({"events": table})


@pytest.fixture
def make_spec():
    def make(name="feature", aggregation="sum", **fields):
        given = {
            "table": "events",
            "window": Window(days=30),
            "missing": "keep",
            "domain": "motivation",
        }
        return FeatureSpec(name=name, aggregation=aggregation, **(given | fields))

    return make


@pytest.fixture
def compute(engine, schemas):
    """Compute features of rows of subject "a" (unless they say otherwise) at 1 November 2024."""

    def run(rows, *specs, pairs=(("a", MOMENT),), calendar=None, schools=None):
        frame = pd.DataFrame([{"subject_id": "a"} | row for row in rows])
        if frame.empty:
            frame = pd.DataFrame({"subject_id": ["z"], "date": [date(2020, 1, 1)], "amount": [1.0]})
        cohort = pd.DataFrame(pairs, columns=["subject_id", "prediction_date"])
        if schools is not None:
            cohort["school_unit"] = cohort["subject_id"].map(schools)
        return compute_features(
            engine,
            {"events": engine.register(frame, "events")},
            cohort,
            specs,
            schemas=schemas,
            calendar=calendar or SchoolCalendar(),
        )

    return run
