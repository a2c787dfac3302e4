import warnings

import numpy as np
import pytest
from interpret.glassbox import ExplainableBoostingClassifier

from riskmodel.models.additive import AdditiveClassifier
from riskmodel.models.families import fit_family, score_family
from riskmodel.models.rule import RuleClassifier


@pytest.fixture(scope="module")
def rows(pupils):
    X, y, groups = pupils
    known = y.notna().to_numpy()
    columns = ["absence_share", "grade_points", "contacts", "noise"]
    return X[columns].to_numpy()[known], y.to_numpy()[known], groups.factorize()[0][known]


def test_a_missing_value_is_not_flagged():
    rule = RuleClassifier(at_least=0.15).fit(
        np.array([[0.1], [0.15], [0.2], [np.nan]]), np.array([0, 1, 0, 1])
    )
    assert rule.predict(np.array([[0.14], [0.15], [np.nan]])).tolist() == [0, 1, 0]
    assert rule.predict_proba(np.array([[0.3], [np.nan]]))[:, 1].tolist() == pytest.approx(
        [1.5 / 3, 1.5 / 3]
    )


def test_the_curves_are_those_of_the_boosting_machine(rows, monkeypatch):
    X, y, groups = rows
    machines = []
    make = AdditiveClassifier._make_machine
    monkeypatch.setattr(
        AdditiveClassifier,
        "_make_machine",
        lambda self, *shape: machines.append(make(self, *shape)) or machines[-1],
    )
    model = AdditiveClassifier(outer_bags=2, random_state=3).fit(X, y, groups)
    (machine,) = machines
    assert isinstance(machine, ExplainableBoostingClassifier)
    edges = np.array([cuts[0] for cuts in model.cuts_])
    probe = np.vstack([X, np.full(4, np.nan), edges, edges - 1e-9, np.full(4, 1e9)])
    assert model.decision_function(probe) == pytest.approx(
        machine.decision_function(probe), abs=1e-12
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.term_scores(probe) == pytest.approx(machine.eval_terms(probe), abs=1e-12)


def test_the_curves_say_nothing_of_single_pupils(rows):
    X, y, groups = rows
    model = AdditiveClassifier(outer_bags=2, random_state=3).fit(X, y, groups)
    assert set(vars(model)) - set(model.get_params()) == {
        "classes_", "cuts_", "intercept_", "n_features_in_", "pairs_", "scores_"
    }  # fmt: skip
    for column, cuts in enumerate(model.cuts_):
        values = X[~np.isnan(X[:, column]), column]
        steps = np.bincount(np.searchsorted(cuts, values, side="right"))
        assert len(cuts) <= 64
        assert len(np.unique(values)) < 30 or steps.min() >= 10


def test_missing_is_a_state_of_its_own(rows):
    """Missing grades raise the risk beyond what the median grade would."""
    X, y, groups = rows
    probe = np.tile(np.nanmedian(X, axis=0), (2, 1))
    probe[1, 1] = np.nan
    for family in ("scorecard", "logistic", "additive"):
        estimator = fit_family(family, X, y, groups, random_state=1)
        known, missing = score_family(family, estimator, probe)
        assert missing > known + 0.1, family


def test_a_feature_that_only_goes_missing_later_does_no_harm(rows):
    X, y, groups = rows
    probe = X[:5].copy()
    probe[:, 0] = np.nan
    for family in ("scorecard", "logistic", "additive", "boosting"):
        estimator = fit_family(family, X, y, groups, random_state=1)
        assert np.isfinite(score_family(family, estimator, probe)).all()
