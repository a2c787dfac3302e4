"""The search for identifiers in what a run leaves, and in any other files."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from riskmodel.errors import PrivacyError, UsageError

if TYPE_CHECKING:
    from riskmodel.privacy.names import NameRegister

_TEXTS = (".py", ".yaml", ".j2", ".js", ".css", ".csv", ".json")


def scan_for_identifiers(paths: Sequence[Path], names: Path | None = None) -> str:
    """Look for identifiers in files and folders.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        What to look through.
    names : pathlib.Path, optional
        A file of names from the register, one to a line; without it no name is looked for.

    Returns
    -------
    str
        That none was found.

    Raises
    ------
    UsageError
        If a path does not exist.
    PrivacyError
        Naming the files and the kinds of identifier, never the values.
    """
    from riskmodel.privacy.scan import find_identifiers

    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise UsageError(
            f"`paths` must exist, got {len(missing)} that do not. Check the names.", missing
        )
    findings = find_identifiers(paths, names=None if names is None else _read_register(names))
    if findings:
        raise PrivacyError(
            f"`artifacts` must hold no identifier, got {len(findings)} finding(s). Do not share "
            "these files; find the column or text that they come from.",
            [f"{finding.file}: {finding.kind}" for finding in findings],
        )
    return "no identifier found"


def _read_register(path: Path) -> NameRegister:
    """Read the names of a register, told from the words of this library's own texts."""
    from riskmodel.privacy.names import read_names

    return read_names(path, _own_texts(files("riskmodel")))


def _own_texts(folder: Traversable) -> list[str]:
    """Return all texts that this library may bring into an artifact, its code included."""
    texts = []
    for entry in folder.iterdir():
        if entry.is_dir():
            texts += _own_texts(entry)
        elif entry.name.endswith(_TEXTS):
            texts.append(entry.read_text(encoding="utf-8"))
    return texts
