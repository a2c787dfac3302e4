"""What the model's inputs have to do with it: with sensitive attributes, without their proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from riskmodel.evaluation.intervals import make_ranking_difference
from riskmodel.evaluation.ranking import measure_auc
from riskmodel.fairness.calibration import find_units
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import flag_pupils, make_groupings
from riskmodel.fairness.list_changes import describe_change
from riskmodel.fairness.measures import NO_POSITIVES
from riskmodel.fairness.scores import make_group_sample
from riskmodel.fairness.small_groups import iterate_attributes
from riskmodel.privacy.disclosure import SUPPRESSED

ARMS = ("with_attributes", "without_proxies")
"""The models that are compared with the one that is trained without sensitive attributes."""

PROXY_AUC = 0.65
"""A feature by which a group can be told from all others this well, or better, is a proxy."""

_FEWEST = 50


def find_proxies(
    X: pd.DataFrame, sensitive: pd.DataFrame, *, limit: float = PROXY_AUC
) -> tuple[str, ...]:
    """Return the features that stand in for a sensitive attribute.

    Parameters
    ----------
    X : pandas.DataFrame, shape (n, n_features)
        Features as numbers; a missing value is a state of its own below all others.
    sensitive : pandas.DataFrame, shape (n, n_attributes)
        The attributes; missing values are a group.
    limit : float, default 0.65
        The least AUC, in either direction, with which a feature alone tells a group of at
        least 50 pupils from all others.

    Returns
    -------
    tuple of str
        In the order of `X`.

    Examples
    --------
    >>> X = pd.DataFrame({"a": np.arange(200.0), "b": np.tile([0.0, 1.0], 100)})
    >>> find_proxies(X, pd.DataFrame({"sex": np.repeat(["Man", "Kvinna"], 100)}))
    ('a',)
    """
    groups = [
        inside
        for grouping in make_groupings(sensitive)
        for code in range(len(grouping.values))
        for inside in [grouping.codes == code]
        if _FEWEST <= inside.sum() <= len(inside) - _FEWEST
    ]
    found = []
    for name, column in X.items():
        values = column.to_numpy(dtype=np.float64)
        if np.isnan(values).all():
            continue
        ranks = rankdata(np.where(np.isnan(values), np.nanmin(values) - 1, values))
        if any(abs(_find_auc(ranks, inside) - 0.5) >= limit - 0.5 for inside in groups):
            found.append(str(name))
    return tuple(found)


def _find_auc(ranks: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_]) -> float:
    """Return how often a pupil inside ranks above one outside, ties counted half."""
    n = int(inside.sum())
    above = float(ranks[inside].sum()) - n * (n + 1) / 2
    return above / (n * (len(inside) - n))


def describe_inputs(
    context: AuditContext,
    risks: Mapping[str, npt.NDArray[np.float64]],
    *,
    family: str,
    proxies: Sequence[str],
) -> dict[str, Any]:
    """Return what other inputs would change, paired on the same pupils.

    Parameters
    ----------
    context : AuditContext
        The audit of the model without sensitive attributes, fitted anew by the same family.
    risks : mapping of str to numpy.ndarray of float, shape (n,)
        The same pupils' risks by the models of `ARMS`.
    family : str
        The family of all three.
    proxies : sequence of str
        The features that were left out as proxies.

    Returns
    -------
    dict
        `family`, `proxies` and `arms`: each has the change in `auc` with its interval and, for
        each single attribute, what the list would change (as under `mitigation`).

    References
    ----------
    Yu, R., Lee, H. and Kizilcec, R. F. (2021). Should college dropout prediction models
    include protected attributes? Learning at Scale.
    """
    spec, units = context.spec, find_units(context)
    arms: dict[str, Any] = {}
    for name in ARMS:
        flagged = flag_pupils(risks[name], threshold=spec.threshold, capacity=spec.capacity)
        attributes = [
            {
                "name": grouping.name,
                "change": describe_change(
                    context, grouping, context.hidden["inner"][numbers], flagged, units
                ),
            }
            for grouping, numbers in iterate_attributes(context)
            if len(grouping.features) == 1
        ]
        arms[name] = {"auc": _compare_auc(context, risks[name]), "attributes": attributes}
    return {"family": family, "proxies": list(proxies), "arms": arms}


def describe_retraining(
    context: AuditContext, risks: Mapping[tuple[str, str], npt.NDArray[np.float64]], *, family: str
) -> dict[str, Any]:
    """Return what training with an eye to each attribute's groups would change.

    Parameters
    ----------
    context : AuditContext
        The audit of the model that was trained in the same way without that.
    risks : mapping of (str, str) to numpy.ndarray of float, shape (n,)
        The same pupils' scores by attribute and method; the list has as many places.
    family : str
        The family of all models.

    Returns
    -------
    dict
        `family` and `attributes`: each has its `name` and, by method, what the list would
        change (as under `mitigation`).
    """
    units = find_units(context)
    places = int(context.rows.is_flagged.sum())
    attributes = []
    for grouping, numbers in iterate_attributes(context):
        if len(grouping.features) > 1:
            continue
        hidden = context.hidden["inner"][numbers]
        methods = {
            method: describe_change(
                context, grouping, hidden,
                flag_pupils(risk, threshold=None, capacity=max(places, 1)), units,
            )
            for (name, method), risk in risks.items()
            if name == grouping.name
        }  # fmt: skip
        attributes.append({"name": grouping.name, "methods": methods})
    return {"family": family, "attributes": attributes}


def _compare_auc(context: AuditContext, risk: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return by how much the AUC would change, with its interval."""
    everyone = np.ones(len(risk), dtype=bool)
    before = make_group_sample(context.rows, everyone)
    if context.hidden["inner"][0] or not before.has_both_classes:
        return {"value": None, "reason": NO_POSITIVES if not before.n_positive else SUPPRESSED}
    after = make_group_sample(replace(context.rows, risk=risk), everyone)
    figure = make_ranking_difference(
        measure_auc(after), measure_auc(before), before, level=context.spec.level
    )
    return figure.to_dict()
