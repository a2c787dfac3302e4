"""The audit: rates by group with their intervals, compared, and fit to be released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ValidationError

from riskmodel.core.validation import check_columns
from riskmodel.errors import UndefinedMetricError, UsageError
from riskmodel.fairness.assembly import assemble_result, make_context
from riskmodel.fairness.context import AuditContext, AuditedRows
from riskmodel.fairness.groups import Counts, IntArray, flag_pupils, make_groupings, renumber
from riskmodel.fairness.measures import COMPARED
from riskmodel.fairness.refits import describe_inputs, describe_retraining
from riskmodel.fairness.result import AuditResult
from riskmodel.fairness.specs import AuditSpec


def audit(
    y_true: npt.ArrayLike,
    risk: npt.ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    intersections: Sequence[Sequence[str]] = (),
    cluster: npt.ArrayLike | None = None,
    threshold: float | None = None,
    capacity: float | None = None,
    control_features: pd.DataFrame | pd.Series | None = None,
    covariates: pd.DataFrame | None = None,
    cohort: npt.ArrayLike | None = None,
    compared: Sequence[str] = COMPARED,
    minimum_count: int = 10,
    level: float = 0.95,
    n_resamples: int = 1000,
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
    sensitive_features : pandas.DataFrame or Series, shape (n, n_features)
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
    control_features : pandas.DataFrame or Series, shape (n, n_controls), optional
        Groups are compared among pupils who are alike in these; each is also a way to divide
        the pupils, by itself and crossed with every sensitive feature.
    covariates : pandas.DataFrame, shape (n, n_covariates), optional
        Among these, beside the sensitive features, badly served subgroups are looked for.
    cohort : array-like of str, shape (n,), optional
        The cohort of each pupil, in the order of their names: for changes over time.
    compared : sequence of str, default ("miss_rate", "false_positive_rate")
        The rates, named as in `measures.RATES`, in which groups are compared.
    minimum_count : int, default 10
        Counts from 1 to below this are not shown, nor what gives them away, and smaller
        denominators are not compared.
    level : float, default 0.95
        Confidence level; the simultaneous one of the comparisons.
    n_resamples : int, default 1000
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
    sensitive = _make_frame(sensitive_features)
    controls = None if control_features is None else _make_frame(control_features)
    _check_lengths(sensitive, controls)
    spec = _make_spec(
        sensitive_features=tuple(str(name) for name in sensitive.columns),
        intersections=tuple(tuple(crossed) for crossed in intersections),
        control_features=() if controls is None else tuple(map(str, controls.columns)),
        capacity=capacity,
        threshold=threshold,
        compared=tuple(compared),
        minimum_count=minimum_count,
        level=level,
        n_resamples=n_resamples,
    )
    return _audit(
        y_true,
        risk,
        sensitive
        if controls is None
        else pd.concat([sensitive.reset_index(drop=True), controls.reset_index(drop=True)], axis=1),
        spec,
        cluster=cluster,
        covariates=covariates,
        cohort=cohort,
        random_state=random_state,
    )


def _audit(
    y_true: npt.ArrayLike,
    risk: npt.ArrayLike,
    features: pd.DataFrame,
    spec: AuditSpec,
    *,
    cluster: npt.ArrayLike | None,
    covariates: pd.DataFrame | None,
    cohort: npt.ArrayLike | None,
    random_state: int,
) -> AuditResult:
    """Audit as a specification asks; `features` are the sensitive and the control features."""
    rows, known = _collect(
        y_true, risk, features, spec, cluster=cluster, covariates=covariates, cohort=cohort
    )
    return assemble_result(rows, spec, n_dropped=int((~known).sum()), random_state=random_state)


def _collect(
    y_true: npt.ArrayLike,
    risk: npt.ArrayLike,
    features: pd.DataFrame,
    spec: AuditSpec,
    *,
    cluster: npt.ArrayLike | None,
    covariates: pd.DataFrame | None = None,
    cohort: npt.ArrayLike | None = None,
) -> tuple[AuditedRows, npt.NDArray[np.bool_]]:
    """Return the pupils with a known label, flagged, and who of all they are."""
    y_array, risk_array = _check_arrays(y_true, risk)
    clusters = None if cluster is None else _number_clusters(cluster)
    given = None if cohort is None else np.asarray(cohort)
    _check_lengths(y_array, risk_array, features, clusters, covariates, given)
    cohorts = None if given is None else _name_cohorts(given)
    known = ~np.isnan(y_array)
    if not known.any():
        raise UndefinedMetricError(
            "`y_true` must hold at least one known label, got none. Audit a cohort whose "
            "outcomes are known."
        )
    crossed = [(name, control) for name in spec.sensitive_features
               for control in spec.control_features]  # fmt: skip
    kept = features.loc[known]
    rows = AuditedRows(
        y_true=y_array[known],
        risk=risk_array[known],
        is_flagged=flag_pupils(risk_array[known], threshold=spec.threshold, capacity=spec.capacity),
        clusters=None if clusters is None else renumber(clusters[known]),
        groupings=make_groupings(kept, [*spec.intersections, *crossed]),
        strata=_find_strata(kept, spec.control_features),
        covariates=None if covariates is None else covariates.loc[known].reset_index(drop=True),
        cohorts=None if cohorts is None else cohorts[known],
    )
    return rows, known


def _check_lengths(*given: Sized | None) -> None:
    """Raise if what is given of the pupils is not of one length."""
    lengths = {len(part) for part in given if part is not None}
    if len(lengths) > 1:
        raise UsageError(
            "`y_true`, `risk`, `sensitive_features` and all else that is given must be of one "
            f"length, got {sorted(lengths)}. Give one row per pupil."
        )


def _make_frame(features: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Return features as a frame, with a name for each."""
    if isinstance(features, pd.Series):
        return features.to_frame(features.name if features.name is not None else "group")
    return features


def _find_strata(features: pd.DataFrame, names: Sequence[str]) -> IntArray | None:
    """Return who is alike in some features, the missing alike with one another."""
    if not names:
        return None
    numbers = features.groupby(list(names), dropna=False, sort=True).ngroup()
    strata: IntArray = np.asarray(numbers, dtype=np.int64)
    return strata


def audit_predictions(
    predictions: pd.DataFrame,
    spec: AuditSpec,
    *,
    cluster: str | None = "school_unit",
    covariates: pd.DataFrame | None = None,
    random_state: int,
) -> AuditResult:
    """Audit a table of predictions as a specification asks.

    Parameters
    ----------
    predictions : pandas.DataFrame
        One row per pupil, all of one model and one prediction point: columns label (1, 0 or
        NaN), risk, the sensitive and control features, and the cluster's; with a column
        cohort of several values changes over time are tested.
    spec : AuditSpec
        Groups, capacity or threshold, minimum count and level.
    cluster : str, optional
        The column of the clusters; None if pupils are independent.
    covariates : pandas.DataFrame, shape (n, n_covariates), optional
        Among these, beside the sensitive features, badly served subgroups are looked for.
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
    features = [*spec.sensitive_features, *spec.control_features]
    needed = ["label", "risk", *features, *([cluster] if cluster else [])]
    check_columns([str(name) for name in predictions.columns], needed, where="predictions")
    return _audit(
        predictions["label"].to_numpy(dtype=np.float64),
        predictions["risk"].to_numpy(dtype=np.float64),
        predictions[features],
        spec,
        cluster=predictions[cluster] if cluster else None,
        covariates=covariates,
        cohort=predictions["cohort"] if "cohort" in predictions.columns else None,
        random_state=random_state,
    )


def audit_inputs(
    predictions: pd.DataFrame,
    risks: Mapping[str, npt.ArrayLike],
    spec: AuditSpec,
    *,
    base: str,
    family: str,
    proxies: Sequence[str],
    cluster: str | None = "school_unit",
    random_state: int,
) -> dict[str, Any]:
    """Compare models of the same family with other inputs, on the same pupils.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As for `audit_predictions`; its risks are not read.
    risks : mapping of str to array-like of float, shape (n,)
        The pupils' risks by model: `base` and those of `refits.ARMS`.
    spec : AuditSpec
        Groups, capacity or threshold, minimum count and level.
    base : str
        The model without sensitive attributes.
    family : str
        The family of all models.
    proxies : sequence of str
        The features that were left out as proxies.
    cluster : str, optional
        The column of the clusters; None if pupils are independent.
    random_state : int
        The seed.

    Returns
    -------
    dict
        What `refits.describe_inputs` returns: the part ``inputs`` of `fairness.json`.
    """
    context, known = _make_base_context(predictions, risks[base], spec, cluster, random_state)
    others = {
        name: np.asarray(risk, dtype=np.float64)[known]
        for name, risk in risks.items()
        if name != base
    }
    return describe_inputs(context, others, family=family, proxies=proxies)


def audit_retraining(
    predictions: pd.DataFrame,
    base_risk: npt.ArrayLike,
    risks: Mapping[tuple[str, str], npt.ArrayLike],
    spec: AuditSpec,
    *,
    family: str,
    cluster: str | None = "school_unit",
    random_state: int,
) -> dict[str, Any]:
    """Compare a model with the same one trained with an eye to groups, on the same pupils.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As for `audit_predictions`; its risks are not read.
    base_risk : array-like of float, shape (n,)
        The pupils' risks by the model that is trained without that.
    risks : mapping of (str, str) to array-like of float, shape (n,)
        Their scores by attribute and method.
    spec : AuditSpec
        Groups, capacity or threshold, minimum count and level.
    family : str
        The family of all models.
    cluster : str, optional
        The column of the clusters; None if pupils are independent.
    random_state : int
        The seed.

    Returns
    -------
    dict
        What `refits.describe_retraining` returns: the part ``retraining`` of `fairness.json`.
    """
    context, known = _make_base_context(predictions, base_risk, spec, cluster, random_state)
    others = {key: np.asarray(risk, dtype=np.float64)[known] for key, risk in risks.items()}
    return describe_retraining(context, others, family=family)


def _make_base_context(
    predictions: pd.DataFrame,
    risk: npt.ArrayLike,
    spec: AuditSpec,
    cluster: str | None,
    random_state: int,
) -> tuple[AuditContext, npt.NDArray[np.bool_]]:
    """Return the audit that other models are compared with, and whose labels are known."""
    rows, known = _collect(
        predictions["label"].to_numpy(dtype=np.float64),
        risk,
        predictions[[*spec.sensitive_features, *spec.control_features]],
        spec,
        cluster=predictions[cluster] if cluster else None,
    )
    return make_context(rows, spec, random_state), known


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


def _name_cohorts(cohort: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """Return each pupil's cohort as text; raise if it is missing for any."""
    absent = int(pd.isna(cohort).sum())
    if absent:
        raise UsageError(
            f"`cohort` must name the cohort of every pupil, got {absent} without. Name them, or "
            "leave these pupils out."
        )
    return cohort.astype(str)
