"""Work in parts outlives a killed process: what is whole is kept, what is not is made again."""

import pyarrow as pa
import pytest

from riskmodel.pipeline.part_store import PartStore

PART = pa.table({"subject_id": ["a", "b"], "risk": [0.1, 0.2]})


@pytest.fixture
def folder(tmp_path):
    store = PartStore(tmp_path / "parts", {"model": "one", "batch_rows": 2})
    store.write(0, PART)
    store.write(1, PART)
    return tmp_path / "parts"


def test_finished_parts_are_found_by_the_next_run(folder):
    store = PartStore(folder, {"batch_rows": 2, "model": "one"})
    assert store.read(1).equals(PART)
    assert store.read(2) is None


@pytest.mark.parametrize("made_from", [{"model": "two", "batch_rows": 2}, {"model": "one"}])
def test_parts_of_other_work_are_thrown_away(folder, made_from):
    assert PartStore(folder, made_from).read(0) is None
    assert not list(folder.glob("part-*"))


def test_half_parts_are_made_again(folder):
    whole = (folder / "part-000000.parquet").read_bytes()
    (folder / "part-000000.parquet").write_bytes(whole[: len(whole) // 2])
    leftover = folder / ".partial-killed"
    leftover.mkdir()
    store = PartStore(folder, {"model": "one", "batch_rows": 2})
    assert store.read(0) is None
    assert store.read(1) is not None
    assert not leftover.exists()


def test_parts_of_unknown_origin_are_thrown_away(folder):
    (folder / "made_from.json").write_text('{"model": "on', encoding="utf-8")
    assert PartStore(folder, {"model": "one", "batch_rows": 2}).read(0) is None
