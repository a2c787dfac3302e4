"""The model inputs of many pupils, read some at a time and never all at once."""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from riskmodel.config.models import RunConfig
from riskmodel.engine.interface import Engine
from riskmodel.errors import DataContractError
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.tables import KEYS, make_sensitive_inputs

Mask = npt.NDArray[np.bool_]

_NUMBERS = count()
"""Tables in an engine, which are read later, must not share a name."""


class InputColumns:
    """The inputs of some pupils, one column at a time.

    Parameters
    ----------
    source : InputSource
        Where they are read.
    rows : pandas.DataFrame
        The pupils: `subject_id` and `prediction_date`.

    Raises
    ------
    DataContractError
        If a pupil is not there, or there twice.

    Notes
    -----
    The values stand in the order of the file, which is not that of `rows`.
    """

    def __init__(self, source: InputSource, rows: pd.DataFrame) -> None:
        self._source, self._rows = source, rows
        self._mask = source.find_rows(rows)

    def __len__(self) -> int:
        """Return the number of pupils."""
        return len(self._rows)

    def __getitem__(self, name: str) -> pd.Series[float]:
        """Return one input's values; NaN where missing."""
        sensitive = self._source.sensitive
        if name in sensitive.columns:
            known: pd.Series[float] = sensitive.loc[self._rows.index, name]
            return known
        return self._source.read_column(name)[self._mask]


class InputSource:
    """A run's features, with the sensitive attributes that may be inputs.

    Parameters
    ----------
    config : RunConfig
        Names the sensitive attributes that may be inputs, by default none.
    folder : RunFolder
        The run's folder.
    engine : Engine
        Reads the pieces.
    labels : pandas.DataFrame
        All rows of `labels.parquet`.
    """

    def __init__(
        self, config: RunConfig, folder: RunFolder, engine: Engine, labels: pd.DataFrame
    ) -> None:
        self.path = folder.require(artifacts.FEATURES, made_by="features")
        self.sensitive = make_sensitive_inputs(config, folder, labels)
        self._engine = engine
        self._table = engine.read_parquet(self.path)
        self._keys = pq.read_table(self.path, columns=KEYS)
        # The column read last: training pupils and today's are compared one column at a time.
        self.read_column = lru_cache(maxsize=1)(self._read_column)

    def _read_column(self, name: str) -> pd.Series[float]:
        """Return one feature of all rows of the file."""
        column: pd.Series[float] = pq.read_table(self.path, columns=[name])[name].to_pandas()
        return column

    def find_rows(self, rows: pd.DataFrame) -> Mask:
        """Return which rows of the file hold some pupils.

        Parameters
        ----------
        rows : pandas.DataFrame
            The pupils: `subject_id` and `prediction_date`, none twice.

        Returns
        -------
        numpy.ndarray of bool
            One for each row of the file.

        Raises
        ------
        DataContractError
            If a pupil is not there, or there twice.
        """
        mask = np.zeros(len(self._keys), dtype=np.bool_)
        dates = self._keys.column("prediction_date")
        for moment, some in rows.groupby("prediction_date", sort=False):
            is_then = pc.equal(dates, pa.scalar(moment, dates.type)).to_numpy()
            subjects = self._keys.column("subject_id").filter(is_then)
            wanted = pa.array(some["subject_id"], subjects.type)
            mask[is_then] = pc.is_in(subjects, value_set=wanted).to_numpy()
        if int(mask.sum()) != len(rows):
            raise DataContractError(
                f"`{artifacts.FEATURES}` must hold each pupil of the list once, got another "
                "number of rows. Run `riskmodel features` again."
            )
        return mask

    def select(self, rows: pd.DataFrame) -> Any:
        """Return the inputs of pupils who share a prediction date, not yet read.

        Parameters
        ----------
        rows : pandas.DataFrame
            `subject_id` and `prediction_date`, of one date.

        Returns
        -------
        ibis.Table
            `subject_id` and the inputs; lazy.
        """
        (moment,) = rows["prediction_date"].unique()
        table = self._table.filter(self._table.prediction_date == moment).drop("prediction_date")
        if self.sensitive.columns.empty:
            return table
        own = pd.concat([rows["subject_id"], self.sensitive.loc[rows.index]], axis=1)
        name = f"sensitive_inputs_{next(_NUMBERS)}"
        return table.inner_join(self._engine.register(own, name), "subject_id")

    def read(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Read the inputs of a few pupils.

        Parameters
        ----------
        rows : pandas.DataFrame
            `subject_id` and `prediction_date`, of one date.

        Returns
        -------
        pandas.DataFrame
            One column per input, NaN where missing, with the index of `rows`.
        """
        table = self.select(rows)
        wanted = self._engine.register(rows[["subject_id"]], "wanted")
        found = self._engine.to_pandas(table.semi_join(wanted, "subject_id"))
        found = found.set_index("subject_id").loc[rows["subject_id"]]
        return found.set_index(rows.index)
