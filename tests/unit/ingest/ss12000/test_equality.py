"""A simulated region comes out the same as extracts and as pages of SS 12000."""

from __future__ import annotations

import shutil

import pytest

from riskmodel.core.schema import TABLES
from riskmodel.ingest.pseudonymise import pseudonymise_tables
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.ss12000.delivery import open_delivery
from riskmodel.ingest.ss12000.specs import Ss12000Spec
from riskmodel.ingest.stage import ingest_tables
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.scan import find_identifiers
from riskmodel.simulation.region import simulate_region
from riskmodel.simulation.spec import SimulationSpec
from riskmodel.simulation.ss12000 import DELIVERED, PAGES, replace_by_pages

LOST = {  # what the standard has no field for, and the number of a lesson, which extracts lack
    "subjects": ["migration_background", "parental_education"],
    "enrolments": ["known_date"],
    "attendance": ["lesson"],
    "grades": [],
}


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    folder = tmp_path_factory.mktemp("region")
    spec = SimulationSpec(
        n_pupils=100, granularity="lesson", attendance_grades=(9,), first_cohort=2022
    )
    simulate_region(spec, folder / "region", random_state=5)
    shutil.copytree(folder / "region" / "extracts", folder / "delivered")
    replace_by_pages(folder / "delivered")
    assert not (folder / "delivered" / "grades.parquet").exists()
    return folder


def test_a_region_gives_the_same_pseudonymised_tables_either_way(region, engine, tmp_path):
    key = PseudonymKey(bytes(range(32)))
    extracts = {
        name: SourceSpec(path=region / "region" / "extracts" / f"{name}.parquet")
        for name in DELIVERED
    }
    ingested = ingest_tables(engine, extracts, TABLES)
    expected = pseudonymise_tables(engine, ingested, key, domain="school")
    frames = {name: engine.to_pandas(rows) for name, rows in expected.tables.items()}
    with open_delivery(engine, Ss12000Spec(path=region / "delivered" / PAGES), TABLES) as found:
        ingested = ingest_tables(engine, found.sources, TABLES, notices=found.notices)
        result = pseudonymise_tables(engine, ingested, key, domain="school")
        for name, rows in result.tables.items():
            engine.write_parquet(rows, tmp_path / f"{name}.parquet")
            left = frames[name].drop(columns=LOST[name])
            right = engine.to_pandas(rows).drop(columns=LOST[name])
            order = list(left.columns)
            assert order == list(right.columns)
            left, right = (side.sort_values(order, ignore_index=True) for side in (left, right))
            assert left.equals(right)
    assert set(result.tables) == set(LOST)
    assert len(frames["attendance"]) > 10_000
    assert result.report == expected.report
    assert find_identifiers([tmp_path]) == []
    assert not any(b"Simulerad" in file.read_bytes() for file in tmp_path.iterdir())
    rules = {(notice.table, notice.column) for notice in found.notices}
    assert rules == {("syllabuses", "curriculum")}
