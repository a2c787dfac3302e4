"""What every tool is asked: five windows of four sums for each pupil at one prediction date."""

from __future__ import annotations

from datetime import date, timedelta

PREDICTION_DATE = date(2024, 6, 1)
"""Near the end of the invented school year, so that nearly every row counts."""

WINDOW_DAYS = (14, 30, 60, 90, 365)
MINUTES = (
    "offered_minutes",
    "attended_minutes",
    "valid_absence_minutes",
    "invalid_absence_minutes",
)
READ_COLUMNS = ("subject_id", "date", "known_date", *MINUTES)
"""The columns that the question needs, and that the scan reads."""

CATALOGUE_DATES = (date(2023, 11, 1), date(2024, 2, 1), PREDICTION_DATE)
"""The prediction dates of the whole catalogue."""


def window_starts() -> dict[int, date]:
    """Return the first day of each window by its length in days."""
    return {days: PREDICTION_DATE - timedelta(days=days) for days in WINDOW_DAYS}


def answer_columns() -> tuple[str, ...]:
    """Return the columns of the answer, besides the subject."""
    return tuple(f"{name}_{days}" for days in WINDOW_DAYS for name in MINUTES)
