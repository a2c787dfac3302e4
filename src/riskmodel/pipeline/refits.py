"""Fitting the model anew with other inputs, for the audit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.cohort.specs import TemporalSplit
from riskmodel.core.randomness import derive_seed
from riskmodel.fairness.refits import ARMS, find_proxies
from riskmodel.models.specs import ModelSpec
from riskmodel.models.training import train_candidates
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import KEYS, ModellingTable, read_attributes, read_modelling_table

FAMILY = "logistic"
"""Fitted in seconds; all models that are compared are of this family."""

BASE = "as_trained"
_FOLDS = 2


def fit_with_other_inputs(
    context: StageContext, predictions: pd.DataFrame, point: str
) -> tuple[dict[str, npt.NDArray[np.float64]], tuple[str, ...]]:
    """Fit models with sensitive attributes, and without their proxies, and predict.

    Parameters
    ----------
    context : StageContext
        The run.
    predictions : pandas.DataFrame
        One row per pupil to predict, with subject and prediction date.
    point : str
        The prediction point.

    Returns
    -------
    risks : dict of str to numpy.ndarray of float, shape (n,)
        By the model with the run's own inputs (`BASE`) and by those of `refits.ARMS`.
    proxies : tuple of str
        The features that were left out as proxies.
    """
    config = context.config
    table = read_modelling_table(config, context.folder)
    table = table.select(table.labels["point"] == point)
    names = list(config.audit.sensitive_features)
    attributes = read_attributes(context.folder, table.labels)[names]
    is_temporal = isinstance(config.split, TemporalSplit)
    training = table.labels["label"].notna()
    if is_temporal:
        training &= table.labels["split"].eq("train")
    proxies = find_proxies(table.inputs[training], attributes[training])
    dummies = pd.get_dummies(attributes.astype("str"), prefix_sep="=", dtype=float)
    own = [name for name in table.inputs.columns if name not in dummies.columns]
    inputs = {
        BASE: table.inputs,
        ARMS[0]: pd.concat([table.inputs[own], dummies], axis=1),
        ARMS[1]: table.inputs.drop(columns=list(proxies)),
    }
    allowed = {name: config.models.sensitive_inputs for name in inputs}
    allowed[ARMS[0]] = tuple(names)
    places = pd.MultiIndex.from_frame(table.labels[KEYS])
    order = places.get_indexer(pd.MultiIndex.from_frame(predictions[KEYS]))
    risks = {}
    if is_temporal and FAMILY in config.models.candidates:
        risks[BASE] = _read_trained(context, predictions, point)
    for name, frame in inputs.items():
        if name in risks:
            continue
        spec = ModelSpec(
            candidates=(FAMILY,), folds=_FOLDS, sensitive_inputs=allowed[name],
            calibration=config.models.calibration,
        )  # fmt: skip
        fitted = ModellingTable(table.labels, frame, table.infos)
        risks[name] = _fit(context, fitted, training, spec, is_temporal=is_temporal)[order]
    return risks, proxies


def _read_trained(
    context: StageContext, predictions: pd.DataFrame, point: str
) -> npt.NDArray[np.float64]:
    """Read the risks that the run's own model of the family gave the same pupils."""
    path = context.folder.require(artifacts.PREDICTIONS, made_by="train")
    every = pd.read_parquet(path, columns=[*KEYS, "point", "model", "risk"])
    own = every[every["point"].eq(point) & every["model"].eq(FAMILY)]
    places = pd.MultiIndex.from_frame(own[KEYS])
    order = places.get_indexer(pd.MultiIndex.from_frame(predictions[KEYS]))
    return own["risk"].to_numpy(dtype=np.float64)[order]


def _fit(
    context: StageContext,
    table: ModellingTable,
    training: pd.Series[bool],
    spec: ModelSpec,
    *,
    is_temporal: bool,
) -> npt.NDArray[np.float64]:
    """Fit one model and return the risks of all rows, out of fold where they train it."""
    rows = table.select(training)
    schools = rows.labels["school_unit"]
    known: set[Any] = set(rows.inputs.columns)
    trained = train_candidates(
        rows.inputs,
        rows.labels["label"],
        None if schools.isna().all() else schools,
        spec,
        [info for info in table.infos if info.get("name") in known],
        random_state=derive_seed(context.config.random_state, "audit", "refits"),
    )
    model = trained.models[FAMILY]
    risk = np.asarray(model.predict_risk(table.inputs), dtype=np.float64)
    if not is_temporal:
        risk[training.to_numpy()] = trained.out_of_fold_risk[FAMILY].to_numpy()
    return risk
