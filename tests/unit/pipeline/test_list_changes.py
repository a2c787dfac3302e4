"""A list at the second prediction point is compared with that at the first, by both models."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from riskmodel.config.templates import find_template
from riskmodel.core.files import read_json
from riskmodel.errors import ConfigurationError, UsageError
from riskmodel.pipeline.demo import simulate_to_folder
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.runs import load_run, run_selected


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run as far as its models, and a function that screens."""
    folder = tmp_path_factory.mktemp("changes")
    simulate_to_folder(folder / "region", None, {"n_pupils": 2200}, SilentProgress())
    key = folder / "key" / "test.key"
    key.parent.mkdir()
    key.write_text(bytes(range(32)).hex() + "\n", encoding="utf-8")
    key.chmod(0o600)
    settings = yaml.safe_load(find_template("compulsory_school").read_text(encoding="utf-8"))
    for source in settings["sources"].values():
        source["path"] = str(folder / "region" / "extracts" / Path(source["path"]).name)
    settings |= {"out": str(folder / "run"), "pseudonyms": {"key_file": str(key)}}
    settings["models"] = {"candidates": ["base_rate", "logistic"], "folds": 3}
    (folder / "config").mkdir()

    def screen(stages=("screen",), **screening):
        listed = {"cohort": "2025/26", "point": "february", "capacity_overall": 40} | screening
        config = folder / "config" / "run.yaml"
        config.write_text(yaml.safe_dump(settings | {"screening": listed}), encoding="utf-8")
        run_selected(load_run(config), list(stages), SilentProgress())
        return folder / "run"

    screen(("pseudonymise", "cohort", "features", "leakage", "train", "screen"))
    return folder / "run", screen


def test_new_and_left_pupils_add_up_and_are_explained(run):
    out, screen = run
    screen()
    changes = pd.read_parquet(out / "screening_changes.parquet")
    listed = pd.read_parquet(out / "screening.parquet")
    new = changes[changes["is_new"]]
    assert 0 < len(new) == int((~changes["is_new"]).sum()) < 40
    assert set(new["subject_id"]) == set(listed.loc[listed["is_new"], "subject_id"])
    assert not set(changes.loc[~changes["is_new"], "subject_id"]) & set(listed["subject_id"])
    assert set(changes["cause"].dropna()) <= {"risk_fell", "others_rose", "not_screened"}
    fell = changes["cause"].eq("risk_fell")
    assert (changes.loc[fell, "risk"] < changes.loc[fell, "earlier_risk"]).all()
    assert new["moved_1"].str.contains("tidigare").mean() > 0.8


def test_what_is_withheld_is_in_no_movement(run):
    out, screen = run
    screen(views={"mentor": {"title": "Mentor", "withheld_domains": ["results"]}})
    seen = pd.read_parquet(out / "screening_views" / "mentor_changes.parquet")
    everything = pd.read_parquet(out / "screening_changes.parquet")
    domains = [name for name in seen if name.startswith("moved_domain_")]
    assert "results" in everything[domains].to_numpy()
    assert "results" not in seen[domains].to_numpy()


def test_another_run_is_compared_with_as_ones_own(run, tmp_path):
    out, screen = run
    screen(earlier={"point": "november"})
    own = (out / "screening_changes.parquet").read_bytes()
    shutil.copytree(out, tmp_path / "copy")
    screen(earlier={"point": "november", "run": str(tmp_path / "copy")})
    assert (out / "screening_changes.parquet").read_bytes() == own


def test_the_first_point_has_nothing_to_compare_with(run):
    out, screen = run
    screen(point="november")
    assert pd.read_parquet(out / "screening_changes.parquet").empty
    assert 'id="change"' not in (out / "screening.html").read_text(encoding="utf-8")


def test_a_date_that_is_not_earlier_is_refused(run):
    _, screen = run
    with pytest.raises(UsageError, match="must name an earlier date"):
        screen(point="november", earlier={"point": "february"})
    with pytest.raises(ConfigurationError, match="earlier.point"):
        screen(earlier={"point": "june"})


def test_intervals_and_sets_are_told_with_their_coverage(run):
    out, screen = run
    screen(conformal={"level": 0.8, "by": "sex"})
    listed = pd.read_parquet(out / "screening.parquet")
    assert (listed["risk_lower"] < listed["risk_upper"]).all()
    assert listed["possible_outcomes"].notna().any()
    check = read_json(out / "screening_check.json")
    assert {one["group"] for one in check["conformal"]["coverage"]} >= {"Man", "Kvinna"}
    assert "delete-one-school" in check["interval"]["method"]
