"""Where runs are logged."""

from __future__ import annotations

from pydantic import Field

from riskmodel.core.spec import Spec


class TrackingSpec(Spec):
    """Where runs are logged.

    Without a `uri` they go to an embedded SQLite store in the run's folder; with one, to a
    tracking server or a shared store.
    """

    uri: str | None = None
    experiment: str = Field(default="riskmodel", min_length=1)
    model_name: str | None = None
