"""The page for evaluators: who is missed, who is alarmed about in vain, how surely we know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from riskmodel.report.fairness_findings import (
    describe_findings,
    describe_unsaid,
    name_attribute,
    name_group,
    order_groups,
)
from riskmodel.report.fairness_sections import describe_sections
from riskmodel.report.figures import FigureRow, draw_intervals
from riskmodel.report.formatting import format_number, format_percent, format_range
from riskmodel.report.language import Texts, load_texts
from riskmodel.report.page import (
    describe_facts,
    describe_frame,
    describe_point,
    find_outcome,
    render_page,
)
from riskmodel.report.table_cells import (
    Cell,
    describe_missing,
    describe_points,
    describe_rate,
    make_table,
)

_SIZES = {"base_rate": "count", "selection_rate": "count"}
_HITS = ("miss_rate", "recall", "false_positive_rate", "false_discovery_rate", "precision")
_DRAWN = ("miss_rate", "false_positive_rate")
_HARMS = (
    "miss_rate",
    "false_positive_rate",
    "false_discovery_rate",
    "selection_rate",
    "risk_minus_observed",
)
_METHODS = ("intervals", "comparisons", "suppression", "talk")


def collect_fairness(
    audit: Mapping[str, Any],
    *,
    run: Mapping[str, Any],
    language: str = "sv",
) -> dict[str, Any]:
    """Put all that the fairness page shows into one plain dictionary.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    run : mapping
        About the run: `title`, `purpose`, `legal_basis`, `outcome`, `model`, `cohort` (the
        one that was tested), `point`, `prediction_date`, `created`, `is_simulated`,
        `provenance`, and `feature_names` (by their names in the table). Each may be missing
        or None.
    language : {"sv", "en"}, default "sv"
        The reader's.

    Returns
    -------
    dict
        Strings, numbers, lists and dictionaries.
    """
    t = load_texts(language)
    known = {"title": "", **run}
    ordered = order_groups(audit, t)
    sections = [
        _section("picture", t("fairness.picture.title"), _figure_blocks(ordered, known, t)),
        _section("tables", t("fairness.tables.title"), _table_blocks(ordered, known, t)),
        *describe_sections(ordered, t, feature_names=known.get("feature_names")),
        _section("harms", t("fairness.harms.title"), _harm_blocks(known, t)),
        _section("methods", t("fairness.methods.title"), _method_blocks(ordered, t)),
    ]
    first = [{"id": name, "title": t(f"fairness.{name}.title")} for name in ("findings", "unsaid")]
    return describe_frame("fairness", known, t, contents=[*first, *sections]) | {
        "title": t("fairness.title"),
        "lead": t("fairness.lead"),
        "facts": describe_facts(known, t, scope=_describe_scope(ordered, known, t)),
        "findings": describe_findings(ordered, find_outcome(known, t, "past"),
                                      find_outcome(known, t, "past_done"), t),
        "unsaid": describe_unsaid(ordered, t),
        "sections": sections,
    }  # fmt: skip


def render_fairness(data: Mapping[str, Any]) -> str:
    """Render the fairness page.

    Parameters
    ----------
    data : mapping
        What `collect_fairness` returned.

    Returns
    -------
    str
        One self-contained HTML file.
    """
    return render_page("fairness", data, script="fairness")


def draw_audit(
    attributes: Iterable[Mapping[str, Any]],
    overall: Mapping[str, Any],
    figure_id: str,
    run: Mapping[str, Any],
    t: Texts,
) -> list[dict[str, Any]]:
    """Draw misses and false alarms by group, with intervals.

    Parameters
    ----------
    attributes : iterable of mapping
        From `AuditResult.to_dict()`.
    overall : mapping
        All pupils together, from the same.
    figure_id : str
        Unique on its page.
    run : mapping
        About the run: `outcome` is read.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        One figure for each of the two rates.
    """
    entries = list(attributes)
    words = {form: find_outcome(run, t, form) for form in ("past", "past_done")}
    figures = []
    for name in _DRAWN:
        rows = [_figure_row(t("fairness.all"), overall, name, t)]
        for attribute in entries:
            rows.append(FigureRow(name_attribute(attribute, t), is_header=True))
            rows += [
                _figure_row(name_group(group, attribute, t), group, name, t)
                for group in attribute["groups"]
            ]
        title = t(f"fairness.measure.{name}")
        figures.append(
            {
                "id": f"{figure_id}-{name}",
                "title": title,
                "explanation": t(f"fairness.picture.{name}", **words),
                "svg": draw_intervals(
                    rows,
                    figure_id=f"{figure_id}-{name}-chart",
                    title=title,
                    description=_describe_rows(rows),
                    language=t.language,
                    reference=overall["measures"][name].get("value"),
                ),
                "caption": t("fairness.picture.caption"),
            }
        )
    return figures


def _section(section_id: str, title: str, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a section of a page."""
    return {"id": section_id, "title": title, "blocks": list(blocks)}


def _describe_scope(audit: Mapping[str, Any], run: Mapping[str, Any], t: Texts) -> str:
    """Return which pupils were audited and whom the list would have held."""
    count = audit["overall"]["counts"]["count"].get("value")
    where = describe_point(run, t)
    settings = audit["settings"]
    if settings.get("threshold") is not None:
        rule = t("fairness.rule.threshold", share=format_percent(settings["threshold"], t.language))
    elif isinstance(settings.get("capacity"), int):
        rule = t("fairness.rule.number", count=format_number(settings["capacity"], t.language))
    else:
        rule = t("fairness.rule.share", share=format_percent(settings["capacity"], t.language))
    pupils = (
        t("fairness.rule.some_pupils")
        if count is None
        else t("fairness.rule.pupils", count=format_number(count, t.language))
    )
    return (f"{where}: " if where else "") + f"{pupils}, {rule}"


def _figure_row(label: str, entry: Mapping[str, Any], name: str, t: Texts) -> FigureRow:
    """Return one line of a figure."""
    figure = entry["measures"][name]
    if figure.get("value") is None:
        return FigureRow(label, text=describe_missing(figure, t)["reason"])
    text = format_percent(figure["value"], t.language)
    if figure.get("lower") is None or figure.get("upper") is None:
        return FigureRow(label, figure["value"], text=text)
    ends = format_range(figure["lower"], figure["upper"], t.language, percent=True)
    return FigureRow(label, figure["value"], figure["lower"], figure["upper"], f"{text} ({ends})")


def _describe_rows(rows: Sequence[FigureRow]) -> str:
    """Return a figure's numbers as text."""
    return " ".join(
        f"{row.label}:" if row.is_header else f"{row.label}: {row.text}." for row in rows
    )


def _figure_blocks(
    audit: Mapping[str, Any], run: Mapping[str, Any], t: Texts
) -> list[dict[str, Any]]:
    """Return the figures of the single attributes."""
    single = [entry for entry in audit["attributes"] if len(entry["features"]) == 1]
    figures = draw_audit(single, audit["overall"], "main", run, t)
    return [
        {"kind": "text", "text": t("fairness.picture.reading")},
        {"kind": "figures", "figures": figures},
        {
            "kind": "explorer",
            "title": t("fairness.explorer.title"),
            "division": t("fairness.explorer.division"),
            "measure": t("fairness.explorer.measure"),
            "divisions": [
                {"label": name_attribute(attribute, t), "tables": f"{table}-sizes {table}-hits"}
                for number, attribute in enumerate(audit["attributes"], start=1)
                for table in [f"attribute-{number}"]
            ],
        },
    ]


def _table_blocks(
    audit: Mapping[str, Any], run: Mapping[str, Any], t: Texts
) -> list[dict[str, Any]]:
    """Return all tables, attribute by attribute."""
    reading = t("fairness.tables.reading", limit=audit["settings"]["minimum_count"])
    blocks: list[dict[str, Any]] = [{"kind": "text", "text": reading}]
    for number, attribute in enumerate(audit["attributes"], start=1):
        name, table_id = name_attribute(attribute, t), f"attribute-{number}"
        blocks.append({"kind": "heading", "text": name, "id": table_id})
        if len(attribute["features"]) > 1:
            figures = draw_audit([attribute], audit["overall"], table_id, run, t)
            blocks.append({"kind": "figures", "figures": figures})
        blocks += _attribute_tables(attribute, audit, table_id, run, t)
    return blocks


def _attribute_tables(
    attribute: Mapping[str, Any],
    audit: Mapping[str, Any],
    table_id: str,
    run: Mapping[str, Any],
    t: Texts,
) -> list[dict[str, Any]]:
    """Return the three tables of one attribute."""
    group, name = t("fairness.group"), name_attribute(attribute, t)
    rows = [(name_group(entry, attribute, t), entry) for entry in attribute["groups"]]
    everyone = [*rows, (t("fairness.all"), audit["overall"])]
    sizes = [("count", True), *((name, True) for name in _SIZES)]
    words = {"outcome": find_outcome(run, t, "past")}
    share = format_percent(1 - audit["settings"]["level"], t.language)
    return [
        make_table(
            f"{table_id}-sizes",
            t("fairness.tables.sizes", attribute=name),
            [(group, False), *((t(f"fairness.measure.{n}", **words), b) for n, b in sizes)],
            [{"label": label, "cells": _size_cells(entry, t)} for label, entry in everyone],
        ),
        make_table(
            f"{table_id}-hits",
            t("fairness.tables.hits", attribute=name),
            [(group, False), *((t(f"fairness.measure.{name}"), True) for name in _HITS)],
            [{"label": label, "cells": _hit_cells(entry, t)} for label, entry in everyone],
            note=t("fairness.tables.hits_note"),
        ),
        make_table(
            f"{table_id}-differences",
            t("fairness.tables.differences", attribute=name),
            [(group, False), *(
                (t(f"fairness.difference.{name}"), name in _DRAWN or name == "risk")
                for name in ("miss_rate", "miss_verdict", "false_positive_rate",
                             "false_positive_verdict", "risk")
            )],
            [{"label": label, "cells": _difference_cells(entry, t)}
             for label, entry in rows],
            note=t("fairness.tables.differences_note", share=share),
        ),
    ]  # fmt: skip


def _size_cells(entry: Mapping[str, Any], t: Texts) -> list[Cell]:
    """Return how many there are, how many have the outcome and how many are listed."""
    counts, measures = entry["counts"], entry["measures"]
    size = counts["count"]
    shown = (
        describe_missing(size, t)
        if size.get("value") is None
        else {"text": format_number(size["value"], t.language)}
    )
    return [shown, *(_describe_drawable(measures[n], size, t) for n in _SIZES)]


def _hit_cells(entry: Mapping[str, Any], t: Texts) -> list[Cell]:
    """Return the rates of right and wrong, each with its counts."""
    counts = {name: figure.get("value") for name, figure in entry["counts"].items()}
    negatives = (
        counts["count"] - counts["n_positive"]
        if counts["count"] is not None and counts["n_positive"] is not None
        else None
    )
    totals = {
        "miss_rate": counts["n_positive"],
        "recall": counts["n_positive"],
        "false_positive_rate": negatives,
        "false_discovery_rate": counts["n_flagged"],
        "precision": counts["n_flagged"],
    }
    return [
        _describe_drawable(entry["measures"][name], {"value": totals[name]}, t) for name in _HITS
    ]


def _describe_drawable(figure: Mapping[str, Any], total: Mapping[str, Any], t: Texts) -> Cell:
    """Return a share as a cell, with the numbers from which the page's script draws it."""
    cell = describe_rate(figure, t, total=total)
    ends = [figure.get(key) for key in ("value", "lower", "upper")]
    if any(end is None for end in ends):
        return cell
    return cell | {"numbers": " ".join(f"{end:.4f}" for end in ends)}


def _difference_cells(entry: Mapping[str, Any], t: Texts) -> list[Cell]:
    """Return the differences to all others with what can be said of them."""
    cells: list[Cell] = []
    for name in _DRAWN:
        figure = entry["comparisons"][name]
        cells.append(describe_points(figure, t))
        verdict = {True: "differs", False: "no_sure_difference"}.get(figure["flagged"], "unsaid")
        said: Cell = {"text": t(f"fairness.verdict.{verdict}"), "is_strong": verdict == "differs"}
        if figure.get("n_needed") is not None:
            count = format_number(figure["n_needed"], t.language)
            said["range"] = t("fairness.verdict.needed", count=count)
        cells.append(said)
    risk = entry["measures"]["risk_minus_observed"]
    return [*cells, describe_points(risk, t, key="value")]


def _harm_blocks(run: Mapping[str, Any], t: Texts) -> list[dict[str, Any]]:
    """Return what each measure is, and whom a bad value harms."""
    words = {form: find_outcome(run, t, form) for form in ("past", "past_done")}
    entries = [
        {
            "label": t(f"fairness.measure.{name}"),
            "text": t(f"fairness.harms.{name}", **words),
        }
        for name in _HARMS
    ]
    return [
        {"kind": "text", "text": t("fairness.harms.intro")},
        {"kind": "pairs", "entries": entries},
    ]


def _method_blocks(audit: Mapping[str, Any], t: Texts) -> list[dict[str, Any]]:
    """Return how the figures came about."""
    settings = audit["settings"]
    values = {
        "level": format_percent(settings["level"], t.language),
        "limit": settings["minimum_count"],
        "resamples": format_number(settings["n_resamples"], t.language),
    }
    clustered = "clustered" if settings.get("is_clustered") else "independent"
    texts = {
        "intervals": t(f"fairness.methods.intervals_{clustered}", **values),
        **{name: t(f"fairness.methods.{name}", **values) for name in _METHODS[1:]},
    }
    entries = [
        {"label": t(f"fairness.methods.{name}_label"), "text": texts[name]} for name in _METHODS
    ]
    return [{"kind": "pairs", "entries": entries}]
