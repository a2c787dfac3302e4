"""What the list is worth: against school-only targeting, by source, by size and in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskmodel.report.formatting import format_number, format_percent
from riskmodel.report.language import Texts
from riskmodel.report.table_cells import (
    describe_missing,
    describe_points,
    describe_rate,
    describe_value,
    make_table,
    say_ends,
)

Block = dict[str, Any]

_AT_SHARES = ("precision", "recall", "lift")
_MODES = ("left_out", "not_completed", "completed")
_OF_MODES = ("base_rate", "auc", "precision_at_capacity", "recall_at_capacity")
_PARTS = ("auc", "recall")
_UNSEEN = ("school_unit", "municipality")


def worth_blocks(
    evaluation: Mapping[str, Any], training: Mapping[str, Mapping[str, Any]], t: Texts
) -> list[Block]:
    """Return what the chosen models' lists are worth.

    Parameters
    ----------
    evaluation : mapping
        `EvaluationResult.to_dict()`, perhaps with `sources`.
    training : mapping of str to mapping
        By prediction point: `chosen`.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Sentences and tables.
    """
    blocks: list[Block] = []
    for point, entry in evaluation["points"].items():
        chosen = (training.get(point) or {}).get("chosen")
        measured = entry["models"].get(chosen)
        if measured is None:
            continue
        name = t.named("point", point)
        blocks.append({"kind": "heading", "text": name.capitalize()})
        blocks.append({"kind": "text", "text": _say_targeting(entry.get("targeting") or {}, t)})
        blocks += _size_table(point, name, measured, t)
        blocks += _decision_table(point, name, measured, t)
        blocks += _mode_table(point, name, entry.get("label_modes") or {}, t)
    blocks += _source_table(evaluation.get("sources") or [], t)
    blocks += _unseen_table(evaluation.get("unseen") or {}, t)
    blocks += _say_screened(evaluation.get("screened") or {}, t)
    return [*blocks, *_time_table(evaluation.get("churn") or [], t)]


def _say_targeting(targeting: Mapping[str, Any], t: Texts) -> str:
    """Return whether the individual risk adds anything to knowing the school."""
    figure = targeting.get("difference") or {}
    if figure.get("value") is None:
        return t("model_card.worth.targeting_unknown", reason=describe_missing(figure, t)["reason"])
    cell = describe_points(figure, t, key="value")
    return t(
        "model_card.worth.targeting",
        own=format_percent(targeting["recall"]["value"], t.language),
        schools=format_percent(targeting["school_only_recall"]["value"], t.language),
        difference=cell["text"],
        ends=say_ends(cell, t),
    )


def _size_table(point: str, name: str, measured: Mapping[str, Any], t: Texts) -> list[Block]:
    """Return what lists of several sizes find."""
    rows = [
        {
            "label": format_percent(size["share"], t.language),
            "cells": [
                {"text": format_number(size["count"], t.language)},
                describe_rate(size["precision"], t),
                describe_rate(size["recall"], t),
                describe_value(size["lift"], t, digits=1),
            ],
        }
        for size in measured.get("at_shares") or []
    ]
    if not rows:
        return []
    columns = [
        (t("model_card.worth.share"), False),
        *((t(f"model_card.worth.{key}"), True) for key in ("places", *_AT_SHARES)),
    ]
    title = t("model_card.worth.sizes", point=name)
    note = t("model_card.worth.sizes_note")
    return [make_table(f"worth-sizes-{point}", title, columns, rows, note=note)]


def _decision_table(point: str, name: str, measured: Mapping[str, Any], t: Texts) -> list[Block]:
    """Return the net benefit over thresholds, per hundred pupils."""
    rows = [
        {
            "label": format_percent(entry["threshold"], t.language),
            "cells": [
                describe_points(entry[key], t, key="value")
                for key in ("net_benefit", "meet_everyone")
            ],
        }
        for entry in measured.get("decision_curve") or []
    ]
    if not rows:
        return []
    columns = [
        (t("model_card.worth.threshold"), False),
        (t("model_card.worth.net_benefit"), True),
        (t("model_card.worth.meet_everyone"), True),
    ]
    title = t("model_card.worth.decisions", point=name)
    note = t("model_card.worth.decisions_note")
    return [make_table(f"worth-decisions-{point}", title, columns, rows, note=note)]


def _mode_table(point: str, name: str, modes: Mapping[str, Any], t: Texts) -> list[Block]:
    """Return what pupils without a known outcome do to the measures."""
    if not modes or "reason" in modes:
        return []
    rows = [
        {
            "label": t(f"model_card.worth.{mode}"),
            "cells": [
                describe_value(modes[mode][key], t, digits=3)
                if key == "auc"
                else describe_rate(modes[mode][key], t)
                for key in _OF_MODES
            ],
        }
        for mode in _MODES
    ]
    columns = [
        (t("model_card.worth.mode"), False),
        (t("model_card.worth.base_rate"), True),
        *((t(f"model_card.measure.{key}"), True) for key in _OF_MODES[1:]),
    ]
    title = t("model_card.worth.modes", point=name)
    return [make_table(f"worth-modes-{point}", title, columns, rows)]


def _source_table(sources: list[Mapping[str, Any]], t: Texts) -> list[Block]:
    """Return what each source of data adds."""
    if not sources:
        return []
    rows = [
        {
            "label": t.named("domain", str(entry["source"])),
            "cells": [
                describe_value(entry["auc"], t, digits=3),
                describe_points(entry["recall"], t, key="value"),
            ],
        }
        for entry in sources
    ]
    columns = [
        (t("model_card.worth.source"), False),
        *((t(f"model_card.worth.source_{part}"), True) for part in _PARTS),
    ]
    title, note = t("model_card.worth.sources"), t("model_card.worth.sources_note")
    return [make_table("worth-sources", title, columns, rows, note=note)]


def _unseen_table(unseen: Mapping[str, Any], t: Texts) -> list[Block]:
    """Return how a model does on schools and municipalities that it never saw."""
    rows = [
        {
            "label": t(f"model_card.worth.unseen_{name}"),
            "cells": [
                *(
                    describe_value(unseen[name][key], t, digits=3)
                    for key in ("auc", "auc_difference", "calibration_slope")
                ),
                describe_value(unseen[name]["calibration_intercept"], t),
            ],
        }
        for name in _UNSEEN
        if name in unseen
    ]
    if not rows:
        return []
    columns = [
        (t("model_card.worth.unseen_by"), False),
        (t("model_card.measure.auc"), True),
        (t("model_card.worth.unseen_difference"), True),
        (t("model_card.measure.calibration_slope"), True),
        (t("model_card.measure.calibration_intercept"), True),
    ]
    title, note = t("model_card.worth.unseen"), t("model_card.worth.unseen_note")
    return [make_table("worth-unseen", title, columns, rows, note=note)]


def _say_screened(screened: Mapping[str, Any], t: Texts) -> list[Block]:
    """Return what training without the cohorts in which a list was used would change."""
    if not screened:
        return []
    figure = screened["auc_difference"]
    cohorts = ", ".join(screened["cohorts"])
    if figure.get("value") is None:
        reason = describe_missing(figure, t)["reason"]
        text = t("model_card.worth.screened_unknown", cohorts=cohorts, reason=reason)
    else:
        cell = describe_value(figure, t, digits=3)
        text = t(
            "model_card.worth.screened", cohorts=cohorts, difference=cell["text"],
            ends=say_ends(cell, t),
        )  # fmt: skip
    return [{"kind": "text", "text": text}]


def _time_table(changes: list[Mapping[str, Any]], t: Texts) -> list[Block]:
    """Return how lists change from one point to the next, and what waiting would add."""
    if not changes:
        return []
    rows = [
        {
            "label": t(
                "model_card.worth.from_to",
                first=t.named("point", str(entry["from"])),
                second=t.named("point", str(entry["to"])),
            ),
            "cells": [
                describe_rate(entry["share_new"], t),
                describe_value(entry["auc_less_than_last"], t, digits=3),
            ],
        }
        for entry in changes
    ]
    columns = [
        (t("model_card.worth.points"), False),
        (t("model_card.worth.share_new"), True),
        (t("model_card.worth.less_than_last"), True),
    ]
    title, note = t("model_card.worth.time"), t("model_card.worth.time_note")
    return [make_table("worth-time", title, columns, rows, note=note)]
