from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskmodel.simulation import calibration
from riskmodel.simulation.region import SimulationSummary, simulate_region
from riskmodel.simulation.spec import SimulationSpec

AFTER_ALL = date(2045, 1, 1)


@lru_cache(maxsize=16)
def read_frame(path: Path) -> pd.DataFrame:
    return pq.read_table(path).to_pandas(date_as_object=False)


@dataclass(frozen=True)
class Simulated:
    """A region on disk, read table by table."""

    folder: Path
    summary: SimulationSummary

    def read(self, name: str) -> pd.DataFrame:
        return read_frame(self.folder / "extracts" / f"{name}.parquet")

    @property
    def truth(self) -> pd.DataFrame:
        return read_frame(self.folder / "truth" / "true_risk.parquet")


class Collector:
    """Takes the place of a writer and keeps the tables."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Any]] = {}

    def write(self, name: str, table: Any) -> None:
        self.tables.setdefault(name, []).append(table)

    def together(self) -> dict[str, Any]:
        return {
            name: pa.concat_tables(tables).combine_chunks().to_pylist()
            for name, tables in self.tables.items()
        }


def simulate(folder: Path, *, random_state: int = 11, **changes: Any) -> Simulated:
    spec = SimulationSpec(**changes)
    return Simulated(folder, simulate_region(spec, folder, random_state=random_state))


@pytest.fixture(scope="session", name="simulate")
def simulate_fixture() -> Callable[..., Simulated]:
    """The function that simulates a region into a folder."""
    return simulate


@pytest.fixture
def collect() -> Callable[[], Collector]:
    """What makes a writer that keeps its tables."""
    return Collector


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """All outcomes of 20,000 pupils, without attendance."""
    return simulate(
        tmp_path_factory.mktemp("whole"),
        n_pupils=20_000,
        extract_date=AFTER_ALL,
        attendance_grades=(),
    )


@pytest.fixture(scope="session")
def attended(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """2,400 pupils with attendance by day in years 8 and 9, and after."""
    return simulate(
        tmp_path_factory.mktemp("attended"),
        n_pupils=2_400,
        extract_date=AFTER_ALL,
        attendance_grades=(8, 9, 11),
    )


@pytest.fixture
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solve the intercepts roughly, where the test is not about margins."""
    monkeypatch.setattr(calibration, "_SAMPLE", 4_000)
