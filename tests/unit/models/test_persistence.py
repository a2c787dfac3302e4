import json
import zipfile
from dataclasses import replace

import pandas as pd
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from riskmodel.core.files import hash_file
from riskmodel.errors import UsageError
from riskmodel.models.persistence import load_model, save_model
from riskmodel.models.specs import ModelSpec
from riskmodel.models.training import train_candidates

NAMES = ["base_rate", "high_absence", "logistic", "additive", "boosting"]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_comes_back_as_it_was(trained, pupils, tmp_path, name):
    X, _, _ = pupils
    model = trained.models[name]
    save_model(model, tmp_path / name)
    loaded = load_model(tmp_path / name)
    assert (loaded.predict_risk(X) == model.predict_risk(X)).all()
    if model.is_interpretable:
        assert (loaded.term_contributions(X) == model.term_contributions(X)).all()
    unlike = {"estimator", "background_means"}
    kept = {key: value for key, value in vars(model).items() if key not in unlike}
    assert {key: value for key, value in vars(loaded).items() if key not in unlike} == kept
    pd.testing.assert_series_equal(
        pd.Series(loaded.background_means), pd.Series(model.background_means)
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_same_model_gives_the_same_bytes(trained, tmp_path, name):
    save_model(trained.models[name], tmp_path / "one")
    save_model(load_model(tmp_path / "one"), tmp_path / "two")
    assert hash_file(tmp_path / "one") == hash_file(tmp_path / "two")


def test_training_again_gives_the_same_bytes(pupils, tmp_path):
    X, y, groups = pupils
    spec = ModelSpec(candidates=("logistic", "boosting"), folds=2)
    for folder in ("one", "two"):
        result = train_candidates(X, y, groups, spec, random_state=9)
        for name, model in result.models.items():
            save_model(model, tmp_path / folder / name)
    assert hash_file(tmp_path / "one") == hash_file(tmp_path / "two")


def test_saving_again_replaces_the_model(trained, tmp_path):
    save_model(trained.models["logistic"], tmp_path / "model")
    save_model(trained.models["base_rate"], tmp_path / "model")
    assert load_model(tmp_path / "model").family == "base_rate"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]


@pytest.fixture
def saved(trained, tmp_path):
    save_model(trained.models["logistic"], tmp_path / "model")
    return tmp_path / "model"


def edit(folder, **changes):
    path = folder / "model.json"
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_changed_file_is_refused(saved):
    path = saved / "estimator.skops"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UsageError, match="must be the file that was saved"):
        load_model(saved)


def test_another_scikit_learn_is_refused(saved):
    edit(saved, libraries={"scikit-learn": "1.2.3"})
    with pytest.raises(UsageError, match=r"trained with, 1\.2\.3"):
        load_model(saved)


def test_another_format_is_refused(saved):
    edit(saved, format=99)
    with pytest.raises(UsageError, match="`format` must be 3"):
        load_model(saved)


@pytest.mark.parametrize("content", ["{}", "[]", "no json"])
def test_a_description_that_is_none_is_refused(saved, content):
    (saved / "model.json").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="must describe a model"):
        load_model(saved)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UsageError, match="Train a model first"):
        load_model(tmp_path)


def shout(X):
    raise AssertionError("code from a model's file was run")


def test_a_type_that_no_model_needs_is_refused_before_it_is_built(trained, saved):
    estimator = FunctionTransformer(func=shout)
    (saved / "estimator.skops").write_bytes(skops.io.dumps(estimator))
    edit(saved, estimator_sha256=hash_file(saved / "estimator.skops"))
    with pytest.raises(UsageError, match="only the types that a model needs"):
        load_model(saved)


def test_a_file_that_is_no_archive_is_refused(saved):
    (saved / "estimator.skops").write_bytes(b"not a zip")
    edit(saved, estimator_sha256=hash_file(saved / "estimator.skops"))
    with pytest.raises(UsageError, match="must describe a model"):
        load_model(saved)


def test_no_file_holds_a_time_or_an_address(saved):
    with zipfile.ZipFile(saved / "estimator.skops") as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        schema = json.loads(archive.read("schema.json"))
        assert set(archive.namelist()) - {"schema.json"} == {
            f"{number:06d}.npy" for number in range(len(archive.namelist()) - 1)
        }
    assert schema["__id__"] < 10_000


def test_a_mean_that_is_not_known_is_null(trained, tmp_path):
    model = replace(trained.models["logistic"], training_period=None)
    save_model(model, tmp_path / "model")
    content = json.loads((tmp_path / "model" / "model.json").read_text(encoding="utf-8"))
    assert content["background_means"][4] is None
    assert load_model(tmp_path / "model").training_period is None
