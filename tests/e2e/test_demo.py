"""The first command that anyone tries."""

import re
from pathlib import Path

import pandas as pd

from riskmodel.features.catalogue import load_catalogue


def check_features(run):
    """Every feature of the catalogue says something, but for one of upper secondary school."""
    features = pd.read_parquet(run / "features.parquet")
    names = [spec.name for spec in load_catalogue() if spec.name != "introductory_programme"]
    assert [name for name in names if name not in features] == []
    assert [name for name in names if features[name].nunique() < 2] == []
    assert "introductory_programme" not in features


def test_the_demo_says_where_everything_is(tmp_path, e2e_call):
    done = e2e_call("demo", "--out", "out", "--pupils", "2500", "--seed", "3")
    places = dict(re.findall(r"(?m)^\s+(\S.*?)\s{2,}(/.*|[A-Z]:\\.*)$", done.stdout))
    assert set(places) == {
        "Data quality", "Screening list", "in Excel", "Fairness report", "Model card",
    }  # fmt: skip
    for place in places.values():
        assert Path(place).stat().st_size > 10_000
    assert "MLflow run" in done.stdout
    assert re.search(r"AUC +0\.\d{3} \(95% interval", done.stdout)
    truth = pd.read_parquet(tmp_path / "out" / "region" / "truth" / "true_risk.parquet")
    assert truth["true_risk"].between(0, 1).all()
    check_features(tmp_path / "out" / "run")
    again = e2e_call("run", "--config", tmp_path / "out" / "config" / "compulsory_school.yaml")
    assert again.stderr.count("up to date") == 10
