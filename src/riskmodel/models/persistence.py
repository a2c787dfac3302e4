"""Saving and loading of models, without running code from a model's files."""

from __future__ import annotations

import io
import json
import math
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

import riskmodel
from riskmodel.core.files import hash_file, read_json, write_atomically, write_json
from riskmodel.errors import UsageError
from riskmodel.models.calibration import Calibrator
from riskmodel.models.risk_model import RiskModel

FORMAT_VERSION = 3
"""The version of the layout of a model's folder."""

_DESCRIPTION = "model.json"
_ESTIMATOR = "estimator.skops"
_LIBRARIES = ("interpret-core", "numpy", "scikit-learn", "skops")
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_TUPLES = ("feature_names", "inputs", "centre", "infos", "notes")

# What a model's file may hold besides the types that skops itself trusts (numbers, arrays and
# public scikit-learn estimators). Each was read: none runs code when it is built.
_TRUSTED_TYPES = (
    "numpy.dtype",
    "riskmodel.models.additive.AdditiveClassifier",
    "riskmodel.models.conditions.Condition",
    "riskmodel.models.logistic.LogisticClassifier",
    "riskmodel.models.logistic.LogisticDesign",
    "riskmodel.models.points.Card",
    "riskmodel.models.rule.RuleClassifier",
    "riskmodel.models.scorecard.ScorecardClassifier",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)


def save_model(model: RiskModel, folder: Path) -> None:
    """Save a model as a folder, atomically; the same model gives the same bytes.

    Parameters
    ----------
    model : RiskModel
        A fitted model.
    folder : pathlib.Path
        The folder to make or replace. It gets ``model.json``, which people can read, and
        ``estimator.skops``.
    """
    with write_atomically(folder) as partial:
        partial.mkdir()
        estimator = partial / _ESTIMATOR
        estimator.write_bytes(_make_canonical(skops.io.dumps(model.estimator)))
        write_json(partial / _DESCRIPTION, _describe(model, hash_file(estimator)))


def _describe(model: RiskModel, estimator_hash: str) -> dict[str, Any]:
    """Return all of a model but its estimator as plain values."""
    means = [None if math.isnan(mean) else mean for mean in model.background_means]
    period = model.training_period
    return {
        "format": FORMAT_VERSION,
        "riskmodel": riskmodel.__version__,
        "libraries": {name: version(name) for name in _LIBRARIES},
        "estimator_sha256": estimator_hash,
        "name": model.name,
        "family": model.family,
        **{name: list(getattr(model, name)) for name in _TUPLES},
        "background_means": means,
        "fill_values": dict(model.fill_values),
        "calibrator": model.calibrator.to_dict(),
        "n_training": model.n_training,
        "base_rate": model.base_rate,
        "point": model.point,
        "training_period": None if period is None else list(period),
        "data_hash": model.data_hash,
    }


def _make_canonical(content: bytes) -> bytes:
    """Rewrite a skops archive without memory addresses and times."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    _renumber(schema, numbers, files)
    renamed = {files[name]: data for name, data in members.items()}
    renamed["schema.json"] = json.dumps(schema, indent=1).encode("utf-8")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(renamed):
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), renamed[name],
                             zipfile.ZIP_DEFLATED)  # fmt: skip
    return target.getvalue()


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    """Replace object addresses, and the file names made of them, by running numbers."""
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers, files)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("__id__"), int):
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
    if isinstance(node.get("file"), str):
        old = node["file"]
        node["file"] = files.setdefault(old, f"{len(files):06d}{Path(old).suffix}")
    for item in node.values():
        _renumber(item, numbers, files)


def load_model(folder: Path) -> RiskModel:
    """Load a model that `save_model` saved.

    Parameters
    ----------
    folder : pathlib.Path
        The model's folder.

    Returns
    -------
    RiskModel
        The model, which gives the same risks as the one that was saved.

    Raises
    ------
    UsageError
        If the folder is no model, its format or its scikit-learn version is another one, a
        file was changed, or it holds a type that a model does not need.
    """
    if not (folder / _DESCRIPTION).is_file() or not (folder / _ESTIMATOR).is_file():
        raise UsageError(
            f"`folder` must hold {_DESCRIPTION} and {_ESTIMATOR}, got neither or one of them in "
            f"'{folder.name}'. Train a model first."
        )
    try:
        description = read_json(folder / _DESCRIPTION)
        _check_description(description, folder)
        estimator = skops.io.load(folder / _ESTIMATOR, trusted=list(_TRUSTED_TYPES))
        return _build(description, estimator)
    except UntrustedTypesFoundException:
        raise UsageError(
            f"`{_ESTIMATOR}` must hold only the types that a model needs, got others in "
            f"'{folder.name}'. Do not use this file; train the model again."
        ) from None
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile):
        raise UsageError(
            f"`{_DESCRIPTION}` must describe a model, got something else in '{folder.name}'. "
            "Train the model again."
        ) from None


def _build(description: dict[str, Any], estimator: Any) -> RiskModel:
    """Put a model together from its description and its estimator."""
    period = description["training_period"]
    return RiskModel(
        name=description["name"],
        family=description["family"],
        estimator=estimator,
        calibrator=Calibrator.from_dict(description["calibrator"]),
        background_means=tuple(
            math.nan if mean is None else float(mean) for mean in description["background_means"]
        ),
        fill_values={str(name): float(value) for name, value in description["fill_values"].items()},
        n_training=int(description["n_training"]),
        base_rate=float(description["base_rate"]),
        point=description["point"],
        training_period=None if period is None else (str(period[0]), str(period[1])),
        data_hash=description["data_hash"],
        **{name: tuple(description[name]) for name in _TUPLES},
    )


def _check_description(description: dict[str, Any], folder: Path) -> None:
    """Raise if the model's files are not what this installation can read."""
    if description["format"] != FORMAT_VERSION:
        raise UsageError(
            f"`format` must be {FORMAT_VERSION} in {_DESCRIPTION}, got another one in "
            f"'{folder.name}'. Train the model again with this version of riskmodel."
        )
    saved = str(description["libraries"]["scikit-learn"])
    installed = version("scikit-learn")
    if saved.split(".")[:2] != installed.split(".")[:2]:
        raise UsageError(
            f"`scikit-learn` must be the version that the model was trained with, {saved}, got "
            f"{installed}. Install that version or train the model again."
        )
    if description["estimator_sha256"] != hash_file(folder / _ESTIMATOR):
        raise UsageError(
            f"`{_ESTIMATOR}` must be the file that was saved, got another content in "
            f"'{folder.name}'. Copy the folder again or train the model again."
        )
