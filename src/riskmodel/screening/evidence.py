"""Whether there is enough to go by: what is missing, and what no training pupil was like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.screening.fitness import Columns
from riskmodel.screening.specs import EvidenceSpec

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ranges:
    """Between which values the training pupils lay.

    Parameters
    ----------
    names : tuple of str
        The features that the model uses.
    lowest, highest : tuple of float
        Of each; infinite the wrong way round where no value was known.
    """

    names: tuple[str, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]


def find_ranges(trained: Columns, inputs: Sequence[str]) -> Ranges:
    """Find between which values the training pupils lay.

    Parameters
    ----------
    trained : Columns
        The features of the pupils that the model was trained on; NaN where missing.
    inputs : sequence of str
        The features that the model uses.

    Returns
    -------
    Ranges
        One for each.
    """
    lowest, highest = [], []
    for name in inputs:
        values = trained[name].to_numpy(dtype=np.float64)
        known = values[~np.isnan(values)]
        lowest.append(float(known.min(initial=np.inf)))
        highest.append(float(known.max(initial=-np.inf)))
    return Ranges(tuple(inputs), tuple(lowest), tuple(highest))


def assess_evidence(pupils: pd.DataFrame, ranges: Ranges, spec: EvidenceSpec) -> BoolArray:
    """Tell for each pupil whether a risk can be stated with any confidence.

    Parameters
    ----------
    pupils : pandas.DataFrame of shape (n, p)
        The features of the pupils to be judged; NaN where missing.
    ranges : Ranges
        Of the pupils that the model was trained on.
    spec : EvidenceSpec
        How much may be missing, and how much unlike.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        False where more of the inputs are missing than allowed, or more lie outside the range of
        the training pupils.

    Notes
    -----
    Ranges are looked at one feature at a time: a strange combination of common values is not
    found. A model without inputs, such as the base rate, always has enough.
    """
    if not ranges.names:
        return np.ones(len(pupils), dtype=np.bool_)
    now = pupils[list(ranges.names)].to_numpy(dtype=np.float64)
    n_missing = np.isnan(now).sum(axis=1)
    n_unlike = ((now < np.array(ranges.lowest)) | (now > np.array(ranges.highest))).sum(axis=1)
    enough = n_missing <= spec.largest_missing_share * len(ranges.names) + 1e-9
    return np.asarray(enough & (n_unlike <= spec.most_unlike))
