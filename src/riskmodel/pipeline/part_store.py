"""Work done in parts that outlive a killed process: finished parts are not done again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from riskmodel.core.files import read_json, remove_partial_files, write_atomically, write_json

_MADE_FROM = "made_from.json"


class PartStore:
    """A folder with one file for each finished part of some work.

    Parameters
    ----------
    folder : pathlib.Path
        Where the parts are kept. What is there is kept only if it was made from the same.
    made_from : mapping
        JSON values: all that the parts follow from, and how the work is cut.
    """

    def __init__(self, folder: Path, made_from: Mapping[str, Any]) -> None:
        self._folder = folder
        if self._read_origin() != dict(made_from):
            self.remove()
            write_json(folder / _MADE_FROM, dict(made_from))
        remove_partial_files(folder)

    def _read_origin(self) -> Any:
        """Return what the parts that are there were made from, None where that is not known."""
        try:
            return read_json(self._folder / _MADE_FROM)
        except (OSError, ValueError):
            return None

    def read(self, number: int) -> pa.Table | None:
        """Return a finished part.

        Parameters
        ----------
        number : int
            Which one.

        Returns
        -------
        pyarrow.Table or None
            None where the part is not there, or its file is damaged.
        """
        try:
            return pq.read_table(self._find_path(number))
        except (OSError, pa.ArrowException):
            return None

    def write(self, number: int, part: pa.Table) -> None:
        """Keep a finished part: all of it, or nothing.

        Parameters
        ----------
        number : int
            Which one.
        part : pyarrow.Table
            Its rows.
        """
        with write_atomically(self._find_path(number)) as partial:
            pq.write_table(part, partial, compression="zstd")

    def remove(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _find_path(self, number: int) -> Path:
        """Return where a part is kept."""
        return self._folder / f"part-{number:06d}.parquet"
