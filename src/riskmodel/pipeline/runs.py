"""A run as a whole: its stages in order, and what the command line asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from riskmodel.config.feature_checks import find_feature_errors
from riskmodel.config.loader import load_spec, parse_spec
from riskmodel.config.models import RunConfig
from riskmodel.config.profiles import apply_profiles
from riskmodel.core.validation import suggest_name
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import UsageError
from riskmodel.pipeline.artifacts import FAIRNESS, PSEUDONYMISED, RunFolder
from riskmodel.pipeline.identifiers import scan_for_identifiers
from riskmodel.pipeline.progress import Progress
from riskmodel.pipeline.runner import Stage, StageContext, run_stages
from riskmodel.pipeline.stages import list_stages
from riskmodel.pipeline.state import fingerprint, forget_stage, record_stage

if TYPE_CHECKING:
    from riskmodel.fairness.gate import GateVerdict
    from riskmodel.features.leakage_report import LeakageReport


@dataclass(frozen=True)
class Run:
    """A configuration and the folder that it was read from.

    Parameters
    ----------
    config : RunConfig
        Valid, its paths absolute.
    project : pathlib.Path
        The folder of the configuration file.
    """

    config: RunConfig
    project: Path


def load_run(path: Path) -> Run:
    """Read a run's configuration.

    Parameters
    ----------
    path : pathlib.Path
        The YAML file.

    Returns
    -------
    Run
        Ready to go.
    """
    config = load_spec(path, RunConfig, find_feature_errors, apply_profiles)
    return Run(config, path.resolve().parent)


def use_engine(run: Run, kind: str | None, master: str | None) -> Run:
    """Return a run whose features are computed by another engine.

    Parameters
    ----------
    run : Run
        The configuration.
    kind : str or None
        ``"duckdb"`` or ``"spark"``; None for what the configuration says.
    master : str or None
        Where Spark runs; None for what the configuration says.

    Returns
    -------
    Run
        The same run, with the other settings of its engine kept as far as they belong to it.

    Raises
    ------
    ConfigurationError
        If there is no such engine.
    UsageError
        If a master is named for an engine that has none.
    """
    spec = run.config.engine
    if master is not None and (kind or spec.kind) == "duckdb":
        raise UsageError(
            "`--master` must name where Spark runs, got one for 'duckdb'. Add `--engine spark`, or "
            "leave it out."
        )
    if kind is not None and kind != spec.kind:
        spec = spec.embedded
    given = {"kind": kind, "master": master}
    content = spec.model_dump() | {
        name: value for name, value in given.items() if value is not None
    }
    changed = parse_spec(content, EngineSpec, name="engine")
    return Run(run.config.model_copy(update={"engine": changed}), run.project)


def run_selected(
    run: Run, names: Sequence[str] | None, progress: Progress, *, force: bool = False
) -> None:
    """Run some stages of a run, or all of them, and scan what they made for identifiers.

    Parameters
    ----------
    run : Run
        The configuration.
    names : sequence of str or None
        The stages' names; None for all.
    progress : Progress
        Who listens.
    force : bool, default False
        Run even where nothing changed.

    Raises
    ------
    UsageError
        If the configuration has no such stage.
    PrivacyError
        If an artifact holds an identifier.
    """
    stages = list_stages(run.config)
    if names is not None:
        stages = _select(stages, names)
    run_stages(stages, run.config, run.project, progress, force=force)
    made = [run.config.out]
    if names is not None:
        made = [run.config.out / output for stage in stages for output in stage.outputs]
    progress.start("identifiers")
    progress.finish(scan_for_identifiers([path for path in made if path.exists()]))


def _select(stages: Sequence[Stage], names: Sequence[str]) -> list[Stage]:
    """Return the stages of some names."""
    by_name = {stage.name: stage for stage in stages}
    for name in names:
        if name not in by_name:
            raise UsageError(
                f"`{name}` must be a stage of this configuration, which has "
                f"{', '.join(by_name)}.{suggest_name(name, by_name)} Add its settings."
            )
    return [by_name[name] for name in names]


def check_extracts(run: Run, progress: Progress) -> str:
    """Check a run's input against the data contract.

    Parameters
    ----------
    run : Run
        The configuration.
    progress : Progress
        Who listens.

    Returns
    -------
    str
        What was read.
    """
    if run.config.feature_table is not None:
        raise UsageError(
            "`check data` must be given a configuration with `sources`, got a `feature_table`. "
            "A ready table is checked when it is read: riskmodel pseudonymise."
        )
    from riskmodel.pipeline.intake import check_contract

    progress.start("check data")
    report = check_contract(run.config, run.project, progress)
    progress.finish("")
    return report.to_text()


def check_features(run: Run, progress: Progress, *, everything: bool = False) -> LeakageReport:
    """Test a run's features for leakage, after making them where they are not up to date.

    Parameters
    ----------
    run : Run
        The configuration.
    progress : Progress
        Who listens.
    everything : bool, default False
        Test all predictions in place of a sample.

    Returns
    -------
    LeakageReport
        What was found; written to the run's folder too.

    Raises
    ------
    UsageError
        If the run starts from a ready table of features, whose making cannot be tested.
    """
    config = run.config
    if config.feature_table is not None:
        raise UsageError(
            "`check leakage` must be given a configuration with `sources`, got a "
            "`feature_table`. How a ready table was made cannot be tested here."
        )
    from riskmodel.pipeline.facts import describe_leakage
    from riskmodel.pipeline.leakage import run_test

    folder = RunFolder(config.out)
    first = [] if folder.path(PSEUDONYMISED).exists() else ["pseudonymise"]
    run_selected(run, [*first, "cohort", "features"], progress)
    stage = _select(list_stages(config), ["leakage"])[0]
    progress.start(stage.name)
    forget_stage(folder, stage.name)
    spec = config.leakage.model_copy(update={"sample": None}) if everything else config.leakage
    report = run_test(StageContext(config, folder, run.project, progress), spec)
    if not report.leaks:
        made_from = fingerprint(config, stage.settings, stage.inputs(config, folder))
        record_stage(folder, stage.name, made_from, stage.outputs)
    progress.finish(describe_leakage(report.to_dict()))
    return report


def hold_against_gate(run: Run) -> GateVerdict:
    """Hold a run's audit against the limits of its configuration.

    Parameters
    ----------
    run : Run
        The configuration; its audit must be there.

    Returns
    -------
    GateVerdict
        What exceeds a limit, and what could not be said.
    """
    from riskmodel.core.files import read_json
    from riskmodel.fairness.gate import check_gate

    path = RunFolder(run.config.out).require(FAIRNESS, made_by="audit")
    return check_gate(read_json(path), run.config.audit.gate)
