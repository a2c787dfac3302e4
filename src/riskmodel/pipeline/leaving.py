"""When pupils leave: the models of each term, trained on what was known in time, and measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.cohort.leaving import demand_leavers, known_before
from riskmodel.config.models import RunConfig
from riskmodel.core.randomness import derive_seed
from riskmodel.errors import UndefinedMetricError
from riskmodel.evaluation.leaving import COMMON, measure_leaving
from riskmodel.models.hazard import find_common_risk, predict_leaving, train_hazards
from riskmodel.models.risk_model import RiskModel
from riskmodel.models.training import TrainingFacts
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.tables import KEYS, ModellingTable, find_groups

RISK_COLUMNS = [*KEYS, "point", "school_unit", "model", "term", "risk"]
_TYPES = {"term": "int64", "risk": "float64"}


@dataclass(frozen=True, eq=False)
class LeavingModels:
    """What was trained on the terms of one point.

    Parameters
    ----------
    models : dict of str to RiskModel
        By family; empty where it was not asked for, or too few pupils left.
    risks : pandas.DataFrame
        The columns of `RISK_COLUMNS`: for the pupils to test on the risk of having left by
        the end of each term.
    summary : dict or None
        `chosen`, `log_loss` and `trained_on`; or the `reason` why there are no models; None
        where it was not asked for.
    """

    models: dict[str, RiskModel]
    risks: pd.DataFrame
    summary: dict[str, Any] | None


def train_leaving(
    config: RunConfig,
    table: ModellingTable,
    folder: RunFolder,
    facts: TrainingFacts,
    advance: Callable[[float], None],
) -> LeavingModels:
    """Train models of the term of leaving at one point, and predict the cohorts to test on.

    They are trained on all other cohorts, as far as each had been followed before the first
    test date: also on those whose final outcome was not known then.

    Parameters
    ----------
    config : RunConfig
        Candidates and seed.
    table : ModellingTable
        The rows of the point.
    folder : RunFolder
        The run's folder.
    facts : TrainingFacts
        Kept with the models.
    advance : callable
        Called with the share of the work that is done.

    Returns
    -------
    LeavingModels
        Perhaps none.
    """
    nobody = pd.DataFrame(columns=RISK_COLUMNS).astype(_TYPES)
    if config.cohort is None or config.cohort.leaving is None:
        return LeavingModels({}, nobody, None)
    n_terms = config.cohort.leaving.terms
    table = ModellingTable(
        table.labels.reset_index(drop=True), table.inputs.reset_index(drop=True), table.infos
    )
    own, pupils = _select_known(table, folder, facts.point)
    try:
        demand_leavers(own, fewest=config.evaluation.minimum_count, where="cohort.leaving")
    except UndefinedMetricError as error:
        return LeavingModels({}, nobody, {"reason": str(error)})
    schools = find_groups(table.labels)
    numbers, left = own["term"].to_numpy(np.int64), own["left"].to_numpy(np.float64)
    trained = train_hazards(
        table.inputs, pupils, numbers, left,
        table.labels["subject_id"] if schools is None else schools,
        config.models, table.infos, n_terms=n_terms,
        random_state=derive_seed(config.random_state, "leaving", facts.point),
        facts=facts, progress=advance,
    )  # fmt: skip
    tested = table.select(table.labels["split"].eq("test"))
    risks = {
        name: predict_leaving(model, tested.inputs, n_terms)
        for name, model in trained.models.items()
    }
    common = find_common_risk(numbers, left, n_terms)
    risks[COMMON] = np.tile(common, (len(tested.labels), 1))
    keys = tested.labels[[*KEYS, "point", "school_unit"]]
    frames = [
        keys.assign(model=name, term=term, risk=risk[:, term - 1])
        for name, risk in risks.items()
        for term in range(1, n_terms + 1)
    ]
    cohorts = table.labels.loc[np.unique(pupils)].sort_values("prediction_date")["cohort"]
    summary = {
        "chosen": trained.chosen,
        "log_loss": trained.comparison.log_loss,
        "trained_on": [str(name) for name in cohorts.unique()],
    }
    return LeavingModels(trained.models, pd.concat(frames, ignore_index=True), summary)


def _select_known(
    table: ModellingTable, folder: RunFolder, point: str
) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Return the terms to train on, known before the first test date, and whose they are."""
    labels = table.labels
    is_tested = labels["split"].eq("test")
    terms = pd.read_parquet(folder.require(artifacts.LEAVING, made_by="cohort"))
    own = terms[terms["point"].eq(point)]
    own = known_before(own, labels.loc[is_tested, "prediction_date"].min())
    places = pd.MultiIndex.from_frame(labels[KEYS])
    pupils = places.get_indexer(pd.MultiIndex.from_frame(own[KEYS]))
    kept = ~is_tested.to_numpy()[pupils]
    return own[kept], pupils[kept]


def evaluate_leaving(
    config: RunConfig, folder: RunFolder, training: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Measure the models of the term of leaving on the test cohorts.

    Parameters
    ----------
    config : RunConfig
        Level and the smallest count.
    folder : RunFolder
        The run's folder.
    training : dict
        The content of `training.json`.

    Returns
    -------
    dict of str to dict
        By prediction point what `measure_leaving` returns, with `chosen` and `trained_on`; or
        the `reason`. Empty where it was not asked for.
    """
    summaries = {
        point: training["points"][point]["leaving"]
        for point in training["order"]
        if training["points"][point].get("leaving")
    }
    if not summaries:
        return {}
    predictions = pd.read_parquet(folder.require(artifacts.LEAVING_RISKS, made_by="train"))
    terms = pd.read_parquet(folder.require(artifacts.LEAVING, made_by="cohort"))
    found = {}
    for point, summary in summaries.items():
        if "reason" in summary:
            found[point] = {"reason": summary["reason"]}
            continue
        rows = predictions[predictions["point"].eq(point)]
        followed = terms[terms["point"].eq(point)].groupby(KEYS)
        known = pd.DataFrame({"n_known": followed["term"].max(), "left": followed["left"].max()})
        wide = rows.pivot_table(index=KEYS, columns=["model", "term"], values="risk").sort_index()
        pupils = rows.drop_duplicates(KEYS).set_index(KEYS)[["school_unit"]].loc[wide.index]
        pupils = pupils.join(known).fillna({"n_known": 0, "left": 0.0})
        risks = {
            str(name): wide[name].to_numpy(dtype=np.float64)
            for name in wide.columns.get_level_values("model").unique()
        }
        found[point] = summary | measure_leaving(
            pupils.reset_index(drop=True), risks, config.evaluation
        )
    return found
