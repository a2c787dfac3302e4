"""Run one job in a process of its own and print what it took, as one line of JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import time
from pathlib import Path

from benchmarks.jobs import JOBS, Limits

_OURS = (
    "riskmodel.features.compiler",
    "riskmodel.features.catalogue",
    "riskmodel.engine.duckdb_engine",
    "ibis.backends.duckdb",
    "pandas",
    "pyarrow.parquet",
)
_LIBRARIES = {
    "riskmodel": _OURS,
    "catalogue": _OURS,
    "scan": ("duckdb",),
    "polars": ("polars", "pandas"),
    "featuretools": ("featuretools",),
    "pandas": ("pandas", "pyarrow.parquet"),
}


def peak_memory_mib() -> float:
    """Return the most memory that this process has held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_seconds() -> float:
    """Return the processor time of this process and its children."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> None:
    """Measure the job that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=sorted(JOBS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", default="4GB")
    parser.add_argument("--temporary-folder")
    parser.add_argument("--result", type=Path, help="where to write the job's table")
    chosen = parser.parse_args()
    limits = Limits(chosen.threads, chosen.memory_limit, chosen.temporary_folder)
    for name in _LIBRARIES.get(chosen.job, ("duckdb", "pandas")):
        importlib.import_module(name)
    started, used = time.perf_counter(), cpu_seconds()
    frame = JOBS[chosen.job](chosen.folder, limits)
    measured = {
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(cpu_seconds() - used, 3),
        "memory_mib": round(peak_memory_mib(), 1),
        "rows_out": None if frame is None else len(frame),
        "columns_out": None if frame is None else len(frame.columns),
    }
    if chosen.result is not None and frame is not None:
        frame.to_parquet(chosen.result)
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
