"""The list in batches: the same files whatever their size, and after a kill."""

import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml

from riskmodel.core.files import hash_file

NAMES = ("screening.parquet", "screening.html", "screening.xlsx", "screening_scores.parquet",
         "screening_changes.parquet", "screening_check.json", "screening_views")  # fmt: skip


@pytest.fixture
def batches(canary_run, tmp_path):
    """A copy of the run whose pupils are scored a few at a time."""
    out = tmp_path / "run"
    shutil.copytree(canary_run.out, out, ignore=shutil.ignore_patterns("mlflow*", "screening*"))
    settings = yaml.safe_load(canary_run.config.read_text(encoding="utf-8"))

    def write(**engine):
        path = tmp_path / "config" / "run.yaml"
        path.parent.mkdir(exist_ok=True)
        content = yaml.safe_dump(settings | {"out": str(out), "engine": engine})
        path.write_text(content, encoding="utf-8")
        return out, path

    return write


def hash_files(out):
    return {name: hash_file(out / name) for name in NAMES}


def test_any_size_and_a_kill_give_the_same_files(canary_run, batches, e2e_call):
    out, config = batches(batch_rows=3)
    command = [sys.executable, "-m", "riskmodel.cli.app", "screen", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        parts = out / ".screening-parts"
        deadline = time.monotonic() + 120
        while len(list(parts.glob("part-*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        killed.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    finished = {path.name for path in parts.glob("part-*")}
    assert len(finished) >= 2
    assert not (out / "screening.parquet").exists()
    e2e_call("screen", "--config", config)
    assert not parts.exists()
    assert hash_files(out) == hash_files(canary_run.out)
    out, config = batches(batch_rows=17)
    e2e_call("screen", "--config", config, "--force")
    assert hash_files(out) == hash_files(canary_run.out)


def test_every_pupil_is_scored_once(canary_run):
    scores = pd.read_parquet(canary_run.out / "screening_scores.parquet")
    labels = pd.read_parquet(canary_run.out / "labels.parquet")
    listed = pd.read_parquet(canary_run.out / "screening.parquet")
    today = labels[labels["prediction_date"].eq(listed["prediction_date"].iloc[0])]
    assert sorted(scores["subject_id"]) == sorted(today["subject_id"])
    own = scores.set_index("subject_id").loc[listed["subject_id"]]
    assert own["risk"].tolist() == listed["risk"].tolist()
    assert scores["risk"].between(0, 1).all()
