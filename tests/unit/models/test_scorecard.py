"""A scorecard is small, whole, near the best, and prints as it predicts."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from riskmodel.errors import UsageError
from riskmodel.models.conditions import make_conditions
from riskmodel.models.printed_card import print_card
from riskmodel.models.scorecard import ScorecardClassifier
from riskmodel.models.solver import fit_penalised
from riskmodel.models.sparse_search import find_sparse_sets
from riskmodel.models.specs import ModelSpec, ScorecardSpec
from riskmodel.models.training import train_candidates


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(8)
    X = rng.gamma(2.0, size=(1200, 6)).round(2)
    X[rng.random(X.shape) < 0.08] = np.nan
    filled = np.nan_to_num(X, nan=1.0)
    signal = 1.1 * (filled[:, 0] > 2) + 0.8 * (filled[:, 1] > 1) - 0.9 * (filled[:, 2] > 3)
    y = (rng.random(1200) < expit(signal + 0.7 * np.isnan(X[:, 3]) - 1.2)).astype(int)
    return X, y


def test_points_are_whole_small_and_few(rows):
    card = ScorecardClassifier(n_terms=5, max_points=3).fit(*rows)
    assert len(card.points_) <= 5
    assert card.points_.dtype == np.int64
    assert set(np.abs(card.points_)) <= {1, 2, 3}
    sums = (card.decision_function(rows[0]) - card.intercept_) / card.slope_
    np.testing.assert_allclose(sums, np.round(sums), atol=1e-9)
    assert card.slope_ > 0


def test_no_other_pair_of_conditions_predicts_better(rows):
    """Every pair is tried on a small problem: the search finds the best one."""
    X, y = rows
    conditions = make_conditions(X[:, :4], np.zeros(4, dtype=np.int64), 3)
    best = find_sparse_sets(conditions, y.astype(float), n_terms=2, beam_width=3, gap=0.0)[0]
    held = np.column_stack(
        [conditions.holds(number) for number in range(len(conditions.conditions))]
    ).astype(float)
    losses = {}
    for pair in combinations(range(held.shape[1]), 2):
        columns = held[:, pair]
        w, b = fit_penalised(columns, y.astype(float), np.ones(len(y)), strength=100.0)
        z = columns @ w + b
        losses[pair] = float((np.logaddexp(0, z) - y * z).mean())
    assert best.loss == pytest.approx(min(losses.values()), abs=1e-6)


def test_rounding_costs_little(rows):
    X, y = rows
    conditions = make_conditions(X, np.zeros(6, dtype=np.int64), 9)
    exact = find_sparse_sets(conditions, y.astype(float), n_terms=6, beam_width=5, gap=0.0)[0]
    card = ScorecardClassifier(n_terms=6).fit(X, y)
    assert card.pool_[0].loss < exact.loss * 1.01


def test_the_pool_holds_different_cards_that_are_as_good(rows):
    X, y = rows
    best = ScorecardClassifier(n_terms=6, pool_gap=0.02).fit(X, y)
    assert len(best.pool_) > 1
    assert all(one.loss <= best.pool_[0].loss * 1.02 for one in best.pool_)
    other = ScorecardClassifier(n_terms=6, pool_gap=0.02, card=1).fit(X, y)
    assert (other.conditions_, other.points_.tolist()) != (best.conditions_, best.points_.tolist())
    with pytest.raises(ValueError, match="`card` must be from 0"):
        ScorecardClassifier(n_terms=6, card=10_000).fit(X, y)


def test_a_condition_holds_for_no_single_pupil(rows):
    X, _ = rows
    X = X.copy()
    X[0, 0] = 1e6
    conditions = make_conditions(X, np.zeros(6, dtype=np.int64), 9)
    for number in range(len(conditions.conditions)):
        assert 10 <= conditions.holds(number).sum() <= len(X) - 10


def train(rows, **options):
    X, y = rows
    frame = pd.DataFrame(X, columns=[f"f{number}" for number in range(6)])
    spec = ModelSpec(candidates=("scorecard",), folds=2, **options)
    return frame, train_candidates(
        frame, pd.Series(y.astype(float)), None, spec, random_state=0
    ).models["scorecard"]


def test_the_printed_card_gives_the_models_risk(rows):
    """A person adds up the lines and reads off the risk."""
    X, model = train(rows, scorecard=ScorecardSpec(n_terms=6))
    printed = print_card(model)
    totals = np.zeros(len(X), dtype=int)
    for line in printed["lines"]:
        values = X[line["feature"]]
        if "at_least" in line:
            holds = values >= line["at_least"]
        elif "below" in line:
            holds = values < line["below"]
        else:
            holds = values.isna()
        totals += line["points"] * holds.to_numpy()
    risks = {entry["total"]: entry["risk"] for entry in printed["risks"]}
    assert set(totals) <= set(risks)
    expected = [risks[total] for total in totals]
    np.testing.assert_allclose(model.predict_risk(X), expected, atol=1e-12)
    values = list(risks.values())
    assert values == sorted(values)


def test_only_a_scorecard_is_printed(trained):
    with pytest.raises(UsageError, match="must be a scorecard"):
        print_card(trained.models["logistic"])


def test_expected_directions_come_from_the_features(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=[f"f{number}" for number in range(6)])
    infos = [{"name": "f0", "direction": -1}, {"name": "f2", "direction": 1}]
    for is_kept in (True, False):
        spec = ModelSpec(candidates=("logistic",), folds=2, monotone=is_kept)
        trained = train_candidates(
            frame, pd.Series(y.astype(float)), None, spec, infos, random_state=0
        )
        probe = pd.DataFrame(np.tile(frame.median(), (2, 1)), columns=frame.columns)
        probe.loc[1, "f0"] += 2
        low, high = trained.models["logistic"].score(probe)
        assert (high > low + 0.1) != is_kept
