"""What has changed since an earlier list: who is new, who has left it, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from riskmodel.explanation.phrases import Reason
from riskmodel.privacy.disclosure import DEFAULT_LIMIT, is_small
from riskmodel.screening.lists import may_read
from riskmodel.screening.specs import ScreeningSpec

Cause = Literal["risk_fell", "others_rose", "not_screened"]

Movements = Mapping[str, Sequence[Reason]]
"""By pupil, what moved the risk; nothing of one who was not scored at both dates."""


@dataclass(frozen=True, eq=False)
class ListChange:
    """Two lists of the same rule, side by side.

    Parameters
    ----------
    pupils : pandas.DataFrame
        One row for each pupil who is new or has left: `subject_id`, `school_unit` (now, or
        then for one who is no longer there), `is_new`, `risk` and `earlier_risk` (missing
        where not scored), `cause` (why a pupil has left: ``risk_fell``; ``others_rose``: others
        have a higher risk now; ``not_screened``: no longer among the pupils looked at; missing
        for a new one), and for each movement ``i`` from 1 `moved_i` and `moved_domain_i`. The
        new ones first, each by school and falling risk.
    earlier_date : str
        The earlier prediction date, ISO.
    n_earlier, n_now, n_stayed : int
        Pupils on the earlier list, on this one, on both.
    """

    pupils: pd.DataFrame
    earlier_date: str
    n_earlier: int
    n_now: int
    n_stayed: int

    def to_dict(self, minimum_count: int = DEFAULT_LIMIT) -> dict[str, Any]:
        """Return the stability without any pupil in it.

        Parameters
        ----------
        minimum_count : int, default 10
            A share that would give away a count from 1 to below this is null.

        Returns
        -------
        dict
            `earlier_date`; `share_stayed` (of the earlier list that is on this one too) and
            `share_new` (of this list), null where hidden or not defined.
        """
        return {
            "earlier_date": self.earlier_date,
            "share_stayed": _share(self.n_stayed, self.n_earlier, minimum_count),
            "share_new": _share(self.n_now - self.n_stayed, self.n_now, minimum_count),
        }


def no_changes(spec: ScreeningSpec) -> pd.DataFrame:
    """Return the table of a list that there is nothing to compare with.

    Parameters
    ----------
    spec : ScreeningSpec
        How many movements are told of.

    Returns
    -------
    pandas.DataFrame
        Without rows, with the columns of `ListChange.pupils`.
    """
    nobody = pd.DataFrame({name: [] for name in ("subject_id", "school_unit", "risk")})
    return _describe(pd.Series([], dtype="str"), True, nobody, nobody, {}, spec)


def _share(part: int, whole: int, minimum_count: int) -> float | None:
    """Return a share, None where a small count would follow from it."""
    if not whole or is_small(part, minimum_count) or is_small(whole - part, minimum_count):
        return None
    return round(part / whole, 3)


def compare_lists(
    now: pd.DataFrame,
    earlier: pd.DataFrame,
    movements: Movements,
    spec: ScreeningSpec,
) -> ListChange:
    """Compare this list with the one that the same rule gave earlier.

    Parameters
    ----------
    now, earlier : pandas.DataFrame
        All scored pupils of this and of the earlier prediction date, as in `select_pupils`,
        without other dates, and `is_listed`: whether the rule chose them.
    movements : mapping of str to sequence of Reason
        What moved the risks of those who are new or have left.
    spec : ScreeningSpec
        How many movements are told of, and what is withheld.

    Returns
    -------
    ListChange
        Who is new and who has left.

    Notes
    -----
    A pupil has left because the risk fell if it is lower than it was, and because others rose
    if it is not. For a new pupil only what raised the risk is told, for one who left because it
    fell only what lowered it.
    """
    listed_now, listed_then = (rows.loc[rows["is_listed"], "subject_id"] for rows in (now, earlier))
    new = listed_now[~listed_now.isin(set(listed_then))]
    left = listed_then[~listed_then.isin(set(listed_now))]
    pupils = pd.concat(
        [
            _describe(new, True, now, earlier, movements, spec),
            _describe(left, False, now, earlier, movements, spec),
        ],
        ignore_index=True,
    )
    return ListChange(
        pupils,
        earlier_date=str(earlier["prediction_date"].max())[:10],
        n_earlier=len(listed_then),
        n_now=len(listed_now),
        n_stayed=len(listed_now) - len(new),
    )


def _describe(
    subjects: pd.Series,
    is_new: bool,
    now: pd.DataFrame,
    earlier: pd.DataFrame,
    movements: Movements,
    spec: ScreeningSpec,
) -> pd.DataFrame:
    """Return one row for each pupil who is new, or for each who has left."""
    names = [str(subject) for subject in subjects]
    current, previous = (
        rows.set_index("subject_id").reindex(names)[["school_unit", "risk"]]
        for rows in (now, earlier)
    )
    frame = pd.DataFrame(
        {
            "subject_id": pd.Series(names, dtype="str"),
            "school_unit": current["school_unit"].fillna(previous["school_unit"]).to_numpy(),
            "is_new": pd.Series(is_new, index=range(len(names)), dtype="bool"),
            "risk": current["risk"].to_numpy(dtype="float64"),
            "earlier_risk": previous["risk"].to_numpy(dtype="float64"),
        }
    )
    causes = [None if is_new else _find_cause(*pair) for pair in
              zip(frame["risk"], frame["earlier_risk"], strict=True)]  # fmt: skip
    frame["cause"] = pd.Series(causes, dtype="str")
    sign = 1 if is_new else -1
    told = [
        [one for one in may_read(movements.get(name, ()), spec) if sign * one.contribution > 0]
        if is_new or cause == "risk_fell"
        else []
        for name, cause in zip(names, causes, strict=True)
    ]
    for number in range(1, spec.n_reasons + 1):
        picked = [of_one[number - 1] if len(of_one) >= number else None for of_one in told]
        frame[f"moved_{number}"] = pd.Series([one and one.text for one in picked], dtype="str")
        frame[f"moved_domain_{number}"] = pd.Series(
            [one and one.domain for one in picked], dtype="str"
        )
    by = ["school_unit", "risk", "earlier_risk", "subject_id"]
    return frame.sort_values(by, ascending=[True, False, False, True], kind="stable")


def _find_cause(risk: float, earlier_risk: float) -> Cause:
    """Return why a pupil is no longer on the list."""
    if math.isnan(risk):
        return "not_screened"
    return "risk_fell" if risk < earlier_risk else "others_rose"
