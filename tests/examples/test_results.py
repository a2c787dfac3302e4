"""The page of results says what the runs' files say, and nothing else."""

import os
import platform
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from riskmodel.evaluation.evaluate import evaluate
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.fairness.audit import audit_predictions
from riskmodel.fairness.specs import AuditSpec

SECONDS = {"oulad": 61.0, "uci320": 3.0, "late_marks": 60.0}


def make_predictions(points, models, *, n=400):
    """Invented predictions of students of ten regions."""
    generator = np.random.default_rng(7)
    parts = []
    for point in points:
        latent = generator.normal(size=n)
        label = (generator.random(n) < 1 / (1 + np.exp(-latent))).astype(float)
        for model in models:
            noise = generator.normal(size=n)
            parts.append(
                pd.DataFrame(
                    {
                        "subject_id": [f"s{number:04d}" for number in range(n)],
                        "prediction_date": pd.Timestamp("2014-10-29").date(),
                        "cohort": "2014J",
                        "point": point,
                        "school_unit": [f"r{number % 10}" for number in range(n)],
                        "label": label,
                        "model": model,
                        "risk": 0.5 if model == "base_rate" else 1 / (1 + np.exp(-latent - noise)),
                        "sex": np.where(np.arange(n) % 2, "woman", "man"),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def make_result(points):
    """An evaluation and an audit in the shape of the runs' files."""
    predictions = make_predictions(points, ["base_rate", "logistic", "additive", "boosting"])
    chosen = dict.fromkeys(points, "logistic")
    spec = EvaluationSpec(capacity=0.25)
    evaluation = evaluate(predictions, spec, chosen=chosen).to_dict() | {"chosen": chosen}
    rows = predictions[predictions["point"].eq(points[0]) & predictions["model"].eq("logistic")]
    audit = AuditSpec(sensitive_features=("sex",), capacity=0.25)
    fairness = audit_predictions(
        rows.reset_index(drop=True), audit, cluster="school_unit", random_state=1
    )
    return {"evaluation": evaluation, "fairness": fairness.to_dict()}


@pytest.fixture(scope="module")
def runs():
    points = ["day_14", "day_28", "day_56", "day_84"]
    oulad = make_result(points)
    return {"oulad": oulad, "uci320": make_result(["table"]), "late_marks": oulad}


def test_every_model_stands_with_its_figures_and_intervals(results, runs):
    page = results.write_page(runs, SECONDS)
    for name in ("oulad", "uci320"):
        for entry in runs[name]["evaluation"]["points"].values():
            for model, measured in entry["models"].items():
                cells = [
                    results.write_figure(measured["metrics"][metric]) for metric in results.METRICS
                ]
                assert f"{results.NAMES[model]}" in page
                assert " | ".join(cells) in page
            difference = entry["comparison"]["auc_difference"]
            assert results.write_figure(difference) in page


def test_the_same_runs_give_the_same_page(results, runs):
    assert results.write_page(runs, SECONDS) == results.write_page(runs, SECONDS)


def test_the_page_names_no_machine(results, runs, monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "canary-host")
    page = results.write_page(runs, SECONDS)
    assert "canary-host" not in page
    assert str(results.HERE) not in page
    assert f"{os.cpu_count()} cores" in page


def test_tables_have_as_many_cells_in_every_row(results, runs):
    lines = results.write_page(runs, SECONDS).splitlines()
    for above, below in pairwise(lines):
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|"), above


def test_what_is_hidden_or_not_defined_is_said(results):
    assert results.write_figure({"value": None, "reason": "not defined"}) == "–"
    assert results.write_percent({"value": None, "reason": "suppressed"}) == "hidden"
    assert (
        results.write_percent({"value": 0.25, "lower": 0.2, "upper": 0.3}) == "25.0% (20.0 to 30.0)"
    )
