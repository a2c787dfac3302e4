"""Models of the term of leaving learn what was known in time, and are measured on later cohorts."""

from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from riskmodel.evaluation.leaving import COMMON
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.models.specs import ModelSpec
from riskmodel.models.training import TrainingFacts
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.leaving import RISK_COLUMNS, evaluate_leaving, train_leaving
from riskmodel.pipeline.tables import ModellingTable

N_TERMS = 3
SPLITS = {2018: "train", 2019: "train", 2020: "none", 2021: "test"}


def make_config(leaving=True):
    return SimpleNamespace(
        cohort=SimpleNamespace(leaving=SimpleNamespace(terms=N_TERMS) if leaving else None),
        models=ModelSpec(candidates=("base_rate", "scorecard", "logistic"), folds=2),
        evaluation=EvaluationSpec(),
        random_state=4,
    )


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame(
            {
                "subject_id": [f"{year}-{number}" for number in range(500)],
                "prediction_date": date(year, 11, 1),
                "cohort": str(year),
                "point": "november",
                "school_unit": rng.integers(0, 15, 500).astype(str),
                "split": split,
                "x": rng.normal(size=500),
            }
        )
        for year, split in SPLITS.items()
    ]
    rows = pd.concat(frames, ignore_index=True)
    return ModellingTable(rows.drop(columns="x"), rows[["x"]], ())


@pytest.fixture
def folder(table, tmp_path):
    """A folder with terms that end half a year apart."""
    rng = np.random.default_rng(1)
    rows = []
    for label, x in zip(table.labels.itertuples(), table.inputs["x"], strict=True):
        for term in range(1, N_TERMS + 1):
            left = rng.random() < 1 / (1 + np.exp(2.5 - x))
            known = label.prediction_date + timedelta(days=180 * term)
            rows.append((label.subject_id, label.prediction_date, "november", term, known, left))
            if left:
                break
    names = ["subject_id", "prediction_date", "point", "term", "known_date", "left"]
    terms = pd.DataFrame(rows, columns=names).astype({"left": "float64"})
    terms.to_parquet(tmp_path / artifacts.LEAVING)
    return RunFolder(tmp_path)


def train(config, table, folder):
    return train_leaving(config, table, folder, TrainingFacts("november"), lambda _: None)


def test_it_is_trained_on_what_was_known_and_measured_on_the_later_cohort(table, folder):
    config = make_config()
    found = train(config, table, folder)
    # Of the latest cohort before, two terms were known, though its outcome was not.
    assert found.summary["trained_on"] == ["2018", "2019", "2020"]
    assert found.models["logistic"].n_training == int(
        (pd.read_parquet(folder.path(artifacts.LEAVING))["known_date"] < date(2021, 11, 1)).sum()
    )
    assert list(found.risks.columns) == RISK_COLUMNS
    assert set(found.risks["model"]) == {"scorecard", "logistic", COMMON}
    assert set(found.risks["prediction_date"]) == {date(2021, 11, 1)}
    found.risks.to_parquet(folder.path(artifacts.LEAVING_RISKS))
    training = {"order": ["november"], "points": {"november": {"leaving": found.summary}}}
    measured = evaluate_leaving(config, folder, training)["november"]
    assert measured["chosen"] == found.summary["chosen"]
    assert [entry["term"] for entry in measured["terms"]] == [1, 2, 3]
    assert measured["overall"]["logistic"]["auc"]["value"] > 0.65
    assert measured["overall"]["logistic"]["brier_gain"]["lower"] > 0


def test_later_terms_of_others_change_nothing(table, folder):
    before = train(make_config(), table, folder).risks
    terms = pd.read_parquet(folder.path(artifacts.LEAVING))
    late = terms["known_date"] >= date(2021, 11, 1)
    assert late.any()
    terms.loc[late, "left"] = 1 - terms.loc[late, "left"]
    terms.to_parquet(folder.path(artifacts.LEAVING))
    pd.testing.assert_frame_equal(before, train(make_config(), table, folder).risks)


def test_without_leavers_the_reason_is_kept(table, folder):
    terms = pd.read_parquet(folder.path(artifacts.LEAVING))
    terms.assign(left=0.0).to_parquet(folder.path(artifacts.LEAVING))
    found = train(make_config(), table, folder)
    assert found.models == {}
    assert "at least 10 pupils who left" in found.summary["reason"]
    found.risks.to_parquet(folder.path(artifacts.LEAVING_RISKS))
    training = {"order": ["november"], "points": {"november": {"leaving": found.summary}}}
    measured = evaluate_leaving(make_config(), folder, training)
    assert measured == {"november": {"reason": found.summary["reason"]}}


def test_where_it_is_not_asked_for_there_is_nothing(table, folder):
    found = train(make_config(leaving=False), table, folder)
    assert (found.models, found.summary, len(found.risks)) == ({}, None, 0)
    training = {"order": ["november"], "points": {"november": {"leaving": None}}}
    assert evaluate_leaving(make_config(), folder, training) == {}
