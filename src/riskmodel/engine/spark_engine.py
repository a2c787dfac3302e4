"""Spark: the engine for more than one machine, from the same expressions."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from riskmodel.core.private_folders import PrivateFolder
from riskmodel.engine.duckdb_engine import DuckDBEngine
from riskmodel.engine.interface import Engine, check_file
from riskmodel.engine.spark_process import (
    check_installed,
    make_settings,
    start_context,
    stop_process,
)
from riskmodel.engine.spark_sql import make_compiler
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError, DataContractError, UsageError

_RESULT = "result"
_TALKATIVE = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Spark's loggers of errors, which quote the cell that was at fault."""

_OUT_OF_MEMORY = ("OutOfMemoryError", "OUT_OF_MEMORY", "exit code 137", "code 52")
_NO_FILE = ("FILE_NOT_EXIST", "FileNotFoundException", "PATH_NOT_FOUND")
_BAD_VALUE = (
    "CAST_INVALID_INPUT", "CAST_OVERFLOW", "CANNOT_PARSE", "NUMERIC_VALUE_OUT_OF_RANGE",
    "NUMERIC_OUT_OF_SUPPORTED_RANGE", "ARITHMETIC_OVERFLOW", "CONVERT_COLUMN",
    "NumberFormatException", "DateTimeException",
)  # fmt: skip


class SparkEngine(Engine):
    """Spark, in one Java process of this machine or on a cluster.

    Parameters
    ----------
    spec : EngineSpec
        Where Spark runs, limits of memory and cores, and where the driver spills.

    Attributes
    ----------
    connection : ibis.backends.pyspark.Backend
        The Ibis backend that all tables of this engine belong to.

    Notes
    -----
    Registered data pass through this process, as results do; what is read from Parquet files
    does not, so every worker must see the files at the same path. One engine of this kind can
    be open at a time.
    """

    def __init__(self, spec: EngineSpec) -> None:
        check_installed()
        _load_quietly()
        _check_none_is_open()
        self._spec = spec
        self._private = PrivateFolder(spec.temporary_folder)
        self.connection: Any = None
        self._is_open = True
        try:
            self.connection = _connect(start_context(make_settings(spec, self._private.path)))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End Spark's process and remove what was spilled; closing twice is allowed."""
        if self._is_open:
            self._is_open = False
            self.connection = None
            stop_process()
        self._private.close()

    def read_parquet(self, path: Path) -> Any:
        """Return the table in a Parquet file without loading it.

        Parameters
        ----------
        path : pathlib.Path
            The file, which every worker must see at this path.

        Returns
        -------
        ibis.Table
            A lazy view of the file, which must stay in place while the table is used.

        Raises
        ------
        UsageError
            If there is no such file.
        """
        check_file(path)
        with _without_values():
            frame = self.connection._session.read.parquet(path.resolve().as_uri())
        # Files of one name in several folders are several tables.
        place = hashlib.sha256(path.resolve().as_posix().encode("utf-8")).hexdigest()
        return self._name_view(frame, f"{path.stem}_{place[:16]}")

    def register(self, data: Any, name: str) -> Any:
        """Copy data into the engine under a name and return it as a table.

        Parameters
        ----------
        data : pandas.DataFrame, pyarrow.Table or pyarrow.RecordBatchReader
            Rows; a reader is read to its end. A frame's index is dropped. NaN and None become
            null.
        name : str
            What to call the table; a table of that name is replaced.

        Returns
        -------
        ibis.Table
            The table, which lives until the engine is closed.
        """
        if isinstance(data, pd.DataFrame):
            data = pa.Table.from_pandas(data, preserve_index=False)
        if isinstance(data, pa.RecordBatchReader):
            data = data.read_all()
        with _without_values():
            frame = self.connection._session.createDataFrame(_plain_types(data))
        return self._name_view(frame, name)

    def _name_view(self, frame: Any, name: str) -> Any:
        """Give a Spark frame a name that needs no quotes, and return it as a table."""
        view = name if name.isascii() and name.isidentifier() else f"view_{name.encode().hex()}"
        frame.createOrReplaceTempView(view)
        return self.connection.table(view)

    def materialise(self, expr: Any, name: str) -> Any:
        """Compute a table once, to be read several times.

        Parameters
        ----------
        expr : ibis.Table
            The table to compute.
        name : str
            What to call it; a table of that name is replaced.

        Returns
        -------
        ibis.Table
            The rows, which live until the engine is closed.

        Notes
        -----
        The workers keep the rows; those of a worker that is lost are computed again.
        """
        with _without_values():
            self.connection._run_pre_execute_hooks(expr)
            frame = self.connection._session.sql(self.connection.compile(expr)).persist()
        return self._name_view(frame, name)

    def hash_values(self, column: Any) -> Any:
        """Return a whole number that equal values share; others may share it too.

        Parameters
        ----------
        column : ibis column
            Of any type; a missing value has a number of its own.

        Returns
        -------
        ibis integer column
            64 bits.
        """
        return column.hash()

    def shorten_key(self, column: Any) -> Any:
        """Return a column that stands for a text key where rows are grouped or joined by it.

        Parameters
        ----------
        column : ibis string column
            Long, such as pseudonyms are.

        Returns
        -------
        ibis column
            The key itself.
        """
        return column

    def write_parquet(self, expr: Any, path: Path, order_by: Sequence[str] = ()) -> None:
        """Compute a table and write it to a Parquet file, atomically.

        Parameters
        ----------
        expr : ibis.Table
            The table to compute.
        path : pathlib.Path
            The file to make or replace; it is left as it was if anything fails.
        order_by : sequence of str, optional
            Columns to sort by, nulls last. Ties are broken by the remaining columns, so that
            the same rows always give the same bytes.

        Raises
        ------
        UsageError
            If the table has no such column.

        Notes
        -----
        The result comes to this process and is written by DuckDB: it must fit in memory.
        """
        with DuckDBEngine(self._spec.embedded) as embedded:
            table = embedded.register(self._compute(expr), _RESULT)
            embedded.write_parquet(table, path, order_by)

    def to_pandas(self, expr: Any) -> pd.DataFrame:
        """Compute a table and return it as a frame.

        Parameters
        ----------
        expr : ibis.Table
            The table to compute.

        Returns
        -------
        pandas.DataFrame
            The same frame as reading the written Parquet file: dates are `datetime.date`,
            text is `str`, missing numbers are NaN.
        """
        frame: pd.DataFrame = self._compute(expr).to_pandas()
        return frame

    def map_rows(
        self, expr: Any, function: Callable[[pa.Table], pa.Table], schema: pa.Schema
    ) -> pa.Table:
        """Compute a table and return what a function makes of its rows.

        Parameters
        ----------
        expr : ibis.Table
            The table to compute.
        function : callable
            Takes some of the rows and returns a table with the columns of `schema`. What it
            makes of a row must not depend on the rows beside it. It runs on the workers, where
            this library must be installed in the same version, under the path of this process's
            Python or the one that ``PYSPARK_PYTHON`` names.
        schema : pyarrow.Schema
            The columns that it returns.

        Returns
        -------
        pyarrow.Table
            All that it returned, in no certain order.
        """
        from pyspark.sql.pandas.types import from_arrow_schema

        def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            """Give each batch of rows to the function."""
            for batch in batches:
                made = function(pa.Table.from_batches([batch]))
                yield from made.select(schema.names).cast(schema).to_batches()

        with _without_values(), _without_warnings():
            self.connection._run_pre_execute_hooks(expr)
            frame = self.connection._session.sql(self.connection.compile(expr))
            made = frame.mapInArrow(run, from_arrow_schema(schema)).toArrow()
        return made.select(schema.names).cast(schema)

    def _compute(self, expr: Any) -> pa.Table:
        """Return a table's rows, brought to this process."""
        with _without_values():
            self.connection._run_pre_execute_hooks(expr)
            return self.connection._session.sql(self.connection.compile(expr)).toArrow()


def _check_none_is_open() -> None:
    """Raise if this process has a Spark session already: there can be one only."""
    from pyspark import SparkContext

    if SparkContext._active_spark_context is not None:
        raise UsageError(
            "`engine` must be the only Spark session of this process, got one that is open. "
            "Stop it first: spark.stop()."
        )
    stop_process()


def _load_quietly() -> None:
    """Load Spark's modules without what they say of pandas, and silence its talkative loggers."""
    with _without_warnings():
        import ibis.backends.pyspark  # noqa: F401
        import pyspark.testing.utils  # noqa: F401  (Spark itself loads it later, in a call)
    from pyspark.logger import PySparkLogger

    for name in _TALKATIVE:
        PySparkLogger.getLogger(name).disabled = True


def _connect(context: Any) -> Any:
    """Return the Ibis backend of a context."""
    import ibis
    from pyspark.sql import SparkSession

    connection = ibis.pyspark.connect(SparkSession(context))
    connection.compiler = make_compiler()
    return connection


def _plain_types(table: pa.Table) -> pa.Table:
    """Return a table with the types that Spark lacks replaced by those that hold the same."""
    fields = []
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_null(kind):
            kind = pa.int32()
        elif pa.types.is_unsigned_integer(kind):
            kind = pa.int64()
        fields.append(pa.field(field.name, kind))
    return table.cast(pa.schema(fields))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence what Spark says of pandas: about its own frames, and here rows are Arrow's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        yield


@contextmanager
def _without_values() -> Iterator[None]:
    """Replace Spark's errors, which can quote a cell, by ones that do not."""
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, PySparkException

    try:
        yield
    except AnalysisException as error:
        # A bug: about the expression, before any row is read. Told now, while Spark can tell it.
        raise RuntimeError(f"Spark refuses the expression: {error.getMessage()}") from None
    except (Py4JError, PySparkException) as error:
        raise _explain(error) from None


def _explain(error: Exception) -> Exception:
    """Return the user's error for one of Spark's, without what it says."""
    text = str(error)
    if any(sign in text for sign in _OUT_OF_MEMORY):
        return ConfigurationError(
            "`memory_limit` must be large enough for the tables, got a Spark process that ran "
            "out of memory. Raise `memory_limit`, or 'spark.sql.shuffle.partitions'."
        )
    if any(sign in text for sign in _NO_FILE):
        return ConfigurationError(
            "`master` must be a cluster that sees the Parquet files, got a worker that does not. "
            "Put the run's folder where every worker finds it at the same path."
        )
    if any(sign in text for sign in _BAD_VALUE):
        return DataContractError(
            f"`tables` must hold values of their declared types, got {type(error).__name__}. "
            "Check the columns' types in the data contract."
        )
    return ConfigurationError(
        f"`engine` must be one that finishes its work, got {type(error).__name__} from Spark. "
        "Look into the logs of the cluster, or run with the engine 'duckdb'."
    )
