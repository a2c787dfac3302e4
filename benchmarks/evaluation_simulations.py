"""Try the intervals of the evaluation against a known truth, and write how often they cover.

python -m benchmarks.evaluation_simulations
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from benchmarks.machine import write_machine
from riskmodel.evaluation.measures import measure_model
from riskmodel.evaluation.specs import EvaluationSpec

PAGE = Path(__file__).parent.parent / "docs" / "evaluation_simulations.md"
SPEC = EvaluationSpec(capacity=0.15, minimum_count=1, shares=(0.15,))
MEASURES = {
    "base_rate": "share with the outcome",
    "auc": "AUC",
    "auc_within_school": "AUC within school",
    "average_precision": "average precision",
    "brier": "Brier",
    "log_loss": "log loss",
    "calibration_slope": "slope",
    "precision_at_capacity": "precision",
    "recall_at_capacity": "recall",
    "lift_at_capacity": "lift",
}
N_SCHOOLS = (6, 12, 30, 60, 200)
LEVELS = {"3 %": -4.4, "15 %": -2.2, "50 %": 0.0, "97 %": 4.4}
REPEATS = 400


def draw_pupils(seed: int, n_schools: int, level: float, per_school: int = 60) -> pd.DataFrame:
    """Return pupils whose outcomes share a school's effect that the risk does not know."""
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(n_schools), per_school)
    effect = rng.normal(0, 0.5, n_schools)[school]
    own = rng.normal(size=len(school))
    label = rng.random(len(school)) < expit(level + 1.2 * own + effect)
    return pd.DataFrame(
        {
            "school_unit": [f"school-{number:05d}" for number in school],
            "label": label.astype(float),
            "risk": expit(level + 1.2 * own),
        }
    )


def measure(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the measures with their intervals."""
    return measure_model("november", "logistic", rows, SPEC).metrics


def simulate(n_schools: int, level: float, truth: dict[str, float], repeats: int) -> dict[str, Any]:
    """Return by measure how often the interval covers, of those that were given."""
    covered: dict[str, list[bool]] = {name: [] for name in MEASURES}
    for seed in range(repeats):
        found = measure(draw_pupils(seed + 1, n_schools, level))
        for name, values in covered.items():
            figure = found[name]
            if figure.lower is not None and figure.upper is not None:
                values.append(bool(figure.lower <= truth[name] <= figure.upper))
    return {name: (float(np.mean(v)) if v else None, len(v)) for name, v in covered.items()}


def find_truth(level: float, regions: int = 10) -> dict[str, float]:
    """Return the measures of very many schools, as the mean of several regions of 600 each."""
    found = [measure(draw_pupils(10**6 + seed, 600, level)) for seed in range(regions)]
    return {name: float(np.mean([one[name].value for one in found])) for name in MEASURES}


def main() -> None:
    """Simulate every design and write the page."""
    lines = []
    for label, level in LEVELS.items():
        truth = find_truth(level)
        for n_schools in N_SCHOOLS:
            found = simulate(n_schools, level, truth, REPEATS)
            cells = [
                "–" if share is None or n < REPEATS / 4 else f"{100 * share:.1f}"
                for share, n in found.values()
            ]
            lines.append(f"| {label} | {n_schools} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    heads = " | ".join(MEASURES.values())
    page = f"""# Do the intervals of the evaluation cover?

This page is written by `python -m benchmarks.evaluation_simulations` (`make simulations`). \
Invented pupils, 60 in each school; the outcome has an effect of the school (standard deviation \
.5 in log-odds) that the risk does not know. The truth is the mean of the measure over ten \
regions of 600 schools. \
The nominal coverage is 95 %; of {REPEATS} repeats, 92.9 to 97.1 % are within chance of that.

- Machine: {write_machine()}.
- Day: {datetime.now(UTC).date()}.

How often the 95 % interval holds the truth, in per cent, of the samples in which one is given \
(a dash where fewer than a quarter have one: with few pupils with, or without, the outcome a \
measure is often not defined without one of the schools, and with fewer than 20 ranking and slope \
have none):

| outcome | schools | {heads} |
|---|---|{"---|" * len(MEASURES)}
{chr(10).join(lines)}
"""
    PAGE.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
