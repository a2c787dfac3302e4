"""Ranking within schools: what an individual risk adds to knowing the school."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.evaluation.ranking import CapacityCounts
from riskmodel.evaluation.sample import Sample, leave_out

FloatArray = npt.NDArray[np.float64]


def measure_auc_within_school(sample: Sample) -> tuple[float, FloatArray]:
    """Measure the area under the curve over pairs of pupils of the same school.

    Parameters
    ----------
    sample : Sample
        With schools as units.

    Returns
    -------
    value : float
        The share of pairs of a pupil with and one without the outcome, both of one school, in
        which the former has the higher risk; equal risks count half. NaN where no school has
        such a pair.
    without : numpy.ndarray of float, shape (n_units,)
        The same without each unit.

    References
    ----------
    Perdomo, J. C., Britton, T., Hardt, M. and Abebe, R. (2025). Difficult lessons on social
    prediction from Wisconsin public schools. FAccT.
    """
    positive = (sample.known_label == 1).astype(np.float64)
    ranks = pd.Series(sample.known_risk).groupby(sample.known_unit).rank().to_numpy()
    positives = sample.add_up(positive)
    negatives = sample.add_up(1 - positive)
    won = sample.add_up(ranks * positive) - positives * (positives + 1) / 2
    pairs = positives * negatives
    return _divide(won.sum(), pairs.sum()), leave_out(won, pairs)


def count_within_schools(sample: Sample, share: float) -> CapacityCounts:
    """Count what it finds if every school meets the same share of its pupils.

    Parameters
    ----------
    sample : Sample
        With schools as units; rows of no unit are left out.
    share : float
        The share of a school's pupils who are met, in (0, 1]; rounded down, at least one.

    Returns
    -------
    CapacityCounts
        Where equal risks compete for the last place, the expected counts if it were drawn by
        lot.
    """
    frame = pd.DataFrame({"unit": sample.unit, "risk": sample.risk})
    grouped = frame.groupby("unit")["risk"]
    places = np.maximum(np.floor(grouped.transform("size") * share + 1e-9), 1.0)
    above = grouped.rank(method="min", ascending=False) - 1
    tied = frame.groupby(["unit", "risk"])["risk"].transform("size")
    place = np.clip((places - above) / tied, 0.0, 1.0).to_numpy()[sample.is_known]
    met, found = sample.add_up(place), sample.add_up(place * sample.known_label)
    positives = sample.add_up(sample.known_label)
    return CapacityCounts(
        found=float(found.sum()),
        met=float(met.sum()),
        precision=_divide(found.sum(), met.sum()),
        recall=_divide(found.sum(), positives.sum()),
        precision_without=leave_out(found, met),
        recall_without=leave_out(found, positives),
        met_by_unit=met,
    )


def _divide(top: float, bottom: float) -> float:
    """Return a share, NaN of nobody."""
    return float(top / bottom) if bottom > 0 else float("nan")
