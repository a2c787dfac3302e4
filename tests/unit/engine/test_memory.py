"""A limit of memory is kept where the input is larger, and said where it is too small."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError

ROWS = 4_000_000
LIMIT_MIB = 122  # 128 MB
SPEC = EngineSpec(memory_limit="128MB", threads=2)
"""Each group takes more than 50 bytes: all of them together take twice the limit."""

SLACK_MIB = 150
"""What DuckDB takes beyond its limit, for single buffers and while it writes."""

MEASURE = """
import json, resource, sys
from pathlib import Path
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec

def find_peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

with open_engine(EngineSpec.model_validate_json(sys.argv[1])) as engine:
    table = engine.read_parquet(Path(sys.argv[2]))
    before = find_peak()
    groups = table.group_by("subject_id").aggregate(total=table.amount.sum())
    engine.write_parquet(groups, Path(sys.argv[3]))
    print(json.dumps({"before": before, "after": find_peak()}))
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Write a table with one group per row."""
    path = tmp_path_factory.mktemp("large") / "rows.parquet"
    with open_engine(EngineSpec(threads=2, memory_limit="1GB")) as engine:
        engine.connection.con.execute(
            f"COPY (SELECT md5(n::VARCHAR) AS subject_id, n % 97 AS amount "
            f"FROM range({ROWS}) AS rows (n)) TO '{path}' (FORMAT parquet)"
        )
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process's peak")
def test_an_input_larger_than_the_limit_is_computed_within_it(large, tmp_path):
    out = tmp_path / "groups.parquet"
    command = [sys.executable, "-c", MEASURE, SPEC.model_dump_json(), str(large), str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=500)
    peak = json.loads(run.stdout)
    assert peak["after"] - peak["before"] < LIMIT_MIB + SLACK_MIB
    with open_engine(SPEC) as engine:
        groups = engine.read_parquet(out)
        counted = groups.aggregate(n=groups.count(), total=groups.total.sum())
        found = engine.to_pandas(counted).iloc[0]
    assert (found["n"], found["total"]) == (ROWS, sum(n % 97 for n in range(ROWS)))


def test_where_there_is_no_room_to_spill_the_limit_is_named(large, tmp_path):
    with open_engine(SPEC) as engine:
        engine.connection.con.execute("SET max_temp_directory_size = '1MB'")
        table = engine.read_parquet(large)
        groups = table.group_by("subject_id").aggregate(total=table.amount.sum())
        with pytest.raises(ConfigurationError, match="`memory_limit` must be large enough"):
            engine.write_parquet(groups, tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == []
