"""The main reasons for a risk, in words for those who work with the pupil."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.errors import UsageError
from riskmodel.explanation.contributions import Explanation
from riskmodel.explanation.phrases import Infos, Phrases, Reason
from riskmodel.explanation.wording import TEXTS, Language

FloatArray = npt.NDArray[np.float64]
Background = Mapping[str, float] | Sequence[float]

LEAST_CONTRIBUTION = 0.01
"""Contributions smaller than this, in log-odds, move a risk by less than a quarter of a
percentage point and are no reasons."""


def reason_texts(
    explanation: Explanation,
    X: pd.DataFrame,
    infos: Infos,
    *,
    language: Language = "sv",
    n_reasons: int = 3,
    n_protective: int = 0,
    background: Background | None = None,
    hidden: Collection[str] = (),
    missing_protects: bool = True,
) -> list[list[Reason]]:
    """Return each pupil's main reasons, those that raise the risk first.

    Parameters
    ----------
    explanation : Explanation
        Of the rows of `X`.
    X : pandas.DataFrame of shape (n, p)
        The features that were explained; NaN where missing.
    infos : sequence of FeatureInfo or of their dictionaries
        Names, windows and units. A feature without one goes by its column's name.
    language : {"sv", "en"}, default "sv"
        The reader's.
    n_reasons : int, default 3
        At most so many that raise the risk, by falling contribution.
    n_protective : int, default 0
        At most so many that lower it, the most protective first, after the others.
    background : mapping of str to float, or sequence of float of length p, optional
        Each feature's mean in the comparison group, by name or in the order of the
        explained features; NaN or absent where there is none.
    hidden : collection of str, optional
        Features that are not told of, whatever they contribute.
    missing_protects : bool, default True
        Whether a missing value that lowers the risk is told of.

    Returns
    -------
    list of list of Reason
        One list for each row; shorter where fewer contributions count. A missing flag speaks
        through its feature: their contributions are one reason.

    Raises
    ------
    UsageError
        If the rows or columns do not fit the explanation.

    Notes
    -----
    Among equal contributions the order is that of the features. A value that was missing is
    never shown, whatever the model put in its place.
    """
    _check_fit(explanation, X, language)
    merged = explanation.merge_flags()
    phrases = Phrases(X, merged.feature_names, infos, language)
    phrases.compare(_index_background(background, explanation.feature_names))
    is_hidden = np.array([name in hidden for name in merged.feature_names], dtype=np.bool_)
    told = np.where(is_hidden, 0.0, merged.contributions)
    raising = _pick(told, n_reasons)
    protecting = _pick(
        -told if missing_protects else np.where(phrases.is_missing, 0.0, -told), n_protective
    )
    return [
        [
            phrases.make_reason(row, column, merged.contributions[row, column])
            for column in (*upward, *downward)
        ]
        for row, (upward, downward) in enumerate(zip(raising, protecting, strict=True))
    ]


def find_largest(weights: FloatArray, count: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Find the largest entries of each row, the first of equal ones first.

    Parameters
    ----------
    weights : numpy.ndarray of float, shape (n, p)
        None missing.
    count : int
        How many of each row; at most `p` are found.

    Returns
    -------
    columns : numpy.ndarray of int, shape (n, min(count, p))
        Where they stand, by falling size.
    largest : numpy.ndarray of float, shape (n, min(count, p))
        The entries.

    Notes
    -----
    For the few that are shown, looking through a row once for each is several times faster than
    putting it in order.

    Examples
    --------
    >>> columns, largest = find_largest(np.array([[0.1, 0.5, 0.5]]), 2)
    >>> columns.tolist(), largest.tolist()
    ([[1, 2]], [[0.5, 0.5]])
    """
    left, rows = weights.copy(), np.arange(len(weights))
    count = min(count, weights.shape[1])
    columns = np.empty((len(weights), count), dtype=np.int64)
    for place in range(count):
        columns[:, place] = left.argmax(axis=1)
        left[rows, columns[:, place]] = -np.inf
    return columns, np.take_along_axis(weights, columns, axis=1)


def _check_fit(explanation: Explanation, X: pd.DataFrame, language: str) -> None:
    """Raise unless rows, columns and language fit."""
    check_columns([str(name) for name in X.columns], explanation.feature_names, where="X")
    if len(X) != len(explanation.contributions):
        raise UsageError(
            f"`X` must have the {len(explanation.contributions)} rows that were explained, got "
            f"{len(X)}. Explain these rows."
        )
    if language not in TEXTS:
        raise UsageError(
            f"`language` must be one of {', '.join(TEXTS)}, got another. Choose one of them."
        )


def _index_background(
    background: Background | None, feature_names: tuple[str, ...]
) -> Mapping[str, float]:
    """Return the comparison group's means by feature."""
    if background is None:
        return {}
    if isinstance(background, Mapping):
        return background
    if len(background) != len(feature_names):
        raise UsageError(
            f"`background` must have {len(feature_names)} means, got {len(background)}. "
            "Give one for each explained feature."
        )
    return dict(zip(feature_names, background, strict=True))


def _pick(weights: FloatArray, count: int) -> list[list[int]]:
    """Return for each row the columns with the largest weights that count, largest first."""
    order, largest = find_largest(weights, count)
    n_picked = (largest >= LEAST_CONTRIBUTION).sum(axis=1)
    return [row[:n] for row, n in zip(order.tolist(), n_picked.tolist(), strict=True)]
