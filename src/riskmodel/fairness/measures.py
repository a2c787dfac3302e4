"""The measures of an audit: what is counted, over whom, and what a figure gives away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.fairness.groups import Counts

Quantity = Literal["size", "positives", "flagged", "inner"]
"""What must be fit to show: the group's size, its pupils with the outcome, its flagged
pupils, or who of them is both."""

NO_POSITIVES = "no_positives"
NO_NEGATIVES = "no_negatives"
NOBODY_FLAGGED = "nobody_flagged"


@dataclass(frozen=True)
class Rate:
    """A measure that is a share of pupils.

    Parameters
    ----------
    over : tuple of int
        The cells whose pupils are counted in the numerator.
    among : tuple of int
        The cells of the denominator.
    needs : {'size', 'positives', 'flagged', 'inner'}
        What the figure gives away.
    undefined : str
        Why there is no value where nobody is in the denominator.
    """

    over: tuple[int, ...]
    among: tuple[int, ...]
    needs: Quantity
    undefined: str = ""

    def count(self, cells: Counts) -> tuple[Counts, Counts]:
        """Return numerators and denominators.

        Parameters
        ----------
        cells : numpy.ndarray of float, shape (..., 4)
            Counts by cell.

        Returns
        -------
        successes, trials : numpy.ndarray of float, shape (...)
            Whole numbers.
        """
        return cells[..., self.over].sum(axis=-1), cells[..., self.among].sum(axis=-1)


_ALL = (0, 1, 2, 3)

RATES: dict[str, Rate] = {
    "base_rate": Rate((0, 1), _ALL, "positives"),
    "selection_rate": Rate((0, 2), _ALL, "flagged"),
    "recall": Rate((0,), (0, 1), "inner", NO_POSITIVES),
    "miss_rate": Rate((1,), (0, 1), "inner", NO_POSITIVES),
    "false_positive_rate": Rate((2,), (2, 3), "inner", NO_NEGATIVES),
    "false_discovery_rate": Rate((2,), (0, 2), "inner", NOBODY_FLAGGED),
    "precision": Rate((0,), (0, 2), "inner", NOBODY_FLAGGED),
}
"""The rates. The false positive rate is among those without the outcome (who is alarmed about
in vain), the false discovery rate among the flagged (how many of the alarms are in vain)."""

COMPARED = ("miss_rate", "false_positive_rate")
"""The rates in which each group is compared with all others."""


def make_metric_frame(
    y_true: npt.ArrayLike,
    is_flagged: npt.ArrayLike,
    *,
    sensitive_features: pd.DataFrame,
    control_features: pd.DataFrame | None = None,
    n_boot: int | None = None,
    random_state: int | None = None,
) -> Any:
    """Return fairlearn's frame of the same rates, to go on working with.

    Parameters
    ----------
    y_true : array-like of {0, 1}, shape (n,)
        The outcome.
    is_flagged : array-like of bool, shape (n,)
        Who is flagged.
    sensitive_features : pandas.DataFrame, shape (n, n_features)
        Crossed with one another, as fairlearn does. No value may be missing.
    control_features : pandas.DataFrame, optional
        Features to condition on.
    n_boot : int, optional
        Resamples of fairlearn's own percentile bootstrap, which takes pupils as independent;
        none by default.
    random_state : int, optional
        Its seed.

    Returns
    -------
    fairlearn.metrics.MetricFrame
        With a metric for each of `RATES` and ``count``; NaN where a rate is not defined. It
        holds single pupils and small counts: not for release.
    """
    metrics: dict[str, Callable[..., float]] = {"count": _count}
    metrics |= {name: _make_metric(rate) for name, rate in RATES.items()}
    # Loaded here: every command reads the names of the rates, and none needs fairlearn for it.
    from fairlearn.metrics import MetricFrame

    return MetricFrame(
        metrics=metrics,
        y_true=np.asarray(y_true, dtype=np.int64),
        y_pred=np.asarray(is_flagged, dtype=np.int64),
        sensitive_features=sensitive_features,
        control_features=control_features,
        n_boot=n_boot,
        ci_quantiles=None if n_boot is None else [0.025, 0.975],
        random_state=random_state,
    )


def _count(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Return the number of pupils."""
    return float(len(np.asarray(y_true)))


def _make_metric(rate: Rate) -> Callable[[npt.ArrayLike, npt.ArrayLike], float]:
    """Return a rate in the form that fairlearn calls, NaN where it is not defined."""

    def metric(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
        """Return the rate of one group."""
        truth, flags = np.asarray(y_true) == 1, np.asarray(y_pred) == 1
        masks = (truth & flags, truth & ~flags, ~truth & flags, ~truth & ~flags)
        cells = np.array([float(mask.sum()) for mask in masks])
        successes, trials = rate.count(cells)
        return float(successes / trials) if trials else float("nan")

    return metric
