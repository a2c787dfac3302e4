"""What the measurements ran on: the kind of machine and the versions, never its name."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("riskmodel", "duckdb", "ibis-framework", "pandas", "pyarrow")
_PEERS = ("polars", "featuretools", "pandas")


def describe_machine() -> dict[str, Any]:
    """Return the number of processors, their model, the memory and the system."""
    return {
        "cores": os.cpu_count(),
        "processor": _read_field("/proc/cpuinfo", "model name") or platform.machine(),
        "memory_gib": _read_memory_gib(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def write_machine() -> str:
    """Return the machine in words, for a page."""
    machine = describe_machine()
    memory = machine["memory_gib"]
    return (
        f"{machine['cores']} cores ({machine['processor']}), "
        f"{'unknown' if memory is None else f'{memory:.0f} GiB'} of memory, {machine['system']}, "
        f"Python {machine['python']}"
    )


def describe_versions(peers_python: Path | None) -> dict[str, str]:
    """Return the versions of the libraries that are measured."""
    found = {name: _find_version(name) for name in _PACKAGES}
    if peers_python is not None:
        code = (
            "import json; from importlib.metadata import version; "
            f"print(json.dumps({{n: version(n) for n in {_PEERS!r}}}))"
        )
        done = subprocess.run(
            [str(peers_python), "-c", code], capture_output=True, text=True, check=True
        )
        peers = json.loads(done.stdout)
        found |= {"polars": peers["polars"], "featuretools": peers["featuretools"]}
        found["pandas beside featuretools"] = peers["pandas"]
    return found


def _find_version(name: str) -> str:
    """Return the version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _read_field(path: str, name: str) -> str | None:
    """Return the first value of a field in one of Linux's files about itself."""
    if not sys.platform.startswith("linux") or not Path(path).exists():
        return None
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def _read_memory_gib() -> float | None:
    """Return the machine's memory in GiB."""
    text = _read_field("/proc/meminfo", "MemTotal")
    return None if text is None else round(int(text.split()[0]) / 1024**2, 1)
