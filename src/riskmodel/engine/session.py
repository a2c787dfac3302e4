"""Opening an engine: DuckDB in this process, or Spark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from riskmodel.engine.interface import Engine
from riskmodel.engine.specs import EngineSpec

__all__ = ["Engine", "open_engine"]


@contextmanager
def open_engine(spec: EngineSpec | None = None) -> Iterator[Engine]:
    """Open an engine for the length of a block.

    Parameters
    ----------
    spec : EngineSpec, optional
        Which engine, its limits of memory and threads, and where to spill; the defaults where
        None.

    Yields
    ------
    Engine
        The open engine.

    Raises
    ------
    MissingExtraError
        If Spark is asked for, and it or Java is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> with open_engine(EngineSpec(threads=1)) as engine:
    ...     table = engine.register(pd.DataFrame({"minutes": [40, 60]}), "lessons")
    ...     engine.to_pandas(table.aggregate(total=table.minutes.sum()))["total"].tolist()
    [100]
    """
    with _make_engine(spec or EngineSpec()) as engine:
        yield engine


def _make_engine(spec: EngineSpec) -> Engine:
    """Return an open engine; the library behind it is loaded only now."""
    if spec.kind == "spark":
        from riskmodel.engine.spark_engine import SparkEngine

        return SparkEngine(spec)
    from riskmodel.engine.duckdb_engine import DuckDBEngine

    return DuckDBEngine(spec)
