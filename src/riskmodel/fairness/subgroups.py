"""Finding subgroups that are badly served, and confirming them on other schools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.fairness.calibration import find_units
from riskmodel.fairness.comparisons import TOO_FEW, Comparisons, compare_groups
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import UNKNOWN, count_cells, find_cells, renumber
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS
from riskmodel.fairness.list_changes import has_small
from riskmodel.fairness.measures import RATES
from riskmodel.privacy.disclosure import SUPPRESSED

Bools = npt.NDArray[np.bool_]

SEARCHED = ("miss_rate", "false_positive_rate")
"""A subgroup is badly served if one of these is higher than among all others."""

_DEPTH = 3
_BEAM = 12
_CANDIDATES = 8
_N_BINS = 3
_MOST_VALUES = 12


@dataclass(frozen=True)
class Condition:
    """One thing that the pupils of a subgroup have in common.

    Parameters
    ----------
    feature : str
        The sensitive feature or covariate.
    value : str
        Its value, or the third of its values (``low``, ``middle``, ``high``).
    """

    feature: str
    value: str


Conjunction = tuple[Condition, ...]


def list_conditions(context: AuditContext) -> dict[Condition, Bools]:
    """Return the conditions that subgroups are made of, and who meets each.

    Parameters
    ----------
    context : AuditContext
        Its single sensitive features and its covariates are used.

    Returns
    -------
    dict of Condition to numpy.ndarray of bool, shape (n,)
        Numbers with more than 12 different values are cut into thirds; a missing value is a
        value of its own.
    """
    found: dict[Condition, Bools] = {}
    for grouping in context.rows.groupings:
        if len(grouping.features) == 1:
            for number, label in enumerate(grouping.labels):
                found[Condition(grouping.name, label)] = grouping.codes == number
    if context.rows.covariates is not None:
        for name, column in context.rows.covariates.items():
            for value, inside in _cut(column):
                found.setdefault(Condition(str(name), value), inside)
    return found


def _cut(column: pd.Series) -> list[tuple[str, Bools]]:
    """Return the values of a covariate, or the thirds of its values, with who has them."""
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > _MOST_VALUES:
        edges = column.quantile(np.arange(1, _N_BINS) / _N_BINS).to_numpy(dtype=np.float64)
        third = np.searchsorted(edges, column.to_numpy(dtype=np.float64), side="left")
        names = np.array(["low", "middle", "high"])[np.minimum(third, _N_BINS - 1)]
        texts = np.where(column.isna(), UNKNOWN, names)
    else:
        texts = column.astype(object).where(column.notna(), UNKNOWN).astype(str).to_numpy()
    return [(str(value), np.asarray(texts == value)) for value in np.unique(texts)]


def search_subgroups(
    conditions: dict[Condition, Bools],
    is_bad: Bools,
    is_counted: Bools,
    *,
    minimum_count: int,
) -> list[Conjunction]:
    """Search for subgroups in which something bad is more frequent than among all others.

    Parameters
    ----------
    conditions : dict of Condition to numpy.ndarray of bool, shape (n,)
        What subgroups are made of.
    is_bad, is_counted : numpy.ndarray of bool, shape (n,)
        To whom it happened, and among whom it is counted.
    minimum_count : int
        The fewest counted pupils of a subgroup, and of all others.

    Returns
    -------
    list of tuple of Condition
        Up to 8 conjunctions of up to 3 conditions on different features, the most striking
        first: a beam search over the standardised difference of the two shares.
    """
    bad, counted = is_bad[is_counted], int(is_counted.sum())
    inside = {condition: rows[is_counted] for condition, rows in conditions.items()}
    beam: list[tuple[Conjunction, Bools]] = [((), np.ones(counted, dtype=bool))]
    scores: dict[frozenset[Condition], tuple[float, Conjunction]] = {}
    for _ in range(_DEPTH):
        grown: dict[frozenset[Condition], tuple[float, Conjunction, Bools]] = {}
        for conjunction, rows in beam:
            used = {condition.feature for condition in conjunction}
            for condition, fits in inside.items():
                key = frozenset([*conjunction, condition])
                if condition.feature in used or key in grown:
                    continue
                both = rows & fits
                score = _score(bad, both, minimum_count)
                if score > 0:
                    grown[key] = (score, (*conjunction, condition), both)
        best = sorted(grown.values(), key=lambda item: -item[0])[:_BEAM]
        scores |= {frozenset(item[1]): item[:2] for item in best}
        beam = [(conjunction, rows) for _, conjunction, rows in best]
    ranked = sorted(scores.values(), key=lambda item: -item[0])
    return [conjunction for _, conjunction in ranked[:_CANDIDATES]]


def _score(bad: Bools, inside: Bools, minimum_count: int) -> float:
    """Return the standardised difference in share, 0 if a side is too small."""
    n, rest = int(inside.sum()), int((~inside).sum())
    if min(n, rest) < minimum_count:
        return 0.0
    k, total = int(bad[inside].sum()), int(bad.sum())
    rate = total / (n + rest)
    if not 0 < rate < 1:
        return 0.0
    gap = k / n - (total - k) / rest
    return float(gap / np.sqrt(rate * (1 - rate) * (1 / n + 1 / rest)))


def describe_subgroups(context: AuditContext) -> dict[str, Any]:
    """Return the badly served subgroups that hold on schools where they were not found.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        The `reason` where nothing can be said; else `features`, and for each rate of
        `SEARCHED` the number of candidates (`n_candidates`) and the `confirmed` subgroups:
        `conditions`, `difference` to all others with simultaneous limits, `p_value`, and
        the `count` of pupils, all of the half in which they were confirmed.

    Notes
    -----
    Schools (or, without schools, random parts of the pupils) are dealt into two halves by
    chance: subgroups are looked for in one and tested in the other, all candidates of both
    rates together, so that the chance of one false subgroup or more is the audit's level.
    Of subgroups that overlap, the most striking is named. Numbers are shown only if none of
    the subgroup's cells is small in either half and no other subgroup with numbers overlaps
    it, so that nothing follows from the difference of two; they are of one half of the
    schools.

    References
    ----------
    Zhang, Z. and Neill, D. B. (2016). Identifying significant predictive bias in classifiers.
    arXiv 1611.08292.
    """
    rows, spec = context.rows, context.spec
    units = find_units(context)
    n_units = int(units.max()) + 1
    if n_units < 2 * MINIMUM_CLUSTERS:
        return {"reason": TOO_FEW}
    chosen = context.generator("halves").permutation(n_units) < n_units // 2
    first = chosen[units]
    conditions = list_conditions(context)
    cells = find_cells(rows.y_true, rows.is_flagged)
    candidates: dict[str, list[Conjunction]] = {}
    for name in SEARCHED:
        rate = RATES[name]
        candidates[name] = search_subgroups(
            {condition: inside[first] for condition, inside in conditions.items()},
            np.isin(cells, rate.over)[first],
            np.isin(cells, rate.among)[first],
            minimum_count=spec.minimum_count,
        )
    features = sorted({condition.feature for condition in conditions})
    every = list(dict.fromkeys(c for found in candidates.values() for c in found))
    if not every:
        return {"features": features, **{
            name: {"n_candidates": 0, "confirmed": []} for name in SEARCHED
        }}  # fmt: skip
    held = ~first
    inside = np.stack([_meet(conditions, conjunction)[held] for conjunction in every])
    tested = _compare(context, inside, cells[held], renumber(units[held]))
    numbers = {conjunction: place for place, conjunction in enumerate(every)}
    described: dict[str, Any] = {"features": features}
    numbered: list[Bools] = []
    for name, found in candidates.items():
        confirmed = _confirm(context, found, numbers, tested[name], inside)
        described[name] = {
            "n_candidates": len(found),
            "confirmed": [
                {
                    "conditions": [
                        {"feature": condition.feature, "value": condition.value}
                        for condition in every[at]
                    ],
                    **_show(
                        context,
                        tested[name],
                        at,
                        inside[at],
                        cells[held],
                        numbered,
                        elsewhere=cells[first & _meet(conditions, every[at])],
                    ),
                }
                for at in confirmed
            ],
        }
    return described


def _meet(conditions: dict[Condition, Bools], conjunction: Conjunction) -> Bools:
    """Return who meets all conditions."""
    met: Bools = np.logical_and.reduce([conditions[condition] for condition in conjunction])
    return met


def _compare(
    context: AuditContext, inside: Bools, cells: npt.NDArray[np.int64], units: npt.NDArray[np.int64]
) -> dict[str, Comparisons]:
    """Compare subgroups with all others in the half where they were not found."""
    # Each pupil's subgroups as the bits of one number: at most 16 candidates.
    numbers, atoms = np.unique((1 << np.arange(len(inside))) @ inside, return_inverse=True)
    members = ((numbers >> np.arange(len(inside))[:, np.newaxis]) & 1).astype(np.float64)
    by_atom = count_cells(atoms.astype(np.int64), len(numbers), units, int(units.max()) + 1, cells)
    return compare_groups(
        {name: RATES[name].count(by_atom) for name in SEARCHED},
        members,
        is_clustered=True,
        minimum_count=context.spec.minimum_count,
        level=context.spec.level,
        n_resamples=context.spec.n_resamples,
        generator=context.generator("subgroups"),
    )


def _confirm(
    context: AuditContext,
    found: Sequence[Conjunction],
    numbers: dict[Conjunction, int],
    tested: Comparisons,
    inside: Bools,
) -> list[int]:
    """Return the subgroups that are worse off, without those that say the same again."""
    limit = 1 - context.spec.level + 1e-12
    kept: list[int] = []
    for at in (numbers[conjunction] for conjunction in found):
        if tested.reason[at] is not None or tested.p_value[at] > limit:
            continue
        is_new = not any((inside[at] & inside[other]).any() for other in kept)
        if tested.difference[at] > 0 and is_new:
            kept.append(at)
    return kept


def _show(
    context: AuditContext,
    tested: Comparisons,
    at: int,
    inside: Bools,
    cells: npt.NDArray[np.int64],
    numbered: list[Bools],
    *,
    elsewhere: npt.NDArray[np.int64],
) -> dict[str, Any]:
    """Return the figures of a confirmed subgroup, none where something small would follow.

    The subgroup may be a group whose counts over all schools are shown, so its pupils of the
    other half (`elsewhere`) must not be few either.
    """
    counts = np.bincount(cells[inside], minlength=4)
    both = np.concatenate([counts, np.bincount(elsewhere, minlength=4)])
    small = has_small(both, context.spec.minimum_count)
    crossed = any((inside & rows).any() and (inside != rows).any() for rows in numbered)
    if small or crossed:
        return {"count": None, "difference": None, "lower": None, "upper": None,
                "p_value": None, "reason": SUPPRESSED}  # fmt: skip
    numbered.append(inside)
    return {
        "count": int(counts.sum()),
        "difference": float(tested.difference[at]),
        "lower": float(tested.lower[at]),
        "upper": float(tested.upper[at]),
        "p_value": float(tested.p_value[at]),
        "reason": None,
    }
