"""The verbs of the key-holder: names for a list, who asked for them, and forgetting."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from riskmodel.cli.console import print_line
from riskmodel.core.files import read_lines
from riskmodel.errors import UsageError

_Config = Annotated[Path, typer.Option("--config", "-c", help="The run's configuration (YAML).")]
_RegisterOption = Annotated[
    Path | None, typer.Option("--register", help="Persons; default: the run's own extract.")
]
_IdColumnOption = Annotated[str | None, typer.Option(help="The register's column of identifiers.")]


def register(app: typer.Typer, check_app: typer.Typer) -> None:
    """Add the verbs to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    check_app : typer.Typer
        Its group of checks.
    """
    app.command("reidentify")(_reidentify)
    app.command("forget")(_forget)
    app.command("repseudonymise")(_repseudonymise)
    check_app.command("access-log")(_check_access_log)


def _reidentify(
    path: Annotated[Path, typer.Argument(metavar="LIST", help="A list (.parquet or .xlsx).")],
    config: _Config,
    out: Annotated[Path, typer.Option(help="The workbook to make, outside project and run.")],
    who: Annotated[str, typer.Option(help="Who asks; stands in the access log.")],
    purpose: Annotated[str, typer.Option(help="What for; stands in the access log.")],
    log: Annotated[
        Path | None, typer.Option(help="The access log; default: beside the key file.")
    ] = None,
    register_file: _RegisterOption = None,
    id_column: _IdColumnOption = None,
    show: Annotated[
        list[str] | None,
        typer.Option(help="A column of the register to show; default: usual ones for names."),
    ] = None,
) -> None:
    """Put names on a list, for the key-holder; it is logged."""
    from riskmodel.pipeline.reidentify import Disclosure, reidentify
    from riskmodel.pipeline.runs import load_run

    asked = Disclosure(
        path, out, who, purpose, log, register_file, id_column, tuple(show) if show else None
    )
    print_line(reidentify(load_run(config), asked))


def _check_access_log(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The access log.")],
    key_file: Annotated[Path | None, typer.Option(help="Check the seals with this key.")] = None,
    expect: Annotated[
        str | None, typer.Option(help="The hash of an entry that must be there.")
    ] = None,
) -> None:
    """Check that the chain of an access log holds.

    It breaks where an entry was changed, taken out, put in or moved.
    """
    from riskmodel.pipeline.reidentify import check_access_log

    print_line(check_access_log(path, key_file=key_file, expect=expect))


def _forget(
    config: _Config,
    ids: Annotated[
        Path | None,
        typer.Option(help="A file with one identifier on each line; default: asked for."),
    ] = None,
) -> None:
    """Take persons out of all results, and keep them out.

    With a proof of every file that was looked through.
    """
    from riskmodel.pipeline.forgetting import forget
    from riskmodel.pipeline.runs import load_run

    print_line(forget(load_run(config), _read_ids(ids)))


def _read_ids(path: Path | None) -> list[str]:
    """Return identifiers from a file, from standard input, or asked for without being shown.

    Never from the arguments: those stay in the history of the shell.
    """
    if path is None:
        if sys.stdin.isatty():
            return [typer.prompt("Identifier (not shown)", hide_input=True)]
        return sys.stdin.read().splitlines()
    try:
        return read_lines(path)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"`--ids` must be a readable text file, got {type(error).__name__}. Check the path."
        ) from None


def _repseudonymise(
    config: _Config,
    old_key: Annotated[Path, typer.Option(help="The key that the results were made with.")],
    old_domain: Annotated[
        str | None, typer.Option(help="Its domain; default: that of the configuration.")
    ] = None,
    register_file: _RegisterOption = None,
    id_column: _IdColumnOption = None,
    leave_out_unknown: Annotated[
        bool, typer.Option("--leave-out-unknown", help="Take out who is not in the register.")
    ] = False,
) -> None:
    """Change the key: give all results new pseudonyms.

    The new key is the configuration's; decisions and earlier lists follow along.
    """
    from riskmodel.pipeline.rotation import Rotation, repseudonymise
    from riskmodel.pipeline.runs import load_run

    asked = Rotation(old_key, old_domain, register_file, id_column, leave_out_unknown)
    print_line(repseudonymise(load_run(config), asked))
