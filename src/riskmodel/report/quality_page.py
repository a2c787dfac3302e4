"""The page on the quality of the data: what to look into, at which schools, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskmodel.report.formatting import format_number
from riskmodel.report.language import Texts, load_texts
from riskmodel.report.page import (
    describe_frame,
    describe_legal_basis,
    render_page,
)
from riskmodel.report.quality_anonymity import anonymity_section
from riskmodel.report.quality_counts import UNITS, Finding, has_share, write_found, write_share
from riskmodel.report.quality_schools import list_flagged, name_schools, school_blocks
from riskmodel.report.table_cells import Cell, describe_missing, make_table

_PARTS = ("what", "means", "do")
_REMAINS = ("birth", "health", "text", "protected")
_NOTHING = "–"


def collect_quality(
    quality: Mapping[str, Any],
    contract: Mapping[str, Any],
    *,
    run: Mapping[str, Any],
    own_tables: Sequence[str] = (),
    language: str = "sv",
) -> dict[str, Any]:
    """Put all that the page shows into one plain dictionary.

    Parameters
    ----------
    quality : mapping
        As written to `data_quality.json`: without small counts.
    contract : mapping
        As written to `data_contract.json`: `subjects` and `usable_rows` are read.
    run : mapping
        About the run: `title`, `purpose`, `legal_basis`, `is_simulated`, `provenance`.
    own_tables : sequence of str, optional
        Tables and attributes that the configuration declares.
    language : {"sv", "en"}, default "sv"
        The reader's.

    Returns
    -------
    dict
        Strings, numbers, lists and dictionaries.
    """
    t = load_texts(language)
    made = [one for one in quality["findings"] if one["status"] != "not_assessed"]
    noted = [one for one in made if one["status"] == "noted"]
    sections = [
        _section("schools", school_blocks(quality, t), t),
        _all_section(quality["findings"], t),
        anonymity_section(quality["anonymity"], quality["settings"]["min_count"], t),
        _remains_section(own_tables, t),
        _basis_section(contract, quality["settings"]["min_count"], t),
    ]
    first = {"id": "findings", "title": t("quality.findings.title")}
    return describe_frame("quality", run, t, contents=[first, *sections]) | {
        "title": t("quality.title"),
        "lead": t("quality.lead_noted", checks=len(made), noted=len(noted))
        if noted
        else t("quality.lead_clear", checks=len(made)),
        "facts": _describe_facts(quality, contract, run, t),
        "findings": _describe_findings(noted, t),
        "sections": sections,
    }


def render_quality(data: Mapping[str, Any]) -> str:
    """Render the page on the quality of the data.

    Parameters
    ----------
    data : mapping
        What `collect_quality` returned.

    Returns
    -------
    str
        One self-contained HTML file.
    """
    return render_page("quality", data)


def _describe_facts(
    quality: Mapping[str, Any], contract: Mapping[str, Any], run: Mapping[str, Any], t: Texts
) -> list[dict[str, Any]]:
    """Return the facts at the head of the page."""
    scope = t(
        "quality.scope_text",
        pupils=_write_count(contract["subjects"], t),
        schools=format_number(quality["n_schools"], t.language),
    )
    return [
        {"label": t("page.purpose"), "text": run.get("purpose") or t("page.unknown"),
         "is_wide": True},
        {"label": t("page.legal_basis"), "text": describe_legal_basis(run, t), "is_wide": True},
        {"label": t("quality.scope"), "text": scope, "is_wide": True},
    ]  # fmt: skip


def _write_count(text: str, t: Texts) -> str:
    """Return a count as the contract writes it, in the language's form."""
    return format_number(int(text), t.language) if text.isdecimal() else text


def _name_table(name: str, t: Texts) -> str:
    """Return a table's name for readers."""
    return t.named("quality.tables", name)


def _describe_findings(noted: Sequence[Finding], t: Texts) -> list[dict[str, Any]]:
    """Return a card for each check that found something."""
    cards = []
    for check in UNITS:
        found = [one for one in noted if one["check"] == check]
        if found:
            what, means, do = (t(f"quality.checks.{check}.{part}") for part in _PARTS)
            cards.append(
                {
                    "title": t(f"quality.checks.{check}.title"),
                    "what": what,
                    "lines": [_describe_found(one, t) for one in found],
                    "advice": [
                        {"label": t("quality.findings.means"), "text": means},
                        {"label": t("quality.findings.do"), "text": do},
                    ],
                }
            )
    return cards


def _describe_found(finding: Finding, t: Texts) -> str:
    """Return what was found in one table as a sentence."""
    said = {"table": _name_table(finding["table"], t), "schools": _describe_schools(finding, t)}
    if finding["value"] is None:
        return t("quality.findings.hidden", **said)
    said["count"] = write_found(finding["value"], finding["check"], t)
    if not has_share(finding):
        return t("quality.findings.found_short", **said)
    return t("quality.findings.found", share=write_share(finding["share"], t), **said)


def _describe_schools(finding: Finding, t: Texts) -> str:
    """Return which schools are above the limit, or how many where they are not few."""
    names = list_flagged(finding)
    if not names:
        return t("quality.findings.no_schools")
    return t("quality.findings.named", schools=name_schools(names, t))


def _all_section(findings: Sequence[Finding], t: Texts) -> dict[str, Any]:
    """Return the section with every check of every table."""
    columns = [
        (t("quality.all.check"), False),
        (t("quality.all.found"), True),
        (t("quality.all.share"), True),
        (t("quality.all.limit"), False),
        (t("quality.all.flagged"), True),
    ]
    rows = []
    for one in findings:
        title = t(f"quality.checks.{one['check']}.title")
        row: dict[str, Any] = {"label": title, "note": _name_table(one["table"], t)}
        if one["status"] == "not_assessed":
            cells: list[Cell] = [{"reason": t("quality.all.not_assessed")}, {"text": _NOTHING}]
            flagged: Cell = {"text": _NOTHING}
        else:
            is_hidden = one["value"] is None
            found = {"text": "" if is_hidden else write_found(one["value"], one["check"], t)}
            share = one["share"] if has_share(one) else None
            cells = [
                describe_missing(one, t) if is_hidden else found,
                {"text": _NOTHING if share is None else write_share(share, t)},
            ]
            flagged = {"text": format_number(one["n_schools_flagged"], t.language)}
        cells += [{"text": _write_limit(one, t)}, flagged]
        rows.append(row | {"cells": cells, "is_chosen": one["status"] == "noted"})
    return _section("all", [make_table("checks", t("quality.all.caption"), columns, rows)], t)


def _write_limit(finding: Finding, t: Texts) -> str:
    """Return what is beyond the limit of a check."""
    if finding["check"] == "calendar_gap":
        return t("quality.all.limit_days", count=format_number(finding["limit"], t.language))
    if finding["check"] == "reporting_drop":
        return t("quality.all.limit_drop", share=write_share(finding["limit"], t))
    if finding["limit"] == 0:
        return t("quality.all.limit_any")
    return t("quality.all.limit_share", share=write_share(finding["limit"], t))


def _remains_section(own_tables: Sequence[str], t: Texts) -> dict[str, Any]:
    """Return the section on what is left about a pupil."""
    pairs = [
        {"label": t(f"quality.remains.{name}"), "text": t(f"quality.remains.{name}_text")}
        for name in _REMAINS
    ]
    if own_tables:
        names = ", ".join(own_tables)
        own = {
            "label": t("quality.remains.own"),
            "text": t("quality.remains.own_text", names=names),
        }
        pairs.append(own)
    return _section("remains", [{"kind": "pairs", "entries": pairs}], t)


def _basis_section(contract: Mapping[str, Any], limit: int, t: Texts) -> dict[str, Any]:
    """Return the section on the rows that are used and the rules of what is shown."""
    columns = [(t("quality.basis.table"), False), (t("quality.basis.rows"), True)]
    rows = [
        {"label": _name_table(name, t), "cells": [{"text": _write_count(count, t)}]}
        for name, count in contract["usable_rows"].items()
    ]
    text = {"kind": "text", "text": t("quality.basis.limits", limit=limit)}
    return _section(
        "basis", [text, make_table("rows", t("quality.basis.caption"), columns, rows)], t
    )


def _section(name: str, blocks: list[dict[str, Any]], t: Texts) -> dict[str, Any]:
    """Return one section of the page."""
    return {"id": name, "title": t(f"quality.{name}.title"), "blocks": blocks}
