"""What an engine may use of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from riskmodel.core.spec import Spec


class EngineSpec(Spec):
    """Which engine runs the tables, and what it may use of the machine.

    `threads` None means all processors, `temporary_folder` None the system's own. The engine
    spills to the temporary folder when `memory_limit` is reached.
    """

    kind: Literal["duckdb"] = "duckdb"
    memory_limit: str = Field(default="4GB", pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$")
    threads: int | None = Field(default=None, ge=1)
    temporary_folder: Path | None = None
