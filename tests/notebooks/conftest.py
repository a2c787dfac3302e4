"""A copy of the small finished run, and the notebooks executed on it."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from riskmodel.core.files import hash_file

ROOT = Path(__file__).parents[2]

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@dataclass
class FinishedRun:
    """A run laid out as the demonstration lays out its own, and what was in it at first."""

    folder: Path
    extracts: Path
    raw_ids: frozenset
    hashes: dict = field(default_factory=dict)

    @property
    def out(self):
        return self.folder / "run"

    def read_hashes(self):
        return {
            str(path): hash_file(path)
            for folder in (self.folder, self.extracts)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


@pytest.fixture(scope="session")
def finished_run(canary_run, tmp_path_factory):
    extracts = canary_run.folder / "region" / "extracts"
    run = FinishedRun(tmp_path_factory.mktemp("notebooks"), extracts, canary_run.raw_ids)
    shutil.copytree(canary_run.out, run.out, ignore=shutil.ignore_patterns("mlflow*"))
    config = run.folder / "config" / "compulsory_school.yaml"
    config.parent.mkdir()
    text = canary_run.config.read_text(encoding="utf-8")
    config.write_text(text.replace(str(canary_run.out), str(run.out)), encoding="utf-8")
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
