"""How alike pupils are, in plain words and in figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskmodel.report.formatting import format_number, format_percent
from riskmodel.report.language import Texts
from riskmodel.report.table_cells import Cell, describe_missing, make_table

_LARGE = 0.1


def anonymity_section(anonymity: Mapping[str, Any], limit: int, t: Texts) -> dict[str, Any]:
    """Return the section on k-anonymity and l-diversity.

    Parameters
    ----------
    anonymity : mapping
        `AnonymityReport.to_dict()`.
    limit : int
        The least positive count that is shown.
    t : Texts
        The reader's language.

    Returns
    -------
    dict
        With `id`, `title` and `blocks`.
    """
    names = [_name_attribute(name, t) for name in anonymity["demanded"]["quasi_identifiers"]]
    entries = [
        {"label": t("quality.anonymity.as_is_title"), "text": _describe_as_is(anonymity, t)},
        {"label": t("quality.anonymity.reached_title"), "text": _describe_reached(anonymity, t)},
    ]
    intro = t("quality.anonymity.intro", attributes=", ".join(names))
    return {
        "id": "anonymity",
        "title": t("quality.anonymity.title"),
        "blocks": [
            {"kind": "text", "text": intro},
            {"kind": "pairs", "entries": entries},
            _tabulate_steps(anonymity, t),
            _tabulate_measures(anonymity, limit, t),
        ],
    }


def _name_attribute(name: str, t: Texts) -> str:
    """Return a quasi-identifier's name for readers."""
    return t.named("quality.anonymity.attributes", name)


def _describe_as_is(anonymity: Mapping[str, Any], t: Texts) -> str:
    """Return how many pupils stand out."""
    part = anonymity["as_is"]["below_k"]
    others = anonymity["demanded"]["k"] - 1
    if part["value"] == 0:
        return t("quality.anonymity.as_is_all", others=others)
    if part["share"] is None:
        return t("quality.anonymity.as_is_hidden", others=others)
    return t("quality.anonymity.as_is", others=others, share=_write_share(part["share"], t))


def _describe_reached(anonymity: Mapping[str, Any], t: Texts) -> str:
    """Return what reaches the demanded anonymity, or why nothing does."""
    demanded, reached = anonymity["demanded"], anonymity["reached"]
    limits = {"k": demanded["k"], "l": demanded["l"]}
    if reached is None:
        reason = t.named("quality.anonymity.reason", anonymity["reason"])
        return t("quality.anonymity.not_reached", reason=reason, **limits)
    part = reached["suppressed"]
    if part["value"] == 0:
        left_out = t("quality.anonymity.suppressed_none")
    elif part["share"] is None:
        left_out = t("quality.anonymity.suppressed_hidden")
    else:
        share = _write_share(part["share"], t)
        left_out = t("quality.anonymity.suppressed", share=share)
    return t("quality.anonymity.reached", suppressed=left_out, **limits)


def _write_share(share: float, t: Texts) -> str:
    """Return a share as a percentage."""
    return format_percent(share, t.language, 0 if share >= _LARGE or share == 0 else 1)


def _tabulate_steps(anonymity: Mapping[str, Any], t: Texts) -> dict[str, Any]:
    """Return how coarse each attribute is made."""
    plan = anonymity["closest"]
    rows = []
    for name, step in plan["steps"].items():
        last = plan["n_steps"][name]
        form = "exact" if step == 0 else "all_joined" if step == last else "coarser"
        exact, left = plan["n_values"][name]
        values = format_number(exact, t.language)
        if left < exact:
            values = f"{values} → {format_number(left, t.language)}"
        cells = [{"text": t(f"quality.anonymity.{form}")}, {"text": values}]
        rows.append({"label": _name_attribute(name, t).capitalize(), "cells": cells})
    is_reached = anonymity["reached"] is not None
    caption = t(f"quality.anonymity.steps_caption{'' if is_reached else '_closest'}")
    columns = [
        (t("quality.anonymity.attribute"), False),
        (t("quality.anonymity.after"), False),
        (t("quality.anonymity.values"), True),
    ]
    return make_table("steps", caption, columns, rows)


def _tabulate_measures(anonymity: Mapping[str, Any], limit: int, t: Texts) -> dict[str, Any]:
    """Return the measures of the data as they are, and after coarsening."""
    before, after = anonymity["as_is"], anonymity["closest"]["kept"]
    demanded = anonymity["demanded"]

    def row(label: str, cells: list[Cell]) -> dict[str, Any]:
        return {"label": label, "cells": cells}

    def both(key: str) -> list[Cell]:
        return [_describe_part(side[key], t) for side in (before, after)]

    hidden = {"text": t("quality.anonymity.at_least_hidden", limit=limit)}
    ks: list[Cell] = [
        hidden if side["k"]["value"] is None else {"text": str(side["k"]["value"])}
        for side in (before, after)
    ]
    rows = [row(t("quality.anonymity.k"), ks)]
    rows.append(row(t("quality.anonymity.below_k", k=demanded["k"]), both("below_k")))
    for name in before["l"]:
        said = t.named("quality.anonymity.sensitive", name)
        least = [{"text": str(side["l"][name])} for side in (before, after)]
        parts = [_describe_part(side["below_l"][name], t) for side in (before, after)]
        rows.append(row(t("quality.anonymity.l", attribute=said), least))
        below = t("quality.anonymity.below_l", l=demanded["l"], attribute=said)
        rows.append(row(below, parts))
    counts = [{"text": format_number(side["n_classes"], t.language)} for side in (before, after)]
    rows.append(row(t("quality.anonymity.classes"), counts))
    loss = _write_share(anonymity["closest"]["loss"], t)
    rows.append(row(t("quality.anonymity.loss"), [{"text": _write_share(0, t)}, {"text": loss}]))
    columns = [
        (t("quality.anonymity.measure"), False),
        (t("quality.anonymity.before"), True),
        (t("quality.anonymity.after"), True),
    ]
    return make_table("measures", t("quality.anonymity.measures_caption"), columns, rows)


def _describe_part(part: Mapping[str, Any], t: Texts) -> Cell:
    """Return a number of pupils with its share."""
    if part["value"] is None:
        return describe_missing(part, t)
    cell = {"text": format_number(part["value"], t.language)}
    return cell | ({} if part["share"] is None else {"range": _write_share(part["share"], t)})
