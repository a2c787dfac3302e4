"""The benchmarks run on a few pupils, and what they compare gives the same answers."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PUPILS = 12


@pytest.fixture(scope="module")
def benchmarks():
    """Put the benchmarks, which are no part of the package, where they can be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        import benchmarks.data
        import benchmarks.jobs
        import benchmarks.report

        yield benchmarks


@pytest.fixture(scope="module")
def folder(benchmarks, tmp_path_factory):
    made = tmp_path_factory.mktemp("tables")
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        benchmarks.data.make_tables(made, PUPILS, connection)
    return made


@pytest.fixture(scope="module")
def ours(benchmarks, folder):
    return sort_answer(benchmarks.jobs.riskmodel_sums(folder, make_limits(benchmarks)))


def make_limits(benchmarks):
    return benchmarks.jobs.Limits(threads=1, memory_limit="500MB")


def sort_answer(frame):
    numbers = [name for name in frame.columns if name != "subject_id"]
    frame = frame.astype({"subject_id": "str"} | dict.fromkeys(numbers, "float64"))
    return frame.sort_values("subject_id", ignore_index=True)


@pytest.mark.parametrize("job", ["duckdb_case", "duckdb_filter", "pandas", "polars"])
def test_every_tool_gives_the_same_answer(benchmarks, folder, ours, job):
    if job == "polars":
        pytest.importorskip("polars")
    theirs = sort_answer(benchmarks.jobs.JOBS[job](folder, make_limits(benchmarks)))
    theirs = theirs[list(ours.columns)]
    if job == "polars":  # its sums of nothing are 0
        theirs, ours = theirs.fillna(0), ours.fillna(0)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_the_question_is_answered_for_every_pupil(benchmarks, ours):
    assert len(ours) == PUPILS
    assert tuple(ours.columns[1:]) == benchmarks.jobs.answer_columns()
    assert (ours["offered_minutes_365"] > ours["offered_minutes_14"]).all()


def test_rows_are_as_announced(benchmarks, folder):
    rows = pd.read_parquet(folder / "attendance.parquet")
    assert len(rows) == PUPILS * benchmarks.data.ROWS_PER_PUPIL
    assert rows["subject_id"].str.fullmatch("[0-9a-f]{32}").all()
    assert rows["subject_id"].is_monotonic_increasing
    assert (rows.groupby("subject_id")["date"].nunique() == benchmarks.data.SCHOOL_DAYS).all()
    assert rows["date"].map(date.weekday).max() < 5
    assert (rows["known_date"] >= rows["date"]).all()
    reported = rows[rows["is_reported"]]
    parts = ["attended_minutes", "valid_absence_minutes", "invalid_absence_minutes"]
    assert (reported[parts].sum(axis=1) == reported["offered_minutes"]).all()
    assert rows.loc[~rows["is_reported"], parts].isna().all(axis=None)


def test_a_part_runs_and_writes_its_results_and_the_page(tmp_path):
    command = [sys.executable, "-m", "benchmarks.run", "--parts", "order"]
    command += ["--jobs", "scan", "riskmodel", "--pupils", "5", "--repetitions", "1"]
    command += ["--data", str(tmp_path / "data"), "--results", str(tmp_path / "results")]
    command += ["--output", str(tmp_path / "page.md")]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    found = json.loads((tmp_path / "results" / "order.json").read_text(encoding="utf-8"))
    assert [job["job"] for job in found["jobs"]] == ["scan", "riskmodel"]
    assert found["jobs"][1]["runs"][0]["rows_out"] == 5
    assert not (tmp_path / "data").exists()
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "rows sorted by date" in page
    assert page.index("Genomläsning") < page.index("The *scan*")


def make_part(seconds, memory, pupils=60_000):
    jobs = [
        {
            "job": job,
            "pupils": pupils,
            "rows": pupils * 890,
            "runs": [
                {"round": n, "seconds": s, "cpu_seconds": s, "memory_mib": memory}
                for n, s in enumerate(runs)
            ],
        }
        for job, runs in seconds.items()
    ]
    return {"jobs": jobs}


def test_bars_are_judged_by_ratios_within_a_round(benchmarks):
    # The machine was three times slower in the second round; the ratio is 2 in each.
    results = {"sums": make_part({"scan": [1, 3], "riskmodel": [2, 6], "pandas": [30, 90]}, 900)}
    bars = benchmarks.report.find_bars(results)
    assert [bar.found for bar in bars[:3]] == [2, 15, 900]
    assert [bar.verdict[1] for bar in bars] == [
        "reached",
        "**not reached**",
        "reached",
        *["not measured"] * 4,
    ]


def test_growth_is_of_the_time_per_row(benchmarks):
    small, large = (
        make_part({"riskmodel": [s]}, 900, pupils=p)["jobs"] for s, p in ((1, 10), (12, 100))
    )
    bars = benchmarks.report.find_bars({"size": {"jobs": small + large}})
    assert bars[5].found == pytest.approx(1.2)
    assert bars[6].found == 900


def test_what_failed_is_not_taken_for_measured(benchmarks):
    part = make_part({"scan": [1], "riskmodel": [2], "pandas": [60]}, 900)
    failed = copy.deepcopy(part)
    failed["jobs"][2]["runs"] = [{"round": 0, "failed": "MemoryError"}]
    assert benchmarks.report.find_bars({"sums": part})[1].found == 30
    assert benchmarks.report.find_bars({"sums": failed})[1].found is None
