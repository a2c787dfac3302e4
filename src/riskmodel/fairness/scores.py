"""How well risks rank and fit within each group: AUC, Brier score, calibration, net benefit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.core.randomness import make_generator
from riskmodel.evaluation.calibration import (
    estimate_line,
    find_calibration_curve,
    measure_brier,
)
from riskmodel.evaluation.intervals import make_interval
from riskmodel.evaluation.ranking import estimate_auc
from riskmodel.evaluation.sample import INDEPENDENT_GROUPS, MINIMUM_CLUSTERS, Sample
from riskmodel.evaluation.utility import measure_worth
from riskmodel.fairness.context import AuditContext, AuditedRows
from riskmodel.fairness.groups import renumber
from riskmodel.fairness.measures import NO_NEGATIVES, NO_POSITIVES
from riskmodel.privacy.disclosure import SUPPRESSED

Figure = dict[str, Any]

SCORES = ("auc", "brier", "calibration_slope", "calibration_intercept", "net_benefit")
"""The measures, in the order in which they are shown."""

NO_SPREAD = "no_spread"
"""The reason where all risks of a group are equal."""

SEPARATED = "separated"
"""The reason where the risks separate a group's outcomes, so that no slope is the likeliest."""

_N_BANDS = 10


def describe_scores(context: AuditContext) -> list[dict[str, Figure]]:
    """Return how well risks rank and fit in each group.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    list of dict
        One per group of the lattice, the whole first, with the figures of `SCORES`. Hidden
        where the group's cells may not be shown.

    Notes
    -----
    Intervals leave out one school at a time, or, where a group stands in fewer than 6 schools,
    one of up to 200 random parts of its pupils. Net benefit counts a found pupil as 1 and a
    false alarm as the odds of the threshold in force, per pupil of the group; with a capacity
    the threshold is the lowest risk that is flagged.

    References
    ----------
    Vickers, A. J., Van Calster, B. and Steyerberg, E. W. (2019). A simple, step-by-step guide
    to interpreting decision curve analysis. Diagnostic and Prognostic Research 3, 18.
    """
    rows, spec = context.rows, context.spec
    threshold = find_threshold(rows, spec.threshold)
    described = []
    for number in range(len(context.lattice.members)):
        if context.hidden["inner"][number]:
            described.append({key: {"value": None, "reason": SUPPRESSED} for key in SCORES})
            continue
        inside = select_group(context, number)
        sample = make_group_sample(rows, inside)
        described.append(_measure_group(sample, rows.is_flagged[inside], threshold, spec.level))
    return described


def describe_curve(context: AuditContext, number: int) -> list[dict[str, Any]]:
    """Return a group's mean risk and observed share by bands of rising risk.

    Parameters
    ----------
    context : AuditContext
        The audit.
    number : int
        The group's place in the lattice.

    Returns
    -------
    list of dict
        `mean_risk`, `observed`, `lower`, `upper` and `n` of up to 10 bands, each with at least the
        minimum count of pupils with, and without, the outcome, so that no part of the group's
        counts is small; empty where the group may not be shown or is too small for two bands.
    """
    if context.hidden["positives"][number]:
        return []
    sample = make_group_sample(context.rows, select_group(context, number))
    if not sample.has_both_classes:
        return []
    spec = context.spec
    return find_calibration_curve(
        sample, n_groups=_N_BANDS, minimum_count=spec.minimum_count, level=spec.level
    )


def select_group(context: AuditContext, number: int) -> npt.NDArray[np.bool_]:
    """Return who belongs to a group.

    Parameters
    ----------
    context : AuditContext
        The audit.
    number : int
        The group's place in the lattice, 0 for the whole.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        The group's pupils.
    """
    members = context.lattice.members[number].astype(bool)
    return np.asarray(members[context.lattice.atoms])


def make_group_sample(rows: AuditedRows, inside: npt.NDArray[np.bool_]) -> Sample:
    """Return some pupils as a sample whose schools are left out in turn.

    Parameters
    ----------
    rows : AuditedRows
        All pupils.
    inside : numpy.ndarray of bool, shape (n,)
        Whom to take.

    Returns
    -------
    Sample
        With random parts of the pupils as units where there are no schools, or fewer than 6.
    """
    risk, label = rows.risk[inside], rows.y_true[inside]
    if rows.clusters is not None:
        unit = renumber(rows.clusters[inside])
        n_units = int(unit.max(initial=-1)) + 1
        if n_units >= MINIMUM_CLUSTERS:
            return Sample(risk, label, unit, n_units, n_units, True)
    n_units = min(len(risk), INDEPENDENT_GROUPS)
    order = make_generator(0, "fairness", "independent groups").permutation(len(risk))
    return Sample(risk, label, order % max(n_units, 1), n_units, 0, False)


def find_threshold(rows: AuditedRows, threshold: float | None) -> float | None:
    """Return the risk from which on pupils are flagged.

    Parameters
    ----------
    rows : AuditedRows
        The pupils.
    threshold : float or None
        What was asked for, if it was.

    Returns
    -------
    float or None
        The lowest flagged risk where a capacity was asked for; None if nobody is flagged.
    """
    if threshold is not None:
        return threshold
    flagged = rows.risk[rows.is_flagged]
    return float(flagged.min()) if len(flagged) else None


def _measure_group(
    sample: Sample, is_flagged: npt.NDArray[np.bool_], threshold: float | None, level: float
) -> dict[str, Figure]:
    """Return the figures of one group that may be shown."""
    if not sample.has_both_classes:
        reason = NO_NEGATIVES if sample.n_positive else NO_POSITIVES
        found = {key: {"value": None, "reason": reason} for key in SCORES}
    else:
        figures = {"auc": estimate_auc(sample, level)} | estimate_line(sample, level)
        no_line = NO_SPREAD if np.ptp(sample.known_risk) == 0 else SEPARATED
        found = {
            name: {"value": None, "reason": no_line} if one.value is None else one.to_dict()
            for name, one in figures.items()
        }
    value, without = measure_brier(sample)
    found["brier"] = make_interval(value, without, sample, level=level, scale="logit").to_dict()
    found["net_benefit"] = _find_net_benefit(sample, is_flagged, threshold, level)
    return found


def _find_net_benefit(
    sample: Sample, is_flagged: npt.NDArray[np.bool_], threshold: float | None, level: float
) -> Figure:
    """Return found pupils less false alarms at the odds of the threshold, per pupil."""
    if threshold is None or threshold >= 1:
        return {"value": None, "reason": "nobody_flagged"}
    value, without = measure_worth(sample, is_flagged, threshold)
    return make_interval(value, without, sample, level=level, scale="identity").to_dict()
