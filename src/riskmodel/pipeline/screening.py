"""The stage that lists pupils for the school-health team, with files for each role."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.files import write_atomically, write_json, write_text
from riskmodel.errors import DataContractError
from riskmodel.explanation.contributions import explain
from riskmodel.explanation.reasons import Reason, reason_texts
from riskmodel.models.risk_model import RiskModel
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.assessment import find_main_point, load_chosen, read_chosen_predictions
from riskmodel.pipeline.facts import describe_run
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import KEYS, ModellingTable, read_modelling_table
from riskmodel.report.messages import describe_refusal
from riskmodel.report.screening_page import collect_screening, render_screening
from riskmodel.report.workbook import write_screening_workbook
from riskmodel.screening.fitness import FitnessReport, check_fitness
from riskmodel.screening.lists import (
    ScreeningList,
    build_screening_list,
    choose_rows,
    select_pupils,
)
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
    table = table.select(table.labels["point"].eq(point))
    model = load_chosen(folder, point)
    rows = table.labels[[*KEYS, "school_unit", "cohort", "point"]].assign(
        risk=model.predict_risk(table.inputs)
    )
    current = choose_rows(rows, spec)
    fitness = _check_model(table, current, model, spec)
    write_json(folder.path(artifacts.SCREENING_CHECK), fitness.to_dict())
    _refuse(fitness, config)
    context.progress.advance(0.2)
    reasons = _find_reasons(table, select_pupils(rows, spec), model, spec)
    screening = build_screening_list(rows, lambda _: reasons, spec)
    performance = measure_list(
        read_chosen_predictions(config, folder), spec, level=config.evaluation.level
    ).to_dict()
    run = describe_run(config) | {
        "model": model.family,
        "point": point,
        "cohort": str(current["cohort"].iloc[0]),
        "prediction_date": str(current["prediction_date"].iloc[0]),
    }
    _write_list(config, screening, run, performance, folder.path(artifacts.SCREENING))
    context.progress.advance(0.5)
    with write_atomically(folder.path(artifacts.SCREENING_VIEWS)) as partial:
        partial.mkdir()
        for name, view in spec.views.items():
            seen = build_screening_list(rows, lambda _: reasons, spec.for_view(name))
            titled = run | {"view": view.title}
            _write_list(config, seen, titled, performance, partial / f"{name}.parquet")
    n_schools = screening.frame["school_unit"].nunique()
    return f"{len(screening.frame):,} pupils in {n_schools} schools"


def _check_model(
    table: ModellingTable, current: pd.DataFrame, model: RiskModel, spec: ScreeningSpec
) -> FitnessReport:
    """Compare the pupils to be listed with those whom the model was trained on."""
    labels = table.labels
    trained = labels["split"].eq("train") & labels["label"].notna()
    period = model.training_period
    dates = [moment for moment in current["prediction_date"] if isinstance(moment, date)]
    return check_fitness(
        table.inputs[trained],
        table.inputs.loc[current.index],
        model.inputs,
        spec.limits,
        trained_until=None if period is None else date.fromisoformat(period[1][:10]),
        prediction_date=max(dates, default=None),
    )


def _refuse(fitness: FitnessReport, config: RunConfig) -> None:
    """Stop where the model does not fit the pupils, and say why in the reader's language."""
    if fitness.reasons:
        title, findings = describe_refusal(
            fitness.to_dict(), file=artifacts.SCREENING_CHECK, language=config.language
        )
        raise DataContractError(title, findings)


def _find_reasons(
    table: ModellingTable, selected: pd.DataFrame, model: RiskModel, spec: ScreeningSpec
) -> Sequence[Sequence[Reason]]:
    """Return the reasons of the pupils to list, those too that some may not read."""
    inputs = table.inputs.loc[selected.index, list(model.feature_names)]
    return reason_texts(
        explain(model, inputs),
        inputs,
        model.infos,
        language=spec.language,
        n_reasons=spec.n_reasons + _SPARE_REASONS,
        background=model.background_means,
    )


def _write_list(
    config: RunConfig,
    screening: ScreeningList,
    run: dict[str, Any],
    performance: dict[str, Any],
    path: Path,
) -> None:
    """Write one view of the list as a table, and beside it as a page and a workbook."""
    with write_atomically(path) as partial:
        screening.frame.to_parquet(partial, index=False)
    page = collect_screening(
        screening.frame,
        screening.to_dict(),
        run=run,
        performance=performance,
        language=config.language,
    )
    write_text(path.with_suffix(".html"), render_screening(page))
    write_screening_workbook(page, path.with_suffix(".xlsx"))
