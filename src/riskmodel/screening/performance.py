"""What a list's own rule gave on earlier pupils, whose outcome is known by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.fairness.intervals import rate_intervals
from riskmodel.privacy.disclosure import DEFAULT_LIMIT, SUPPRESSED, is_small
from riskmodel.screening.lists import REQUIRED_COLUMNS, select_pupils
from riskmodel.screening.specs import ScreeningSpec

Measure = dict[str, Any]


@dataclass(frozen=True)
class ListPerformance:
    """How often the rule was right, and how many it missed.

    Parameters
    ----------
    precision : dict
        Share of the listed who did not complete: `value`, `lower`, `upper`, `method`; or
        `value` None with its `reason`.
    recall : dict
        Share of those who did not complete that were listed, in the same form.
    n : int or None
        Pupils with a known outcome that the shares rest on; None where it is too small.
    cohorts : tuple of str
        Their cohorts.
    capacity : int or float
        The rule's capacity.
    unit : str
        Of what: ``school``, ``team`` or ``all``.
    level : float
        The intervals' confidence level.
    """

    precision: Measure
    recall: Measure
    n: int | None
    cohorts: tuple[str, ...]
    capacity: int | float
    unit: str
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Return the measures as JSON values.

        Returns
        -------
        dict
            With every attribute.
        """
        return {
            "precision": dict(self.precision),
            "recall": dict(self.recall),
            "n": self.n,
            "cohorts": list(self.cohorts),
            "capacity": self.capacity,
            "unit": self.unit,
            "level": self.level,
        }


def measure_list(
    predictions: pd.DataFrame,
    spec: ScreeningSpec,
    *,
    level: float = 0.95,
    minimum_count: int = DEFAULT_LIMIT,
) -> ListPerformance:
    """Apply a list's rule to pupils that the model did not learn from, and count.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Test rows of one model: `subject_id`, `school_unit`, `prediction_date`, `risk`
        (calibrated, in [0, 1]) and `label` (1 = did not complete, 0 = completed, missing =
        not known); `cohort` and `point` where there are any.
    spec : ScreeningSpec
        The list's rule. Its `point` chooses the rows; its `cohort` does not, since the list's
        own cohort has no outcome yet.
    level : float, default 0.95
        Confidence level of the intervals.
    minimum_count : int, default 10
        Shares that would give away a count from 1 to below this are not told.

    Returns
    -------
    ListPerformance
        Null with its reason where nobody is listed, nobody failed to complete, or a share
        would give away a small count.

    Raises
    ------
    UsageError
        As in `select_pupils`.

    Notes
    -----
    The rule is applied at each prediction date by itself. Pupils whose outcome is not known
    take up their place on the list and do not count in the shares. Intervals allow for
    pupils of one school being alike.
    """
    check_columns(list(predictions.columns), (*REQUIRED_COLUMNS, "label"), where="predictions")
    rows = predictions
    if spec.point is not None and "point" in rows.columns:
        rows = rows[rows["point"] == spec.point]
    rule = spec.for_chosen_rows()
    listed = [select_pupils(date, rule).index for _, date in rows.groupby("prediction_date")]
    is_listed = rows.index.isin(np.concatenate(listed)) if listed else np.zeros(0, dtype=bool)
    known = rows["label"].notna().to_numpy()
    failed = (rows["label"] == 1).to_numpy()
    schools = rows["school_unit"]
    cohorts = sorted(rows.loc[known, "cohort"].unique()) if "cohort" in rows.columns else []
    cells = [known & one & two for one in (is_listed, ~is_listed) for two in (failed, ~failed)]
    is_shown = not any(is_small(int(cell.sum()), minimum_count) for cell in cells)
    hidden: Measure = {"value": None, "reason": SUPPRESSED}
    hits = is_listed & failed
    return ListPerformance(
        precision=_rate(hits, is_listed & known, schools, level, "nobody_listed")
        if is_shown
        else hidden,
        recall=_rate(hits, failed, schools, level, "no_positives") if is_shown else hidden,
        n=None if is_small(int(known.sum()), minimum_count) else int(known.sum()),
        cohorts=tuple(str(cohort) for cohort in cohorts),
        capacity=spec.capacity,
        unit=spec.unit,
        level=level,
    )


def _rate(
    hits: npt.NDArray[np.bool_],
    trials: npt.NDArray[np.bool_],
    schools: pd.Series,
    level: float,
    reason: str,
) -> Measure:
    """Return a share over schools with its interval, or why there is none."""
    if not trials.any():
        return {"value": None, "reason": reason}
    counts = pd.DataFrame({"hits": hits, "trials": trials}).groupby(schools.to_numpy()).sum()
    found = rate_intervals(
        counts["hits"].to_numpy(dtype="float64")[None],
        counts["trials"].to_numpy(dtype="float64")[None],
        level,
        is_clustered=True,
    )
    return {
        "value": float(found.value[0]),
        "lower": float(found.lower[0]),
        "upper": float(found.upper[0]),
        "method": found.method[0],
    }
