"""Values that are learnt from training rows and stand in where a feature is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

FEWEST_KNOWN = 10
"""From fewer known values than this nothing is learnt that is kept with a model: it would tell
about single pupils."""

_LEARNT: dict[str, Callable[[FloatArray], Any]] = {"mean": np.mean, "median": np.median}


def find_learnt_rules(
    feature_names: Sequence[str], infos: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the features of which the stand-in for a missing value is learnt.

    Parameters
    ----------
    feature_names : sequence of str
        The columns of the features.
    infos : iterable of mapping
        What the feature stage says of each feature: `name` and `missing` are read. A column
        of which nothing is said keeps its missing values.

    Returns
    -------
    dict of str to str
        ``"mean"`` or ``"median"`` by feature, in the order of `feature_names`.
    """
    rules = {str(info["name"]): info.get("missing") for info in infos}
    return {name: str(rules[name]) for name in feature_names if rules.get(name) in _LEARNT}


def learn_fill_values(
    X: FloatArray, feature_names: Sequence[str], rules: Mapping[str, str]
) -> dict[str, float]:
    """Learn what stands in where a feature is missing.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n, p)
        The training rows and no others; NaN where missing.
    feature_names : sequence of str
        The columns.
    rules : mapping of str to str
        ``"mean"`` or ``"median"`` by feature.

    Returns
    -------
    dict of str to float
        The mean or median of the known values, by feature in the order of `rules`. A feature
        with fewer than 10 known values is not there: nothing can be learnt for it.

    Examples
    --------
    >>> X = np.append(np.arange(12.0), np.nan)[:, np.newaxis]
    >>> learn_fill_values(X, ["contacts"], {"contacts": "median"})
    {'contacts': 5.5}
    """
    columns = {name: position for position, name in enumerate(feature_names)}
    values = {}
    for name, rule in rules.items():
        column = X[:, columns[name]]
        known = column[~np.isnan(column)]
        if len(known) >= FEWEST_KNOWN:
            values[name] = float(_LEARNT[rule](known))
    return values


def fill_missing(
    X: FloatArray, feature_names: Sequence[str], fill_values: Mapping[str, float]
) -> FloatArray:
    """Return the features with what was learnt in place of what is missing.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n, p)
        Features; NaN where missing. It is not changed.
    feature_names : sequence of str
        The columns.
    fill_values : mapping of str to float
        As of `learn_fill_values`.

    Returns
    -------
    numpy.ndarray of float, shape (n, p)
        A feature without such a value stays missing where it is.

    Notes
    -----
    A row depends on itself and on `fill_values`, never on the rows beside it.
    """
    fills = np.array([fill_values.get(name, np.nan) for name in feature_names])
    return np.where(np.isnan(X), fills, X)
