"""Whether risks mean the same in every group: tests at their nominal size, and curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.fairness.comparisons import TOO_FEW
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS
from riskmodel.fairness.scores import describe_curve
from riskmodel.fairness.small_groups import iterate_attributes
from riskmodel.privacy.disclosure import SUPPRESSED

Array = npt.NDArray[np.float64]

CLUSTERED = "wild bootstrap over clusters, max-t"
INDEPENDENT = "wild bootstrap over pupils, max-t"

N_BANDS = 5
"""The bands of risk, of equal size over all pupils, in which groups are tested."""

_PARTS = 200
"""Into how many random parts independent pupils are put: signs are drawn for these."""


@dataclass(frozen=True)
class CalibrationTest:
    """Whether observed shares and mean risks differ in some cells of pupils.

    Parameters
    ----------
    difference : numpy.ndarray of float, shape (n_cells,)
        Observed share less mean risk.
    lower, upper : numpy.ndarray of float, shape (n_cells,)
        Simultaneous limits over all tested cells.
    p_value : numpy.ndarray of float, shape (n_cells,)
        Adjusted for all tested cells; NaN in all four where a cell was not tested.
    """

    difference: Array
    lower: Array
    upper: Array
    p_value: Array


def check_calibration(
    residuals: Array,
    counts: Array,
    binomial: Array,
    tested: npt.NDArray[np.bool_],
    *,
    level: float,
    n_resamples: int,
    generator: np.random.Generator,
) -> CalibrationTest:
    """Test whether risks are right on average in each of some cells, all together.

    Parameters
    ----------
    residuals, counts : numpy.ndarray of float, shape (n_cells, n_units)
        Sums of outcome less risk, and numbers of pupils, by cell and independent unit.
    binomial : numpy.ndarray of float, shape (n_cells,)
        What the variance of the cell's sum of residuals would be if pupils were independent
        and their risks right: the sum of risk times one less risk.
    tested : numpy.ndarray of bool, shape (n_cells,)
        The cells to test.
    level : float
        Simultaneous confidence level.
    n_resamples : int
        Resamples.
    generator : numpy.random.Generator
        Their source.

    Returns
    -------
    CalibrationTest
        Adjusted for all tested cells.

    Notes
    -----
    The statistic is a cell's sum of residuals over the root of the sum of the units' squared
    residuals, or of the binomial variance where that is larger: a cell with few cases would
    seem surer than it can be. The bootstrap multiplies the residuals of each unit by a random
    sign, the same in all cells, and the adjusted p-value is the share of resamples whose
    largest statistic reaches the observed one.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008). Bootstrap-based improvements for
    inference with clustered errors. Review of Economics and Statistics 90, 414-427.
    """
    n_cells, n_units = residuals.shape
    sums, sizes = residuals.sum(axis=1), counts.sum(axis=1)
    scale = np.sqrt(np.maximum((residuals**2).sum(axis=1), binomial))
    usable = tested & (scale > 0)
    signs = generator.choice(np.array([-1.0, 1.0]), size=(n_resamples, n_units))
    drawn = np.abs(signs @ residuals[usable].T) / scale[usable]
    largest = drawn.max(axis=1, initial=0.0)
    observed = np.abs(sums[usable]) / scale[usable]
    reached = (largest[:, np.newaxis] >= observed - 1e-12).sum(axis=0)
    critical = float(np.quantile(largest, level, method="higher"))
    found = np.full((4, n_cells), np.nan)
    centre = sums[usable] / sizes[usable]
    half = critical * scale[usable] * np.sqrt(n_units / max(n_units - 1, 1)) / sizes[usable]
    found[:, usable] = centre, centre - half, centre + half, (1 + reached) / (n_resamples + 1)
    return CalibrationTest(*found)


def find_units(context: AuditContext) -> npt.NDArray[np.int64]:
    """Return the independent unit of each pupil.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        The cluster, or one of up to 200 random parts where pupils are independent.
    """
    if context.rows.clusters is not None:
        return context.rows.clusters
    n = len(context.rows.risk)
    order = context.generator("independent units").permutation(n)
    return np.asarray(order % min(n, _PARTS), dtype=np.int64)


def add_up_cells(
    context: AuditContext, codes: npt.NDArray[np.int64], n_codes: int
) -> tuple[Array, Array, Array]:
    """Return the residuals and numbers of pupils by cell and independent unit.

    Parameters
    ----------
    context : AuditContext
        The audit.
    codes : numpy.ndarray of int, shape (n,)
        Each pupil's cell.
    n_codes : int
        How many cells there are.

    Returns
    -------
    residuals, counts : numpy.ndarray of float, shape (n_codes, n_units)
        Sums of outcome less risk, and numbers.
    binomial : numpy.ndarray of float, shape (n_codes,)
        Sums of risk times one less risk.
    """
    units = find_units(context)
    shape = (n_codes, int(units.max()) + 1)
    flat = np.ravel_multi_index((codes, units), shape)
    size = int(np.prod(shape))
    rest = context.rows.y_true - context.rows.risk
    residuals = np.bincount(flat, weights=rest, minlength=size).astype(np.float64).reshape(shape)
    counts = np.bincount(flat, minlength=size).astype(np.float64).reshape(shape)
    spread = context.rows.risk * (1 - context.rows.risk)
    binomial = np.bincount(codes, weights=spread, minlength=n_codes).astype(np.float64)
    return residuals, counts, binomial


def find_bands(risk: Array) -> npt.NDArray[np.int64]:
    """Return each pupil's band of risk.

    Parameters
    ----------
    risk : numpy.ndarray of float, shape (n,)
        In [0, 1].

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        From 0, the lowest risks, to `N_BANDS` - 1; equal risks share a band.
    """
    edges = np.quantile(risk, np.arange(1, N_BANDS) / N_BANDS)
    return np.searchsorted(edges, risk, side="left").astype(np.int64)


def describe_calibration(context: AuditContext) -> dict[str, Any]:
    """Return for each group whether its risks are right, on average and along the curve.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        `method` and, for each attribute, its `name` and `groups`; each group has
        `observed_minus_risk` (difference, simultaneous limits, p_value, `flagged`), `bands`
        (whether any of five bands of risk is off: p_value and `flagged`) and its `curve`.

    Notes
    -----
    Groups of all attributes are tested together, and so are all their bands. Calibration
    slopes stand with the group's other measures.
    """
    groups = context.lattice.members.shape[0]
    n_atoms = context.lattice.members.shape[1]
    bands = find_bands(context.rows.risk)
    by_band, counts, binomial = add_up_cells(
        context, context.lattice.atoms * N_BANDS + bands, n_atoms * N_BANDS
    )
    n_units = by_band.shape[1]
    shape = (n_atoms, N_BANDS, n_units)
    members = context.lattice.members
    residuals = np.tensordot(members, by_band.reshape(shape), axes=1)
    sizes = np.tensordot(members, counts.reshape(shape), axes=1)
    spread = members @ binomial.reshape(n_atoms, N_BANDS)
    whole = _test(
        context, residuals.sum(axis=1), sizes.sum(axis=1), spread.sum(axis=1), "calibration"
    )
    flat = (groups * N_BANDS, n_units)
    banded = _test(context, residuals.reshape(flat), sizes.reshape(flat), spread.ravel(), "bands")
    attributes = [
        {
            "name": grouping.name,
            "groups": [
                {"group": label, **_describe_group(context, int(number), whole, banded)}
                for label, number in zip(grouping.labels, numbers, strict=True)
            ],
        }
        for grouping, numbers in iterate_attributes(context)
    ]
    method = CLUSTERED if context.is_clustered else INDEPENDENT
    return {"method": method, "curve": describe_curve(context, 0), "attributes": attributes}


def _test(
    context: AuditContext, residuals: Array, counts: Array, binomial: Array, part: str
) -> CalibrationTest:
    """Test cells with enough pupils, in enough clusters; the whole takes no part."""
    spec = context.spec
    tested = counts.sum(axis=1) >= spec.minimum_count
    if context.is_clustered:
        tested &= (counts > 0).sum(axis=1) >= MINIMUM_CLUSTERS
    tested[: len(tested) // len(context.lattice.members)] = False
    return check_calibration(
        residuals, counts, binomial, tested, level=spec.level, n_resamples=spec.n_resamples,
        generator=context.generator(part),
    )  # fmt: skip


def _describe_group(
    context: AuditContext, number: int, whole: CalibrationTest, banded: CalibrationTest
) -> dict[str, Any]:
    """Return what may be said of one group."""
    limit = 1 - context.spec.level + 1e-12
    p_value = whole.p_value[number]
    empty: dict[str, Any] = dict.fromkeys(("difference", "lower", "upper", "p_value", "flagged"))
    if np.isnan(p_value):
        level = empty | {"reason": TOO_FEW}
    elif context.hidden["positives"][number]:
        level = empty | {"flagged": bool(p_value <= limit), "reason": SUPPRESSED}
    else:
        level = {
            "difference": float(whole.difference[number]),
            "lower": float(whole.lower[number]),
            "upper": float(whole.upper[number]),
            "p_value": float(p_value),
            "flagged": bool(p_value <= limit),
            "reason": None,
        }
    own = banded.p_value[number * N_BANDS : (number + 1) * N_BANDS]
    if np.isnan(own).all():
        bands: dict[str, Any] = {"p_value": None, "flagged": None, "reason": TOO_FEW}
    else:
        smallest = float(np.nanmin(own))
        is_hidden = bool(context.hidden["positives"][number])
        bands = {
            "p_value": None if is_hidden else smallest,
            "flagged": smallest <= limit,
            "reason": SUPPRESSED if is_hidden else None,
        }
    return {"observed_minus_risk": level, "bands": bands, "curve": describe_curve(context, number)}
