"""Both examples on the real data, from the command line; OULAD with fewer points and models."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from riskmodel.core.files import read_json

EXAMPLES = Path(__file__).parents[2] / "examples"


def riskmodel(*arguments, home):
    """Call the command line as a user with a home of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "riskmodel.cli.app", *map(str, arguments)],
        env=os.environ | {"HOME": str(home), "USERPROFILE": str(home)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def write_config(name, root, changes):
    """Copy an example's configuration into a project of its own, with some settings changed."""
    content = yaml.safe_load((EXAMPLES / name / "config.yaml").read_text(encoding="utf-8"))
    for section, values in changes.items():
        content[section] |= values
    config = root / "examples" / name / "config.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def oulad(data, tmp_path_factory):
    """The Open University example at day 28, prepared and run by its commands."""
    root = tmp_path_factory.mktemp("oulad")
    script = [sys.executable, EXAMPLES / "oulad" / "prepare.py"]
    subprocess.run([*script, data / "oulad_ddd", root / "data" / "oulad"], check=True)
    changes = {
        "cohort": {"prediction_points": [{"name": "day_28", "offset_days": 28}]},
        "models": {"candidates": ["logistic", "boosting"], "rules": [], "folds": 3},
    }
    config = write_config("oulad", root, changes)
    riskmodel("keygen", root / "home" / ".riskmodel" / "oulad.key", home=root / "home")
    riskmodel("run", "--config", config, home=root / "home")
    return root / "runs" / "oulad"


@pytest.fixture(scope="module")
def uci320(results, data, tmp_path_factory):
    """The example of a ready table, run by its command."""
    root = tmp_path_factory.mktemp("uci320")
    folder = root / "data" / "uci320"
    folder.mkdir(parents=True)
    source = (data / "uci320" / "student-por.csv").read_bytes()
    (folder / "student-por.csv").write_bytes(source)
    changes = {
        "cross_fitting": {"folds": 3},
        "models": {"candidates": ["base_rate", "rule", "logistic", "boosting"]},
    }
    config = write_config("uci320", root, changes)
    said = riskmodel("run", "--config", config, home=root)
    assert "Fairness report" in said
    return root / "runs" / "uci320"


def test_only_students_who_are_still_registered_are_scored(oulad):
    predictions = pd.read_parquet(oulad / "predictions.parquet")
    assert set(predictions["cohort"]) == {"2014J"}
    assert predictions.groupby("model").size().eq(1463).all()
    assert not predictions["label"].isna().any()


def test_the_reference_scores_are_reached_without_leaking(oulad, results):
    models = read_json(oulad / "evaluation.json")["points"]["day_28"]["models"]
    for name, reference in results.REFERENCE["day_28"].items():
        auc = models[name]["metrics"]["auc"]["value"]
        # Far above would be a sign that students who had left were scored.
        assert reference - 0.01 <= auc <= reference + 0.05


def test_training_saw_the_presentations_of_2013_alone(oulad):
    labels = pd.read_parquet(oulad / "labels.parquet")
    assert set(labels.loc[labels["split"] == "train", "cohort"]) == {"2013B", "2013J"}
    assert not labels["subject_id"].str.contains("OULAD").any()
    # The dates alone would let those in who registered early for the next presentation.
    sizes = labels.groupby("cohort").size()
    assert sizes.to_dict() == {"2013B": 1143, "2013J": 1647, "2014J": 1463}


def test_sensitive_attributes_are_audited_and_no_inputs(oulad):
    columns = set(pd.read_parquet(oulad / "features.parquet").columns)
    sensitive = {"sex", "deprivation", "disability", "age_band"}
    assert not columns & sensitive
    audited = {
        tuple(entry["features"]) for entry in read_json(oulad / "fairness.json")["attributes"]
    }
    assert {(name,) for name in sensitive} | {("sex", "deprivation")} == audited


def test_the_list_speaks_english(oulad):
    page = (oulad / "screening.html").read_text(encoding="utf-8")
    assert '<html lang="en"' in page
    assert "Assignments due and not handed in" in page
    assert "klick" not in page.lower()


def test_a_ready_table_is_trained_and_audited_with_one_configuration(uci320):
    evaluation = read_json(uci320 / "evaluation.json")
    models = evaluation["points"]["table"]["models"]
    assert models["logistic"]["n"] == 649
    assert models["logistic"]["n_positive"] == 100
    chosen = models[evaluation["chosen"]["table"]]["metrics"]["auc"]
    assert chosen["lower"] > 0.6
    for name in ("fairness.html", "model_card.html", "manifest.json"):
        assert (uci320 / name).stat().st_size > 1000


def test_two_schools_are_too_few_to_compare_groups_between_schools(uci320):
    fairness = read_json(uci320 / "fairness.json")
    flags = {
        comparison["flagged"]
        for attribute in fairness["attributes"]
        for group in attribute["groups"]
        for comparison in group["comparisons"].values()
    }
    assert flags == {None}


def test_grades_and_absences_of_the_same_year_are_no_inputs(uci320):
    columns = set(pd.read_parquet(uci320 / "features.parquet").columns)
    assert not columns & {"G1", "G2", "G3", "absences", "age", "sex", "Medu", "Fedu"}
