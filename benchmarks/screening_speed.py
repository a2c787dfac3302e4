"""Time the list of a million pupils as one process, with its memory, and write what was found.

python -m benchmarks.screening_speed [--run CONFIG]

Without a run one is made by `riskmodel demo`. Its pupils of today are drawn again until there are
a million of them, in 5,000 schools, with pseudonyms of their own.
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
from shutil import copytree, ignore_patterns

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks.machine import write_machine
from riskmodel.core.files import hash_file, read_json
from riskmodel.explanation.contributions import explain
from riskmodel.models.persistence import load_model

PAGE = Path(__file__).parent.parent / "docs" / "screening_performance.md"
N_PUPILS, N_SCHOOLS, PER_SCHOOL = 1_000_000, 5_000, 10
ROW_GROUP_SIZE = 122_880
MOST_SECONDS, MOST_GIB = 60, 4
OUTPUTS = ("screening.parquet", "screening.html", "screening.xlsx", "screening_scores.parquet",
           "screening_views")  # fmt: skip
COMMAND = (sys.executable, "-m", "riskmodel.cli.app")


def grow_run(config: Path, folder: Path, n_pupils: int, n_schools: int) -> Path:
    """Copy a finished run with many more pupils of today, and return its configuration."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    source, out = config.parent / settings["out"], folder / "run"
    copytree(source, out, ignore=ignore_patterns("mlflow*", ".*"))
    labels = pd.read_parquet(source / "labels.parquet")
    features = pq.read_table(source / "features.parquet")
    point = read_json(source / "training.json")["order"][0]
    own = labels[labels["point"].eq(point)]
    today = own[own["prediction_date"].eq(own["prediction_date"].max())].iloc[0]
    rng = np.random.default_rng(0)
    keys = features.select(["subject_id", "prediction_date"]).to_pandas()
    keys["row"] = np.arange(len(keys))
    rows = own.merge(keys, on=["subject_id", "prediction_date"])["row"].to_numpy()
    subjects = np.sort([rng.bytes(16).hex() for _ in range(n_pupils)])
    drawn = features.take(pa.array(rng.choice(rows, n_pupils)))
    day = pa.array([today["prediction_date"]] * n_pupils, features.schema.field(1).type)
    drawn = drawn.set_column(0, "subject_id", pa.array(subjects)).set_column(
        1, "prediction_date", day
    )
    earlier = labels["prediction_date"].ne(today["prediction_date"]).to_numpy()
    kept = keys["prediction_date"].ne(today["prediction_date"]).to_numpy()
    everyone = pa.concat_tables([features.filter(pa.array(kept)), drawn.cast(features.schema)])
    ordered = everyone.sort_by([("subject_id", "ascending"), ("prediction_date", "ascending")])
    pq.write_table(
        ordered, out / "features.parquet", compression="zstd", row_group_size=ROW_GROUP_SIZE
    )
    new = pd.DataFrame({name: [today[name]] * n_pupils for name in labels.columns})
    schools = [f"school-{number:04d}" for number in range(n_schools)]
    new = new.assign(subject_id=subjects, school_unit=rng.choice(schools, n_pupils))
    pd.concat([labels[earlier], new], ignore_index=True).to_parquet(out / "labels.parquet")
    settings["out"] = str(out)
    settings["screening"].pop("capacity_overall", None)
    settings["screening"]["capacity_per_school"] = PER_SCHOOL
    target = folder / "run.yaml"
    target.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return target


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


def kill_in_the_middle(config: Path, out: Path) -> int:
    """Kill the command when a few parts are finished, and return how many there were."""
    parts = out / ".screening-parts"
    process = subprocess.Popen([*COMMAND, "screen", "--config", str(config), "--force"])
    while process.poll() is None and len(list(parts.glob("part-*"))) < N_PUPILS // 50_000 // 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(list(parts.glob("part-*")))


def hash_outputs(out: Path) -> dict[str, str]:
    """Return the hash of everything that the command wrote."""
    return {name: hash_file(out / name) for name in OUTPUTS}


def measure(config: Path) -> list[str]:
    """Measure the command whole, and killed and resumed, and return the page's lines."""
    with tempfile.TemporaryDirectory() as folder:
        grown = grow_run(config, Path(folder), N_PUPILS, N_SCHOOLS)
        out = Path(folder) / "run"
        names = pq.read_schema(out / "features.parquet").names[2:]
        first, is_kept = screen(grown)
        whole = hash_outputs(out)
        n_parts = kill_in_the_middle(grown, out)
        second, _ = screen(grown)
        assert hash_outputs(out) == whole
        scored = pq.read_table(out / "screening_scores.parquet", columns=["subject_id"])
        assert len(scored) == len(set(scored.column(0).to_pylist())) == N_PUPILS
        n_listed = pq.read_metadata(out / "screening.parquet").num_rows
        training = read_json(out / "training.json")
    family = training["points"][training["order"][0]]["chosen"]
    return [
        f"| {N_PUPILS:,} pupils × {len(names)} features ({family}), {n_listed:,} on the list | "
        f"{first} | {MOST_SECONDS} s, {MOST_GIB} GiB: {'kept' if is_kept else 'missed'} |",
        f"| the same, killed with {n_parts} of 20 parts finished, and resumed: the second run | "
        f"{second} | equal files: kept |",
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
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = chosen.run
        if config is None:
            subprocess.run([*COMMAND, "demo", "--out", folder], check=True)
            (config,) = (Path(folder) / "config").glob("*.yaml")
        load = [os.getloadavg()[0]]
        out = yaml.safe_load(config.read_text(encoding="utf-8"))["out"]
        reasons = time_reasons(config.parent / out)
        lines = measure(config)
        load.append(os.getloadavg()[0])
    page = f"""# How long the list of a million pupils takes

This page is written by `python -m benchmarks.screening_speed`: the pupils of a finished run of \
`riskmodel demo`, drawn again until there are {N_PUPILS:,} of today, in {N_SCHOOLS:,} schools with \
{PER_SCHOOL} places each. Times are of `riskmodel screen --force` as a whole process, from its \
start to the last file. Drawn pupils have features and no events: their cards show no attendance \
or grades, and the first prediction point has no earlier list to be compared with.

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
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
