"""Where extracts and ready tables are, and how to read them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from riskmodel.core.spec import Spec
from riskmodel.ingest.dates import add_cell_format, check_format

FileFormat = Literal["csv", "parquet", "excel"]

_FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}

_Text = Annotated[str, Field(coerce_numbers_to_str=True)]


class UnpivotSpec(Spec):
    """Columns of one kind laid out side by side, such as one column of grades per subject.

    Each row becomes one row per column of `columns` in which something stands. The column's
    heading becomes the value of `name`, what stands in it the value of `value`.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    name: str = "subject"
    value: str = "grade"


class ReadingSpec(Spec):
    """How the extracts of one table are written.

    `columns` maps the library's column names to those of the file; a column that is not
    mapped has the same name in the file, or one of its `names` there, where case, accents and
    all but letters and digits do not count. `constants` are values of columns that the file
    lacks. `values` maps, per column, what the file says to what the library knows; a value
    mapped to the empty text is missing. `date_format` is a strptime format or ``"excel"``, or
    several that are tried in order (by default ISO 8601); a time of day after the date is
    ignored. With `lost_zeros`, identifiers of seven to nine digits get back the noughts that
    a spreadsheet took from ten. `factors` multiply the numbers of a column, as 60 does to make
    minutes of hours. `header_row` is the row of the headings where a title stands above them.
    `delimiter` is found out where it is not given.
    """

    delimiter: Literal[";", ","] | None = None
    decimal: Literal[",", "."] = "."
    encoding: Literal["utf-8", "utf-8-sig", "cp1252"] = "utf-8"
    sheet: str | None = None
    header_row: int = Field(default=1, ge=1, le=100)
    columns: dict[str, str] = Field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    constants: dict[str, _Text] = Field(default_factory=dict)
    values: dict[str, dict[_Text, _Text]] = Field(default_factory=dict)
    date_format: str | tuple[str, ...] | None = None
    factors: dict[str, float] = Field(default_factory=dict)
    unpivot: UnpivotSpec | None = None
    lost_zeros: bool = False

    @field_validator("date_format")
    @classmethod
    def _check_date_format(
        cls, given: str | tuple[str, ...] | None
    ) -> str | tuple[str, ...] | None:
        """Demand formats that give year, month and day."""
        for text in (given,) if isinstance(given, str) else given or ():
            check_format(text)
        return given

    @property
    def date_formats(self) -> tuple[str, ...]:
        """The date formats in the order in which they are tried; empty is ISO 8601."""
        given = self.date_format
        return (given,) if isinstance(given, str) else given or ()


class SourceSpec(ReadingSpec):
    """Where a table's extract is and how to read it.

    `also` names further files that are written in the same way, as one file per term; their
    rows follow. `format` is found out from the file's name where it is not given.
    """

    path: Path
    also: tuple[Path, ...] = ()
    format: FileFormat | None = None

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        """Refuse a file that is named twice: its rows would count twice."""
        if len({self.path, *self.also}) <= len(self.also):
            raise ValueError("`also` must name each file once, and not that of `path`")
        return self

    @property
    def date_formats(self) -> tuple[str, ...]:
        """The date formats, with one for the real dates of a sheet."""
        formats = super().date_formats
        return add_cell_format(formats) if self.file_format == "excel" else formats

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        return (self.path, *self.also)

    @property
    def parts(self) -> tuple[SourceSpec, ...]:
        """One source for each file."""
        return tuple(self.model_copy(update={"path": path, "also": ()}) for path in self.paths)

    @property
    def file_format(self) -> FileFormat | None:
        """The format, by the file's extension where none is given; None if it is unknown."""
        return self.format or _FORMATS.get(self.path.suffix.lower())


class IdentitySpec(Spec):
    """What becomes of identifiers before they are replaced by pseudonyms.

    `invalid` says what happens where an identifier looks like a personal number and its date
    or check digit is wrong: ``drop`` leaves its rows out and counts them by reason, ``stop``
    refuses the extracts, ``keep_local`` takes it as a local identifier. `provider` names the
    school provider whose temporary numbers (T, TF) these are, where no column
    `school_provider` does: two providers' equal numbers are two persons. `all_local` takes
    every identifier as it is, even where it looks like a personal number.
    """

    invalid: Literal["stop", "drop", "keep_local"] = "drop"
    provider: str | None = Field(default=None, pattern=r"^[^/\s][^/]*$", max_length=100)
    all_local: bool = False


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
