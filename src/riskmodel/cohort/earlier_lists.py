"""Earlier lists: in which cohorts pupils were listed before their outcome, and given support."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from riskmodel.core.validation import check_columns, find_missing_columns
from riskmodel.core.windows import is_before
from riskmodel.errors import DataContractError

_LIST_COLUMNS = ("subject_id", "prediction_date")


@dataclass(frozen=True)
class ListedCohort:
    """How many pupils of a cohort were on an earlier list before their outcome was known.

    Parameters
    ----------
    point, cohort : str
        Which pupils, by the prediction that is made now.
    n_pupils : int
        All of them.
    n_listed : int
        Those on an earlier list. May be small: not for release as it is.
    n_supported : int
        Those of them who were given support from the day of that list on, before the outcome.
    """

    point: str
    cohort: str
    n_pupils: int
    n_listed: int
    n_supported: int


def read_earlier_lists(paths: Sequence[Path]) -> pd.DataFrame:
    """Read who was on which list.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The `screening.parquet` of earlier runs, with pseudonyms by the same key.

    Returns
    -------
    pandas.DataFrame
        `subject_id` and `listed_date`, one row per pupil and list.

    Raises
    ------
    DataContractError
        If a file is not there, is no Parquet file or has not these columns, with all findings.
    """
    findings, frames = [], []
    for number, path in enumerate(paths):
        place = f"cohort.earlier_lists[{number}]"
        try:
            names = pq.read_schema(path).names
        except (OSError, ValueError):
            findings.append(f"{place}: must be the screening.parquet of an earlier run")
            continue
        missing = find_missing_columns(names, _LIST_COLUMNS, where=place)
        findings += missing
        if not missing:
            frames.append(pd.read_parquet(path, columns=list(_LIST_COLUMNS)))
    if findings:
        raise DataContractError(
            f"`earlier_lists` must be lists of this library, got {len(findings)} that are not. "
            "Mend the paths.",
            findings,
        )
    columns = {"prediction_date": "listed_date"}
    every = pd.concat(frames) if frames else pd.DataFrame(columns=list(_LIST_COLUMNS))
    return every.rename(columns=columns).drop_duplicates(ignore_index=True)


def find_listed(
    labels: pd.DataFrame, lists: pd.DataFrame, support: pd.DataFrame | None
) -> tuple[ListedCohort, ...]:
    """Count the pupils of each cohort who were listed, and supported, before their outcome.

    Parameters
    ----------
    labels : pandas.DataFrame
        `subject_id`, `point`, `cohort` and `outcome_known_date`, as `build_cohort` makes them.
    lists : pandas.DataFrame
        What `read_earlier_lists` returned.
    support : pandas.DataFrame or None
        `subject_id` and `start_date` of the support that was given, where it is known.

    Returns
    -------
    tuple of ListedCohort
        Cohorts with somebody listed, by point and cohort.

    Raises
    ------
    UsageError
        If a column is missing.
    """
    names = ("subject_id", "point", "cohort", "outcome_known_date")
    check_columns(list(labels.columns), names, where="labels")
    listed = _find_before_outcome(labels, lists, "listed_date")
    first = listed.groupby(["subject_id", "point", "cohort"], as_index=False)["listed_date"].min()
    supported = first.head(0)
    if support is not None and not first.empty:
        given = _find_before_outcome(labels, support, "start_date")
        both = first.merge(given, on=["subject_id", "point", "cohort"])
        supported = both[~is_before(both["start_date"], both["listed_date"])]
        supported = supported.drop_duplicates(["subject_id", "point", "cohort"])
    keys = ["point", "cohort"]
    counts = pd.DataFrame(
        {
            "n_pupils": labels.groupby(keys).size(),
            "n_listed": first.groupby(keys).size(),
            "n_supported": supported.groupby(keys).size(),
        }
    )
    counts = counts.fillna(0).astype("int64")
    return tuple(
        ListedCohort(str(point), str(cohort), *(int(count) for count in row))
        for (point, cohort), row in zip(counts.index, counts.to_numpy(), strict=True)
        if row[1] > 0
    )


def _find_before_outcome(labels: pd.DataFrame, events: pd.DataFrame, day: str) -> pd.DataFrame:
    """Return the events of each row's pupil before the outcome was known, all if it is not."""
    columns = ["subject_id", "point", "cohort", "outcome_known_date"]
    joined = labels[columns].merge(events[["subject_id", day]], on="subject_id")
    known = pd.to_datetime(joined["outcome_known_date"])
    before: pd.DataFrame = joined[known.isna() | is_before(pd.to_datetime(joined[day]), known)]
    return before
