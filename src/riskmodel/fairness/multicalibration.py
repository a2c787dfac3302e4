"""Looking for groups and bands of risk where risks are wrong, and confirming them elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.fairness.calibration import (
    N_BANDS,
    add_up_cells,
    check_calibration,
    find_bands,
    find_units,
)
from riskmodel.fairness.comparisons import TOO_FEW
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS
from riskmodel.fairness.list_changes import has_small
from riskmodel.fairness.small_groups import iterate_attributes
from riskmodel.privacy.disclosure import SUPPRESSED

Array = npt.NDArray[np.float64]

_CANDIDATES = 8


def describe_multicalibration(context: AuditContext) -> dict[str, Any]:
    """Return the cells of group and band of risk whose risks are wrong on other schools too.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        The `reason` where schools are too few; else `n_scanned`, `n_candidates` and the
        `confirmed` cells: `attribute`, `group`, `band` (1 for the lowest fifth of risks to 5)
        and the `difference` of observed share and mean risk with simultaneous limits and
        `p_value`, all of the half in which they were confirmed. The numbers are None, with the
        reason ``suppressed``, where the group's counts may not be shown or the cell is small.

    Notes
    -----
    Half of the schools (or of random parts of the pupils), dealt by chance, are scanned; the
    eight most striking cells of at least the minimum count are tested in the other half, all
    together by `check_calibration`.

    References
    ----------
    Hebert-Johnson, U. et al. (2018). Multicalibration: calibration for the
    (computationally-identifiable) masses. ICML.
    """
    units = find_units(context)
    n_units = int(units.max()) + 1
    if n_units < 2 * MINIMUM_CLUSTERS:
        return {"reason": TOO_FEW}
    residuals, counts, positives = _add_up(context)
    first = context.generator("multicalibration halves").permutation(n_units) < n_units // 2
    cells = _scan(context, residuals[:, first], counts[:, first])
    held = residuals[:, ~first], counts[:, ~first]
    tested = np.zeros(len(residuals), dtype=bool)
    tested[cells] = True
    enough = held[1].sum(axis=1) >= context.spec.minimum_count
    if context.is_clustered:
        enough &= (held[1] > 0).sum(axis=1) >= MINIMUM_CLUSTERS
    found = check_calibration(
        *held,
        _find_binomial(context, ~first, units),
        tested & enough,
        level=context.spec.level,
        n_resamples=context.spec.n_resamples,
        generator=context.generator("multicalibration"),
    )
    limit = 1 - context.spec.level + 1e-12
    confirmed = [at for at in cells if found.p_value[at] <= limit]
    names = _name_groups(context)
    return {
        "n_scanned": int((counts[:, first].sum(axis=1) >= context.spec.minimum_count).sum()),
        "n_candidates": len(cells),
        "confirmed": [
            {
                **names[at // N_BANDS],
                "band": int(at % N_BANDS) + 1,
                **_show(context, int(at), found, counts, positives, first),
            }
            for at in confirmed
        ],
    }


def _add_up(context: AuditContext) -> tuple[Array, Array, Array]:
    """Return residuals, pupils and those with the outcome by group, band and unit."""
    n_atoms = context.lattice.members.shape[1]
    codes = context.lattice.atoms * N_BANDS + find_bands(context.rows.risk)
    residuals, counts, _ = add_up_cells(context, codes, n_atoms * N_BANDS)
    units = find_units(context)
    flat = np.ravel_multi_index((codes, units), counts.shape)
    found = np.bincount(flat, weights=context.rows.y_true, minlength=counts.size)
    positives = found.astype(np.float64).reshape(counts.shape)
    return (
        _by_group(context, residuals),
        _by_group(context, counts),
        _by_group(context, positives),
    )


def _by_group(context: AuditContext, by_atom: Array) -> Array:
    """Return sums by group and band, the whole left out, from those by atom and band."""
    n_atoms, rest = context.lattice.members.shape[1], by_atom.shape[1:]
    cube = by_atom.reshape(n_atoms, N_BANDS, *rest)
    grouped: Array = np.tensordot(context.lattice.members[1:], cube, axes=1)
    return grouped.reshape(-1, *rest)


def _find_binomial(
    context: AuditContext, chosen: npt.NDArray[np.bool_], units: npt.NDArray[np.int64]
) -> Array:
    """Return the binomial variance of each cell's residuals among some units."""
    n_atoms = context.lattice.members.shape[1]
    codes = context.lattice.atoms * N_BANDS + find_bands(context.rows.risk)
    spread = np.where(chosen[units], context.rows.risk * (1 - context.rows.risk), 0.0)
    sums = np.bincount(codes, weights=spread, minlength=n_atoms * N_BANDS).astype(np.float64)
    return _by_group(context, sums)


def _scan(context: AuditContext, residuals: Array, counts: Array) -> npt.NDArray[np.int64]:
    """Return the most striking cells of one half, the first of equal ones."""
    scale = np.sqrt((residuals**2).sum(axis=1))
    usable = (counts.sum(axis=1) >= context.spec.minimum_count) & (scale > 0)
    score = np.where(usable, np.abs(residuals.sum(axis=1)) / np.where(usable, scale, 1.0), 0.0)
    order = np.argsort(-score, kind="stable")[:_CANDIDATES]
    return order[score[order] > 0]


def _name_groups(context: AuditContext) -> list[dict[str, str]]:
    """Return attribute and group of every row of the lattice but the whole."""
    return [
        {"attribute": grouping.name, "group": label}
        for grouping, _ in iterate_attributes(context)
        for label in grouping.labels
    ]


def _show(
    context: AuditContext,
    at: int,
    found: Any,
    counts: Array,
    positives: Array,
    first: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    """Return a cell's figures, none where it or what is left of its group is small."""
    group = at // N_BANDS
    bands = slice(group * N_BANDS, (group + 1) * N_BANDS)
    own = [part[at, half].sum() for part in (positives, counts - positives)
           for half in (first, ~first)]  # fmt: skip
    rest = [part[bands].sum() - part[at].sum() for part in (positives, counts - positives)]
    sizes = np.array([*own, *rest])
    if has_small(sizes, context.spec.minimum_count) or context.hidden["positives"][group + 1]:
        return {"difference": None, "lower": None, "upper": None, "p_value": None,
                "reason": SUPPRESSED}  # fmt: skip
    return {
        "difference": float(found.difference[at]),
        "lower": float(found.lower[at]),
        "upper": float(found.upper[at]),
        "p_value": float(found.p_value[at]),
        "reason": None,
    }
