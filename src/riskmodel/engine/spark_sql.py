"""What Ibis leaves out when it writes Spark's SQL, though Spark has it."""

from __future__ import annotations

from typing import Any

import ibis.expr.operations as ops
from ibis.backends.sql.compilers.pyspark import PySparkCompiler


class _SparkCompiler(PySparkCompiler):  # type: ignore[misc]
    """Ibis' compiler for Spark, with the aggregates over bits."""

    __slots__ = ()

    SIMPLE_OPS = {ops.BitAnd: "bit_and", ops.BitOr: "bit_or", ops.BitXor: "bit_xor"}  # noqa: RUF012


def make_compiler() -> Any:
    """Return the compiler from Ibis' expressions to Spark's SQL.

    Returns
    -------
    ibis.backends.sql.compilers.base.SQLGlotCompiler
        To be put in the place of the backend's own.
    """
    return _SparkCompiler()
