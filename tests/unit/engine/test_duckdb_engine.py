"""The engine: limits, files in and out, no network, no values in errors."""

from __future__ import annotations

import time
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskmodel.engine.duckdb_engine import DuckDBEngine
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError, DataContractError, UsageError


@pytest.fixture(scope="module")
def engine():
    with open_engine(EngineSpec(threads=2, memory_limit="1GB")) as opened:
        yield opened


def get_setting(engine, name):
    return engine.connection.con.execute(f"SELECT current_setting('{name}')").fetchall()[0][0]


def test_the_limits_are_set(tmp_path):
    spec = EngineSpec(memory_limit="500MB", threads=1, temporary_folder=tmp_path / "spill")
    with open_engine(spec) as engine:
        assert get_setting(engine, "threads") == 1
        assert "476" in get_setting(engine, "memory_limit")  # 500 MB is 476.8 MiB
        assert get_setting(engine, "temp_directory").startswith(str(tmp_path / "spill"))


def test_nothing_is_fetched_and_nothing_is_drawn(engine):
    assert get_setting(engine, "autoinstall_known_extensions") is False
    assert get_setting(engine, "autoload_known_extensions") is False
    assert get_setting(engine, "enable_progress_bar") is False


def test_what_was_spilled_goes_away_on_closing(tmp_path):
    engine = DuckDBEngine(EngineSpec(temporary_folder=tmp_path))
    (folder,) = tmp_path.iterdir()
    (folder / "spilled").write_text("rows", encoding="utf-8")
    engine.close()
    engine.close()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_block_closes_the_engine(tmp_path):
    def fail():
        with open_engine(EngineSpec(temporary_folder=tmp_path)):
            raise UsageError("stop")

    with pytest.raises(UsageError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", ["4", "GB", "4 potatoes", "-1GB"])
def test_a_memory_limit_needs_a_unit(limit):
    with pytest.raises(ValueError, match="memory_limit"):
        EngineSpec(memory_limit=limit)


def test_frames_arrow_tables_and_readers_give_the_same_table(engine):
    frame = pd.DataFrame({"name": ["å", None], "minutes": [1.5, np.nan]}, index=[7, 8])
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for data in (frame, table, table.to_reader(max_chunksize=1)):
        result = engine.to_pandas(engine.register(data, "made"))
        pd.testing.assert_frame_equal(result, frame.reset_index(drop=True))


def test_keys_are_equal_where_their_texts_are(engine):
    texts = ["abc", "cba", "aab", "baa", "abc", "å" * 40, "å" * 41, "", None, None]
    table = engine.register(pd.DataFrame({"text": texts}, dtype=object), "texts")
    keys = table.select("text", key=engine.shorten_key(table["text"]))
    pairs = keys.inner_join(keys.view(), "key")
    found = engine.to_pandas(pairs.select("text", other="text_right"))
    expected = sorted((a, b) for a in texts[:-2] for b in texts[:-2] if a == b)
    assert sorted(zip(found["text"], found["other"], strict=True)) == expected


def test_what_is_computed_once_has_the_types_that_it_says(engine):
    table = engine.register(pa.table({"n": pa.array([1, 2], pa.int64())}), "numbers")
    sums = table.aggregate(total=table.n.sum(), mean=table.n.mean())
    engine.materialise(sums, "sums")
    kinds = engine.connection.con.execute("DESCRIBE sums").fetchall()
    assert [kind[:2] for kind in kinds] == [("total", "BIGINT"), ("mean", "DOUBLE")]


def test_a_sum_beyond_its_type_is_refused(engine):
    table = engine.register(pa.table({"n": pa.array([2**62] * 4, pa.int64())}), "large")
    with pytest.raises(DataContractError, match="declared types"):
        engine.materialise(table.aggregate(total=table.n.sum()), "too_large")


def list_tables(engine):
    rows = engine.connection.con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    return [name for (name,) in rows]


def test_tables_computed_ahead_are_there_at_the_end(engine):
    table = engine.register(pa.table({"n": pa.array(range(100_000), pa.int64())}), "numbers")
    with engine.compute_ahead() as compute:
        for number in range(5):
            table = compute(table.select(n=table.n + 1), f"ahead_{number}")
    assert engine.to_pandas(table.aggregate(least=table.n.min()))["least"].tolist() == [5]
    assert table.schema() == engine.connection.table("ahead_4").schema()
    assert get_setting(engine, "preserve_insertion_order") is True


def test_what_fails_ahead_is_raised_and_the_engine_goes_on(engine):
    table = engine.register(pa.table({"n": pa.array([2**62] * 4, pa.int64())}), "large")
    refused = pytest.raises(DataContractError, match="declared types")
    with refused, engine.compute_ahead() as compute:
        total = compute(table.aggregate(total=table.n.sum()), "too_large")
        compute(total.select(half=total.total / 2), "never_made")
    assert "never_made" not in list_tables(engine)
    assert engine.to_pandas(table.limit(1))["n"].tolist() == [2**62]


def test_an_error_meanwhile_stops_what_is_computed_ahead(engine):
    table = engine.register(pa.table({"n": pa.array(range(300_000), pa.int64())}), "numbers")
    pairs = table.cross_join(table.view())
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), engine.compute_ahead() as compute:
        compute(pairs.aggregate(most=(pairs.n ^ pairs.n_right).max()), "takes_minutes")
        compute(table, "never_made")
        raise KeyboardInterrupt
    assert time.monotonic() - began < 20
    assert "never_made" not in list_tables(engine)
    assert engine.to_pandas(table.aggregate(n=table.count()))["n"].tolist() == [300_000]


def test_registering_again_replaces_the_table(engine):
    engine.register(pd.DataFrame({"a": [1]}), 'odd "name"')
    table = engine.register(pd.DataFrame({"b": [2, 3]}), 'odd "name"')
    assert engine.to_pandas(table)["b"].tolist() == [2, 3]


def test_a_frame_is_what_the_written_file_holds(engine, tmp_path):
    frame = pd.DataFrame({"day": [date(2024, 1, 2), None], "n": [1.0, None], "name": ["x", "y"]})
    table = engine.register(frame, "with_dates")
    engine.write_parquet(table, tmp_path / "it's here.parquet", order_by=("name",))
    pd.testing.assert_frame_equal(
        engine.to_pandas(table), pd.read_parquet(tmp_path / "it's here.parquet")
    )
    again = engine.read_parquet(tmp_path / "it's here.parquet")
    pd.testing.assert_frame_equal(engine.to_pandas(again), engine.to_pandas(table))


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"key": rng.integers(0, 900, 300_000), "n": rng.integers(0, 9, 300_000)})
    contents = set()
    for threads, seed in ((1, 1), (2, 2), (4, 3)):
        with open_engine(EngineSpec(threads=threads)) as engine:
            table = engine.register(frame.sample(frac=1, random_state=seed), "rows")
            engine.write_parquet(table, tmp_path / "out.parquet", order_by=("key",))
            contents.add((tmp_path / "out.parquet").read_bytes())
    assert len(contents) == 1
    metadata = pq.ParquetFile(tmp_path / "out.parquet").metadata
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_missing_keys_are_written_last(engine, tmp_path):
    table = engine.register(pd.DataFrame({"key": [None, "b", "a"]}), "unordered")
    engine.write_parquet(table, tmp_path / "out.parquet", order_by=("key",))
    assert pd.read_parquet(tmp_path / "out.parquet")["key"].fillna("-").tolist() == ["a", "b", "-"]


def test_a_failed_write_leaves_the_old_file(engine, tmp_path):
    target = tmp_path / "out.parquet"
    target.write_text("old", encoding="utf-8")
    table = engine.register(pd.DataFrame({"text": ["19900101-0017"]}), "texts")
    with pytest.raises(DataContractError):
        engine.write_parquet(table.mutate(text=table["text"].cast("int64")), target)
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_an_error_never_quotes_a_cell(engine):
    table = engine.register(pd.DataFrame({"text": ["19900101-0017"]}), "texts")
    with pytest.raises(DataContractError) as caught:
        engine.to_pandas(table.mutate(text=table["text"].cast("int64")))
    assert "19900101" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_too_little_memory_says_what_to_raise(tmp_path):
    with open_engine(EngineSpec(memory_limit="20MB", threads=1)) as engine:
        engine.connection.con.execute("SET max_temp_directory_size = '1MB'")
        engine.connection.con.execute(
            "CREATE VIEW numbers AS SELECT hash(range) AS n FROM range(30000000)"
        )
        numbers = engine.connection.table("numbers")
        with pytest.raises(ConfigurationError, match="memory_limit"):
            engine.write_parquet(numbers, tmp_path / "out.parquet", order_by=("n",))


def test_ordering_by_an_unknown_column_is_refused(engine, tmp_path):
    table = engine.register(pd.DataFrame({"key": [1]}), "keys")
    with pytest.raises(UsageError, match="Did you mean 'key'"):
        engine.write_parquet(table, tmp_path / "out.parquet", order_by=("keys",))


def test_a_file_that_is_not_there_is_named(engine, tmp_path):
    with pytest.raises(UsageError, match=r"labels\.parquet"):
        engine.read_parquet(tmp_path / "labels.parquet")
