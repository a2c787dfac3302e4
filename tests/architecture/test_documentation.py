"""Every public object is documented, and every link in the documents leads somewhere."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from numpydoc.validate import validate

import riskmodel
from riskmodel.core.spec import Spec

ROOT = Path(__file__).parents[2]
CHECKS = {"GL08", "SS03", "SS05", "PR01", "PR02", "PR10", "RT01", "YD01"}
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(riskmodel.__path__, prefix="riskmodel.")
)


def public_objects(module_name):
    module = importlib.import_module(module_name)
    for name, member in vars(module).items():
        if name.startswith("_") or getattr(member, "__module__", None) != module_name:
            continue
        if inspect.isfunction(member) or inspect.isclass(member):
            yield f"{module_name}.{name}", member


def public_methods(path, cls):
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", member)
        if not name.startswith("_") and inspect.isfunction(function):
            yield f"{path}.{name}"


@pytest.mark.parametrize("module_name", MODULES)
def test_public_objects_are_documented(module_name):
    is_command = module_name == "riskmodel.cli.app"
    problems = []
    for path, member in public_objects(module_name):
        is_spec = inspect.isclass(member) and issubclass(member, Spec)
        is_error = inspect.isclass(member) and issubclass(member, Exception)
        is_protocol = getattr(member, "_is_protocol", False)
        free = {"PR01", "PR02"} if is_spec or is_error or is_command or is_protocol else set()
        names = [path, *(public_methods(path, member) if inspect.isclass(member) else ())]
        for name in names:
            wanted = CHECKS - (free if name == path else set())
            found = [e for e in validate(name)["errors"] if e[0] in wanted]
            problems += [f"{name}: {code} {text}" for code, text in found]
    assert not problems, "\n".join(problems)


DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    if ".venv" not in path.parts
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    dead = [target for target in local if not (document.parent / target).exists()]
    assert not dead


def test_changelog_tells_of_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {riskmodel.__version__}" in changelog


def test_readme_begins_with_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.index("make demo") < 2_500
    assert readme.index("make test") < 2_500


def test_every_command_is_documented():
    from riskmodel.cli.app import app

    documents = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    commands = [c.name or c.callback.__name__ for c in app.registered_commands]
    assert commands
    missing = [name for name in commands if f"riskmodel {name}" not in documents]
    assert not missing
