"""The configurations to start from: the files of `configs/`, shipped with the package."""

from __future__ import annotations

from pathlib import Path

from riskmodel.core.files import write_text
from riskmodel.core.validation import suggest_name
from riskmodel.errors import UsageError

_PACKAGE = Path(__file__).resolve().parents[1]


def templates_folder() -> Path:
    """Return where the templates are: in the installed package, or in the checkout.

    Returns
    -------
    pathlib.Path
        A folder.
    """
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "configs"


def list_templates() -> list[str]:
    """Return the names of the templates.

    Returns
    -------
    list of str
        In alphabetical order.
    """
    return sorted(path.stem for path in templates_folder().glob("*.yaml"))


def find_template(name: str) -> Path:
    """Return the file of a template.

    Parameters
    ----------
    name : str
        One of `list_templates`.

    Returns
    -------
    pathlib.Path
        A YAML file.

    Raises
    ------
    UsageError
        If there is no such template.
    """
    names = list_templates()
    if name not in names:
        raise UsageError(
            f"`template` must be one of {', '.join(names)}, got '{name}'."
            f"{suggest_name(name, names)} List them: riskmodel init --list"
        )
    return templates_folder() / f"{name}.yaml"


def copy_template(name: str, target: Path) -> None:
    """Copy a template to a new file.

    Parameters
    ----------
    name : str
        One of `list_templates`.
    target : pathlib.Path
        The file to make.

    Raises
    ------
    UsageError
        If there is no such template, or if the file is there already: nothing is overwritten.
    """
    template = find_template(name)
    if target.exists():
        raise UsageError(
            f"`out` must be a new file, got the existing {target.name}. Choose another."
        )
    write_text(target, template.read_text(encoding="utf-8"))
