"""The stage that lists pupils for the school-health team, with files for each role."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.files import write_atomically, write_json
from riskmodel.errors import DataContractError
from riskmodel.explanation.contributions import explain
from riskmodel.explanation.phrases import Reason
from riskmodel.explanation.reasons import reason_texts
from riskmodel.features.history import Histories
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.assessment import find_main_point, read_chosen_predictions
from riskmodel.pipeline.facts import describe_run
from riskmodel.pipeline.list_files import ListMaterial, write_list
from riskmodel.pipeline.listed_pupils import (
    ScoredPupils,
    describe_certainty,
    describe_evidence,
    find_comparison,
    read_listed_histories,
    score_point,
)
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import read_modelling_table
from riskmodel.privacy.disclosure import show_count
from riskmodel.report.messages import describe_refusal
from riskmodel.screening.fitness import FitnessReport, check_fitness
from riskmodel.screening.lists import choose_rows, select_pupils
from riskmodel.screening.performance import measure_list
from riskmodel.screening.specs import ScreeningSpec

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

    Raises
    ------
    DataContractError
        If the pupils' data lack too much or have drifted, or the model is too old.
    """
    config, folder = context.config, context.folder
    assert config.screening is not None
    point = find_main_point(config, folder)
    spec = config.screening.model_copy(update={"point": point, "language": config.language})
    table = read_modelling_table(config, folder)
    scored = score_point(folder, table, point)
    current = choose_rows(scored.rows, spec)
    check = _check_model(scored, current, spec).to_dict()
    selected = select_pupils(scored.rows, spec)
    evidence = describe_evidence(scored, current, spec)
    certainty, summary = describe_certainty(config, folder, selected, spec)
    n_thin = int((~evidence["has_enough_data"]).sum())
    check |= summary | {"n_without_enough_data": show_count(n_thin)}
    write_json(folder.path(artifacts.SCREENING_CHECK), check)
    _refuse(check, config)
    context.progress.advance(0.2)
    reasons = _find_reasons(scored, selected, spec)
    comparison = find_comparison(config, folder, table, scored, current, spec)
    facts = certainty.assign(has_enough_data=evidence.loc[selected.index, "has_enough_data"])
    material = ListMaterial(
        rows=scored.rows,
        reasons=reasons,
        facts=facts,
        comparison=comparison,
        histories=_read_histories(config, folder, selected),
        performance=measure_list(
            read_chosen_predictions(config, folder), spec, level=config.evaluation.level
        ).to_dict(),
        run=describe_run(config)
        | {
            "model": scored.model.family,
            "point": point,
            "cohort": str(current["cohort"].iloc[0]),
            "prediction_date": str(current["prediction_date"].iloc[0]),
        },
        domains={info["name"]: info["domain"] for info in scored.model.infos},
        n_without_enough_data=show_count(n_thin),
    )
    context.progress.advance(0.4)
    screening = write_list(config, material, spec, folder.path(artifacts.SCREENING))
    with write_atomically(folder.path(artifacts.SCREENING_VIEWS)) as partial:
        partial.mkdir()
        for name, view in spec.views.items():
            write_list(config, material, spec.for_view(name), partial / f"{name}.parquet", view)
    n_schools = screening.frame["school_unit"].nunique()
    return f"{len(screening.frame):,} pupils in {n_schools} schools"


def _check_model(scored: ScoredPupils, current: pd.DataFrame, spec: ScreeningSpec) -> FitnessReport:
    """Compare the pupils to be listed with those whom the model was trained on."""
    trained = scored.rows["split"].eq("train") & scored.rows["label"].notna()
    period = scored.model.training_period
    dates = [moment for moment in current["prediction_date"] if isinstance(moment, date)]
    return check_fitness(
        scored.inputs[trained],
        scored.inputs.loc[current.index],
        scored.model.inputs,
        spec.limits,
        trained_until=None if period is None else date.fromisoformat(period[1][:10]),
        prediction_date=max(dates, default=None),
    )


def _refuse(check: dict[str, Any], config: RunConfig) -> None:
    """Stop where the model does not fit the pupils, and say why in the reader's language."""
    if check["reasons"]:
        title, findings = describe_refusal(
            check, file=artifacts.SCREENING_CHECK, language=config.language
        )
        raise DataContractError(title, findings)


def _find_reasons(
    scored: ScoredPupils, selected: pd.DataFrame, spec: ScreeningSpec
) -> Sequence[Sequence[Reason]]:
    """Return the reasons of the pupils to list, those too that some may not read."""
    model = scored.model
    inputs = scored.inputs.loc[selected.index, list(model.feature_names)]
    return reason_texts(
        explain(model, inputs),
        inputs,
        model.infos,
        language=spec.language,
        n_reasons=spec.n_reasons + _SPARE_REASONS,
        n_protective=spec.n_protective + _SPARE_REASONS,
        background=model.background_means,
    )


def _read_histories(
    config: RunConfig, folder: RunFolder, selected: pd.DataFrame
) -> Histories | None:
    """Return the listed pupils' attendance and grades, None where no date is known."""
    dates = [moment for moment in selected["prediction_date"] if isinstance(moment, date)]
    if not dates:
        return None
    return read_listed_histories(config, folder, selected["subject_id"].to_list(), max(dates))
