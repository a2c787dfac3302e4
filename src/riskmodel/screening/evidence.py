"""Whether there is enough to go by: what is missing, and what no training pupil was like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from riskmodel.screening.specs import EvidenceSpec


def assess_evidence(
    trained: pd.DataFrame, pupils: pd.DataFrame, inputs: Sequence[str], spec: EvidenceSpec
) -> pd.DataFrame:
    """Tell for each pupil whether a risk can be stated with any confidence.

    Parameters
    ----------
    trained : pandas.DataFrame
        The features of the pupils that the model was trained on; NaN where missing.
    pupils : pandas.DataFrame of shape (n, p)
        Those of the pupils to be judged.
    inputs : sequence of str
        The features that the model uses.
    spec : EvidenceSpec
        How much may be missing, and how much unlike.

    Returns
    -------
    pandas.DataFrame
        With the index of `pupils`: `share_missing` (of the inputs, in [0, 1]), `n_unlike` (inputs
        outside the range of the training pupils) and `has_enough_data`.

    Notes
    -----
    Ranges are looked at one feature at a time: a strange combination of common values is not
    found. A model without inputs, such as the base rate, always has enough.
    """
    names = list(inputs)
    now = pupils[names].to_numpy(dtype=np.float64)
    before = trained[names].to_numpy(dtype=np.float64)
    if not names:
        share = np.zeros(len(pupils))
        unlike = np.zeros(len(pupils), dtype=np.int64)
    else:
        share = np.isnan(now).mean(axis=1)
        known = ~np.isnan(before)
        lowest = np.where(known, before, np.inf).min(axis=0, initial=np.inf)
        highest = np.where(known, before, -np.inf).max(axis=0, initial=-np.inf)
        unlike = ((now < lowest) | (now > highest)).sum(axis=1)
    enough = (share <= spec.largest_missing_share) & (unlike <= spec.most_unlike)
    return pd.DataFrame(
        {"share_missing": share, "n_unlike": unlike, "has_enough_data": enough},
        index=pupils.index,
    )
