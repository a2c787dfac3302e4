"""Every feature on DuckDB, on Spark and by the slow reading: the same table."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract.oracle import (
    CALENDAR,
    PAIRS,
    SCHEMAS,
    SPECS,
    check_same,
    compute_slowly,
    event_tables,
    make_many_rows,
    to_cohort,
    to_table,
)
from hypothesis import HealthCheck, Phase, given, settings

from riskmodel.engine.interface import Engine
from riskmodel.errors import ConfigurationError, DataContractError, UsageError
from riskmodel.features.aggregations import AGGREGATIONS
from riskmodel.features.compiler import compute_features

N_TABLES = 20
N_TASKS = 80
KEYS = ["subject_id", "prediction_date"]


def make_tables():
    """Return tables made by Hypothesis, all at once: one example each is too many jobs."""
    tables = [make_many_rows(300)]

    @settings(
        max_examples=N_TABLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(rows=event_tables())
    def collect(rows):
        tables.append(rows)

    collect()
    return tables


def rename(number, name):
    return None if name is None else f"{number:02d} {name}"


def join_tables(tables):
    """Return the rows and the cohort of several tables, each with subjects of its own."""
    rows = [
        row | {"subject_id": rename(number, row["subject_id"])}
        for number, table in enumerate(tables)
        for row in table
    ]
    cohorts = []
    for number in range(len(tables)):
        cohort = to_cohort(PAIRS)
        for name in set(cohort.columns) - {"prediction_date"}:
            cohort[name] = [rename(number, value) for value in cohort[name]]
        cohorts.append(cohort)
    return rows, pd.concat(cohorts, ignore_index=True)


@pytest.fixture(scope="module")
def tables():
    return make_tables()


@pytest.fixture(scope="module")
def written(tables, tmp_path_factory):
    """Write the rows of all tables into one file of several row groups."""
    rows, cohort = join_tables(tables)
    path = tmp_path_factory.mktemp("written") / "events.parquet"
    pq.write_table(to_table(rows), path, row_group_size=80)
    return path, cohort


def compute(engine, written, specs=SPECS):
    path, cohort = written
    table = {"events": engine.read_parquet(path)}
    return compute_features(engine, table, cohort, specs, schemas=SCHEMAS, calendar=CALENDAR)


@pytest.fixture(scope="module")
def by_duckdb(duckdb, written):
    return compute(duckdb, written)


@pytest.fixture(scope="module")
def by_spark(spark, written):
    return compute(spark, written)


@pytest.fixture(scope="module")
def by_hand(tables):
    frames = []
    for number, table in enumerate(tables):
        frame = compute_slowly(table, PAIRS, SPECS)
        frame["subject_id"] = [rename(number, name) for name in frame["subject_id"]]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def test_every_aggregation_is_compared():
    assert {spec.aggregation for spec in SPECS} == set(AGGREGATIONS)


def test_made_tables_say_something(by_hand):
    assert all(by_hand[spec.name].nunique() > 1 for spec in SPECS)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_feature_is_the_same_everywhere(spec, by_duckdb, by_spark, by_hand):
    columns = [*KEYS, *spec.columns]
    check_same(by_duckdb[columns], by_hand[columns])
    for name in columns:
        pd.testing.assert_series_equal(by_spark[name], by_duckdb[name], check_exact=True)


def test_the_frames_are_the_same_bit_by_bit(by_duckdb, by_spark):
    assert by_spark.dtypes.equals(by_duckdb.dtypes)
    assert by_spark.columns.equals(by_duckdb.columns)
    for name in by_duckdb.columns.difference(KEYS):
        one, other = (frame[name].fillna(-1.5).to_numpy() for frame in (by_duckdb, by_spark))
        assert np.array_equal(one.view("int64"), other.view("int64")), name


def test_work_is_spread_over_partitions(spark, written):
    from pyspark.sql.functions import spark_partition_id

    # A split of the file has rows only if the middle of a row group lies in it.
    frame = spark.connection._session.read.parquet(written[0].as_uri())
    assert frame.select(spark_partition_id()).distinct().count() > 2


def test_files_are_the_same_bytes(duckdb, spark, by_duckdb, tmp_path):
    contents = []
    for engine in (duckdb, spark):
        table = engine.register(by_duckdb.iloc[:, :12], "some_features")
        engine.write_parquet(table, tmp_path / "out.parquet", order_by=KEYS)
        contents.append((tmp_path / "out.parquet").read_bytes())
    assert contents[0] == contents[1]


def test_spark_takes_what_duckdb_takes(duckdb, spark):
    frame = pd.DataFrame(
        {
            "name": ["å", None, "b"],
            "minutes": [1.5, np.nan, 2.0],
            "kind": pd.Categorical(["x", "y", None]),
            "small": np.array([1, 2, 3], dtype="uint16"),
            "nothing": [None, None, None],
            "day": [pd.Timestamp(2024, 1, 2).date(), None, pd.Timestamp(1960, 1, 2).date()],
        },
        index=[7, 8, 9],
    )
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    expected = duckdb.to_pandas(duckdb.register(frame, 'odd "name"'))
    for data in (frame, arrow, arrow.to_reader(max_chunksize=1)):
        computed = spark.to_pandas(spark.register(data, 'odd "name"'))
        pd.testing.assert_frame_equal(computed, expected, check_dtype=False)
        assert type(computed["day"][0]) is type(expected["day"][0])


def test_an_error_of_spark_never_quotes_a_cell(spark, tmp_path, capfd):
    table = spark.register(pd.DataFrame({"text": ["19900101-0017"]}), "texts")
    with pytest.raises(DataContractError) as caught:
        spark.to_pandas(table.mutate(text=table["text"].cast("int64")))
    assert "19900101" not in "".join([str(caught.value), *capfd.readouterr()])
    assert caught.value.__suppress_context__


def test_an_expression_that_spark_does_not_know_is_a_bug(spark):
    @ibis.udf.scalar.builtin(name="no_such_function")
    def ask(text: str) -> str:
        return text

    table = spark.register(pd.DataFrame({"text": ["a"]}), "texts")
    with pytest.raises(RuntimeError, match="refuses the expression"):
        spark.to_pandas(table.select(text=ask(table["text"])))


def test_a_file_that_a_worker_does_not_see_is_a_clear_error(spark, tmp_path):
    path = tmp_path / "gone.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), path)
    table = spark.read_parquet(path)
    path.unlink()
    with pytest.raises(ConfigurationError, match="every worker"):
        spark.to_pandas(table)
    with pytest.raises(UsageError, match=r"gone\.parquet"):
        spark.read_parquet(path)


def test_one_process_has_one_spark(spark):
    from riskmodel.engine.spark_engine import SparkEngine

    with pytest.raises(UsageError, match="only Spark session"):
        SparkEngine(None)


def make_large_table(duckdb, path):
    """Write a table of so many row groups that a stage over it takes a while."""
    duckdb.connection.con.execute(
        f"""
        COPY (
            SELECT format('{{:04d}}', n % 2000) AS subject_id,
                   DATE '2024-05-20' + (n * 7919 % 160)::INT AS date,
                   (n % 4001) / 1000 AS amount, NULL::DOUBLE AS extra, 2.5 AS size,
                   n % 4 AS units, CASE WHEN n % 3 = 0 THEN 'a' ELSE 'å' END AS code,
                   n % 5 = 0 AS is_ok, NULL::VARCHAR AS lesson, NULL::DATE AS ended,
                   NULL::BOOLEAN AS is_over, NULL::DATE AS known_date
            FROM range(400000) AS rows (n)
        ) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 4096)
        """
    )
    subjects = [f"{n:04d}" for n in range(2000)]
    cohort = pd.DataFrame({"subject_id": subjects, "prediction_date": pd.Timestamp(2024, 10, 1)})
    return path, cohort.assign(school_unit="x")


class Killer(threading.Thread):
    """Waits until a stage of many tasks is under way and then kills a worker."""

    def __init__(self, engine, cluster):
        super().__init__(daemon=True)
        self.tracker = engine.connection._session.sparkContext.statusTracker()
        self.cluster = cluster
        self.is_over = threading.Event()
        self.killed_at = None

    def run(self):
        while not self.is_over.is_set():
            for stage in self.tracker.getActiveStageIds():
                info = self.tracker.getStageInfo(stage)
                if info and info.numTasks > 20 and 3 <= info.numCompletedTasks < info.numTasks / 2:
                    self.cluster.kill_worker()
                    self.killed_at = (info.numCompletedTasks, info.numTasks)
                    return
            time.sleep(0.02)


@contextmanager
def split_files(engine, size):
    """Let each task read so many bytes of a file."""
    name, conf = "spark.sql.files.maxPartitionBytes", engine.connection._session.conf
    before = conf.get(name)
    conf.set(name, size)
    try:
        yield
    finally:
        conf.set(name, before)


def test_a_worker_that_dies_changes_nothing(cluster, spark, duckdb, tmp_path):
    written = make_large_table(duckdb, tmp_path / "large.parquet")
    wanted = {"sum", "share", "distinct_count", "day_count", "trend"}
    specs = [*{spec.aggregation: spec for spec in SPECS if spec.aggregation in wanted}.values()]
    expected = compute(duckdb, written, specs)
    killer = Killer(spark, cluster)
    killer.start()
    try:
        with split_files(spark, written[0].stat().st_size // N_TASKS):
            computed = compute(spark, written, specs)
    finally:
        killer.is_over.set()
        killer.join()
        cluster.add_worker()
    assert killer.killed_at is not None, "a worker must die while a stage is under way"
    pd.testing.assert_frame_equal(computed, expected, check_exact=True)


def test_engines_are_behind_one_interface(duckdb, spark):
    assert isinstance(duckdb, Engine)
    assert isinstance(spark, Engine)
