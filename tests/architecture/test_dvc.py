"""`dvc.yaml` and the stages must name the same artifacts."""

from pathlib import Path

import pytest
import yaml

from riskmodel.pipeline import artifacts
from riskmodel.pipeline.runs import load_run
from riskmodel.pipeline.stages import list_stages

ROOT = Path(__file__).parents[2]
RUN = "runs/${item.run}/"
ONLY_WITH_KEYS_OF_THEIR_OWN = artifacts.LINKS
"""Not made by the runs of `dvc.yaml`: for dvc an output that is not there is an error."""


def name_outputs(stage):
    paths = [
        path if isinstance(path, str) else next(iter(path))
        for kind in ("outs", "metrics", "plots")
        for path in stage.get(kind, [])
    ]
    return {path.removeprefix(RUN) for path in paths}


@pytest.mark.parametrize("name", ["compulsory_school", "early_years", "upper_secondary"])
def test_dvc_names_the_outputs_of_every_stage(name):
    described = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    config = load_run(ROOT / "configs" / f"{name}.yaml").config
    assert not config.pseudonyms.sources
    for stage in list_stages(config):
        expected = set(stage.outputs) - {ONLY_WITH_KEYS_OF_THEIR_OWN}
        assert name_outputs(described[stage.name]) == expected, stage.name
