"""Run the benchmarks part by part, keep what was measured as JSON, and write the page.

    python -m benchmarks.run                       # every part
    python -m benchmarks.run --parts sums          # one of them
    python -m benchmarks.run --missing             # only parts that have no results yet
    python -m benchmarks.run --page                # measure nothing, write the page anew

Each job runs in a process of its own; jobs that are compared take turns, so that what else
the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.data import ROWS_PER_PUPIL
from benchmarks.jobs import JOBS, PEERS
from benchmarks.machine import describe_machine, describe_versions
from benchmarks.report import write_page

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "performance.md"
_MAKER = """
import duckdb, sys
from pathlib import Path
from benchmarks.data import make_tables, sort_by_date
folder, pupils, by_date = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "by_date"
connection = duckdb.connect(config={"threads": int(sys.argv[4]), "memory_limit": "6GB",
                                    "temp_directory": str(folder / "spill")})
try:
    connection.execute("SET enable_progress_bar = false")
except duckdb.Error:
    pass
if by_date:
    sort_by_date(folder.parent / folder.name.removesuffix("_by_date"), folder, connection)
else:
    make_tables(folder, pupils, connection)
"""


@dataclass(frozen=True)
class Measurement:
    """One job on one size of data."""

    job: str
    pupils: int
    memory_limit: str = "4GB"
    repetitions: int = 5
    by_date: bool = False


@dataclass(frozen=True)
class Part:
    """Jobs that take turns, and so can be compared."""

    title: str
    jobs: tuple[Measurement, ...]


SMALL, CITY, REGION, NATION = 5_618, 60_000, 250_000, 1_500_000

PARTS: dict[str, Part] = {
    "small": Part(
        "A quick look: 5 million rows",
        tuple(
            Measurement(job, SMALL, repetitions=3)
            for job in ("scan", "riskmodel", "catalogue", "duckdb_case", "polars", "pandas")
        ),
    ),
    "sums": Part(
        "Five windows of four sums at one prediction date, 53 million rows",
        (
            Measurement("scan", CITY, "700MB"),
            Measurement("riskmodel", CITY, "700MB"),
            Measurement("duckdb_case", CITY, "700MB"),
            Measurement("duckdb_filter", CITY, "700MB", repetitions=3),
            Measurement("polars", CITY),
            Measurement("pandas", CITY, repetitions=3),
        ),
    ),
    "order": Part(
        "The same rows sorted by date instead of by subject",
        (
            Measurement("scan", CITY, "700MB", by_date=True),
            Measurement("riskmodel", CITY, "700MB", by_date=True),
        ),
    ),
    "catalogue": Part(
        "The whole catalogue at three prediction dates, 53 million rows",
        (Measurement("scan", CITY, "1500MB"), Measurement("catalogue", CITY, "1500MB")),
    ),
    "featuretools": Part(
        "featuretools on tables that it can take",
        (
            Measurement("featuretools", 100, repetitions=1),
            Measurement("featuretools", 1_000, repetitions=1),
            Measurement("riskmodel", 1_000, repetitions=1),
        ),
    ),
    "size": Part(
        "Time per row from 5 to 222 million rows",
        tuple(
            Measurement(job, pupils, "3GB", repetitions=3)
            for job in ("scan", "riskmodel")
            for pupils in (SMALL, REGION)
        ),
    ),
    "size_catalogue": Part(
        "The whole catalogue at three prediction dates, 222 million rows",
        (Measurement("catalogue", REGION, "3GB", repetitions=1),),
    ),
    "nation": Part(
        "The nation's year: 1.3 billion rows",
        (
            Measurement("scan", NATION, "6GB", repetitions=1),
            Measurement("riskmodel", NATION, "6GB", repetitions=1),
        ),
    ),
}
"""The parts by name, in the order in which they run."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    chosen = _parse(arguments)
    chosen.results.mkdir(parents=True, exist_ok=True)
    names = [] if chosen.page_only else _choose_parts(chosen.parts, chosen.missing, chosen.results)
    folder = chosen.data or Path(tempfile.mkdtemp(prefix="riskmodel-bench-"))
    try:
        for name in names:
            _run_part(name, PARTS[name], folder, chosen)
            _write_page(chosen)
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
    _write_page(chosen)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=[])
    parser.add_argument("--missing", action="store_true", help="only parts without results")
    parser.add_argument("--page", dest="page_only", action="store_true", help="only the page")
    parser.add_argument("--data", type=Path, help="where the tables lie; default: temporary")
    parser.add_argument("--keep", action="store_true", help="keep the tables")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=PAGE, help="the page")
    parser.add_argument("--peers-python", type=Path, help="an interpreter that has the peers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, help="in place of each job's own")
    parser.add_argument("--jobs", nargs="*", choices=sorted(JOBS), help="only these of a part")
    parser.add_argument("--pupils", type=int, help="in place of each job's own: to try things out")
    return parser.parse_args(arguments)


def _choose_parts(parts: Sequence[str], missing: bool, results: Path) -> list[str]:
    """Return the parts to run, in their order."""
    names = [name for name in PARTS if not parts or name in parts]
    return [name for name in names if not (missing and (results / f"{name}.json").exists())]


def _run_part(name: str, part: Part, folder: Path, chosen: argparse.Namespace) -> None:
    """Measure one part and keep its results."""
    jobs = _choose_jobs(part, chosen)
    if not jobs:
        return
    rounds = max(chosen.repetitions or job.repetitions for job in jobs)
    runs: dict[int, list[dict[str, Any]]] = {number: [] for number in range(len(jobs))}
    for number in range(rounds):
        for place, job in enumerate(jobs):
            if number < (chosen.repetitions or job.repetitions):
                pupils = chosen.pupils or job.pupils
                tables = prepare_tables(folder, pupils, job.by_date, chosen.threads)
                found = run_job(job, tables, folder, chosen.threads, chosen.peers_python)
                _tell(name, job.job, pupils, number, found)
                runs[place].append({"round": number, **found})
        _keep_results(name, part, jobs, runs, chosen)


def _keep_results(
    name: str,
    part: Part,
    jobs: Sequence[Measurement],
    runs: Mapping[int, Sequence[Mapping[str, Any]]],
    chosen: argparse.Namespace,
) -> None:
    """Write what was measured so far, so that a part that is broken off is not lost."""
    content = {
        "part": name,
        "title": part.title,
        "date": datetime.now(UTC).date().isoformat(),
        "command": f"make bench PARTS={name}",
        "threads": chosen.threads,
        "machine": describe_machine(),
        "versions": describe_versions(chosen.peers_python),
        "jobs": [
            {
                **asdict(job),
                "pupils": chosen.pupils or job.pupils,
                "rows": (chosen.pupils or job.pupils) * ROWS_PER_PUPIL,
                "runs": runs[place],
            }
            for place, job in enumerate(jobs)
        ],
    }
    path = chosen.results / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _choose_jobs(part: Part, chosen: argparse.Namespace) -> list[Measurement]:
    """Return the jobs of a part that are asked for and that can run."""
    jobs = [job for job in part.jobs if not chosen.jobs or job.job in chosen.jobs]
    return [job for job in jobs if job.job not in PEERS or chosen.peers_python]


def prepare_tables(folder: Path, pupils: int, by_date: bool, threads: int) -> Path:
    """Return the folder with the tables of so many pupils, made if they are not there."""
    made = folder / f"pupils_{pupils}"
    if not (made / f"made_{pupils}").exists():
        print(f"making {pupils * ROWS_PER_PUPIL:,} rows", flush=True)
        _make(made, pupils, threads)
    if not by_date:
        return made
    ordered = folder / f"pupils_{pupils}_by_date"
    if not (ordered / "attendance.parquet").exists():
        _make(ordered, pupils, threads, "by_date")
    return ordered


def _make(folder: Path, pupils: int, threads: int, order: str = "by_subject") -> None:
    """Make tables in a process of its own, whose memory goes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", _MAKER, str(folder), str(pupils), order, str(threads)]
    subprocess.run(command, check=True, cwd=ROOT)


def run_job(
    job: Measurement,
    tables: Path,
    folder: Path,
    threads: int,
    peers_python: Path | None,
    result: Path | None = None,
) -> dict[str, Any]:
    """Run one job in a process of its own and return what it took, or how it failed."""
    python = str(peers_python) if job.job in PEERS and peers_python else sys.executable
    spill = folder / "spill"
    spill.mkdir(exist_ok=True)
    command = [python, "-W", "ignore", "-m", "benchmarks.measure", job.job, str(tables)]
    command += ["--threads", str(threads), "--memory-limit", job.memory_limit]
    command += ["--temporary-folder", str(spill)]
    command += ["--result", str(result)] if result else []
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"failed": last[:300]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _tell(part: str, job: str, pupils: int, number: int, found: Mapping[str, Any]) -> None:
    """Print one measurement."""
    print(f"{part}: {job}, {pupils:,} pupils, round {number + 1}: {dict(found)}", flush=True)


def _write_page(chosen: argparse.Namespace) -> None:
    """Write the page from all results that are there."""
    found = {
        name: json.loads((chosen.results / f"{name}.json").read_text(encoding="utf-8"))
        for name in PARTS
        if (chosen.results / f"{name}.json").exists()
    }
    if found:
        write_page(found, chosen.output)


if __name__ == "__main__":
    main()
