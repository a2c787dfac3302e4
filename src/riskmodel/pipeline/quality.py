"""The stage that says how good the data are, and how far pupils in them can be told apart."""

from __future__ import annotations

from typing import Any

from riskmodel.core.files import read_json, write_json, write_text
from riskmodel.ingest.quality import measure_quality
from riskmodel.ingest.quality_pupils import count_alike
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.facts import describe_run
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import open_tables
from riskmodel.privacy.anonymity import assess_anonymity
from riskmodel.report.quality_page import collect_quality, render_quality


def quality(context: StageContext) -> str:
    """Look for soft findings, measure anonymity, and write the report of both.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How many findings there are, and whether the demanded anonymity is reached.
    """
    config, folder = context.config, context.folder
    outcome = config.cohort.outcome.name if config.cohort is not None else None
    attributes = config.privacy.quasi_identifiers
    with open_tables(context) as (engine, tables):
        context.progress.advance(0.1)
        found = measure_quality(
            engine, tables, config.tables, config.quality, calendar=config.calendar
        )
        context.progress.advance(0.8)
        counts, sensitive = count_alike(engine, tables, attributes, outcome)
    anonymity = assess_anonymity(counts, sensitive, config.privacy)
    content: dict[str, Any] = found.to_dict()
    content["anonymity"] = anonymity.to_dict(config.quality.min_count)
    write_json(folder.path(artifacts.QUALITY), content)
    contract = read_json(folder.require(artifacts.DATA_REPORT, made_by="pseudonymise"))
    page = collect_quality(
        content,
        contract,
        run=describe_run(config),
        own_tables=sorted({*config.event_tables, *config.person_attributes}),
        language=config.language,
    )
    write_text(folder.path(artifacts.QUALITY_PAGE), render_quality(page))
    reached = anonymity.reached is not None
    return (
        f"{found.n_noted} of {len(found.findings)} checks found something; k={config.privacy.k} "
        f"and l={config.privacy.l} {'reached by coarsening' if reached else 'not reached'}"
    )
