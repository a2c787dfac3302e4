import numpy as np
import pandas as pd
import pytest

from riskmodel.models.specs import ModelSpec, RuleSpec
from riskmodel.models.training import TrainingFacts, train_candidates

SPEC = ModelSpec(
    candidates=("base_rate", "rule", "scorecard", "logistic", "additive", "boosting"),
    rules=(RuleSpec(name="high_absence", feature="absence_share", at_least=0.15),),
    folds=3,
)


@pytest.fixture(scope="session")
def pupils():
    """Pupils in 20 schools; absence acts in steps, missing grades raise the risk."""
    rng = np.random.default_rng(20240817)
    n_rows = 700
    school = rng.integers(0, 20, n_rows)
    X = pd.DataFrame(
        {
            "absence_share": rng.beta(1, 8, n_rows),
            "grade_points": rng.normal(13, 3, n_rows).clip(0, 20),
            "contacts": rng.poisson(1.0, n_rows).astype(float),
            "noise": rng.normal(size=n_rows),
            "void": np.nan,
            "constant": 1.0,
        }
    )
    X.loc[rng.random(n_rows) < 0.15, "grade_points"] = np.nan
    log_odds = (
        -2.2
        + 1.8 * (X["absence_share"] > 0.15)
        - 0.25 * (X["grade_points"].fillna(7) - 13)
        + rng.normal(0, 0.4, 20)[school]
    )
    y = pd.Series((rng.random(n_rows) < 1 / (1 + np.exp(-log_odds))).astype(float), name="label")
    y.iloc[:30] = np.nan
    groups = pd.Series([f"school-{number:02d}" for number in school])
    return X, y, groups


@pytest.fixture(scope="session")
def facts():
    return TrainingFacts("november", ("2018-11-01", "2021-11-01"), "ab" * 32)


@pytest.fixture(scope="session")
def trained(pupils, facts):
    X, y, groups = pupils
    infos = [{"name": name, "name_sv": f"Uppgift {name}"} for name in X.columns]
    return train_candidates(X, y, groups, SPEC, infos, random_state=11, facts=facts)
