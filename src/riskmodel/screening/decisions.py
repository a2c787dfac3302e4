"""What teams decided: filled-in lists, read back into a log that stands beside every flag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

DECISIONS = ("contact_taken", "already_supported", "not_needed", "wrong_data")
"""What a team can decide of a pupil on the list."""

LOG_COLUMNS = ("subject_id", "school_unit", "prediction_date", "risk", "decision")
"""The columns of the log. A team's own notes are free text and stay in its file."""

_KEYS = ["subject_id", "prediction_date"]
_DAY = len("2026-11-01")


@dataclass(frozen=True)
class Problem:
    """Why a filled-in file cannot be read into the log.

    Parameters
    ----------
    kind : str
        ``columns`` (headings are not those of a list), ``nameless`` (a decision without a
        pseudonym), ``foreign`` (rows of pupils who are not on the list, or of a list of another
        date), ``repeated`` (a pupil twice) or ``decision`` (not one of the choices).
    count : int
        How many columns or rows.
    """

    kind: str
    count: int


def read_decisions(
    rows: pd.DataFrame,
    listed: pd.DataFrame,
    headings: Mapping[str, str],
    choices: Mapping[str, str],
) -> tuple[pd.DataFrame, tuple[Problem, ...]]:
    """Read the decisions of one filled-in list.

    Parameters
    ----------
    rows : pandas.DataFrame
        The sheet with the list, all cells as text, missing where empty.
    listed : pandas.DataFrame
        The list as it was made: `subject_id`, `school_unit`, `prediction_date`, `risk`.
    headings : mapping of str to str
        The sheet's headings of `subject_id`, `prediction_date` and `decision`.
    choices : mapping of str to str
        By what a team could choose in the sheet, the decision of `DECISIONS`. Capital letters and
        spaces make no difference.

    Returns
    -------
    decisions : pandas.DataFrame
        The columns of `LOG_COLUMNS`; only pupils for whom something was decided. Empty where
        there are problems.
    problems : tuple of Problem
        All of them.
    """
    nothing = pd.DataFrame(columns=list(LOG_COLUMNS))
    missing = [name for name in headings.values() if name not in rows.columns]
    if missing:
        return nothing, (Problem("columns", len(missing)),)
    given = rows.rename(columns={heading: name for name, heading in headings.items()})
    given = given[[*headings]].fillna("").apply(lambda column: column.map(_squeeze))
    named = given[given["subject_id"].ne("")]
    decided = named[named["decision"].ne("")]
    decision = (
        decided["decision"]
        .str.casefold()
        .map({_squeeze(text).casefold(): name for text, name in choices.items()})
    )
    dates = dict(zip(listed["subject_id"], listed["prediction_date"].astype("str"), strict=True))
    is_listed = named["subject_id"].map(dates).str[:_DAY].eq(named["prediction_date"].str[:_DAY])
    counts = {
        "nameless": int((given["subject_id"].eq("") & given["decision"].ne("")).sum()),
        "foreign": int((~is_listed).sum()),
        "repeated": int(named["subject_id"].duplicated().sum()),
        "decision": int(decision.isna().sum()),
    }
    problems = tuple(Problem(kind, count) for kind, count in counts.items() if count)
    if problems:
        return nothing, problems
    facts = listed[["subject_id", "school_unit", "prediction_date", "risk"]]
    found = decided[["subject_id"]].assign(decision=decision)
    return found.merge(facts, on="subject_id")[list(LOG_COLUMNS)], ()


def _squeeze(text: object) -> str:
    """Return a cell's text without spaces around it or doubled."""
    return " ".join(str(text).split())


def add_to_log(log: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Add decisions to the log; of a pupil and list the one read last stands.

    Parameters
    ----------
    log, decisions : pandas.DataFrame
        The columns of `LOG_COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        Sorted by list and pupil, each pupil once for each list.
    """
    both = pd.concat([log, decisions], ignore_index=True) if len(log) else decisions
    latest = both.drop_duplicates(_KEYS, keep="last")
    return latest.sort_values(["prediction_date", "subject_id"], ignore_index=True)


def count_decisions(log: pd.DataFrame, listed: pd.DataFrame) -> dict[str, int]:
    """Count what was decided of the pupils of a list.

    Parameters
    ----------
    log : pandas.DataFrame
        The columns of `LOG_COLUMNS`.
    listed : pandas.DataFrame
        The list: `subject_id` and `prediction_date`.

    Returns
    -------
    dict of str to int
        By decision, and `open` for those without one. May be small: for the team itself.
    """
    own = listed[_KEYS].merge(log[[*_KEYS, "decision"]], on=_KEYS, how="left")
    counts: dict[Any, int] = own["decision"].value_counts().to_dict()
    return {
        **{name: int(counts.get(name, 0)) for name in DECISIONS},
        "open": int(own["decision"].isna().sum()),
    }
