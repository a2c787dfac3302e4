"""The list in batches: the same files whatever their size, and after a kill."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from riskmodel.config.templates import find_template
from riskmodel.core.files import hash_file
from riskmodel.features.catalogue import load_catalogue
from riskmodel.pipeline.demo import simulate_to_folder
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.runs import load_run, run_selected
from riskmodel.pipeline.scoring import Scorer

NAMES = ("screening.parquet", "screening.html", "screening.xlsx", "screening_scores.parquet",
         "screening_changes.parquet", "screening_check.json", "screening_views")  # fmt: skip
FEATURES = (
    "absence_share_school_year",
    "fail_count",
    "grade_points_mean",
    "counsellor_contacts_1y",
)
REGION = {"n_pupils": 1200, "first_cohort": 2022, "last_cohort": 2026, "attendance_grades": (9,)}


@dataclass
class Batches:
    """A run of a small region as far as its models, and the same list in parts of any size."""

    folder: Path
    settings: dict

    @property
    def out(self):
        return self.folder / "run"

    @property
    def parts(self):
        return {path.name for path in (self.out / ".screening-parts").glob("part-*")}

    def write(self, **engine):
        config = self.folder / "config" / "run.yaml"
        config.parent.mkdir(exist_ok=True)
        content = self.settings | {"out": str(self.out), "engine": engine}
        config.write_text(yaml.safe_dump(content), encoding="utf-8")
        return config

    def screen(self, **engine):
        run_selected(load_run(self.write(**engine)), ["screen"], SilentProgress(), force=True)
        return {name: hash_file(self.out / name) for name in NAMES}

    def copy(self, folder):
        shutil.copytree(self.out, folder / "run", ignore=shutil.ignore_patterns("screening*"))
        return Batches(folder, self.settings)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    simulate_to_folder(folder / "region", None, REGION, SilentProgress())
    key = folder / "key" / "test.key"
    key.parent.mkdir()
    key.write_text(bytes(range(32)).hex() + "\n", encoding="utf-8")
    key.chmod(0o600)
    settings = yaml.safe_load(find_template("compulsory_school").read_text(encoding="utf-8"))
    for source in settings["sources"].values():
        source["path"] = str(folder / "region" / "extracts" / Path(source["path"]).name)
    left_out = [spec.name for spec in load_catalogue("swedish_school") if spec.name not in FEATURES]
    settings["pseudonyms"] = {"key_file": str(key)}
    settings["features"] |= {"exclude": left_out}
    settings["models"] = {"candidates": ["base_rate", "logistic"], "folds": 3}
    settings["screening"] = {"cohort": "2025/26", "point": "february", "capacity_overall": 40,
                             "views": {"mentor": {"title": "Mentorer"}}}  # fmt: skip
    batches = Batches(folder, settings)
    run = load_run(batches.write())
    run_selected(run, ["pseudonymise", "cohort", "features", "leakage", "train"], SilentProgress())
    return batches


@pytest.fixture(scope="module")
def whole(trained):
    """The hash of every file of the list that was made in one part."""
    return trained.screen()


def kill_in_the_middle(config, batches):
    """Screen in a process of its own until two parts are finished, and kill that."""
    command = [sys.executable, "-m", "riskmodel.cli.app", "screen", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        deadline = time.monotonic() + 120
        while len(batches.parts) < 2 and killed.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        killed.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    assert killed.returncode != 0, "it must not have finished before it was killed"


def test_a_kill_loses_and_doubles_no_pupil(trained, whole, tmp_path, monkeypatch):
    batches = trained.copy(tmp_path)
    kill_in_the_middle(batches.write(batch_rows=3), batches)
    finished = batches.parts
    assert len(finished) >= 2
    assert not (batches.out / "screening.parquet").exists()
    scored, score = [], Scorer.__call__
    monkeypatch.setattr(
        Scorer, "__call__", lambda self, rows: scored.extend(rows["subject_id"].to_pylist())
        or score(self, rows),
    )  # fmt: skip
    assert batches.screen(batch_rows=3) == whole
    assert not batches.parts
    everyone = pd.read_parquet(batches.out / "screening_scores.parquet")["subject_id"]
    assert len(scored) == len(set(scored)) == len(everyone) - 3 * len(finished)


def test_any_size_gives_the_same_files(trained, whole, tmp_path):
    assert trained.copy(tmp_path).screen(batch_rows=17) == whole


def test_every_pupil_is_scored_once(trained, whole):
    scores = pd.read_parquet(trained.out / "screening_scores.parquet")
    labels = pd.read_parquet(trained.out / "labels.parquet")
    listed = pd.read_parquet(trained.out / "screening.parquet")
    today = labels[labels["prediction_date"].eq(listed["prediction_date"].iloc[0])]
    assert sorted(scores["subject_id"]) == sorted(today["subject_id"])
    own = scores.set_index("subject_id").loc[listed["subject_id"]]
    assert own["risk"].tolist() == listed["risk"].tolist()
    assert scores["risk"].between(0, 1).all()
