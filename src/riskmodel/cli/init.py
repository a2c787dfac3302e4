"""The verb `init`: a configuration to start from, a template or a proposal from extracts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskmodel.cli.console import print_line
from riskmodel.errors import UsageError

DEFAULT_TEMPLATE = "compulsory_school"
"""The template where none is named."""

REGION = "region"
"""The template that describes a simulated region, and no run."""


def init(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEMPLATE | FILES...]",
            help="Which template (see --list); after --from, further files and folders.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("riskmodel.yaml"),
    show: Annotated[bool, typer.Option("--list", help="List the templates.")] = False,
    extracts: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Look at extracts (files, folders) and propose their mapping."),
    ] = None,
    template: Annotated[
        str, typer.Option(help="With --from: the template that the rest is taken from.")
    ] = DEFAULT_TEMPLATE,
    profile: Annotated[
        list[str] | None,
        typer.Option(help="With --from: a profile of your own that goes first (YAML)."),
    ] = None,
    language: Annotated[str, typer.Option(help="With --from: 'sv' or 'en'.")] = "sv",
) -> None:
    """Write a configuration to start from: a template, or a proposal from your extracts.

    Parameters
    ----------
    names : list of str, optional
        The template; with `extracts`, further files and folders.
    out : pathlib.Path
        The file to write.
    show : bool
        List the templates instead.
    extracts : list of pathlib.Path, optional
        Files and folders to look at.
    template : str
        With `extracts`, the template that the rest is taken from.
    profile : list of str, optional
        With `extracts`, profiles that go before those that are shipped.
    language : str
        With `extracts`, the language of comments and of what is printed.
    """
    from riskmodel.config.templates import copy_template, list_templates

    if show:
        for name in list_templates():
            print_line(name)
        return
    if extracts:
        from riskmodel.pipeline.proposal import propose_configuration

        paths = [*extracts, *(Path(name) for name in names or ())]
        for line in propose_configuration(
            paths, out, template=template, profiles=profile or (), language=language
        ):
            print_line(line)
        return
    if names and len(names) > 1:
        raise UsageError(
            f"`init` must get one template, got {len(names)}. To look at files, put --from first."
        )
    chosen = names[0] if names else template
    copy_template(chosen, out)
    if chosen == REGION:
        print_line(f"Wrote {out}. Then: riskmodel simulate --config {out} --out FOLDER")
    else:
        print_line(f"Wrote {out}. Name your files in it, then: riskmodel check data --config {out}")
