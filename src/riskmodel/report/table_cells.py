"""Figures as the cells of a table: a number with its interval, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskmodel.report.formatting import (
    NO_BREAK_SPACE,
    format_number,
    format_percent,
    format_range,
)
from riskmodel.report.language import Texts

Cell = dict[str, Any]

_NO_INTERVAL = "no interval"
"""What the reason of a figure without an interval begins with."""


def describe_missing(figure: Mapping[str, Any], t: Texts) -> Cell:
    """Return why a figure has no value.

    Parameters
    ----------
    figure : mapping
        With a `reason` from a stage: a code, perhaps explained after a colon. It may be
        missing.
    t : Texts
        The reader's language.

    Returns
    -------
    dict
        With `reason`.
    """
    code = str(figure.get("reason") or "not_available").partition(":")[0].strip()
    key = f"unsaid.{code.replace(' ', '_')}"
    return {"reason": t(key if t.has(key) else "unsaid.undefined")}


def describe_rate(
    figure: Mapping[str, Any] | None,
    t: Texts,
    *,
    total: Mapping[str, Any] | None = None,
) -> Cell:
    """Return a share as a percentage with its interval and its counts.

    Parameters
    ----------
    figure : mapping or None
        `value`, `lower` and `upper`; or `value` None with the `reason`.
    t : Texts
        The reader's language.
    total : mapping, optional
        The count that the share is of, with its `value`. Where that is shown, so is the
        count that follows from it.

    Returns
    -------
    dict
        `text` and perhaps `range`, or `reason`.
    """
    if figure is None or figure.get("value") is None:
        return describe_missing(figure or {}, t)
    value = float(figure["value"])
    parts = list(_say_no_interval(figure, t).values())
    if figure.get("lower") is not None and figure.get("upper") is not None:
        parts.append(format_range(figure["lower"], figure["upper"], t.language, digits=1,
                                  percent=True))  # fmt: skip
    if total is not None and total.get("value") is not None:
        of_all = format_number(total["value"], t.language)
        count = format_number(round(value * total["value"]), t.language)
        parts.append(t("unsaid.count_of", count=count, total=of_all))
    cell = {"text": format_percent(value, t.language, 1)}
    return cell | ({"range": f"{NO_BREAK_SPACE}· ".join(parts)} if parts else {})


def describe_value(figure: Mapping[str, Any] | None, t: Texts, *, digits: int = 2) -> Cell:
    """Return a number with its interval.

    Parameters
    ----------
    figure : mapping or None
        `value`, `lower` and `upper`; or `value` None with the `reason`.
    t : Texts
        The reader's language.
    digits : int, default 2
        Decimals.

    Returns
    -------
    dict
        `text` and perhaps `range`, or `reason`.
    """
    if figure is None or figure.get("value") is None:
        return describe_missing(figure or {}, t)
    cell = {"text": format_number(float(figure["value"]), t.language, digits)}
    lower, upper = figure.get("lower"), figure.get("upper")
    if lower is None or upper is None:
        return cell | _say_no_interval(figure, t)
    if lower == upper:
        return cell
    return cell | {"range": format_range(lower, upper, t.language, digits=digits)}


def describe_points(figure: Mapping[str, Any], t: Texts, *, key: str = "difference") -> Cell:
    """Return a difference of shares in percentage points with its interval.

    Parameters
    ----------
    figure : mapping
        The difference under `key`, `lower` and `upper`; or None with the `reason`.
    t : Texts
        The reader's language.
    key : str, default "difference"
        Where the difference stands.

    Returns
    -------
    dict
        `text` and perhaps `range`, or `reason`.
    """
    if figure.get(key) is None:
        return describe_missing(figure, t)
    difference = float(figure[key]) * 100
    sign = "+" if round(difference, 1) > 0 else ""
    cell = {"text": sign + format_number(difference, t.language, 1)}
    if figure.get("lower") is None or figure.get("upper") is None:
        return cell | _say_no_interval(figure, t)
    return cell | {
        "range": format_range(figure["lower"], figure["upper"], t.language, digits=1, percent=True)
    }


def say_ends(cell: Cell, t: Texts) -> str:
    """Return the interval of a cell as it stands within a sentence.

    Parameters
    ----------
    cell : dict
        With `text`, and perhaps `range`.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        Its ends, or that there are none; never empty.
    """
    return str(cell.get("range") or t(f"unsaid.{_NO_INTERVAL.replace(' ', '_')}"))


def _say_no_interval(figure: Mapping[str, Any], t: Texts) -> Cell:
    """Return in words that a figure with a value has no interval, if its stage says so."""
    if not str(figure.get("reason") or "").startswith(_NO_INTERVAL):
        return {}
    return {"range": describe_missing(figure, t)["reason"]}


def make_table(
    table_id: str,
    caption: str,
    columns: Sequence[tuple[str, bool]],
    rows: Sequence[Mapping[str, Any]],
    *,
    note: str = "",
    is_even: bool = False,
) -> dict[str, Any]:
    """Return a table as plain data.

    Parameters
    ----------
    table_id : str
        Unique on its page.
    caption : str
        What the table shows.
    columns : sequence of (str, bool)
        Heading of each column and whether it holds numbers; the first names the rows.
    rows : sequence of mapping
        Each with `label` and `cells`; perhaps `tag`, `note` and `is_chosen`.
    note : str, default ""
        What to know when reading it.
    is_even : bool, default False
        Whether columns have fixed widths, so that several tables line up.

    Returns
    -------
    dict
        For the templates.
    """
    return {
        "kind": "table",
        "id": table_id,
        "caption": caption,
        "note": note,
        "is_even": is_even,
        "columns": [{"label": label, "is_number": number} for label, number in columns],
        "rows": [dict(row) for row in rows],
    }
