"""The stage that concludes a run: the model card and the manifest."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

from riskmodel.config.models import RunConfig
from riskmodel.core.files import read_json, write_json, write_text
from riskmodel.explanation.contributions import explain, global_importance
from riskmodel.models.persistence import load_model
from riskmodel.models.printed_card import print_card
from riskmodel.models.risk_model import RiskModel
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.assessment import (
    load_chosen,
    read_chosen,
    read_chosen_predictions,
    read_reference,
)
from riskmodel.pipeline.facts import describe_run, describe_test
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.state import LIBRARIES, build_manifest
from riskmodel.pipeline.tables import read_modelling_table
from riskmodel.report.model_card import collect_model_card, render_model_card
from riskmodel.tracking.store import log_results


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
    models = {point: load_chosen(folder, point) for point in read_chosen(folder)}
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
        "quality",
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
