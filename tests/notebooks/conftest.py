"""One small finished run, and the notebooks executed on it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from riskmodel.core.files import hash_file
from riskmodel.pipeline.demo import simulate_to_folder
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.privacy.keys import create_key

ROOT = Path(__file__).parents[2]

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

REGION = {
    "n_pupils": 3_000,
    "first_cohort": 2021,
    "last_cohort": 2027,
    "attendance_grades": [8, 9],
}


@dataclass
class FinishedRun:
    """A run laid out as the demonstration lays out its own, and what was in it at first."""

    folder: Path
    hashes: dict = field(default_factory=dict)

    @property
    def out(self):
        return self.folder / "run"

    @property
    def extracts(self):
        return self.folder / "region" / "extracts"

    def read_hashes(self):
        return {
            str(path.relative_to(self.folder)): hash_file(path)
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


def write_config(folder, extracts, key):
    """Fill the compulsory-school template with one prediction point and few cohorts."""
    template = ROOT / "configs" / "compulsory_school.yaml"
    settings = yaml.safe_load(template.read_text(encoding="utf-8"))
    for source in settings["sources"].values():
        source["path"] = str(extracts / Path(source["path"]).name)
    settings["out"] = str(folder / "run")
    settings["pseudonyms"] = {"key_file": str(key)}
    cohort = settings["cohort"]
    cohort["cohorts"] = {"first_year": 2020, "last_year": 2026}
    cohort["split"]["train"] = ["2020/21", "2021/22", "2022/23", "2023/24"]
    cohort["prediction_points"] = cohort["prediction_points"][:1]
    settings["models"]["candidates"] = ["rule", "logistic"]
    settings["models"]["folds"] = 3
    path = folder / "config" / "compulsory_school.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    run = FinishedRun(tmp_path_factory.mktemp("notebooks"))
    simulate_to_folder(run.folder / "region", None, REGION, SilentProgress())
    key = run.folder / "key" / "test.key"
    create_key(key)
    config = write_config(run.folder, run.extracts, key)
    command = [sys.executable, "-m", "riskmodel.cli.app", "run", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    run.hashes = run.read_hashes()
    return run


def execute(path, run, cwd):
    """Return a notebook with its outputs, errors among them."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=600, allow_errors=True, resources={"metadata": {"path": str(cwd)}}
    )
    return client.execute(env=os.environ | {"RISKMODEL_RUN": str(run.out)})


@pytest.fixture(scope="session")
def executed(finished_run, tmp_path_factory):
    """Return all notebooks with their outputs by name; they run side by side."""
    cwd = tmp_path_factory.mktemp("reader")
    with ThreadPoolExecutor(max_workers=2) as pool:
        # The longest first.
        order = sorted(NOTEBOOKS, key=lambda path: path.stem != "retraining")
        jobs = {path.stem: pool.submit(execute, path, finished_run, cwd) for path in order}
        return {name: job.result() for name, job in jobs.items()}
