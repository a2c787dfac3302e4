"""When it happens: the chance of leaving in each term, by models that can be explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.models.risk_model import RiskModel
from riskmodel.models.specs import LEARNT_INTERPRETABLE, ModelSpec
from riskmodel.models.training import TrainedModels, TrainingFacts, train_candidates

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_FOLDS = 3


def expand_terms(X: pd.DataFrame, pupils: IntArray, terms: IntArray, n_terms: int) -> pd.DataFrame:
    """Return one row of inputs for each term of each pupil.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n, p)
        Features of the pupils.
    pupils : numpy.ndarray of int, shape (m,)
        The row of `X` of each term.
    terms : numpy.ndarray of int, shape (m,)
        The term's number, from 1.
    n_terms : int
        How many terms there are.

    Returns
    -------
    pandas.DataFrame of shape (m, p + n_terms - 1)
        The features, and a flag for each term but the first.

    Examples
    --------
    >>> X = pd.DataFrame({"absence": [0.1, 0.3]})
    >>> expand_terms(X, np.array([0, 0, 1]), np.array([1, 2, 1]), 2)
       absence  term_2
    0      0.1     0.0
    1      0.1     1.0
    2      0.3     0.0
    """
    flags = {f"term_{number}": (terms == number).astype(float) for number in range(2, n_terms + 1)}
    return pd.concat([X.iloc[pupils].reset_index(drop=True), pd.DataFrame(flags)], axis=1)


def train_hazards(
    X: pd.DataFrame,
    pupils: IntArray,
    terms: IntArray,
    left: FloatArray,
    groups: pd.Series[str],
    spec: ModelSpec,
    infos: Sequence[dict[str, Any]],
    *,
    n_terms: int,
    random_state: int,
    facts: TrainingFacts | None = None,
    progress: Callable[[float], None] | None = None,
) -> TrainedModels:
    """Fit the chance of leaving in a term, given that the pupil is still there.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n, p)
        Features of the pupils at the prediction date; NaN where missing.
    pupils : numpy.ndarray of int, shape (m,)
        The row of `X` of each term that a pupil began.
    terms : numpy.ndarray of int, shape (m,)
        The term's number, from 1.
    left : numpy.ndarray of float, shape (m,)
        1 if the pupil left in that term.
    groups : pandas.Series of shape (n,)
        What stays together in the folds, at least all terms of a pupil.
    spec : ModelSpec
        The learnt interpretable families among its candidates are fitted.
    infos : sequence of dict
        What is known of each feature.
    n_terms : int
        How many terms there are.
    random_state : int
        The run's seed.
    facts : TrainingFacts, optional
        Kept with the models.
    progress : callable, optional
        Called with the share of the work that is done.

    Returns
    -------
    TrainedModels
        As of `train_candidates`, over terms. The choice rests on the out-of-fold log loss of
        the terms, which is that of the time of leaving.

    References
    ----------
    Singer, J. D. and Willett, J. B. (1993). It's about time: using discrete-time survival
    analysis to study duration and the timing of events. Journal of Educational Statistics 18,
    155-195.
    """
    families = tuple(name for name in LEARNT_INTERPRETABLE if name in spec.candidates)
    chosen = spec.selected if spec.selected in families else "auto"
    own = spec.model_copy(
        update={"candidates": families, "rules": (), "selected": chosen,
                "folds": min(spec.folds, _FOLDS)}
    )  # fmt: skip
    return train_candidates(
        expand_terms(X, pupils, terms, n_terms),
        pd.Series(left),
        groups.iloc[pupils].reset_index(drop=True),
        own,
        infos,
        random_state=random_state,
        facts=facts,
        progress=progress,
    )


def predict_leaving(model: RiskModel, X: pd.DataFrame, n_terms: int) -> FloatArray:
    """Return the risk of having left by the end of each term.

    Parameters
    ----------
    model : RiskModel
        One of `train_hazards`.
    X : pandas.DataFrame of shape (n, p)
        Features of the pupils.
    n_terms : int
        How many terms there are.

    Returns
    -------
    numpy.ndarray of float, shape (n, n_terms)
        Rising from term to term, in [0, 1].
    """
    everyone = np.arange(len(X))
    hazards = [
        model.predict_risk(expand_terms(X, everyone, np.full(len(X), number), n_terms))
        for number in range(1, n_terms + 1)
    ]
    return _accumulate(np.column_stack(hazards))


def find_common_risk(terms: IntArray, left: FloatArray, n_terms: int) -> FloatArray:
    """Return the risk of having left by the end of each term, the same for everyone.

    Parameters
    ----------
    terms : numpy.ndarray of int, shape (m,)
        The number of each term that a pupil began.
    left : numpy.ndarray of float, shape (m,)
        1 if the pupil left in it.
    n_terms : int
        How many terms there are.

    Returns
    -------
    numpy.ndarray of float, shape (n_terms,)
        From the share that left among those who began each term; a term that nobody began adds
        nothing.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958). Nonparametric estimation from incomplete observations.
    Journal of the American Statistical Association 53, 457-481.

    Examples
    --------
    >>> find_common_risk(np.array([1, 1, 2]), np.array([1.0, 0.0, 0.0]), 2)
    array([0.5, 0.5])
    """
    begun = np.bincount(terms - 1, minlength=n_terms)
    ended = np.bincount(terms - 1, weights=left, minlength=n_terms)
    risk: FloatArray = _accumulate((ended / np.maximum(begun, 1))[np.newaxis])[0]
    return risk


def _accumulate(hazards: FloatArray) -> FloatArray:
    """Return the risk of having left by each term from the chances in the terms."""
    return np.asarray(1 - np.cumprod(1 - hazards, axis=1), dtype=np.float64)
