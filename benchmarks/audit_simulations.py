"""Simulate audits against a known truth, and write what came of it to the documents.

python -m benchmarks.audit_simulations                    # 1,000 samples of each design
python -m benchmarks.audit_simulations --samples 100      # a quick look
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.designs import make_pupils
from benchmarks.machine import describe_machine
from riskmodel.fairness.audit import audit
from riskmodel.fairness.calibration import check_calibration
from riskmodel.fairness.comparisons import compare_groups
from riskmodel.fairness.gaps import measure_spread
from riskmodel.fairness.intervals import rate_intervals
from riskmodel.fairness.small_groups import shrink_rates

Array = npt.NDArray[np.float64]

PAGE = Path(__file__).parent.parent / "docs" / "audit_simulations.md"
RATE = 0.3
DESIGNS: tuple[tuple[int, int, float, float, int], ...] = (
    (12, 4, 0.1, 1.0, 2000),
    (20, 4, 0.1, 3.0, 2000),
    (20, 12, 0.05, 1.0, 2000),
    (60, 12, 0.1, 3.0, 2000),
    (60, 12, 0.1, 1.0, 400),
    (200, 4, 0.1, 3.0, 2000),
    (200, 12, 0.05, 1.0, 4000),
)
"""Schools, groups, intraclass correlation, segregation and pupils."""


def tabulate(frame: pd.DataFrame) -> tuple[Array, Array]:
    """Return outcomes and pupils by group and school."""
    groups = pd.factorize(frame["group"], sort=True)[0]
    shape = (int(groups.max()) + 1, int(frame["school"].max()) + 1)
    successes, trials = np.zeros(shape), np.zeros(shape)
    np.add.at(trials, (groups, frame["school"]), 1)
    np.add.at(successes, (groups, frame["school"]), frame["label"])
    return successes, trials


def try_design(design: tuple[int, int, float, float, int], seed: int, extra: float = 0.0
               ) -> dict[str, float]:  # fmt: skip
    """Test one sample in every way, and return what was flagged and covered."""
    n_schools, n_groups, intraclass, segregation, n_pupils = design
    frame = make_pupils(
        seed, n_schools=n_schools, n_groups=n_groups, intraclass=intraclass,
        segregation=segregation, n_pupils=n_pupils, rate=RATE, extra=extra,
    )  # fmt: skip
    k, n = tabulate(frame)
    found: dict[str, float] = {}
    for name, clustered in (("flag", True), ("flag_iid", False)):
        counts = (k, n) if clustered else tuple(x.sum(axis=1, keepdims=True) for x in (k, n))
        result = compare_groups(
            {"rate": counts}, np.eye(len(k)), is_clustered=clustered, minimum_count=10,
            level=0.95, n_resamples=199, generator=np.random.default_rng(seed),
        )["rate"]  # fmt: skip
        first = result.p_value[0] <= 0.05
        found[name] = float(np.nanmin(np.append(result.p_value, 1)) <= 0.05)
        found[f"{name}_first"] = float(first)
    several = n.sum(axis=1) > 0
    spread = measure_spread(
        k[several], n[several], is_clustered=True, n_resamples=199,
        generator=np.random.default_rng(seed),
    )  # fmt: skip
    found |= {"spread": float(spread.p_value <= 0.05), "difference": spread.difference,
              "between": spread.between}  # fmt: skip
    tested = (n > 0).sum(axis=1) >= 6
    calibration = check_calibration(
        k - RATE * n, n, n.sum(axis=1) * RATE * (1 - RATE), tested, level=0.95, n_resamples=199,
        generator=np.random.default_rng(seed),
    )  # fmt: skip
    found["calibration"] = float(np.nanmin(np.append(calibration.p_value, 1)) <= 0.05)
    whole = rate_intervals(k.sum(axis=0)[None], n.sum(axis=0)[None], 0.95, is_clustered=True)
    found["covered"] = float(whole.lower[0] <= RATE <= whole.upper[0])
    return found


def try_coverage(n_schools: int, seed: int) -> dict[str, float]:
    """Return whether the interval of one rate of few pupils per school covers."""
    frame = make_pupils(seed, n_schools=n_schools, n_groups=1, n_pupils=9 * n_schools, rate=RATE)
    k, n = tabulate(frame)
    found = rate_intervals(k, n, 0.95, is_clustered=True)
    return {"covered": float(found.lower[0] <= RATE <= found.upper[0])}


def try_shrinkage(seed: int) -> dict[str, float]:
    """Return the errors of raw and shrunken rates of small groups, and coverage."""
    rng = np.random.default_rng(seed)
    sizes: Array = np.round(np.exp(rng.uniform(np.log(3), np.log(1000), 36))).astype(float)
    truth = rng.beta(6, 24, 36)
    k = rng.binomial(sizes.astype(int), truth).astype(float)
    found = shrink_rates(k, sizes)
    small = sizes < 20
    return {
        "raw": float(np.mean((k / sizes - truth)[small] ** 2)) if small.any() else np.nan,
        "shrunken": float(np.mean((found.value - truth)[small] ** 2)) if small.any() else np.nan,
        "covered": float(np.mean((found.lower <= truth) & (truth <= found.upper))),
        "width": float(np.mean(found.upper - found.lower)),
    }


def try_subgroups(seed: int, *, planted: bool) -> dict[str, float]:
    """Return whether an audit confirms a subgroup, planted or not."""
    rng = np.random.default_rng(seed)
    size = 4000
    frame = make_pupils(seed, n_pupils=size, n_schools=60, n_groups=3, intraclass=0.05, rate=0.4)
    sex, score = rng.choice(["Man", "Kvinna"], size), rng.normal(size=size)
    unlucky = planted & (sex == "Kvinna") & (score > 0.43)
    listed = rng.random(size) < np.where(frame["label"] == 1, np.where(unlucky, 0.3, 0.6), 0.2)
    result = audit(
        frame["label"], np.where(listed, 0.8, 0.1),
        sensitive_features=pd.DataFrame({"group": frame["group"], "sex": sex}),
        cluster=frame["school"], covariates=pd.DataFrame({"score": score}),
        threshold=0.5, n_resamples=199,
    )  # fmt: skip
    part = result.to_dict()["subgroups"]
    names = ("miss_rate", "false_positive_rate")
    return {"confirmed": float(any(part[name]["confirmed"] for name in names))}


def run(function: Callable[[int], dict[str, float]], samples: int, pool: ProcessPoolExecutor
        ) -> pd.DataFrame:  # fmt: skip
    """Return one row per sample."""
    return pd.DataFrame(pool.map(function, range(samples), chunksize=20))


def write_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown."""
    return ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings),
            *("| " + " | ".join(row) + " |" for row in rows), ""]  # fmt: skip


def percent(value: float) -> str:
    """Return a share with one decimal."""
    return f"{value:.1%}"


def simulate(samples: int) -> str:
    """Run all simulations and return the page."""
    lines = [_INTRODUCTION]
    with ProcessPoolExecutor() as pool:
        rows, powers = [], []
        for design in DESIGNS:
            equal = run(partial(try_design, design), samples, pool)
            gap = run(partial(try_design, design, extra=0.15), samples // 4, pool)
            label = [str(part) for part in (design[0], design[1], design[4])]
            label += [f"{design[2]:.2f}", f"{design[3]:.0f}"]
            means = equal.mean()
            names = ("flag", "flag_iid", "spread", "calibration")
            rows.append([*label, *(percent(means[name]) for name in names)])
            powers.append([
                *label, percent(gap["flag_first"].mean()), f"{means['difference']:.3f}",
                f"{means['between']:.3f}", percent(means["covered"]),
            ])  # fmt: skip
        design_names = ["schools", "groups", "pupils", "ICC", "segregation"]
        lines += ["## At least one false flag, groups equal by construction", ""]
        lines += write_rows(
            [*design_names, "group flags", "as if independent", "spread", "calibration"], rows
        )
        lines += ["## Power, gaps and coverage", ""]
        lines += write_rows(
            [*design_names, "power, 15 points", "mean max − min, equal", "corrected SD, equal",
             "coverage of the overall rate"], powers,
        )  # fmt: skip
        lines += ["## Coverage of a rate's interval, 9 pupils per school, ICC 0.1", ""]
        found = {
            count: run(partial(try_coverage, count), samples, pool) for count in (6, 12, 20, 60)
        }
        lines += write_rows(["schools", "coverage"], [
            [str(count), percent(frame["covered"].mean())] for count, frame in found.items()
        ])  # fmt: skip
        lines += ["## Shrinkage, 36 groups of 3 to 1,000 pupils", ""]
        means = run(try_shrinkage, samples, pool).mean()
        errors = [f"{np.sqrt(means[name]):.3f}" for name in ("raw", "shrunken")]
        lines += write_rows(
            ["RMSE raw, n < 20", "RMSE shrunken, n < 20", "coverage, all", "mean width, all"],
            [[*errors, percent(means["covered"]), f"{means['width']:.3f}"]],
        )
        lines += [
            "## Hidden subgroups, found on half of 60 schools, confirmed on the other",
            "",
        ]
        few = max(samples // 4, 20)
        lines += write_rows(
            ["planted", "something confirmed"],
            [[text, percent(run(partial(try_subgroups, planted=planted), few, pool)
                            ["confirmed"].mean())]
             for text, planted in (("no", False), ("30 points more misses in a sixth", True))],
        )  # fmt: skip
    machine = describe_machine()
    lines.append(
        f"{datetime.now(UTC).date().isoformat()}, `python -m benchmarks.audit_simulations "
        f"--samples {samples}` ({samples} samples of each design, a quarter of that for power and "
        f"subgroups, 199 resamples each); {machine['cores']} × {machine['processor']}, Python "
        f"{machine['python']}."
    )
    return "\n".join(lines) + "\n"


_INTRODUCTION = """\
<!-- Written by benchmarks/audit_simulations.py; `make simulations` makes it anew. -->
# Håller granskningens flaggor? · Do the audit's flags hold?

Här prövas granskningens metoder på påhittade elever där sanningen är känd. Grupperna är lika,
men skolorna skiljer sig, och grupperna går i olika skolor. En metod som bortser från skolorna
ser då skillnader som inte finns. Gränsen för minst en falsk flagga är 7 %.

The audit's methods on invented pupils whose truth is known. Groups are alike, but schools
differ and groups attend different schools. A method that passes over schools then sees
differences that are not there. The bar for at least one false flag is 7 %. *Segregation* is
that of a Dirichlet distribution over each school's mix of groups (its concentration is one by
this); *ICC* is the intraclass correlation of outcomes within schools; the true rate is 0.3.
"""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=PAGE)
    chosen = parser.parse_args()
    chosen.output.write_text(simulate(chosen.samples), encoding="utf-8")


if __name__ == "__main__":
    main()
