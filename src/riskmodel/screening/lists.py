"""The screening list: the pupils with the highest calibrated risk, as many as can be met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.core.validation import check_columns, suggest_name
from riskmodel.errors import UsageError
from riskmodel.explanation.phrases import Reason
from riskmodel.screening.specs import ScreeningSpec

FACTS = (
    "school_class",
    "risk_lower",
    "risk_upper",
    "has_enough_data",
    "possible_outcomes",
    "is_new",
)
"""What the list may say of each pupil besides, in this order."""

PROTECTIVE = "protective_"
"""What the columns of a protective factor begin with."""

_WEIGHTS = 5

_KEY_COLUMNS = ("subject_id", "school_unit", "prediction_date")
REQUIRED_COLUMNS = (*_KEY_COLUMNS, "risk")
TIE_RULE = "risk descending, then subject_id ascending"
"""How pupils are put in order within a school, a team or the whole list."""

ReasonSource = Sequence[Sequence[Reason]] | Callable[[pd.DataFrame], Sequence[Sequence[Reason]]]
"""Reasons for each row, or a function that gives them for the rows that were listed."""


@dataclass(frozen=True)
class ScreeningList:
    """The listed pupils, and what the list says of each school, team or all.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per listed pupil: `subject_id`, `school_unit`, `prediction_date`, `rank`
        (within the unit, from 1), `risk`, those of `FACTS` that are known, and for each reason
        ``i`` from 1: `reason_i`, `domain_i` (missing where there are fewer), `changeable_i`,
        `is_missing_i` (booleans), `weight_i` (how much it counts, from 1 to 5, the largest
        part that is shown of this pupil being 5; 0 where there is none); the same for each
        protective factor, beginning with ``protective_``.
    units : pandas.DataFrame
        One row per school or team, or one for all: `unit`, `n_pupils`, `capacity`, `n_listed`,
        `is_tied_at_cut` (whether pupils of equal risk stand on both sides of the cut).
    spec : ScreeningSpec
        What was asked for.
    """

    frame: pd.DataFrame
    units: pd.DataFrame
    spec: ScreeningSpec

    def to_dict(self) -> dict[str, Any]:
        """Return what can be said of the list without any pupil in it.

        Returns
        -------
        dict
            JSON values: the settings, the unit and its capacity, the rule for ties, how many
            schools are on the list and counts of units.
        """
        units = self.units
        return {
            **self.spec.model_dump(mode="json"),
            "unit": self.spec.unit,
            "capacity": self.spec.capacity,
            "tie_rule": TIE_RULE,
            "n_listed": len(self.frame),
            "n_schools": int(self.frame["school_unit"].nunique()),
            "n_units": len(units),
            "n_units_empty": int((units["n_pupils"] == 0).sum()),
            "n_units_wholly_listed": int(
                ((units["n_pupils"] > 0) & (units["n_listed"] == units["n_pupils"])).sum()
            ),
            "n_units_below_capacity": int((units["n_pupils"] < units["capacity"]).sum()),
            "n_units_tied_at_cut": int(units["is_tied_at_cut"].sum()),
        }


def select_pupils(rows: pd.DataFrame, spec: ScreeningSpec) -> pd.DataFrame:
    """Return the rows of the pupils to list, best ranked first within each unit.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per pupil and prediction date with `subject_id`, `school_unit`,
        `prediction_date`, `risk` (calibrated, in [0, 1]); `cohort` and `point` where `spec`
        names them. Other columns are kept.
    spec : ScreeningSpec
        How many per school, team or in all, and at which prediction date.

    Returns
    -------
    pandas.DataFrame
        The chosen rows with their index and an added integer column `rank`, by unit and
        `rank`.

    Raises
    ------
    UsageError
        If a column, a school or a risk is missing, a pupil stands twice, a school is in no
        team, or the cohort or point is not there.

    Notes
    -----
    Pupils of equal risk stand in the order of their pseudonyms, which says nothing about
    them: the list does not depend on the order of the rows.

    Examples
    --------
    >>> rows = pd.DataFrame({
    ...     "subject_id": ["b", "a", "c"], "school_unit": ["S1", "S1", "S1"],
    ...     "prediction_date": ["2025-11-01"] * 3, "risk": [0.4, 0.4, 0.9],
    ... })
    >>> select_pupils(rows, ScreeningSpec(capacity_per_school=2))["subject_id"].to_list()
    ['c', 'a']
    """
    check_columns(list(rows.columns), REQUIRED_COLUMNS, where="rows")
    current = choose_rows(rows, spec)
    ordered = current.assign(unit=spec.find_units(current["school_unit"])).sort_values(
        ["unit", "risk", "subject_id"], ascending=[True, False, True], kind="stable"
    )
    by_unit = ordered.groupby("unit", sort=False)
    rank = by_unit.cumcount() + 1
    capacity = ordered["unit"].map(by_unit.size().map(spec.capacity_of)).astype("int64")
    return ordered.assign(rank=rank)[rank <= capacity].drop(columns="unit")


def build_screening_list(
    rows: pd.DataFrame,
    reasons: ReasonSource,
    spec: ScreeningSpec,
    *,
    schools: Sequence[str] = (),
    facts: pd.DataFrame | None = None,
    selected: pd.DataFrame | None = None,
) -> ScreeningList:
    """Choose the pupils with the highest risk, each with its main reasons.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `select_pupils`.
    reasons : sequence of sequence of Reason, or callable
        For each row of `rows`, in order, its reasons by falling weight; or a function that
        takes the chosen rows and returns theirs, which spares explaining all others. Give all
        that there are, not only `n_reasons` each, since some may be withheld.
    spec : ScreeningSpec
        How many, at which prediction date, and what is shown.
    schools : sequence of str, optional
        Schools that must be told of even if they have no pupil, where the unit is the school.
    facts : pandas.DataFrame, optional
        Columns of `FACTS`, with the index of the chosen rows.
    selected : pandas.DataFrame, optional
        What `select_pupils` returned for these rows and this rule, where it is known already:
        lists for several readers differ in what is withheld, not in who is on them.

    Returns
    -------
    ScreeningList
        The list and its units.

    Raises
    ------
    UsageError
        As in `select_pupils`, or if `reasons` are not one for each row.

    Notes
    -----
    A reason is shown only if it raises the risk (contribution above 0), a protective factor if it
    lowers it and is not missing, which is no strength; and neither its domain nor its feature is
    withheld. Weights are coarse and relative
    to what is shown, so that no withheld part follows from the risk and the others. A capacity
    above the number of pupils lists them all and says so.
    """
    selected = select_pupils(rows, spec) if selected is None else selected
    texts = _reasons_of(selected, rows, reasons)
    frame = selected[["subject_id", "school_unit", "prediction_date", "rank", "risk"]]
    if facts is not None:
        told = [name for name in FACTS if name in facts.columns]
        frame = frame.join(facts.loc[selected.index, told])
    frame = frame.reset_index(drop=True)
    frame = pd.concat([frame, _reason_columns(texts, spec)], axis=1)
    return ScreeningList(frame, _describe_units(choose_rows(rows, spec), spec, schools), spec)


def choose_rows(rows: pd.DataFrame, spec: ScreeningSpec) -> pd.DataFrame:
    """Return the checked rows of the cohort and point asked for, at their latest date.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `select_pupils`; without `risk` where they are not scored yet.
    spec : ScreeningSpec
        Which cohort and point.

    Returns
    -------
    pandas.DataFrame
        Some of the rows, with their index.

    Raises
    ------
    UsageError
        As in `select_pupils`.
    """
    check_columns(list(rows.columns), _KEY_COLUMNS, where="rows")
    for column, wanted in (("point", spec.point), ("cohort", spec.cohort)):
        if wanted is not None:
            rows = _keep(rows, column, wanted)
    if not rows.empty:
        rows = rows[rows["prediction_date"] == rows["prediction_date"].max()]
    _check_rows(rows)
    return rows


def _keep(rows: pd.DataFrame, column: str, wanted: str) -> pd.DataFrame:
    """Return the rows with one cohort or point, which must be there."""
    check_columns(list(rows.columns), (column,), where="rows")
    kept = rows[rows[column] == wanted]
    if kept.empty:
        known = sorted(rows[column].dropna().unique())
        raise UsageError(
            f"`{column}` must be one that has been scored, got '{wanted}'."
            f"{suggest_name(wanted, known)} There are: {', '.join(known) or 'none'}."
        )
    return kept


def _check_rows(rows: pd.DataFrame) -> None:
    """Refuse rows without a school or a valid risk, and pupils that stand twice."""
    outside = int((~rows["risk"].between(0, 1)).sum()) if "risk" in rows.columns else 0
    schoolless = int(rows["school_unit"].isna().sum())
    repeated = int(rows["subject_id"].duplicated().sum())
    findings = [
        text
        for count, text in (
            (outside, f"`risk` must lie in [0, 1], got {outside} rows outside or missing."),
            (schoolless, f"`school_unit` must be known, got {schoolless} rows without."),
            (repeated, f"`subject_id` must not repeat at a date, got {repeated} repeats."),
        )
        if count
    ]
    if findings:
        raise UsageError(
            "`rows` must hold one scored row per pupil. Score the pupils anew.", findings
        )


def _reasons_of(
    selected: pd.DataFrame, rows: pd.DataFrame, reasons: ReasonSource
) -> Sequence[Sequence[Reason]]:
    """Return the reasons of the selected rows, in their order."""
    if callable(reasons):
        texts = reasons(selected)
        expected = len(selected)
    else:
        texts, expected = reasons, len(rows)
    if len(texts) != expected:
        raise UsageError(
            f"`reasons` must be one sequence for each of {expected} rows, got {len(texts)}. "
            "Explain the same rows that are listed."
        )
    if callable(reasons):
        return texts
    positions = pd.Series(range(len(rows)), index=rows["subject_id"].astype(str) + "\x1f"
                          + rows["prediction_date"].astype(str))  # fmt: skip
    keys = selected["subject_id"].astype(str) + "\x1f" + selected["prediction_date"].astype(str)
    return [texts[int(positions[key])] for key in keys]


def _reason_columns(texts: Sequence[Sequence[Reason]], spec: ScreeningSpec) -> pd.DataFrame:
    """Return the columns of the first reasons and protective factors that may be shown."""
    shown = [may_read(of_one, spec) for of_one in texts]
    raising = [
        [reason for reason in of_one if reason.contribution > 0][: spec.n_reasons]
        for of_one in shown
    ]
    protecting = [
        [reason for reason in of_one if reason.is_protective and not reason.is_missing][
            : spec.n_protective
        ]
        for of_one in shown
    ]
    largest = [
        max((abs(reason.contribution) for reason in (*up, *down)), default=1.0)
        for up, down in zip(raising, protecting, strict=True)
    ]
    columns: dict[str, Any] = {}
    for prefix, chosen, count in (
        ("", raising, spec.n_reasons),
        (PROTECTIVE, protecting, spec.n_protective),
    ):
        for number in range(1, count + 1):
            picked = [of_one[number - 1] if len(of_one) >= number else None for of_one in chosen]
            columns |= _describe_reasons(f"{prefix}{{}}_{number}", picked, largest)
    return pd.DataFrame(columns)


def _describe_reasons(
    name: str, picked: Sequence[Reason | None], largest: Sequence[float]
) -> dict[str, Any]:
    """Return the columns of every pupil's reason of one number."""
    weights = [
        0 if one is None else math.ceil(_WEIGHTS * abs(one.contribution) / most)
        for one, most in zip(picked, largest, strict=True)
    ]
    flags = {
        "changeable": [one is not None and bool(one.changeable) for one in picked],
        "is_missing": [one is not None and bool(one.is_missing) for one in picked],
    }
    return {
        name.format("reason"): pd.Series([one and one.text for one in picked], dtype="str"),
        name.format("domain"): pd.Series([one and one.domain for one in picked], dtype="str"),
        **{name.format(key): pd.Series(values, dtype="bool") for key, values in flags.items()},
        name.format("weight"): pd.Series(weights, dtype="int64"),
    }


def may_read(reasons: Sequence[Reason], spec: ScreeningSpec) -> list[Reason]:
    """Return the reasons that a list's readers may see.

    Parameters
    ----------
    reasons : sequence of Reason
        Of one pupil.
    spec : ScreeningSpec
        What is withheld.

    Returns
    -------
    list of Reason
        In the given order.
    """
    return [reason for reason in reasons if not _is_withheld(reason, spec)]


def find_withheld(infos: Iterable[Mapping[str, Any]], spec: ScreeningSpec) -> frozenset[str]:
    """Return the features that a list's readers may not see.

    Parameters
    ----------
    infos : iterable of mapping
        What is known of each feature: `name` and `domain`.
    spec : ScreeningSpec
        What is withheld.

    Returns
    -------
    frozenset of str
        Those named, and those of a withheld domain.
    """
    of_domains = {info["name"] for info in infos if info.get("domain") in spec.withheld_domains}
    return frozenset(of_domains | {*spec.withheld_features})


def _is_withheld(reason: Reason, spec: ScreeningSpec) -> bool:
    """Tell whether the list's readers may not see a reason."""
    return reason.domain in spec.withheld_domains or reason.feature in spec.withheld_features


def _describe_units(
    rows: pd.DataFrame, spec: ScreeningSpec, schools: Sequence[str]
) -> pd.DataFrame:
    """Return one row per unit with its size, capacity and whether its cut is tied."""
    units = spec.find_units(rows["school_unit"])
    codes, found = pd.factorize(units)
    risk = rows["risk"].to_numpy(dtype="float64")
    risk = risk[np.lexsort((-risk, codes))]
    ends = np.cumsum(np.bincount(codes, minlength=len(found)))
    by_unit = {str(name): part for name, part in zip(found, np.split(risk, ends), strict=False)}
    named = set(schools) if spec.unit == "school" else set()
    records = []
    for name in sorted({*by_unit, *named}):
        risks = by_unit.get(name, np.empty(0))
        capacity = spec.capacity_of(len(risks))
        listed = min(capacity, len(risks))
        tied = listed < len(risks) and risks[listed - 1] == risks[listed]
        records.append((name, len(risks), capacity, listed, bool(tied)))
    return pd.DataFrame(
        records, columns=["unit", "n_pupils", "capacity", "n_listed", "is_tied_at_cut"]
    )
