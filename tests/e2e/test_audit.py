"""The audit of a finished run: its form, its page, and the gate."""

import jsonschema
import pytest
import yaml

from riskmodel.core.files import read_json
from riskmodel.errors import ConfigurationError, GateError
from riskmodel.fairness.gate import check_gate
from riskmodel.fairness.schema import load_schema
from riskmodel.fairness.specs import GateSpec
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.assessment import read_chosen_predictions, read_covariates
from riskmodel.pipeline.runs import hold_against_gate, load_run


def load_changed(canary_run, folder, **audit):
    settings = yaml.safe_load(canary_run.config.read_text(encoding="utf-8"))
    settings["audit"] |= audit
    path = folder / "config" / "run.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return load_run(path)


def test_the_audit_of_a_run_fits_the_schema_and_stands_on_its_page(canary_run):
    content = read_json(canary_run.out / "fairness.json")
    jsonschema.Draft202012Validator(load_schema()).validate(content)
    assert content["trends"]["cohorts"] == ["2024/25", "2025/26"]
    page = (canary_run.out / "fairness.html").read_text(encoding="utf-8")
    for name in ("sweep", "gaps", "small_groups", "subgroups", "mitigation", "retraining",
                 "trends"):  # fmt: skip
        assert f'<section id="{name}"' in page


def test_the_gate_says_what_it_tested_and_stops_with_its_code(canary_run, e2e_call):
    content = read_json(canary_run.out / "fairness.json")
    expected = check_gate(content, GateSpec())
    done = e2e_call("audit", "--config", canary_run.config, "--gate", check=False)
    assert done.returncode == (0 if expected.is_passed else 16)
    assert expected.to_text().splitlines()[0] in done.stdout
    assert "Traceback" not in done.stderr


def test_limits_of_the_configuration_decide(canary_run, tmp_path):
    limits = {"miss_rate": 0.0, "false_positive_rate": 0.0}
    strict = load_changed(
        canary_run, tmp_path, gate={"largest_difference": limits, "too_few": "fail"}
    )
    with pytest.raises(GateError) as caught:
        hold_against_gate(strict).check()
    assert caught.value.exit_code == 16


def test_features_to_look_for_subgroups_in_are_read_by_pupil(canary_run, tmp_path):
    run = load_changed(canary_run, tmp_path, subgroup_features=["absence_share_30d"])
    folder = RunFolder(run.config.out)
    predictions = read_chosen_predictions(run.config, folder)
    known = read_json(canary_run.out / "features.json")
    name = str(known[0]["name"])
    found = read_covariates(folder, predictions, (name,))
    assert list(found.columns) == [name]
    assert len(found) == len(predictions)
    with pytest.raises(ConfigurationError) as caught:
        read_covariates(folder, predictions, (f"{name}x",))
    assert f"Did you mean '{name}'" in "\n".join(caught.value.findings)
