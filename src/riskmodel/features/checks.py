"""Whether feature specifications fit the tables: all findings at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from riskmodel.core.schema import Column, Table
from riskmodel.core.validation import suggest_name
from riskmodel.core.windows import Window
from riskmodel.errors import ConfigurationError
from riskmodel.features.aggregations import AGGREGATIONS, Aggregation
from riskmodel.features.schemas import PREDICTION, SUBJECT
from riskmodel.features.specs import Conditions, FeatureSpec

PEER_COLUMNS = ("school_unit", "school_class")
"""The columns of the cohort that say who a pupil's peers are."""

_LONGEST_LOOKBACK_DAYS = 36_500
_NUMERIC = ("number", "integer", "boolean")
_LONGEST_DAYS = {"term": 366, "school_year": 366, "previous_school_year": 732}
"""How far back windows reach at most."""
_WEEK = 7


@dataclass(frozen=True)
class FeatureProblem:
    """One thing that is wrong with a feature.

    Parameters
    ----------
    place : str
        Which setting of the feature, such as ``"value"`` or ``"window.days"``.
    text : str
        What must be, what was got, and the closest valid name.
    """

    place: str
    text: str


def check_specs(specs: Sequence[FeatureSpec], schemas: Mapping[str, Table]) -> None:
    """Raise if any feature does not fit the tables, naming every problem.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.
    schemas : mapping of str to Table
        The tables that features can read, from `feature_schemas`.

    Raises
    ------
    ConfigurationError
        With one finding per problem, and the closest name where a name is unknown.
    """
    findings = [
        f"feature `{name}`: the name must be used once, got {count} columns. Rename one."
        for name, count in count_repeated_names(specs).items()
    ]
    for spec in specs:
        findings += [f"feature `{spec.name}`: {item.text}" for item in find_problems(spec, schemas)]
    if findings:
        raise ConfigurationError(
            f"`features` must fit the tables, got {len(findings)} problem"
            f"{'s' if len(findings) > 1 else ''}. Mend the features named here.",
            findings,
        )


def count_repeated_names(specs: Sequence[FeatureSpec]) -> dict[str, int]:
    """Return each column that would be made more than once.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.

    Returns
    -------
    dict of str to int
        How many times each is made; the names of the key columns are taken.
    """
    counts = Counter([SUBJECT, PREDICTION])
    for spec in specs:
        counts.update(spec.columns)
    return {name: count for name, count in counts.items() if count > 1}


def find_problems(spec: FeatureSpec, schemas: Mapping[str, Table]) -> list[FeatureProblem]:
    """Return what is wrong with one feature.

    Parameters
    ----------
    spec : FeatureSpec
        The feature.
    schemas : mapping of str to Table
        The tables that features can read.

    Returns
    -------
    list of FeatureProblem
        One per problem.
    """
    aggregation = AGGREGATIONS.get(spec.aggregation)
    found = [*_find_window_problems(spec), *_find_peer_problems(spec)]
    if aggregation is None:
        found.append(
            FeatureProblem(
                "aggregation",
                f"`aggregation` must be one of {', '.join(sorted(AGGREGATIONS))}, got "
                f"'{spec.aggregation}'.{suggest_name(spec.aggregation, AGGREGATIONS)}",
            )
        )
    else:
        found += _find_demand_problems(spec, aggregation)
        found += _find_weekday_problems(spec, aggregation)
    table = schemas.get(spec.table)
    if table is None:
        hint = suggest_name(spec.table, schemas) or f" There is: {', '.join(schemas)}."
        text = f"`table` must be an event table, got '{spec.table}'.{hint}"
        return [*found, FeatureProblem("table", text)]
    any_type = aggregation is not None and aggregation.kind == "values"
    found += _find_column_problems("value", spec.value, table, numeric=not any_type)
    found += _find_column_problems("denominator", spec.denominator, table, numeric=True)
    found += _find_condition_problems("where", spec.where, table)
    found += _find_condition_problems("match", spec.match, table)
    return found


def _find_window_problems(spec: FeatureSpec) -> Iterator[FeatureProblem]:
    """Yield a problem for each window longer than a life."""
    windows: dict[str, Window | None] = {"window": spec.window, "baseline": spec.baseline}
    for name, window in windows.items():
        if window is not None and (window.days or 0) > _LONGEST_LOOKBACK_DAYS:
            yield FeatureProblem(
                f"{name}.days",
                f"`{name}` must be at most {_LONGEST_LOOKBACK_DAYS} days long. "
                "Use the kind 'ever' for all that lies before.",
            )


def _find_baseline_problems(window: Window, baseline: Window) -> Iterator[FeatureProblem]:
    """Yield a problem if nothing of the baseline is left outside the window."""
    if _covers(window, baseline):
        yield FeatureProblem(
            "baseline",
            "`baseline` must hold days outside `window`, got none. Look further back in it, or "
            "shorten `window`.",
        )


def _covers(outer: Window, inner: Window) -> bool:
    """Tell whether a window holds every day of another, whatever the prediction date."""
    if outer == inner or outer.kind == "ever":
        return True
    if outer.days is None:
        return (outer.kind, inner.kind) == ("school_year", "term")
    longest = _LONGEST_DAYS.get(inner.kind) if inner.days is None else inner.days
    return longest is not None and outer.days >= longest


def _find_peer_problems(spec: FeatureSpec) -> Iterator[FeatureProblem]:
    """Yield a problem if a comparison with peers names no peers, or fills in what is unknown."""
    if spec.relative_to is None:
        return
    if spec.relative_to not in PEER_COLUMNS:
        yield FeatureProblem(
            "relative_to",
            f"`relative_to` must be one of {', '.join(PEER_COLUMNS)}, got '{spec.relative_to}'."
            f"{suggest_name(spec.relative_to, PEER_COLUMNS)}",
        )
    if spec.missing.constant is not None:
        yield FeatureProblem(
            "missing",
            f"`missing` must be keep, mean or median beside `relative_to`, got "
            f"{spec.missing.kind}: a number would say how the pupil differs from peers who are "
            "not known.",
        )


def _find_demand_problems(spec: FeatureSpec, aggregation: Aggregation) -> Iterator[FeatureProblem]:
    """Yield a problem for each declaration that the aggregation lacks or cannot use."""
    demands = (
        ("value", aggregation.value, bool(spec.value or spec.match)),
        ("denominator", aggregation.denominator, bool(spec.denominator)),
        ("baseline", aggregation.baseline, spec.baseline is not None),
        ("latest_days", aggregation.latest, spec.latest_days is not None),
    )
    for name, demand, is_given in demands:
        if demand == "needed" and not is_given:
            text = f"`{name}` must be given for the aggregation '{spec.aggregation}'."
            yield FeatureProblem(name, text)
        if demand == "refused" and is_given:
            text = f"`{name}` must not be given for the aggregation '{spec.aggregation}'."
            yield FeatureProblem(name, text)
    if aggregation.baseline != "refused" and spec.baseline is not None:
        yield from _find_baseline_problems(spec.window, spec.baseline)
    yield from _find_indicator_problems(spec, aggregation)
    if aggregation.kind == "values" and len(spec.value) > 1:
        yield FeatureProblem("value", f"`value` must be one column, got {len(spec.value)}.")


def _find_indicator_problems(
    spec: FeatureSpec, aggregation: Aggregation
) -> Iterator[FeatureProblem]:
    """Yield a problem for `match` and `above` that are missing, refused or do not fit."""
    given = {"match": bool(spec.match), "above": spec.above is not None}
    if aggregation.indicator == "needed" and not any(given.values()):
        yield FeatureProblem(
            "match",
            f"`match` or `above` must be given for the aggregation '{spec.aggregation}'. Say "
            "which rows it looks for.",
        )
    for name, is_given in given.items():
        if aggregation.indicator == "refused" and is_given:
            text = f"`{name}` must not be given for the aggregation '{spec.aggregation}'."
            yield FeatureProblem(name, text)
    if spec.value and spec.match:
        text = "`match` must stand in place of `value`, got both. Move `match` to `where`."
        yield FeatureProblem("match", text)
    if spec.above is not None and not spec.value:
        text = "`above` must have a `value` to compare with. Name its column."
        yield FeatureProblem("above", text)


def _find_weekday_problems(spec: FeatureSpec, aggregation: Aggregation) -> Iterator[FeatureProblem]:
    """Yield a problem for days of the week that are missing, refused, repeated or all."""
    different = len(set(spec.weekdays))
    if aggregation.weekdays == "needed" and not different:
        text = f"`weekdays` must be given for the aggregation '{spec.aggregation}'."
        yield FeatureProblem("weekdays", text)
    if aggregation.weekdays == "refused" and different:
        text = f"`weekdays` must not be given for the aggregation '{spec.aggregation}'."
        yield FeatureProblem("weekdays", text)
    if different < len(spec.weekdays):
        text = f"`weekdays` must name each day once, got {len(spec.weekdays)} names."
        yield FeatureProblem("weekdays", text)
    if different == _WEEK:
        text = "`weekdays` must leave out at least one day, got all. Take it away."
        yield FeatureProblem("weekdays", text)


def _find_column_problems(
    field: str, columns: Sequence[str], table: Table, *, numeric: bool
) -> Iterator[FeatureProblem]:
    """Yield a problem for each column that is unknown or cannot be added up."""
    for name in columns:
        column = table.columns.get(name)
        if column is None:
            yield FeatureProblem(field, _describe_unknown(field, name, table))
        elif numeric and column.type not in _NUMERIC:
            text = f"`{field}` must be numeric, got the {column.type} column '{name}'."
            yield FeatureProblem(field, text)


def _find_condition_problems(
    field: str, conditions: Conditions, table: Table
) -> Iterator[FeatureProblem]:
    """Yield a problem for each column that is unknown or has other values than those named."""
    for name, values in conditions.items():
        place = f"{field}.{name}"
        column = table.columns.get(name)
        if column is None:
            yield FeatureProblem(place, _describe_unknown(field, name, table))
        elif not values:
            text = f"`{field}` must name at least one value of '{name}', got none."
            yield FeatureProblem(place, text)
        else:
            for text in _find_value_problems(field, name, values, column):
                yield FeatureProblem(place, text)


def _find_value_problems(
    field: str, name: str, values: Sequence[str | bool | int | float], column: Column
) -> Iterator[str]:
    """Yield a finding if a condition's values are not those of its column."""
    unfit = sum(not _is_of_type(value, column) for value in values)
    if unfit:
        yield f"`{field}` must use values of the {column.type} column '{name}', got {unfit} other."
    elif column.allowed is not None:
        unknown = [str(value) for value in values if value not in column.allowed]
        for value in unknown:
            yield (
                f"`{field}` must use values allowed in the column '{name}', got 1 other."
                f"{suggest_name(value, column.allowed)}"
            )


def _is_of_type(value: str | bool | int | float, column: Column) -> bool:
    """Tell whether a value can stand in a column; dates are not named in conditions."""
    if column.type == "string":
        return isinstance(value, str)
    if column.type == "boolean":
        return isinstance(value, bool)
    return column.type != "date" and isinstance(value, int | float) and not isinstance(value, bool)


def _describe_unknown(field: str, name: str, table: Table) -> str:
    """Return the finding for a column that the table does not have."""
    hint = suggest_name(name, table.columns) or f" There is: {', '.join(table.columns)}."
    return f"`{field}` must name columns of the table, got '{name}'.{hint}"
