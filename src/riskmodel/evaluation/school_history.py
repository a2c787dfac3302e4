"""The school-only yardstick: what the school's and the municipality's own history foretells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import check_columns

FloatArray = npt.NDArray[np.float64]

SCHOOL_ONLY = "school_only"
"""The yardstick's name among the models."""

_FEWEST, _MOST = 1.0, 1000.0


def predict_by_history(history: pd.DataFrame, rows: pd.DataFrame) -> FloatArray:
    """Return the risk that a pupil's school and municipality alone would give.

    Parameters
    ----------
    history : pandas.DataFrame
        Earlier pupils: `school_unit`, `label` (1, 0 or missing) and perhaps `municipality`.
    rows : pandas.DataFrame
        The pupils to predict: `school_unit` and perhaps `municipality`.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        In (0, 1), the same for all pupils of a school and municipality: no fact of their own
        is used.

    Raises
    ------
    UsageError
        If a column is missing.

    Notes
    -----
    The school's earlier share is drawn towards its municipality's, and that one towards the
    share of all, the more so the fewer pupils there were and the more alike schools are. A
    school without a history is given its municipality's share.

    References
    ----------
    Perdomo, J. C., Britton, T., Hardt, M. and Abebe, R. (2025). Difficult lessons on social
    prediction from Wisconsin public schools. FAccT.
    """
    check_columns(list(history.columns), ("school_unit", "label"), where="history")
    check_columns(list(rows.columns), ("school_unit",), where="rows")
    known = history[history["label"].notna()]
    labels = known["label"].to_numpy(dtype=np.float64)
    rate = (labels.sum() + 0.5) / (len(labels) + 1)
    prior = np.full(len(rows), rate)
    own_prior = np.full(len(known), rate)
    if "municipality" in history.columns and "municipality" in rows.columns:
        shares = _shrink(known["municipality"], labels, own_prior)
        prior = _look_up(shares, rows["municipality"], prior)
        own_prior = _look_up(shares, known["municipality"], own_prior)
    return _look_up(_shrink(known["school_unit"], labels, own_prior), rows["school_unit"], prior)


def _shrink(groups: pd.Series[str], labels: FloatArray, prior: FloatArray) -> pd.Series[float]:
    """Return each group's share, drawn towards its pupils' prior shares."""
    frame = pd.DataFrame({"group": groups.to_numpy(), "label": labels, "prior": prior})
    sums = frame.groupby("group").agg(
        n=("label", "size"), y=("label", "sum"), prior=("prior", "mean")
    )
    weight = _find_prior_weight(sums)
    return (sums["y"] + weight * sums["prior"]) / (sums["n"] + weight)


def _find_prior_weight(sums: pd.DataFrame) -> float:
    """Return how many pupils a prior share is worth: by how much groups truly differ from it."""
    n, excess = sums["n"], sums["y"] - sums["n"] * sums["prior"]
    noise = sums["n"] * sums["prior"] * (1 - sums["prior"])
    true = float((excess**2 - noise).sum())
    spread = float((n * (n - 1) * sums["prior"] * (1 - sums["prior"])).sum())
    alike = min(max(true / spread, 0.0), 1.0) if spread > 0 else 0.0
    return float(np.clip((1 - alike) / alike if alike > 0 else _MOST, _FEWEST, _MOST))


def _look_up(shares: pd.Series[float], groups: pd.Series[str], otherwise: FloatArray) -> FloatArray:
    """Return each row's share by its group, or another where the group is not known."""
    found = groups.map(shares).to_numpy(dtype=np.float64)
    return np.where(np.isnan(found), otherwise, found)
