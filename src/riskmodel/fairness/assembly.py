"""Putting the figures of an audit together, each shown, hidden or undefined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from riskmodel.fairness.calibration import describe_calibration
from riskmodel.fairness.comparisons import TOO_FEW, Comparisons, compare_groups
from riskmodel.fairness.context import AuditContext, AuditedRows, find_strata
from riskmodel.fairness.decomposition import describe_decomposition
from riskmodel.fairness.gaps import describe_gaps
from riskmodel.fairness.groups import (
    Counts,
    Grouping,
    count_cells,
    find_cells,
    flag_pupils,
)
from riskmodel.fairness.intervals import Intervals, mean_intervals, rate_intervals
from riskmodel.fairness.label_bias import describe_label_bias
from riskmodel.fairness.measures import RATES, Quantity
from riskmodel.fairness.mitigation import describe_mitigation
from riskmodel.fairness.multicalibration import describe_multicalibration
from riskmodel.fairness.release import Lattice, Mask, find_hidden, make_lattice
from riskmodel.fairness.result import AuditResult
from riskmodel.fairness.scores import describe_scores
from riskmodel.fairness.small_groups import describe_small_groups, find_needed_counts
from riskmodel.fairness.specs import AuditSpec
from riskmodel.fairness.subgroups import describe_subgroups
from riskmodel.fairness.sweep import describe_sweep
from riskmodel.fairness.trends import describe_trends
from riskmodel.privacy.disclosure import SUPPRESSED, describe_count, is_small

Figure = dict[str, Any]

_MEANS: dict[str, Quantity] = {"mean_risk": "size", "risk_minus_observed": "positives"}
_COUNTS: dict[str, tuple[Quantity, tuple[int, ...]]] = {
    "count": ("size", (0, 1, 2, 3)),
    "n_positive": ("positives", (0, 1)),
    "n_flagged": ("flagged", (0, 2)),
}


def make_context(rows: AuditedRows, spec: AuditSpec, random_state: int) -> AuditContext:
    """Count the pupils of an audit and decide what of them may be shown.

    Parameters
    ----------
    rows : AuditedRows
        At least one pupil.
    spec : AuditSpec
        What is asked.
    random_state : int
        The seed.

    Returns
    -------
    AuditContext
        What every part of the audit is computed from.
    """
    lattice = make_lattice(rows.groupings)
    by_atom = count_cells(
        lattice.atoms, lattice.members.shape[1], rows.cluster_codes, rows.n_clusters,
        find_cells(rows.y_true, rows.is_flagged),
    )  # fmt: skip
    cells: Counts = np.tensordot(lattice.members, by_atom.sum(axis=1), axes=1)
    hidden = find_hidden(cells, lattice, spec.minimum_count)
    return AuditContext(rows, spec, lattice, by_atom, hidden, random_state)


def split_by_cohort(context: AuditContext) -> dict[str, AuditContext]:
    """Return the same audit for each cohort, with as many pupils flagged as it has places for.

    Parameters
    ----------
    context : AuditContext
        The audit of all cohorts together.

    Returns
    -------
    dict of str to AuditContext
        By cohort, in the order of their names; empty where no cohorts are known. A group
        that is hidden in one of them, or in all together, is hidden in every one: else it
        would follow from the others.
    """
    rows, spec = context.rows, context.spec
    if rows.cohorts is None:
        return {}
    contexts = {}
    for name in np.unique(rows.cohorts):
        kept = np.asarray(rows.cohorts == name)
        flagged = flag_pupils(rows.risk[kept], threshold=spec.threshold, capacity=spec.capacity)
        contexts[str(name)] = make_context(rows.select(kept, flagged), spec, context.random_state)
    masks = [context.hidden, *(cohort.hidden for cohort in contexts.values())]
    hidden: dict[Quantity, Mask] = {
        quantity: np.logical_or.reduce([mask[quantity] for mask in masks])
        for quantity in context.hidden
    }
    return {name: replace(cohort, hidden=hidden) for name, cohort in contexts.items()}


SECTIONS: dict[str, Callable[[AuditContext], dict[str, Any]]] = {
    "sweep": describe_sweep,
    "calibration": describe_calibration,
    "multicalibration": describe_multicalibration,
    "gaps": describe_gaps,
    "small_groups": describe_small_groups,
    "subgroups": describe_subgroups,
    "decomposition": describe_decomposition,
    "label_bias": describe_label_bias,
    "mitigation": describe_mitigation,
    "trends": lambda context: describe_trends(split_by_cohort(context)),
}
"""The parts of an audit beside the groups' own figures, in the order of the page."""


def assemble_result(
    rows: AuditedRows, spec: AuditSpec, *, n_dropped: int, random_state: int
) -> AuditResult:
    """Compute all figures of an audit and put them in their places.

    Parameters
    ----------
    rows : AuditedRows
        At least one pupil.
    spec : AuditSpec
        What is asked; the flags are already set.
    n_dropped : int
        How many pupils had no known label.
    random_state : int
        Seed of the resamples.

    Returns
    -------
    AuditResult
        All figures, small counts suppressed.
    """
    context = make_context(rows, spec, random_state)
    is_clustered, lattice, hidden = context.is_clustered, context.lattice, context.hidden
    by_atom, cells = context.by_atom, context.cells
    measures = _measure(rows, cells, lattice, spec.level)
    comparisons = compare_groups(
        {name: RATES[name].count(by_atom) for name in spec.compared},
        lattice.members[1:],
        strata=find_strata(context),
        is_clustered=is_clustered,
        minimum_count=spec.minimum_count,
        level=spec.level,
        n_resamples=spec.n_resamples,
        generator=context.generator("comparisons"),
    )
    entries = [
        {
            "counts": _show_counts(cells[row].sum(axis=0), hidden, row),
            "measures": _show_measures(measures, hidden, row) | scores,
        }
        for row, scores in enumerate(describe_scores(context))
    ]
    needed = {name: find_needed_counts(context, name) for name in spec.compared}
    for row, entry in enumerate(entries[1:]):
        shown = _show_comparisons(comparisons, hidden["inner"], row, spec.level)
        for name, figure in shown.items():
            if figure["reason"] == TOO_FEW and needed[name][row + 1]:
                figure["n_needed"] = int(needed[name][row + 1])
        entry["comparisons"] = shown
    dropped = None if is_small(n_dropped, spec.minimum_count) else n_dropped
    settings = spec.model_dump(mode="json") | {
        "is_clustered": is_clustered,
        "n_clusters": rows.n_clusters if is_clustered else None,
        "random_state": random_state,
    }
    return AuditResult(
        settings=settings,
        n_dropped=describe_count(dropped),
        overall=entries[0],
        attributes=_arrange(rows.groupings, entries[1:]),
        sections={name: describe(context) for name, describe in SECTIONS.items()},
    )


def _measure(
    rows: AuditedRows, cells: Counts, lattice: Lattice, level: float
) -> dict[str, Intervals]:
    """Return every measure of every group, the whole first."""
    is_clustered = rows.clusters is not None
    measures = {
        name: rate_intervals(*rate.count(cells), level, is_clustered=is_clustered)
        for name, rate in RATES.items()
    }
    shape = (lattice.members.shape[1], rows.n_clusters)
    flat = np.ravel_multi_index((lattice.atoms, rows.cluster_codes), shape)

    def add_up(values: Counts) -> Counts:
        """Return sums by group and cluster."""
        sums = np.bincount(flat, weights=values, minlength=int(np.prod(shape)))
        total: Counts = lattice.members @ sums.reshape(shape)
        return total

    counts = cells.sum(axis=-1)
    # If risks are right, outcomes vary so much by chance: also where a group has one kind only.
    chance = add_up(rows.risk * (1 - rows.risk)).sum(axis=1) / counts.sum(axis=1) ** 2
    values = {
        "mean_risk": (rows.risk, None),
        "risk_minus_observed": (rows.risk - rows.y_true, chance),
    }
    for name, (value, least) in values.items():
        measures[name] = mean_intervals(
            add_up(value), add_up(value**2), counts, level, is_clustered=is_clustered, least=least
        )
    return measures


def _show_counts(cells: Counts, hidden: dict[Quantity, Mask], row: int) -> dict[str, Figure]:
    """Return a group's counts, hidden ones as such."""
    return {
        name: describe_count(None if hidden[quantity][row] else int(cells[list(part)].sum()))
        for name, (quantity, part) in _COUNTS.items()
    }


def _show_measures(
    measures: dict[str, Intervals], hidden: dict[Quantity, Mask], row: int
) -> dict[str, Figure]:
    """Return a group's measures, hidden and undefined ones with their reasons."""
    shown: dict[str, Figure] = {}
    for name, found in measures.items():
        needs = _MEANS[name] if name in _MEANS else RATES[name].needs
        if hidden[needs][row]:
            shown[name] = {"value": None, "reason": SUPPRESSED}
        elif np.isnan(found.value[row]):
            shown[name] = {"value": None, "reason": RATES[name].undefined}
        else:
            shown[name] = {
                "value": float(found.value[row]),
                "lower": _number(found.lower[row]),
                "upper": _number(found.upper[row]),
                "method": found.method[row],
            }
    return shown


def _show_comparisons(
    comparisons: dict[str, Comparisons], hidden: Mask, row: int, level: float
) -> dict[str, Figure]:
    """Return a group's comparisons; of a hidden group only whether it is flagged."""
    shown: dict[str, Figure] = {}
    for name, found in comparisons.items():
        reason = found.reason[row]
        empty: Figure = dict.fromkeys(("difference", "lower", "upper", "p_value"))
        figure: Figure = empty | {"flagged": None, "reason": reason, "method": found.method}
        if reason is None:
            figure["flagged"] = bool(found.p_value[row] <= 1 - level + 1e-12)
            if hidden[row + 1]:
                figure["reason"] = SUPPRESSED
            else:
                figure |= {key: float(getattr(found, key)[row]) for key in empty}
        shown[name] = figure
    return shown


def _number(value: float) -> float | None:
    """Return a number for JSON, None where there is none."""
    return None if np.isnan(value) else float(value)


def _arrange(
    groupings: Sequence[Grouping], entries: Sequence[dict[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """Return the groups' entries under their attributes."""
    following = iter(entries)
    return tuple(
        {
            "name": grouping.name,
            "features": list(grouping.features),
            "groups": [
                {
                    "group": label,
                    "values": dict(zip(grouping.features, values, strict=True)),
                    **next(following),
                }
                for label, values in zip(grouping.labels, grouping.values, strict=True)
            ],
        }
        for grouping in groupings
    )
