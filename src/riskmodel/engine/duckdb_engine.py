"""DuckDB, embedded: the engine by default.

Everything above works with Ibis tables; this module is where they meet DuckDB, Parquet files
and pandas. Nothing is fetched from the network at run time, and what the engine spills to
disk lies in a private folder that goes away when the engine is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import pandas as pd
import pyarrow as pa

from riskmodel.core.files import write_atomically
from riskmodel.core.private_folders import PrivateFolder
from riskmodel.core.validation import check_columns
from riskmodel.engine.interface import Engine, UnreadableFileError, check_file
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError, DataContractError

_ROW_GROUP_SIZE = 122_880

_BETWEEN_TELLING = 0.05
"""How long a query is given to stop, in seconds, before it is told again."""


@ibis.udf.scalar.builtin(name="hash")  # type: ignore[untyped-decorator]
def _hash(value) -> dt.uint64:  # type: ignore[no-untyped-def]
    """Return DuckDB's hash of a value, as it stands: Ibis casts it twice."""


@ibis.udf.scalar.builtin(name="md5_number")  # type: ignore[untyped-decorator]
def _digest(value: str) -> dt.unknown:
    """Return a digest of a text, a whole number of 128 bits, which Ibis has no type for."""


class DuckDBEngine(Engine):
    """DuckDB in this process, within its limit of memory.

    Parameters
    ----------
    spec : EngineSpec
        Limits of memory and threads, and where to spill.

    Attributes
    ----------
    connection : ibis.backends.duckdb.Backend
        The Ibis backend that all tables of this engine belong to.

    Notes
    -----
    Tables are streamed: neither what is read nor what is written need fit in memory, and a
    `pyarrow.RecordBatchReader` is registered batch by batch.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._private = PrivateFolder(spec.temporary_folder)
        self.connection: Any = None
        try:
            self.connection = ibis.duckdb.connect(**_make_settings(spec, self._private.path))
            _hide_progress(self.connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection and remove what was spilled; closing twice is allowed."""
        if self.connection is not None:
            self.connection.disconnect()
            self.connection = None
        self._private.close()

    def read_parquet(self, path: Path) -> Any:
        """Return the table in a Parquet file without loading it.

        Parameters
        ----------
        path : pathlib.Path
            The file.

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
            return self.connection.read_parquet(path)

    def register(self, data: Any, name: str) -> Any:
        """Copy data into the engine under a name and return it as a table.

        Parameters
        ----------
        data : pandas.DataFrame, pyarrow.Table or pyarrow.RecordBatchReader
            Rows; a reader is consumed batch by batch and never held in memory as a whole. A
            frame's index is dropped. NaN and None become null.
        name : str
            What to call the table; a table of that name is replaced.

        Returns
        -------
        ibis.Table
            The table, which lives until the engine is closed.
        """
        if isinstance(data, pd.DataFrame):
            data = pa.Table.from_pandas(data, preserve_index=False)
        source = ibis.util.gen_name("register")
        with _without_values():
            self.connection.con.register(source, data)
            try:
                self.connection.con.execute(
                    f"CREATE OR REPLACE TEMP TABLE {_quote(name)} AS SELECT * FROM {source}"
                )
            finally:
                self.connection.con.unregister(source)
        return self.connection.table(name)

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
        """
        statement, table = self._prepare(expr, name)
        self._execute(statement)
        return table

    def _prepare(self, expr: Any, name: str) -> tuple[str, Any]:
        """Return the statement that computes a table, and the table that it will make."""
        schema = expr.schema()
        columns = ", ".join(_narrow(column, kind) for column, kind in schema.items())
        self.connection._run_pre_execute_hooks(expr)
        query = self.connection.compile(expr)
        table = ops.DatabaseTable(
            name, schema=schema, source=self.connection, namespace=ops.Namespace()
        )
        statement = (
            f"CREATE OR REPLACE TEMP TABLE {_quote(name)} AS SELECT {columns} FROM ({query})"
        )
        return statement, table.to_expr()

    def _execute(self, statement: str) -> None:
        """Execute a statement that gives no rows."""
        with _without_values():
            self.connection.con.execute(statement)

    @contextmanager
    def compute_ahead(self) -> Iterator[Callable[[Any, str], Any]]:
        """Compute tables one after another in a thread, while further ones are put together.

        Yields
        ------
        callable
            As `materialise`, but it does not wait until the rows are there, which have any
            order. All that was asked for is there when the context ends, and nothing else may
            be asked of the engine before.

        Raises
        ------
        RiskModelError
            When the context ends or on a later call: what went wrong in computing a table.
        """
        begun: list[Future[None]] = []

        def begin(expr: Any, name: str) -> Any:
            """Put a table's query at the end of the line."""
            for future in begun:
                if future.done():
                    future.result()
            statement, table = self._prepare(expr, name)
            begun.append(thread.submit(self._execute, statement))
            return table

        # These tables have no order, and to keep one takes time.
        self._execute("SET preserve_insertion_order = false")
        try:
            with ThreadPoolExecutor(max_workers=1) as thread:
                try:
                    yield begin
                    for future in begun:
                        future.result()
                except BaseException:
                    for future in begun:
                        future.cancel()
                    # What has not quite begun is not stopped by being told so once.
                    while wait(begun, timeout=_BETWEEN_TELLING).not_done:
                        self.connection.con.interrupt()
                    raise
        finally:
            self._execute("RESET preserve_insertion_order")

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
        return _hash(column)

    def shorten_key(self, column: Any) -> Any:
        """Return a column that stands for a text key where rows are grouped or joined by it.

        Parameters
        ----------
        column : ibis string column
            Long, such as pseudonyms are.

        Returns
        -------
        ibis column
            A digest of 128 bits. That two of ten million keys share one is less likely than
            1e-24 (ADR 14).

        Notes
        -----
        What is computed from a text column of a Parquet file is computed once per different
        value where these are few, whereas grouping by the texts compares them row by row.
        """
        return _digest(column)

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
        The engine streams: the table need not fit in memory. Compression is Zstandard.
        """
        if order_by:
            check_columns(expr.columns, order_by, where="order_by")
            rest = [name for name in expr.columns if name not in set(order_by)]
            expr = expr.order_by([expr[name].asc(nulls_first=False) for name in [*order_by, *rest]])
        query = self.connection.compile(expr)
        with write_atomically(path) as partial, _without_values():
            self.connection._run_pre_execute_hooks(expr)
            target = str(partial).replace("'", "''")
            self.connection.con.execute(
                f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, "
                f"ROW_GROUP_SIZE {_ROW_GROUP_SIZE})"
            )

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
        with _without_values():
            frame: pd.DataFrame = self.connection.to_pyarrow(expr).to_pandas()
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
            makes of a row must not depend on the rows beside it.
        schema : pyarrow.Schema
            The columns that it returns.

        Returns
        -------
        pyarrow.Table
            All that it returned, in no certain order.
        """
        with _without_values():
            rows = self.connection.to_pyarrow(expr)
        return function(rows).select(schema.names).cast(schema)


def _make_settings(spec: EngineSpec, spill: Path) -> dict[str, Any]:
    """Return DuckDB's settings: limits, spilling, and no fetching of extensions."""
    settings: dict[str, Any] = {
        "memory_limit": spec.memory_limit,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        # What is grouped after a join with the cohort has few rows of a group: to group before
        # it as well takes longer.
        "disabled_optimizers": "partial_aggregate_pushdown",
    }
    if spec.threads is not None:
        settings["threads"] = spec.threads
    return settings


def _narrow(name: str, kind: dt.DataType) -> str:
    """Return a column in the type that its table declares: DuckDB's sums have 128 bits."""
    column = _quote(name)
    return f"CAST({column} AS BIGINT) AS {column}" if kind.is_int64() else column


def _quote(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _without_values() -> Iterator[None]:
    """Replace the engine's errors that can quote a cell by ones that do not."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise ConfigurationError(
            "`memory_limit` must be large enough for the tables, got an engine that ran out "
            "of memory. Raise `memory_limit`, or free space in `temporary_folder`."
        ) from None
    except (duckdb.DataError, duckdb.InvalidInputException) as error:
        raise DataContractError(
            f"`tables` must hold values of their declared types, got {type(error).__name__}. "
            "Check the columns' types in the data contract."
        ) from None
    except (duckdb.InternalException, duckdb.FatalException) as error:
        # Some broken files are taken for a defect of the engine, which then takes no more queries.
        raise UnreadableFileError(
            "`path` must be a file that can be read to its end, got a failure inside the engine "
            f"({type(error).__name__}). Export it again; if that does not help, report it."
        ) from None
    except duckdb.Error as error:
        # What Parquet's own reader raises has no class of its own.
        if type(error) not in {duckdb.Error, duckdb.IOException, duckdb.SerializationException}:
            raise
        raise UnreadableFileError(
            "`path` must be a file that can be read to its end, got a broken one. Export it again."
        ) from None


def _hide_progress(connection: Any) -> None:
    """Switch the engine's own bar off where it is on.

    In a notebook without widgets it is off, and setting it at all is an error.
    """
    found = connection.con.execute("SELECT current_setting('enable_progress_bar')").fetchall()
    if found[0][0]:
        connection.con.execute("SET enable_progress_bar = false")
