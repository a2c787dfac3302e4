"""Pupils in schools whose groups are alike by construction, or differ by a known amount."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def make_pupils(
    seed: int,
    *,
    n_pupils: int = 2000,
    n_schools: int = 20,
    n_groups: int = 4,
    intraclass: float = 0.1,
    segregation: float = 1.0,
    rate: float = 0.3,
    extra: float = 0.0,
) -> pd.DataFrame:
    """Return `school`, `group` and `label`, with the labels' true probability as `risk`.

    The mix of groups differs the more between schools the larger `segregation` is, and the
    pupils of a school are alike as `intraclass` says. The first group has `extra` added.
    """
    rng = np.random.default_rng(seed)
    school = rng.integers(0, n_schools, n_pupils)
    mix = rng.dirichlet(np.full(n_groups, 1 / segregation), n_schools)
    drawn = rng.random(n_pupils)[:, np.newaxis] > mix[school].cumsum(axis=1)
    group = drawn.sum(axis=1).clip(0, n_groups - 1)
    level: npt.NDArray[np.float64] = np.full(n_schools, rate)
    if intraclass > 0:
        size = 1 / intraclass - 1
        level = rng.beta(rate * size, (1 - rate) * size, n_schools)
    chance = np.clip(level[school] + np.where(group == 0, extra, 0.0), 0, 1)
    return pd.DataFrame(
        {
            "school": school,
            "group": [f"g{number}" for number in group],
            "label": (rng.random(n_pupils) < chance).astype(float),
            "risk": chance,
        }
    )
