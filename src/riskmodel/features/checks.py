"""Whether feature specifications fit the tables: all findings at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from riskmodel.core.schema import Column, Table
from riskmodel.core.validation import suggest_name
from riskmodel.core.windows import Window
from riskmodel.errors import ConfigurationError
from riskmodel.features.aggregations import AGGREGATIONS, Aggregation
from riskmodel.features.schemas import PREDICTION, SUBJECT
from riskmodel.features.specs import Conditions, FeatureSpec

_LONGEST_LOOKBACK_DAYS = 36_500
_NUMERIC = ("number", "integer", "boolean")


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
    findings = [*find_repeated_names(specs)]
    for spec in specs:
        findings += [f"feature `{spec.name}`: {text}" for text in find_problems(spec, schemas)]
    if findings:
        raise ConfigurationError(
            f"`features` must fit the tables, got {len(findings)} problem"
            f"{'s' if len(findings) > 1 else ''}. Mend the features named here.",
            findings,
        )


def find_repeated_names(specs: Sequence[FeatureSpec]) -> list[str]:
    """Return a finding for each column that would be made twice.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.

    Returns
    -------
    list of str
        One sentence per name; the names of the key columns are taken.
    """
    counts = Counter([SUBJECT, PREDICTION])
    for spec in specs:
        counts.update(spec.columns)
    return [
        f"feature `{name}`: the name must be used once, got {count} columns. Rename one."
        for name, count in counts.items()
        if count > 1
    ]


def find_problems(spec: FeatureSpec, schemas: Mapping[str, Table]) -> list[str]:
    """Return what is wrong with one feature.

    Parameters
    ----------
    spec : FeatureSpec
        The feature.
    schemas : mapping of str to Table
        The tables that features can read.

    Returns
    -------
    list of str
        One sentence per problem.
    """
    findings = list(_find_length_problems(spec))
    aggregation = AGGREGATIONS.get(spec.aggregation)
    if aggregation is None:
        findings.append(
            f"`aggregation` must be one of {', '.join(sorted(AGGREGATIONS))}."
            f"{suggest_name(spec.aggregation, AGGREGATIONS)}"
        )
    else:
        findings += _find_demand_problems(spec, aggregation)
    table = schemas.get(spec.table)
    if table is None:
        findings.append(
            f"`table` must be an event table, got '{spec.table}'."
            f"{suggest_name(spec.table, schemas) or ' There is: ' + ', '.join(schemas) + '.'}"
        )
        return findings
    any_type = aggregation is not None and aggregation.key == "value"
    findings += _find_column_problems("value", spec.value, table, numeric=not any_type)
    findings += _find_column_problems("denominator", spec.denominator, table, numeric=True)
    findings += _find_condition_problems("where", spec.where, table)
    findings += _find_condition_problems("match", spec.match, table)
    return findings


def _find_length_problems(spec: FeatureSpec) -> Iterator[str]:
    """Yield a finding for each window that is longer than a life."""
    windows: tuple[Window | None, ...] = (spec.window, spec.baseline)
    for window in windows:
        if window is not None and (window.days or 0) > _LONGEST_LOOKBACK_DAYS:
            yield (
                f"`window` must be at most {_LONGEST_LOOKBACK_DAYS} days long. "
                "Use the kind 'ever' for all that lies before."
            )


def _find_demand_problems(spec: FeatureSpec, aggregation: Aggregation) -> Iterator[str]:
    """Yield a finding for each declaration that the aggregation lacks or cannot use."""
    demands = (
        ("value", aggregation.value, bool(spec.value or spec.match)),
        ("denominator", aggregation.denominator, bool(spec.denominator)),
        ("match", aggregation.indicator, bool(spec.match)),
        ("above", aggregation.indicator, spec.above is not None),
        ("baseline", aggregation.baseline, spec.baseline is not None),
        ("latest_days", aggregation.latest, spec.latest_days is not None),
    )
    for name, demand, is_given in demands:
        if demand == "needed" and not is_given:
            yield f"`{name}` must be given for the aggregation '{spec.aggregation}'."
        if demand == "refused" and is_given:
            yield f"`{name}` must not be given for the aggregation '{spec.aggregation}'."
    if spec.value and spec.match:
        yield "`match` must stand in place of `value`, got both. Move `match` to `where`."
    if spec.above is not None and not spec.value:
        yield "`above` must have a `value` to compare with. Name its column."
    if aggregation.key == "value" and len(spec.value) > 1:
        yield f"`value` must be one column, got {len(spec.value)}."


def _find_column_problems(
    field: str, columns: Sequence[str], table: Table, *, numeric: bool
) -> Iterator[str]:
    """Yield a finding for each column that is unknown or cannot be added up."""
    for name in columns:
        column = table.columns.get(name)
        if column is None:
            yield _describe_unknown(field, name, table)
        elif numeric and column.type not in _NUMERIC:
            yield f"`{field}` must be numeric, got the {column.type} column '{name}'."


def _find_condition_problems(field: str, conditions: Conditions, table: Table) -> Iterator[str]:
    """Yield a finding for each column that is unknown or has other values than those named."""
    for name, values in conditions.items():
        column = table.columns.get(name)
        if column is None:
            yield _describe_unknown(field, name, table)
        elif not values:
            yield f"`{field}` must name at least one value of '{name}', got none."
        else:
            yield from _find_value_problems(field, name, values, column)


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
