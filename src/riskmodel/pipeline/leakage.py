"""The stage that tests the features for leakage, and what training demands of it."""

from __future__ import annotations

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.files import hash_file, read_json, write_json
from riskmodel.errors import LeakageError
from riskmodel.features.compiler import select_available
from riskmodel.features.leakage import find_leaks
from riskmodel.features.leakage_report import LeakageReport, refuse_leaks
from riskmodel.features.leakage_specs import LeakageSpec
from riskmodel.features.schemas import feature_schemas
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.facts import describe_leakage
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import open_tables, read_labels

COMMAND = "check leakage"
_HASH = "features_sha256"


def run_test(context: StageContext, spec: LeakageSpec) -> LeakageReport:
    """Test the run's features for leakage and write down what was found.

    Parameters
    ----------
    context : StageContext
        The run.
    spec : LeakageSpec
        How much to look at, and what is accepted.

    Returns
    -------
    LeakageReport
        Written to `leakage.json` whatever was found.
    """
    config, folder = context.config, context.folder
    labels = read_labels(folder)
    path = folder.require(artifacts.FEATURES, made_by="features")
    features = pd.read_parquet(path)
    # Engines give the same table: what Spark has computed is checked by the embedded one.
    with open_tables(context) as (engine, tables):
        specs = [
            feature
            for feature in select_available(config.features.select(), tables)
            if feature.name in features.columns
        ]
        report = find_leaks(
            engine,
            tables,
            labels,
            specs,
            schemas=feature_schemas(config.tables),
            calendar=config.calendar,
            random_state=config.random_state,
            spec=spec,
            features=features,
            folder=folder.root,
            progress=context.progress.advance,
        )
    content = report.to_dict() | {_HASH: hash_file(path)}
    write_json(folder.path(artifacts.LEAKAGE), content)
    return report


def leakage(context: StageContext) -> str:
    """Test the run's features for leakage, and refuse to go on if there is any.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How much was perturbed, and that no feature moved.

    Raises
    ------
    LeakageError
        With every finding.
    """
    report = run_test(context, context.config.leakage)
    report.check()
    return describe_leakage(report.to_dict())


def demand_test(config: RunConfig, folder: RunFolder) -> None:
    """Raise unless the present features were tested and no leak is left.

    Parameters
    ----------
    config : RunConfig
        The run's configuration. A ready table of features cannot be tested.
    folder : RunFolder
        The run's folder.

    Raises
    ------
    UsageError
        If no test was run.
    LeakageError
        If the test was of other features, or found a leak that is not accepted.
    """
    if config.feature_table is not None:
        return
    content = read_json(folder.require(artifacts.LEAKAGE, made_by=COMMAND))
    if content[_HASH] != hash_file(folder.path(artifacts.FEATURES)):
        raise LeakageError(
            f"`{artifacts.LEAKAGE}` must be the test of the present features, got that of others. "
            f"Run `riskmodel {COMMAND}` again."
        )
    refuse_leaks(
        [
            f"{item['name']}: {item['text']}"
            for item in content["findings"]
            if item["severity"] == "leak" and item["name"] not in config.leakage.accepted
        ]
    )
