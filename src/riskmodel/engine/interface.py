"""What every engine can do: the little that the stages ask of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import pyarrow as pa

from riskmodel.errors import DataContractError, UsageError


class UnreadableFileError(DataContractError):
    """A file that a table is read from is broken somewhere in it."""


class Engine(ABC):
    """An open engine: reads, registers, computes and writes tables.

    Attributes
    ----------
    connection : ibis.backends.BaseBackend
        The Ibis backend that all tables of this engine belong to.

    Notes
    -----
    Use `riskmodel.engine.session.open_engine`, or close the engine when done: closing ends
    what the engine started and removes all that was spilled.
    """

    connection: Any

    def __enter__(self) -> Self:
        """Return the open engine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the engine."""
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the connection and remove what was spilled; closing twice is allowed."""

    @abstractmethod
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

    @abstractmethod
    def register(self, data: Any, name: str) -> Any:
        """Copy data into the engine under a name and return it as a table.

        Parameters
        ----------
        data : pandas.DataFrame, pyarrow.Table or pyarrow.RecordBatchReader
            Rows. A frame's index is dropped. NaN and None become null.
        name : str
            What to call the table; a table of that name is replaced.

        Returns
        -------
        ibis.Table
            The table, which lives until the engine is closed.
        """

    @abstractmethod
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

    @contextmanager
    def compute_ahead(self) -> Iterator[Callable[[Any, str], Any]]:
        """Compute tables while further ones are put together.

        Yields
        ------
        callable
            As `materialise`, but it need not wait until the rows are there, which may have any
            order. All that was asked for is there when the context ends, and nothing else may
            be asked of the engine before.

        Raises
        ------
        RiskModelError
            When the context ends or on a later call: what went wrong in computing a table.
        """
        yield self.materialise

    @abstractmethod
    def hash_values(self, column: Any) -> Any:
        """Return a whole number that equal values share; others may share it too.

        Parameters
        ----------
        column : ibis column
            Of any type; a missing value has a number of its own.

        Returns
        -------
        ibis integer column
            The engine's own number: it means nothing to another engine.
        """

    @abstractmethod
    def shorten_key(self, column: Any) -> Any:
        """Return a column that stands for a text key where rows are grouped or joined by it.

        Parameters
        ----------
        column : ibis string column
            Long, such as pseudonyms are.

        Returns
        -------
        ibis column
            Equal where the keys are, and different where they differ. It means nothing
            outside this engine.
        """

    @abstractmethod
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
            the same rows always give the same bytes, whatever the engine.

        Raises
        ------
        UsageError
            If the table has no such column.
        """

    @abstractmethod
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

    @abstractmethod
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
            makes of a row must not depend on the rows beside it. On a cluster it runs on the
            workers, where this library must be installed in the same version.
        schema : pyarrow.Schema
            The columns that it returns.

        Returns
        -------
        pyarrow.Table
            All that it returned, in no certain order.
        """


def check_file(path: Path) -> None:
    """Raise if there is no such Parquet file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    UsageError
        Naming the file.
    """
    if not path.is_file():
        raise UsageError(
            f"`path` must be an existing Parquet file, got {path.name}. "
            "Run the stage that writes it first."
        )
