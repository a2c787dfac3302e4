"""Log a run's parameters, measures, model and reports to an MLflow store or server."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from riskmodel.tracking.specs import TrackingSpec

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SCORER = "riskmodel.tracking.scorer"
_MAX_PARAM_LENGTH = 6000
_MAX_METRICS = 1000
"""The most that MLflow takes in one call."""


@dataclass(frozen=True)
class RunReference:
    """Which MLflow run holds a training run.

    Parameters
    ----------
    run_id : str
        MLflow's identifier of the run.
    uri : str
        The tracking store or server.
    experiment : str
        The experiment's name.
    """

    run_id: str
    uri: str
    experiment: str

    def to_dict(self) -> dict[str, str]:
        """Return the fields as a plain dictionary.

        Returns
        -------
        dict of str to str
            The constructor's arguments.
        """
        return asdict(self)


def resolve_uri(spec: TrackingSpec, run_folder: Path) -> str:
    """Return the tracking URI for a run's folder.

    Parameters
    ----------
    spec : TrackingSpec
        The configured place.
    run_folder : pathlib.Path
        Where the run keeps its artifacts.

    Returns
    -------
    str
        The given URI, or that of an SQLite store in the run's folder.
    """
    if spec.uri is not None:
        return spec.uri
    return f"sqlite:///{(run_folder / 'mlflow.db').resolve().as_posix()}"


def start_training_run(
    spec: TrackingSpec,
    run_folder: Path,
    *,
    run_name: str,
    parameters: Mapping[str, Any],
    models: Mapping[str, Path],
    examples: Mapping[str, pd.DataFrame],
    risks: Mapping[str, Any],
) -> RunReference:
    """Open a run and log the parameters and the models with their signatures.

    Parameters
    ----------
    spec : TrackingSpec
        The configured place.
    run_folder : pathlib.Path
        Where the run keeps its artifacts.
    run_name : str
        What people call the run.
    parameters : mapping of str to object
        Settings; nested mappings are flattened with dots.
    models : mapping of str to pathlib.Path
        Saved models by name.
    examples : mapping of str to pandas.DataFrame
        Frames with each model's features, read for names and types only: no row is logged.
    risks : mapping of str to numpy.ndarray
        Risks for the same frames, read for their type only.

    Returns
    -------
    RunReference
        To log more to the same run later.
    """
    import mlflow
    from mlflow.models import infer_signature

    uri = resolve_uri(spec, run_folder)
    with _quiet_mlflow(uri):
        experiment_id = _find_or_make_experiment(spec, run_folder)
        with mlflow.start_run(experiment_id=experiment_id, run_name=run_name) as run:
            mlflow.log_params(_flatten(parameters))
            for name, folder in sorted(models.items()):
                mlflow.pyfunc.log_model(
                    name=name,
                    loader_module=_SCORER,
                    data_path=str(folder),
                    signature=infer_signature(examples[name], risks[name]),
                    pip_requirements=[f"riskmodel=={version('riskmodel')}"],
                    registered_model_name=spec.model_name,
                )
            return RunReference(run.info.run_id, uri, spec.experiment)


def log_results(
    reference: RunReference,
    *,
    metrics: Mapping[str, float | None] | None = None,
    artifacts: Sequence[Path] = (),
    finished: bool = False,
) -> None:
    """Add measures and files to a run.

    Parameters
    ----------
    reference : RunReference
        The run, as `start_training_run` returned it.
    metrics : mapping of str to float, optional
        Measures by name; undefined ones (None) are left out.
    artifacts : sequence of pathlib.Path
        Files to attach. Lists of pupils, pseudonymous as they are, must not be among them.
    finished : bool, default False
        Whether the run is complete.
    """
    with _quiet_mlflow(reference.uri) as client:
        _log_metrics(client, reference.run_id, metrics or {})
        for path in artifacts:
            client.log_artifact(reference.run_id, str(path))
        if finished:
            client.set_terminated(reference.run_id)


def _log_metrics(client: MlflowClient, run_id: str, metrics: Mapping[str, float | None]) -> None:
    """Log all measures that are defined, many in one call."""
    from mlflow.entities import Metric

    now = time.time_ns() // 1_000_000
    known = [
        Metric(name, value, now, 0)
        for name, value in sorted(metrics.items())
        if value is not None and math.isfinite(value)
    ]
    for start in range(0, len(known), _MAX_METRICS):
        client.log_batch(run_id, metrics=known[start : start + _MAX_METRICS])


def _find_or_make_experiment(spec: TrackingSpec, run_folder: Path) -> str:
    """Return the experiment's identifier; an embedded store keeps its files beside it."""
    import mlflow

    found = mlflow.get_experiment_by_name(spec.experiment)
    if found is not None:
        return str(found.experiment_id)
    location = None if spec.uri else (run_folder / "mlflow-artifacts").resolve().as_uri()
    return str(mlflow.create_experiment(spec.experiment, artifact_location=location))


@contextlib.contextmanager
def _quiet_mlflow(uri: str) -> Iterator[MlflowClient]:
    """Point MLflow at a store for a while, without its notices and without its telemetry."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    import mlflow

    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    before = mlflow.get_tracking_uri()
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        mlflow.set_tracking_uri(uri)
        with warnings.catch_warnings():
            # MLflow asks for an input example, which would be a row about a pupil.
            warnings.filterwarnings("ignore", message=".*input example", category=UserWarning)
            yield mlflow.MlflowClient(tracking_uri=uri)
    finally:
        mlflow.set_tracking_uri(before)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _flatten(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as text by dotted name, cut to the length that MLflow takes."""
    flat: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = str(value)[:_MAX_PARAM_LENGTH]
    return flat
