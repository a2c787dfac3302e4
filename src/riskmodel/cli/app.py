"""The `riskmodel` command.

Nothing heavy is imported here: each verb loads what it needs when it is called, so that
``riskmodel --help`` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import riskmodel
from riskmodel.cli import keyholder
from riskmodel.cli.console import print_error, print_line
from riskmodel.cli.init import init
from riskmodel.errors import RiskmodelError, UsageError

if TYPE_CHECKING:
    from riskmodel.features.specs import FeatureSpec

app = typer.Typer(
    name="riskmodel",
    help="Find out early which pupils may need support to complete school.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # plain help answers in a third of the time
)
check_app = typer.Typer(help="Check a configuration, its data, or finished artifacts.")
app.add_typer(check_app, name="check", no_args_is_help=True)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The run's configuration file (YAML).")
]
EngineOption = Annotated[
    str | None, typer.Option(help="'duckdb' or 'spark'; default: what the run says.")
]
MasterOption = Annotated[
    str | None, typer.Option(help="For Spark: 'local[*]' or 'spark://host:7077'.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Run even where nothing changed.")]


def _show_version(asked: bool) -> None:
    """Print the version and stop, if asked."""
    if asked:
        print_line(f"riskmodel {riskmodel.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Find out early which pupils may need support to complete school."""
    del version


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder to make.")] = Path("riskmodel-demo"),
    pupils: Annotated[int, typer.Option(min=2_000, help="How many pupils to simulate.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="The seed of everything random.")] = 2026,
) -> None:
    """Simulate a region and run every stage on it.

    Ends by saying where the results are.
    """
    from riskmodel.cli.console import ConsoleProgress, print_headlines
    from riskmodel.pipeline.demo import run_demo

    with ConsoleProgress() as progress:
        headlines = run_demo(out, n_pupils=pupils, random_state=seed, progress=progress)
    print_headlines(headlines)


app.command(help="Write a configuration: a template, or from your extracts.")(init)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The region (YAML); default: the demo's.")
    ] = None,
    pupils: Annotated[int | None, typer.Option(min=100, help="How many pupils.")] = None,
    granularity: Annotated[
        str | None, typer.Option(help="Attendance by 'day' or by 'lesson'.")
    ] = None,
    table_format: Annotated[
        str | None, typer.Option("--format", help="'parquet', 'csv' or 'ss12000'.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed.")] = None,
) -> None:
    """Simulate a region: raw extracts, and the truth apart."""
    from riskmodel.cli.console import ConsoleProgress
    from riskmodel.pipeline.demo import simulate_to_folder

    with ConsoleProgress() as progress:
        note = simulate_to_folder(
            out,
            config,
            {"n_pupils": pupils, "granularity": granularity, "table_format": table_format,
             "random_state": seed},
            progress,
        )  # fmt: skip
    print_line(note)


@app.command()
def keygen(
    path: Annotated[Path, typer.Argument(help="The file to make, outside the project.")],
) -> None:
    """Make a key for the pseudonyms, readable by you alone."""
    from riskmodel.privacy.keys import create_key

    create_key(path)
    print_line(f"Wrote a key to {path}. Keep it apart from the data, and keep a copy in safety.")


@check_app.command("config")
def check_config(config: ConfigOption) -> None:
    """Read a configuration and report every error in it."""
    from riskmodel.pipeline.runs import load_run

    run = load_run(config)
    print_line(f"{config.name} is a valid configuration of the run '{run.config.name}'.")


@check_app.command("data")
def check_data(config: ConfigOption) -> None:
    """Report all that breaks the data contract in extracts."""
    from riskmodel.cli.console import ConsoleProgress
    from riskmodel.pipeline.runs import check_extracts, load_run

    run = load_run(config)
    with ConsoleProgress() as progress:
        report = check_extracts(run, progress)
    print_line(report)


@check_app.command("leakage")
def check_leakage(
    config: ConfigOption,
    everything: Annotated[
        bool, typer.Option("--all", help="Test every prediction, and not a sample of them.")
    ] = False,
) -> None:
    """Show that nothing from the future moves a feature.

    All that was not known at a prediction date is changed, on your own data.
    """
    from riskmodel.cli.console import ConsoleProgress
    from riskmodel.pipeline.runs import check_features, load_run

    run = load_run(config)
    with ConsoleProgress() as progress:
        report = check_features(run, progress, everything=everything)
    print_line(report.to_text())
    report.check()


@check_app.command("identifiers")
def check_identifiers(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to look through.")],
    names: Annotated[
        Path | None,
        typer.Option("--names", help="A file of names from the register, one to a line."),
    ] = None,
) -> None:
    """Look for identifiers of persons in any files.

    Personal numbers, e-mail addresses and telephone numbers, and names with --names.
    """
    from riskmodel.pipeline.identifiers import scan_for_identifiers

    print_line(scan_for_identifiers(paths, names))


def _run_stages(
    config: Path,
    names: list[str] | None,
    *,
    force: bool,
    engine: str | None = None,
    master: str | None = None,
) -> None:
    """Run some stages of a configuration, or all of them."""
    from riskmodel.cli.console import ConsoleProgress, print_headlines
    from riskmodel.pipeline.runs import load_run, run_selected, use_engine

    run = use_engine(load_run(config), engine, master)
    with ConsoleProgress() as progress:
        run_selected(run, names, progress, force=force)
    if names is None:
        from riskmodel.pipeline.headlines import collect_headlines

        print_headlines(collect_headlines(run.config))


@app.command()
def pseudonymise(config: ConfigOption, force: ForceOption = False) -> None:
    """Check the extracts and replace identities by pseudonyms."""
    _run_stages(config, ["pseudonymise"], force=force)


@app.command()
def quality(config: ConfigOption, force: ForceOption = False) -> None:
    """Report on the quality of the data by school.

    And measure how far pupils stand out in them, and which coarsening would hide them.
    """
    _run_stages(config, ["quality"], force=force)


@app.command()
def cohort(config: ConfigOption, force: ForceOption = False) -> None:
    """Say who is predicted, when, and with which outcome."""
    _run_stages(config, ["cohort"], force=force)


@app.command()
def features(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The run.")] = None,
    show: Annotated[
        bool, typer.Option("--list", help="List the features of the run, or the catalogue.")
    ] = False,
    language: Annotated[str, typer.Option(help="'sv' or 'en', for --list.")] = "sv",
    listing: Annotated[
        str, typer.Option("--format", help="For --list: text, json, csv or markdown.")
    ] = "text",
    engine: EngineOption = None,
    master: MasterOption = None,
    force: ForceOption = False,
) -> None:
    """Compute the point-in-time features, or list the catalogue."""
    if show:
        from riskmodel.cli.console import print_catalogue

        print_catalogue(_select_features(config), language, listing)
        return
    if config is None:
        raise UsageError("`--config` must be given, got nothing. Or list the catalogue: --list")
    _run_stages(config, ["features"], force=force, engine=engine, master=master)


def _select_features(config: Path | None) -> tuple[FeatureSpec, ...]:
    """Return the features of a run, or those of the catalogue."""
    if config is not None:
        from riskmodel.pipeline.runs import load_run

        return load_run(config).config.features.select()
    from riskmodel.features.catalogue import load_catalogue

    return load_catalogue("swedish_school")


@app.command()
def train(config: ConfigOption, force: ForceOption = False) -> None:
    """Train and calibrate the candidate models."""
    _run_stages(config, ["train"], force=force)


@app.command()
def evaluate(config: ConfigOption, force: ForceOption = False) -> None:
    """Measure the models on later cohorts, with intervals."""
    _run_stages(config, ["evaluate"], force=force)


@app.command()
def audit(
    config: ConfigOption,
    force: ForceOption = False,
    gate: Annotated[
        bool, typer.Option("--gate", help="Stop (16) where a limit of `audit.gate` is exceeded.")
    ] = False,
) -> None:
    """Audit the chosen model's fairness across groups."""
    _run_stages(config, ["audit"], force=force)
    if gate:
        from riskmodel.pipeline.runs import hold_against_gate, load_run

        verdict = hold_against_gate(load_run(config))
        print_line(verdict.to_text())
        verdict.check()


@app.command()
def screen(
    config: ConfigOption,
    engine: EngineOption = None,
    master: MasterOption = None,
    force: ForceOption = False,
) -> None:
    """Make the list for the school-health team."""
    _run_stages(config, ["screen"], force=force, engine=engine, master=master)


@app.command()
def feedback(
    config: ConfigOption,
    files: Annotated[list[Path], typer.Argument(help="Filled-in lists (.xlsx).")],
) -> None:
    """Read the teams' decisions from filled-in lists."""
    from riskmodel.pipeline.feedback import read_feedback
    from riskmodel.pipeline.runs import load_run

    print_line(read_feedback(load_run(config).config, files))


@app.command()
def report(config: ConfigOption, force: ForceOption = False) -> None:
    """Write the model card and the manifest."""
    _run_stages(config, ["report"], force=force)


@app.command()
def run(config: ConfigOption, force: ForceOption = False) -> None:
    """Run all stages, skipping what is up to date."""
    _run_stages(config, None, force=force)


keyholder.register(app, check_app)


def main() -> None:
    """Run the command line, turning the user's errors into one clear text and an exit code."""
    _use_utf8()
    try:
        app()
    except RiskmodelError as error:
        print_error(str(error), error.language)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print_error("Stopped. What was finished before is kept; nothing is half written.")
        sys.exit(130)


def _use_utf8() -> None:
    """Write UTF-8 whatever the console's code page, as on Windows."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
