"""What each stage was made from, so that a run repeats only what has changed."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import riskmodel
from riskmodel.config.models import RunConfig
from riskmodel.core.files import hash_file, read_json, write_json
from riskmodel.pipeline.artifacts import DATA_REPORT, RunFolder

_PACKAGE = Path(riskmodel.__file__).parent
_STATE = ".state"
_KEY_FACTS = ("key_id", "domain", "sources", "linkage_key_id")
LIBRARIES = ("duckdb", "fairlearn", "ibis-framework", "interpret-core", "mlflow", "numpy",
             "pandas", "pyarrow", "scikit-learn", "shap")  # fmt: skip
"""The libraries whose versions a manifest names."""


def describe_settings(config: RunConfig, names: Iterable[str]) -> dict[str, Any]:
    """Return some settings as plain values, with file names in place of paths.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.
    names : iterable of str
        Which settings.

    Returns
    -------
    dict
        JSON values that say nothing of the machine.
    """
    return {
        name: _strip_paths(value)
        for name, value in config.model_dump().items()
        if name in set(names)
    }


def _strip_paths(value: Any) -> Any:
    """Replace paths by their last part and make other values fit for JSON."""
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _strip_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strip_paths(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def hash_settings(settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain settings.

    Parameters
    ----------
    settings : mapping
        JSON values.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def hash_all_settings(config: RunConfig) -> str:
    """Return the SHA-256 of all settings that results follow from.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.

    Returns
    -------
    str
        64 hexadecimal digits. Neither the engine nor the folder changes a result.
    """
    names = set(type(config).model_fields) - {"engine", "out"}
    return hash_settings(describe_settings(config, names))


@cache
def hash_code(package: Path) -> str:
    """Return the SHA-256 of a package's own files: code, texts, templates and data.

    Parameters
    ----------
    package : pathlib.Path
        The package's folder.

    Returns
    -------
    str
        64 hexadecimal digits, the same however lines end and whatever Python has compiled.

    Notes
    -----
    Read once a process, in about 20 ms for this package: code that changes while it runs is
    not the code that ran.
    """
    digest = hashlib.sha256()
    files = {path.relative_to(package): path for path in package.rglob("*") if path.is_file()}
    for name in sorted(files, key=PurePath.as_posix):
        if any(part == "__pycache__" or part.startswith(".") for part in name.parts):
            continue
        content = files[name].read_bytes().replace(b"\r\n", b"\n")
        digest.update(name.as_posix().encode("utf-8") + b"\0")
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def fingerprint(
    config: RunConfig, settings: Iterable[str], inputs: Mapping[str, Path]
) -> dict[str, Any]:
    """Return all that a stage's outputs follow from.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.
    settings : iterable of str
        The settings that the stage reads.
    inputs : mapping of str to pathlib.Path
        The files and folders that it reads, by a name that says nothing of the machine.

    Returns
    -------
    dict
        The code's version, the hash of its files, of the settings and of each input.
    """
    return {
        "riskmodel": riskmodel.__version__,
        "code": hash_code(_PACKAGE),
        "settings": hash_settings(describe_settings(config, settings)),
        "inputs": {name: hash_file(path) for name, path in sorted(inputs.items()) if path.exists()},
    }


def is_up_to_date(folder: RunFolder, stage: str, made_from: Mapping[str, Any]) -> bool:
    """Tell whether a stage's outputs are there, untouched, and made from the same.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.
    stage : str
        The stage's name.
    made_from : mapping
        What `fingerprint` returned.

    Returns
    -------
    bool
        True if there is nothing to do.
    """
    record = folder.root / _STATE / f"{stage}.json"
    if not record.exists():
        return False
    state = read_json(record)
    return bool(state["made_from"] == made_from) and all(
        folder.path(name).exists() and hash_file(folder.path(name)) == digest
        for name, digest in state["outputs"].items()
    )


def record_stage(
    folder: RunFolder, stage: str, made_from: Mapping[str, Any], outputs: Iterable[str]
) -> None:
    """Write down what a stage's outputs were made from.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.
    stage : str
        The stage's name.
    made_from : mapping
        What `fingerprint` returned.
    outputs : iterable of str
        The artifacts' names.
    """
    hashes = {
        name: hash_file(folder.path(name)) for name in sorted(outputs) if folder.path(name).exists()
    }
    content = {"made_from": dict(made_from), "outputs": hashes}
    write_json(folder.root / _STATE / f"{stage}.json", content)


def forget_stage(folder: RunFolder, stage: str) -> None:
    """Forget a stage's record, because its outputs are about to change.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.
    stage : str
        The stage's name.
    """
    (folder.root / _STATE / f"{stage}.json").unlink(missing_ok=True)


def build_manifest(config: RunConfig, folder: RunFolder, stages: Iterable[str]) -> dict[str, Any]:
    """Return the provenance of a run: versions, seed, settings, inputs and outputs.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.
    folder : RunFolder
        The run's folder.
    stages : iterable of str
        The stages to tell of, in order.

    Returns
    -------
    dict
        JSON values without times or paths: the same run gives the same manifest. Keys are named
        by their ids.
    """
    report = folder.path(DATA_REPORT)
    keys = read_json(report) if report.exists() else {}
    records = {stage: folder.root / _STATE / f"{stage}.json" for stage in stages}
    return {
        "format": 1,
        "riskmodel": riskmodel.__version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "libraries": {name: version(name) for name in LIBRARIES},
        "random_state": config.random_state,
        "settings_sha256": hash_all_settings(config),
        "pseudonyms": {name: keys[name] for name in _KEY_FACTS if name in keys},
        "stages": {stage: read_json(path) for stage, path in records.items() if path.exists()},
    }
