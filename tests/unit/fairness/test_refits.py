from __future__ import annotations

import numpy as np
import pandas as pd

from riskmodel.fairness.refits import find_proxies


def make_features(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features of which one tells the group, one tells it by being missing, one not."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", None], 3000, p=[0.6, 0.35, 0.05])
    told = rng.normal(size=3000) + 1.5 * (group == "b")
    missing = np.where((group == "b") & (rng.random(3000) < 0.8), np.nan, rng.random(3000))
    X = pd.DataFrame(
        {
            "told": told,
            "missing": missing,
            "unrelated": rng.normal(size=3000),
            "never": np.full(3000, np.nan),
        }
    )
    return X, pd.DataFrame({"group": group})


def test_features_that_tell_a_group_are_found_by_value_and_by_missingness() -> None:
    X, sensitive = make_features(0)
    assert find_proxies(X, sensitive) == ("told", "missing")


def test_a_reversed_feature_is_a_proxy_too() -> None:
    X, sensitive = make_features(1)
    assert "told" in find_proxies(X.assign(told=-X["told"]), sensitive)


def test_the_limit_decides_and_small_groups_do_not() -> None:
    X, sensitive = make_features(2)
    assert find_proxies(X, sensitive, limit=0.95) == ()
    few = pd.DataFrame({"group": ["x"] * 20 + ["y"] * 2980})
    tells_few = X.assign(told=np.arange(3000) < 20).astype(float)
    assert find_proxies(tells_few[["told"]], few) == ()
