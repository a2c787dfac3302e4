"""The stage that lists pupils for the school-health team, with files for each role."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskmodel.config.models import RunConfig
from riskmodel.core.files import write_atomically, write_json
from riskmodel.engine.session import Engine, open_engine
from riskmodel.errors import ConfigurationError, DataContractError
from riskmodel.explanation.contributions import explain
from riskmodel.explanation.phrases import Reason
from riskmodel.explanation.reasons import reason_texts
from riskmodel.features.history import Histories
from riskmodel.models.risk_model import RiskModel
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.assessment import find_main_point, load_chosen, read_chosen_predictions
from riskmodel.pipeline.facts import describe_run
from riskmodel.pipeline.inputs import InputColumns, InputSource
from riskmodel.pipeline.list_files import ListMaterial, write_list
from riskmodel.pipeline.listed_pupils import (
    ScoredPupils,
    describe_certainty,
    find_comparison,
    read_listed_histories,
)
from riskmodel.pipeline.part_store import PartStore
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.scoring import Scorer, describe_work, make_scorer, score_pupils
from riskmodel.pipeline.tables import KEYS, read_labels
from riskmodel.privacy.disclosure import show_count
from riskmodel.report.messages import describe_refusal
from riskmodel.screening.fitness import FitnessReport, check_fitness
from riskmodel.screening.lists import choose_rows, find_withheld, select_pupils
from riskmodel.screening.performance import measure_list
from riskmodel.screening.specs import ScreeningSpec

_ROW_GROUP_SIZE = 122_880


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
    labels = read_labels(folder)
    model = load_chosen(folder, point)
    _check_withheld(config, spec, model)
    current = choose_rows(labels[[*KEYS, "school_unit", "school_class", "cohort", "point"]], spec)
    with open_engine(config.engine) as engine:
        source = InputSource(config, folder, engine, labels)
        trained = InputColumns(source, labels[_find_trained(labels, spec)])
        fitness = _check_model(trained, InputColumns(source, current), current, model, spec)
        write_json(folder.path(artifacts.SCREENING_CHECK), fitness.to_dict())
        _refuse(fitness, config)
        scorer = make_scorer(model, spec, trained)
        store, scored = _score(context, engine, source, current, scorer)
        rows = current.sort_values("subject_id")
        for name in ("risk", "has_enough_data"):
            rows[name] = scored.column(name).to_numpy()
        selected = select_pupils(rows, spec)
        rows["is_listed"] = rows.index.isin(selected.index)
        pupils = ScoredPupils(rows, source, model)
        material = _collect_material(context, engine, pupils, selected, spec)
        write_json(folder.path(artifacts.SCREENING_CHECK), fitness.to_dict() | material.summary)
        n_listed, n_schools = _write_lists(config, folder, material, spec)
    _write_scores(rows, scored, folder.path(artifacts.SCREENING_SCORES))
    store.remove()
    return f"{show_count(n_listed)} pupils in {n_schools} schools"


def _write_lists(
    config: RunConfig, folder: RunFolder, material: ListMaterial, spec: ScreeningSpec
) -> tuple[int, int]:
    """Write the list and that of each role, and return how many pupils and schools are on it."""
    screening = write_list(config, material, spec, folder.path(artifacts.SCREENING))
    with write_atomically(folder.path(artifacts.SCREENING_VIEWS)) as partial:
        partial.mkdir()
        for name, view in spec.views.items():
            write_list(config, material, spec.for_view(name), partial / f"{name}.parquet", view)
    return len(screening.frame), int(screening.frame["school_unit"].nunique())


def _check_withheld(config: RunConfig, spec: ScreeningSpec, model: RiskModel) -> None:
    """Refuse to withhold a feature that a ready table does not have; others are known before."""
    findings = spec.find_unknown_features(model.feature_names) if config.feature_table else []
    if findings:
        raise ConfigurationError(
            f"`withheld_features` must name features, got {len(findings)} unknown. "
            "Mend the configuration: what is misspelt would be shown.",
            findings,
        )


def _find_trained(labels: pd.DataFrame, spec: ScreeningSpec) -> pd.Series[bool]:
    """Return which rows the model was trained on."""
    return (
        labels["point"].eq(str(spec.point)) & labels["split"].eq("train") & labels["label"].notna()
    )


def _check_model(
    trained: InputColumns,
    inputs: InputColumns,
    current: pd.DataFrame,
    model: RiskModel,
    spec: ScreeningSpec,
) -> FitnessReport:
    """Compare the pupils to be listed with those whom the model was trained on."""
    period = model.training_period
    return check_fitness(
        trained,
        inputs,
        model.inputs,
        spec.limits,
        trained_until=None if period is None else date.fromisoformat(period[1][:10]),
        prediction_date=_find_date(current),
    )


def _find_date(rows: pd.DataFrame) -> date | None:
    """Return the latest prediction date, None where none is known."""
    return max((one for one in rows["prediction_date"] if isinstance(one, date)), default=None)


def _refuse(fitness: FitnessReport, config: RunConfig) -> None:
    """Stop where the model does not fit the pupils, and say why in the reader's language."""
    if fitness.reasons:
        title, findings = describe_refusal(
            fitness.to_dict(), file=artifacts.SCREENING_CHECK, language=config.language
        )
        raise DataContractError(title, findings, language=config.language)


def _score(
    context: StageContext,
    engine: Engine,
    source: InputSource,
    current: pd.DataFrame,
    scorer: Scorer,
) -> tuple[PartStore, pa.Table]:
    """Score the pupils in parts, and return these with where they are kept until the end."""
    batch_rows = context.config.engine.batch_rows
    store = PartStore(
        context.folder.path(artifacts.SCREENING_PARTS),
        describe_work(context.made_from, scorer, batch_rows),
    )
    scored = score_pupils(
        current, source, engine, scorer, store,
        batch_rows=batch_rows, progress=context.progress,
    )  # fmt: skip
    return store, scored


def _write_scores(rows: pd.DataFrame, scored: pa.Table, path: Path) -> None:
    """Write every pupil's risk and the features that raise it most, in order of pseudonyms."""
    keys = pa.Table.from_pandas(rows[[*KEYS, "school_unit"]], preserve_index=False)
    table = keys.replace_schema_metadata()
    for name in scored.column_names[1:]:
        table = table.append_column(name, scored.column(name))
    with write_atomically(path) as partial:
        pq.write_table(table, partial, compression="zstd", row_group_size=_ROW_GROUP_SIZE)


def _collect_material(
    context: StageContext,
    engine: Engine,
    pupils: ScoredPupils,
    selected: pd.DataFrame,
    spec: ScreeningSpec,
) -> ListMaterial:
    """Put together all that the lists of the run are made of."""
    config, folder, rows = context.config, context.folder, pupils.rows
    predictions = read_chosen_predictions(config, folder)
    certainty, summary = describe_certainty(config, folder, predictions, selected, spec)
    thin = show_count(int((~rows["has_enough_data"]).sum()))
    performance = measure_list(predictions, spec, level=config.evaluation.level)
    return ListMaterial(
        rows=rows,
        selected=selected,
        reasons=_explain_listed(pupils, selected),
        facts=certainty.assign(has_enough_data=selected["has_enough_data"]),
        comparison=find_comparison(config, folder, engine, pupils, spec),
        histories=_read_histories(context, selected),
        performance=performance.to_dict(),
        run=describe_run(config)
        | {
            "model": pupils.model.family,
            "point": spec.point,
            "cohort": str(rows["cohort"].iloc[0]),
            "prediction_date": str(rows["prediction_date"].iloc[0]),
        },
        domains={info["name"]: info["domain"] for info in pupils.model.infos},
        summary=summary | {"n_without_enough_data": thin},
    )


def _explain_listed(
    pupils: ScoredPupils, selected: pd.DataFrame
) -> Callable[[ScreeningSpec], Sequence[Sequence[Reason]]]:
    """Explain the pupils to list, and return what gives their reasons to the readers of a list.

    Texts are written only of what is shown: most features of most pupils never are.
    """
    model = pupils.model
    inputs = pupils.source.read(selected)[list(model.feature_names)]
    explanation = explain(model, inputs)

    def find_reasons(spec: ScreeningSpec) -> Sequence[Sequence[Reason]]:
        """Return the reasons that some readers may see."""
        return reason_texts(
            explanation,
            inputs,
            model.infos,
            language=spec.language,
            n_reasons=spec.n_reasons,
            n_protective=spec.n_protective,
            background=model.background_means,
            hidden=find_withheld(model.infos, spec),
            missing_protects=False,
        )

    return find_reasons


def _read_histories(context: StageContext, selected: pd.DataFrame) -> Histories | None:
    """Return the listed pupils' attendance and grades, None where no date is known."""
    moment = _find_date(selected)
    if moment is None:
        return None
    return read_listed_histories(context, selected["subject_id"].to_list(), moment)
