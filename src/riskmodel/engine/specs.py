"""Which engine runs the tables, and what it may use of the machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from riskmodel.core.spec import Spec

LOCAL_MASTER = "local[*]"
_SECRET = re.compile(r"secret|passw|token|credential|access\.?key", re.IGNORECASE)

FIXED_SPARK_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.decimalOperations.allowPrecisionLoss": "true",
    "spark.sql.session.timeZone": "UTC",
}
"""Settings of Spark that decide what is computed, and are therefore the same for all."""


class EngineSpec(Spec):
    """Which engine runs the tables, and what it may use of the machine.

    `kind` is ``duckdb``, within this process, or ``spark``, which needs the extra of that name
    and Java. `memory_limit` is DuckDB's, or the heap of each of Spark's processes. `threads`
    None means all processors; on a cluster it is the most cores that are taken.
    `temporary_folder` None means the system's own; an engine spills to it. `master` says where
    Spark runs: within one process of this machine (``local[*]``) or on a cluster
    (``spark://host:7077``). `spark_settings` are any further properties of Spark. `batch_rows` is
    how many pupils are scored at a time, and kept when a run is killed; it changes no result.
    """

    kind: Literal["duckdb", "spark"] = "duckdb"
    memory_limit: str = Field(default="4GB", pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$")
    threads: int | None = Field(default=None, ge=1)
    temporary_folder: Path | None = None
    master: str = Field(
        default=LOCAL_MASTER, pattern=r"^(local(\[(\*|[1-9]\d*)\])?|spark://\S+|k8s://\S+|yarn)$"
    )
    spark_settings: dict[str, str] = Field(default_factory=dict)
    batch_rows: int = Field(default=50_000, ge=1)

    @field_validator("spark_settings")
    @classmethod
    def _check_settings(cls, settings: dict[str, str]) -> dict[str, str]:
        """Refuse what is not Spark's, what would change a number, and what is secret."""
        for name in settings:
            if not name.startswith("spark."):
                raise ValueError("names must start with 'spark.', as in 'spark.executor.memory'")
            if name in FIXED_SPARK_SETTINGS or name == "spark.master":
                raise ValueError(f"'{name}' is set by the library; leave it out")
            if _SECRET.search(name):
                raise ValueError(f"'{name}' is secret; put it into Spark's spark-defaults.conf")
        return settings

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Refuse settings of Spark for another engine."""
        if self.kind != "spark" and (self.master != LOCAL_MASTER or self.spark_settings):
            raise ValueError("`master` and `spark_settings` belong to the kind 'spark'")
        return self

    @property
    def embedded(self) -> EngineSpec:
        """The same limits for DuckDB, which runs what does not need a cluster."""
        return EngineSpec(
            memory_limit=self.memory_limit,
            threads=self.threads,
            temporary_folder=self.temporary_folder,
            batch_rows=self.batch_rows,
        )
