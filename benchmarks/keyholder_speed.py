"""Time what the key-holder does with a register of a million, and write it to the documents.

python -m benchmarks.keyholder_speed
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks.machine import write_machine
from riskmodel.config.loader import read_yaml
from riskmodel.config.templates import find_template
from riskmodel.pipeline.forgetting import forget
from riskmodel.pipeline.reidentify import Disclosure, reidentify
from riskmodel.pipeline.rotation import Rotation, repseudonymise
from riskmodel.pipeline.runs import Run, load_run
from riskmodel.privacy.identities import has_check_digit, normalise_identifiers
from riskmodel.privacy.keys import PseudonymKey, create_key, load_key
from riskmodel.privacy.linkage import open_links, seal_links
from riskmodel.privacy.pseudonyms import pseudonymise_ids
from riskmodel.privacy.tombstones import make_tombstones

PAGE = Path(__file__).parent.parent / "docs" / "privacy_performance.md"
N_PERSONS = 1_000_000
N_LISTED = 10_000
_REPEATS = 2
_FIRST_DAY = "1890-01-01"
_DAYS = 3_650
"""Nobody born in these years goes to school: the numbers are nobody's among pupils."""


def make_numbers(n: int) -> pd.Series:
    """Return different numbers of twelve digits with a valid date and check digit."""
    rng = np.random.default_rng(0)
    places = rng.choice(_DAYS * 999, n, replace=False)
    days = pd.date_range(_FIRST_DAY, periods=_DAYS).strftime("%Y%m%d").to_numpy()
    starts = [f"{days[place // 999]}{place % 999 + 1:03d}" for place in places]
    return pd.Series([_complete(start) for start in starts], dtype="str")


def _complete(start: str) -> str:
    """Return eleven digits with the check digit that fits."""
    return next(start + digit for digit in "0123456789" if has_check_digit(start[2:] + digit))


def make_run(root: Path, numbers: pd.Series) -> Run:
    """Write a register with names, a key, a list, and tables that name everyone."""
    persons = root / "extracts" / "persons.csv"
    persons.parent.mkdir()
    names = pd.DataFrame({"person_id": numbers, "Namn": "Elev Elevsson", "Klass": "9A"})
    names.to_csv(persons, sep=";", index=False)
    for name in ("old", "new"):
        create_key(root / "own" / f"{name}.key")
    pseudonyms = pseudonymise_ids(
        numbers, load_key(root / "own" / "old.key", None), domain="riskmodel"
    )
    out = root / "project" / "run"
    out.mkdir(parents=True)
    everyone = pd.DataFrame({"subject_id": pseudonyms, "value": np.arange(len(numbers))})
    everyone.to_parquet(out / "features.parquet", index=False)
    everyone[:N_LISTED].assign(
        school_unit="S1", prediction_date="2025-11-01", rank=1, risk=0.5, reason_1="Frånvaro"
    ).to_parquet(out / "screening.parquet", index=False)
    return configure(root, "old")


def configure(root: Path, key: str) -> Run:
    """Write the configuration with a key."""
    content = read_yaml(find_template("compulsory_school"))
    content["sources"]["persons"] = {"path": str(root / "extracts" / "persons.csv")}
    content |= {
        "out": str(root / "project" / "run"),
        "pseudonyms": {"key_file": str(root / "own" / f"{key}.key")},
    }
    path = root / "project" / "run.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return load_run(path)


def list_steps(root: Path, numbers: pd.Series) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Give what is timed, in an order in which each finds what it needs."""
    key, linkage = (PseudonymKey(secrets.token_bytes(32)) for _ in range(2))
    main = pseudonymise_ids(numbers, key, domain="school")
    own = pseudonymise_ids(numbers, key, domain="health")
    links = seal_links(main, own, linkage, source="health")
    run, listed = make_run(root, numbers), root / "project" / "run" / "screening.parquet"

    def name() -> str:
        out = root / "own" / f"{secrets.token_hex(4)}.xlsx"
        return reidentify(run, Disclosure(listed, out, "Anna", "mätning"))

    def rotate() -> str:
        return repseudonymise(configure(root, "new"), Rotation(root / "own" / "old.key"))

    yield "Normal form of the identifiers", lambda: normalise_identifiers(numbers)
    yield "Pseudonyms", lambda: pseudonymise_ids(numbers, key, domain="school")
    yield "Tombstones compared", lambda: make_tombstones(main, key)
    yield "Links sealed", lambda: seal_links(main, own, linkage, source="health")
    yield "Links opened", lambda: open_links(links, main, linkage, source="health")
    yield f"`riskmodel reidentify`, a list of {N_LISTED:,}", name
    yield "`riskmodel forget`, one person", lambda: forget(run, [numbers.iloc[-1]])
    yield "`riskmodel repseudonymise`, two tables", rotate


def measure(step: Callable[[], Any]) -> tuple[float, float]:
    """Return the median seconds of a few calls, by the clock and of the processor."""
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter(), time.process_time()
        step()
        seconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, processor = np.median(seconds, axis=0)
    return float(clock), float(processor)


def main() -> None:
    """Measure, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        steps = list_steps(Path(folder), make_numbers(N_PERSONS))
        rows = [(name, *measure(step)) for name, step in steps]
    lines = [f"| {name} | {clock:.1f} | {cpu:.1f} |" for name, clock, cpu in rows]
    PAGE.write_text(
        "# Speed of the key-holder's work\n\n"
        f"A register of {N_PERSONS:,} persons with names (CSV), median of {_REPEATS} calls, "
        f"{datetime.now(UTC):%Y-%m-%d}, on {write_machine()}. Loading libraries is not "
        "counted. Where the clock says more than the processor, other programs were running. "
        "Made by `python -m benchmarks.keyholder_speed`.\n\n"
        "| What | Seconds by the clock | Seconds of the processor |\n|---|---|---|\n"
        + "\n".join(lines)
        + "\n",
        encoding="utf-8",
    )
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
