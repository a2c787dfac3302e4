"""The statisticians' guide is true against the code."""

import re
from pathlib import Path

import pytest
import yaml

from riskmodel import errors
from riskmodel.cli.app import app
from riskmodel.config.feature_checks import find_feature_errors
from riskmodel.config.loader import parse_spec
from riskmodel.config.models import RunConfig

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "statistiker.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.split(":")[0])
def test_every_setting_that_it_shows_is_valid(block):
    template = yaml.safe_load((ROOT / "configs" / "compulsory_school.yaml").read_text("utf-8"))
    shown = yaml.safe_load(block)
    if "feature_table" in shown:
        for name in ("sources", "cohort", "features", "screening"):
            del template[name]
    parse_spec(template | shown, RunConfig, name="guide", find_errors=find_feature_errors)


def test_it_walks_through_every_section():
    shown = set().union(*(yaml.safe_load(block) for block in blocks("yaml")))
    assert shown == set(RunConfig.model_fields)


def test_its_ten_lines_run(finished_run):
    (code,) = blocks("python")
    config = finished_run.folder / "config" / "compulsory_school.yaml"
    assert 'Path("configs/my_region.yaml")' in code
    names = {}
    exec(code.replace("configs/my_region.yaml", config.as_posix()), names)
    auc = names["figures"].set_index("metric").loc["auc"]
    assert 0.5 < auc["lower"] < auc["value"] < auc["upper"] < 1


def test_its_exit_codes_are_those_of_the_errors():
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", GUIDE, flags=re.MULTILINE)}
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in classes if issubclass(kind, errors.RiskmodelError)}
    assert told == codes | {0}


def test_its_commands_exist():
    told = set(re.findall(r"`?riskmodel ([a-z]+)", GUIDE))
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    commands |= {group.name for group in app.registered_groups}
    assert told - {"installed"} <= commands
    assert {"init", "keygen", "check", "run", "features"} <= told


def test_it_begins_with_a_swedish_paragraph():
    title, first, *_ = GUIDE.split("\n\n")
    assert title.startswith("# For statisticians")
    assert first.startswith("*På svenska:")
