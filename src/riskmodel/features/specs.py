"""What a feature is: a declared record, and what later stages need to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from riskmodel.core.spec import Spec
from riskmodel.core.windows import Window
from riskmodel.features.texts import MISSING_PREFIX, Language, window_text

Conditions = dict[str, tuple[str | bool | int | float, ...]]
"""Columns and the values of which a row must have one; empty: every row."""

Domain = Literal[
    "school_attendance",
    "results",
    "motivation",
    "mental_health",
    "parents",
    "reading_language",
    "school_environment",
]

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

FLAG_SUFFIX = "__missing"
"""What is added to a feature's name to name the column that says it was missing."""


class MissingRule(Spec):
    """What stands in a feature where no row says anything.

    Nothing, zero or a constant; or the mean or median of the training rows, which models learn
    and fill in, while the feature itself stays missing and a flag says so.
    """

    kind: Literal["keep", "zero", "constant", "mean", "median"]
    value: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        """Demand `value` for a constant and for nothing else."""
        if (self.kind == "constant") != (self.value is not None):
            raise ValueError("`value` belongs to the kind 'constant', and to no other")
        return self

    @property
    def constant(self) -> float | None:
        """What is filled in, or None where nothing is."""
        return 0.0 if self.kind == "zero" else self.value

    @property
    def is_learnt(self) -> bool:
        """Whether the value is learnt from training rows."""
        return self.kind in ("mean", "median")


class FeatureSpec(Spec):
    """One feature: which rows of which table it reads, and how they become a number.

    A row counts if it passes `where`, lies in `window`, was known before the prediction date,
    and has the value (and denominator) asked for.

    Parameters
    ----------
    name : str
        The feature's column: lower-case letters, digits and underscores.
    table : str
        The event table that is read.
    aggregation : str
        One of the names in `riskmodel.features.aggregations.AGGREGATIONS`.
    value : str or tuple of str, optional
        The column that is aggregated; several are summed row by row, a missing one counting
        as 0 unless all are missing.
    match : dict, optional
        In place of `value`: 1 for rows that have one of these values in each of these columns,
        0 for other rows.
    above : float, optional
        Makes `value` into 1 where it is greater than this, 0 elsewhere.
    denominator : tuple of str, optional
        The columns, summed, that a share is of. Without it a share is of the rows.
    window, baseline : Window
        The days looked at; `baseline` (for `change`) those compared with, less those of
        `window`.
    latest_days : int, optional
        Look only at the last so many days up to the latest row that counts in the window.
    per_days : int, default 7
        A trend is given per this many days.
    where : dict, optional
        Columns and the values of which a row must have one.
    weekdays : tuple of str, optional
        Only rows on these days of the week count, such as ``("monday", "friday")``; for
        `weekday_share` the days of which the share is asked.
    relative_to : str, optional
        A column of the cohort, such as ``"school_unit"``: the feature is the pupil's value less
        the mean value of the others who share the column's value at the same date.
    missing : MissingRule
        What stands where no row counts; may be given as the kind's name.
    flag : bool, default False
        Whether to add a column that is 1 where the feature was missing; a rule that is learnt
        always has one.
    name_sv, name_en, description_sv, description_en : str
        What readers are shown.
    window_sv, window_en : str
        The days looked at in words, where the words for the window alone would mislead; an
        empty text where none are needed.
    unit : str
        Such as ``"share"``, ``"count"``, ``"days"``, ``"points"``.
    domain : str
        Which part of the pupil's situation it tells of.
    direction : {-1, 0, 1}
        1 if higher values go with a higher risk, -1 if with a lower, 0 if neither is expected.
    changeable : bool
        Whether it can change through support.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)
    table: str
    aggregation: str
    value: tuple[str, ...] = ()
    match: Conditions = Field(default_factory=dict)
    above: float | None = Field(default=None, allow_inf_nan=False)
    denominator: tuple[str, ...] = ()
    window: Window
    baseline: Window | None = None
    latest_days: int | None = Field(default=None, ge=1)
    per_days: int = Field(default=7, ge=1)
    where: Conditions = Field(default_factory=dict)
    weekdays: tuple[Weekday, ...] = ()
    relative_to: str | None = None
    missing: MissingRule
    flag: bool = False
    name_sv: str = ""
    name_en: str = ""
    description_sv: str = ""
    description_en: str = ""
    window_sv: str | None = None
    window_en: str | None = None
    unit: str = Field(default="value", pattern=r"^[a-z][a-z_]*$")
    domain: Domain
    direction: Literal[-1, 0, 1] = 0
    changeable: bool = False

    @field_validator("value", "denominator", "weekdays", mode="before")
    @classmethod
    def _widen_columns(cls, columns: Any) -> Any:
        """Let one column be given by its name, and none by null."""
        if columns is None:
            return ()
        return (columns,) if isinstance(columns, str) else columns

    @field_validator("where", "match", mode="before")
    @classmethod
    def _widen_conditions(cls, conditions: Any) -> Any:
        """Let one value be given without brackets."""
        if not isinstance(conditions, Mapping):
            return conditions
        single = (str, bool, int, float)
        return {
            column: (values,) if isinstance(values, single) else values
            for column, values in conditions.items()
        }

    @field_validator("missing", mode="before")
    @classmethod
    def _widen_missing(cls, rule: Any) -> Any:
        """Let the rule be given by its kind."""
        return {"kind": rule} if isinstance(rule, str) else rule

    @property
    def is_indicator(self) -> bool:
        """Whether a row's value is 1 or 0, made by `match` or `above`."""
        return bool(self.match) or self.above is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature's columns in `features.parquet`: itself and its missing flag."""
        return (self.name, self.name + FLAG_SUFFIX) if self.has_flag else (self.name,)

    @property
    def has_flag(self) -> bool:
        """Whether a column says where the feature was missing."""
        return self.flag or self.missing.is_learnt


@dataclass(frozen=True)
class FeatureInfo:
    """What later stages need to know of one column of features.

    Parameters
    ----------
    name : str
        The column.
    name_sv, name_en : str
        Its name for readers, with a capital letter and without its window.
    unit : str
        Such as ``"share"`` (a fraction from 0 to 1), ``"count"``, ``"days"``, ``"points"``.
    domain : str
        Which part of the pupil's situation it tells of.
    direction : int
        1 if higher values go with a higher risk, -1 if with a lower, 0 if neither.
    changeable : bool
        Whether it can change through support.
    window_sv, window_en : str
        The days looked at, as in ``"de senaste 30 dagarna"``.
    missing : str
        ``"keep"``, ``"zero"``, ``"constant"``, ``"mean"`` or ``"median"``.
    description_sv, description_en : str
        One sentence on what it measures.
    """

    name: str
    name_sv: str
    name_en: str
    unit: str
    domain: str
    direction: int
    changeable: bool
    window_sv: str
    window_en: str
    missing: str
    description_sv: str = ""
    description_en: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary of plain values.

        Returns
        -------
        dict
            Fit for JSON.
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the information that a dictionary holds.

        Parameters
        ----------
        content : mapping
            As made by `to_dict`.

        Returns
        -------
        FeatureInfo
            The same fields.
        """
        return cls(**content)


def feature_info(spec: FeatureSpec) -> FeatureInfo:
    """Return what later stages need to know of a feature.

    Parameters
    ----------
    spec : FeatureSpec
        The feature.

    Returns
    -------
    FeatureInfo
        Where a name in one language is lacking, the other one or the column stands in.
    """
    return FeatureInfo(
        name=spec.name,
        name_sv=spec.name_sv or spec.name_en or spec.name,
        name_en=spec.name_en or spec.name_sv or spec.name,
        unit=spec.unit,
        domain=spec.domain,
        direction=spec.direction,
        changeable=spec.changeable,
        window_sv=_choose_text(spec.window_sv, spec.window, "sv"),
        window_en=_choose_text(spec.window_en, spec.window, "en"),
        missing=spec.missing.kind,
        description_sv=spec.description_sv,
        description_en=spec.description_en,
    )


def _choose_text(text: str | None, window: Window, language: Language) -> str:
    """Return the words declared for a window, or else the usual ones."""
    return window_text(window, language) if text is None else text


def feature_infos(specs: Sequence[FeatureSpec]) -> tuple[FeatureInfo, ...]:
    """Return the information on every feature column, missing flags included.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.

    Returns
    -------
    tuple of FeatureInfo
        In the order of the columns of `features.parquet`; flags have the unit ``"flag"``.
    """
    infos: list[FeatureInfo] = []
    for spec in specs:
        info = feature_info(spec)
        infos.append(info)
        if spec.has_flag:
            infos.append(_flag_info(info))
    return tuple(infos)


def _flag_info(info: FeatureInfo) -> FeatureInfo:
    """Return the information on the flag that says a feature was missing."""
    return FeatureInfo(
        name=info.name + FLAG_SUFFIX,
        name_sv=MISSING_PREFIX["sv"] + info.name_sv,
        name_en=MISSING_PREFIX["en"] + info.name_en,
        unit="flag",
        domain=info.domain,
        direction=0,
        changeable=False,
        window_sv=info.window_sv,
        window_en=info.window_en,
        missing="keep",
    )
