"""Turn the cells of an extract into values of their declared types, and mark what is not one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis

from riskmodel.core.schema import ColumnType, Table
from riskmodel.ingest.dates import find_rivals, is_ambiguous, to_date
from riskmodel.ingest.specs import SourceSpec

MINUTES = "_minutes"
"""Ends the names of columns of minutes."""

FAILED = "__failed"
"""Ends the name of the column that tells whether a given value is not of its type."""

AMBIGUOUS = "__ambiguous"
"""Ends the name of the column that tells whether a date could be either of two days."""

TRUTH = dict.fromkeys(("true", "1", "t", "yes", "y", "ja", "j", "sant"), True) | dict.fromkeys(
    ("false", "0", "f", "no", "n", "nej", "falskt"), False
)
"""What truth values are written as, in lower case."""

CLOCK = r"^([0-9]{1,4}):([0-5][0-9])(:([0-5][0-9]))?$"
"""How hours and minutes are written as one, 1:30; in a column of minutes it is 90."""

_SPACES = (" ", "\u00a0", "\u202f")
_SHORTENED = r"^[0-9]([.,][0-9]+)?[Ee][+][0-9]+$"  # 1.98112E+11: what Excel makes of a number
_WHOLE_WITH_DECIMALS = r"^[0-9]{9,12}[.,]0+$"
_LACKS_ZEROS = r"^[0-9]{7,9}$"
_SHORT_NUMBER = 10
_MAX_WHOLE = 2**53
_INFINITY = float("inf")

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
        As `open_source` gives it.
    table : Table
        The schema.
    spec : SourceSpec
        How values, numbers and dates are written.

    Returns
    -------
    ibis.Table
        All columns of the schema in its order, absent ones null, each followed by
        ``<name>__failed``: whether a value was given that is not of the type. Such a value
        is null. A date for which several formats are tried has ``<name>__ambiguous`` too:
        whether two of them give two days; it is null and failed then. The person's identifier
        is text as given, less decimals that are nought; one that a spreadsheet has shortened
        to a power of ten is failed.

    Notes
    -----
    Whole numbers may be written with decimals that are nought, and thousands with spaces
    between; minutes also as hours and minutes (1:30), which no factor changes. Dates may carry
    a time of day, which is dropped; one with a time zone is not a date, since its day depends
    on the place. The common ways of writing are tried first and the others only where those
    fail, which makes text three times as fast to read.
    """
    columns = {}
    for name, column in table.columns.items():
        if name not in rows.columns:
            columns[name] = ibis.null(_STORED[column.type])
            columns[name + FAILED] = ibis.literal(False)
            if _may_clash(column.type, spec):
                columns[name + AMBIGUOUS] = ibis.literal(False)
            continue
        given = _map_values(rows[name], spec.values.get(name, {}))
        if name == table.person:
            columns[name] = _to_identifier(_as_text(given), spec.lost_zeros)
            columns[name + FAILED] = _as_text(given).strip().re_search(_SHORTENED).fill_null(False)
            continue
        value = _cast(given, column.type, spec)
        if name in spec.factors and value.type().is_numeric():
            value = value * spec.factors[name]
        if name.endswith(MINUTES) and column.type == "number":
            value = _read_clock(given, value)
        if _may_clash(column.type, spec):
            clash = _find_clash(given, spec)
            value = ibis.cases((clash, ibis.null("date")), else_=value)
            columns[name + AMBIGUOUS] = clash
        columns[name] = value
        columns[name + FAILED] = _has_failed(given, value)
    return rows.select(**columns)


def _to_identifier(text: Any, lost_zeros: bool) -> Any:
    """Return identifiers as given, but for what a spreadsheet does to whole numbers."""
    text = ibis.cases(
        (text.re_search(_WHOLE_WITH_DECIMALS), text.re_extract("^[0-9]+", 0)), else_=text
    )
    if lost_zeros:
        digits = text.strip()
        filled = digits.lpad(_SHORT_NUMBER, "0")
        text = ibis.cases((digits.re_search(_LACKS_ZEROS), filled), else_=text)
    return text.nullif("")


def _may_clash(wanted: ColumnType, spec: SourceSpec) -> bool:
    """Tell whether a column is one of dates that could be either of two days."""
    return wanted == "date" and bool(find_rivals(spec.date_formats))


def _find_clash(given: Any, spec: SourceSpec) -> Any:
    """Tell which dates could be either of two days."""
    if given.type().is_temporal():
        return ibis.literal(False)
    return is_ambiguous(_as_text(given), spec.date_formats)


def _has_failed(given: Any, value: Any) -> Any:
    """Tell where something was given and no value came of it."""
    kind = given.type()
    is_given = given.notnull()
    if kind.is_string():
        is_given = is_given & (given.strip() != "")
    elif kind.is_floating():
        is_given = is_given & ~given.isnan()
    return ibis.cases((value.notnull(), ibis.literal(False)), else_=is_given)


def _map_values(given: Any, mapping: Mapping[str, str]) -> Any:
    """Return the values as the library knows them, in any case where no two differ by it."""
    if not mapping:
        return given
    text = _as_text(given).strip()
    folded = {old.lower(): new for old, new in mapping.items()}
    is_folded = all(folded[old.lower()] == new for old, new in mapping.items())
    key = text.lower() if is_folded else text
    cases = [
        (key == old, ibis.literal(new)) for old, new in (folded if is_folded else mapping).items()
    ]
    return ibis.cases(*cases, else_=text)


def _as_text(given: Any) -> Any:
    """Return values as text, whole numbers without decimals."""
    kind = given.type()
    if kind.is_string():
        return given
    if kind.is_floating() or kind.is_decimal():
        number = given.cast("float64")
        return ibis.cases(
            (number.isnan(), ibis.null("string")),
            (_is_whole(number), _to_whole(number).cast("string")),
            else_=number.cast("string"),
        )
    return given.cast("string")


def _cast(given: Any, wanted: ColumnType, spec: SourceSpec) -> Any:
    """Return values of the wanted type, null where they are not."""
    if wanted == "string":
        return _as_text(given).strip().nullif("")
    if wanted == "date":
        moment = given if given.type().is_temporal() else _as_text(given)
        return to_date(moment, spec.date_formats)
    if wanted == "boolean":
        return _to_boolean(given)
    number = _to_number(given, spec.decimal)
    return number if wanted == "number" else _to_whole(number)


def _to_number(given: Any, decimal: str) -> Any:
    """Return finite numbers, null where there is none."""
    kind = given.type()
    if kind.is_string():
        number = ibis.coalesce(_parse(given, decimal), _parse(_without_spaces(given), decimal))
    elif kind.is_numeric() or kind.is_boolean():
        number = given.cast("float64")
    else:
        return ibis.null("float64")
    is_finite = number.abs() < _INFINITY  # holds for no NaN either: it counts as the greatest
    return ibis.cases((is_finite, number), else_=ibis.null("float64"))


def _read_clock(given: Any, minutes: Any) -> Any:
    """Return minutes, also where hours and minutes are written as one."""
    if not given.type().is_string():
        return minutes
    text = given.strip()
    hours, rest, seconds = (
        text.re_extract(CLOCK, group).try_cast("float64") for group in (1, 2, 4)
    )
    return ibis.cases(
        (minutes.notnull(), minutes),
        (text.re_search(CLOCK), hours * 60 + rest + seconds.fill_null(0) / 60),
        else_=minutes,
    )


def _parse(text: Any, decimal: str) -> Any:
    """Return numbers written with a decimal mark, null where the text is none."""
    if decimal == ".":
        is_code = text.contains("_")  # the engine takes 1_000 for a thousand, as programs do
        return ibis.cases((is_code, ibis.null("float64")), else_=text.try_cast("float64"))
    number = text.replace(decimal, ".").try_cast("float64")
    is_other = text.contains(".") | text.contains("_")
    return ibis.cases((is_other, ibis.null("float64")), else_=number)


def _without_spaces(text: Any) -> Any:
    """Return text without spaces, and with a plain minus."""
    for space in _SPACES:
        text = text.replace(space, "")
    return text.replace("\u2212", "-")


def _is_whole(number: Any) -> Any:
    """Tell which numbers are whole and exactly known."""
    return (number % 1 == 0) & (number.abs() < _MAX_WHOLE)


def _to_whole(number: Any) -> Any:
    """Return whole numbers as integers, null where they are not."""
    return ibis.cases((_is_whole(number), number.try_cast("int64")), else_=ibis.null("int64"))


def _to_boolean(given: Any) -> Any:
    """Return truth values, null where there is none."""
    if given.type().is_boolean():
        return given
    words = _as_text(given)
    text = words.strip().lower()
    # Compared one by one: the engine turns a longer list into a join, which is far slower.
    cases = [(text == word, ibis.literal(value)) for word, value in TRUTH.items()]
    return ibis.cases(
        (words == "true", ibis.literal(True)),
        (words == "false", ibis.literal(False)),
        else_=ibis.cases(*cases, else_=ibis.null("boolean")),
    )
