"""The audit: rates by group with their intervals, compared, and fit to be released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ValidationError

from riskmodel.core.validation import check_columns
from riskmodel.errors import UndefinedMetricError, UsageError
from riskmodel.fairness.assembly import assemble_result
from riskmodel.fairness.context import AuditedRows
from riskmodel.fairness.groups import Counts, IntArray, make_groupings
from riskmodel.fairness.result import AuditResult
from riskmodel.fairness.specs import AuditSpec


def audit(
    y_true: npt.ArrayLike,
    risk: npt.ArrayLike,
    *,
    sensitive_features: pd.DataFrame,
    intersections: Sequence[Sequence[str]] = (),
    cluster: npt.ArrayLike | None = None,
    threshold: float | None = None,
    capacity: float | None = None,
    minimum_count: int = 10,
    level: float = 0.95,
    n_resamples: int = 999,
    random_state: int = 0,
) -> AuditResult:
    """Assess how a risk serves the groups of some sensitive features.

    Pupils are flagged by a capacity or a threshold. For each group and for all together the
    audit gives counts, the rates of `measures.RATES`, and the mean risk against what came to
    be; and it compares each group's miss rate and false positive rate with those of all
    others, tested together over all groups and both rates.

    Parameters
    ----------
    y_true : array-like of float, shape (n,)
        1 with the outcome (not completed), 0 without, NaN where not known: such rows are left
        out and counted.
    risk : array-like of float, shape (n,)
        Calibrated risk in [0, 1], none missing.
    sensitive_features : pandas.DataFrame, shape (n, n_features)
        One column per feature; a missing value belongs to the group ``unknown``.
    intersections : sequence of sequence of str, optional
        Columns to cross.
    cluster : array-like, shape (n,), optional
        The school of each pupil; pupils of one school are not independent. The missing are
        one cluster.
    threshold : float, optional
        Flag the pupils whose risk is at least this.
    capacity : float or int, optional
        Flag this share, in (0, 1], or this whole number of the pupils with a known label, by
        falling risk; of equal risks the first rows.
    minimum_count : int, default 10
        Counts from 1 to below this are not shown, nor what gives them away, and smaller
        denominators are not compared.
    level : float, default 0.95
        Confidence level; the simultaneous one of the comparisons.
    n_resamples : int, default 999
        Resamples of the comparisons.
    random_state : int, default 0
        Seed of the resamples.

    Returns
    -------
    AuditResult
        All figures, small counts suppressed.

    Raises
    ------
    UsageError
        If the arguments do not fit one another.
    UndefinedMetricError
        If no label is known.

    Notes
    -----
    The result depends on the order of the rows only where equal risks straddle the capacity.

    Examples
    --------
    >>> group = pd.DataFrame({"sex": ["Man", "Kvinna"] * 100})
    >>> risk = np.linspace(0, 1, 200)
    >>> result = audit(risk > 0.6, risk, sensitive_features=group, capacity=0.3)
    >>> result.overall["measures"]["recall"]["value"]
    0.75
    """
    spec = _make_spec(
        sensitive_features=tuple(str(name) for name in sensitive_features.columns),
        intersections=tuple(tuple(crossed) for crossed in intersections),
        capacity=capacity,
        threshold=threshold,
        minimum_count=minimum_count,
        level=level,
        n_resamples=n_resamples,
    )
    y_array, risk_array = _check_arrays(y_true, risk)
    clusters = None if cluster is None else _number_clusters(cluster)
    lengths = {len(y_array), len(risk_array), len(sensitive_features)}
    lengths |= set() if clusters is None else {len(clusters)}
    if len(lengths) > 1:
        raise UsageError(
            "`y_true`, `risk`, `sensitive_features` and `cluster` must be of one length, got "
            f"{sorted(lengths)}. Give one row per pupil."
        )
    known = ~np.isnan(y_array)
    if not known.any():
        raise UndefinedMetricError(
            "`y_true` must hold at least one known label, got none. Audit a cohort whose "
            "outcomes are known."
        )
    rows = AuditedRows(
        y_true=y_array[known],
        risk=risk_array[known],
        is_flagged=flag_pupils(risk_array[known], threshold=threshold, capacity=capacity),
        clusters=None if clusters is None else _renumber(clusters[known]),
        groupings=make_groupings(sensitive_features.loc[known], spec.intersections),
    )
    return assemble_result(rows, spec, n_dropped=int((~known).sum()), random_state=random_state)


def audit_predictions(
    predictions: pd.DataFrame,
    spec: AuditSpec,
    *,
    cluster: str | None = "school_unit",
    random_state: int,
) -> AuditResult:
    """Audit a table of predictions as a specification asks.

    Parameters
    ----------
    predictions : pandas.DataFrame
        One row per pupil, all of one model and one prediction point: columns label (1, 0 or
        NaN), risk, the sensitive features, and the cluster's.
    spec : AuditSpec
        Groups, capacity or threshold, minimum count and level.
    cluster : str, optional
        The column of the clusters; None if pupils are independent.
    random_state : int
        Seed of the resamples.

    Returns
    -------
    AuditResult
        All figures, small counts suppressed.

    Raises
    ------
    UsageError
        If a column is missing.
    UndefinedMetricError
        If no label is known.
    """
    features = list(spec.sensitive_features)
    needed = ["label", "risk", *features, *([cluster] if cluster else [])]
    check_columns([str(name) for name in predictions.columns], needed, where="predictions")
    return audit(
        predictions["label"].to_numpy(dtype=np.float64),
        predictions["risk"].to_numpy(dtype=np.float64),
        sensitive_features=predictions[features],
        intersections=spec.intersections,
        cluster=predictions[cluster] if cluster else None,
        threshold=spec.threshold,
        capacity=spec.capacity,
        minimum_count=spec.minimum_count,
        level=spec.level,
        n_resamples=spec.n_resamples,
        random_state=random_state,
    )


def flag_pupils(
    risk: Counts, *, threshold: float | None = None, capacity: float | None = None
) -> npt.NDArray[np.bool_]:
    """Return who is flagged by a threshold or a capacity.

    Parameters
    ----------
    risk : numpy.ndarray of float, shape (n,)
        Calibrated risk in [0, 1].
    threshold : float, optional
        Flag from this risk on.
    capacity : float or int, optional
        Flag this share, in (0, 1] and rounded down, or this whole number.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        Of equal risks at the edge of the capacity the first rows are flagged.

    Examples
    --------
    >>> flag_pupils(np.array([0.2, 0.9, 0.2, 0.2]), capacity=2).tolist()
    [True, True, False, False]
    """
    if threshold is not None:
        return np.asarray(risk >= threshold)
    assert capacity is not None
    is_share = isinstance(capacity, float) and capacity <= 1
    n_flagged = int(capacity * len(risk) + 1e-9) if is_share else int(capacity)
    flagged = np.zeros(len(risk), dtype=bool)
    flagged[np.argsort(-risk, kind="stable")[:n_flagged]] = True
    return flagged


def _check_arrays(y_true: npt.ArrayLike, risk: npt.ArrayLike) -> tuple[Counts, Counts]:
    """Return labels and risks as floats, or raise."""
    y_array = np.asarray(y_true, dtype=np.float64).ravel()
    risk_array = np.asarray(risk, dtype=np.float64).ravel()
    wrong_labels = int((~np.isnan(y_array) & (y_array != 0) & (y_array != 1)).sum())
    if wrong_labels:
        raise UsageError(
            f"`y_true` must be 1, 0 or missing, got {wrong_labels} other values. "
            "Give the outcome, not a score."
        )
    wrong_risks = int((~((risk_array >= 0) & (risk_array <= 1))).sum())
    if wrong_risks:
        raise UsageError(
            f"`risk` must be in [0, 1] and not missing, got {wrong_risks} other values. "
            "Give the calibrated risk."
        )
    return y_array, risk_array


def _make_spec(**fields: Any) -> AuditSpec:
    """Return the arguments as a specification, or raise with all that is wrong."""
    try:
        return AuditSpec(**fields)
    except ValidationError as error:
        findings = [
            ": ".join([*(str(part) for part in detail["loc"]), detail["msg"]])
            for detail in error.errors()
        ]
        raise UsageError(
            f"the arguments of `audit` must fit one another, got {len(findings)} findings. "
            "Correct them.",
            findings,
        ) from None


def _number_clusters(cluster: npt.ArrayLike) -> IntArray:
    """Return each pupil's cluster as a number, the missing as one of their own."""
    codes, _ = pd.factorize(pd.Series(np.asarray(cluster)), use_na_sentinel=False)
    return codes.astype(np.int64)


def _renumber(codes: IntArray) -> IntArray:
    """Return cluster numbers without gaps."""
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)
