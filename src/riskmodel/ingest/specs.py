"""Where extracts and ready tables are, and how to read them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from riskmodel.core.spec import Spec

FileFormat = Literal["csv", "parquet", "excel"]

_FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_SAMPLE_DAY = datetime(2013, 11, 27)

_Text = Annotated[str, Field(coerce_numbers_to_str=True)]


class SourceSpec(Spec):
    """Where a table's extract is and how to read it.

    `columns` maps the library's column names to those of the file; a column that is not
    mapped has the same name in the file. `values` maps, per column, what the file says to
    what the library knows; a value mapped to the empty text is missing. `date_format` is a
    strptime format (by default ISO 8601); a time of day after the date is ignored.
    `delimiter` and `format` are found out where they are not given.
    """

    path: Path
    format: FileFormat | None = None
    delimiter: Literal[";", ","] | None = None
    decimal: Literal[",", "."] = "."
    encoding: Literal["utf-8", "utf-8-sig", "cp1252"] = "utf-8"
    sheet: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[_Text, _Text]] = Field(default_factory=dict)
    date_format: str | None = None

    @field_validator("date_format")
    @classmethod
    def _check_date_format(cls, text: str | None) -> str | None:
        """Demand a format that gives year, month and day."""
        try:
            is_fit = text is None or (
                datetime.strptime(_SAMPLE_DAY.strftime(text), text).date() == _SAMPLE_DAY.date()
            )
        except ValueError:
            is_fit = False
        if not is_fit:
            raise ValueError("`date_format` must hold a year, a month and a day, as in '%Y%m%d'")
        return text

    @property
    def file_format(self) -> FileFormat | None:
        """The format, by the file's extension where none is given; None if it is unknown."""
        return self.format or _FORMATS.get(self.path.suffix.lower())


class LabelSpec(Spec):
    """Which rows count as not completed: by the values of a column, or by a limit."""

    column: str
    positive: tuple[Annotated[str, Field(coerce_numbers_to_str=True)], ...] | None = None
    below: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Demand exactly one rule."""
        given = [self.positive is not None, self.below is not None, self.at_least is not None]
        if sum(given) != 1 or self.positive == ():
            raise ValueError("give exactly one of `positive` (values), `below` and `at_least`")
        return self


class FeatureTableSpec(Spec):
    """A table with one row per person, to be trained on and audited as it is.

    `label` says who did not complete, `id_column` holds the persons' identifiers (left out:
    rows are numbered), `cluster_column` their school. `sensitive_columns` serve the audit and
    are features only if `feature_columns` names them; by default all other columns are
    features. `prediction_date` is the day on which everything in the table was known.
    """

    path: Path
    label: LabelSpec
    format: Literal["csv", "parquet", "excel"] | None = None
    delimiter: Literal[";", ","] | None = None
    decimal: Literal[",", "."] = "."
    encoding: Literal["utf-8", "utf-8-sig", "cp1252"] = "utf-8"
    sheet: str | None = None
    id_column: str | None = None
    cluster_column: str | None = None
    sensitive_columns: tuple[str, ...] = ()
    feature_columns: tuple[str, ...] | None = None
    prediction_date: date | None = None

    @model_validator(mode="after")
    def _check_features(self) -> Self:
        """Refuse the label and the identifier as features."""
        taken = {self.label.column, self.id_column} & set(self.feature_columns or ())
        if taken:
            raise ValueError("`feature_columns` must not hold the label or the identifier")
        return self

    @property
    def source(self) -> SourceSpec:
        """The reading options alone."""
        return SourceSpec(
            path=self.path,
            format=self.format,
            delimiter=self.delimiter,
            decimal=self.decimal,
            encoding=self.encoding,
            sheet=self.sheet,
        )
