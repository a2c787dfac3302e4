"""Fitting the model anew: with other inputs, with an eye to groups, without a school."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.cohort.specs import TemporalSplit
from riskmodel.core.files import read_json
from riskmodel.core.randomness import derive_seed
from riskmodel.evaluation.label_modes import fill_labels
from riskmodel.fairness.groups import make_groupings
from riskmodel.fairness.refits import ARMS, find_proxies
from riskmodel.models.folds import assign_folds
from riskmodel.models.mitigated import fit_mitigated
from riskmodel.models.specs import ModelSpec, VariantsSpec
from riskmodel.models.training import train_candidates
from riskmodel.models.transfer import (
    predict_unseen,
    predict_without,
    predict_without_columns,
)
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import (
    KEYS,
    ModellingTable,
    find_groups,
    read_attributes,
    read_modelling_table,
)
from riskmodel.pipeline.training import derive_training_seed, find_training_rows

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
    table, attributes, training = _read_training(context, point)
    names = list(attributes.columns)
    is_temporal = isinstance(config.split, TemporalSplit)
    if is_temporal:
        training = find_training_rows(config, table.labels)
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
    order = _find_rows(table.labels, predictions)
    trained = read_json(context.folder.require(artifacts.TRAINING, made_by="train"))
    variants = trained["points"][point]["variants"]
    risks = {}
    if is_temporal and FAMILY in config.models.candidates:
        risks[BASE] = _read_trained(context, predictions, point)
    for name, frame in inputs.items():
        if name in risks:
            continue
        spec = make_arm_spec(config.models, variants, allowed[name])
        fitted = ModellingTable(table.labels, frame, table.infos)
        risks[name] = _fit(context, fitted, training, spec, point)[order]
    return risks, proxies


def make_arm_spec(
    models: ModelSpec, variants: Sequence[Mapping[str, Any]], sensitive_inputs: tuple[str, ...]
) -> ModelSpec:
    """Return how the run's own model is fitted with other inputs: just as with its own.

    Parameters
    ----------
    models : ModelSpec
        The run's.
    variants : sequence of mapping
        What the training stage says of the settings that it tried: `family`, `settings` and
        `is_chosen`.
    sensitive_inputs : tuple of str
        The sensitive attributes that may be inputs.

    Returns
    -------
    ModelSpec
        Of one family, with the settings that the run chose for it.
    """
    changes: dict[str, Any] = {
        "candidates": (FAMILY,), "rules": (), "selected": "auto", "variants": VariantsSpec(),
        "sensitive_inputs": sensitive_inputs,
    }  # fmt: skip
    for one in variants:
        if one["family"] == FAMILY and one["is_chosen"]:
            changes[FAMILY] = type(models.logistic).model_validate(one["settings"])
    return models.model_copy(update=changes)


def fit_without_sources(
    context: StageContext, predictions: pd.DataFrame, point: str
) -> dict[str, npt.NDArray[np.float64]]:
    """Fit models without the features of each domain, and predict.

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
    dict of str to numpy.ndarray of float, shape (n,)
        Risks by the model with all features (`BASE`), and by those without a domain. Empty
        where all features are of one domain.
    """
    table, _, training = _read_training(context, point)
    names = [str(name) for name in table.inputs.columns]
    domains: dict[str, list[int]] = {}
    for info in table.infos:
        if info["name"] in names:
            domains.setdefault(str(info.get("domain")), []).append(names.index(info["name"]))
    if len(domains) < 2:
        return {}
    left_out = {BASE: list[int](), **dict(sorted(domains.items()))}
    X, rows = table.inputs.to_numpy(dtype=np.float64), training.to_numpy()
    y = table.labels["label"].to_numpy(dtype=np.float64)
    units = pd.factorize(table.labels["school_unit"], use_na_sentinel=False)[0]
    seed = derive_seed(context.config.random_state, "evaluation", "sources")
    risks = {name: np.full(len(rows), np.nan) for name in left_out}
    for learn, predict in _deal(context, table, rows, seed):
        found = predict_without_columns(
            X[learn], y[learn], units[learn], X[predict], left_out,
            monotone=_find_directions(context, table), random_state=seed,
        )  # fmt: skip
        for name, risk in found.items():
            risks[name][predict] = risk
    order = _find_rows(table.labels, predictions)
    return {name: risk[order] for name, risk in risks.items()}


def _find_directions(context: StageContext, table: ModellingTable) -> list[int]:
    """Return the direction in which each input may move the risk."""
    if not context.config.models.monotone:
        return [0] * table.inputs.shape[1]
    known = {str(info["name"]): int(info.get("direction") or 0) for info in table.infos}
    return [known.get(str(name), 0) for name in table.inputs.columns]


def _deal(
    context: StageContext, table: ModellingTable, rows: npt.NDArray[np.bool_], seed: int
) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Return whom a model is trained on and whom it predicts: all at once, or by folds."""
    if isinstance(context.config.split, TemporalSplit):
        return [(rows, np.ones(len(rows), dtype=bool))]
    labels = table.labels[rows]
    schools = labels["school_unit"]
    units = None if schools.isna().all() else pd.factorize(schools, use_na_sentinel=False)[0]
    folds = np.full(len(rows), 0)
    folds[rows], _ = assign_folds(
        labels["label"].to_numpy(dtype=np.float64), units, n_folds=_FOLDS, random_state=seed
    )
    return [(rows & (folds != number), folds == number) for number in range(_FOLDS)]


def predict_as_unseen(
    context: StageContext, predictions: pd.DataFrame, point: str
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Predict pupils as if their school, or municipality, were new to the model.

    Parameters
    ----------
    context : StageContext
        The run, with a split in time.
    predictions : pandas.DataFrame
        One row per pupil to predict, with subject and prediction date.
    point : str
        The prediction point.

    Returns
    -------
    dict of str to tuple of numpy.ndarray of float, shape (n,)
        By ``school_unit`` and ``municipality``, where it is known and there are several: risks
        by a model of all, and by models without the pupil's own.
    """
    config = context.config
    if not isinstance(config.split, TemporalSplit):
        return {}
    table, X, rows, monotone = _read_matrix(context, point)
    y, order = (
        table.labels["label"].to_numpy(dtype=np.float64),
        _find_rows(table.labels, predictions),
    )
    places = table.labels[["school_unit"]].join(
        read_attributes(context.folder, table.labels).filter(["municipality"])
    )
    found = {}
    for name, column in places.items():
        codes = pd.factorize(column, use_na_sentinel=False)[0].astype(np.int64)
        if column.nunique() > 1:
            found[str(name)] = predict_unseen(
                X[rows], y[rows], codes[rows], X[order], codes[order], monotone=monotone,
                random_state=derive_seed(config.random_state, "evaluation", "unseen"),
            )  # fmt: skip
    return found


def find_screened(context: StageContext, point: str) -> list[str]:
    """Return the cohorts in which an earlier list was used: those named and those found.

    Parameters
    ----------
    context : StageContext
        The run.
    point : str
        The prediction point.

    Returns
    -------
    list of str
        Their names, in order.
    """
    place = context.folder.path(artifacts.COHORT)
    found = read_json(place).get("earlier_lists", ()) if place.exists() else ()
    listed = {str(entry["cohort"]) for entry in found if entry["point"] == point}
    return sorted(listed | set(context.config.models.screened_cohorts))


def predict_without_screened(
    context: StageContext, predictions: pd.DataFrame, point: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Predict pupils by models with, and without, the cohorts in which a list was used.

    Parameters
    ----------
    context : StageContext
        The run, with a split in time.
    predictions : pandas.DataFrame
        One row per pupil to predict, with subject and prediction date.
    point : str
        The prediction point.

    Returns
    -------
    tuple of numpy.ndarray of float, shape (n,), or None
        Risks by a model of all training pupils, and by one without these cohorts. None where
        none was screened, or nobody with, or without, the outcome is left.
    """
    config = context.config
    screened = find_screened(context, point)
    if not screened or not isinstance(config.split, TemporalSplit):
        return None
    table, X, rows, monotone = _read_matrix(context, point)
    labels = table.labels[rows]
    left_out = labels["cohort"].isin(screened).to_numpy()
    y = labels["label"].to_numpy(dtype=np.float64)
    if not left_out.any() or len(np.unique(y[~left_out])) < 2:
        return None
    order = _find_rows(table.labels, predictions)
    return predict_without(
        X[rows], y, pd.factorize(labels["school_unit"], use_na_sentinel=False)[0], left_out,
        X[order], monotone=monotone,
        random_state=derive_seed(config.random_state, "evaluation", "screened"),
    )  # fmt: skip


def _read_matrix(
    context: StageContext, point: str
) -> tuple[ModellingTable, npt.NDArray[np.float64], npt.NDArray[np.bool_], list[int]]:
    """Read a point's table, its inputs, who trains models, and the directions."""
    table, _, training = _read_training(context, point)
    X, rows = table.inputs.to_numpy(dtype=np.float64), training.to_numpy()
    return table, X, rows, _find_directions(context, table)


def fit_with_groups_in_view(
    context: StageContext, predictions: pd.DataFrame, point: str, *, share: float
) -> tuple[npt.NDArray[np.float64], dict[tuple[str, str], npt.NDArray[np.float64]]]:
    """Fit the model as it is and, for each sensitive attribute, with an eye to its groups.

    Parameters
    ----------
    context : StageContext
        The run.
    predictions : pandas.DataFrame
        One row per pupil to predict, with subject and prediction date.
    point : str
        The prediction point.
    share : float
        The share of the pupils who have a place.

    Returns
    -------
    base : numpy.ndarray of float, shape (n,)
        Risks by the model as it is.
    risks : dict of (str, str) to numpy.ndarray of float, shape (n,)
        Scores by attribute and method of `mitigated.METHODS`.
    """
    table, attributes, training = _read_training(context, point)
    X, rows = table.inputs.to_numpy(dtype=np.float64), training.to_numpy()
    y = table.labels["label"].to_numpy(dtype=np.float64)
    codes = {
        grouping.name: grouping.codes.astype(np.int64)
        for grouping in make_groupings(attributes)
    }  # fmt: skip
    schools = table.labels["school_unit"]
    units = None if schools.isna().all() else pd.factorize(schools, use_na_sentinel=False)[0]
    seed = derive_seed(context.config.random_state, "audit", "groups")
    base = np.full(len(rows), np.nan)
    risks: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
    for learn, predict in _deal(context, table, rows, seed):
        base[predict], found = fit_mitigated(
            X[learn], y[learn], None if units is None else units[learn],
            {name: numbers[learn] for name, numbers in codes.items()}, X[predict],
            share=share, random_state=seed,
        )  # fmt: skip
        for key, scores in found.items():
            risks.setdefault(key, base.copy())[predict] = scores
    order = _find_rows(table.labels, predictions)
    return base[order], {key: scores[order] for key, scores in risks.items()}


def _read_training(
    context: StageContext, point: str
) -> tuple[ModellingTable, pd.DataFrame, pd.Series[bool]]:
    """Read a point's inputs and sensitive attributes, and which rows a model is trained on."""
    config = context.config
    table = read_modelling_table(config, context.folder)
    table = table.select(table.labels["point"] == point)
    names = list(config.audit.sensitive_features)
    attributes = read_attributes(context.folder, table.labels)[names]
    training = table.labels["label"].notna()
    if isinstance(config.split, TemporalSplit):
        training &= table.labels["split"].eq("train")
    return table, attributes, training


def _find_rows(table: pd.DataFrame, wanted: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return where the pupils of one table stand in another."""
    places = pd.MultiIndex.from_frame(table[KEYS])
    return places.get_indexer(pd.MultiIndex.from_frame(wanted[KEYS]))


def _read_trained(
    context: StageContext, predictions: pd.DataFrame, point: str
) -> npt.NDArray[np.float64]:
    """Read the risks that the run's own model of the family gave the same pupils."""
    path = context.folder.require(artifacts.PREDICTIONS, made_by="train")
    every = pd.read_parquet(path, columns=[*KEYS, "point", "model", "risk"])
    own = every[every["point"].eq(point) & every["model"].eq(FAMILY)]
    return own["risk"].to_numpy(dtype=np.float64)[_find_rows(own, predictions)]


def _fit(
    context: StageContext,
    table: ModellingTable,
    training: pd.Series[bool],
    spec: ModelSpec,
    point: str,
) -> npt.NDArray[np.float64]:
    """Fit one model as the run does and return the risks of all rows, out of fold in training."""
    config = context.config
    rows = table.select(training)
    known: set[Any] = set(rows.inputs.columns)
    trained = train_candidates(
        rows.inputs,
        fill_labels(rows.labels["label"], spec.missing_labels),
        find_groups(rows.labels),
        spec,
        [info for info in table.infos if info.get("name") in known],
        random_state=derive_training_seed(config.random_state, point),
    )
    model = trained.models[FAMILY]
    risk = np.asarray(model.predict_risk(table.inputs), dtype=np.float64)
    if not isinstance(config.split, TemporalSplit):
        risk[training.to_numpy()] = trained.out_of_fold_risk[FAMILY].to_numpy()
    return risk
