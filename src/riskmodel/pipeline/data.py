"""The stages that make a run's tables: pseudonymised extracts, cohort and features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.cohort.build import UNLABELLED, CohortResult, build_cohort
from riskmodel.cohort.earlier_lists import ListedCohort, find_listed, read_earlier_lists
from riskmodel.cohort.leaving import follow_terms
from riskmodel.cohort.rules.outcomes import DerivedOutcomes, derive_outcomes
from riskmodel.cohort.rules.specs import FromGradesSpec, outcome_source
from riskmodel.cohort.specs import CohortSpec
from riskmodel.config.models import RunConfig
from riskmodel.core.files import write_atomically, write_json
from riskmodel.engine.session import Engine, open_engine
from riskmodel.features.compiler import compute_features, select_available
from riskmodel.features.inspection import fit_to_tables, leave_out_unknown
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import feature_infos
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
    load_linkage_key,
    load_main_key,
)
from riskmodel.pipeline.progress import Progress
from riskmodel.pipeline.removal import remove_left_out
from riskmodel.pipeline.runner import StageContext
from riskmodel.privacy.disclosure import DEFAULT_LIMIT, round_count, show_count, show_share
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.linkage import open_links
from riskmodel.privacy.pseudonyms import pseudonymise_ids
from riskmodel.privacy.tombstones import is_forgotten, read_tombstones

_MAIN, _OWN = "linked_main", "linked_own"


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
            _write_frame(folder, artifacts.LINKS, links)
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
        _write_frame(folder, name, frame[~gone].reset_index(drop=True))
    write_json(folder.path(artifacts.FEATURE_INFO), [])
    return f"{show_count(len(table.features))} rows, {table.features.shape[1] - 2} features"


def _write_frame(folder: RunFolder, name: str, frame: pd.DataFrame) -> None:
    """Write a frame to a Parquet file, atomically."""
    with write_atomically(folder.path(name)) as partial:
        frame.to_parquet(partial, index=False)


def read_tables(engine: Engine, context: StageContext) -> dict[str, Any]:
    """Open the pseudonymised tables, those with keys of their own joined by the linkage key.

    Parameters
    ----------
    engine : Engine
        Where to open them.
    context : StageContext
        The run.

    Returns
    -------
    dict of str to ibis.Table
        By name. What a table with a key of its own is joined by lives in the engine alone.
    """
    folder = context.folder
    place = folder.require(artifacts.PSEUDONYMISED, made_by="pseudonymise")
    tables = {path.stem: engine.read_parquet(path) for path in sorted(place.glob("*.parquet"))}
    linkage = load_linkage_key(context.config, context.project)
    apart = [name for name in context.config.pseudonyms.sources if name in tables]
    if linkage is None or not apart:
        return tables
    links = pd.read_parquet(folder.require(artifacts.LINKS, made_by="pseudonymise"))
    subjects = pd.read_parquet(folder.path(artifacts.SUBJECTS), columns=["subject_id"])
    main = subjects["subject_id"]
    for name in apart:
        own = open_links(links, main, linkage, source=name)
        joined_by = pd.DataFrame({_MAIN: main, _OWN: own}).dropna()
        pairs = engine.register(joined_by, f"linked_{name}")
        rows = tables[name]
        joined = rows.join(pairs, rows["subject_id"] == pairs[_OWN])
        columns = {column: joined[column] for column in rows.columns}
        tables[name] = joined.select(**(columns | {"subject_id": joined[_MAIN]}))
    return tables


def cohort(context: StageContext) -> str:
    """Find who is predicted, when, and with which outcome.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How many rows there are, and how many of them have a label.
    """
    config, folder = context.config, context.folder
    assert config.cohort is not None
    with open_engine(config.engine.embedded) as engine:
        tables = read_tables(engine, context)
        derived = _derive_outcomes(engine, tables, config)
        if derived is not None:
            tables["outcomes"] = derived.table
        result = build_cohort(tables, config.cohort, calendar=config.calendar)
        terms = follow_terms(tables, result.labels, config.cohort, calendar=config.calendar)
        listed = _find_listed(tables, result.labels, config.cohort)
    _write_frame(folder, artifacts.LABELS, result.labels)
    _write_frame(folder, artifacts.LEAVING, terms)
    earlier = _release_listed(listed)
    content = _release_flow(result) | {"earlier_lists": earlier}
    content["outcome"] = {"name": config.cohort.outcome.name} | _release_source(derived)
    write_json(folder.path(artifacts.COHORT), content)
    n_labelled = round_count(int(result.labels["label"].notna().sum()))
    note = f"about {round_count(len(result.labels)):,} predictions, {n_labelled:,}"
    note = f"{note} with a known outcome"
    n_left_out = len(result.left_out)
    return f"{note}, {n_left_out} left out of training" if n_left_out else note


def _derive_outcomes(
    engine: Engine, tables: Mapping[str, Any], config: RunConfig
) -> DerivedOutcomes | None:
    """Compute the outcome from grades if that is asked for or there is no table of it."""
    assert config.cohort is not None
    outcome = config.cohort.outcome
    if outcome_source(outcome.name, outcome.from_grades, tables) == "outcomes":
        return None
    return derive_outcomes(
        engine,
        tables,
        outcome.name,
        outcome.from_grades or FromGradesSpec(),
        enrolments=config.cohort.population.table,
        calendar=config.calendar,
    )


def _release_source(derived: DerivedOutcomes | None) -> dict[str, Any]:
    """Return where the outcome comes from, by which rule, with rounded counts."""
    if derived is None:
        return {"computed_from": "outcomes"}
    return {
        "computed_from": "grades",
        "rule": derived.rule,
        "versions": [item.model_dump(mode="json", exclude_none=True) for item in derived.versions],
        "counts": {name: round_count(count) for name, count in derived.counts.items()},
    }


def _release_flow(result: CohortResult) -> dict[str, Any]:
    """Return how many pupils came to what: rounded counts, and totals that are their sums."""
    flow = result.flow_frame()
    parts = ["labelled", *UNLABELLED]
    for step in ["cancelled", *parts]:
        flow[step] = [round_count(count) for count in flow[step]]
    flow["eligible"] = flow[parts].sum(axis=1)
    flow["enrolled"] = flow["eligible"] + flow["cancelled"]
    left_out = [
        {
            "point": item.point,
            "cohort": item.cohort,
            "first_test_date": str(item.first_test_date),
            "known_too_late": round_count(item.count),
        }
        for item in result.left_out
    ]
    return {
        "flow": flow.to_dict(orient="records"),
        "left_out_of_training": left_out,
        "rounded_to": DEFAULT_LIMIT,
    }


def _find_listed(
    tables: Mapping[str, Any], labels: pd.DataFrame, spec: CohortSpec
) -> tuple[ListedCohort, ...]:
    """Return the cohorts with pupils on an earlier list."""
    if not spec.earlier_lists:
        return ()
    lists, support = read_earlier_lists(spec.earlier_lists), None
    if "support" in tables:
        support = tables["support"].select("subject_id", "start_date").to_pyarrow().to_pandas()
    return find_listed(labels, lists, support)


def _release_listed(listed: tuple[ListedCohort, ...]) -> list[dict[str, Any]]:
    """Return the cohorts with an earlier list, their shares where no small count shows."""
    return [
        {
            "point": item.point,
            "cohort": item.cohort,
            "share_listed": show_share(item.n_listed, item.n_pupils),
            "share_supported": show_share(item.n_supported, item.n_listed),
        }
        for item in listed
    ]


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
    labels = pd.read_parquet(folder.require(artifacts.LABELS, made_by="cohort"))
    with open_engine(config.engine) as engine:
        tables = read_tables(engine, context)
        specs = select_available(config.features.select(), tables)
        places: Any = {"schemas": feature_schemas(config.tables), "calendar": config.calendar}
        fit = fit_to_tables(engine, tables, labels, specs, **places)
        context.progress.advance(0.2)
        frame = compute_features(engine, tables, labels, fit.specs, **places)
    fit = leave_out_unknown(fit, frame)
    infos = feature_infos(fit.specs)
    columns = ["subject_id", "prediction_date", *(info.name for info in infos)]
    _write_frame(folder, artifacts.FEATURES, frame[columns])
    write_json(folder.path(artifacts.FEATURE_INFO), [info.to_dict() for info in infos])
    note = f"{len(fit.specs)} features of {show_count(len(frame))} predictions"
    return "; ".join([note, *fit.notices])
