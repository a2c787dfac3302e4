"""The stage that computes what was known before each prediction."""

from __future__ import annotations

from typing import Any

from riskmodel.core.files import write_json
from riskmodel.features.compiler import compute_features, select_available
from riskmodel.features.inspection import fit_to_tables, leave_out_unknown
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import feature_infos
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import open_tables, read_labels, write_frame
from riskmodel.privacy.disclosure import show_count


def features(context: StageContext) -> str:
    """Compute the point-in-time features of every prediction.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How many features and rows there are.
    """
    config, folder = context.config, context.folder
    labels = read_labels(folder)
    with open_tables(context, config.engine) as (engine, tables):
        specs = select_available(config.features.select(), tables)
        places: Any = {"schemas": feature_schemas(config.tables), "calendar": config.calendar}
        fit = fit_to_tables(engine, tables, labels, specs, **places)
        context.progress.advance(0.2)
        frame = compute_features(engine, tables, labels, fit.specs, **places)
    fit = leave_out_unknown(fit, frame)
    infos = feature_infos(fit.specs)
    columns = ["subject_id", "prediction_date", *(info.name for info in infos)]
    write_frame(folder.path(artifacts.FEATURES), frame[columns])
    write_json(folder.path(artifacts.FEATURE_INFO), [info.to_dict() for info in infos])
    note = f"{len(fit.specs)} features of {show_count(len(frame))} predictions"
    return "; ".join([note, *fit.notices])
