"""What a delivery of SS 12000 holds beside the standard, counted and never quoted."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from riskmodel.engine.session import Engine
from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.ss12000.fields import ENUMERATIONS
from riskmodel.ingest.ss12000.joins import join
from riskmodel.ingest.ss12000.tables import Entities, Pupils
from riskmodel.privacy.disclosure import DEFAULT_LIMIT

_STUDENTS = ("attendances", "aggregatedAttendance", "absences", "grades")


def find_missing_links(engine: Engine, entities: Entities) -> list[ContractFinding]:
    """Find what a delivery lacks without which another part of it says nothing.

    Parameters
    ----------
    engine : Engine
        The engine of the tables.
    entities : mapping of str to ibis.Table
        By endpoint.

    Returns
    -------
    list of ContractFinding
        That no attendance has its calendar event, or no grade its syllabus.
    """
    findings = []
    for name, column, target in (
        ("attendances", "calendarEvent", "calendarEvents"),
        ("grades", "syllabus", "syllabuses"),
    ):
        if name not in entities or not _count(engine, entities[name]):
            continue
        rows = entities[name]
        if target in entities:
            key = rows.select(key=rows[column]["id"])
            rows = join(key, entities[target], "semi", key="id")
        if target not in entities or not _count(engine, rows):
            findings.append(ContractFinding(name, column, "undelivered", None, f"none in {target}"))
    return findings


def find_notices(
    engine: Engine, entities: Entities, pupils: Pupils, tables: Collection[str]
) -> list[ContractFinding]:
    """Count what was taken as it is, or left out, and should be known.

    Parameters
    ----------
    engine : Engine
        The engine of the tables.
    entities : mapping of str to ibis.Table
        By endpoint.
    pupils : Pupils
        Who the pupils are.
    tables : collection of str
        The tables that were made.

    Returns
    -------
    list of ContractFinding
        In the order of endpoints and fields.
    """
    findings = [*_find_unknown_values(engine, entities)]
    if "attendance" in tables and "attendances" in entities:
        events = entities["calendarEvents"]
        rows = entities["attendances"]
        key = rows.select(key=rows.calendarEvent["id"])
        n_lost = _count(engine, join(key, events, "anti", key="id"))
        if n_lost:
            findings.append(ContractFinding("attendances", "calendarEvent", "unlinked", n_lost))
    for name in _STUDENTS:
        if name in entities:
            key = entities[name].select(key=entities[name].student["id"])
            n_lost = _count(engine, join(key, pupils.identifiers, "anti", key="student"))
            if n_lost:
                findings.append(ContractFinding(name, "student", "unlinked", n_lost))
    return findings


def _find_unknown_values(engine: Engine, entities: Entities) -> Iterator[ContractFinding]:
    """Give a finding for each field with values outside the standard's list."""
    for (name, field), allowed in ENUMERATIONS.items():
        if name not in entities:
            continue
        value = _reach(entities[name], field)
        unknown = value.filter(value["value"].notnull() & value["value"].notin(allowed))
        counts = unknown.aggregate(n=unknown.count(), kinds=unknown["value"].nunique())
        found = engine.to_pandas(counts).iloc[0]
        if found["n"]:
            kinds = int(found["kinds"]) if found["n"] >= DEFAULT_LIMIT else None
            detail = "" if kinds is None else f"{kinds} different"
            yield ContractFinding(name, field, "enumeration", int(found["n"]), detail)


def _reach(rows: Any, field: str) -> Any:
    """Return a field, perhaps one of the entities in a list, as the column `value`."""
    if "." not in field:
        return rows.select(value=rows[field])
    outer, inner = field.split(".")
    below = rows.select(one=rows[outer].unnest())
    return below.select(value=below.one[inner])


def _count(engine: Engine, rows: Any) -> int:
    """Return the number of rows."""
    return int(engine.to_pandas(rows.aggregate(n=rows.count()))["n"].iloc[0])
