"""Rows in the making: events of a block of pupils before they become a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskmodel.core.windows import is_before
from riskmodel.simulation.geography import IntArray
from riskmodel.simulation.school_days import DateArray

NO_DATE = np.datetime64("NaT", "D")
"""Stands where there is no date."""

_EPOCH_YEAR = 1970


@dataclass(frozen=True)
class EventRows:
    """Rows that each belong to a pupil and a day.

    Parameters
    ----------
    pupil : numpy.ndarray of int, shape (n_rows,)
        Position of the pupil in the block.
    date : numpy.ndarray of datetime64[D], shape (n_rows,)
        The day of the event, or its first day.
    columns : dict of numpy.ndarray, each of shape (n_rows,)
        The other columns. Missing are NaN, NaT and the empty string.
    known_date : numpy.ndarray of datetime64[D], optional
        When the row became known; NaT (or no array) for the day itself.
    """

    pupil: IntArray
    date: DateArray
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    known_date: DateArray | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.pupil)

    def take(self, keep: NDArray[Any]) -> EventRows:
        """Return some of the rows.

        Parameters
        ----------
        keep : numpy.ndarray
            A mask or positions.

        Returns
        -------
        EventRows
            Those rows.
        """
        return EventRows(
            self.pupil[keep],
            self.date[keep],
            {name: values[keep] for name, values in self.columns.items()},
            None if self.known_date is None else self.known_date[keep],
        )

    def sorted_by_pupil(self) -> EventRows:
        """Return the rows by pupil, then by date, otherwise in the order they had.

        Returns
        -------
        EventRows
            The same rows.
        """
        return self.take(np.lexsort((self.date, self.pupil)))

    @staticmethod
    def concatenate(parts: Sequence[EventRows]) -> EventRows:
        """Put several sets of rows under one another.

        Parameters
        ----------
        parts : sequence of EventRows
            At least one, all with the same columns.

        Returns
        -------
        EventRows
            All rows. A part without known dates gets empty ones if another part has some.
        """
        known = None
        if any(part.known_date is not None for part in parts):
            known = np.concatenate(
                [
                    np.full(len(part), NO_DATE) if part.known_date is None else part.known_date
                    for part in parts
                ]
            )
        return EventRows(
            np.concatenate([part.pupil for part in parts]),
            np.concatenate([part.date for part in parts]),
            {
                name: np.concatenate([part.columns[name] for part in parts])
                for name in parts[0].columns
            },
            known,
        )


@dataclass(frozen=True)
class Presence:
    """When each pupil of a block is in the region's records.

    Parameters
    ----------
    start : numpy.ndarray of datetime64[D], shape (n,)
        First day.
    end : numpy.ndarray of datetime64[D], shape (n,)
        First day after.
    extract : datetime.date
        The last day of which anything is known.
    """

    start: DateArray
    end: DateArray
    extract: date

    @property
    def first_unknown_day(self) -> np.datetime64:
        """The day after the extract."""
        return np.datetime64(self.extract, "D") + 1

    def holds(self, pupil: IntArray, moments: DateArray) -> NDArray[np.bool_]:
        """Tell which days lie within the pupils' time and before the extract.

        Parameters
        ----------
        pupil : numpy.ndarray of int
            Positions in the block.
        moments : numpy.ndarray of datetime64[D], same shape
            Days.

        Returns
        -------
        numpy.ndarray of bool, same shape
            True for what is in the records.
        """
        inside = ~is_before(moments, self.start[pupil]) & is_before(moments, self.end[pupil])
        return np.asarray(inside & is_before(moments, self.first_unknown_day))

    def visible(self, rows: EventRows) -> EventRows:
        """Return the rows that an extract would hold.

        Parameters
        ----------
        rows : EventRows
            Events of the block.

        Returns
        -------
        EventRows
            Without those outside the pupils' time, and those not known by the extract.
        """
        return self.known(rows.take(self.holds(rows.pupil, rows.date)))

    def known(self, rows: EventRows) -> EventRows:
        """Return the rows known by the extract, whether or not the pupil is still there.

        Parameters
        ----------
        rows : EventRows
            Events of the block.

        Returns
        -------
        EventRows
            Without those that happened or became known after the extract.
        """
        keep = is_before(rows.date, self.first_unknown_day)
        if rows.known_date is not None:
            late = ~np.isnat(rows.known_date) & ~is_before(rows.known_date, self.first_unknown_day)
            keep &= ~late
        return rows.take(keep)

    def hide_future(self, days: DateArray) -> DateArray:
        """Empty the dates that lie after the extract.

        Parameters
        ----------
        days : numpy.ndarray of datetime64[D]
            Such as ends that are not reached yet.

        Returns
        -------
        numpy.ndarray of datetime64[D], same shape
            NaT in place of a day after the extract.
        """
        return np.where(is_before(days, self.first_unknown_day), days, NO_DATE)


def first_days(year: IntArray, month: int, day: int) -> DateArray:
    """Return one day of the calendar in many years.

    Parameters
    ----------
    year : numpy.ndarray of int
        Calendar years.
    month, day : int
        The day.

    Returns
    -------
    numpy.ndarray of datetime64[D], same shape
        The days.

    Examples
    --------
    >>> first_days(np.array([2024]), 6, 10).astype(str).tolist()
    ['2024-06-10']
    """
    start = (np.asarray(year) - _EPOCH_YEAR).astype("datetime64[Y]").astype("datetime64[M]")
    return np.asarray((start + (month - 1)).astype("datetime64[D]") + (day - 1))


def random_days(rng: np.random.Generator, start: DateArray, end: DateArray) -> DateArray:
    """Draw a day in each span ``[start, end)``.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    start, end : numpy.ndarray of datetime64[D]
        Spans of at least one day.

    Returns
    -------
    numpy.ndarray of datetime64[D], same shape
        The days.
    """
    span = (end - start).astype(np.int64)
    return np.asarray(start + np.floor(rng.random(len(start)) * span).astype(np.int64))
