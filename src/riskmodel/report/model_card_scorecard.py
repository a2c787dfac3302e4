"""The scorecard on the model card, printed as a person would use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskmodel.explanation.wording import write_value
from riskmodel.report.formatting import format_number, format_percent
from riskmodel.report.language import Texts
from riskmodel.report.table_cells import make_table

Block = dict[str, Any]

_MOST_SUMS = 30


def scorecard_blocks(
    models: Mapping[str, Mapping[str, Any]], features: Sequence[Mapping[str, Any]], t: Texts
) -> list[Block]:
    """Return each point's scorecard: its lines, and the risk of each sum.

    Parameters
    ----------
    models : mapping of str to mapping
        By prediction point, perhaps with `scorecard`: what `print_card` returned.
    features : sequence of mapping
        `FeatureInfo.to_dict()` of each column.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Text and tables, or nothing where no scorecard was trained.
    """
    infos = {str(info["name"]): info for info in features}
    cards = {point: model["scorecard"] for point, model in models.items() if model.get("scorecard")}
    blocks: list[Block] = []
    for point, card in cards.items():
        name = t.named("point", point)
        columns = [
            (t("model_card.scorecard.feature"), False),
            (t("model_card.scorecard.condition"), False),
            (t("model_card.scorecard.points"), True),
        ]
        rows = [_make_line(line, infos.get(str(line["feature"]), {}), t) for line in card["lines"]]
        title = t("model_card.scorecard.card", point=name)
        blocks.append(make_table(f"scorecard-{point}", title, columns, rows))
        sums = [
            (t("model_card.scorecard.total"), False),
            (t("model_card.scorecard.risk"), True),
        ]
        risks = [
            {
                "label": format_number(entry["total"], t.language),
                "cells": [{"text": format_percent(entry["risk"], t.language)}],
            }
            for entry in _thin_out(card["risks"])
        ]
        title = t("model_card.scorecard.sums", point=name)
        blocks.append(make_table(f"scorecard-sums-{point}", title, sums, risks))
        count = card["n_equally_good"]
        blocks.append(
            {"kind": "text", "text": t.count("model_card.scorecard.pool", count, count=count)}
        )
    return [{"kind": "text", "text": t("model_card.scorecard.reading")}, *blocks] if blocks else []


def _make_line(line: Mapping[str, Any], info: Mapping[str, Any], t: Texts) -> dict[str, Any]:
    """Return one line of a card."""
    kind = next((name for name in ("at_least", "below") if name in line), "missing")
    unit = str(info.get("unit") or "")
    if unit == "flag" and kind != "missing":
        text = t("model_card.scorecard.yes" if kind == "at_least" else "model_card.scorecard.no")
    else:
        limit = "" if kind == "missing" else write_value(float(line[kind]), unit, t.language)
        text = t(f"model_card.scorecard.{kind}", limit=limit)
    points = format_number(line["points"], t.language)
    return {
        "label": str(info.get(f"name_{t.language}") or line["feature"]),
        "note": str(info.get(f"window_{t.language}") or ""),
        "cells": [{"text": text}, {"text": f"+{points}" if line["points"] > 0 else points}],
    }


def _thin_out(risks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return all sums, or evenly spread ones where they are many, the highest among them."""
    step = -(-len(risks) // _MOST_SUMS)
    kept = [entry for number, entry in enumerate(risks) if number % step == 0]
    return kept if kept[-1] is risks[-1] else [*kept, risks[-1]]
