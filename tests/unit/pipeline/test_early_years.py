"""The shipped run over years 6, 8 and 9, as far as its cohort, on a small simulated region."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from riskmodel.config.templates import find_template
from riskmodel.core.files import read_json
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.demo import simulate_to_folder
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.runs import load_run, run_selected


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("early")
    region = {"n_pupils": 700, "attendance_grades": (9,)}
    simulate_to_folder(folder / "region", None, region, SilentProgress())
    key = folder / "key" / "test.key"
    key.parent.mkdir()
    key.write_text(bytes(range(32)).hex() + "\n", encoding="utf-8")
    key.chmod(0o600)
    settings = yaml.safe_load(find_template("early_years").read_text(encoding="utf-8"))
    for source in settings["sources"].values():
        source["path"] = str(folder / "region" / "extracts" / Path(source["path"]).name)
    settings |= {"out": str(folder / "run"), "pseudonyms": {"key_file": str(key)}}
    config = folder / "config" / "early_years.yaml"
    config.parent.mkdir()
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    run_selected(load_run(config), ["pseudonymise", "cohort"], SilentProgress())
    return folder / "run"


@pytest.fixture(scope="module")
def labels(out):
    return pd.read_parquet(out / artifacts.LABELS)


def test_the_same_pupils_meet_the_same_outcome_at_every_point(labels):
    known = labels[labels["label"].notna()]
    assert set(known["point"]) == {"year_6", "year_8", "year_9"}
    assert known.groupby(["subject_id", "cohort"])["label"].nunique().eq(1).all()
    assert known.groupby("subject_id")["cohort"].nunique().eq(1).all()
    assert not labels.duplicated(["subject_id", "prediction_date"]).any()


def test_training_and_test_dates_lie_at_the_same_place_of_the_school_year(labels):
    dates = pd.to_datetime(labels["prediction_date"]).dt.strftime("%m-%d")
    places = dates.groupby(labels["point"]).unique().map(list).to_dict()
    assert places == {"year_6": ["06-16"], "year_8": ["06-16"], "year_9": ["11-01"]}


def test_year_six_learns_from_fewer_cohorts_and_says_which(out, labels):
    left_out = read_json(out / artifacts.COHORT)["left_out_of_training"]
    assert [(item["point"], item["cohort"]) for item in left_out] == [
        ("year_6", "2022/23"),
        ("year_6", "2023/24"),
    ]
    trained = labels[labels["split"] == "train"].groupby("point")["cohort"].max().to_dict()
    assert trained == {"year_6": "2021/22", "year_8": "2023/24", "year_9": "2023/24"}


def test_the_class_is_that_of_the_prediction_date(labels):
    years = labels["school_class"].str.extract(r"/ (\d)[A-Z]$")[0]
    assert ("year_" + years == labels["point"]).all()
