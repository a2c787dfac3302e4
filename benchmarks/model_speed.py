"""Time the scorecard, the measures and the whole comparison of families, and write the times.

python -m benchmarks.model_speed
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from benchmarks.machine import write_machine
from riskmodel.evaluation.measures import measure_model
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.models.scorecard import ScorecardClassifier
from riskmodel.models.specs import ModelSpec
from riskmodel.models.training import train_candidates

PAGE = Path(__file__).parent.parent / "docs" / "model_performance.md"
COHORTS = 4


def make_pupils(n: int, n_features: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features, some missing, and rows with school, cohort and outcome."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(2.0, size=(n, n_features)).round(2)
    X[rng.random(X.shape) < 0.05] = np.nan
    filled = np.nan_to_num(X[:, :12], nan=1.0)
    school = rng.integers(0, 300, n)
    signal = (filled > 2) @ np.linspace(0.2, 1.0, 12) + 0.2 * filled[:, 0] - 4.6
    label = rng.random(n) < expit(signal + rng.normal(0, 0.3, 300)[school])
    rows = pd.DataFrame(
        {
            "subject_id": np.arange(n),
            "prediction_date": pd.Timestamp("2024-11-01"),
            "cohort": np.repeat(np.arange(COHORTS), -(-n // COHORTS))[:n],
            "point": "november",
            "school_unit": [f"school-{number:03d}" for number in school],
            "label": label.astype(float),
            "model": "logistic",
            "risk": expit(signal),
        }
    )
    return pd.DataFrame(X, columns=[f"feature_{i}" for i in range(n_features)]), rows


def fit_scorecard() -> None:
    """Fit a card of ten lines on 50,000 pupils with 100 features."""
    X, rows = make_pupils(50_000, 100)
    ScorecardClassifier(n_terms=10).fit(X.to_numpy(), rows["label"].to_numpy())


def measure_all() -> None:
    """Compute every measure with its interval for 250,000 pupils in 300 schools."""
    _, rows = make_pupils(250_000, 12)
    measure_model("november", "logistic", rows, EvaluationSpec(capacity=0.15))


def compare_families() -> None:
    """Train every family for each of three origins and for today, and predict the next cohort."""
    X, rows = make_pupils(60_000, 80)
    spec = ModelSpec(candidates=("base_rate", "scorecard", "logistic", "additive", "boosting"))
    for origin in range(1, COHORTS):
        learn = rows["cohort"] < origin
        own = spec if origin == COHORTS - 1 else spec.model_copy(update={"folds": 3})
        trained = train_candidates(
            X[learn], rows.loc[learn, "label"], rows.loc[learn, "school_unit"], own, random_state=0
        )
        for model in trained.models.values():
            model.predict_risk(X[rows["cohort"] == origin])


JOBS: dict[str, tuple[str, Callable[[], Any], str]] = {
    "scorecard": ("Scorecard of 10 lines, 50,000 pupils × 100 features", fit_scorecard, "20 s"),
    "measures": ("All measures with intervals, 250,000 pupils, 300 schools", measure_all, "30 s"),
    "families": (
        "All families, rolling origin, 60,000 pupils × 80 features × 4 cohorts",
        compare_families, "15 min, 6 GiB",
    ),
}  # fmt: skip


def main() -> None:
    """Run the jobs and write the page."""
    lines = []
    for text, job, bar in JOBS.values():
        start = time.perf_counter()
        job()
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        lines.append(f"| {text} | {seconds:,.1f} s | {memory:.1f} GiB | {bar} |")
        print(lines[-1], flush=True)
    page = f"""# How long models and measures take

This page is written by `python -m benchmarks.model_speed` (`make model-speed`), on invented \
pupils. Times hold the making of the data too.

- Machine: {write_machine()}.
- Day: {datetime.now(UTC).date()}.

| what | time | largest memory so far | bar |
|---|---|---|---|
{chr(10).join(lines)}

The comparison of families trains the base rate, the scorecard, the logistic, the additive and \
the boosted model, each with cross-fitting and calibration: for two earlier origins with three \
folds, for today with five. Numerical libraries run on one thread, so that the figures do not \
depend on the number of cores.
"""
    PAGE.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
