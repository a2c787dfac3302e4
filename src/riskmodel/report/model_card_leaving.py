"""When pupils leave: what the models of each term foresaw, and what came true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskmodel.report.formatting import format_percent
from riskmodel.report.language import Texts
from riskmodel.report.table_cells import describe_rate, describe_value, make_table

Block = dict[str, Any]

_MEASURES = ("auc", "brier", "brier_gain")


def leaving_blocks(evaluation: Mapping[str, Any], t: Texts) -> list[Block]:
    """Return how well it is foreseen in which term pupils leave.

    Parameters
    ----------
    evaluation : mapping
        `EvaluationResult.to_dict()`; its points perhaps with `leaving`.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Sentences and tables; nothing where it was not asked for.
    """
    blocks: list[Block] = []
    for point, entry in evaluation["points"].items():
        leaving = entry.get("leaving")
        if not leaving:
            continue
        name = t.named("point", point)
        if "reason" in leaving or not leaving["terms"]:
            blocks.append({"kind": "text", "text": t("model_card.leaving.none", point=name)})
            continue
        chosen = str(leaving["chosen"])
        first, last = leaving["trained_on"][0], leaving["trained_on"][-1]
        said = t(
            "model_card.leaving.model", point=name.capitalize(), model=t(f"model.{chosen}").lower(),
            first=first, last=last,
        )  # fmt: skip
        blocks += [
            {"kind": "text", "text": said},
            _tabulate_terms(point, name, leaving, chosen, t),
            _tabulate_families(point, name, leaving, chosen, t),
        ]
    return [{"kind": "text", "text": t("model_card.leaving.reading")}, *blocks] if blocks else []


def _tabulate_terms(
    point: str, name: str, leaving: Mapping[str, Any], chosen: str, t: Texts
) -> Block:
    """Return what was foreseen and what came true by the end of each term."""
    rows = [
        {
            "label": t("model_card.leaving.by_term", number=entry["term"]),
            "cells": [
                {"text": format_percent(entry["models"][chosen]["expected"], t.language, 1)},
                describe_rate(entry["left"], t),
                *_measure(entry["models"][chosen], t),
            ],
        }
        for entry in leaving["terms"]
    ]
    columns = [
        (t("model_card.leaving.term"), False),
        (t("model_card.leaving.expected"), True),
        (t("model_card.leaving.left"), True),
        *_columns(t),
    ]
    caption = t("model_card.leaving.caption", point=name)
    note = t("model_card.leaving.note")
    return make_table(f"leaving-{point}", caption, columns, rows, note=note)


def _tabulate_families(
    point: str, name: str, leaving: Mapping[str, Any], chosen: str, t: Texts
) -> Block:
    """Return the means over the terms of each family."""
    rows = [
        {
            "label": t(f"model.{family}"),
            "is_chosen": family == chosen,
            "cells": _measure(leaving["overall"][family], t),
        }
        for family in leaving["overall"]
        if family in leaving["log_loss"]
    ]
    columns = [(t("model_card.leaving.family"), False), *_columns(t)]
    caption = t("model_card.leaving.families", point=name)
    return make_table(f"leaving-families-{point}", caption, columns, rows)


def _columns(t: Texts) -> list[tuple[str, bool]]:
    """Return the headings of the measures."""
    return [(t(f"model_card.leaving.{key}"), True) for key in _MEASURES]


def _measure(figures: Mapping[str, Any], t: Texts) -> list[dict[str, Any]]:
    """Return a model's measures as cells."""
    return [describe_value(figures[key], t, digits=3 if key == "auc" else 4) for key in _MEASURES]
