"""The configurations to start from: the files of `configs/`, shipped with the package."""

from __future__ import annotations

import re
from pathlib import Path

from riskmodel.core.files import write_text
from riskmodel.core.validation import suggest_name
from riskmodel.errors import UsageError

_PACKAGE = Path(__file__).resolve().parents[1]
_SIMULATED = {
    " (här finns bara simulerade elever)": "",
    "Saknas för simulerade uppgifter": "Saknas",
}


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


def fill_template(name: str, sources: str, notes: str) -> str:
    """Return a template whose sources are replaced by others, for real extracts.

    Parameters
    ----------
    name : str
        One of `list_templates`; it must have `sources`.
    sources : str
        The block that takes their place, from ``sources:`` on.
    notes : str
        Lines of comment that the text begins with.

    Returns
    -------
    str
        YAML. The run's folder lies beside the file, and nothing says that pupils are simulated.

    Raises
    ------
    UsageError
        If there is no such template, or it describes no run from extracts.
    """
    text = find_template(name).read_text(encoding="utf-8")
    block = re.search(r"^sources:\n(?:[ \t].*\n|#.*\n)*", text, re.MULTILINE)
    if block is None:
        raise UsageError(
            f"`template` must be one with `sources`, got '{name}'. Choose compulsory_school."
        )
    text = text[: block.start()] + sources + text[block.end() :]
    text = re.sub(r"\A(?:#.*\n)+", "", text)
    text = re.sub(r"^is_simulated:.*\n", "", text, flags=re.MULTILINE)
    for simulated, real in _SIMULATED.items():
        text = text.replace(simulated, real)
    text = re.sub(r"^out: .*$", f"out: riskmodel-runs/{name}", text, flags=re.MULTILINE)
    return notes + text
