"""A run as a whole: its stages in order, and what the command line asks of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from riskmodel.config.loader import load_spec
from riskmodel.config.models import RunConfig
from riskmodel.core.validation import suggest_name
from riskmodel.errors import PrivacyError, UsageError
from riskmodel.pipeline import artifacts, assessment, data, delivery, training
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.progress import Progress
from riskmodel.pipeline.runner import Stage, run_stages
from riskmodel.privacy.scan import find_identifiers

Inputs = Callable[[RunConfig, RunFolder], Mapping[str, Path]]

_TABLES = (artifacts.FEATURES, artifacts.FEATURE_INFO, artifacts.LABELS)
_SHOWN = ("title", "purpose", "legal_basis", "is_simulated", "language")


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
    return Run(load_spec(path, RunConfig), path.resolve().parent)


def _artifacts(*names: str) -> Inputs:
    """Return a function that names artifacts as a stage's inputs."""
    return lambda _, folder: {name: folder.path(name) for name in names}


def _extracts(config: RunConfig, _: RunFolder) -> Mapping[str, Path]:
    """Return the extracts as inputs."""
    return {name: source.path for name, source in config.sources.items()}


def _feature_table(config: RunConfig, _: RunFolder) -> Mapping[str, Path]:
    """Return the ready table of features as an input."""
    assert config.feature_table is not None
    return {"feature_table": config.feature_table.path}


_FROM_EXTRACTS = (
    Stage(
        "pseudonymise",
        ("sources", "event_tables", "person_attributes", "pseudonyms"),
        _extracts,
        (artifacts.PSEUDONYMISED, artifacts.DATA_REPORT),
        data.pseudonymise,
    ),
    Stage(
        "cohort",
        ("cohort", "calendar"),
        _artifacts(artifacts.PSEUDONYMISED),
        (artifacts.LABELS, artifacts.COHORT),
        data.cohort,
    ),
    Stage(
        "features",
        ("features", "calendar", "event_tables"),
        _artifacts(artifacts.PSEUDONYMISED, artifacts.LABELS),
        (artifacts.FEATURES, artifacts.FEATURE_INFO),
        data.features,
    ),
)
_FROM_TABLE = (
    Stage(
        "pseudonymise",
        ("feature_table", "pseudonyms"),
        _feature_table,
        (*_TABLES, artifacts.SUBJECTS),
        data.import_table,
    ),
)
_TRAIN = Stage(
    "train",
    ("name", "random_state", "cohort", "cross_fitting", "models", "tracking"),
    _artifacts(*_TABLES, artifacts.SUBJECTS),
    (artifacts.MODEL, artifacts.PREDICTIONS, artifacts.TRAINING, artifacts.TRACKING),
    training.train,
)
_EVALUATE = Stage(
    "evaluate",
    ("evaluation",),
    _artifacts(artifacts.PREDICTIONS, artifacts.TRAINING),
    (artifacts.EVALUATION,),
    assessment.evaluate,
)
_AUDIT = Stage(
    "audit",
    (*_SHOWN, "audit", "screening", "random_state"),
    _artifacts(artifacts.PREDICTIONS, artifacts.TRAINING, artifacts.SUBJECTS),
    (artifacts.FAIRNESS, artifacts.FAIRNESS_PAGE),
    assessment.audit,
)
_SCREEN = Stage(
    "screen",
    (*_SHOWN, "screening", "evaluation"),
    _artifacts(*_TABLES, artifacts.MODEL, artifacts.TRAINING, artifacts.PREDICTIONS),
    (artifacts.SCREENING, artifacts.SCREENING_WORKBOOK, artifacts.SCREENING_PAGE),
    delivery.screen,
)
_REPORT = Stage(
    "report",
    tuple(RunConfig.model_fields),
    _artifacts(artifacts.MODEL, artifacts.EVALUATION, artifacts.FAIRNESS, artifacts.TRAINING),
    (artifacts.MODEL_CARD, artifacts.MANIFEST),
    delivery.report,
)


def list_stages(config: RunConfig) -> list[Stage]:
    """Return the stages of a run in order.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.

    Returns
    -------
    list of Stage
        From the input to the reports. Without `screening` settings there is no list.
    """
    first = _FROM_EXTRACTS if config.feature_table is None else _FROM_TABLE
    screen = (_SCREEN,) if config.screening is not None else ()
    return [*first, _TRAIN, _EVALUATE, _AUDIT, *screen, _REPORT]


def run_selected(
    run: Run, names: Sequence[str] | None, progress: Progress, *, force: bool = False
) -> None:
    """Run some stages of a run, or all of them followed by the scan for identifiers.

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
        run_stages(_select(stages, names), run.config, run.project, progress, force=force)
        return
    run_stages(stages, run.config, run.project, progress, force=force)
    progress.start("identifiers")
    progress.finish(scan_for_identifiers([run.config.out]))


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


def check_extracts(run: Run) -> str:
    """Check a run's input against the data contract.

    Parameters
    ----------
    run : Run
        The configuration.

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
    return data.check_contract(run.config).to_text()


def scan_for_identifiers(paths: Sequence[Path]) -> str:
    """Look for identifiers in files and folders.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        What to look through.

    Returns
    -------
    str
        That none was found.

    Raises
    ------
    PrivacyError
        Naming the files and the kinds of identifier, never the values.
    """
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise UsageError(
            f"`paths` must exist, got {len(missing)} that do not. Check the names.", missing
        )
    findings = find_identifiers(paths)
    if findings:
        raise PrivacyError(
            f"`artifacts` must hold no identifier, got {len(findings)} finding(s). Do not share "
            "these files; find the column or text that they come from.",
            [f"{finding.file}: {finding.kind}" for finding in findings],
        )
    return "no identifier found"
