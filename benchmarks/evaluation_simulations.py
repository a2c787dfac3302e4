"""Try the intervals of the evaluation against a known truth, and write how often they cover.

python -m benchmarks.evaluation_simulations [REPEATS]
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit

from benchmarks.machine import write_machine
from riskmodel.evaluation.brier_parts import measure_brier_parts, measure_calibration_index
from riskmodel.evaluation.calibration import measure_base_rate
from riskmodel.evaluation.estimate import Estimate
from riskmodel.evaluation.intervals import make_interval
from riskmodel.evaluation.measures import measure_model
from riskmodel.evaluation.sample import Sample, make_sample
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.evaluation.utility import measure_worth

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
FIT_MEASURES = {
    "calibration_intercept": "intercept",
    "calibration_index": "calibration index",
    "reliability": "reliability",
    "resolution": "resolution",
    "uncertainty": "uncertainty",
    "precision_per_school": "precision per school",
    "recall_per_school": "recall per school",
    "net_benefit": "net benefit",
}
THRESHOLD = {"3 %": 0.05, "15 %": 0.15, "50 %": 0.5, "97 %": 0.5}
SCHOOL_SPREAD = 0.5
N_SCHOOLS = (6, 12, 30, 60, 200)
LEVELS = {"3 %": -4.4, "15 %": -2.2, "50 %": 0.0, "97 %": 4.4}
REPEATS = 400
TUNING_SEEDS = (1, 400)
"""First and last seed of the samples on which the intervals' limits and widths were chosen."""
FIRST_SEED = 40_000_001
"""Of the samples that are counted: none of them was looked at while anything was chosen."""
QUESTIONS = ("naive", "all_listed")


def draw_pupils(seed: int, n_schools: int, level: float, per_school: int = 60) -> pd.DataFrame:
    """Return pupils whose outcomes share a school's effect that the risk does not know."""
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(n_schools), per_school)
    effect = rng.normal(0, SCHOOL_SPREAD, n_schools)[school]
    own = rng.normal(size=len(school))
    label = rng.random(len(school)) < expit(level + 1.2 * own + effect)
    return pd.DataFrame(
        {
            "school_unit": [f"school-{number:05d}" for number in school],
            "label": label.astype(float),
            "risk": expit(level + 1.2 * own),
        }
    )


def measure(rows: pd.DataFrame, label: str) -> dict[str, Estimate]:
    """Return the measures with their intervals, and the net benefit at the outcome's threshold."""
    sample = make_sample(rows)
    meets = sample.known_risk >= THRESHOLD[label]
    worth = measure_worth(sample, meets, THRESHOLD[label])
    found = measure_model("november", "logistic", rows, SPEC).metrics
    found["net_benefit"] = make_interval(*worth, sample, level=SPEC.level, scale="identity")
    return found


def find_truth(label: str, regions: int = 10) -> dict[str, float]:
    """Return the measures of very many schools, as the mean of several regions of 600 each."""
    found = [
        measure(draw_pupils(10**6 + seed, 600, LEVELS[label]), label) for seed in range(regions)
    ]
    names = [*MEASURES, *FIT_MEASURES]
    means = {name: float(np.mean([one[name].value for one in found])) for name in names}
    return means | find_true_distances(LEVELS[label])


def find_true_distances(level: float, n_pupils: int = 200_000) -> dict[str, float]:
    """Return the distances from the chances themselves: from drawn outcomes they are larger."""
    effects, weights = hermegauss(40)
    own = np.random.default_rng(0).normal(size=n_pupils)
    chance = expit(level + 1.2 * own[:, np.newaxis] + SCHOOL_SPREAD * effects) @ weights
    unit = np.arange(n_pupils) % 2
    risk = expit(level + 1.2 * own)
    sample = Sample(risk, chance / weights.sum(), unit, 2, 2, False)
    reliability, _ = measure_brier_parts(sample)
    index = measure_calibration_index(sample)
    return {"calibration_index": index.value, "reliability": reliability.value}


def is_covered(figure: Estimate, truth: float) -> bool | None:
    """Tell whether an interval holds the truth, None where there is none."""
    if figure.lower is None or figure.upper is None:
        return None
    return bool(figure.lower <= truth <= figure.upper)


def simulate(
    label: str, n_schools: int, truth: dict[str, float], repeats: int
) -> dict[str, list[bool]]:
    """Return by measure whether each interval that was given covers; and two other questions."""
    covered: dict[str, list[bool]] = {name: [] for name in (*truth, *QUESTIONS)}
    for seed in range(FIRST_SEED, FIRST_SEED + repeats):
        rows = draw_pupils(seed, n_schools, LEVELS[label])
        found = measure(rows, label)
        precision = found["precision_at_capacity"].value
        asked: dict[str, bool | None] = {
            name: is_covered(found[name], truth[name]) for name in truth
        }
        asked["all_listed"] = None if precision is None else precision == 1
        apart = make_sample(rows.assign(school_unit="one"))
        value, without = measure_base_rate(apart)
        naive = make_interval(value, without, apart, level=SPEC.level, scale="logit")
        asked["naive"] = is_covered(naive, truth["base_rate"])
        for name, answer in asked.items():
            if answer is not None:
                covered[name].append(answer)
    return covered


def write_share(answers: list[bool], repeats: int) -> str:
    """Return a share in per cent; a dash where few samples gave an answer."""
    return "–" if len(answers) < repeats / 4 else f"{100 * np.mean(answers):.1f}"


def write_table(
    found: dict[tuple[str, int], dict[str, list[bool]]], names: dict[str, str], repeats: int
) -> str:
    """Return a table of coverage, one line for each design."""
    lines = [
        f"| outcome | schools | {' | '.join(names.values())} |",
        f"|---|---|{'---|' * len(names)}",
    ]
    for (label, n_schools), one in found.items():
        cells = [write_share(one[name], repeats) for name in names]
        lines.append(f"| {label} | {n_schools} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(repeats: int) -> None:
    """Simulate every design and write the page."""
    low, high = (95 + sign * 196 * (0.95 * 0.05 / repeats) ** 0.5 for sign in (-1, 1))
    found = {}
    for label in LEVELS:
        truth = find_truth(label)
        for n_schools in N_SCHOOLS:
            found[label, n_schools] = simulate(label, n_schools, truth, repeats)
            print(label, n_schools, flush=True)
    naive = write_share(found["15 %", 60]["naive"], repeats)
    listed = {
        number: write_share(found["97 %", number]["all_listed"], repeats) for number in (6, 30)
    }
    page = f"""# Do the intervals of the evaluation cover?

This page is written by `python -m benchmarks.evaluation_simulations` (`make simulations`). \
Invented pupils, 60 in each school; the outcome has an effect of the school (standard deviation \
.5 in log-odds) that the risk does not know. The truth is the mean of the measure over ten \
regions of 600 schools. \
The nominal coverage is 95 %; of {repeats} repeats, {low:.1f} to {high:.1f} % are within chance \
of that.

The samples that are counted have the seeds {FIRST_SEED} to {FIRST_SEED + repeats - 1}. Which \
measures need 20 or 50 pupils of both kinds for an interval, and how wide those of distances are, \
was chosen on others, with the seeds {TUNING_SEEDS[0]} to {TUNING_SEEDS[1]}.

- Machine: {write_machine()}.
- Day: {datetime.now(UTC).date()}.

How often the 95 % interval holds the truth, in per cent, of the samples in which one is given \
(a dash where fewer than a quarter have one: with few pupils with, or without, the outcome a \
measure is often not defined without one of the schools, and with fewer than 20 ranking and slope \
have none):

{write_table(found, MEASURES, repeats)}

Intervals that take pupils as independent hold the share with the outcome in {naive} % of the \
samples of 60 schools with an outcome of 15 %.

Where nearly everyone has the outcome, precision can hardly be covered in 95 % of the samples by \
any interval: in {listed[6]} % of those of 6 schools, and in {listed[30]} % of those of 30, all \
who are listed have it. The interval of such samples holds the truth in all of them or in none.

How the risks fit, and lists of each school's own. The calibration index and the reliability have \
no interval with fewer than 50 pupils with, or without, the outcome; their truth is measured on \
the chances themselves. Their intervals are on the wide side with few schools, since these say \
little of ten bands at once:

{write_table(found, FIT_MEASURES, repeats)}
"""
    PAGE.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS)
