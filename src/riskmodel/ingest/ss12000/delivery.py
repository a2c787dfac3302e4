"""A delivery of SS 12000 from its pages to extracts that the ingest reads like any others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis

from riskmodel.core.private_folders import PrivateFolder
from riskmodel.core.schema import Table
from riskmodel.engine.session import Engine
from riskmodel.ingest.findings import ContractFinding, raise_findings
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.ss12000.attendance import build_attendance
from riskmodel.ingest.ss12000.checks import find_missing_links, find_notices
from riskmodel.ingest.ss12000.client import LiveSource, read_token
from riskmodel.ingest.ss12000.fields import DELETABLE
from riskmodel.ingest.ss12000.files import (
    SOURCE,
    Notify,
    find_broken_ends,
    find_pages,
    stage_files,
    within,
)
from riskmodel.ingest.ss12000.joins import join
from riskmodel.ingest.ss12000.specs import Ss12000Spec
from riskmodel.ingest.ss12000.staging import Stage
from riskmodel.ingest.ss12000.tables import (
    Entities,
    Pupils,
    build_absences,
    build_enrolments,
    build_grades,
    build_persons,
    build_placements,
    find_pupils,
)

_BUILDERS: Mapping[str, tuple[tuple[str, ...], Callable[[Entities, Pupils], Any]]] = {
    "persons": (("persons",), build_persons),
    "enrolments": (("persons",), build_enrolments),
    "attendance": (("attendances", "aggregatedAttendance"), build_attendance),
    "grades": (("grades",), build_grades),
    "absences": (("absences",), build_absences),
    "placements": (("placements",), build_placements),
}
"""By table: the endpoints of which one must have been delivered, and what builds it."""


@dataclass(frozen=True)
class Delivery:
    """What SS 12000 delivered, as extracts.

    Parameters
    ----------
    sources : dict of str to SourceSpec
        Parquet files in a private folder, with the library's own column names.
    protected : tuple of str
        Identifiers, as given, of persons whose identity is protected.
    notices : tuple of ContractFinding
        What was found and taken as it is.
    """

    sources: dict[str, SourceSpec] = field(default_factory=dict)
    protected: tuple[str, ...] = field(default=(), repr=False)
    notices: tuple[ContractFinding, ...] = ()


@contextmanager
def open_delivery(
    engine: Engine,
    spec: Ss12000Spec | None,
    schemas: Mapping[str, Table],
    *,
    temporary_folder: Path | None = None,
    forbidden: Sequence[Path] = (),
    notify: Notify = lambda _: None,
) -> Iterator[Delivery]:
    """Read a delivery of SS 12000, and keep it as extracts for the length of a block.

    Parameters
    ----------
    engine : Engine
        Turns entities into tables.
    spec : Ss12000Spec or None
        Where the endpoints are; None for no delivery.
    schemas : mapping of str to Table
        The tables that there may be. `absences` and `placements` are made if declared.
    temporary_folder : pathlib.Path, optional
        Where the private folder is made; by default where the system keeps such.
    forbidden : sequence of pathlib.Path, optional
        Folders that a file with the token must not lie in.
    notify : callable, optional
        Is told how much has been done, in [0, 1].

    Yields
    ------
    Delivery
        The extracts. The folder that holds them, readable by this user alone, goes away at
        the end, also after an error; what a killed process left goes away when the next one
        begins.

    Raises
    ------
    DataContractError
        If the delivery is not what the standard describes.

    Notes
    -----
    Pages are read piece by piece and kept as Parquet; neither a page nor a table need fit in
    memory. Of several versions of an entity the one modified last counts.
    """
    if spec is None:
        yield Delivery()
        return
    with PrivateFolder(temporary_folder) as folder:
        staged = _stage(spec, folder.path, forbidden, lambda share: notify(0.8 * share))
        yield _build(engine, spec, schemas, staged, folder.path)


def _stage(
    spec: Ss12000Spec, folder: Path, forbidden: Sequence[Path], notify: Notify
) -> dict[str, Path]:
    """Return a Parquet file of entities for each endpoint."""
    if spec.url is not None:
        return _stage_live(spec, folder, forbidden, notify)
    assert spec.path is not None
    pages, findings = find_pages(spec.path, spec.endpoints)
    findings += find_broken_ends(pages)
    if findings:
        raise_findings(findings)
    staged = {name: folder / f"{name}.entities" for name in pages}
    for number, (name, paths) in enumerate(pages.items()):
        stage = Stage(name, staged[name])
        try:
            findings += stage_files(stage, name, paths, within(notify, number, len(pages)))
        finally:
            stage.close()
        findings += stage.findings
        if findings:  # what comes after may take long to read
            raise_findings(findings)
    return staged


def _stage_live(
    spec: Ss12000Spec, folder: Path, forbidden: Sequence[Path], notify: Notify
) -> dict[str, Path]:
    """Fetch all endpoints of a live source."""
    staged = {name: folder / f"{name}.entities" for name in spec.wanted}
    findings = []
    with LiveSource(spec, read_token(spec, forbidden), folder) as source:
        for number, (name, path) in enumerate(staged.items()):
            tell = within(notify, number, len(staged))
            stage = source.stage(
                name,
                lambda name=name, path=path: Stage(name, path),  # type: ignore[misc]
                lambda n_pages, tell=tell: tell(n_pages / (n_pages + 20)),  # type: ignore[misc]
            )
            stage.close()
            findings += stage.findings
    if findings:
        raise_findings(findings)
    return staged


def _build(
    engine: Engine,
    spec: Ss12000Spec,
    schemas: Mapping[str, Table],
    staged: Mapping[str, Path],
    folder: Path,
) -> Delivery:
    """Turn entities into extracts."""
    entities = _open_entities(engine, staged)
    if "persons" not in entities:
        raise_findings([ContractFinding(SOURCE, "", "endpoint", None, "no persons")])
    missing = find_missing_links(engine, entities)
    if missing:
        raise_findings(missing)
    pupils = find_pupils(entities)
    pupils = Pupils(
        pupils.persons, _keep(engine, pupils.identifiers, folder / "identifiers.parquet")
    )
    sources = {}
    for name, (needed, build) in _BUILDERS.items():
        if name in schemas and any(endpoint in entities for endpoint in needed):
            path = folder / f"{name}.parquet"
            _keep(engine, build(entities, pupils), path)
            sources[name] = SourceSpec(
                path=path, format="parquet", values=spec.values.get(name, {})
            )
    marked = pupils.identifiers.filter(pupils.identifiers.security_marking != "Ingen")
    protected = engine.to_pandas(marked.select("person_id"))["person_id"]
    notices = find_notices(engine, entities, pupils, sources)
    return Delivery(sources, tuple(protected), tuple(notices))


def _keep(engine: Engine, rows: Any, path: Path) -> Any:
    """Compute a table once, and return it as read from its file."""
    engine.write_parquet(rows, path)
    return engine.read_parquet(path)


def _open_entities(engine: Engine, staged: Mapping[str, Path]) -> dict[str, Any]:
    """Return the entities of each endpoint, each once and without those deleted since."""
    entities = {name: engine.read_parquet(path) for name, path in staged.items()}
    deleted = entities.pop("deletedEntities", None)
    for name in entities:
        if name not in DELETABLE:
            continue
        entities[name] = _latest(engine, entities[name])
        if deleted is not None:
            gone = deleted.filter(deleted.endpoint == name).select(gone="id")
            entities[name] = join(entities[name], gone, "anti", id="gone")
    return entities


def _latest(engine: Engine, rows: Any) -> Any:
    """Return the version of each entity that was modified last; most often there is but one."""
    counts = rows.aggregate(n=rows["id"].count(), n_unique=rows["id"].hash().nunique())
    found = engine.to_pandas(counts).iloc[0]
    if found["n"] == found["n_unique"]:
        return rows
    modified = rows.meta["modified"].try_cast("timestamp('UTC')")
    order = [ibis.desc(modified), ibis.desc(rows.meta["modified"]), _write_row(rows)]
    place = ibis.row_number().over(group_by=rows["id"], order_by=order)
    versions = rows.mutate(place=place)
    return versions.filter((versions.place == 0) | versions["id"].isnull()).drop("place")


def _write_row(rows: Any) -> Any:
    """Return whole rows as text, to order versions of the same moment."""
    return ibis.struct({name: rows[name] for name in rows.columns}).cast("string")
