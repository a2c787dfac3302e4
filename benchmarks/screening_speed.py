"""Time the list of a million pupils as one process, with its memory, and write what was found.

python -m benchmarks.screening_speed [--run CONFIG] [--pupils N] [--full] [--page FILE]

Without a run one is made by `riskmodel demo`. Its pupils of today are drawn again until there are
a million of them, or as many as asked for, 200 to a school, with pseudonyms of their own. With
`--full` the list has all that a list can have: two roles' views, an earlier list to be compared
with, and each pupil's attendance and grades for the cards.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import yaml

from benchmarks.grown_run import PER_SCHOOL, Size, grow_run
from benchmarks.machine import write_machine
from riskmodel.core.files import hash_file, read_json
from riskmodel.explanation.contributions import explain
from riskmodel.models.persistence import load_model

PAGE = Path(__file__).parent.parent / "docs" / "screening_performance.md"
N_PUPILS, PUPILS_PER_SCHOOL, PUPILS_PER_PART = 1_000_000, 200, 50_000
MOST_SECONDS, MOST_GIB = 60, 4
OUTPUTS = ("screening.parquet", "screening.html", "screening.xlsx", "screening_scores.parquet",
           "screening_views")  # fmt: skip
PLAIN = """\
Drawn pupils have features and no events: their cards show no attendance or grades, and the first \
prediction point has no earlier list to be compared with."""
FULL = """\
The list is of the second prediction point and is compared with that of the first; two roles have \
views of their own, so that three lists are written; and every pupil has attendance and grades, \
which the cards show."""
COMMAND = (sys.executable, "-m", "riskmodel.cli.app")


def screen(config: Path) -> tuple[str, bool]:
    """Run the command and return its time and memory as cells, and whether both keep the bar."""
    start = time.perf_counter()
    process = subprocess.Popen([*COMMAND, "screen", "--config", str(config), "--force"])
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    seconds = time.perf_counter() - start
    used = usage.ru_utime + usage.ru_stime
    memory = usage.ru_maxrss / 2**20
    cells = f"{seconds:,.0f} s | {used:,.0f} s | {memory:.1f} GiB"
    return cells, seconds < MOST_SECONDS and memory < MOST_GIB


def kill_in_the_middle(config: Path, out: Path, n_wanted: int) -> int:
    """Kill the command when some parts are finished, and return how many there were."""
    parts = out / ".screening-parts"
    process = subprocess.Popen([*COMMAND, "screen", "--config", str(config), "--force"])
    while process.poll() is None and len(list(parts.glob("part-*"))) < n_wanted:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(list(parts.glob("part-*")))


def hash_outputs(out: Path) -> dict[str, str]:
    """Return the hash of everything that the command wrote."""
    files = [
        path
        for name in OUTPUTS
        for path in (out / name, *(out / name).rglob("*"))
        if path.is_file()
    ]
    return {str(path.relative_to(out)): hash_file(path) for path in files}


def measure(config: Path, size: Size) -> list[str]:
    """Measure the command whole, and killed and resumed, and return the page's lines."""
    with tempfile.TemporaryDirectory() as folder:
        grown = grow_run(config, Path(folder), size)
        out = Path(folder) / "run"
        names = pq.read_schema(out / "features.parquet").names[2:]
        first, is_kept = screen(grown)
        whole = hash_outputs(out)
        n_parts = -(-size.pupils // PUPILS_PER_PART)
        n_done = kill_in_the_middle(grown, out, n_parts // 2)
        second, _ = screen(grown)
        assert hash_outputs(out) == whole
        scored = pq.read_table(out / "screening_scores.parquet", columns=["subject_id"])
        assert len(scored) == len(set(scored.column(0).to_pylist())) == size.pupils
        n_listed = pq.read_metadata(out / "screening.parquet").num_rows
        training = read_json(out / "training.json")
    family = training["points"][training["order"][int(size.is_full)]]["chosen"]
    return [
        f"| {size.pupils:,} pupils × {len(names)} features ({family}), {n_listed:,} on the list | "
        f"{first} | {MOST_SECONDS} s, {MOST_GIB} GiB: {'kept' if is_kept else 'missed'} |",
        f"| the same, killed with {n_done} of {n_parts} parts finished, and resumed: the second "
        f"run | {second} | equal files: kept |",
    ]


def time_reasons(run: Path) -> list[str]:
    """Time the contributions of 20,000 pupils for each model of a run, and return the lines."""
    point = read_json(run / "training.json")["order"][0]
    features = pd.read_parquet(run / "features.parquet").iloc[:, 2:]
    drawn = features.sample(20_000, replace=True, random_state=0)
    lines = []
    for place in sorted((run / "model" / point).iterdir()):
        model = load_model(place)
        if not model.is_interpretable:
            continue
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            explain(model, drawn)
            seconds.append(time.perf_counter() - start)
        lines.append(f"| {place.name} | {min(seconds):.3f} s | 0.3 s |")
    return lines


def main() -> None:
    """Make the run where none is given, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="the configuration of a finished run")
    parser.add_argument("--pupils", type=int, default=N_PUPILS, help="how many there are to be")
    parser.add_argument("--full", action="store_true", help="with views, an earlier list, events")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    chosen = parser.parse_args()
    size = Size(chosen.pupils, -(-chosen.pupils // PUPILS_PER_SCHOOL), chosen.full)
    with tempfile.TemporaryDirectory() as folder:
        config = chosen.run
        if config is None:
            subprocess.run([*COMMAND, "demo", "--out", folder], check=True)
            (config,) = (Path(folder) / "config").glob("*.yaml")
        load = [os.getloadavg()[0]]
        out = yaml.safe_load(config.read_text(encoding="utf-8"))["out"]
        reasons = time_reasons(config.parent / out)
        lines = measure(config, size)
        load.append(os.getloadavg()[0])
    write_page(chosen.page, size, lines, reasons, load)
    print("\n".join(lines))


def write_page(
    path: Path, size: Size, lines: list[str], reasons: list[str], load: list[float]
) -> None:
    """Write what was measured, and on what."""
    page = f"""# How long the list of a million pupils takes

This page is written by `python -m benchmarks.screening_speed{" --full" if size.is_full else ""}`: \
the pupils of a finished run of `riskmodel demo`, drawn again until there are {size.pupils:,} of \
today, in {size.schools:,} schools with {PER_SCHOOL} places each. Times are of \
`riskmodel screen --force` as a whole process, from its start to the last file. \
{FULL if size.is_full else PLAIN}

- Machine: {write_machine()}.
- Day: {datetime.now(UTC).date()}. Processes that wanted its {os.cpu_count()} cores: {load[0]:.1f} \
before, {load[1]:.1f} after. Where they are more than the cores, the time is longer than on a \
machine of its own; the processor time tells what the work takes.

| what | time | processor time | largest memory | bar |
|---|---|---|---|---|
{chr(10).join(lines)}

Every pupil's risk and main reasons stand in `screening_scores.parquet`; the list, its page and \
its workbook have the texts of those who are on it. After the kill every file is the same, byte \
for byte, and each pupil stands there once.

## Reasons alone

What each feature adds to the risks of 20,000 pupils, the best of three runs:

| model | time | bar |
|---|---|---|
{chr(10).join(reasons)}
"""
    path.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
