"""The stages that deliver: the list for the team, the model card and the manifest."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.files import read_json, write_atomically, write_json, write_text
from riskmodel.errors import UsageError
from riskmodel.explanation.contributions import explain, global_importance
from riskmodel.explanation.reasons import Reason, reason_texts
from riskmodel.models.persistence import load_model
from riskmodel.models.printed_card import print_card
from riskmodel.models.risk_model import RiskModel
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.assessment import (
    find_main_point,
    read_chosen,
    read_chosen_predictions,
    read_reference,
)
from riskmodel.pipeline.facts import describe_run, describe_test
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.state import LIBRARIES, build_manifest
from riskmodel.pipeline.tables import KEYS, ModellingTable, read_modelling_table
from riskmodel.report.model_card import collect_model_card, render_model_card
from riskmodel.report.screening_page import collect_screening, render_screening
from riskmodel.report.workbook import write_screening_workbook
from riskmodel.screening.lists import ScreeningList, build_screening_list
from riskmodel.screening.performance import measure_list
from riskmodel.screening.specs import ScreeningSpec
from riskmodel.tracking.store import log_results

_SPARE_REASONS = 12
"""Reasons asked for beyond those shown, since some may be withheld."""


def screen(context: StageContext) -> str:
    """Make the list for the school-health team, as a table, a workbook and a page.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How many pupils and schools are on it.
    """
    config, folder = context.config, context.folder
    assert config.screening is not None
    point = find_main_point(config, folder)
    spec = config.screening.model_copy(update={"point": point, "language": config.language})
    table = read_modelling_table(config, folder)
    model = _load_chosen(folder, point)
    screening = _list_pupils(table.select(table.labels["point"].eq(point)), model, spec)
    with write_atomically(folder.path(artifacts.SCREENING)) as partial:
        screening.frame.to_parquet(partial, index=False)
    context.progress.advance(0.5)
    predictions = read_chosen_predictions(config, folder)
    page = collect_screening(
        screening.frame,
        screening.to_dict(),
        run=_describe_list(config, table, model, spec),
        performance=measure_list(predictions, spec, level=config.evaluation.level).to_dict(),
        language=config.language,
    )
    write_text(folder.path(artifacts.SCREENING_PAGE), render_screening(page))
    write_screening_workbook(page, folder.path(artifacts.SCREENING_WORKBOOK))
    n_schools = screening.frame["school_unit"].nunique()
    return f"{len(screening.frame):,} pupils in {n_schools} schools"


def _load_chosen(folder: RunFolder, point: str) -> RiskModel:
    """Load the model that was chosen at a prediction point."""
    chosen = read_chosen(folder)
    if point not in chosen:
        raise UsageError(
            f"`screening.point` must be one of {', '.join(chosen)}, got '{point}'. "
            "Mend the configuration."
        )
    return load_model(folder.require(artifacts.MODEL, made_by="train") / point / chosen[point])


def _list_pupils(table: ModellingTable, model: RiskModel, spec: ScreeningSpec) -> ScreeningList:
    """Score the pupils of one prediction point and list those to begin with."""
    rows = table.labels[[*KEYS, "school_unit", "cohort", "point"]].assign(
        risk=model.predict_risk(table.inputs)
    )

    def find_reasons(selected: pd.DataFrame) -> Sequence[Sequence[Reason]]:
        inputs = table.inputs.loc[selected.index, list(model.feature_names)]
        return reason_texts(
            explain(model, inputs),
            inputs,
            model.infos,
            language=spec.language,
            n_reasons=spec.n_reasons + _SPARE_REASONS,
            background=model.background_means,
        )

    return build_screening_list(rows, find_reasons, spec)


def _describe_list(
    config: RunConfig, table: ModellingTable, model: RiskModel, spec: ScreeningSpec
) -> dict[str, Any]:
    """Return the facts of the list's page."""
    labels = table.labels
    cohort = spec.cohort or str(labels["cohort"].iloc[int(labels["prediction_date"].argmax())])
    listed = labels[labels["cohort"].eq(cohort) & labels["point"].eq(model.point)]
    return describe_run(config) | {
        "model": model.family,
        "point": model.point,
        "cohort": cohort,
        "prediction_date": str(listed["prediction_date"].max()),
    }


def report(context: StageContext) -> str:
    """Write the model card and the manifest, and close the MLflow run.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        What was written.
    """
    config, folder = context.config, context.folder
    training = read_json(folder.require(artifacts.TRAINING, made_by="train"))
    evaluation = read_json(folder.require(artifacts.EVALUATION, made_by="evaluate"))
    models = {point: _load_chosen(folder, point) for point in read_chosen(folder)}
    place = folder.path(artifacts.COHORT)
    cohort = read_json(place) if place.exists() else {}
    card = collect_model_card(
        evaluation,
        run=_describe_card(config, folder),
        models={
            point: _describe_model(model)
            | _find_left_out(cohort, point)
            | {"scorecard": _print_scorecard(folder, point)}
            for point, model in models.items()
        },
        training=training["points"],
        features=read_json(folder.require(artifacts.FEATURE_INFO, made_by="features")),
        flow=cohort.get("flow", ()),
        audit=read_json(folder.require(artifacts.FAIRNESS, made_by="audit")),
        importances=_find_importances(config, folder, models),
        language=config.language,
    )
    write_text(folder.path(artifacts.MODEL_CARD), render_model_card(card))
    stages = [
        "pseudonymise",
        "cohort",
        "features",
        "leakage",
        "train",
        "evaluate",
        "audit",
        "screen",
    ]
    write_json(folder.path(artifacts.MANIFEST), build_manifest(config, folder, stages))
    log_results(
        read_reference(folder),
        artifacts=[folder.path(artifacts.MODEL_CARD), folder.path(artifacts.MANIFEST)],
        finished=True,
    )
    return f"{artifacts.MODEL_CARD}, {artifacts.MANIFEST}"


def _describe_card(config: RunConfig, folder: RunFolder) -> dict[str, Any]:
    """Return the facts of the model card."""
    facts = describe_run(config) | describe_test(read_chosen_predictions(config, folder))
    facts["provenance"] |= {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    tested = folder.path(artifacts.LEAKAGE)
    return facts | {
        "is_cross_fitted": config.split.kind == "cross_fitted",
        "leakage": read_json(tested) if tested.exists() else None,
    }


def _describe_model(model: RiskModel) -> dict[str, Any]:
    """Return what the model card says of a model."""
    return {
        "name": model.name,
        "family": model.family,
        "n_training": model.n_training,
        "base_rate": model.base_rate,
        "training_period": model.training_period,
        "data_hash": model.data_hash,
        "inputs": model.inputs,
        "notes": model.notes,
    }


def _print_scorecard(folder: RunFolder, point: str) -> dict[str, Any] | None:
    """Return the scorecard of a point, chosen or not, where one was trained."""
    place = folder.path(artifacts.MODEL) / point / "scorecard"
    return print_card(load_model(place)) if place.exists() else None


def _find_left_out(cohort: dict[str, Any], point: str) -> dict[str, Any]:
    """Return which cohorts a point's model could not learn from, and its first test date."""
    found = [item for item in cohort.get("left_out_of_training", ()) if item["point"] == point]
    if not found:
        return {}
    return {
        "left_out": [item["cohort"] for item in found],
        "first_test_date": found[0]["first_test_date"],
    }


def _find_importances(
    config: RunConfig, folder: RunFolder, models: dict[str, RiskModel]
) -> dict[str, list[dict[str, Any]]]:
    """Return how much each feature moves the risks of the labelled pupils, by point."""
    table = read_modelling_table(config, folder)
    known = table.select(table.labels["label"].notna())
    return {
        point: global_importance(
            explain(model, known.select(known.labels["point"].eq(point)).inputs)
        )
        for point, model in models.items()
    }
