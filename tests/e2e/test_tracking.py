"""Runs in MLflow: in the embedded store, and on a tracking server."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pandas as pd
import pytest
import yaml

from riskmodel.core.files import read_json
from riskmodel.models.persistence import load_model

# MLflow's own, as it loads and looks up its stores.
pytestmark = pytest.mark.filterwarnings("ignore")


def find_run(uri, run_id):
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    return client, client.get_run(run_id)


def check_logged(out, uri):
    reference = read_json(out / "tracking.json")
    client, run = find_run(uri, reference["run_id"])
    training = read_json(out / "training.json")
    point = training["order"][0]
    chosen = training["points"][point]["chosen"]
    assert run.data.params["models.folds"] == "3"
    logged = client.search_logged_models([run.info.experiment_id])
    models = [model for model in logged if model.source_run_id == run.info.run_id]
    assert [model.name for model in models] == [f"{point}-{chosen}"]
    return client, run, models[0], point, chosen


def test_the_embedded_store_holds_the_run_and_no_pupil(canary_run):
    uri = f"sqlite:///{(canary_run.out / 'mlflow.db').as_posix()}"
    client, run, _, point, chosen = check_logged(canary_run.out, uri)
    evaluation = read_json(canary_run.out / "evaluation.json")
    auc = evaluation["points"][point]["models"][chosen]["metrics"]["auc"]["value"]
    assert run.data.metrics[f"{point}.{chosen}.auc"] == pytest.approx(auc)
    assert run.info.status == "FINISHED"
    logged = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert logged == {
        "evaluation.json", "fairness.json", "fairness.html", "model_card.html", "manifest.json"
    }  # fmt: skip
    subjects = set(pd.read_parquet(canary_run.out / "screening.parquet")["subject_id"])
    for path in (canary_run.out / "mlflow-artifacts").rglob("*"):
        if path.is_file():
            held = re.findall(r"[0-9a-f]{32}", path.read_bytes().decode("latin-1"))
            assert not subjects & set(held)


def test_the_logged_model_scores_like_the_saved_one(canary_run):
    import mlflow

    uri = f"sqlite:///{(canary_run.out / 'mlflow.db').as_posix()}"
    _, _, model, point, chosen = check_logged(canary_run.out, uri)
    features = pd.read_parquet(canary_run.out / "features.parquet").iloc[:200, 2:]
    mlflow.set_tracking_uri(uri)
    loaded = mlflow.pyfunc.load_model(model.model_uri)
    assert {column.name for column in loaded.metadata.signature.inputs} == set(features.columns)
    saved = load_model(canary_run.out / "model" / point / chosen)
    assert np.array_equal(loaded.predict(features), saved.predict_risk(features))


@pytest.fixture
def tracking_server(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uri = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path.as_posix()}/server.db",
        "--artifacts-destination", str(tmp_path / "server-artifacts"),
    ]  # fmt: skip
    log = (tmp_path / "server.log").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path) as server:
        try:
            wait_for(f"{uri}/health", server)
            yield uri
        finally:
            server.terminate()


def wait_for(url, server):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    pytest.fail("the tracking server did not start")


def test_a_tracking_server_gets_the_run(canary_run, tracking_server, tmp_path, e2e_call):
    out = tmp_path / "run"
    shutil.copytree(canary_run.out, out, ignore=shutil.ignore_patterns("mlflow*"))
    settings = yaml.safe_load(canary_run.config.read_text(encoding="utf-8"))
    settings["out"] = str(out)
    settings["tracking"] = {"uri": tracking_server, "experiment": "loopback"}
    # Where a run is logged has nothing to do with how many models it compares.
    settings["models"]["candidates"] = ["rule", "logistic"]
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    environment = os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    e2e_call("run", "--config", config, env=environment)
    _, run, _, point, chosen = check_logged(out, tracking_server)
    assert f"{point}.{chosen}.auc" in run.data.metrics
    assert run.info.status == "FINISHED"
    assert not (out / "mlflow.db").exists()
