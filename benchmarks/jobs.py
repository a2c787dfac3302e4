"""The jobs that are measured, each a function of the folder with the data and its limits.

Each returns a frame, or None where there is nothing to compare. A job reads its own input:
reading is part of what is measured, importing libraries is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.question import (
    CATALOGUE_DATES,
    MINUTES,
    PREDICTION_DATE,
    READ_COLUMNS,
    WINDOW_DAYS,
    answer_columns,
    window_starts,
)


@dataclass(frozen=True)
class Limits:
    """What a job may use; tools without a setting for memory take what they want."""

    threads: int = 2
    memory_limit: str = "4GB"
    temporary_folder: str | None = None


Job = Callable[[Path, Limits], Any]


@contextmanager
def _connect(limits: Limits) -> Iterator[Any]:
    """Open DuckDB with the limits."""
    import duckdb

    settings = {"threads": limits.threads, "memory_limit": limits.memory_limit}
    if limits.temporary_folder:
        settings["temp_directory"] = limits.temporary_folder
    connection = duckdb.connect(config=settings)
    try:
        yield connection
    finally:
        connection.close()


def scan(folder: Path, limits: Limits) -> None:
    """Read every value of the columns that the question needs, and do next to nothing.

    Minutes are summed; of the subject and the dates the greatest hash is taken, since their
    greatest value would be answered from the file's statistics without reading them.
    """
    hashed = [name for name in READ_COLUMNS if name not in MINUTES]
    columns = [*(f"max(hash({name}))" for name in hashed), *(f"sum({name})" for name in MINUTES)]
    with _connect(limits) as connection:
        connection.execute(
            f"SELECT {', '.join(columns)} FROM read_parquet('{folder}/attendance.parquet')"
        ).fetchall()


def riskmodel_sums(folder: Path, limits: Limits) -> Any:
    """Answer the question with the library."""
    from riskmodel.core.windows import Window
    from riskmodel.features.specs import FeatureSpec

    specs = [
        FeatureSpec(
            name=f"{name}_{days}",
            table="attendance",
            aggregation="sum",
            value=name,
            window=Window(days=days),
            missing="keep",
            domain="school_attendance",
        )
        for days in WINDOW_DAYS
        for name in MINUTES
    ]
    frame = _compute(folder, limits, specs, [PREDICTION_DATE])
    return frame.drop(columns="prediction_date")


def riskmodel_catalogue(folder: Path, limits: Limits) -> Any:
    """Compute the whole catalogue at three prediction dates with the library."""
    from riskmodel.features.catalogue import load_catalogue

    return _compute(folder, limits, load_catalogue(), CATALOGUE_DATES)


def _compute(folder: Path, limits: Limits, specs: Sequence[Any], dates: Sequence[Any]) -> Any:
    """Compute features of all pupils at some dates."""
    import pandas as pd

    from riskmodel.core.schema import TABLES as SCHEMAS
    from riskmodel.core.windows import SchoolCalendar
    from riskmodel.engine.session import open_engine
    from riskmodel.engine.specs import EngineSpec
    from riskmodel.features.compiler import compute_features
    from riskmodel.features.schemas import feature_schemas

    spec = EngineSpec(
        threads=limits.threads,
        memory_limit=limits.memory_limit,
        temporary_folder=limits.temporary_folder,
    )
    with open_engine(spec) as engine:
        names = {spec.table for spec in specs}
        tables = {name: engine.read_parquet(folder / f"{name}.parquet") for name in names}
        pupils = pd.read_parquet(
            folder / "pupils.parquet", columns=["subject_id", "school_unit", "school_class"]
        )
        cohort = pd.concat([pupils.assign(prediction_date=day) for day in dates])
        return compute_features(
            engine,
            tables,
            cohort,
            specs,
            schemas=feature_schemas(SCHEMAS),
            calendar=SchoolCalendar(),
        )


def pandas_sums(folder: Path, limits: Limits) -> Any:
    """Answer the question in pandas as one would write it: a mask and a sum per window."""
    import pandas as pd
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "attendance.parquet", columns=list(READ_COLUMNS))
    # Dates as datetime64: as Python objects, the default, they take ten times the memory.
    rows = table.to_pandas(date_as_object=False)
    day = pd.Timestamp(PREDICTION_DATE)
    known = rows["known_date"].fillna(rows["date"]) < day
    parts = []
    for days, start in window_starts().items():
        seen = rows[known & (rows["date"] >= pd.Timestamp(start)) & (rows["date"] < day)]
        sums = seen.groupby("subject_id")[list(MINUTES)].sum(min_count=1)
        parts.append(sums.add_suffix(f"_{days}"))
    return pd.concat(parts, axis=1).rename_axis("subject_id").reset_index()


def duckdb_filter(folder: Path, limits: Limits) -> Any:
    """Answer the question by hand in SQL: `sum(…) FILTER (WHERE …)` per window."""
    return _run_by_hand(
        folder,
        limits,
        lambda name, start: f"sum({name}) FILTER (WHERE date >= DATE '{start}')",
    )


def duckdb_case(folder: Path, limits: Limits) -> Any:
    """Answer the question by hand in SQL: `sum(CASE WHEN … END)` per window."""
    return _run_by_hand(
        folder,
        limits,
        lambda name, start: f"sum(CASE WHEN date >= DATE '{start}' THEN {name} END)",
    )


def _run_by_hand(folder: Path, limits: Limits, write: Callable[[str, Any], str]) -> Any:
    """Return one grouped query with a column per window and sum."""
    columns = [
        f"{write(name, start)} AS {name}_{days}"
        for days, start in window_starts().items()
        for name in MINUTES
    ]
    query = (
        f"SELECT subject_id, {', '.join(columns)} "
        f"FROM read_parquet('{folder}/attendance.parquet') "
        f"WHERE date < DATE '{PREDICTION_DATE}' "
        f"AND coalesce(known_date, date) < DATE '{PREDICTION_DATE}' GROUP BY subject_id"
    )
    with _connect(limits) as connection:
        return connection.execute(query).df()


def polars_sums(folder: Path, limits: Limits) -> Any:
    """Answer the question in Polars: one lazy, streamed query of masked sums."""
    import polars as pl

    kept = pl.scan_parquet(folder / "attendance.parquet").filter(
        (pl.col("date") < PREDICTION_DATE) & (pl.coalesce("known_date", "date") < PREDICTION_DATE)
    )
    columns = [
        pl.when(pl.col("date") >= start).then(pl.col(name)).sum().alias(f"{name}_{days}")
        for days, start in window_starts().items()
        for name in MINUTES
    ]
    found = kept.group_by("subject_id").agg(columns).collect(engine="streaming")
    return found.to_pandas()


def featuretools_sums(folder: Path, limits: Limits) -> Any:
    """Answer the question with featuretools: a training window and a cutoff time per pupil."""
    import featuretools as ft
    import pandas as pd
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "attendance.parquet", columns=list(READ_COLUMNS))
    rows = table.to_pandas(date_as_object=False)
    for name in ("date", "known_date"):
        rows[name] = rows[name].astype("datetime64[ns]")
    # It knows one time per row: what was known too late is left out beforehand.
    day = pd.Timestamp(PREDICTION_DATE)
    rows = rows[rows["known_date"].fillna(rows["date"]) < day].drop(columns="known_date")
    rows["row"] = range(len(rows))
    pupils = pd.DataFrame({"subject_id": rows["subject_id"].unique()})
    entities = ft.EntitySet("school")
    entities.add_dataframe(dataframe=rows, dataframe_name="lessons", index="row", time_index="date")
    entities.add_dataframe(dataframe=pupils, dataframe_name="pupils", index="subject_id")
    entities.add_relationship("pupils", "subject_id", "lessons", "subject_id")
    # Its windows hold the cutoff day itself, so the day before stands for the date.
    cutoffs = pupils.assign(time=day - pd.Timedelta(days=1))
    parts = []
    for days in WINDOW_DAYS:
        found, _ = ft.dfs(
            entityset=entities,
            target_dataframe_name="pupils",
            cutoff_time=cutoffs,
            agg_primitives=["sum"],
            trans_primitives=[],
            max_depth=1,
            training_window=ft.Timedelta(days, "days"),
            include_cutoff_time=True,
            n_jobs=1,
        )
        parts.append(found.rename(columns={f"SUM(lessons.{n})": f"{n}_{days}" for n in MINUTES}))
    joined = pd.concat(parts, axis=1).rename_axis("subject_id").reset_index()
    return joined[["subject_id", *answer_columns()]]


JOBS: dict[str, Job] = {
    "scan": scan,
    "riskmodel": riskmodel_sums,
    "catalogue": riskmodel_catalogue,
    "duckdb_case": duckdb_case,
    "duckdb_filter": duckdb_filter,
    "polars": polars_sums,
    "pandas": pandas_sums,
    "featuretools": featuretools_sums,
}

PEERS = ("polars", "featuretools")
"""Jobs that need the benchmarks' own environment."""
