"""How a model does without a part of what it is trained on: schools, cohorts, kinds of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from riskmodel.models.families import single_threaded
from riskmodel.models.logistic import LogisticClassifier

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_PARTS = 5


def predict_unseen(
    X: FloatArray,
    y: FloatArray,
    groups: IntArray,
    X_new: FloatArray,
    groups_new: IntArray,
    *,
    monotone: Sequence[int] | None = None,
    random_state: int,
) -> tuple[FloatArray, FloatArray]:
    """Predict pupils by a model of all groups, and by models without their own group.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n, p)
        Features of training pupils; NaN where missing.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    groups : numpy.ndarray of int, shape (n,)
        Their school or municipality, numbered over both sets of pupils.
    X_new : numpy.ndarray of float, shape (m, p)
        Features of the pupils to predict.
    groups_new : numpy.ndarray of int, shape (m,)
        Their school or municipality.
    monotone : sequence of {-1, 0, 1}, optional
        Directions of the features.
    random_state : int
        The seed.

    Returns
    -------
    base, unseen : numpy.ndarray of float, shape (m,)
        Risks by a logistic regression of all training pupils, and by one that was trained
        without the fifth of the groups that the pupil's own is in.

    Notes
    -----
    Only the training groups differ: the strength of the penalty is chosen once.
    """
    with single_threaded():
        every = LogisticClassifier(monotone=monotone, random_state=random_state)
        every.fit(X, y.astype(np.int64), groups)
        base = every.predict_proba(X_new)[:, 1]
        numbers = np.unique(np.concatenate([groups, groups_new]))
        order = np.random.default_rng(random_state).permutation(len(numbers))
        part = order % min(_PARTS, len(numbers))
        own, new = (
            part[np.searchsorted(numbers, groups)],
            part[np.searchsorted(numbers, groups_new)],
        )
        unseen = base.copy()
        for number in np.unique(new):
            kept = own != number
            if len(np.unique(y[kept])) < 2:
                continue
            fitted = LogisticClassifier(
                strengths=(every.strength_,), l1_ratios=(every.l1_ratio_,), monotone=monotone
            ).fit(X[kept], y[kept].astype(np.int64))
            unseen[new == number] = fitted.predict_proba(X_new[new == number])[:, 1]
    return base, unseen


def predict_without(
    X: FloatArray,
    y: FloatArray,
    groups: IntArray,
    left_out: npt.NDArray[np.bool_],
    X_new: FloatArray,
    *,
    monotone: Sequence[int] | None = None,
    random_state: int,
) -> tuple[FloatArray, FloatArray]:
    """Predict pupils by a model of all training pupils, and by one of some of them.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n, p)
        Features of training pupils; NaN where missing.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without; both among those who are kept.
    groups : numpy.ndarray of int, shape (n,)
        What stays together when the strength of the penalty is chosen.
    left_out : numpy.ndarray of bool, shape (n,)
        Whom the second model is trained without.
    X_new : numpy.ndarray of float, shape (m, p)
        Features of the pupils to predict.
    monotone : sequence of {-1, 0, 1}, optional
        Directions of the features.
    random_state : int
        The seed.

    Returns
    -------
    base, without : numpy.ndarray of float, shape (m,)
        Risks by either logistic regression.
    """
    found = []
    with single_threaded():
        for rows in (np.ones(len(y), dtype=bool), ~left_out):
            fitted = LogisticClassifier(monotone=monotone, random_state=random_state)
            fitted.fit(X[rows], y[rows].astype(np.int64), groups[rows])
            found.append(fitted.predict_proba(X_new)[:, 1])
    return found[0], found[1]


def predict_without_columns(
    X: FloatArray,
    y: FloatArray,
    groups: IntArray,
    X_new: FloatArray,
    left_out: Mapping[str, Sequence[int]],
    *,
    monotone: Sequence[int],
    random_state: int,
) -> dict[str, FloatArray]:
    """Predict pupils by models without some of the columns each.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n, p)
        Features of training pupils; NaN where missing.
    y : numpy.ndarray of float, shape (n,)
        1 for the outcome, 0 without.
    groups : numpy.ndarray of int, shape (n,)
        What stays together when the strength of the penalty is chosen.
    X_new : numpy.ndarray of float, shape (m, p)
        Features of the pupils to predict.
    left_out : mapping of str to sequence of int
        By name the columns that a model goes without; for one of them perhaps none.
    monotone : sequence of {-1, 0, 1}
        Directions of the features.
    random_state : int
        The seed.

    Returns
    -------
    dict of str to numpy.ndarray of float, shape (m,)
        Risks by name. The strength of the penalty is chosen once, with all columns.
    """
    directions = np.asarray(monotone)
    with single_threaded():
        every = LogisticClassifier(monotone=monotone, random_state=random_state)
        every.fit(X, y.astype(np.int64), groups)
        risks = {}
        for name, columns in left_out.items():
            kept = np.setdiff1d(np.arange(X.shape[1]), columns)
            fitted = LogisticClassifier(
                strengths=(every.strength_,), l1_ratios=(every.l1_ratio_,),
                monotone=directions[kept].tolist(),
            ).fit(X[:, kept], y.astype(np.int64))  # fmt: skip
            risks[name] = np.asarray(fitted.predict_proba(X_new[:, kept])[:, 1])
    return risks
