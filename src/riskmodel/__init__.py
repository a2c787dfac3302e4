"""Early-warning risk analytics for schools: features, models, audits and screening lists.

``riskmodel.load_model(path)`` loads a trained model, whose ``screen(table)`` scores pupils.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Screened", "ScreeningModel", "__version__", "load_model"]

_FROM_PYTHON = "riskmodel.pipeline.python_api"


def __getattr__(name: str) -> Any:
    """Load what is called from Python when it is first asked for: it needs heavy libraries."""
    if name in __all__:
        return getattr(import_module(_FROM_PYTHON), name)
    raise AttributeError(f"module 'riskmodel' has no attribute '{name}'")
