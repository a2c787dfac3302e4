"""The demonstration: a simulated region and a whole run on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from riskmodel.config.loader import load_spec, parse_spec, read_yaml
from riskmodel.config.models import RegionConfig
from riskmodel.config.templates import find_template
from riskmodel.core.files import write_text
from riskmodel.pipeline.headlines import collect_headlines
from riskmodel.pipeline.progress import Progress
from riskmodel.pipeline.runs import load_run, run_selected
from riskmodel.simulation.spec import SimulationSpec

_TEMPLATE = "compulsory_school"


def simulate_to_folder(
    out: Path, config: Path | None, settings: Mapping[str, Any], progress: Progress
) -> str:
    """Simulate a region into a folder.

    Parameters
    ----------
    out : pathlib.Path
        The folder to make: `extracts` and, apart, `truth`.
    config : pathlib.Path or None
        A region's configuration; None for the template.
    settings : mapping
        Settings that replace those of the configuration, None for those that do not:
        `random_state`, and the fields of `SimulationSpec`.
    progress : Progress
        Who listens.

    Returns
    -------
    str
        What was written.
    """
    region = load_spec(config or find_template("region"), RegionConfig)
    given = {name: value for name, value in settings.items() if value is not None}
    random_state = given.pop("random_state", region.random_state)
    spec = parse_spec(region.region.model_dump() | given, SimulationSpec, name="simulate")
    from riskmodel.simulation.region import simulate_region

    progress.start("simulate")
    simulate_region(spec, out, random_state=random_state, progress=progress.advance)
    progress.finish(f"{spec.n_pupils:,} pupils")
    return f"Wrote {spec.n_pupils:,} simulated pupils to {out}. Nobody in it exists."


def run_demo(out: Path, *, n_pupils: int, random_state: int, progress: Progress) -> dict[str, str]:
    """Simulate a region and run every stage on it.

    Parameters
    ----------
    out : pathlib.Path
        The folder to make: `region` (extracts and truth), `key`, `config` and `run`.
    n_pupils : int
        How many pupils to simulate, all cohorts together.
    random_state : int
        The seed of everything random, the key of these invented pupils included.
    progress : Progress
        Who listens.

    Returns
    -------
    dict of str to str
        Headline figures, and where the results are.

    Notes
    -----
    The key follows from the seed so that the demonstration gives the same bytes every time.
    Keys for real pupils come from `riskmodel keygen` and follow from nothing.
    """
    out = out.resolve()
    settings = {"n_pupils": n_pupils, "random_state": random_state}
    simulate_to_folder(out / "region", None, settings, progress)
    key = _write_demo_key(out / "key" / "demo.key", random_state)
    config = out / "config" / f"{_TEMPLATE}.yaml"
    write_text(config, _fill_template(out, key, random_state))
    run = load_run(config)
    run_selected(run, None, progress)
    return collect_headlines(run.config)


def _write_demo_key(path: Path, random_state: int) -> Path:
    """Write a key that follows from the seed, fit for invented pupils only."""
    secret = hashlib.sha256(f"riskmodel demonstration {random_state}".encode()).hexdigest()
    write_text(path, secret + "\n")
    path.chmod(0o600)  # on Windows this only clears the read-only mark
    return path


def _fill_template(out: Path, key: Path, random_state: int) -> str:
    """Return the template's configuration with the demonstration's own places in it."""
    settings = read_yaml(find_template(_TEMPLATE))
    for source in settings["sources"].values():
        source["path"] = str(out / "region" / "extracts" / Path(source["path"]).name)
    settings |= {"out": str(out / "run"), "random_state": random_state}
    settings["pseudonyms"] = {"key_file": str(key)}
    return yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
