"""The parts of the fairness page beyond the groups' own rates, one section each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from riskmodel.report.fairness_remedies import (
    describe_inputs,
    describe_mitigation,
    describe_retraining,
)
from riskmodel.report.fairness_tables import (
    SHOWN_RATES,
    Audit,
    Block,
    describe_unsaid_part,
    describe_verdict,
    iterate_groups,
    iterate_part,
    label_attribute,
    label_columns,
    label_groups,
    label_rate,
    make_part_table,
)
from riskmodel.report.figures import draw_calibration
from riskmodel.report.formatting import format_number, format_percent, format_range
from riskmodel.report.language import Texts
from riskmodel.report.table_cells import (
    Cell,
    describe_missing,
    describe_points,
    describe_rate,
    describe_value,
)

_SCORES = ("auc", "brier", "calibration_slope", "net_benefit")
_SMALL = ("base_rate", "miss_rate", "false_positive_rate")
_PARTS = ("gap", "between", "within")


def describe_sections(
    audit: Audit, t: Texts, *, feature_names: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the sections of the page for the parts that the audit has.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    t : Texts
        The reader's language.
    feature_names : mapping of str to str, optional
        What features are called in that language, by their names in the table.

    Returns
    -------
    list of dict
        Each with `id`, `title` and `blocks`; the blocks begin with what the part asks and how
        to read it.
    """
    named = _name_proxies(audit, feature_names or {})
    return [
        {
            "id": name,
            "title": t(f"fairness.{name}.title"),
            "blocks": [{"kind": "text", "text": t(f"fairness.{name}.reading")}, *blocks],
        }
        for name, build in _BUILDERS.items()
        if name == "scores" or name in audit
        for blocks in [build(named, t)]
    ]


def _name_proxies(audit: Audit, feature_names: Mapping[str, str]) -> Audit:
    """Return the audit with the readers' names of the features that stand in for others."""
    if "inputs" not in audit:
        return audit
    proxies = [feature_names.get(name, name) for name in audit["inputs"]["proxies"]]
    return {**audit, "inputs": {**audit["inputs"], "proxies": proxies}}


def _scores(audit: Audit, t: Texts) -> list[Block]:
    """Return how well risks rank and fit in each group."""
    names = [name for name in _SCORES if name in audit["overall"]["measures"]]
    if not names:
        return [describe_unsaid_part({}, t)]
    rows = [
        {"label": label, "tag": tag, "cells": [
            describe_value(entry["measures"].get(name), t, digits=3) for name in names
        ]}
        for tag, label, entry in iterate_groups(audit, t)
    ]  # fmt: skip
    everyone = {"label": t("fairness.all"), "cells": [
        describe_value(audit["overall"]["measures"][name], t, digits=3) for name in names
    ]}  # fmt: skip
    columns = [t(f"fairness.scores.{name}") for name in names]
    return [make_part_table("scores", columns, [*rows, everyone], t)]


def _sweep(audit: Audit, t: Texts) -> list[Block]:
    """Return misses and false alarms over the sizes of the list."""
    blocks: list[Block] = []
    labels = label_groups(audit, t)
    for number, attribute in enumerate(audit["sweep"]["attributes"], start=1):
        points = attribute["points"]
        if not points:
            continue
        columns = [format_percent(point["capacity"], t.language, 1) for point in points]
        for name in SHOWN_RATES:
            entries = {
                entry["group"]: [one for point in points for one in point["groups"]
                                 if one["group"] == entry["group"]]
                for entry in points[0]["groups"]
            }  # fmt: skip
            rows = [
                {
                    "label": labels[attribute["name"], group],
                    "cells": [_show_swept(one[name], t) for one in entries[group]],
                }
                for group in (group for name_, group in labels if name_ == attribute["name"])
                if group in entries
            ]
            about = f"{label_attribute(audit, attribute['name'], t)}: {label_rate(name, t)}"
            table = make_part_table(
                "sweep", columns, rows, t, suffix=f"{number}-{name}", about=about
            )
            blocks.append(table | {"slider": t("fairness.sweep.slider")})
    return blocks or [describe_unsaid_part({"reason": "suppressed"}, t)]


def _show_swept(figure: Mapping[str, Any] | None, t: Texts) -> Cell:
    """Return a rate of one size of the list, with its limits."""
    if figure is None:
        return describe_missing({}, t)
    ends = format_range(figure["lower"], figure["upper"], t.language, percent=True)
    return {"text": format_percent(figure["value"], t.language), "range": ends}


def _calibration(audit: Audit, t: Texts) -> list[Block]:
    """Return whether risks are right in each group, and along the curve."""
    rows = [
        {
            "label": label,
            "tag": tag,
            "cells": [
                describe_points(entry["observed_minus_risk"], t),
                describe_verdict(entry["observed_minus_risk"]["flagged"], t),
                describe_verdict(entry["bands"]["flagged"], t),
            ],
        }
        for tag, label, entry in iterate_part(audit, "calibration", t)
    ]
    columns = label_columns("calibration", ("level", "verdict", "bands"), t)
    blocks = [make_part_table("calibration", columns, rows, t, numbers=1)]
    figures = _draw_curves(audit, t)
    if not figures:
        return blocks
    return [
        *blocks,
        {"kind": "text", "text": t("fairness.calibration.curves")},
        {"kind": "figures", "figures": figures},
    ]


def _draw_curves(audit: Audit, t: Texts) -> list[Block]:
    """Return the curve of all pupils, and of each group of a single attribute that has one."""
    single = {one["name"] for one in audit["attributes"] if len(one["features"]) == 1}
    part = audit["calibration"]
    labels = label_groups(audit, t)
    curves = [(t("fairness.all"), part["curve"])] + [
        (f"{label_attribute(audit, attribute['name'], t)}: "
         f"{labels.get((attribute['name'], entry['group']), entry['group'])}", entry["curve"])
        for attribute in part["attributes"] if attribute["name"] in single
        for entry in attribute["groups"]
    ]  # fmt: skip
    figures = []
    for number, (name, curve) in enumerate(curves):
        if not curve:
            continue
        spans = ("observed", "lower", "upper")
        points = [
            {"risk": band["mean_risk"]} | {name: band.get(name) for name in spans} for band in curve
        ]
        said = "; ".join(
            t("fairness.calibration.point", risk=format_percent(point["risk"], t.language),
              observed=format_percent(point["observed"], t.language))
            for point in points
        )  # fmt: skip
        svg = draw_calibration(
            points, figure_id=f"calibration-curve-{number}-chart", title=name, description=said,
            language=t.language,
        )  # fmt: skip
        figures.append(
            {"id": f"calibration-curve-{number}", "title": name, "svg": svg,
             "explanation": t("fairness.calibration.axes"), "caption": said}
        )  # fmt: skip
    return figures


def _multicalibration(audit: Audit, t: Texts) -> list[Block]:
    """Return the groups and bands of risk where risks are wrong on other schools too."""
    part = audit["multicalibration"]
    if "reason" in part:
        return [describe_unsaid_part(part, t)]
    if not part["confirmed"]:
        count = part["n_scanned"]
        return [{"kind": "text", "text": t.count("fairness.multicalibration.none", count,
                                                 count=count)}]  # fmt: skip
    labels = label_groups(audit, t)
    rows = [
        {
            "label": labels[cell["attribute"], cell["group"]],
            "tag": label_attribute(audit, cell["attribute"], t),
            "cells": [
                {"text": t("fairness.multicalibration.level", number=cell["band"])},
                describe_points(cell, t),
            ],
        }
        for cell in part["confirmed"]
    ]
    columns = label_columns("multicalibration", ("band", "difference"), t)
    return [make_part_table("multicalibration", columns, rows, t)]


def _gaps(audit: Audit, t: Texts) -> list[Block]:
    """Return how far groups lie apart."""
    rows = []
    labels = label_groups(audit, t)
    for attribute in audit["gaps"]["attributes"]:
        for name in _compared(attribute):
            figure = attribute[name]
            row = {
                "label": label_attribute(audit, attribute["name"], t),
                "tag": label_rate(name, t),
            }
            if "difference" not in figure:
                rows.append(row | {"cells": [describe_missing(figure, t)] * 5})
                continue
            highest = figure["highest"]
            group = labels.get((attribute["name"], highest["group"]), highest["group"])
            ends = format_range(highest["lower"], highest["upper"], t.language, percent=True)
            cells = [
                {"text": format_number(figure["n_groups"], t.language)},
                {"text": format_number(figure["difference"] * 100, t.language, 1)},
                {"text": format_number(figure["between_sd"] * 100, t.language, 1)},
                describe_verdict(figure["flagged"], t),
                {"text": f"{group}: {format_percent(highest['value'], t.language)}",
                 "range": ends},
            ]  # fmt: skip
            rows.append(row | {"cells": cells})
    names = ("n_groups", "difference", "between_sd", "verdict", "highest")
    return [make_part_table("gaps", label_columns("gaps", names, t), rows, t, numbers=3)]


def _small_groups(audit: Audit, t: Texts) -> list[Block]:
    """Return rates with borrowed strength, and how many pupils would be needed."""
    rows = []
    for tag, label, entry in iterate_part(audit, "small_groups", t):
        cells = [describe_rate(entry[name]["shrunken"], t) for name in _SMALL]
        needed = [entry[name]["n_needed"] for name in _SMALL if "n_needed" in entry[name]]
        shown = format_number(max(needed), t.language) if needed else ""
        text = t("fairness.small_groups.needed", count=shown) if needed else "–"
        rows.append({"label": label, "tag": tag, "cells": [*cells, {"text": text}]})
    columns = [*(label_rate(name, t) for name in _SMALL), t("fairness.small_groups.n_needed")]
    return [make_part_table("small_groups", columns, rows, t, numbers=3)]


def _subgroups(audit: Audit, t: Texts) -> list[Block]:
    """Return the subgroups that hold on other schools."""
    part = audit["subgroups"]
    if "reason" in part:
        return [describe_unsaid_part(part, t)]
    blocks: list[Block] = []
    for name in SHOWN_RATES:
        confirmed = part[name]["confirmed"]
        if not confirmed:
            count = part[name]["n_candidates"]
            none = t.count("fairness.subgroups.none", count, count=count)
            blocks.append({"kind": "text", "text": f"{label_rate(name, t)}: {none}"})
            continue
        rows = [
            {
                "label": " · ".join(_condition(one, t) for one in entry["conditions"]),
                "cells": [_count(entry, t), describe_points(entry, t)],
            }
            for entry in confirmed
        ]
        columns = label_columns("subgroups", ("count", "difference"), t)
        blocks.append(
            make_part_table("subgroups", columns, rows, t, suffix=name, about=label_rate(name, t))
        )
    return blocks


def _decomposition(audit: Audit, t: Texts) -> list[Block]:
    """Return which part of a gap lies between schools and which within."""
    if "reason" in audit["decomposition"]:
        return [describe_unsaid_part(audit["decomposition"], t)]
    blocks = []
    for name in SHOWN_RATES:
        rows = [
            {
                "label": label,
                "tag": tag,
                "cells": [
                    describe_missing(entry[name], t)
                    if "reason" in entry[name]
                    else describe_points(entry[name][part], t, key="value")
                    for part in _PARTS
                ],
            }
            for tag, label, entry in iterate_part(audit, "decomposition", t)
        ]
        columns = label_columns("decomposition", _PARTS, t)
        blocks.append(
            make_part_table(
                "decomposition", columns, rows, t, suffix=name, about=label_rate(name, t)
            )
        )
    return blocks


def _label_bias(audit: Audit, t: Texts) -> list[Block]:
    """Return how many labels would have to be wrong."""
    rows = [
        {
            "label": label,
            "tag": tag,
            "cells": [
                _turning(entry[name][error], t)
                for name in SHOWN_RATES
                for error in ("missed", "false")
            ],
        }
        for tag, label, entry in iterate_part(audit, "label_bias", t)
    ]
    columns = [
        t(f"fairness.label_bias.{error}", rate=label_rate(name, t))
        for name in SHOWN_RATES
        for error in ("missed", "false")
    ]
    return [make_part_table("label_bias", columns, rows, t)]


def _trends(audit: Audit, t: Texts) -> list[Block]:
    """Return how gaps have changed from cohort to cohort."""
    part = audit["trends"]
    if "reason" in part:
        return [describe_unsaid_part(part, t)]
    blocks: list[Block] = [{"kind": "text", "text": t("fairness.trends.left_out")}]
    cohorts = part["cohorts"]
    for name in SHOWN_RATES:
        rows = [
            {
                "label": label,
                "tag": tag,
                "cells": [
                    *(describe_points(gap, t, key="value") for gap in entry[name]["gaps"]),
                    describe_verdict(_any_flagged(entry[name]["changes"]), t),
                ],
            }
            for tag, label, entry in iterate_part(audit, "trends", t)
            if name in entry and any(gap["value"] is not None for gap in entry[name]["gaps"])
        ]
        columns = [*cohorts, t("fairness.trends.changed")]
        blocks.append(make_part_table("trends", columns, rows, t, suffix=name, numbers=len(cohorts),
                             about=label_rate(name, t)))  # fmt: skip
    return blocks


_BUILDERS: dict[str, Callable[[Audit, Texts], list[Block]]] = {
    "scores": _scores,
    "sweep": _sweep,
    "calibration": _calibration,
    "multicalibration": _multicalibration,
    "gaps": _gaps,
    "small_groups": _small_groups,
    "subgroups": _subgroups,
    "decomposition": _decomposition,
    "label_bias": _label_bias,
    "inputs": describe_inputs,
    "mitigation": describe_mitigation,
    "retraining": describe_retraining,
    "trends": _trends,
}
"""The sections in the order of the page."""


def _compared(attribute: Mapping[str, Any]) -> list[str]:
    """Return the rates of an attribute's entry."""
    return [name for name in attribute if name != "name"]


def _any_flagged(changes: Sequence[Mapping[str, Any]]) -> bool | None:
    """Return whether one of several changes is sure, None if none can be said."""
    known = [change["flagged"] for change in changes if change["flagged"] is not None]
    return any(known) if known else None


def _condition(condition: Mapping[str, str], t: Texts) -> str:
    """Return one thing that a subgroup's pupils have in common."""
    value = t.named("group", condition["value"])
    return f"{t.named('attribute', condition['feature'])}: {value}"


def _count(entry: Mapping[str, Any], t: Texts) -> Cell:
    """Return a count, or why it is not shown."""
    if entry["count"] is None:
        return describe_missing(entry, t)
    return {"text": format_number(entry["count"], t.language)}


def _turning(figure: Mapping[str, Any], t: Texts) -> Cell:
    """Return how many wrong labels would turn a gap."""
    if figure["number"] is None:
        return describe_missing(figure, t)
    number = format_number(figure["number"], t.language)
    share = format_percent(figure["share"], t.language, 1)
    return {"text": number, "range": t("fairness.label_bias.share", share=share)}
