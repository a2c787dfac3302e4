"""Rolling origin: what the candidates would have said of earlier cohorts in their own time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.cohort.periods import Period
from riskmodel.config.models import RunConfig
from riskmodel.core.randomness import derive_seed
from riskmodel.errors import UndefinedMetricError
from riskmodel.evaluation.label_modes import fill_labels, find_trainable
from riskmodel.models.selection import choose_by_regret
from riskmodel.models.specs import FEWEST_PERIODS, LEARNT_INTERPRETABLE, ModelSpec, VariantsSpec
from riskmodel.models.training import TrainedModels, train_candidates
from riskmodel.pipeline.tables import ModellingTable, find_groups

_FOLDS = 3


def predict_past(
    config: RunConfig,
    table: ModellingTable,
    periods: Sequence[Period],
    advance: Callable[[float], None],
) -> tuple[pd.DataFrame, list[Period]]:
    """Predict earlier cohorts of one point by models of their own time.

    Parameters
    ----------
    config : RunConfig
        Candidates, seed, and how pupils without a known outcome count in training.
    table : ModellingTable
        The rows of the point.
    periods : sequence of Period
        The origins, in order of time.
    advance : callable
        Called with the share of the work that is done.

    Returns
    -------
    predictions : pandas.DataFrame
        Columns of the labels, `model` and `risk`: one row per model and pupil.
    used : list of Period
        Those in which there were pupils enough to train on.
    """
    found, used = [], []
    for number, period in enumerate(periods):
        labels = table.labels
        trainable = find_trainable(labels["label"], config.models.missing_labels)
        learn = table.select(labels["cohort"].isin(period.train) & trainable)
        rows = table.select(labels["cohort"].eq(period.test))
        spec = config.models.model_copy(update={"folds": min(config.models.folds, _FOLDS)})
        start = number / len(periods)

        def go_on(share: float, start: float = start) -> None:
            """Report the share of all periods."""
            advance(start + share / len(periods))

        try:
            trained = train_candidates(
                learn.inputs,
                fill_labels(learn.labels["label"], spec.missing_labels),
                find_groups(learn.labels),
                spec,
                learn.infos,
                random_state=derive_seed(config.random_state, "backtest", period.point,
                                         period.test),
                progress=go_on,
            )  # fmt: skip
        except UndefinedMetricError:
            continue
        used.append(period)
        found += [
            rows.labels.assign(model=name, risk=model.predict_risk(rows.inputs))
            for name, model in trained.models.items()
        ]
    columns = [*table.labels.columns, "model", "risk"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns), used


def choose_by_past(
    trained: TrainedModels, past: pd.DataFrame, periods: Sequence[Period], selected: str
) -> tuple[TrainedModels, list[dict[str, Any]]]:
    """Let the past periods decide which model is used, where there are enough of them.

    Parameters
    ----------
    trained : TrainedModels
        The candidates of today.
    past : pandas.DataFrame
        What `predict_past` returned.
    periods : sequence of Period
        The origins, in order of time.
    selected : str
        ``auto`` or the name of a model.

    Returns
    -------
    trained : TrainedModels
        With the choice by regret, if ``auto`` and two or more periods.
    described : list of dict
        For each period `test`, `train`, `first_date`, and by interpretable model its `regret`.
    """
    described: list[dict[str, Any]] = [
        {
            "test": period.test,
            "train": list(period.train),
            "first_date": str(period.first_date),
        }
        for period in periods
    ]
    known = past[past["label"].notna()]
    if known.empty:
        return trained, described
    chosen, reason, regrets = _find_regret(known, periods, LEARNT_INTERPRETABLE)
    for number, entry in enumerate(described):
        entry["regret"] = {name: values[number] for name, values in regrets.items()}
    if selected != "auto" or len(periods) < FEWEST_PERIODS:
        return trained, described
    comparison = replace(trained.comparison, chosen=chosen, reason=reason)
    return replace(trained, comparison=comparison), described


def tune_by_past(
    config: RunConfig,
    table: ModellingTable,
    periods: Sequence[Period],
    advance: Callable[[float], None],
) -> tuple[ModelSpec, list[dict[str, Any]]]:
    """Choose each family's settings by how they would have done in earlier cohorts.

    Parameters
    ----------
    config : RunConfig
        With the variants.
    table : ModellingTable
        The rows of the point.
    periods : sequence of Period
        The origins, in order of time.
    advance : callable
        Called with the share of the work that is done.

    Returns
    -------
    spec : ModelSpec
        With the chosen settings, without variants.
    described : list of dict
        For each variant `family`, `settings`, `regret` by period and `is_chosen`.
    """
    spec = config.models
    asked = {
        str(name): variants
        for name in LEARNT_INTERPRETABLE
        if (variants := getattr(spec.variants, name))
    }
    total = sum(len(variants) for variants in asked.values())
    described: list[dict[str, Any]] = []
    changes: dict[str, Any] = {"variants": VariantsSpec()}
    for family, variants in asked.items():
        past, used = [], list[Period]()
        for number, variant in enumerate(variants):
            start = (len(described) + number) / total

            def go_on(share: float, start: float = start) -> None:
                """Report the share of all variants."""
                advance(start + share / total)

            only = {"candidates": (family,), "rules": (), "selected": "auto", family: variant}
            tried = config.model_copy(update={"models": spec.model_copy(update=only)})
            found, used = predict_past(tried, table, periods, go_on)
            past.append(found.assign(model=str(number)))
        best, regrets = _choose_variant(pd.concat(past, ignore_index=True), used, len(variants))
        changes[family] = variants[best]
        described += [
            {
                "family": family,
                "settings": variant.model_dump(mode="json"),
                "regret": regrets[number],
                "is_chosen": number == best,
            }
            for number, variant in enumerate(variants)
        ]
    return spec.model_copy(update=changes), described


def _choose_variant(
    past: pd.DataFrame, periods: Sequence[Period], n_variants: int
) -> tuple[int, list[list[float]]]:
    """Return which variant to use, the first where too little is known, and all regrets."""
    known = past[past["label"].notna()]
    if len(periods) < FEWEST_PERIODS or known.empty:
        return 0, [[] for _ in range(n_variants)]
    names = [str(number) for number in range(n_variants)]
    best, _, regrets = _find_regret(known, periods, names)
    return int(best), [regrets[name] for name in names]


def _find_regret(
    known: pd.DataFrame, periods: Sequence[Period], order: Sequence[str]
) -> tuple[str, str, dict[str, list[float]]]:
    """Return the choice by regret over the predictions of earlier cohorts."""
    keys = ["cohort", "subject_id", "prediction_date"]
    wide = known.pivot_table(index=keys, columns="model", values="risk").sort_index()
    facts = known.drop_duplicates(keys).set_index(keys).loc[wide.index]
    places = {period.test: number for number, period in enumerate(periods)}
    numbers = wide.index.get_level_values("cohort").map(places).to_numpy(dtype=np.int64)
    schools = facts["school_unit"]
    return choose_by_regret(
        {str(name): wide[name].to_numpy(dtype=np.float64) for name in wide.columns},
        facts["label"].to_numpy(dtype=np.float64),
        numbers,
        None if schools.isna().all() else pd.factorize(schools, use_na_sentinel=False)[0],
        order,
    )
