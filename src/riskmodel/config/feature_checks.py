"""Check the features and event tables of a configuration, each finding with its place.

The content of the file is read piece by piece, so that one broken piece does not hide what is
wrong with the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from pydantic import ValidationError

from riskmodel.cohort.specs import CohortSpec
from riskmodel.config.models import EventTableSpec, FeaturesSpec
from riskmodel.core.schema import TABLES, Table
from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name
from riskmodel.core.windows import SchoolCalendar
from riskmodel.features.catalogue import list_catalogues, load_catalogue
from riskmodel.features.schemas import feature_schemas
from riskmodel.features.specs import FeatureSpec
from riskmodel.ingest.ss12000.specs import DELIVERED, EVENTS

SpecT = TypeVar("SpecT", bound=Spec)
_DECLARED = "features.declared"
_STAND_INS = {"window": {"kind": "ever"}, "missing": "keep", "domain": "results"}
"""What stands in for settings that cannot be read, while the others are checked."""


@dataclass(frozen=True)
class _Declared:
    """A declared feature, its place in the file, and the settings that could not be read."""

    place: str
    spec: FeatureSpec
    unread: frozenset[str]

    def find_problems(self, schemas: Mapping[str, Table]) -> Iterator[str]:
        """Yield a finding for each problem of the settings that could be read."""
        from riskmodel.features.checks import find_problems  # loads the query library

        for problem in find_problems(self.spec, schemas):
            if problem.place.split(".")[0] not in self.unread:
                yield f"{self.place}.{problem.place}: feature `{self.spec.name}`: {problem.text}"


def find_feature_errors(content: Mapping[str, Any]) -> list[str]:
    """Find what is wrong with the features and event tables of a configuration.

    Parameters
    ----------
    content : mapping
        What the file holds. Pieces that are no valid specs by themselves are passed over:
        reading the configuration reports them.

    Returns
    -------
    list of str
        One finding each: place, what must be, what was got, and the nearest valid name.
    """
    own = _read_event_tables(content)
    unread = set(_get_mapping(content, "event_tables")) - set(own)
    schemas = feature_schemas(TABLES | {name: spec.to_table() for name, spec in own.items()})
    declared = list(_read_declared(content))
    known = _read_catalogue(content)
    findings = [*_find_table_errors(own), *_find_exclude_errors(content, known)]
    if not declared:
        return findings
    for item in declared:
        if item.spec.table not in unread:
            findings += item.find_problems(schemas)
    findings += _find_repeated(content, known, declared)
    findings += _find_without_source(content, declared, schemas)
    return [*findings, *_find_empty_windows(content, declared)]


def _get_mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section of the file, empty where it is none."""
    section = content.get(name)
    return section if isinstance(section, Mapping) else {}


def _read(spec_type: type[SpecT], content: Any) -> SpecT | None:
    """Return a piece of the file as a spec, or None."""
    try:
        return spec_type.model_validate(content)
    except ValidationError:
        return None


def _read_event_tables(content: Mapping[str, Any]) -> dict[str, EventTableSpec]:
    """Return the event tables that can be read."""
    tables = {
        name: _read(EventTableSpec, entry)
        for name, entry in _get_mapping(content, "event_tables").items()
    }
    return {name: spec for name, spec in tables.items() if spec is not None}


def _read_declared(content: Mapping[str, Any]) -> Iterator[_Declared]:
    """Yield the declared features, as far as they can be read."""
    entries = _get_mapping(content, "features").get("declared")
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        unread = _find_unreadable(entry)
        readable = {key: entry[key] for key in entry if key not in unread} if unread else entry
        spec = _read(FeatureSpec, _STAND_INS | readable if unread else entry)
        if spec is not None:
            yield _Declared(f"{_DECLARED}[{number}]", spec, unread)


def _find_unreadable(entry: Any) -> frozenset[str]:
    """Return the settings of a feature that are no valid ones by themselves."""
    if not isinstance(entry, Mapping):
        return frozenset()
    try:
        FeatureSpec.model_validate(entry)
    except ValidationError as error:
        names = {str(item["loc"][0]) for item in error.errors() if item["loc"]}
        return frozenset(names | ({"baseline"} if "window" in names else set()))
    return frozenset()


def _read_catalogue(content: Mapping[str, Any]) -> tuple[FeatureSpec, ...]:
    """Return the features of the catalogue that the file names, if there is one."""
    name = _get_mapping(content, "features").get("catalogue")
    return load_catalogue(name) if name in list_catalogues() else ()


def _find_table_errors(tables: Mapping[str, EventTableSpec]) -> Iterator[str]:
    """Yield a finding for each date that is no date, and each key without its column."""
    for name, spec in tables.items():
        table, place = spec.to_table(), f"event_tables.{name}"
        for column in (spec.date, "known_date"):
            kind = table.columns[column].type
            if kind != "date":
                yield (
                    f"{place}.columns.{column}.type: must be date, since the column places a row "
                    f"in time, got {kind}. Name another column as `date`, or mend the type."
                )
        for setting in ("unique", "fact_key"):
            yield from _find_unknown_keys(f"{place}.{setting}", getattr(spec, setting), table)
        yield from _find_known_from_errors(place, table)


def _find_unknown_keys(place: str, names: Sequence[str], table: Table) -> Iterator[str]:
    """Yield a finding for each column that the table does not have."""
    for number, name in enumerate(names):
        if name not in table.columns:
            hint = suggest_name(name, table.columns)
            yield f"{place}[{number}]: must name a column of the table, got '{name}'.{hint}"


def _find_known_from_errors(place: str, table: Table) -> Iterator[str]:
    """Yield a finding for each column that is said to be known from no date."""
    dates = [name for name, column in table.columns.items() if column.type == "date"]
    for name, column in table.columns.items():
        if column.known_from is not None and column.known_from not in dates:
            yield (
                f"{place}.columns.{name}.known_from: must name a date column of the table, got "
                f"'{column.known_from}'.{suggest_name(column.known_from, dates)}"
            )


def _find_exclude_errors(content: Mapping[str, Any], known: Sequence[FeatureSpec]) -> Iterator[str]:
    """Yield a finding for each feature to leave out that the catalogue does not have."""
    spec = _read(FeaturesSpec, {"exclude": _get_mapping(content, "features").get("exclude", ())})
    names = [feature.name for feature in known]
    if spec is None or not names:
        return
    for number, name in enumerate(spec.exclude):
        if name not in names:
            yield (
                f"features.exclude[{number}]: must name a feature of the catalogue, got '{name}'."
                f"{suggest_name(name, names)}"
            )


def _find_repeated(
    content: Mapping[str, Any], known: Sequence[FeatureSpec], declared: Sequence[_Declared]
) -> Iterator[str]:
    """Yield a finding for each declared feature whose name, or flag, is taken."""
    from riskmodel.features.checks import count_repeated_names

    excluded = _get_mapping(content, "features").get("exclude") or ()
    before = [spec for spec in known if spec.name not in excluded]
    for item in declared:
        before.append(item.spec)
        taken = [name for name in count_repeated_names(before) if name in item.spec.columns]
        for name in taken:
            yield (
                f"{item.place}.name: feature `{item.spec.name}`: the column `{name}` must be made "
                "once, got it a second time. Rename one, or leave the other out with "
                "`features.exclude`."
            )
        if taken:
            before.pop()


def _find_without_source(
    content: Mapping[str, Any], declared: Sequence[_Declared], schemas: Mapping[str, Table]
) -> Iterator[str]:
    """Yield a finding for each declared feature whose table has no file."""
    sources = list(_get_mapping(content, "sources"))
    if content.get("ss12000"):
        sources += [*DELIVERED, *EVENTS]
    for item in declared:
        table = item.spec.table
        if sources and table in schemas and table not in sources:
            yield (
                f"{item.place}.table: feature `{item.spec.name}`: `table` must have a source, got "
                f"none for '{table}'. Name its file under `sources`."
            )


def _find_empty_windows(content: Mapping[str, Any], declared: Sequence[_Declared]) -> Iterator[str]:
    """Yield a finding for each window without a day at all dates of a prediction point."""
    cohort = _read(CohortSpec, content.get("cohort"))
    calendar = _read(SchoolCalendar, content.get("calendar") or {})
    if cohort is None or calendar is None:
        return
    points: dict[str, list[date]] = {}
    for item in cohort.prediction_dates(calendar):
        points.setdefault(item.point, []).append(item.date)
    for feature in declared:
        window = feature.spec.window
        for point, days in points.items():
            if not any(window.bounds(day, calendar).days for day in days):
                yield (
                    f"{feature.place}.window: feature `{feature.spec.name}`: `window` must hold a "
                    f"day before the prediction point '{point}', got none. Look further back, or "
                    "choose a later point."
                )
