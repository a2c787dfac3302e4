"""The canonical tables: their columns, types and rules.

Field semantics follow SS 12000:2020 where it has them. Every other module takes names and
types from here.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from riskmodel.core.spec import Spec

ColumnType = Literal["string", "date", "integer", "number", "boolean"]


class Column(Spec):
    """One column of a table: its type and what may stand in it.

    `allowed` closes the list of values, `minimum` and `maximum` bound a number. A missing
    value is allowed unless the column is `required`; an absent column is read as wholly
    missing unless it is `required`. `known_from` names a date column of the same table before
    which this column's content was not known, nor where it is missing (a mark that is set when
    a placement ends);
    `is_plan` marks a date that may rightly lie in the future (a planned end).
    """

    type: ColumnType
    required: bool = False
    allowed: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    known_from: str | None = None
    is_plan: bool = False


class Table(Spec):
    """One table: its columns, the dates that place a row in time, and its keys.

    `date` names the column that says when the fact happened, `known_date` the one that says
    when it was known (where it is empty or absent: the day it happened). `unique` columns
    together may not repeat. `fact_key` columns, with the person, name one fact: of several
    rows with the same key the one known last counts and replaces the earlier ones, as a
    correction does. A row that lacks a column of the key is a fact of its own.
    """

    columns: dict[str, Column]
    person: str = "person_id"
    date: str | None = None
    unique: tuple[str, ...] = ()
    fact_key: tuple[str, ...] = ()
    user_declared: bool = Field(default=False)

    @property
    def has_known_date(self) -> bool:
        """Whether rows may carry the day on which they became known."""
        return "known_date" in self.columns


SECURITY_NONE = "Ingen"
"""The value of `security_marking` of a person whose identity is not protected."""

SECURITY_MARKINGS = (
    "Sekretessmarkering",
    "Skyddad folkbokföring",
    "Kvarskrivning",
    "Fingerade personuppgifter",
)
"""The markings of a protected identity: the two of SS 12000, the one that skyddad folkbokföring
replaced in 2019, and that of a register which knows of an assumed identity (most do not)."""

_ID = Column(type="string", required=True)
_KNOWN = Column(type="date")
_MINUTES = Column(type="number", minimum=0, maximum=100_000)

TABLES: dict[str, Table] = {
    "persons": Table(
        columns={
            "person_id": _ID,
            "birth_date": Column(type="date"),
            "sex": Column(type="string", allowed=("Man", "Kvinna", "Okänt")),
            "municipality": Column(type="string"),
            "migration_background": Column(type="string"),
            "parental_education": Column(type="string"),
            "security_marking": Column(
                type="string",
                allowed=(SECURITY_NONE, *SECURITY_MARKINGS),
            ),
        },
        unique=("person_id",),
    ),
    "enrolments": Table(
        columns={
            "person_id": _ID,
            "school_unit": Column(type="string", required=True),
            "school_class": Column(type="string"),
            "school_type": Column(type="string", required=True),
            "school_year": Column(type="integer", minimum=0, maximum=10),
            "programme": Column(type="string"),
            "start_date": Column(type="date", required=True),
            "end_date": Column(type="date", is_plan=True),
            "cancelled": Column(type="boolean", known_from="end_date"),
            "known_date": _KNOWN,
        },
        date="start_date",
    ),
    "attendance": Table(
        columns={
            "person_id": _ID,
            "date": Column(type="date", required=True),
            "lesson": Column(type="string"),
            "offered_minutes": _MINUTES,
            "attended_minutes": _MINUTES,
            "valid_absence_minutes": _MINUTES,
            "invalid_absence_minutes": _MINUTES,
            "other_minutes": _MINUTES,
            "is_reported": Column(type="boolean"),
            "known_date": _KNOWN,
        },
        date="date",
        fact_key=("date", "lesson"),
    ),
    "grades": Table(
        columns={
            "person_id": _ID,
            "date": Column(type="date", required=True),
            "subject": Column(type="string", required=True),
            "grade": Column(type="string", required=True),
            "term": Column(type="string", allowed=("HT", "VT")),
            "school_year": Column(type="integer", minimum=0, maximum=10),
            "points": Column(type="number", minimum=0, maximum=1000),
            "is_final": Column(type="boolean"),
            "known_date": _KNOWN,
        },
        date="date",
        fact_key=("subject", "term", "school_year"),
    ),
    "health_contacts": Table(
        columns={
            "person_id": _ID,
            "date": Column(type="date", required=True),
            "service": Column(
                type="string",
                required=True,
                allowed=(
                    "school_nurse",
                    "school_doctor",
                    "counsellor",
                    "psychologist",
                    "special_education",
                ),
            ),
            "category": Column(
                type="string",
                required=True,
                allowed=("health_visit", "own_initiative", "referred", "follow_up"),
            ),
            "known_date": _KNOWN,
        },
        date="date",
    ),
    "support": Table(
        columns={
            "person_id": _ID,
            "start_date": Column(type="date", required=True),
            "end_date": Column(type="date", is_plan=True),
            "measure": Column(
                type="string",
                required=True,
                allowed=(
                    "extra_adaptations",
                    "action_programme",
                    "special_teaching",
                    "language_support",
                    "attendance_support",
                ),
            ),
            "known_date": _KNOWN,
        },
        date="start_date",
    ),
    "outcomes": Table(
        columns={
            "person_id": _ID,
            "outcome": Column(type="string", required=True),
            "date": Column(type="date", required=True),
            "value": Column(type="number", minimum=0, maximum=1),
            "status": Column(
                type="string", required=True, allowed=("observed", "censored", "moved", "deceased")
            ),
            "known_date": _KNOWN,
        },
        date="date",
    ),
}
"""The canonical tables by name, as they enter the library."""
