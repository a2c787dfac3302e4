"""The stage that trains: every candidate, for every prediction point, and the MLflow run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.cohort.leakage import check_known_before
from riskmodel.cohort.periods import Period, plan_periods
from riskmodel.cohort.specs import TemporalSplit
from riskmodel.config.models import RunConfig
from riskmodel.core.files import hash_file, write_atomically, write_json
from riskmodel.core.randomness import derive_seed
from riskmodel.errors import UsageError
from riskmodel.evaluation.label_modes import fill_labels, find_trainable
from riskmodel.ingest.feature_table import NO_DATE
from riskmodel.models.persistence import save_model
from riskmodel.models.risk_model import RiskModel
from riskmodel.models.training import TrainedModels, TrainingFacts, train_candidates
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.backtest import choose_by_past, predict_past, tune_by_past
from riskmodel.pipeline.leakage import demand_test
from riskmodel.pipeline.leaving import LeavingModels, train_leaving
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.state import describe_settings
from riskmodel.pipeline.tables import (
    ModellingTable,
    find_groups,
    read_modelling_table,
    write_frame,
)
from riskmodel.tracking.store import start_training_run

_LOGGED_SETTINGS = ("name", "random_state", "cohort", "cross_fitting", "models", "calendar")
_LEAVING = "leaving"
_PREDICTION_COLUMNS = ["subject_id", "prediction_date", "cohort", "point", "school_unit", "label"]


def train(context: StageContext) -> str:
    """Train and calibrate the candidates at every prediction point.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        Which models were chosen.
    """
    config, folder = context.config, context.folder
    table = read_modelling_table(config, folder)
    check_known_before(table.labels)
    demand_test(config, folder)
    points = _order_points(config, table)
    planned = _plan_periods(config, table)
    data_hash = hash_file(folder.path(artifacts.FEATURES))
    found: dict[str, _Point] = {}
    for number, point in enumerate(points):
        advance = _share_of(context.progress.advance, number, len(points))
        own = [period for period in planned if period.point == point]
        found[point] = _train_point(
            context, table, TrainingFacts(point, data_hash=data_hash), own, advance
        )
    trained = {point: one.models for point, one in found.items()}
    _write_models(folder.path(artifacts.MODEL), found)
    predictions = pd.concat([one.predictions for one in found.values()], ignore_index=True)
    past = pd.concat([one.past for one in found.values()], ignore_index=True)
    frames = {
        artifacts.PREDICTIONS: predictions,
        artifacts.BACKTEST: past.reindex(columns=predictions.columns).astype(
            predictions.dtypes.to_dict()
        ),
        artifacts.LEAVING_RISKS: pd.concat([one.leaving.risks for one in found.values()]),
    }
    for name, frame in frames.items():
        write_frame(folder.path(name), frame)
    summary = {
        point: one.models.to_dict()
        | _list_cohorts(config, table, point)
        | {"periods": one.periods, "variants": one.variants, "leaving": one.leaving.summary}
        for point, one in found.items()
    }
    write_json(folder.path(artifacts.TRAINING), {"order": list(summary), "points": summary})
    _log_training(context, table, trained)
    return ", ".join(f"{point}: {models.chosen}" for point, models in trained.items())


@dataclass(frozen=True, eq=False)
class _Point:
    """What was trained at one prediction point, and what it said."""

    models: TrainedModels
    predictions: pd.DataFrame
    past: pd.DataFrame
    periods: list[dict[str, Any]]
    variants: list[dict[str, Any]]
    leaving: LeavingModels


def _train_point(
    context: StageContext,
    table: ModellingTable,
    facts: TrainingFacts,
    periods: list[Period],
    advance: Callable[[float], None],
) -> _Point:
    """Tune, train and try the candidates at one prediction point."""
    rows = table.select(table.labels["point"] == facts.point)
    follows = context.config.cohort is not None and context.config.cohort.leaving is not None
    shares = np.cumsum([0, len(periods), 1, len(periods), int(follows)])
    tuning, final, past, leaving = (
        _until(advance, start / shares[-1], end / shares[-1])
        for start, end in pairwise(shares.tolist())
    )
    spec, variants = tune_by_past(context.config, rows, periods, tuning)
    config = context.config.model_copy(update={"models": spec})
    models = _train_candidates(config, rows, facts, final)
    backtest, used = predict_past(config, rows, periods, past)
    models, described = choose_by_past(models, backtest, used, config.models.selected)
    return _Point(
        models=models,
        predictions=_predict(config, rows, models),
        past=backtest,
        periods=described,
        variants=variants,
        leaving=train_leaving(config, rows, context.folder, facts, leaving),
    )


def _order_points(config: RunConfig, table: ModellingTable) -> list[str]:
    """Return the prediction points in the order in which a pupil passes them."""
    if config.cohort is None:
        return table.points
    return config.cohort.order_points(config.calendar)


def _share_of(advance: Callable[[float], None], number: int, total: int) -> Callable[[float], None]:
    """Return a progress function for one of several equal parts of a stage."""
    return lambda share: advance((number + share) / total)


def _until(advance: Callable[[float], None], start: float, end: float) -> Callable[[float], None]:
    """Return a progress function for the part of the work between two shares."""
    return lambda share: advance(start + share * (end - start))


def _plan_periods(config: RunConfig, table: ModellingTable) -> tuple[Period, ...]:
    """Return the earlier origins that are asked for."""
    if not config.models.origins or not isinstance(config.split, TemporalSplit):
        return ()
    return plan_periods(table.labels, origins=config.models.origins, history=config.models.history)


def find_training_rows(config: RunConfig, labels: pd.DataFrame) -> pd.Series[bool]:
    """Tell which rows the run's models are trained on.

    Parameters
    ----------
    config : RunConfig
        With the split, and what becomes of pupils without a known outcome.
    labels : pandas.DataFrame
        Columns `split` and `label`.

    Returns
    -------
    pandas.Series of bool
        With the index of `labels`.
    """
    if isinstance(config.split, TemporalSplit):
        trainable = find_trainable(labels["label"], config.models.missing_labels)
        return labels["split"].eq("train") & trainable
    return pd.Series(True, index=labels.index)


def derive_training_seed(random_state: int, point: str) -> int:
    """Return the seed of a point's models.

    Parameters
    ----------
    random_state : int
        The run's seed.
    point : str
        The prediction point.

    Returns
    -------
    int
        At least 0.
    """
    return derive_seed(random_state, "train", point)


def _list_cohorts(config: RunConfig, table: ModellingTable, point: str) -> dict[str, Any]:
    """Return which cohorts a point's models were trained and tested on, in order of time."""
    rows = table.labels[table.labels["point"].eq(point)].sort_values("prediction_date")
    is_temporal = isinstance(config.split, TemporalSplit)
    sides = {"trained_on": "train", "tested_on": "test" if is_temporal else "train"}
    return {
        name: rows.loc[rows["split"].eq(side), "cohort"].dropna().astype(str).unique().tolist()
        for name, side in sides.items()
    }


def _train_candidates(
    config: RunConfig,
    table: ModellingTable,
    facts: TrainingFacts,
    advance: Callable[[float], None],
) -> TrainedModels:
    """Train all candidates at one prediction point."""
    rows = table.select(find_training_rows(config, table.labels))
    if rows.labels.empty:
        raise UsageError(
            f"`split.train` must hold labelled pupils at the point '{facts.point}', got none. "
            "Check the cohorts and the outcome."
        )
    spec = config.models
    if not isinstance(config.split, TemporalSplit):
        spec = spec.model_copy(update={"folds": config.split.folds})
    return train_candidates(
        rows.inputs,
        fill_labels(rows.labels["label"], spec.missing_labels),
        find_groups(rows.labels),
        spec,
        rows.infos,
        random_state=derive_training_seed(config.random_state, facts.point),
        facts=replace(facts, training_period=_find_period(rows.labels["prediction_date"])),
        progress=advance,
    )


def _find_period(dates: pd.Series[Any]) -> tuple[str, str] | None:
    """Return the first and the last prediction date, or None if a table has none."""
    dates = dates[dates != NO_DATE]
    return None if dates.empty else (str(dates.min()), str(dates.max()))


def _predict(config: RunConfig, table: ModellingTable, trained: TrainedModels) -> pd.DataFrame:
    """Return every candidate's risks for the rows that it is tested on."""
    if isinstance(config.split, TemporalSplit):
        rows = table.select(table.labels["split"].eq("test"))
        risks = {name: model.predict_risk(rows.inputs) for name, model in trained.models.items()}
        frame = pd.DataFrame(risks, index=rows.labels.index)
    else:
        rows, frame = table, trained.out_of_fold_risk
    parts = [
        rows.labels[_PREDICTION_COLUMNS].assign(model=str(name), risk=frame[name])
        for name in frame.columns
    ]
    return pd.concat(parts, ignore_index=True)


def _write_models(target: Path, found: dict[str, _Point]) -> None:
    """Write every point's models, all or none."""
    with write_atomically(target) as partial:
        for point, one in found.items():
            for name, model in one.models.models.items():
                save_model(model, partial / point / name)
            for name, model in one.leaving.models.items():
                save_model(model, partial / point / _LEAVING / name)


def _log_training(
    context: StageContext, table: ModellingTable, trained: dict[str, TrainedModels]
) -> None:
    """Open the MLflow run with the settings and the chosen models."""
    folder = context.folder
    chosen: dict[str, RiskModel] = {
        f"{point}-{models.chosen}": models.chosen_model for point, models in trained.items()
    }
    example = table.inputs.head(20)
    settings: dict[str, Any] = describe_settings(context.config, _LOGGED_SETTINGS)
    reference = start_training_run(
        context.config.tracking,
        folder.root,
        run_name=context.config.name,
        parameters=settings,
        models={
            name: folder.path(artifacts.MODEL) / model.point / model.name
            for name, model in chosen.items()
        },
        examples=dict.fromkeys(chosen, example),
        risks={name: model.predict_risk(example) for name, model in chosen.items()},
    )
    write_json(folder.path(artifacts.TRACKING), reference.to_dict())
