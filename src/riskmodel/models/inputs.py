"""Checks of the tables and labels that models are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import suggest_name
from riskmodel.errors import UndefinedMetricError, UsageError

FloatArray = npt.NDArray[np.float64]

MINIMUM_PER_CLASS = 20
"""The fewest pupils with, and without, the outcome from which a model is trained."""


def read_features(X: pd.DataFrame, feature_names: Sequence[str]) -> FloatArray:
    """Return a table of features as numbers, in the model's own order of columns.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n, p)
        Exactly the named columns, in any order, numeric or boolean; NaN where missing.
    feature_names : sequence of str
        The model's features.

    Returns
    -------
    numpy.ndarray of float, shape (n, p)
        The columns in the order of `feature_names`.

    Raises
    ------
    UsageError
        With one finding per column that is missing, too many, or not finite numbers.
    """
    findings = [
        *_find_different_columns([str(name) for name in X.columns], feature_names),
        *_find_unfit_columns(X),
    ]
    if findings:
        raise UsageError(
            f"`X` must have exactly the model's {len(feature_names)} features as numbers, "
            f"got {len(findings)} differences. Give the table that the feature stage wrote.",
            findings,
        )
    return np.asarray(X[list(feature_names)].to_numpy(dtype=np.float64, na_value=np.nan))


def _find_different_columns(present: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return a finding per column that is missing, too many or there twice."""
    known = set(wanted)
    spare = [name for name in present if name not in known]
    missing = [
        f"column `{name}` is missing.{suggest_name(name, spare)}"
        for name in wanted
        if name not in set(present)
    ]
    unknown = [f"column `{name}` is not a feature of the model." for name in spare]
    twice = sorted({name for name in present if present.count(name) > 1})
    return [*missing, *unknown, *(f"column `{name}` is there twice." for name in twice)]


def _find_unfit_columns(X: pd.DataFrame) -> list[str]:
    """Return a finding per column that does not hold finite numbers."""
    findings = []
    for position, name in enumerate(X.columns):
        column = X.iloc[:, position]
        if not pd.api.types.is_numeric_dtype(column.dtype):
            findings.append(f"column `{name}` must be numeric, got {column.dtype}.")
            continue
        n_infinite = int(np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan)).sum())
        if n_infinite:
            findings.append(f"column `{name}` must be finite, got infinite values.")
    return findings


def check_labels(y: pd.Series[float], n_rows: int) -> FloatArray:
    """Return the labels as numbers if a model can be trained on them.

    Parameters
    ----------
    y : pandas.Series of float, shape (n,)
        1 for the outcome, 0 without, NaN where not known.
    n_rows : int
        The number of rows of the features.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        The labels.

    Raises
    ------
    UsageError
        If the lengths differ or there are other values.
    UndefinedMetricError
        If there are too few pupils with, or without, the outcome.
    """
    labels: FloatArray = np.asarray(y.to_numpy(dtype=np.float64, na_value=np.nan), np.float64)
    if len(labels) != n_rows:
        raise UsageError(
            f"`y` must have one label per row of `X`, got {len(labels)} for {n_rows} rows. "
            "Join them on subject_id and prediction_date."
        )
    if not np.isin(labels[~np.isnan(labels)], (0.0, 1.0)).all():
        raise UsageError("`y` must be 0, 1 or missing, got other values. Check the outcome.")
    too_few = [value for value in (0, 1) if (labels == value).sum() < MINIMUM_PER_CLASS]
    if too_few:
        raise UndefinedMetricError(
            f"`y` must hold at least {MINIMUM_PER_CLASS} pupils with the outcome and as many "
            f"without it, got fewer of {' and '.join(map(str, too_few))}. "
            "Add cohorts to the training data or check the outcome."
        )
    return labels


def read_groups(groups: pd.Series[str] | None, n_rows: int) -> npt.NDArray[np.int64] | None:
    """Return the groups as numbers, those without a name as one group.

    Parameters
    ----------
    groups : pandas.Series of shape (n,), or None
        For example the school unit of each row.
    n_rows : int
        The number of rows of the features.

    Returns
    -------
    numpy.ndarray of int, shape (n,), or None
        From 0, in the order of the sorted names.

    Raises
    ------
    UsageError
        If the lengths differ.
    """
    if groups is None:
        return None
    if len(groups) != n_rows:
        raise UsageError(
            f"`groups` must have one entry per row of `X`, got {len(groups)} for {n_rows} rows. "
            "Give the school unit of each row."
        )
    codes, _ = pd.factorize(groups.to_numpy(), sort=True, use_na_sentinel=True)
    return np.asarray(codes, dtype=np.int64) + 1


def check_sensitive(
    columns: Sequence[str], declared: Sequence[str], sensitive_features: Sequence[str]
) -> None:
    """Raise if a sensitive attribute is a model input without being declared as one.

    Parameters
    ----------
    columns : sequence of str
        The columns of the features. An attribute in several columns is written
        ``attribute=value``.
    declared : sequence of str
        The attributes that the configuration allows as inputs.
    sensitive_features : sequence of str
        The attributes that count as sensitive.

    Raises
    ------
    UsageError
        With one finding per attribute.
    """
    used = {name.split("=")[0] for name in columns}
    undeclared = sorted(used & set(sensitive_features) - set(declared))
    if undeclared:
        raise UsageError(
            "`X` must hold no sensitive attribute that `sensitive_inputs` does not name, "
            f"got {len(undeclared)}. Leave it out or declare it.",
            [f"column `{name}` is a sensitive attribute." for name in undeclared],
        )
