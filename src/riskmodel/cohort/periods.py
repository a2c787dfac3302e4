"""Rolling origin: earlier cohorts predicted by what was known in their own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from riskmodel.cohort.leakage import is_known_before
from riskmodel.core.validation import check_columns

_COLUMNS = ("point", "cohort", "split", "label", "prediction_date", "outcome_known_date")


@dataclass(frozen=True)
class Period:
    """One origin: the cohort that is predicted, and those whose outcomes were known before.

    Parameters
    ----------
    point : str
        The prediction point, the same for all its cohorts.
    test : str
        The cohort that is predicted.
    train : tuple of str
        The cohorts that models are trained on, in order of time.
    first_date : datetime.date
        The first prediction date of the cohort that is predicted.
    """

    point: str
    test: str
    train: tuple[str, ...]
    first_date: date


def plan_periods(
    labels: pd.DataFrame, *, origins: int, history: int | None = None
) -> tuple[Period, ...]:
    """Return the earlier origins of each prediction point.

    Parameters
    ----------
    labels : pandas.DataFrame
        Columns point, cohort, split, label, prediction_date and outcome_known_date, as
        `build_cohort` makes them.
    origins : int
        The most cohorts of the training side that are predicted too, the latest ones.
    history : int, optional
        The most cohorts that models of one origin are trained on, the latest ones.

    Returns
    -------
    tuple of Period
        By point, in order of time. A cohort is trained on only if each of its known outcomes
        was known before the first prediction date of the cohort that is predicted. As all
        cohorts of a point lie at the same place of the school year, so do training and test.

    Raises
    ------
    UsageError
        If a column is missing.

    References
    ----------
    Tashman, L. J. (2000). Out-of-sample tests of forecasting accuracy: an analysis and
    review. International Journal of Forecasting 16, 437-450.
    """
    check_columns(list(labels.columns), _COLUMNS, where="labels")
    periods: list[Period] = []
    for point, rows in labels[labels["split"].eq("train")].groupby("point", sort=True):
        known = rows[rows["label"].notna()].groupby("cohort")
        facts = pd.DataFrame(
            {
                "first": rows.groupby("cohort")["prediction_date"].min(),
                "known": known["outcome_known_date"].max(),
                "is_complete": known["outcome_known_date"].apply(lambda days: days.notna().all()),
            }
        ).sort_values("first")
        usable = facts[facts["is_complete"].eq(True)]
        found = []
        for cohort, first in facts["first"].items():
            earlier = usable.index[is_known_before(usable["known"], first).to_numpy(dtype=bool)]
            if len(earlier):
                kept = earlier if history is None else earlier[-history:]
                train = tuple(str(name) for name in kept)
                found.append(Period(str(point), str(cohort), train, first))
        periods += found[len(found) - min(origins, len(found)) :]
    return tuple(periods)
