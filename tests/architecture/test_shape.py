"""The code keeps the shape that makes it readable."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "riskmodel").rglob("*.py"))
HEAVY = ("pandas", "numpy", "sklearn", "mlflow", "shap", "duckdb", "ibis", "interpret", "altair")


def body_lines(function):
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 500
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert not [node.name for node in functions if body_lines(node) > 60]


def test_only_windows_compare_dates_by_name():
    """No module but `core.windows` compares a column or variable that is called a date."""
    offenders = []
    for path in SOURCES:
        if path.name == "windows.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare):
                continue
            ordered = any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops)
            names = [ast.unparse(side) for side in (node.left, *node.comparators)]
            if ordered and any(name.rstrip("'\"])").endswith("_date") for name in names):
                offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not offenders


def test_the_command_line_imports_nothing_heavy():
    code = (
        "import sys; import riskmodel.cli.app; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
