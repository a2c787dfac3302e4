from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from riskmodel.models.specs import ModelSpec
from riskmodel.models.training import TrainedModels, train_candidates


@pytest.fixture(scope="session")
def pupils() -> tuple[pd.DataFrame, pd.Series]:
    """Return 600 pupils with skewed and missing values, and a flag for one feature."""
    rng = np.random.default_rng(7)
    size = 600
    X = pd.DataFrame(
        {
            "absence": rng.beta(1, 9, size),
            "points": rng.normal(13, 3, size).clip(0, 20),
            "days": rng.exponential(40, size),
            "nothing": np.nan,
        }
    )
    X.loc[rng.random(size) < 0.2, "absence"] = np.nan
    X.loc[rng.random(size) < 0.1, "points"] = np.nan
    X["absence__missing"] = X["absence"].isna().astype(float)
    score = -1 + 8 * X["absence"].fillna(0.3) - 0.2 * (X["points"].fillna(10) - 13)
    y = pd.Series((rng.random(size) < 1 / (1 + np.exp(-score))).astype(float))
    return X, y


@pytest.fixture(scope="session")
def trained(pupils: tuple[pd.DataFrame, pd.Series]) -> TrainedModels:
    X, y = pupils
    spec = ModelSpec(
        candidates=("base_rate", "scorecard", "logistic", "additive", "boosting"),
        folds=3,
        calibration="sigmoid",
    )
    return train_candidates(X, y, None, spec, random_state=5)


@pytest.fixture(scope="session")
def filling(pupils: tuple[pd.DataFrame, pd.Series]) -> TrainedModels:
    """Return models that learnt what stands in for a missing absence, which has a flag."""
    X, y = pupils
    spec = ModelSpec(candidates=("logistic", "additive", "boosting"), folds=2)
    info = {"name": "absence", "missing": "mean"}
    return train_candidates(X, y, None, spec, [info], random_state=5)
