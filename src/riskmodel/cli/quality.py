"""The verb that says how good the data are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def quality(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The run's configuration file (YAML).")
    ],
    force: Annotated[bool, typer.Option("--force", help="Run even where nothing changed.")] = False,
) -> None:
    """Report what in the data is worth a look, by school, and how far pupils stand out.

    Parameters
    ----------
    config : pathlib.Path
        The run.
    force : bool, default False
        Run even where nothing changed.
    """
    from riskmodel.cli.console import ConsoleProgress
    from riskmodel.pipeline.runs import load_run, run_selected

    with ConsoleProgress() as progress:
        run_selected(load_run(config), ["quality"], progress, force=force)


def register(app: typer.Typer) -> None:
    """Add the verb to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command(help="Report how good the data are, by school, and how far pupils stand out.")(
        quality
    )
