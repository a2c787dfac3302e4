"""The parts of the fairness page on what could be done, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskmodel.report.fairness_tables import (
    SHOWN_RATES,
    Audit,
    Block,
    describe_unsaid_part,
    label_attribute,
    label_columns,
    label_groups,
    label_rate,
    make_part_table,
)
from riskmodel.report.formatting import format_number, format_percent
from riskmodel.report.language import Texts
from riskmodel.report.table_cells import Cell, describe_missing, describe_points, describe_value

_OVERALL = ("recall", "precision", "false_positive_rate")
_POLICIES = ("equal_recall", "equal_false_alarms", "level_up")
_ARMS = ("with_attributes", "without_proxies")
_METHODS = ("reweighing", "reductions")


def describe_inputs(audit: Audit, t: Texts) -> list[Block]:
    """Return what other inputs would change.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()` with the part `inputs`.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Blocks, for the templates.
    """
    part = audit["inputs"]
    names = "; ".join(part["proxies"]) or t("fairness.inputs.no_proxies")
    blocks: list[Block] = [{"kind": "text", "text": t("fairness.inputs.proxies", names=names)}]
    labels = label_groups(audit, t)
    rows = [
        {"label": t(f"fairness.inputs.{name}"),
         "cells": [describe_value(part["arms"][name]["auc"], t, digits=3)]}
        for name in _ARMS
    ]  # fmt: skip
    columns = [t("fairness.inputs.auc")]
    blocks.append(make_part_table("inputs", columns, rows, t, about=t("fairness.inputs.order")))
    for number, name in enumerate(_ARMS, start=1):
        lines = [
            {
                "label": labels.get((one["name"], entry["group"]), entry["group"]),
                "tag": label_attribute(audit, one["name"], t),
                "cells": [_then(entry.get(rate), t) for rate in SHOWN_RATES],
            }
            for one in part["arms"][name]["attributes"]
            for entry in one["change"].get("groups", [])
            if "reason" not in entry
        ]
        about = t("fairness.inputs.groups", arm=t(f"fairness.inputs.{name}"))
        if not lines:
            blocks.append({"kind": "heading", "text": about})
            blocks.append(describe_unsaid_part({"reason": "suppressed"}, t))
            continue
        headings = [label_rate(rate, t) for rate in SHOWN_RATES]
        blocks.append(
            make_part_table("inputs", headings, lines, t, suffix=str(number), about=about)
        )
    return blocks


def describe_mitigation(audit: Audit, t: Texts) -> list[Block]:
    """Return what other ways to choose would change.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Blocks, for the templates.
    """
    part = audit["mitigation"]
    if "reason" in part:
        return [describe_unsaid_part(part, t)]
    blocks: list[Block] = [{"kind": "text", "text": t("fairness.mitigation.legal")}]
    labels = label_groups(audit, t)
    for number, attribute in enumerate(part["attributes"], start=1):
        about = label_attribute(audit, attribute["name"], t)
        policies = {name: attribute["policies"][name] for name in _POLICIES}
        rows = [
            {"label": t(f"fairness.mitigation.{name}"), "cells": _policy(policy, t)}
            for name, policy in policies.items()
        ]
        names = ("entering", "leaving", *_OVERALL)
        columns = label_columns("mitigation", names, t)
        blocks.append(
            make_part_table("mitigation", columns, rows, t, suffix=str(number), about=about)
        )
        blocks += _frontier(attribute["frontier"], number, about, attribute["name"], labels, t)
        shown = {name: policy for name, policy in policies.items() if "groups" in policy}
        if not shown:
            continue
        lines = [
            {
                "label": labels.get((attribute["name"], entry["group"]), entry["group"]),
                "tag": t(f"fairness.mitigation.{name}"),
                "cells": [_then(entry.get(rate), t) for rate in SHOWN_RATES],
            }
            for place in range(len(next(iter(shown.values()))["groups"]))
            for name, policy in shown.items()
            for entry in [policy["groups"][place]]
        ]
        headings = [label_rate(rate, t) for rate in SHOWN_RATES]
        blocks.append(
            make_part_table("mitigation", headings, lines, t, suffix=f"{number}-groups",
                   about=t("fairness.mitigation.groups", attribute=about))
        )  # fmt: skip
    return blocks


def _frontier(
    frontier: Mapping[str, Any],
    number: int,
    about: str,
    attribute: str,
    labels: Mapping[tuple[str, str], str],
    t: Texts,
) -> list[Block]:
    """Return the steps from today's list to equal recall, with what each costs."""
    title = t("fairness.mitigation.frontier", attribute=about)
    if "reason" in frontier:
        return [{"kind": "heading", "text": title}, describe_unsaid_part(frontier, t)]
    group = labels.get((attribute, frontier["group"]), frontier["group"])
    nothing = [{"text": format_number(0, t.language)}] * 2 + [{"text": "–"}] * len(_OVERALL)
    rows = [
        {"label": t("fairness.mitigation.today"),
         "cells": [*nothing, describe_points(frontier["gap"], t, key="value")]},
        *(
            {"label": t("fairness.mitigation.step",
                        share=format_percent(step["step"], t.language)),
             "cells": [*_policy(step, t), describe_points(step["gap"], t, key="value")
                       if "gap" in step else describe_missing(step, t)]}
            for step in frontier["steps"]
        ),
    ]  # fmt: skip
    columns = [
        *label_columns("mitigation", ("entering", "leaving", *_OVERALL), t),
        t("fairness.mitigation.gap", group=group),
    ]
    return [
        make_part_table("mitigation", columns, rows, t, suffix=f"{number}-frontier", about=title)
    ]


def describe_retraining(audit: Audit, t: Texts) -> list[Block]:
    """Return what training with an eye to groups would change.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()` with the part `retraining`.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Blocks, for the templates.
    """
    labels = label_groups(audit, t)
    rows, lines = [], []
    for attribute in audit["retraining"]["attributes"]:
        tag = label_attribute(audit, attribute["name"], t)
        for method in _METHODS:
            change = attribute["methods"].get(method, {"reason": "too_few"})
            label = t(f"fairness.retraining.{method}")
            rows.append({"label": label, "tag": tag, "cells": _policy(change, t)})
            lines += [
                {
                    "label": labels.get((attribute["name"], entry["group"]), entry["group"]),
                    "tag": f"{tag}, {label[0].lower()}{label[1:]}",
                    "cells": [_then(entry.get(rate), t) for rate in SHOWN_RATES],
                }
                for entry in change.get("groups", [])
                if "reason" not in entry
            ]
    columns = label_columns("mitigation", ("entering", "leaving", *_OVERALL), t)
    blocks = [make_part_table("retraining", columns, rows, t)]
    if not lines:
        return [*blocks, {"kind": "text", "text": t("fairness.retraining.hidden")}]
    headings = [label_rate(rate, t) for rate in SHOWN_RATES]
    about = t("fairness.retraining.groups")
    return [
        *blocks, make_part_table("retraining", headings, lines, t, suffix="groups", about=about)
    ]  # fmt: skip


def _policy(policy: Mapping[str, Any], t: Texts) -> list[Cell]:
    """Return what a way to choose would change for all."""
    if "reason" in policy:
        return [describe_missing(policy, t)] * (2 + len(_OVERALL))
    moved = [{"text": format_number(policy[name], t.language)} for name in ("entering", "leaving")]
    changes = [describe_points(policy["overall"][name], t, key="value") for name in _OVERALL]
    return [*moved, *changes]


def _then(figure: Mapping[str, Any] | None, t: Texts) -> Cell:
    """Return a group's rate today and then."""
    if figure is None or figure["today"] is None or figure["then"] is None:
        return describe_missing({"reason": "suppressed"} if figure is None else {}, t)
    today, then = (format_percent(figure[when], t.language) for when in ("today", "then"))
    return {"text": f"{today} → {then}"}
