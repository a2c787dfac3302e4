"""Where extracts and ready tables are, and how to read them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from riskmodel.core.spec import Spec
from riskmodel.ingest.dates import add_cell_format, check_format

FileFormat = Literal["csv", "parquet", "excel"]
Delimiter = Literal[";", ",", "\t"]
Encoding = Literal["utf-8", "utf-8-sig", "cp1252", "utf-16"]

_FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}

_MAX_ABOVE = 100
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
    minutes of hours. `header_row` is the row of the headings where a title stands above them,
    or all their rows where they stand in several. `footer_rows` is how many rows below the
    last one are none, such as sums. `sheet` may name several sheets that are written in the
    same way. `delimiter` is found out where it is not given.
    """

    delimiter: Delimiter | None = None
    decimal: Literal[",", "."] = "."
    encoding: Encoding = "utf-8"
    sheet: str | tuple[str, ...] | None = None
    header_row: int | tuple[int, ...] = 1
    footer_rows: int = Field(default=0, ge=0, le=100)
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

    @field_validator("header_row")
    @classmethod
    def _check_header_row(cls, given: int | tuple[int, ...]) -> int | tuple[int, ...]:
        """Demand rows that follow one another, near the top."""
        rows = (given,) if isinstance(given, int) else given
        first = rows[0] if rows else 0
        if not 1 <= first <= _MAX_ABOVE or rows != tuple(range(first, first + len(rows)))[:3]:
            raise ValueError(
                f"`header_row` must be a row from 1 to {_MAX_ABOVE}, or up to three that follow "
                "one another, as in [4, 5]"
            )
        return given

    @property
    def heading_rows(self) -> tuple[int, ...]:
        """The rows of the headings."""
        return (self.header_row,) if isinstance(self.header_row, int) else self.header_row

    @property
    def date_formats(self) -> tuple[str, ...]:
        """The date formats in the order in which they are tried; empty is ISO 8601."""
        given = self.date_format
        return (given,) if isinstance(given, str) else given or ()


class SourceSpec(ReadingSpec):
    """Where a table's extract is and how to read it.

    `also` names further files that are written in the same way, as one file per term; their
    rows follow, as do those of further sheets. `format` is found out from the file's name where
    it is not given.
    """

    path: Path
    also: tuple[Path, ...] = ()
    format: FileFormat | None = None

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        """Refuse a file that is named twice: its rows would count twice."""
        if len({self.path, *self.also}) <= len(self.also):
            raise ValueError("`also` must name each file once, and not that of `path`")
        if not self.sheets or len(set(self.sheets)) < len(self.sheets):
            raise ValueError("`sheet` must name each sheet once")
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
    def sheets(self) -> tuple[str | None, ...]:
        """All sheets of each file; None is the first."""
        return self.sheet if isinstance(self.sheet, tuple) else (self.sheet,)

    @property
    def parts(self) -> tuple[SourceSpec, ...]:
        """One source for each sheet of each file."""
        return tuple(
            self.model_copy(update={"path": path, "also": (), "sheet": sheet})
            for path in self.paths
            for sheet in self.sheets
        )

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
    format: FileFormat | None = None
    delimiter: Delimiter | None = None
    decimal: Literal[",", "."] = "."
    encoding: Encoding = "utf-8"
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
