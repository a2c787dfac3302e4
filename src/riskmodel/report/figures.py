"""Charts as inline SVG: the same bytes for the same numbers, and nothing fetched.

Every position is fixed here and no layout is left to measured text, so a chart does not
depend on the fonts of the machine that draws it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import altair as alt
import vl_convert

from riskmodel.report.formatting import NO_BREAK_SPACE, Language

ACCENT = "#0f5b66"
INK = "#1c2b30"
MUTED = "#56666c"
GRID = "#e3e9e8"
FONT = "Arial, sans-serif"
_SVG = "http://www.w3.org/2000/svg"
_WIDTH = 380
_ROW = 46
_HEADER = 40
_LOCALES = {
    "sv": {"decimal": ",", "thousands": NO_BREAK_SPACE, "percent": NO_BREAK_SPACE + "%"},
    "en": {"decimal": ".", "thousands": ",", "percent": "%"},
}


@dataclass(frozen=True)
class FigureRow:
    """One line of a chart of shares.

    Parameters
    ----------
    label : str
        What the line is about.
    value, lower, upper : float or None
        The share and its interval; `value` None where it cannot be said.
    text : str
        The share in words, or why there is none.
    is_header : bool, default False
        Whether the line only names the lines under it.
    """

    label: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    text: str = ""
    is_header: bool = False


def draw_intervals(
    rows: Sequence[FigureRow],
    *,
    figure_id: str,
    title: str,
    description: str,
    language: Language,
    reference: float | None = None,
) -> str:
    """Draw shares with their intervals, one line each, the label above its line.

    Parameters
    ----------
    rows : sequence of FigureRow
        From top to bottom.
    figure_id : str
        Unique on its page.
    title, description : str
        The text alternative: what the chart is, and what it shows.
    language : {"sv", "en"}
        For the numbers on the axis.
    reference : float, optional
        A share to mark with a short stroke on every line.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    placed, height = _place_rows(rows)
    limit = _axis_limit([row.upper if row.upper is not None else row.value for row in rows])
    x = alt.X(
        "value:Q",
        scale=alt.Scale(domain=[0, limit], nice=False),
        axis=_percent_axis(limit),
        title=None,
    )
    y = alt.Y("y:Q", scale=None, axis=None)
    layers = [
        _layer(placed["header"]).mark_text(align="left", fontWeight="bold", fontSize=13, x=0)
        .encode(y=y, text="label:N"),
        _layer(placed["row"]).mark_text(align="left", fontSize=13, x=0)
        .encode(y=y, text="label:N"),
        _layer(placed["row"]).mark_text(align="right", fontSize=13, fontWeight="bold", x=_WIDTH)
        .encode(y=y, text="text:N", color=alt.Color("text_colour:N", scale=None)),
    ]  # fmt: skip
    marks = [
        _layer(placed["mark"]).mark_rule(strokeWidth=1, color=GRID, x=0, x2=_WIDTH).encode(y=y),
        _layer(placed["span"])
        .mark_rule(strokeWidth=8, strokeCap="round", opacity=0.26, color=ACCENT)
        .encode(x=x, x2="upper:Q", y=y),
        _layer(placed["point"]).mark_point(filled=True, size=110, opacity=1, color=ACCENT)
        .encode(x=x, y=y),
    ]  # fmt: skip
    if reference is not None:
        ticks = [{"value": reference, "y": mark["y"] - 9, "end": mark["y"] + 9}
                 for mark in placed["mark"]]  # fmt: skip
        marks.append(
            _layer(ticks).mark_rule(strokeWidth=1.6, color=INK).encode(x=x, y=y, y2="end:Q")
        )
    padding = {"left": 18, "right": 24, "top": 2, "bottom": 26}
    chart = alt.layer(*marks, *layers).properties(width=_WIDTH, height=height, padding=padding)
    return _to_svg(chart, figure_id, title, description, language)


def draw_bars(
    rows: Sequence[FigureRow], *, figure_id: str, title: str, description: str, language: Language
) -> str:
    """Draw sizes as bars from zero, the label above each bar.

    Parameters
    ----------
    rows : sequence of FigureRow
        From top to bottom; `value` in any unit, not negative.
    figure_id : str
        Unique on its page.
    title, description : str
        The text alternative.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    placed, height = _place_rows(rows)
    largest = max((row.value or 0.0 for row in rows), default=1.0) or 1.0
    x = alt.X("value:Q", scale=alt.Scale(domain=[0, largest], nice=False), axis=None)
    y = alt.Y("y:Q", scale=None, axis=None)
    zero = [{**row, "zero": 0} for row in placed["point"]]
    chart = alt.layer(
        _layer(placed["mark"]).mark_rule(strokeWidth=8, strokeCap="round", color=GRID, x=4,
                                         x2=_WIDTH - 4).encode(y=y),
        _layer(zero).mark_rule(strokeWidth=8, strokeCap="round", color=ACCENT)
        .encode(x=x, x2="zero:Q", y=y),
        _layer(placed["row"]).mark_text(align="left", fontSize=13, x=0)
        .encode(y=y, text="label:N"),
        _layer(placed["row"]).mark_text(align="right", fontSize=13, fontWeight="bold", x=_WIDTH)
        .encode(y=y, text="text:N"),
    ).properties(width=_WIDTH, height=height,
                 padding={"left": 18, "right": 24, "top": 2, "bottom": 4})  # fmt: skip
    return _to_svg(chart, figure_id, title, description, language)


def draw_calibration(
    points: Sequence[Mapping[str, float]],
    *,
    figure_id: str,
    title: str,
    description: str,
    language: Language,
) -> str:
    """Draw the observed share against the estimated risk, with the diagonal.

    Parameters
    ----------
    points : sequence of mapping
        Each with `risk` (mean estimate), `observed`, `lower` and `upper` (shares; the ends may
        be missing).
    figure_id : str
        Unique on its page.
    title, description : str
        The text alternative.
    language : {"sv", "en"}
        For the numbers on the axes.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    ends = [point["upper"] for point in points if point.get("upper") is not None]
    limit = _axis_limit([point[key] for point in points for key in ("risk", "observed")] + ends)
    scale = alt.Scale(domain=[0, limit], nice=False)
    x = alt.X("risk:Q", scale=scale, axis=_percent_axis(limit), title=None)
    y = alt.Y("observed:Q", scale=scale, axis=_percent_axis(limit, offset=8), title=None)
    spans = [dict(point) for point in points if point.get("lower") is not None]
    diagonal: list[dict[str, float]] = [
        {"risk": 0, "observed": 0},
        {"risk": limit, "observed": limit},
    ]
    chart = alt.layer(
        _layer(diagonal).mark_line(strokeDash=[4, 4], color=INK, opacity=0.55, strokeWidth=1.2)
        .encode(x=x, y=y),
        _layer(spans).mark_rule(strokeWidth=7, strokeCap="round", opacity=0.26, color=ACCENT)
        .encode(x=x, y=alt.Y("lower:Q", scale=scale), y2="upper:Q"),
        _layer([dict(point) for point in points])
        .mark_point(filled=True, size=90, opacity=1, color=ACCENT).encode(x=x, y=y),
    ).properties(width=_WIDTH - 40, height=290,
                 padding={"left": 62, "right": 14, "top": 12, "bottom": 28})  # fmt: skip
    return _to_svg(chart, figure_id, title, description, language)


def draw_splits(
    rows: Sequence[tuple[str, Mapping[str, str]]],
    columns: Sequence[str],
    *,
    figure_id: str,
    title: str,
    description: str,
    language: Language,
    marked: Collection[str] = (),
) -> str:
    """Draw which cohorts models are trained and tested on, one line for each training.

    Parameters
    ----------
    rows : sequence of tuple of str and mapping of str to str
        From top to bottom: a line's name, and by column ``train`` or ``test``; other columns
        have no part in it.
    columns : sequence of str
        The cohorts, in order of time.
    figure_id : str
        Unique on its page.
    title, description : str
        The text alternative.
    language : {"sv", "en"}
        The reader's.
    marked : collection of str, default ()
        Columns whose name gets a star.

    Returns
    -------
    str
        An ``<svg>`` element; what is trained on is pale, what is tested on dark.
    """
    left, width = 96, _WIDTH + 120
    step = (width - left) / max(len(columns), 1)
    colours = {"train": "#b9d3d3", "test": ACCENT}
    cells, labels = [], []
    for at, (name, sides) in enumerate(rows):
        labels.append({"label": name, "x": 0, "y": 42 + 28 * at})
        for place, column in enumerate(columns):
            start = left + place * step
            cells.append({
                "x": start + 1, "x2": start + step - 1, "y": 32 + 28 * at, "y2": 52 + 28 * at,
                "colour": colours.get(sides.get(column, ""), GRID),
            })  # fmt: skip
    heads = [
        {"label": (column[2:] if len(column) > 4 and "/" in column else column)
         + ("*" if column in marked else ""),
         "x": left + (place + 0.5) * step, "y": 14}
        for place, column in enumerate(columns)
    ]  # fmt: skip
    x = alt.X("x:Q", scale=None, axis=None)
    y = alt.Y("y:Q", scale=None, axis=None)
    chart = alt.layer(
        _layer(cells).mark_rect(cornerRadius=3)
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=alt.Color("colour:N", scale=None)),
        _layer(heads).mark_text(align="center", fontSize=12, color=MUTED)
        .encode(x=x, y=y, text="label:N"),
        _layer(labels).mark_text(align="left", fontSize=13).encode(x=x, y=y, text="label:N"),
    ).properties(width=width, height=34 + 28 * len(rows),
                 padding={"left": 10, "right": 10, "top": 4, "bottom": 4})  # fmt: skip
    return _to_svg(chart, figure_id, title, description, language)


def _place_rows(rows: Sequence[FigureRow]) -> tuple[dict[str, list[dict[str, Any]]], float]:
    """Return the marks of each kind with their height in pixels, and the whole height."""
    placed: dict[str, list[dict[str, Any]]] = {
        kind: [] for kind in ("header", "row", "mark", "span", "point")
    }
    top = 0.0
    for row in rows:
        if row.is_header:
            placed["header"].append({"label": row.label, "y": top + _HEADER - 14})
            top += _HEADER
            continue
        colour = INK if row.value is not None else MUTED
        placed["row"].append(
            {"label": row.label, "text": row.text, "text_colour": colour, "y": top + 14}
        )
        mark = {"value": row.value, "lower": row.lower, "upper": row.upper, "y": top + 33}
        placed["mark"].append({"y": top + 33})
        if row.value is not None:
            placed["point"].append(mark)
            if row.lower is not None and row.upper is not None:
                placed["span"].append({**mark, "value": row.lower})
        top += _ROW
    return placed, top + 6


def _layer(values: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """Return a chart over inline values."""
    return alt.Chart(alt.InlineData(values=list(values)))


def _axis_limit(values: Sequence[float | None]) -> float:
    """Return a round upper end of an axis of shares that holds all values."""
    largest = max((value for value in values if value is not None), default=0.1)
    step = 0.05 if largest <= 0.3 else 0.1
    return round(min(1.0, max(step, math.ceil(round(largest / step, 6)) * step)), 2)


def _percent_axis(limit: float, offset: float = 0) -> alt.Axis:
    """Return a quiet axis of percentages."""
    step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.25) if limit / step <= 6)
    ticks = [round(step * number, 2) for number in range(int(limit / step + 1e-9) + 1)]
    return alt.Axis(
        format=".0%",
        values=ticks,
        domain=False,
        ticks=False,
        labelPadding=8,
        offset=offset,
        gridColor=GRID,
        labelColor=MUTED,
        labelFontSize=12,
        labelFlush=False,
        labelOverlap=False,
    )


def _to_svg(
    chart: alt.LayerChart | alt.FacetChart,
    figure_id: str,
    title: str,
    description: str,
    language: Language,
) -> str:
    """Turn a chart into an accessible SVG element that scales with the page."""
    spec = chart.configure(
        font=FONT, background="transparent", autosize=alt.AutoSizeParams(type="none")
    )
    spec = spec.configure_view(strokeWidth=0).configure_text(color=INK, baseline="middle")
    drawn = vl_convert.vegalite_to_svg(
        spec.to_dict(),
        allowed_base_urls=[],
        format_locale={"grouping": [3], "currency": ["", ""], "minus": "\u2212"}
        | _LOCALES[language],
    )
    return _embed(drawn, figure_id, title, description)


def _embed(drawn: str, figure_id: str, title: str, description: str) -> str:
    """Name a drawn SVG for readers, keep its ids apart, and let it take the page's width."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(drawn)
    width, height = float(root.get("width", "1")), float(root.get("height", "1"))
    for element in root.iter():
        for name in [name for name in element.attrib if name.startswith("aria") or name == "role"]:
            del element.attrib[name]
        for name, value in element.attrib.items():
            apart = re.sub(r"url\(#([^)]+)\)", rf"url(#{figure_id}-\1)", value)
            element.set(name, f"{figure_id}-{value}" if name == "id" else apart)
    root.attrib.clear()
    names = {"title": title, "desc": description}
    for position, (tag, text) in enumerate(names.items()):
        child = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{figure_id}-{tag}"})
        child.text = text
        root.insert(position, child)
    root.attrib.update({
        "viewBox": f"0 0 {width:g} {height:g}", "role": "img", "class": "chart",
        "style": f"max-width:{1.25 * width:g}px",
        "aria-labelledby": f"{figure_id}-title", "aria-describedby": f"{figure_id}-desc",
    })  # fmt: skip
    return ElementTree.tostring(root, encoding="unicode")
