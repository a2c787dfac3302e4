from __future__ import annotations

import pandas as pd
import pytest

from riskmodel.core.schema import TABLES
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.stage import ingest_tables
from riskmodel.privacy.keys import PseudonymKey


@pytest.fixture
def engine():
    with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as opened:
        yield opened


@pytest.fixture(scope="session")
def key():
    return PseudonymKey(bytes(range(32)))


@pytest.fixture
def frames():
    """Three persons, one of them protected, and a little of everything about them."""
    ids = ["SIM000000001", "SIM000000002", "SIM000000003"]
    return {
        "persons": pd.DataFrame(
            {
                "person_id": ids,
                "birth_date": ["2010-01-31", "2009-12-01", "2010-06-15"],
                "sex": ["Man", "Kvinna", None],
                "municipality": ["Borås", "Göteborg", "Ale"],
                "security_marking": ["Ingen", None, "Sekretessmarkering"],
            }
        ),
        "attendance": pd.DataFrame(
            {
                "person_id": [ids[0], ids[1], ids[2], ids[0]],
                "date": ["2024-09-02", "2024-09-02", "2024-09-02", "2024-09-01"],
                "offered_minutes": [60.0, 55.5, 60.0, 60.0],
                "is_reported": ["true", "false", "true", None],
            }
        ),
        "grades": pd.DataFrame(
            {
                "person_id": [ids[0], ids[1], ids[1]],
                "date": ["2024-06-12"] * 3,
                "subject": ["MA", "SV", "EN"],
                "grade": ["B", "-", "f"],
                "term": ["VT"] * 3,
            }
        ),
    }


@pytest.fixture
def write(tmp_path):
    """Write frames as CSV files and give their sources."""

    def write_csv(frames, **options):
        sources = {}
        for name, frame in frames.items():
            path = tmp_path / f"{name}.csv"
            frame.to_csv(path, index=False, sep=";", encoding="utf-8")
            sources[name] = SourceSpec(path=path, **options)
        return sources

    return write_csv


@pytest.fixture
def ingest(engine, write):
    """Write frames and ingest them."""

    def run(frames, tables=TABLES, **options):
        return ingest_tables(engine, write(frames), tables, **options)

    return run
