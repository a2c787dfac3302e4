"""The first stage: extracts, or a ready table, checked and with pseudonyms for identities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.files import write_atomically, write_json
from riskmodel.engine.session import Engine
from riskmodel.ingest.feature_table import read_feature_table
from riskmodel.ingest.findings import DataContractReport
from riskmodel.ingest.pseudonymise import (
    find_left_out,
    forget_identities,
    link_sources,
    pseudonymise_tables,
)
from riskmodel.ingest.stage import FindForgotten, IngestedTables, ingest_tables
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.extracts import open_extracts
from riskmodel.pipeline.keys import (
    find_forgotten_file,
    load_keys,
    load_main_key,
)
from riskmodel.pipeline.progress import Progress
from riskmodel.pipeline.removal import remove_left_out
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import write_frame
from riskmodel.privacy.disclosure import show_count
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.pseudonyms import pseudonymise_ids
from riskmodel.privacy.tombstones import is_forgotten, read_tombstones


@contextmanager
def _ingest(
    config: RunConfig,
    project: Path,
    notify: Callable[[float], None],
    find_forgotten: FindForgotten | None = None,
) -> Iterator[tuple[Engine, IngestedTables]]:
    """Open an engine, and in it all extracts: those delivered by SS 12000, and the files."""
    with open_extracts(config, project, notify) as (engine, delivery):
        yield (
            engine,
            ingest_tables(
                engine,
                delivery.sources | config.sources,
                config.tables,
                spec=config.identities,
                protected=delivery.protected,
                notices=delivery.notices,
                find_forgotten=find_forgotten,
            ),
        )


def check_contract(config: RunConfig, project: Path, progress: Progress) -> DataContractReport:
    """Check the extracts against the data contract, without writing anything.

    Parameters
    ----------
    config : RunConfig
        Names the extracts.
    project : pathlib.Path
        The folder of the configuration file, where no token may lie.
    progress : Progress
        Who listens.

    Returns
    -------
    DataContractReport
        What was read.

    Raises
    ------
    DataContractError
        With every finding.
    """
    with _ingest(config, project, progress.advance) as (_, ingested):
        return ingested.report


def pseudonymise(context: StageContext) -> str:
    """Check the extracts, replace identities by pseudonyms and write the tables.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How many tables and rows were written.
    """
    config, folder = context.config, context.folder
    keys = load_keys(config, context.project)
    key = keys.main.key
    advance = context.progress.advance
    with _ingest(
        config,
        context.project,
        lambda share: advance(0.3 * share),
        find_forgotten=_make_finder(context, key),
    ) as (engine, ingested):
        advance(0.3)
        gone = find_left_out(engine, ingested, key, domain=config.pseudonyms.domain)
        removal = remove_left_out(config, gone, key)
        tables = pseudonymise_tables(
            engine, ingested, key, domain=config.pseudonyms.domain, own=keys.own
        )
        advance(0.5)
        _write_tables(engine, folder, tables.tables, context.progress)
        if keys.linkage is None:
            folder.path(artifacts.LINKS).unlink(missing_ok=True)
        else:
            links = link_sources(engine, ingested, keys.main, keys.own, keys.linkage)
            write_frame(folder.path(artifacts.LINKS), links)
        forget_identities(engine)
    content = ingested.report.to_dict() | tables.report.to_dict() | keys.to_dict()
    write_json(folder.path(artifacts.DATA_REPORT), content)
    note = f"{len(tables.tables)} tables, {content['subjects']} pupils"
    return f"{note}; pupils who are now left out were taken out of results" if removal else note


def _make_finder(context: StageContext, key: PseudonymKey) -> FindForgotten | None:
    """Return what tells which identities were forgotten; None where nobody was."""
    tombstones = read_tombstones(find_forgotten_file(context.config, context.folder))
    if not tombstones.get(key.key_id):
        return None

    def find(identities: pd.Series) -> pd.Series:
        pseudonyms = pseudonymise_ids(identities, key, domain=context.config.pseudonyms.domain)
        return is_forgotten(pseudonyms, key, tombstones)

    return find


def _write_tables(
    engine: Engine, folder: RunFolder, tables: Mapping[str, Any], progress: Progress
) -> None:
    """Write all tables, or none, in the order that they come in."""
    with write_atomically(folder.path(artifacts.PSEUDONYMISED)) as partial:
        partial.mkdir()
        for number, (name, table) in enumerate(sorted(tables.items()), start=1):
            engine.write_parquet(table, partial / f"{name}.parquet")
            progress.advance(0.5 + 0.5 * number / len(tables))


def import_table(context: StageContext) -> str:
    """Read a ready table of features in place of extracts.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How many rows and features there are.
    """
    spec, folder = context.config.feature_table, context.folder
    assert spec is not None
    key = load_main_key(context.config, context.project) if spec.id_column is not None else None
    table = read_feature_table(
        spec,
        key,
        domain=context.config.pseudonyms.domain,
        identities=context.config.identities,
    )
    gone = pd.Series(False, index=table.labels.index)
    if key is not None:
        tombstones = read_tombstones(find_forgotten_file(context.config, folder))
        gone = is_forgotten(table.labels["subject_id"], key, tombstones)
        remove_left_out(context.config, frozenset(), key)
    for name, frame in (
        (artifacts.FEATURES, table.features),
        (artifacts.LABELS, table.labels),
        (artifacts.SUBJECTS, table.subjects),
    ):
        write_frame(folder.path(name), frame[~gone].reset_index(drop=True))
    write_json(folder.path(artifacts.FEATURE_INFO), [])
    return f"{show_count(len(table.features))} rows, {table.features.shape[1] - 2} features"
