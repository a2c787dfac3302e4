"""Time the audit, beside fairlearn's bootstrap, and write the times to the documents.

python -m benchmarks.audit_speed
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.machine import describe_machine
from riskmodel.fairness.assembly import make_context
from riskmodel.fairness.audit import audit
from riskmodel.fairness.comparisons import compare_groups
from riskmodel.fairness.context import AuditedRows
from riskmodel.fairness.groups import flag_pupils, make_groupings, renumber
from riskmodel.fairness.intervals import rate_intervals
from riskmodel.fairness.measures import RATES, make_metric_frame
from riskmodel.fairness.scores import describe_scores
from riskmodel.fairness.specs import AuditSpec

PAGE = Path(__file__).parent.parent / "docs" / "audit_performance.md"
N_RESAMPLES = 1000
FAIRLEARN_RESAMPLES = 10


def make_data(n: int) -> dict[str, Any]:
    """Return pupils in 12 groups and 300 schools."""
    rng = np.random.default_rng(0)
    label = (rng.random(n) < 0.2).astype(float)
    return {
        "group": pd.DataFrame({"group": rng.choice([f"g{i}" for i in range(12)], n)}),
        "school": rng.integers(0, 300, n),
        "label": label,
        "risk": np.clip(0.3 * label + 0.7 * rng.random(n), 0, 1),
    }


def find_rates(data: dict[str, Any]) -> Any:
    """Compute all rates with intervals, and the simultaneous comparisons."""
    spec = AuditSpec(sensitive_features=("group",), capacity=0.15, n_resamples=N_RESAMPLES)
    context = make_context(_make_rows(data), spec, 0)
    for rate in RATES.values():
        rate_intervals(*rate.count(context.cells), spec.level, is_clustered=True)
    return compare_groups(
        {name: RATES[name].count(context.by_atom) for name in spec.compared},
        context.lattice.members[1:], is_clustered=True, minimum_count=10, level=spec.level,
        n_resamples=N_RESAMPLES, generator=np.random.default_rng(0),
    )  # fmt: skip


def find_scores(data: dict[str, Any]) -> Any:
    """Compute AUC, Brier score, slope and net benefit by group with intervals."""
    spec = AuditSpec(sensitive_features=("group",), capacity=0.15)
    return describe_scores(make_context(_make_rows(data), spec, 0))


def _make_rows(data: dict[str, Any]) -> AuditedRows:
    """Return the pupils as the audit holds them."""
    return AuditedRows(
        y_true=data["label"],
        risk=data["risk"],
        is_flagged=flag_pupils(data["risk"], capacity=0.15),
        clusters=renumber(data["school"]),
        groupings=make_groupings(data["group"]),
    )


def audit_all(data: dict[str, Any]) -> Any:
    """Run the whole audit, every part of the page included."""
    return audit(
        data["label"], data["risk"], sensitive_features=data["group"], cluster=data["school"],
        capacity=0.15, n_resamples=N_RESAMPLES,
    )  # fmt: skip


def bootstrap_fairlearn(data: dict[str, Any]) -> Any:
    """Compute the same rates with fairlearn's bootstrap."""
    return make_metric_frame(
        data["label"], flag_pupils(data["risk"], capacity=0.15),
        sensitive_features=data["group"], n_boot=FAIRLEARN_RESAMPLES, random_state=0,
    )  # fmt: skip


def measure(function: Callable[[dict[str, Any]], Any], data: dict[str, Any], times: int) -> float:
    """Return the least time of several runs in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        function(data)
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    """Write the page."""
    large, medium, small = (make_data(n) for n in (1_000_000, 100_000, 10_000))
    rates, scores = measure(find_rates, large, 3), measure(find_scores, medium, 3)
    everything = measure(audit_all, large, 2)
    own = measure(find_rates, small, 5)
    plain = measure(lambda data: make_metric_frame(
        data["label"], flag_pupils(data["risk"], capacity=0.15), sensitive_features=data["group"]
    ), small, 3)  # fmt: skip
    per_resample = (measure(bootstrap_fairlearn, small, 1) - plain) / FAIRLEARN_RESAMPLES
    other = plain + per_resample * N_RESAMPLES
    machine = describe_machine()
    rows = [
        ("all rates with intervals and flags, 1,000,000 pupils", f"{rates:.2f} s", "< 5 s",
         rates < 5),
        ("AUC, Brier, slope and net benefit with intervals, 100,000 pupils", f"{scores:.2f} s",
         "< 15 s", scores < 15),
        ("the rates, 10,000 pupils", f"{own * 1000:.0f} ms", "", None),
        (f"fairlearn's bootstrap of the same (from {FAIRLEARN_RESAMPLES} resamples, scaled up)",
         f"{other:.0f} s", "", None),
        ("how much faster", f"{other / own:,.0f} ×", "≥ 1,000 ×", other / own >= 1000),
        ("the whole audit, all parts of the page, 1,000,000 pupils", f"{everything:.1f} s", "",
         None),
    ]  # fmt: skip
    words = {True: "reached", False: "**not reached**", None: ""}
    table = [f"| {what} | {found} | {bar} | {words[ok]} |" for what, found, bar, ok in rows]
    text = [
        "<!-- Written by benchmarks/audit_speed.py; `make audit-speed` makes it anew. -->",
        "# Granskningens tider · The audit's speed", "",
        "Så lång tid tar granskningen för 12 grupper i 300 skolor med "
        f"{N_RESAMPLES:,} omsamplingar. Elever och risker är påhittade.", "",
        f"Times for 12 groups in 300 schools with {N_RESAMPLES:,} resamples; invented pupils.", "",
        "| what | time | bar | |", "|---|---|---|---|", *table, "",
        f"{datetime.now(UTC).date().isoformat()}, `python -m benchmarks.audit_speed`; the least of "
        f"several runs; {machine['cores']} × {machine['processor']}, {machine['system']}, Python "
        f"{machine['python']}.",
    ]  # fmt: skip
    PAGE.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
