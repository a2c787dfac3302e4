"""Earlier cohorts are predicted by models of their own time, and may decide the choice."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from riskmodel.cohort.periods import plan_periods
from riskmodel.config.models import RunConfig
from riskmodel.models.specs import LogisticSpec, ModelSpec, ScorecardSpec, VariantsSpec
from riskmodel.models.training import train_candidates
from riskmodel.pipeline.backtest import choose_by_past, predict_past, tune_by_past
from riskmodel.pipeline.tables import ModellingTable

SPEC = ModelSpec(candidates=("base_rate", "logistic", "scorecard"), folds=2, origins=3)


@pytest.fixture(scope="module")
def table():
    """Five cohorts; the feature has no meaning in the last one."""
    rng = np.random.default_rng(0)
    frames = []
    for year in range(2018, 2023):
        x = rng.normal(size=300)
        signal = x if year < 2022 else 0 * x
        frames.append(
            pd.DataFrame(
                {
                    "subject_id": [f"{year}-{number}" for number in range(300)],
                    "prediction_date": date(year, 11, 1),
                    "cohort": str(year),
                    "point": "november",
                    "school_unit": rng.integers(0, 12, 300).astype(str),
                    "label": (rng.random(300) < 1 / (1 + np.exp(-2 * signal))).astype(float),
                    "outcome_known_date": date(year + 1, 6, 15),
                    "split": "train",
                    "x": x,
                }
            )
        )
    rows = pd.concat(frames, ignore_index=True)
    rows.loc[::25, "label"] = np.nan
    return ModellingTable(rows.drop(columns="x"), rows[["x"]], ())


@pytest.fixture(scope="module")
def past(table):
    config = SimpleNamespace(models=SPEC, random_state=5)
    periods = plan_periods(table.labels, origins=SPEC.origins)
    shares = []
    predictions, used = predict_past(config, table, periods, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    return predictions, used


def test_each_earlier_cohort_has_a_risk_by_every_candidate(past):
    predictions, used = past
    assert [period.test for period in used] == ["2020", "2021", "2022"]
    counts = predictions.groupby(["cohort", "model"]).size()
    assert counts.tolist() == [300] * 9
    known = predictions[predictions["label"].notna() & predictions["model"].eq("logistic")]
    meaning = known.groupby("cohort")[["risk", "label"]].corr().xs("risk", level=1)["label"]
    assert (meaning[["2020", "2021"]] > 0.5).all()
    assert abs(meaning["2022"]) < 0.2, "its own outcomes had no say in its risks"


def test_the_past_decides_with_two_periods_or_more(table, past):
    predictions, used = past
    rows = table.labels["label"].notna()
    trained = train_candidates(
        table.inputs[rows], table.labels.loc[rows, "label"], None, SPEC, random_state=0
    )
    decided, described = choose_by_past(trained, predictions, used, "auto")
    assert "earlier cohorts" in decided.comparison.reason
    assert [entry["train"][-1] for entry in described] == ["2019", "2020", "2021"]
    assert set(described[0]["regret"]) == {"scorecard", "logistic"}
    last = predictions[predictions["cohort"].eq("2022")]
    alone, _ = choose_by_past(trained, last, used[-1:], "auto")
    assert alone.comparison == trained.comparison
    named, _ = choose_by_past(trained, predictions, used, "logistic")
    assert named.comparison == trained.comparison


def test_without_periods_nothing_changes(table):
    config = SimpleNamespace(models=SPEC, random_state=5)
    predictions, used = predict_past(config, table, (), lambda share: None)
    assert predictions.empty
    assert used == []


@pytest.fixture(scope="module")
def tuned(table):
    """Scorecards of one and of two lines, and a line that may bend, on a straight truth."""
    spec = SPEC.model_copy(
        update={"variants": VariantsSpec(
            scorecard=(ScorecardSpec(n_terms=1), ScorecardSpec(n_terms=8)),
            logistic=(LogisticSpec(), LogisticSpec(n_knots=3)),
        )}
    )  # fmt: skip
    config = RunConfig.model_construct(models=spec, random_state=5)
    shares = []
    periods = plan_periods(table.labels, origins=SPEC.origins)[:2]
    chosen, described = tune_by_past(config, table, periods, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    return chosen, described


def test_settings_are_chosen_by_regret_the_simplest_of_equals(tuned):
    chosen, described = tuned
    assert chosen.scorecard.n_terms == 8
    assert chosen.logistic.n_knots == 0
    assert chosen.variants == VariantsSpec()
    assert [entry["family"] for entry in described] == ["scorecard"] * 2 + ["logistic"] * 2
    assert [entry["is_chosen"] for entry in described] == [False, True, True, False]
    assert all(len(entry["regret"]) == 2 and min(entry["regret"]) >= 0 for entry in described)
    assert described[0]["settings"]["n_terms"] == 1


def test_with_one_period_the_first_settings_are_used(table):
    spec = SPEC.model_copy(
        update={"variants": VariantsSpec(logistic=(LogisticSpec(n_knots=2), LogisticSpec()))}
    )
    config = RunConfig.model_construct(models=spec, random_state=5)
    periods = plan_periods(table.labels, origins=1)
    chosen, described = tune_by_past(config, table, periods, lambda _: None)
    assert chosen.logistic.n_knots == 2
    assert described[0]["regret"] == []


@pytest.mark.parametrize(
    ("mode", "filled"), [("left_out", None), ("not_completed", 1.0), ("completed", 0.0)]
)
def test_unknown_outcomes_count_in_earlier_cohorts_as_they_do_in_the_last(table, mode, filled):
    spec = SPEC.model_copy(update={"candidates": ("base_rate", "logistic"), "missing_labels": mode})
    config = SimpleNamespace(models=spec, random_state=5)
    (period,) = plan_periods(table.labels, origins=1)
    predictions, _ = predict_past(config, table, (period,), lambda share: None)
    label = table.labels.loc[table.labels["cohort"].isin(period.train), "label"]
    expected = label.mean() if filled is None else label.fillna(filled).mean()
    risk = predictions.loc[predictions["model"].eq("base_rate"), "risk"]
    assert risk.unique() == pytest.approx([expected])
