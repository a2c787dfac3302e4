"""The stages of a run in order: what each reads and makes.

The functions that do the work load when they are called, so that reading a configuration, or
finding that nothing has changed, does not wait for the libraries behind all stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from riskmodel.config.models import RunConfig
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.keys import find_forgotten_file
from riskmodel.pipeline.runner import Stage, StageContext

Inputs = Callable[[RunConfig, RunFolder], Mapping[str, Path]]

_TABLES = (artifacts.FEATURES, artifacts.FEATURE_INFO, artifacts.LABELS)
_TRAINED = (artifacts.TRAINING, artifacts.TRACKING)
"""What a training leaves behind; its MLflow run must get all that follows from it."""
_SHOWN = ("title", "purpose", "legal_basis", "is_simulated", "language")


def _pseudonymise(context: StageContext) -> str:
    """Check the extracts and replace identities, or read a ready table."""
    from riskmodel.pipeline.intake import import_table, pseudonymise

    is_table = context.config.feature_table is not None
    return import_table(context) if is_table else pseudonymise(context)


def _quality(context: StageContext) -> str:
    """Say how good the data are."""
    from riskmodel.pipeline.quality import quality

    return quality(context)


def _cohort(context: StageContext) -> str:
    """Find who is predicted."""
    from riskmodel.pipeline.cohort import cohort

    return cohort(context)


def _features(context: StageContext) -> str:
    """Compute the features."""
    from riskmodel.pipeline.features import features

    return features(context)


def _leakage(context: StageContext) -> str:
    """Test the features for leakage."""
    from riskmodel.pipeline.leakage import leakage

    return leakage(context)


def _train(context: StageContext) -> str:
    """Train the candidates."""
    from riskmodel.pipeline.training import train

    return train(context)


def _evaluate(context: StageContext) -> str:
    """Measure the candidates."""
    from riskmodel.pipeline.assessment import evaluate

    return evaluate(context)


def _audit(context: StageContext) -> str:
    """Audit the chosen model."""
    from riskmodel.pipeline.assessment import audit

    return audit(context)


def _screen(context: StageContext) -> str:
    """Make the list."""
    from riskmodel.pipeline.screening import screen

    return screen(context)


def _report(context: StageContext) -> str:
    """Write the model card and the manifest."""
    from riskmodel.pipeline.reporting import report

    return report(context)


def _artifacts(*names: str) -> Inputs:
    """Return a function that names artifacts as a stage's inputs."""
    return lambda _, folder: {name: folder.path(name) for name in names}


def _find_sources(config: RunConfig, folder: RunFolder) -> Mapping[str, Path]:
    """Return what the first stage reads: the input, who is left out, and earlier lists.

    The lists are among them because persons who are left out are taken out of those too.
    """
    if config.feature_table is not None:
        named = {"feature_table": config.feature_table.path}
    else:
        named = _name_extracts(config)
    return named | {"forgotten": find_forgotten_file(config, folder)} | _name_lists(config)


def _name_extracts(config: RunConfig) -> dict[str, Path]:
    """Return the extracts by names free of paths; pages of a live source have none."""
    delivered = config.ss12000.path if config.ss12000 is not None else None
    pages = {} if delivered is None else {"ss12000": delivered}
    return pages | {
        name if number == 0 else f"{name}_{number}": path
        for name, source in config.sources.items()
        for number, path in enumerate(source.paths)
    }


def _name_lists(config: RunConfig) -> dict[str, Path]:
    """Return the earlier lists by names free of paths."""
    lists = config.cohort.earlier_lists if config.cohort is not None else ()
    return {f"earlier_list_{number}": path for number, path in enumerate(lists, start=1)}


def _has_live_source(config: RunConfig) -> bool:
    """Tell whether extracts come over the network."""
    return config.ss12000 is not None and config.ss12000.url is not None


def _find_cohort_inputs(config: RunConfig, folder: RunFolder) -> Mapping[str, Path]:
    """Return the pseudonymised tables and the earlier lists as inputs."""
    names = (artifacts.PSEUDONYMISED, artifacts.LINKS)
    return {name: folder.path(name) for name in names} | _name_lists(config)


def _find_screen_inputs(config: RunConfig, folder: RunFolder) -> Mapping[str, Path]:
    """Return what the list is made of, with the earlier run that it is compared with."""
    names = (*_TABLES, artifacts.SUBJECTS, artifacts.MODEL, artifacts.TRAINING,
             artifacts.PREDICTIONS)  # fmt: skip
    found = {name: folder.path(name) for name in names}
    if config.feature_table is None:
        found |= {name: folder.path(name) for name in (artifacts.PSEUDONYMISED, artifacts.LINKS)}
    earlier = config.screening.earlier if config.screening is not None else None
    if earlier is not None and earlier.run is not None:
        other = RunFolder(earlier.run)
        found |= {f"earlier_{name}": other.path(name) for name in (*_TABLES, artifacts.MODEL)}
    return found


_FROM_EXTRACTS = (
    Stage(
        "pseudonymise",
        ("sources", "ss12000", "event_tables", "person_attributes", "identities", "pseudonyms"),
        _find_sources,
        (artifacts.PSEUDONYMISED, artifacts.LINKS, artifacts.DATA_REPORT),
        _pseudonymise,
        _has_live_source,
    ),
    Stage(
        "quality",
        (*_SHOWN, "quality", "privacy", "calendar", "cohort", "event_tables"),
        _artifacts(artifacts.PSEUDONYMISED, artifacts.LINKS, artifacts.DATA_REPORT),
        (artifacts.QUALITY, artifacts.QUALITY_PAGE),
        _quality,
    ),
    Stage(
        "cohort",
        ("cohort", "calendar"),
        _find_cohort_inputs,
        (artifacts.LABELS, artifacts.COHORT, artifacts.LEAVING),
        _cohort,
    ),
    Stage(
        "features",
        ("features", "calendar", "event_tables"),
        _artifacts(artifacts.PSEUDONYMISED, artifacts.LINKS, artifacts.LABELS),
        (artifacts.FEATURES, artifacts.FEATURE_INFO),
        _features,
    ),
    Stage(
        "leakage",
        ("leakage", "features", "calendar", "event_tables", "random_state"),
        _artifacts(artifacts.PSEUDONYMISED, artifacts.LINKS, artifacts.LABELS, artifacts.FEATURES),
        (artifacts.LEAKAGE,),
        _leakage,
    ),
)
_FROM_TABLE = (
    Stage(
        "pseudonymise",
        ("feature_table", "identities", "pseudonyms"),
        _find_sources,
        (*_TABLES, artifacts.SUBJECTS),
        _pseudonymise,
    ),
)
_TRAIN = Stage(
    "train",
    ("name", "random_state", "cohort", "cross_fitting", "models", "tracking"),
    _artifacts(*_TABLES, artifacts.LEAVING, artifacts.SUBJECTS, artifacts.LEAKAGE),
    (
        artifacts.MODEL,
        artifacts.PREDICTIONS,
        artifacts.BACKTEST,
        artifacts.LEAVING_RISKS,
        artifacts.TRAINING,
        artifacts.TRACKING,
    ),
    _train,
)
_EVALUATE = Stage(
    "evaluate",
    ("evaluation", "models", "screening", "random_state"),
    _artifacts(
        artifacts.PREDICTIONS,
        artifacts.BACKTEST,
        artifacts.LEAVING_RISKS,
        artifacts.LEAVING,
        artifacts.COHORT,
        *_TRAINED,
        artifacts.SUBJECTS,
        *_TABLES,
    ),
    (artifacts.EVALUATION,),
    _evaluate,
)
_AUDIT = Stage(
    "audit",
    (*_SHOWN, "audit", "screening", "models", "random_state"),
    _artifacts(artifacts.PREDICTIONS, *_TRAINED, artifacts.SUBJECTS, *_TABLES),
    (artifacts.FAIRNESS, artifacts.FAIRNESS_PAGE),
    _audit,
)
_SCREEN = Stage(
    "screen",
    (*_SHOWN, "screening", "evaluation"),
    _find_screen_inputs,
    (
        artifacts.SCREENING,
        artifacts.SCREENING_WORKBOOK,
        artifacts.SCREENING_PAGE,
        artifacts.SCREENING_CHANGES,
        artifacts.SCREENING_VIEWS,
        artifacts.SCREENING_SCORES,
        artifacts.SCREENING_CHECK,
    ),
    _screen,
)
_REPORT = Stage(
    "report",
    tuple(RunConfig.model_fields),
    _artifacts(artifacts.MODEL, artifacts.EVALUATION, artifacts.FAIRNESS, *_TRAINED),
    (artifacts.MODEL_CARD, artifacts.MANIFEST),
    _report,
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
