"""What Ibis leaves out when it writes Spark's SQL, though Spark has it."""

from __future__ import annotations

import ibis.expr.operations as ops
from ibis.backends.sql.compilers.pyspark import PySparkCompiler


class SparkCompiler(PySparkCompiler):  # type: ignore[misc]
    """Ibis' compiler for Spark, with the aggregates over bits."""

    __slots__ = ()

    SIMPLE_OPS = {ops.BitAnd: "bit_and", ops.BitOr: "bit_or", ops.BitXor: "bit_xor"}  # noqa: RUF012
