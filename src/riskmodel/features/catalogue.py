"""The catalogues of ready-made features that come with the library."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from riskmodel.core.validation import suggest_name
from riskmodel.errors import ConfigurationError
from riskmodel.features.specs import FeatureSpec

_FILE = Path(__file__).parent / "data" / "catalogue.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the quick one, where it is built


def list_catalogues() -> tuple[str, ...]:
    """Return the names of the catalogues.

    Returns
    -------
    tuple of str
        Sorted.
    """
    return tuple(sorted(_read_file()))


def load_catalogue(name: str = "swedish_school") -> tuple[FeatureSpec, ...]:
    """Return the features of a catalogue.

    Parameters
    ----------
    name : str, default "swedish_school"
        Which catalogue.

    Returns
    -------
    tuple of FeatureSpec
        In the catalogue's order.

    Raises
    ------
    ConfigurationError
        If there is no such catalogue.

    Examples
    --------
    >>> load_catalogue()[0].name
    'absence_share_30d'
    """
    catalogues = _read_file()
    if name not in catalogues:
        raise ConfigurationError(
            f"`catalogue` must be one of {', '.join(sorted(catalogues))}, got '{name}'."
            f"{suggest_name(name, catalogues)}"
        )
    return tuple(FeatureSpec(**entry) for entry in catalogues[name]["features"])


@lru_cache(maxsize=1)
def _read_file() -> dict[str, Any]:
    """Return the content of the catalogue file, by catalogue."""
    content: dict[str, Any] = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=_LOADER)
    return content
