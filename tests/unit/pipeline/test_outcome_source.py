"""A run without a table of outcomes computes them, and finds what the simulation recorded."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from riskmodel.config.templates import find_template
from riskmodel.core.files import read_json
from riskmodel.errors import ConfigurationError, DataContractError
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.demo import simulate_to_folder
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.runs import load_run, run_selected

KEYS = ["subject_id", "prediction_date", "point"]


@pytest.fixture(scope="module")
def prepare(tmp_path_factory):
    """Return how to write the configuration of a run on one region, less some tables."""
    folder = tmp_path_factory.mktemp("source")
    simulate_to_folder(
        folder / "region", None, {"n_pupils": 900, "attendance_grades": ()}, SilentProgress()
    )
    key = folder / "key" / "test.key"
    key.parent.mkdir()
    key.write_text(bytes(range(32)).hex() + "\n", encoding="utf-8")
    key.chmod(0o600)
    (folder / "config").mkdir()

    def write(name, template, without=()):
        settings = yaml.safe_load(find_template(template).read_text(encoding="utf-8"))
        kept = {"persons", "enrolments", "grades", "outcomes"} - set(without)
        settings["sources"] = {
            table: {"path": str(folder / "region" / "extracts" / f"{table}.parquet")}
            for table in sorted(kept)
        }
        settings |= {"out": str(folder / name), "pseudonyms": {"key_file": str(key)}}
        config = folder / "config" / f"{name}.yaml"
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return config, folder / name

    return write


def run_cohort(config: Path, out: Path) -> tuple[pd.DataFrame, dict]:
    run_selected(load_run(config), ["pseudonymise", "cohort"], SilentProgress())
    return pd.read_parquet(out / artifacts.LABELS), read_json(out / artifacts.COHORT)


def test_the_computed_eligibility_is_the_recorded_one(prepare):
    recorded, first = run_cohort(*prepare("recorded", "early_years"))
    computed, second = run_cohort(*prepare("computed", "early_years", without=["outcomes"]))
    assert first["outcome"] == {"name": "eligible_vocational", "computed_from": "outcomes"}
    assert second["outcome"]["computed_from"] == "grades"
    assert second["outcome"]["versions"][0]["follows"] == "SL 16:30"
    assert all(count % 10 == 0 for count in second["outcome"]["counts"].values())
    both = recorded.merge(computed, on=KEYS, suffixes=("", "_computed"))
    assert len(both) == len(recorded) == len(computed)
    known = both[both["label"].notna()]
    assert len(known) > 1_000
    assert 0.05 < known["label"].mean() < 0.4
    assert (known["label"] == known["label_computed"]).all()
    # Who moved or died in the five days between the grades and the recorded outcome.
    only_computed = both["label"].isna() & both["label_computed"].notna()
    assert only_computed.sum() <= 3


def test_a_sample_of_courses_gives_no_diploma(prepare):
    config, _ = prepare("diploma", "upper_secondary", without=["outcomes"])
    with pytest.raises(DataContractError, match="2500 points"):
        run_selected(load_run(config), ["pseudonymise", "cohort"], SilentProgress())


def test_without_outcomes_and_grades_the_configuration_is_refused(prepare):
    config, _ = prepare("neither", "early_years", without=["outcomes", "grades"])
    with pytest.raises(ConfigurationError) as refused:
        load_run(config)
    assert "outcomes" in str([refused.value, *getattr(refused.value, "findings", [])])
    assert "grades" in str([refused.value, *getattr(refused.value, "findings", [])])
