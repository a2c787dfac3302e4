"""The same risks on DuckDB, on Spark's workers, and by the model that MLflow was given."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from riskmodel.models.persistence import save_model
from riskmodel.models.specs import ModelSpec
from riskmodel.models.training import train_candidates
from riskmodel.pipeline.scoring import make_scorer
from riskmodel.screening.specs import ScreeningSpec
from riskmodel.tracking.specs import TrackingSpec
from riskmodel.tracking.store import start_training_run

FEATURES = ["absence", "points", "visits"]


@pytest.fixture(scope="module")
def pupils():
    rng = np.random.default_rng(8)
    size = 600
    table = pd.DataFrame(
        {
            "subject_id": [f"{number:032x}" for number in rng.permutation(size)],
            "absence": rng.beta(1, 6, size),
            "points": rng.normal(13, 3, size),
            "visits": rng.poisson(1.0, size).astype(float),
        }
    )
    table.loc[rng.random(size) < 0.2, "points"] = np.nan
    return table


@pytest.fixture(scope="module")
def model(pupils):
    score = -2 + 9 * pupils["absence"] - 0.2 * (pupils["points"].fillna(10) - 13)
    chance = np.random.default_rng(9).random(len(pupils))
    y = pd.Series((chance < 1 / (1 + np.exp(-score))).astype(float))
    spec = ModelSpec(candidates=("additive",), folds=2, additive={"n_pairs": 2})
    return train_candidates(pupils[FEATURES], y, None, spec, random_state=0).models["additive"]


@pytest.fixture(scope="module")
def written(pupils, tmp_path_factory):
    path = tmp_path_factory.mktemp("features") / "features.parquet"
    pupils.to_parquet(path, index=False)
    return path


def test_the_engines_score_alike(duckdb, spark, model, pupils, written):
    scorer = make_scorer(model, ScreeningSpec(), pupils[FEATURES])
    found = [
        engine.map_rows(engine.read_parquet(written), scorer, scorer.schema).sort_by("subject_id")
        for engine in (duckdb, spark)
    ]
    assert found[0].schema == found[1].schema == scorer.schema
    assert found[0].equals(found[1])
    ordered = pupils.sort_values("subject_id")
    assert np.array_equal(found[0]["risk"].to_numpy(), model.predict_risk(ordered[FEATURES]))
    assert not pa.compute.all(pa.compute.is_null(found[0]["feature_1"])).as_py()


@pytest.mark.filterwarnings("ignore")
def test_the_logged_model_scores_alike_as_a_function_of_spark(
    spark, model, pupils, written, tmp_path
):
    import mlflow

    save_model(model, tmp_path / "model")
    risks = model.predict_risk(pupils[FEATURES])
    reference = start_training_run(
        TrackingSpec(), tmp_path, run_name="test", parameters={},
        models={"additive": tmp_path / "model"}, examples={"additive": pupils[FEATURES].head(5)},
        risks={"additive": risks[:5]},
    )  # fmt: skip
    mlflow.set_tracking_uri(reference.uri)
    experiment = mlflow.get_experiment_by_name(reference.experiment)
    (logged,) = mlflow.search_logged_models([experiment.experiment_id], output_format="list")
    assert np.array_equal(
        mlflow.pyfunc.load_model(logged.model_uri).predict(pupils[FEATURES]), risks
    )
    session = spark.connection._session
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = mlflow.pyfunc.spark_udf(
            session, logged.model_uri, result_type="double", env_manager="local"
        )
        frame = session.read.parquet(written.as_uri())
        rows = frame.withColumn("risk", score(*FEATURES)).select("subject_id", "risk").collect()
    by_subject = {row.subject_id: row.risk for row in rows}
    assert [by_subject[subject] for subject in pupils["subject_id"]] == risks.tolist()
