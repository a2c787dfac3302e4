"""Run stages in order, skipping what is up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from riskmodel.config.models import RunConfig
from riskmodel.core.files import remove_partial_files
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.progress import Progress
from riskmodel.pipeline.state import fingerprint, forget_stage, is_up_to_date, record_stage


@dataclass(frozen=True)
class StageContext:
    """What a stage is given.

    Parameters
    ----------
    config : RunConfig
        The run's configuration, its paths absolute.
    folder : RunFolder
        Where the run keeps its artifacts.
    project : pathlib.Path
        The folder of the configuration file, where no key may lie.
    progress : Progress
        Who listens.
    made_from : mapping, default {}
        The inputs, settings and code that the stage's outputs follow from, as hashes.
    """

    config: RunConfig
    folder: RunFolder
    project: Path
    progress: Progress
    made_from: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One stage: what it reads, what it makes and the function that does it.

    Parameters
    ----------
    name : str
        The command's name.
    settings : tuple of str
        The top-level settings that its outputs depend on.
    inputs : callable
        Returns the files that it reads, by a name free of paths.
    outputs : tuple of str
        The artifacts that it makes.
    run : callable
        Does it and returns one line on what came of it.
    is_live : callable, optional
        Tells whether it reads what may have changed without leaving a trace here, and so is
        never up to date; None for no.
    """

    name: str
    settings: tuple[str, ...]
    inputs: Callable[[RunConfig, RunFolder], Mapping[str, Path]]
    outputs: tuple[str, ...]
    run: Callable[[StageContext], str]
    is_live: Callable[[RunConfig], bool] | None = None


def run_stages(
    stages: Sequence[Stage],
    config: RunConfig,
    project: Path,
    progress: Progress,
    *,
    force: bool = False,
) -> None:
    """Run some stages in order.

    A stage whose inputs, settings and code are unchanged, and whose outputs are untouched,
    is skipped. A stage that fails leaves what was there before it.

    Parameters
    ----------
    stages : sequence of Stage
        In order.
    config : RunConfig
        The run's configuration, its paths absolute.
    project : pathlib.Path
        The folder of the configuration file.
    progress : Progress
        Who listens.
    force : bool, default False
        Run every stage, even where nothing changed.
    """
    folder = RunFolder(config.out)
    folder.root.mkdir(parents=True, exist_ok=True)
    remove_partial_files(folder.root)
    context = StageContext(config, folder, project, progress)
    for stage in stages:
        progress.start(stage.name)
        made_from = fingerprint(config, stage.settings, stage.inputs(config, folder))
        is_fixed = not (force or (stage.is_live is not None and stage.is_live(config)))
        if is_fixed and is_up_to_date(folder, stage.name, made_from):
            progress.finish("up to date")
            continue
        forget_stage(folder, stage.name)
        note = stage.run(replace(context, made_from=made_from))
        record_stage(folder, stage.name, made_from, stage.outputs)
        progress.finish(note)
