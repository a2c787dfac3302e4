from dataclasses import replace

import pytest

from riskmodel.config.loader import parse_spec
from riskmodel.config.models import RunConfig
from riskmodel.core.files import read_json, write_text
from riskmodel.errors import UsageError
from riskmodel.pipeline import state
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.runner import Stage, run_stages
from riskmodel.pipeline.runs import Run, run_selected
from riskmodel.pipeline.stages import list_stages
from riskmodel.pipeline.state import build_manifest


@pytest.fixture
def config(tmp_path):
    content = {
        "version": 1,
        "name": "small",
        "title": "Small",
        "purpose": "To test.",
        "legal_basis": {"text": "None needed", "reference": "none"},
        "out": tmp_path / "run",
        "random_state": 1,
        "feature_table": {"path": tmp_path / "in.csv", "label": {"column": "y", "below": 1}},
        "audit": {"sensitive_features": ["sex"], "capacity": 0.1},
    }
    write_text(tmp_path / "in.csv", "y\n")
    return parse_spec(content, RunConfig, name="test")


@pytest.fixture
def calls():
    return []


@pytest.fixture
def stage(tmp_path, calls):
    def run(context):
        calls.append("run")
        write_text(context.folder.path("made.txt"), "made")
        return "done"

    return Stage(
        "make", ("evaluation",), lambda c, f: {"in": tmp_path / "in.csv"}, ("made.txt",), run
    )


def run(stage, config, tmp_path, **options):
    run_stages([stage], config, tmp_path, SilentProgress(), **options)


def test_a_stage_runs_once_while_nothing_changes(stage, config, tmp_path, calls):
    run(stage, config, tmp_path)
    run(stage, config, tmp_path)
    assert calls == ["run"]
    run(stage, config, tmp_path, force=True)
    assert calls == ["run", "run"]


def test_a_changed_input_setting_or_output_runs_it_again(stage, config, tmp_path, calls):
    run(stage, config, tmp_path)
    write_text(tmp_path / "in.csv", "changed\n")
    run(stage, config, tmp_path)
    changed = config.evaluation.model_copy(update={"capacity": 0.3})
    other = config.model_copy(update={"evaluation": changed})
    run(stage, other, tmp_path)
    write_text(config.out / "made.txt", "touched by hand")
    run(stage, other, tmp_path)
    (config.out / "made.txt").unlink()
    run(stage, other, tmp_path)
    assert len(calls) == 5
    run(stage, other.model_copy(update={"title": "Another"}), tmp_path)
    assert len(calls) == 5


def test_code_that_changed_under_the_same_version_runs_it_again(
    stage, config, tmp_path, calls, monkeypatch
):
    package = tmp_path / "package"
    package.mkdir()
    monkeypatch.setattr(state, "_PACKAGE", package)
    for content, n_runs in (("one = 1", 1), ("one = 1", 1), ("one = 2", 2), ("one = 1", 3)):
        write_text(package / "code.py", content)
        state.hash_code.cache_clear()
        run(stage, config, tmp_path)
        assert len(calls) == n_runs


def test_the_code_that_is_hashed_is_this_package():
    assert (state._PACKAGE / "pipeline" / "state.py").samefile(state.__file__)


def test_the_hash_of_the_code_tells_of_its_content_and_names_alone(tmp_path):
    def hash_files(**files):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, content in files.items():
            path = folder / name.replace("__", "/").replace("cache/", "__pycache__/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return state.hash_code(folder)

    first = hash_files(a=b"one\ntwo", b__c=b"three")
    assert hash_files(a=b"one\r\ntwo", b__c=b"three", cache__d=b"compiled") == first
    others = (
        hash_files(a=b"one\ntwo", b__c=b"four"),
        hash_files(a=b"one\ntwo", b__d=b"three"),
        hash_files(a=b"one\ntwo", bc=b"three"),
        hash_files(a=b"one\ntwothree", b__c=b""),
    )
    assert len({first, *others}) == 5


def test_a_stage_that_fails_is_run_again_and_loses_nothing(stage, config, tmp_path, calls):
    run(stage, config, tmp_path)

    def fail(context):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run(replace(stage, run=fail), config, tmp_path, force=True)
    assert (config.out / "made.txt").read_text(encoding="utf-8") == "made"
    run(stage, config, tmp_path)
    assert len(calls) == 2


def test_the_manifest_is_the_same_for_the_same_run_and_names_no_place(stage, config, tmp_path):
    run(stage, config, tmp_path)
    first = build_manifest(config, RunFolder(config.out), ["make"])
    run(stage, config, tmp_path, force=True)
    assert build_manifest(config, RunFolder(config.out), ["make"]) == first
    assert str(tmp_path) not in str(first)
    assert set(first["stages"]["make"]["outputs"]) == {"made.txt"}
    assert read_json(config.out / ".state" / "make.json") == first["stages"]["make"]


def test_a_ready_table_has_no_cohort_stage(config, tmp_path):
    names = [stage.name for stage in list_stages(config)]
    assert names == ["pseudonymise", "train", "evaluate", "audit", "report"]
    with pytest.raises(UsageError, match="must be a stage of this configuration"):
        run_selected(Run(config, tmp_path), ["cohort"], SilentProgress())
