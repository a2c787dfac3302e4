from pathlib import Path

from riskmodel.tracking.specs import TrackingSpec
from riskmodel.tracking.store import _flatten, resolve_uri


def test_without_a_server_the_store_lies_in_the_runs_folder(tmp_path):
    uri = resolve_uri(TrackingSpec(), tmp_path)
    assert uri == f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}"
    assert resolve_uri(TrackingSpec(uri="http://localhost:5000"), Path()) == "http://localhost:5000"


def test_settings_are_flattened_and_cut():
    flat = _flatten({"a": {"b": 1, "c": {"d": None}}, "long": "x" * 10_000})
    assert flat["a.b"] == "1"
    assert flat["a.c.d"] == "None"
    assert len(flat["long"]) == 6000
