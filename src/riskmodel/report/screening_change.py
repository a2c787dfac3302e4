"""What has changed since an earlier list, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from riskmodel.report.formatting import format_date, format_percent
from riskmodel.report.language import Texts
from riskmodel.report.screening_pupils import is_known, shorten_pseudonyms

_CAUSES = ("risk_fell", "others_rose", "not_screened")


def describe_change(summary: Mapping[str, Any], pupils: pd.DataFrame, t: Texts) -> dict[str, Any]:
    """Return what has changed since an earlier list.

    Parameters
    ----------
    summary : mapping
        `ListChange.to_dict()`.
    pupils : pandas.DataFrame
        `ListChange.pupils`.
    t : Texts
        The reader's language.

    Returns
    -------
    dict
        `lines` (sentences), `left` (those who left, with `then`, `now` and `why`) and `moved`
        (for those who are new, what moved their risk, by `subject_id`).
    """
    moment = format_date(summary["earlier_date"], t.language)
    lines = [t("screening.change.since", date=moment)]
    for name in ("share_stayed", "share_new"):
        if summary[name] is not None:
            share = format_percent(summary[name], t.language)
            lines.append(t(f"screening.change.{name}", share=share))
    short = shorten_pseudonyms(pupils["subject_id"].astype(str).to_list())
    start = "moved_domain_"
    names = [str(name) for name in pupils.columns]
    numbers = sorted(int(name.removeprefix(start)) for name in names if name.startswith(start))
    left, moved = [], {}
    for row in pupils.to_dict("records"):
        told = [str(row[f"moved_{n}"]) for n in numbers if is_known(row, f"moved_{n}")]
        if row["is_new"]:
            moved[str(row["subject_id"])] = told
            continue
        then, now = (
            format_percent(float(row[name]), t.language) if is_known(row, name) else ""
            for name in ("earlier_risk", "risk")
        )
        causes = [t(f"screening.cause.{cause}") for cause in _CAUSES if cause == row["cause"]]
        left.append(
            {
                "subject_id": str(row["subject_id"]),
                "short_id": short[str(row["subject_id"])],
                "school_unit": str(row["school_unit"]),
                "then": then,
                "now": now or t("screening.change.not_looked_at"),
                "why": [*causes, *told],
            }
        )
    return {"lines": lines, "left": left, "moved": moved}
