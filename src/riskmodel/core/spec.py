"""The base of every declared specification."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen, closed record of what a stage is asked to do.

    Each stage declares its own subclass. The configuration, a layer above, only holds them,
    so that no stage reads a global setting. Unknown keys are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
