"""How models were tested in time: the picture of the splits, and each earlier cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskmodel.models.specs import LEARNT_INTERPRETABLE
from riskmodel.report.figures import draw_splits
from riskmodel.report.formatting import format_number
from riskmodel.report.language import Texts
from riskmodel.report.table_cells import describe_missing, describe_value, make_table

Block = dict[str, Any]

_MEASURES = ("auc", "calibration_slope")
_SETTINGS = ("n_terms", "max_points", "card", "l1_ratios", "n_knots", "n_pairs")


def period_blocks(
    evaluation: Mapping[str, Any], training: Mapping[str, Mapping[str, Any]], t: Texts
) -> list[Block]:
    """Return which cohorts models were trained and tested on, and how earlier ones went.

    Parameters
    ----------
    evaluation : mapping
        `EvaluationResult.to_dict()`; its points perhaps with `periods`.
    training : mapping of str to mapping
        By prediction point `chosen`, `trained_on`, `tested_on` and `periods`; each may be
        missing.
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        A figure and a table for each point, or nothing where no cohorts are known.
    """
    blocks: list[Block] = []
    screened = list((evaluation.get("screened") or {}).get("cohorts") or [])
    for point, entry in evaluation["points"].items():
        trained = training.get(point) or {}
        if not trained.get("trained_on") or trained["trained_on"] == trained.get("tested_on"):
            continue
        name = t.named("point", point)
        blocks.append({"kind": "figures", "figures": [_draw(point, name, trained, screened, t)]})
        periods = entry.get("periods") or []
        if periods:
            blocks.append(_tabulate(point, name, periods, str(trained.get("chosen")), t))
        blocks += _tabulate_variants(point, name, trained.get("variants") or [], t)
    return [{"kind": "text", "text": t("model_card.periods.reading")}, *blocks] if blocks else []


def _draw(
    point: str, name: str, trained: Mapping[str, Any], screened: Sequence[str], t: Texts
) -> Block:
    """Return the picture of one point's splits."""
    lines: list[tuple[str, dict[str, str]]] = [
        (str(period["test"]), dict.fromkeys(period["train"], "train") | {period["test"]: "test"})
        for period in trained.get("periods") or []
    ]
    final = dict.fromkeys(trained["trained_on"], "train")
    final |= dict.fromkeys(trained["tested_on"], "test")
    lines.append((t("model_card.periods.final"), final))
    columns = sorted({cohort for _, sides in lines for cohort in sides})
    said = " ".join(
        t(
            "model_card.periods.line",
            name=label,
            train=_join([column for column in columns if sides.get(column) == "train"]),
            test=_join([column for column in columns if sides.get(column) == "test"]),
        )
        for label, sides in lines
    )
    title = t("model_card.periods.figure", point=name)
    svg = draw_splits(
        lines, columns, figure_id=f"periods-{point}-chart", title=title, description=said,
        language=t.language, marked=screened,
    )  # fmt: skip
    starred = t("model_card.periods.marked") if set(screened) & set(columns) else ""
    return {
        "id": f"periods-{point}",
        "title": title,
        "explanation": f"{t('model_card.periods.explanation')} {starred}".strip(),
        "svg": svg,
        "caption": said,
    }


def _join(cohorts: list[str]) -> str:
    """Return cohorts in words, many of them by the first and the last one."""
    return ", ".join(cohorts) if len(cohorts) < 3 else f"{cohorts[0]}\u2013{cohorts[-1]}"


def _tabulate(
    point: str, name: str, periods: list[Mapping[str, Any]], chosen: str, t: Texts
) -> Block:
    """Return the measures of the model in use, and every candidate's regret, by cohort."""
    rivals = [one for one in LEARNT_INTERPRETABLE if one in (periods[0].get("regret") or {})]
    rows = [
        {
            "label": str(period["test"]),
            "cells": [
                *(
                    describe_value((period["models"].get(chosen) or {}).get(measure), t, digits=3)
                    for measure in _MEASURES
                ),
                *(
                    {"text": format_number(period["regret"][rival], t.language, 4)}
                    if "regret" in period
                    else describe_missing({}, t)
                    for rival in rivals
                ),
            ],
        }
        for period in periods
    ]
    columns = [
        (t("model_card.periods.cohort"), False),
        *((t(f"model_card.measure.{measure}"), True) for measure in _MEASURES),
        *(
            (t("model_card.periods.regret", model=t(f"model.{rival}").lower()), True)
            for rival in rivals
        ),
    ]
    caption = t("model_card.periods.caption", point=name)
    note = t("model_card.periods.note")
    return make_table(f"periods-table-{point}", caption, columns, rows, note=note)


def _tabulate_variants(
    point: str, name: str, variants: Sequence[Mapping[str, Any]], t: Texts
) -> list[Block]:
    """Return which settings were tried on earlier cohorts, and which are used."""
    rows = [
        {
            "label": t(f"model.{entry['family']}"),
            "is_chosen": entry["is_chosen"],
            "cells": [
                {"text": _describe_settings(entry["settings"], t)},
                {"text": format_number(sum(entry["regret"]) / len(entry["regret"]), t.language, 4)}
                if entry["regret"]
                else describe_missing({}, t),
            ],
        }
        for entry in variants
    ]
    if not rows:
        return []
    columns = [
        (t("model_card.variants.family"), False),
        (t("model_card.variants.settings"), False),
        (t("model_card.variants.regret"), True),
    ]
    caption, note = t("model_card.variants.caption", point=name), t("model_card.variants.note")
    return [make_table(f"variants-{point}", caption, columns, rows, note=note)]


def _describe_settings(settings: Mapping[str, Any], t: Texts) -> str:
    """Return a family's settings in words."""
    parts = []
    for key in _SETTINGS:
        value = settings.get(key, [])
        if value == []:
            continue
        numbers = value if isinstance(value, list) else [value]
        shown = "/".join(format_number(one, t.language, 0 if one == int(one) else 2)
                         for one in numbers)  # fmt: skip
        parts.append(t(f"model_card.variants.{key}", value=shown))
    return ", ".join(parts)
