"""Scoring from Python: any table in, risks with reasons out."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import riskmodel
from riskmodel.core.files import write_json
from riskmodel.errors import ConfigurationError, UsageError
from riskmodel.models.persistence import save_model
from riskmodel.models.specs import ModelSpec
from riskmodel.models.training import train_candidates

INFOS = [
    {"name": name, "name_sv": name, "name_en": name, "unit": "value", "domain": domain,
     "direction": 0, "changeable": True, "window_sv": "", "window_en": "", "missing": "keep"}
    for name, domain in
    (("absence", "attendance"), ("points", "grades"), ("visits", "mental_health"))
]  # fmt: skip


class ArrowOnly:
    """A table of another library, of which nothing is known but Arrow's stream interface."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.fixture(scope="module")
def pupils():
    rng = np.random.default_rng(4)
    size = 400
    table = pd.DataFrame(
        {
            "subject_id": [f"{number:032x}" for number in rng.permutation(size)],
            "school_unit": rng.choice(["north", "south"], size),
            "absence": rng.beta(1, 6, size),
            "points": rng.normal(13, 3, size),
            "visits": rng.poisson(1.0, size).astype(float),
        }
    )
    table.loc[rng.random(size) < 0.2, "points"] = np.nan
    return table


@pytest.fixture(scope="module")
def run(pupils, tmp_path_factory):
    """A run's folder with one model for each of two points."""
    rng = np.random.default_rng(5)
    X = pupils[["absence", "points", "visits"]]
    score = -2 + 9 * X["absence"] + 0.6 * X["visits"] - 0.2 * (X["points"].fillna(10) - 13)
    y = pd.Series((rng.random(len(X)) < 1 / (1 + np.exp(-score))).astype(float))
    spec = ModelSpec(candidates=("logistic", "boosting"), folds=2)
    trained = train_candidates(X, y, None, spec, INFOS, random_state=0)
    folder = tmp_path_factory.mktemp("run")
    for point in ("november", "february"):
        for name, model in trained.models.items():
            save_model(model, folder / "model" / point / name)
    points = {point: {"chosen": "logistic"} for point in ("november", "february")}
    write_json(folder / "training.json", {"order": list(points), "points": points})
    return folder


@pytest.fixture(scope="module")
def model(run):
    return riskmodel.load_model(run, point="november")


def test_three_lines_are_enough(run, pupils):
    model = riskmodel.load_model(run, point="november")
    scored = model.screen(pupils)
    assert scored.frame["subject_id"].tolist() == pupils["subject_id"].tolist()
    X = pupils[list(model.feature_names)]
    assert np.array_equal(scored.frame["risk"], model.model.predict_risk(X))
    total = scored.base + scored.contributions.sum(axis=1).to_numpy()
    risk = scored.frame["risk"].to_numpy()
    assert np.abs(total - np.log(risk / (1 - risk))).max() < 1e-9
    assert scored.contributions.index.tolist() == pupils["subject_id"].tolist()


MAKERS = {
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "record batch": lambda frame: pa.RecordBatch.from_pandas(frame, preserve_index=False),
    "stream interface": lambda frame: ArrowOnly(pa.Table.from_pandas(frame, preserve_index=False)),
    "text as views": lambda frame: ArrowOnly(
        pa.Table.from_pandas(frame, preserve_index=False).cast(
            pa.schema([("subject_id", pa.string_view()), ("school_unit", pa.string_view()),
                       *((name, pa.float64()) for name in ("absence", "points", "visits"))])
        )
    ),
    "columns in another order": lambda frame: frame[sorted(frame.columns)],
    "categories in another order": lambda frame: frame.assign(
        **{
            name: pd.Categorical(frame[name], sorted(frame[name].unique(), reverse=True))
            for name in ("subject_id", "school_unit")
        }
    ),
    "another index": lambda frame: frame.set_index(np.arange(len(frame)) + 7),
}  # fmt: skip


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_library_gives_the_same(model, pupils, make):
    expected = model.screen(pupils, capacity_per_school=5).frame
    found = model.screen(make(pupils), capacity_per_school=5).frame
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False)


def test_the_first_of_each_school_are_listed(model, pupils):
    scored = model.screen(pupils, capacity_per_school=3)
    assert scored.frame["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    everyone = model.screen(pupils).frame
    for school, listed in scored.frame.groupby("school_unit"):
        highest = everyone.loc[everyone["school_unit"].eq(school), "risk"].nlargest(3)
        assert listed["risk"].tolist() == highest.tolist()
    own = model.screen(pupils).contributions.loc[scored.frame["subject_id"]]
    pd.testing.assert_frame_equal(scored.contributions, own)


def test_what_is_withheld_is_not_named_as_a_reason(model, pupils):
    def find_domains(**settings):
        frame = model.screen(pupils, **settings).frame
        return set(frame[["domain_1", "domain_2", "domain_3"]].melt()["value"].dropna())

    assert find_domains() == {"attendance", "grades"}
    assert find_domains(withheld_domains=()) == {"attendance", "grades", "mental_health"}


def test_pupils_of_several_dates_are_all_scored(model, pupils):
    dates = np.where(np.arange(len(pupils)) % 2, "2025-11-01", "2026-11-01")
    scored = model.screen(pupils.assign(prediction_date=dates)).frame
    assert scored["prediction_date"].tolist() == dates.tolist()
    assert scored["risk"].notna().all()


def test_columns_without_any_value_and_of_truth_values_are_read(model, pupils):
    table = MAKERS["arrow"](pupils.assign(visits=1.0))
    empty = table.set_column(3, "points", pa.nulls(len(pupils)))
    truth = empty.set_column(4, "visits", pa.array([True] * len(pupils)))
    expected = model.screen(pupils.assign(points=np.nan, visits=1.0)).frame
    pd.testing.assert_frame_equal(model.screen(truth).frame, expected)


def test_the_result_goes_on_to_other_libraries(model, pupils):
    scored = model.screen(pupils)
    table = pa.table(scored)
    assert table.column_names == scored.frame.columns.tolist()
    assert table.column("risk").to_pylist() == scored.frame["risk"].tolist()


def test_what_arrow_cannot_read_is_refused(model):
    with pytest.raises(UsageError, match="that Arrow can read, got ArrowOnly"):
        model.screen(ArrowOnly(pa.chunked_array([[1, 2]])))


MISTAKES = {
    "a missing feature": (lambda t: t.drop(columns="points"), "column `points` is missing"),
    "a misspelt feature": (
        lambda t: t.rename(columns={"points": "pionts"}),
        "column `points` is missing. Did you mean 'pionts'?",
    ),
    "an unknown column": (lambda t: t.assign(name="x"), "column `name` is no feature"),
    "a pupil twice": (lambda t: pd.concat([t, t.head(2)]), "must not repeat, got 2 repeats"),
    "no pseudonym": (lambda t: t.drop(columns="subject_id"), "column `subject_id` is missing"),
    "an empty pseudonym": (
        lambda t: t.assign(subject_id=t["subject_id"].where(t.index > 2)), "got 3 rows without",
    ),
    "text as a feature": (
        lambda t: t.assign(points="f" * 32), "column `points` must be numeric, got str",
    ),
    "an infinite value": (lambda t: t.assign(points=np.inf), "`points` must be finite"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_table_that_does_not_fit_is_refused_without_any_value(model, pupils, spoil, said):
    with pytest.raises(UsageError) as caught:
        model.screen(spoil(pupils))
    assert said in str(caught.value)
    assert "f" * 32 not in str(caught.value)
    assert pupils["subject_id"].iloc[0] not in str(caught.value)


def test_other_mistakes_are_told(model, pupils, run, tmp_path):
    with pytest.raises(UsageError, match="column `school_unit` is missing"):
        model.screen(pupils.drop(columns="school_unit"), capacity_per_school=3)
    with pytest.raises(UsageError, match="got list"):
        model.screen([pupils])
    for setting in ({"language": "no"}, {"n_reasons": 0}, {"capacity_per_school": 0}):
        with pytest.raises(ConfigurationError):
            model.screen(pupils, **setting)
    with pytest.raises(UsageError, match="Choose one of november, february"):
        riskmodel.load_model(run)
    with pytest.raises(UsageError, match="must be one of november, february, got 'may'"):
        riskmodel.load_model(run, point="may")
    with pytest.raises(UsageError, match="Run `riskmodel train` first"):
        riskmodel.load_model(tmp_path)
    with pytest.raises(UsageError, match="got the family 'boosting'"):
        riskmodel.load_model(run / "model" / "november" / "boosting")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [("format", 2, "`format` must be 3"), ("scikit-learn", "0.24.1", "trained with, 0.24.1")],
)
def test_a_model_of_another_version_is_refused(model, tmp_path, place, value, said):
    folder = tmp_path / "model"
    save_model(model.model, folder)
    assert riskmodel.load_model(str(folder)).feature_names == model.feature_names
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    target = content if place == "format" else content["libraries"]
    target[place] = value
    write_json(folder / "model.json", content)
    with pytest.raises(UsageError) as caught:
        riskmodel.load_model(folder)
    assert said in str(caught.value)


def test_an_empty_table_gives_an_empty_list(model, pupils):
    scored = model.screen(pupils.head(0))
    assert len(scored.frame) == 0
    assert "reason_1" in scored.frame.columns


def test_nothing_heavy_is_loaded_before_it_is_asked_for():
    code = "import riskmodel, sys; assert 'pandas' not in sys.modules; riskmodel.load_model"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        riskmodel.nothing  # noqa: B018
