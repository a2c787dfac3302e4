"""What happens when a run is killed, or its input is not what it should be."""

import shutil
import subprocess
import sys
import time

import pytest

from riskmodel.core.files import hash_file
from riskmodel.pipeline import artifacts


@pytest.fixture
def copied_run(canary_run, tmp_path):
    """A copy of the finished run that a test may damage."""
    out = tmp_path / "run"
    shutil.copytree(canary_run.out, out, ignore=shutil.ignore_patterns("mlflow*"))
    text = canary_run.config.read_text(encoding="utf-8").replace(str(canary_run.out), str(out))
    config = tmp_path / "config" / "run.yaml"
    config.parent.mkdir()
    config.write_text(text, encoding="utf-8")
    return out, config


def find_partial(folder):
    return [path for path in folder.glob(".partial-*") if any(path.iterdir())]


@pytest.mark.parametrize("stage", ["pseudonymise", "train"])
def test_a_killed_stage_leaves_whole_artifacts_and_goes_on_next_time(copied_run, stage, e2e_call):
    out, config = copied_run
    before = {path: hash_file(path) for path in out.iterdir() if path.suffix != ""}
    command = [sys.executable, "-m", "riskmodel.cli.app", stage, "--force", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not find_partial(out) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.kill()
        process.communicate()
    assert {path: hash_file(path) for path in before} == before
    e2e_call(stage, "--config", config)
    assert list(out.glob(".partial-*")) == []
    unchanged = {
        path for path in before if path.name not in {"tracking.json", "predictions.parquet"}
    }
    assert {path: hash_file(path) for path in unchanged} == {p: before[p] for p in unchanged}


def test_an_extract_that_breaks_the_contract_gives_one_report_and_changes_nothing(
    canary_run, copied_run, tmp_path, e2e_call
):
    out, config = copied_run
    extracts = tmp_path / "extracts"
    shutil.copytree(canary_run.folder / "region" / "extracts", extracts)
    persons = extracts / "persons.csv"
    lines = persons.read_text(encoding="utf-8-sig").splitlines()
    persons.write_text("\n".join([*lines, lines[1]]), encoding="utf-8-sig")
    contacts = extracts / "health_contacts.csv"
    text = contacts.read_text(encoding="utf-8-sig").replace("school_nurse", "Anna Andersson")
    contacts.write_text(text, encoding="utf-8-sig")
    source = str(canary_run.folder / "region" / "extracts")
    config.write_text(
        config.read_text(encoding="utf-8").replace(source, str(extracts)), encoding="utf-8"
    )
    before = hash_file(out / artifacts.PSEUDONYMISED)
    for command in (("check", "data"), ("run",)):
        done = e2e_call(*command, "--config", config, check=False)
        assert done.returncode == 11
        assert "persons" in done.stderr
        assert "health_contacts" in done.stderr
        assert "service" in done.stderr
        assert "Anna" not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr
    assert hash_file(out / artifacts.PSEUDONYMISED) == before
    assert list(out.glob(".partial-*")) == []


def test_without_a_key_there_is_no_run(copied_run, canary_run, e2e_call):
    out, config = copied_run
    text = config.read_text(encoding="utf-8")
    key = str(canary_run.folder / "key" / "test.key")
    config.write_text(text.replace(key, str(out.parent / "none.key")), encoding="utf-8")
    done = e2e_call("pseudonymise", "--force", "--config", config, check=False)
    assert done.returncode == 13
    assert "riskmodel keygen" in done.stderr


def test_a_key_inside_the_run_is_refused(copied_run, canary_run, e2e_call):
    out, config = copied_run
    key = canary_run.folder / "key" / "test.key"
    inside = out / "test.key"
    shutil.copy(key, inside)
    inside.chmod(0o600)
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(str(key), str(inside)), encoding="utf-8")
    done = e2e_call("pseudonymise", "--force", "--config", config, check=False)
    assert done.returncode == 13


def test_an_identifier_in_an_artifact_is_found_and_not_repeated(copied_run, e2e_call):
    out, _ = copied_run
    (out / "notes.html").write_text("<p>19121212-1212</p>", encoding="utf-8")
    done = e2e_call("check", "identifiers", out, check=False)
    assert done.returncode == 13
    assert "notes.html" in done.stderr
    assert "1212" not in done.stderr
