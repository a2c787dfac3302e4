"""The model card: what a model is for, what it rests on, how good it is and where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskmodel.report.fairness_findings import describe_findings, order_groups
from riskmodel.report.formatting import format_number, format_percent
from riskmodel.report.language import Texts, load_texts
from riskmodel.report.model_card_blocks import (
    Block,
    calibration_blocks,
    candidate_blocks,
    feature_blocks,
    flow_blocks,
    importance_blocks,
)
from riskmodel.report.model_card_leaving import leaving_blocks
from riskmodel.report.model_card_periods import period_blocks
from riskmodel.report.model_card_scorecard import scorecard_blocks
from riskmodel.report.model_card_worth import worth_blocks
from riskmodel.report.page import (
    describe_facts,
    describe_frame,
    describe_legal_basis,
    find_outcome,
    render_page,
)

_SECTIONS = (
    "purpose", "scope", "data", "features", "model", "periods", "leaving", "worth", "scorecard",
    "calibration", "importances", "fairness", "limits", "oversight", "legal", "provenance",
)  # fmt: skip
_LINES = {"scope": 5, "limits": 5, "oversight": 4, "legal": 3}
"""How many fixed lines the texts have for a section."""


def collect_model_card(
    evaluation: Mapping[str, Any],
    *,
    run: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
    training: Mapping[str, Mapping[str, Any]],
    features: Sequence[Mapping[str, Any]] = (),
    flow: Sequence[Mapping[str, Any]] = (),
    audit: Mapping[str, Any] | None = None,
    importances: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    language: str = "sv",
) -> dict[str, Any]:
    """Put all that the model card shows into one plain dictionary.

    Parameters
    ----------
    evaluation : mapping
        `EvaluationResult.to_dict()`.
    run : mapping
        About the run, as in `collect_fairness`; `is_cross_fitted` where each pupil was
        predicted by a model that saw the others; `leakage`, the content of
        `leakage.json`; `provenance` may also hold `python`, `libraries` (version by name) and
        `inputs` (SHA-256 by name).
    models : mapping of str to mapping
        By prediction point, in order of time, the chosen model's description: `n_training`,
        `base_rate`, `training_period` (two ISO dates), `data_hash` and `inputs`, each of which
        may be missing; `left_out` (cohorts whose outcomes were not known in time) with
        `first_test_date`; `scorecard`, what `print_card` returned, whether or not it is chosen.
    training : mapping of str to mapping
        By prediction point `TrainedModels.to_dict()`.
    features : sequence of mapping
        `FeatureInfo.to_dict()` of each column.
    flow : sequence of mapping
        The rows of `CohortResult.flow_frame()`: `cohort`, `point`, `eligible` and `labelled`;
        or one row for each `step` with its `count`. Shown rounded to tens.
    audit : mapping, optional
        `AuditResult.to_dict()`.
    importances : mapping of str to sequence of mapping, optional
        By prediction point `feature` and `value`, the mean absolute contribution to the
        log-odds, in any order.
    language : {"sv", "en"}, default "sv"
        The reader's.

    Returns
    -------
    dict
        Strings, numbers, lists and dictionaries.
    """
    t = load_texts(language)
    known = {"title": "", **run}
    evaluation = _order_points(evaluation, models)
    names = {str(info["name"]): str(info[f"name_{t.language}"]) for info in features}
    blocks: dict[str, list[Block]] = {name: _fixed_blocks(name, t) for name in _LINES}
    blocks["purpose"] = _purpose_blocks(known, t)
    blocks["data"] = [*_training_blocks(models, known, t), *flow_blocks(flow, t)]
    blocks["features"] = feature_blocks(features, t)
    blocks["model"] = candidate_blocks(evaluation, training, t)
    blocks["periods"] = period_blocks(evaluation, training, t)
    blocks["leaving"] = leaving_blocks(evaluation, t)
    blocks["worth"] = worth_blocks(evaluation, training, t)
    blocks["scorecard"] = scorecard_blocks(models, features, t)
    blocks["calibration"] = calibration_blocks(evaluation, training, known, t)
    blocks["importances"] = importance_blocks(importances or {}, names, t)
    blocks["fairness"] = _fairness_blocks(audit, known, t)
    blocks["limits"] += _unused_blocks(models, names, t)
    blocks["legal"] = [
        {"kind": "text", "text": describe_legal_basis(known, t)},
        *blocks["legal"],
    ]
    blocks["provenance"] = _provenance_blocks(known, models, t)
    sections = [
        {"id": name, "title": t(f"model_card.{name}.title"), "blocks": blocks[name]}
        for name in _SECTIONS
        if blocks[name]
    ]
    return describe_frame("model_card", known, t, contents=sections) | {
        "title": t("model_card.title", outcome=find_outcome(known, t, "name")),
        "lead": t("model_card.lead"),
        "facts": describe_facts(known, t, scope=_describe_scope(known, evaluation, t)),
        "sections": sections,
    }


def render_model_card(data: Mapping[str, Any]) -> str:
    """Render the model card.

    Parameters
    ----------
    data : mapping
        What `collect_model_card` returned.

    Returns
    -------
    str
        One self-contained HTML file.
    """
    return render_page("model_card", data)


def _order_points(evaluation: Mapping[str, Any], models: Mapping[str, Any]) -> dict[str, Any]:
    """Return an evaluation with its points in the models' order, which is that of time."""
    order = [point for point in models if point in evaluation["points"]]
    order += [point for point in evaluation["points"] if point not in models]
    return {**evaluation, "points": {point: evaluation["points"][point] for point in order}}


def _describe_scope(run: Mapping[str, Any], evaluation: Mapping[str, Any], t: Texts) -> str:
    """Return the cohorts and points that the card is about."""
    points = ", ".join(t.named("point", point) for point in evaluation["points"])
    return ": ".join(str(part) for part in (run.get("cohort"), points) if part)


def _fixed_blocks(name: str, t: Texts) -> list[Block]:
    """Return a section's fixed lines."""
    lines = [t(f"model_card.{name}.line_{number}") for number in range(1, _LINES[name] + 1)]
    return [{"kind": "list", "lines": lines}]


def _purpose_blocks(run: Mapping[str, Any], t: Texts) -> list[Block]:
    """Return what the model estimates, for whom, and what follows from it."""
    entries = [
        {"label": t("page.purpose"), "text": str(run.get("purpose") or t("page.unknown"))},
        {
            "label": t("model_card.purpose.estimates_label"),
            "text": t("model_card.purpose.estimates", outcome=find_outcome(run, t, "infinitive")),
        },
        {"label": t("model_card.purpose.users_label"), "text": t("model_card.purpose.users")},
    ]
    return [{"kind": "pairs", "entries": entries}]


def _training_blocks(
    models: Mapping[str, Mapping[str, Any]], run: Mapping[str, Any], t: Texts
) -> list[Block]:
    """Return on which pupils each point's model was trained."""
    split = "cross_fitted" if run.get("is_cross_fitted") else "temporal"
    lines = []
    for point, model in models.items():
        period = model.get("training_period")
        if not period or model.get("n_training") is None:
            continue
        lines.append(
            t(
                "model_card.data.training",
                point=t.named("point", point),
                count=format_number(model["n_training"], t.language),
                first=str(period[0])[:10],
                last=str(period[1])[:10],
                share=format_percent(model["base_rate"], t.language, 1),
            )
        )
        if model.get("left_out"):
            lines.append(
                t(
                    "model_card.data.left_out",
                    point=t.named("point", point),
                    cohorts=", ".join(model["left_out"]),
                    date=str(model["first_test_date"]),
                )
            )
    return [
        {"kind": "text", "text": t("model_card.data.known_before")},
        *_leakage_blocks(run.get("leakage"), t),
        {"kind": "text", "text": t(f"model_card.data.{split}")},
        *([{"kind": "list", "lines": lines}] if lines else []),
    ]


def _fairness_blocks(
    audit: Mapping[str, Any] | None, run: Mapping[str, Any], t: Texts
) -> list[Block]:
    """Return the audit's findings."""
    if audit is None:
        return [{"kind": "text", "text": t("model_card.fairness.none")}]
    past, done = find_outcome(run, t, "past"), find_outcome(run, t, "past_done")
    blocks: list[Block] = []
    for finding in describe_findings(order_groups(audit, t), past, done, t):
        blocks.append({"kind": "heading", "text": finding["title"]})
        blocks += [{"kind": "text", "text": line} for line in finding["lines"]]
    return [*blocks, {"kind": "text", "text": t("model_card.fairness.more")}]


def _unused_blocks(
    models: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], t: Texts
) -> list[Block]:
    """Return which features the training could not use."""
    lines = []
    for point, model in models.items():
        used = set(model.get("inputs") or names)
        unused = [text for name, text in names.items() if name not in used]
        if unused:
            texts = {"point": t.named("point", point), "names": "; ".join(unused)}
            lines.append(t("model_card.limits.unused", **texts))
    return [{"kind": "list", "lines": lines}] if lines else []


def _leakage_blocks(leakage: Mapping[str, Any] | None, t: Texts) -> list[Block]:
    """Return what the leakage test showed, and which of its findings were accepted."""
    if not leakage:
        return []
    total = leakage["n_features"]
    count = format_number(leakage["n_perturbed"], t.language)
    held = total - leakage["n_moved"]
    lines = [t("model_card.data.leakage", count=count, held=held, total=total)]
    accepted = [item["name"] for item in leakage["findings"] if item["is_accepted"]]
    if accepted:
        lines.append(t("model_card.data.leakage_accepted", names=", ".join(accepted)))
    return [{"kind": "text", "text": line} for line in lines]


def _provenance_blocks(
    run: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]], t: Texts
) -> list[Block]:
    """Return versions, seed and hashes."""
    provenance = run.get("provenance") or {}
    entries: list[dict[str, Any]] = [
        {"label": t(f"model_card.provenance.{name}"), "text": str(provenance[name]),
         "is_hash": name == "settings"}
        for name in ("version", "python", "random_state", "settings")
        if provenance.get(name) is not None
    ]  # fmt: skip
    libraries = provenance.get("libraries") or {}
    if libraries:
        text = ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()))
        entries.append({"label": t("model_card.provenance.libraries"), "text": text})
    hashes = dict(sorted((provenance.get("inputs") or {}).items()))
    for point, model in models.items():
        if model.get("data_hash"):
            hashes[t("model_card.provenance.data", point=t.named("point", point))] = model[
                "data_hash"
            ]
    entries += [
        {"label": name, "text": str(value), "is_hash": True} for name, value in hashes.items()
    ]
    return [{"kind": "pairs", "entries": entries}] if entries else []
