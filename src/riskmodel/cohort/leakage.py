"""Checking that no training label was still unknown when the test was predicted."""

from __future__ import annotations

import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.core.windows import is_before
from riskmodel.errors import LeakageError

_SMALL = 10


def check_known_before(labels: pd.DataFrame) -> None:
    """Raise if a training label became known on or after the first test prediction date.

    A model that is tested at a date may only have learnt from outcomes that were known
    before it. Each prediction point is checked by itself, as each has its own model.

    Parameters
    ----------
    labels : pandas.DataFrame
        Columns point, cohort, split, label, prediction_date and outcome_known_date, as
        `build_cohort` makes them. Rows without a label are not looked at.

    Raises
    ------
    LeakageError
        With the points and cohorts concerned and how many rows, small numbers hidden.
    """
    columns = ["point", "cohort", "split", "label", "prediction_date", "outcome_known_date"]
    check_columns(list(labels.columns), columns, where="labels")
    findings: list[str] = []
    total = 0
    for point, rows in labels.groupby("point", sort=True):
        tested = rows.loc[rows["split"] == "test", "prediction_date"]
        if tested.empty:
            continue
        trained = rows[(rows["split"] == "train") & rows["label"].notna()]
        known = trained["outcome_known_date"]
        late = trained[known.isna() | ~_is_known_before(known, tested.min())]
        total += len(late)
        findings += [
            f"point {point}, cohort {cohort}: {_round(len(group))} training rows"
            for cohort, group in late.groupby("cohort", sort=True)
        ]
    if findings:
        raise LeakageError(
            "`split.train` must hold only cohorts whose outcomes were known before the first "
            f"test prediction date, got {_round(total)} rows known later. "
            "Train on earlier cohorts, or test on a later one.",
            findings,
        )


def _is_known_before(known: pd.Series, limit: object) -> pd.Series:
    """Tell which days lie before a limit; a missing day does not."""
    before = pd.Series(False, index=known.index)
    present = known.dropna()
    before[present.index] = is_before(present, limit)
    return before


def _round(count: int) -> str:
    """Return a count as it may be released."""
    return f"fewer than {_SMALL}" if count < _SMALL else str(count)
