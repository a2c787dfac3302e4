"""Whether a model fits the pupils to be listed: what is missing, what has drifted, its age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.errors import UsageError
from riskmodel.screening.specs import LimitSpec

FloatArray = npt.NDArray[np.float64]

_GROUPS = 10
_MONTHS = 12


class Columns(Protocol):
    """Features of some pupils: a frame, or what reads one column at a time."""

    def __len__(self) -> int:
        """Return the number of pupils."""

    def __getitem__(self, name: str, /) -> pd.Series[Any]:
        """Return one feature's values, NaN where missing.

        Parameters
        ----------
        name : str
            The feature.

        Returns
        -------
        pandas.Series
            One value per pupil.
        """


@dataclass(frozen=True)
class FeatureFit:
    """How one feature of the pupils to be listed differs from that of the training pupils.

    Parameters
    ----------
    name : str
        The feature.
    missing_before, missing_now : float
        The share of missing values among the training pupils, and among these.
    drift : float
        The population stability index over tenths of the training values, with the missing
        values as a group of their own. 0 is no difference, above .25 is commonly called large.
    """

    name: str
    missing_before: float
    missing_now: float
    drift: float


@dataclass(frozen=True)
class FitnessReport:
    """What speaks against using a model on some pupils.

    Parameters
    ----------
    features : tuple of FeatureFit
        All features that the model uses.
    model_months : int or None
        Whole months from the model's last training date to the list; None where not known.
    limits : LimitSpec
        What was asked for.
    """

    features: tuple[FeatureFit, ...]
    model_months: int | None
    limits: LimitSpec

    @property
    def lacking(self) -> tuple[str, ...]:
        """The features whose values are missing far more often than before."""
        largest = self.limits.largest_missing_rise
        return tuple(
            one.name for one in self.features if one.missing_now - one.missing_before > largest
        )

    @property
    def drifted(self) -> tuple[str, ...]:
        """The features whose values have drifted too far."""
        largest = self.limits.largest_drift
        return tuple(one.name for one in self.features if one.drift > largest)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why no list may be made: some of ``missing``, ``drift`` and ``age``; mostly none."""
        most = self.limits.most_features
        oldest = self.limits.oldest_model_months
        found = {
            "missing": len(self.lacking) > most,
            "drift": len(self.drifted) > most,
            "age": oldest is not None and self.model_months is not None
            and self.model_months > oldest,
        }  # fmt: skip
        return tuple(name for name, is_so in found.items() if is_so)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values.

        Returns
        -------
        dict
            JSON values: `reasons`, `model_months`, `limits` and `features`, shares and
            indices to three decimals.
        """
        lacking, drifted = self.lacking, self.drifted
        return {
            "reasons": list(self.reasons),
            "model_months": self.model_months,
            "limits": self.limits.model_dump(mode="json"),
            "features": [
                {
                    "name": one.name,
                    "missing_before": round(one.missing_before, 3),
                    "missing_now": round(one.missing_now, 3),
                    "drift": round(one.drift, 3),
                    "is_lacking": one.name in lacking,
                    "has_drifted": one.name in drifted,
                }
                for one in self.features
            ],
        }


def check_fitness(
    training: Columns,
    inputs: Columns,
    names: Sequence[str],
    limits: LimitSpec,
    *,
    trained_until: date | None,
    prediction_date: date | None,
) -> FitnessReport:
    """Compare the pupils to be listed with those that the model was trained on.

    Parameters
    ----------
    training : Columns of shape (n, p)
        Features of the training pupils; NaN where missing.
    inputs : Columns of shape (m, p)
        The same of the pupils to be listed.
    names : sequence of str
        The features that the model uses.
    limits : LimitSpec
        When to refuse.
    trained_until, prediction_date : datetime.date or None
        The last prediction date of the training pupils, and that of the list.

    Returns
    -------
    FitnessReport
        With or without reasons not to use the model.

    Raises
    ------
    UsageError
        If there are no training pupils, or none to list.

    References
    ----------
    Siddiqi, N. (2006). Credit Risk Scorecards. Wiley.
    """
    if not len(training) or not len(inputs):
        raise UsageError(
            "`training` and `inputs` must hold pupils, got none of one. Check cohort and point."
        )
    features = []
    for name in names:
        before, now = (frame[name].to_numpy(dtype=np.float64) for frame in (training, inputs))
        missing_before, missing_now = (float(np.isnan(one).mean()) for one in (before, now))
        features.append(FeatureFit(name, missing_before, missing_now, _find_drift(before, now)))
    months = None
    if trained_until is not None and prediction_date is not None:
        months = (prediction_date.year - trained_until.year) * _MONTHS
        months += prediction_date.month - trained_until.month
        months -= prediction_date.day < trained_until.day
    return FitnessReport(
        features=tuple(features),
        model_months=months,
        limits=limits,
    )


def _find_drift(before: FloatArray, now: FloatArray) -> float:
    """Return the population stability index of one feature."""
    known = before[~np.isnan(before)]
    tenths = np.linspace(0, 1, _GROUPS + 1)[1:-1]
    edges = np.unique(np.quantile(known, tenths)) if len(known) else np.empty(0)
    shares = []
    for values in (before, now):
        is_known = ~np.isnan(values)
        groups = np.searchsorted(edges, values[is_known], side="left")
        counts = np.bincount(groups, minlength=len(edges) + 1).astype(np.float64)
        counts = np.append(counts, (~is_known).sum())
        # Half a pupil in each group, so that an empty one does not make the index infinite.
        shares.append((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
