"""The tables and figures of a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskmodel.evaluation.school_history import SCHOOL_ONLY
from riskmodel.models.specs import LEARNT_INTERPRETABLE, YARDSTICK
from riskmodel.report.figures import FigureRow, draw_bars, draw_calibration
from riskmodel.report.formatting import format_number, format_percent
from riskmodel.report.language import Texts
from riskmodel.report.page import find_outcome
from riskmodel.report.table_cells import (
    Cell,
    describe_missing,
    describe_rate,
    describe_value,
    make_table,
    say_ends,
)

Block = dict[str, Any]

_RANKING = (
    "auc", "auc_within_school", "average_precision", "precision_at_capacity",
    "recall_at_capacity",
)  # fmt: skip
_CALIBRATION = (
    "calibration_slope", "calibration_intercept", "calibration_index", "brier", "log_loss",
)  # fmt: skip
_SHARES = {"precision_at_capacity", "recall_at_capacity", "base_rate"}
_DIGITS = dict.fromkeys(
    ("brier", "log_loss", "auc", "auc_within_school", "average_precision", "calibration_index"), 3
)
_YARDSTICKS = (YARDSTICK, SCHOOL_ONLY)
_MOST_BARS = 12
_ROUND_TO = 10


def flow_blocks(flow: Sequence[Mapping[str, Any]], t: Texts) -> list[Block]:
    """Return how the cohorts came about, rounded so that no small count shows.

    Parameters
    ----------
    flow : sequence of mapping
        `cohort`, `point`, `eligible` and `labelled`; or `cohort`, `point`, `step` and
        `count`.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        A table, or nothing.
    """
    if not flow:
        return []
    rows = []
    for entry in _widen_flow(flow):
        counts = (int(entry["eligible"]), int(entry["labelled"]))
        rows.append(
            {
                "label": str(entry["cohort"]),
                "cells": [
                    {"text": t.named("point", str(entry["point"]))},
                    *(_round_count(count, t) for count in counts),
                ],
            }
        )
    columns = [("cohort", False), ("point", False), ("eligible", True), ("labelled", True)]
    return [
        make_table(
            "flow",
            t("model_card.data.flow"),
            [(t(f"model_card.data.{name}"), number) for name, number in columns],
            rows,
            note=t("model_card.data.flow_note", base=_ROUND_TO),
        )
    ]


def feature_blocks(features: Sequence[Mapping[str, Any]], t: Texts) -> list[Block]:
    """Return the features by domain with their names, windows and directions.

    Parameters
    ----------
    features : sequence of mapping
        `FeatureInfo.to_dict()` of each column; missing flags are left out.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        A table for each domain, or nothing.
    """
    shown = [info for info in features if info.get("unit") != "flag"]
    if not shown:
        return []
    domains = list(dict.fromkeys(str(info["domain"]) for info in shown))
    names = ("name", "window", "direction", "changeable", "missing")
    columns = [(t(f"model_card.features.{name}"), False) for name in names]
    blocks: list[Block] = [
        {"kind": "text", "text": t("model_card.features.intro", count=len(shown))}
    ]
    for domain in domains:
        rows = [_feature_row(info, t) for info in shown if info["domain"] == domain]
        title = t.named("domain", domain)
        blocks.append(make_table(f"features-{domain}", title, columns, rows, is_even=True))
    return blocks


def candidate_blocks(
    evaluation: Mapping[str, Any], training: Mapping[str, Mapping[str, Any]], t: Texts
) -> list[Block]:
    """Return all candidates with their measures, and what interpretability costs.

    Parameters
    ----------
    evaluation : mapping
        `EvaluationResult.to_dict()`.
    training : mapping of str to mapping
        By prediction point: `chosen`, `reason`, `log_loss` by model.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Headings, sentences and two tables for each prediction point.
    """
    blocks: list[Block] = [{"kind": "text", "text": t("model_card.model.intro")}]
    for point, entry in evaluation["points"].items():
        trained = training.get(point) or {}
        chosen = trained.get("chosen")
        blocks.append({"kind": "heading", "text": t.named("point", point).capitalize()})
        if chosen is not None:
            blocks.append({"kind": "text", "text": _describe_choice(chosen, trained, t)})
        blocks.append({"kind": "text", "text": _describe_cost(entry.get("comparison") or {}, t)})
        blocks += _describe_test(entry["models"].get(chosen) or {}, t)
        tested = ", ".join(entry.get("cohorts") or ())
        capacity = _describe_capacity(evaluation.get("capacity"), t)
        for kind, measures in (("ranking", _RANKING), ("fit", _CALIBRATION)):
            note = t(f"model_card.model.{kind}_note", tested=tested, capacity=capacity)
            rows = [
                _candidate_row(name, measured, measures, name == chosen, t)
                for name, measured in sorted(
                    entry["models"].items(), key=lambda item: _place(item[0], chosen)
                )
            ]
            columns = [(t("model_card.model.model"), False),
                       *((t(f"model_card.measure.{name}"), True) for name in measures)]  # fmt: skip
            caption = t(f"model_card.model.{kind}")
            blocks.append(make_table(f"{kind}-{point}", caption, columns, rows, note=note))
    blocks.append({
        "kind": "pairs",
        "entries": [
            {"label": t(f"model_card.measure.{name}"), "text": t(f"model_card.meaning.{name}")}
            for name in (*_RANKING, *_CALIBRATION)
        ],
    })  # fmt: skip
    return blocks


def calibration_blocks(
    evaluation: Mapping[str, Any],
    training: Mapping[str, Mapping[str, Any]],
    run: Mapping[str, Any],
    t: Texts,
) -> list[Block]:
    """Return the chosen models' calibration curves with their numbers.

    Parameters
    ----------
    evaluation : mapping
        `EvaluationResult.to_dict()`.
    training : mapping of str to mapping
        By prediction point: `chosen`.
    run : mapping
        About the run: `outcome` is read.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Figures and tables, or nothing where no curve may be shown.
    """
    blocks: list[Block] = []
    past = find_outcome(run, t, "past")
    for point, entry in evaluation["points"].items():
        chosen = (training.get(point) or {}).get("chosen")
        curve = (entry["models"].get(chosen) or {}).get("calibration_curve") or []
        if not curve:
            continue
        title = t("model_card.calibration.figure", point=t.named("point", point))
        rows = [_curve_row(number, group, t) for number, group in enumerate(curve, start=1)]
        figure = {
            "id": f"calibration-{point}",
            "title": title,
            "explanation": t("model_card.calibration.explanation", outcome=past),
            "svg": draw_calibration(
                [{"risk": group["mean_risk"]} | _read_observed(group) for group in curve],
                figure_id=f"calibration-{point}-chart",
                title=title,
                description=" ".join(
                    t("model_card.calibration.described", risk=row["cells"][0]["text"],
                      observed=row["cells"][1]["text"])
                    for row in rows
                ),
                language=t.language,
            ),
            "caption": "",
        }  # fmt: skip
        columns = [("group", False), ("risk", True), ("observed", True), ("count", True)]
        headings = [(t(f"model_card.calibration.{name}"), number) for name, number in columns]
        table = make_table(f"calibration-table-{point}", title, headings, rows)
        blocks.append({"kind": "beside", "figure": figure, "table": table})
    intro = {"kind": "text", "text": t("model_card.calibration.intro")}
    return [intro, *blocks] if blocks else []


def importance_blocks(
    importances: Mapping[str, Sequence[Mapping[str, Any]]], names: Mapping[str, str], t: Texts
) -> list[Block]:
    """Return how much each feature moves the estimates on average.

    Parameters
    ----------
    importances : mapping of str to sequence of mapping
        By prediction point `feature` and `value`, at least 0.
    names : mapping of str to str
        The features' names for readers.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Figures with tables, or nothing.
    """
    blocks: list[Block] = []
    for point, entries in importances.items():
        total = sum(float(entry["value"]) for entry in entries)
        if total <= 0:
            continue
        ordered = sorted(entries, key=lambda entry: (-float(entry["value"]), entry["feature"]))
        rows = [
            FigureRow(
                names.get(str(entry["feature"]), str(entry["feature"])),
                float(entry["value"]),
                text=format_percent(float(entry["value"]) / total, t.language),
            )
            for entry in ordered
        ]
        title = t("model_card.importances.figure", point=t.named("point", point))
        figure = {
            "id": f"importances-{point}",
            "title": title,
            "explanation": t(
                "model_card.importances.explanation", count=min(_MOST_BARS, len(rows))
            ),
            "svg": draw_bars(
                rows[:_MOST_BARS],
                figure_id=f"importances-{point}-chart",
                title=title,
                description=" ".join(f"{row.label}: {row.text}." for row in rows[:_MOST_BARS]),
                language=t.language,
            ),
            "caption": "",
        }  # fmt: skip
        columns = [(t("model_card.features.name"), False),
                   (t("model_card.importances.share"), True)]  # fmt: skip
        cells = [{"label": row.label, "cells": [{"text": row.text}]} for row in rows]
        table = make_table(f"importances-table-{point}", title, columns, cells)
        blocks.append({"kind": "beside", "figure": figure, "table": table})
    intro = {"kind": "text", "text": t("model_card.importances.intro")}
    return [intro, *blocks] if blocks else []


def _widen_flow(flow: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each cohort and point, with a column for each step."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in flow:
        key = (str(entry["cohort"]), str(entry["point"]))
        row = rows.setdefault(key, {"cohort": key[0], "point": key[1]})
        row |= {entry["step"]: entry["count"]} if "step" in entry else entry
    return list(rows.values())


def _round_count(count: int, t: Texts) -> Cell:
    """Return a count rounded so that no small count shows or follows."""
    if 0 < count < _ROUND_TO:
        return {"reason": t("model_card.data.few", limit=_ROUND_TO)}
    rounded = (count + _ROUND_TO // 2) // _ROUND_TO * _ROUND_TO
    return {"text": format_number(rounded, t.language)}


def _feature_row(info: Mapping[str, Any], t: Texts) -> dict[str, Any]:
    """Return one feature's line."""
    direction = {1: "up", -1: "down"}.get(int(info.get("direction") or 0), "none")
    changeable = "yes" if info.get("changeable") else "no"
    texts = (
        str(info.get(f"window_{t.language}") or ""),
        t(f"model_card.features.direction_{direction}"),
        t(f"model_card.features.{changeable}"),
        t.named("model_card.features.rule", str(info.get("missing"))),
    )
    return {
        "label": str(info[f"name_{t.language}"]),
        "note": str(info.get(f"description_{t.language}") or ""),
        "cells": [{"text": text} for text in texts],
    }


def _name_model(name: str, t: Texts) -> str:
    """Return a candidate's name for readers; a rule has a name of its own."""
    return t(f"model.{name}") if t.has(f"model.{name}") else t("model_card.model.rule", name=name)


def _place(name: str, chosen: str | None) -> tuple[bool, int, str]:
    """Return where a candidate stands: the chosen first, the yardstick last."""
    order = (*reversed(LEARNT_INTERPRETABLE), "rule", "base_rate")
    position = order.index(name) if name in order else order.index("rule")
    return (name != chosen, 9 if name in _YARDSTICKS else position, name)


def _candidate_row(
    name: str, measured: Mapping[str, Any], measures: Sequence[str], is_chosen: bool, t: Texts
) -> dict[str, Any]:
    """Return one candidate's measures."""
    figures = measured.get("metrics", measured)
    cells = [
        describe_rate(figures.get(measure), t)
        if measure in _SHARES
        else describe_value(figures.get(measure), t, digits=_DIGITS.get(measure, 2))
        for measure in measures
    ]
    tag = t("model_card.model.chosen") if is_chosen else ""
    if name in _YARDSTICKS:
        tag = t("model_card.model.yardstick")
    return {"label": _name_model(name, t), "cells": cells, "is_chosen": is_chosen, "tag": tag}


def _describe_choice(chosen: str, trained: Mapping[str, Any], t: Texts) -> str:
    """Return which model was chosen and why, from the training's own figures."""
    losses = trained.get("log_loss") or {}
    learnt = [name for name in LEARNT_INTERPRETABLE if name in losses]
    others = [name for name in learnt if name != chosen]
    name = _lower(_name_model(chosen, t))
    is_named = str(trained.get("reason") or "").startswith("Named")
    if is_named or chosen not in learnt or not others:
        return t("model_card.model.choice_only", model=name)
    rival = min(others, key=lambda other: losses[other])
    kind = "choice_simpler" if losses[rival] < losses[chosen] else "choice_better"
    return t(
        f"model_card.model.{kind}",
        model=name,
        other=_lower(_name_model(rival, t)),
        own=format_number(losses[chosen], t.language, 4),
        others=format_number(losses[rival], t.language, 4),
    )


def _lower(text: str) -> str:
    """Return a name as it stands within a sentence."""
    return text[:1].lower() + text[1:]


def _describe_cost(comparison: Mapping[str, Any], t: Texts) -> str:
    """Return what it costs that the model can be explained."""
    figure = comparison.get("auc_difference") or {}
    if figure.get("value") is None:
        reason = describe_missing(figure, t)["reason"]
        return t("model_card.model.cost_unknown", reason=reason)
    cell = describe_value(figure, t, digits=3)
    return t("model_card.model.cost", difference=cell["text"], ends=say_ends(cell, t))


def _describe_test(measured: Mapping[str, Any], t: Texts) -> list[Block]:
    """Return how many pupils the chosen model was tested on, if that may be shown."""
    rate = (measured.get("metrics") or {}).get("base_rate") or {}
    if measured.get("n") is None or rate.get("value") is None:
        return []
    text = t(
        "model_card.model.test_pupils",
        count=format_number(measured["n"], t.language),
        schools=format_number(measured["n_clusters"], t.language),
        share=format_percent(rate["value"], t.language, 1),
    )
    return [{"kind": "text", "text": text}]


def _describe_capacity(capacity: Any, t: Texts) -> str:
    """Return the capacity that the measures hold for."""
    if isinstance(capacity, int):
        return t("model_card.model.capacity_number", count=format_number(capacity, t.language))
    if capacity is None:
        return t("page.unknown").lower()
    share = format_percent(float(capacity), t.language)
    return t("model_card.model.capacity_share", share=share)


def _read_observed(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the observed share of a group of a calibration curve, and its interval."""
    return {name: group.get(name) for name in ("observed", "lower", "upper")}


def _curve_row(number: int, group: Mapping[str, Any], t: Texts) -> dict[str, Any]:
    """Return one group of a calibration curve."""
    return {
        "label": str(number),
        "cells": [
            {"text": format_percent(group["mean_risk"], t.language, 1)},
            describe_rate(_read_observed(group) | {"value": group["observed"]}, t),
            {"text": format_number(group["n"], t.language)},
        ],
    }
