"""The published form of `fairness.json`."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def load_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) that every `fairness.json` fits.

    Returns
    -------
    dict
        Strict: a key that it does not know is an error.

    Examples
    --------
    >>> load_schema()["properties"]["schema_version"]
    {'const': 2}
    """
    source = files("riskmodel.fairness") / "fairness.schema.json"
    schema: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return schema
