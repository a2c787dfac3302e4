"""Turn the cells of an extract into values of their declared types, and mark what is not one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis

from riskmodel.core.schema import ColumnType, Table
from riskmodel.ingest.readers import SourceSpec

FAILED = "__failed"
"""Ends the name of the column that tells whether a given value is not of its type."""

_TRUE = ("true", "t", "1", "yes", "y", "ja", "j", "sant")
_FALSE = ("false", "f", "0", "no", "n", "nej", "falskt")
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?$"
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
_SPACES = (" ", "\u00a0", "\u202f")
_MAX_WHOLE = 2**53

_STORED: dict[ColumnType, str] = {
    "string": "string",
    "date": "date",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
}


def cast_columns(rows: Any, table: Table, spec: SourceSpec) -> Any:
    """Turn the columns of an extract into their declared types.

    Parameters
    ----------
    rows : ibis.Table
        As `read_source` gives it.
    table : Table
        The schema.
    spec : SourceSpec
        How values, numbers and dates are written.

    Returns
    -------
    ibis.Table
        All columns of the schema in its order, absent ones null, each followed by
        ``<name>__failed``: whether a value was given that is not of the type. Such a value
        is null. The person's identifier is text, exactly as given.

    Notes
    -----
    Whole numbers may be written with decimals that are nought. Dates may carry a time of day,
    which is dropped; one with a time zone is not a date, since its day depends on the place.
    """
    columns = {}
    for name, column in table.columns.items():
        stored = _STORED[column.type]
        if name not in rows.columns:
            columns[name] = ibis.null(stored)
            columns[name + FAILED] = ibis.literal(False)
            continue
        given = _map_values(rows[name], spec.values.get(name, {}))
        if name == table.person:
            given = value = _as_text(given).nullif("")
        else:
            given = _without_blank(given)
            value = _cast(given, column.type, spec)
        columns[name] = value
        columns[name + FAILED] = (
            ibis.literal(False) if column.type == "string" else given.notnull() & value.isnull()
        )
    return rows.select(**columns)


def _map_values(given: Any, mapping: Mapping[str, str]) -> Any:
    """Return the values as the library knows them."""
    if not mapping:
        return given
    text = _as_text(given).strip()
    cases = [(text == old, ibis.literal(new)) for old, new in mapping.items()]
    return ibis.cases(*cases, else_=text)


def _without_blank(given: Any) -> Any:
    """Return values with blank text, and what is not a number, as null."""
    kind = given.type()
    if kind.is_string():
        return given.strip().nullif("")
    if kind.is_floating():
        return given.isnan().ifelse(ibis.null(kind), given)
    return given


def _as_text(given: Any) -> Any:
    """Return values as text, whole numbers without decimals."""
    kind = given.type()
    if kind.is_string():
        return given
    if kind.is_floating() or kind.is_decimal():
        number = given.cast("float64")
        return _is_whole(number).ifelse(_to_whole(number).cast("string"), number.cast("string"))
    return given.cast("string")


def _cast(given: Any, wanted: ColumnType, spec: SourceSpec) -> Any:
    """Return values of the wanted type, null where they are not."""
    if wanted == "string":
        return _as_text(given)
    if wanted == "date":
        return _to_date(given, spec.date_format)
    if wanted == "boolean":
        return _to_boolean(given)
    number = _to_number(given, spec.decimal)
    if wanted == "number":
        return number
    return _is_whole(number).ifelse(_to_whole(number), ibis.null("int64"))


def _to_number(given: Any, decimal: str) -> Any:
    """Return finite numbers, null where there is none."""
    kind = given.type()
    if kind.is_string():
        other = "," if decimal == "." else "."
        text = given
        for space in _SPACES:
            text = text.replace(space, "")
        text = text.replace("\u2212", "-")
        is_fit = ~text.contains(other)
        number = text.replace(decimal, ".").try_cast("float64")
        number = is_fit.ifelse(number, ibis.null("float64"))
    elif kind.is_numeric():
        number = given.cast("float64")
    else:
        return ibis.null("float64")
    is_finite = ~(number.isnan() | number.isinf())
    return is_finite.ifelse(number, ibis.null("float64"))


def _is_whole(number: Any) -> Any:
    """Tell which numbers are whole and exactly known."""
    return (number == number.floor()) & (number.abs() < _MAX_WHOLE)


def _to_whole(number: Any) -> Any:
    """Return whole numbers as integers, null where they are not."""
    return _is_whole(number).ifelse(number, ibis.null("float64")).cast("int64")


def _to_boolean(given: Any) -> Any:
    """Return truth values, null where there is none."""
    if given.type().is_boolean():
        return given
    text = _as_text(given).lower()
    return ibis.cases(
        (text.isin(_TRUE), ibis.literal(True)),
        (text.isin(_FALSE), ibis.literal(False)),
        else_=ibis.null("boolean"),
    )


def _to_date(given: Any, date_format: str | None) -> Any:
    """Return days, null where there is none."""
    kind = given.type()
    if kind.is_date():
        return given
    if kind.is_timestamp():
        return given.cast("date") if kind.timezone is None else ibis.null("date")
    if date_format is None:
        if not kind.is_string():
            return ibis.null("date")
        is_fit = given.re_search(_ISO)
        return is_fit.ifelse(given.substr(0, 10), ibis.null("string")).try_cast("date")
    formats = [date_format + time for time in _TIMES]
    return try_strptime(_as_text(given), formats).cast("date")


@ibis.udf.scalar.builtin(signature=(("string", "array<string>"), "timestamp"))
def try_strptime(text, formats):  # type: ignore[no-untyped-def]
    """Return the moments in texts, null where none of the formats fits."""
