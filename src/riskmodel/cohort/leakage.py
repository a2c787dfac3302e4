"""Keeping labels that were still unknown when the test was predicted out of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.core.windows import is_before
from riskmodel.errors import LeakageError

_SMALL = 10
_COLUMNS = ("point", "cohort", "split", "label", "prediction_date", "outcome_known_date")


@dataclass(frozen=True)
class LateCohort:
    """A training cohort whose outcomes were not all known when the test was predicted.

    Parameters
    ----------
    point, cohort : str
        Which cohort, at which prediction point.
    first_test_date : datetime.date
        The first test prediction date of the point.
    count : int
        Number of labels that became known on that day or later. May be small: not for release
        as it is.
    """

    point: str
    cohort: str
    first_test_date: date
    count: int


def find_late_cohorts(labels: pd.DataFrame) -> tuple[LateCohort, ...]:
    """Find training cohorts with labels that became known on or after the first test date.

    A model that is tested at a date may only have learnt from outcomes that were known
    before it. Each prediction point is looked at by itself, as each has its own model.

    Parameters
    ----------
    labels : pandas.DataFrame
        Columns point, cohort, split, label, prediction_date and outcome_known_date, as
        `build_cohort` makes them. Rows without a label are not looked at.

    Returns
    -------
    tuple of LateCohort
        By point and cohort, in alphabetical order.

    Raises
    ------
    UsageError
        If a column is missing.
    """
    check_columns(list(labels.columns), _COLUMNS, where="labels")
    found: list[LateCohort] = []
    for point, rows in labels.groupby("point", sort=True):
        tested = rows.loc[rows["split"] == "test", "prediction_date"]
        if tested.empty:
            continue
        trained = rows[(rows["split"] == "train") & rows["label"].notna()]
        known = trained["outcome_known_date"]
        late = trained[known.isna() | ~is_known_before(known, tested.min())]
        found += [
            LateCohort(str(point), str(cohort), tested.min(), len(group))
            for cohort, group in late.groupby("cohort", sort=True)
        ]
    return tuple(found)


def check_known_before(labels: pd.DataFrame) -> None:
    """Raise if a training label became known on or after the first test prediction date.

    Parameters
    ----------
    labels : pandas.DataFrame
        As in `find_late_cohorts`.

    Raises
    ------
    LeakageError
        With the points and cohorts concerned and how many rows, small numbers hidden.
    """
    refuse_late(find_late_cohorts(labels))


def refuse_late(late: Sequence[LateCohort]) -> None:
    """Raise if there are late cohorts.

    Parameters
    ----------
    late : sequence of LateCohort
        What was found.

    Raises
    ------
    LeakageError
        With the points and cohorts concerned and how many rows, small numbers hidden.
    """
    if late:
        raise LeakageError(
            "`split.train` must hold only cohorts whose outcomes were known before the first "
            f"test prediction date, got {_round(sum(item.count for item in late))} rows known "
            "later. Train on earlier cohorts, or test on a later one.",
            [_describe(item) for item in late],
        )


def leave_out_late(
    labels: pd.DataFrame, *, strict: Sequence[str] = ()
) -> tuple[pd.DataFrame, tuple[LateCohort, ...]]:
    """Take training cohorts whose outcomes were not known in time out of training.

    The whole cohort leaves the training rows of that point, and not only its late rows: where
    an outcome takes years, those known early are not like the others.

    Parameters
    ----------
    labels : pandas.DataFrame
        As in `find_late_cohorts`.
    strict : sequence of str, optional
        Points from which nothing may be left out.

    Returns
    -------
    tuple of pandas.DataFrame and tuple of LateCohort
        The labels with `split` ``"none"`` for the cohorts left out, and these cohorts.

    Raises
    ------
    LeakageError
        If a cohort is late at a strict point, or a point has nothing left to train on.
    """
    late = find_late_cohorts(labels)
    refuse_late([item for item in late if item.point in strict])
    if not late:
        return labels, ()
    pairs = [(item.point, item.cohort) for item in late]
    is_late = pd.MultiIndex.from_frame(labels[["point", "cohort"]]).isin(pairs)
    left = labels.assign(split=labels["split"].mask(_is_train(labels) & is_late, "none"))
    trained = set(left.loc[_is_train(left) & left["label"].notna(), "point"])
    empty = [item for item in late if item.point not in trained]
    if empty:
        points = sorted({item.point for item in empty})
        raise LeakageError(
            f"`split.train` must leave cohorts to train on at every point, got {len(points)} "
            f"without: {', '.join(points)}. No outcome was known before the first test "
            "prediction date. Train on earlier cohorts, test on later ones, or leave out the "
            "point.",
            [_describe(item) for item in empty],
        )
    return left, late


def _is_train(labels: pd.DataFrame) -> pd.Series[bool]:
    """Tell which rows are for training."""
    return labels["split"].eq("train")


def is_known_before(known: pd.Series, limit: object) -> pd.Series:
    """Tell which days lie before a limit, some of them missing.

    Parameters
    ----------
    known : pandas.Series
        Days on which something became known; missing where it never did.
    limit : datetime.date
        The limit.

    Returns
    -------
    pandas.Series of bool
        False where the day is missing.
    """
    before = pd.Series(False, index=known.index)
    present = known.dropna()
    before[present.index] = is_before(present, limit)
    return before


def _describe(item: LateCohort) -> str:
    """Return one cohort's finding."""
    return (
        f"point {item.point}, cohort {item.cohort}: {_round(item.count)} training rows known on "
        f"or after {item.first_test_date}"
    )


def _round(count: int) -> str:
    """Return a count as it may be released."""
    return f"fewer than {_SMALL}" if count < _SMALL else str(count)
