"""What the command line prints: results to standard output, progress and errors beside it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from riskmodel.core.validation import suggest_name
from riskmodel.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from riskmodel.features.specs import FeatureSpec
    from riskmodel.report.catalogue import CatalogueEntry

_STAGE_WIDTH = 12
_ERROR = {"en": "Error", "sv": "Fel"}


def print_line(text: str) -> None:
    """Print a line to standard output.

    Parameters
    ----------
    text : str
        The line.
    """
    sys.stdout.write(text + "\n")


def print_error(text: str, language: str = "en") -> None:
    """Print an error to standard error.

    Parameters
    ----------
    text : str
        What must be, what was got, what to do.
    language : {"en", "sv"}, default "en"
        What it is written in.
    """
    sys.stderr.write(f"{_ERROR[language]}: {text}\n")


def print_headlines(headlines: Mapping[str, str]) -> None:
    """Print what came of a run, one line each.

    Parameters
    ----------
    headlines : mapping of str to str
        What it is, and its value or place.
    """
    width = max((len(name) for name, value in headlines.items() if value), default=0)
    for name, value in headlines.items():
        print_line(f"  {name:<{width}}  {value}" if value else f"\n{name}")


def print_catalogue(specs: Sequence[FeatureSpec], language: str, listing: str) -> None:
    """Print features, by domain or for another program.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.
    language : str
        'sv' or 'en'.
    listing : str
        'text', or a format that holds both languages: 'json', 'csv' or 'markdown'.

    Raises
    ------
    UsageError
        If there is no such language or format.
    """
    from riskmodel.report import catalogue

    writers = {
        "json": catalogue.write_json,
        "csv": catalogue.write_csv,
        "markdown": catalogue.write_markdown,
    }
    if listing in writers:
        print_line(writers[listing](specs).rstrip("\n"))
        return
    if listing != "text":
        names = ["text", *writers]
        raise UsageError(
            f"`--format` must be one of {', '.join(names)}, got '{listing}'."
            f"{suggest_name(listing, names)}"
        )
    headings = catalogue.name_columns(language)
    for domain, entries in catalogue.describe_features(specs, language).items():
        print_line(f"\n{domain}")
        for entry in entries:
            _print_entry(entry, headings)


def _print_entry(entry: CatalogueEntry, headings: Sequence[str]) -> None:
    """Print a feature's column, its name with its window, and what is said of it."""
    name, window, *cells = entry.cells
    said = [
        f"{heading.lower()}{'' if heading.endswith('?') else ':'} {cell}"
        for heading, cell in zip(headings[2:], cells, strict=True)
    ]
    print_line(f"  {entry.column}")
    print_line(f"      {name}{f' ({window})' if window else ''}")
    print_line(f"      {'; '.join(said)}")


class ConsoleProgress:
    """Shows on standard error how far a run has come.

    On a terminal it is one bar per stage; in a file or a pipe, one line as each stage ends.
    """

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._task: TaskID | None = None
        self._stage, self._began = "", 0.0

    def __enter__(self) -> Self:
        """Start showing."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        console = Console(stderr=True)
        if console.is_terminal:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.fields[stage]}", table_column=Column(min_width=_STAGE_WIDTH)),
                BarColumn(bar_width=16),
                TimeElapsedColumn(),
                TextColumn("{task.fields[note]}", table_column=Column(ratio=1, overflow="fold")),
                console=console,
                expand=True,
            )
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop showing, whatever happened."""
        if self._bars is not None:
            self._bars.stop()

    def start(self, stage: str) -> None:
        """Show a new bar.

        Parameters
        ----------
        stage : str
            The stage's name.
        """
        self._stage, self._began = stage, time.monotonic()
        if self._bars is not None:
            self._task = self._bars.add_task("", total=1.0, stage=stage, note="")

    def advance(self, share: float) -> None:
        """Move the current bar.

        Parameters
        ----------
        share : float
            In [0, 1].
        """
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=share)

    def finish(self, note: str) -> None:
        """Fill the current bar and show what came of the stage.

        Parameters
        ----------
        note : str
            Counts and names only.
        """
        if self._bars is None:
            seconds = timedelta(seconds=round(time.monotonic() - self._began))
            sys.stderr.write(f"  {self._stage:<{_STAGE_WIDTH}}  {seconds}  {note}\n")
            sys.stderr.flush()
        elif self._task is not None:
            self._bars.update(self._task, completed=1.0, note=note)
