"""Scoring from Python: a trained model and a table, whatever library made it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from riskmodel.config.loader import parse_spec
from riskmodel.core.validation import suggest_name
from riskmodel.errors import UsageError
from riskmodel.explanation.contributions import explain
from riskmodel.explanation.reasons import reason_texts
from riskmodel.models.persistence import load_model as read_model
from riskmodel.models.risk_model import RiskModel
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.assessment import load_chosen, read_chosen
from riskmodel.screening.lists import build_screening_list, find_withheld
from riskmodel.screening.specs import Capacity, ScreeningSpec

_SUBJECT = "subject_id"
_COMPANIONS = (_SUBJECT, "prediction_date", "school_unit", "school_class", "cohort", "point")
"""The columns that a table may hold besides features."""

_WITHHELD = ("mental_health",)


@dataclass(frozen=True, eq=False)
class Screened:
    """The risks of some pupils, and the reasons.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per pupil: `subject_id`, the other columns that say which row it is, `rank` where
        there is a capacity, `risk` (calibrated, in [0, 1]), and reasons as in
        `screening.parquet`.
    contributions : pandas.DataFrame
        What each feature adds to the log-odds, against what it adds on average over the training
        pupils; with the rows of `frame`, its index `subject_id`. With `base` a row's sum is the
        log-odds of its risk.
    base : float
        The log-odds of a pupil to whom every feature adds the average.

    Notes
    -----
    Any library that reads Arrow's stream interface can take it:
    ``polars.DataFrame(screened)``, ``pyarrow.table(screened)``.
    """

    frame: pd.DataFrame
    contributions: pd.DataFrame
    base: float

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table.

        Returns
        -------
        pyarrow.Table
            The columns of `frame`.
        """
        return pa.Table.from_pandas(self.frame, preserve_index=False).replace_schema_metadata()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the rows as an Arrow stream, in its C interface."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)


@dataclass(frozen=True, eq=False)
class ScreeningModel:
    """A trained model that scores a table of pupils and says why.

    Parameters
    ----------
    model : RiskModel
        Of a family that decomposes.
    """

    model: RiskModel

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns that a table must hold besides `subject_id`."""
        return self.model.feature_names

    def screen(
        self,
        table: Any,
        *,
        capacity_per_school: Capacity | None = None,
        n_reasons: int = 3,
        language: str = "sv",
        withheld_domains: tuple[str, ...] = _WITHHELD,
    ) -> Screened:
        """Score pupils, each with the main reasons, and list the first ones of each school.

        Parameters
        ----------
        table : pandas.DataFrame, pyarrow.Table, polars.DataFrame or other
            One row per pupil: `subject_id` and the model's features, missing where unknown, in any
            order; `prediction_date`, `school_unit`, `school_class`, `cohort` and `point` may be
            there. Anything with Arrow's stream interface (``__arrow_c_stream__``) will do.
        capacity_per_school : int or float, optional
            List so many pupils of each school, or such a share; needs `school_unit`. Without it
            every pupil is scored, in the order of the table.
        n_reasons : int, default 3
            At most so many reasons and half as many protective factors.
        language : {"sv", "en"}, default "sv"
            The reader's.
        withheld_domains : tuple of str, default ("mental_health",)
            Areas that count in the risk and are not named, since they have a secrecy of their own.

        Returns
        -------
        Screened
            Risks, reasons and contributions.

        Raises
        ------
        UsageError
            If a feature is missing or not a number, a column is unknown, a pupil stands twice or
            without a pseudonym, or a setting is not valid.
        """
        content = {
            "capacity_per_school": 1.0 if capacity_per_school is None else capacity_per_school,
            "n_reasons": n_reasons,
            "n_protective": (n_reasons + 1) // 2,
            "language": language,
            "withheld_domains": withheld_domains,
        }
        spec = parse_spec(content, ScreeningSpec, name="screen")
        given = _read_table(table)
        self._check(given, needs_school=capacity_per_school is not None)
        inputs = given[list(self.feature_names)]
        rows = given[[name for name in _COMPANIONS if name in given.columns]]
        rows = rows.assign(risk=self.model.predict_risk(inputs))
        explanation = explain(self.model, inputs)
        reasons = reason_texts(
            explanation, inputs, self.model.infos, language=spec.language,
            n_reasons=spec.n_reasons, n_protective=spec.n_protective,
            background=self.model.background_means,
            hidden=find_withheld(self.model.infos, spec), missing_protects=False,
        )  # fmt: skip
        # One date, whatever dates the pupils have, and one school where none is asked for.
        alike = {"prediction_date": ""} | ({} if capacity_per_school else {"school_unit": ""})
        listed = build_screening_list(rows.assign(**alike), reasons, spec).frame
        places = pd.Index(rows[_SUBJECT]).get_indexer(pd.Index(listed[_SUBJECT]))
        if not capacity_per_school:
            listed, places = listed.iloc[places.argsort()].drop(columns="rank"), np.sort(places)
        told = listed.drop(columns=[name for name in _COMPANIONS if name in listed.columns])
        own = rows.drop(columns="risk").iloc[places].reset_index(drop=True)
        return Screened(
            pd.concat([own, told.reset_index(drop=True)], axis=1),
            pd.DataFrame(
                explanation.contributions[places],
                columns=list(self.feature_names),
                index=pd.Index(own[_SUBJECT]),
            ),
            explanation.base,
        )

    def _check(self, table: pd.DataFrame, *, needs_school: bool) -> None:
        """Raise unless the table holds each pupil once, with the columns that the model knows."""
        wanted = [_SUBJECT, *(["school_unit"] if needs_school else []), *self.feature_names]
        known = {*wanted, *_COMPANIONS}
        spare = [str(name) for name in table.columns if name not in known]
        present = set(table.columns)
        findings = [
            f"column `{name}` is missing.{suggest_name(name, spare)}"
            for name in wanted
            if name not in present
        ]
        findings += [
            f"column `{name}` is no feature of the model.{suggest_name(name, known - present)}"
            for name in spare
        ]
        if _SUBJECT in table.columns:
            n_missing = int(table[_SUBJECT].isna().sum())
            n_twice = int(table[_SUBJECT].duplicated().sum())
            if n_missing:
                findings.append(f"`{_SUBJECT}` must be known, got {n_missing} rows without.")
            elif n_twice:
                findings.append(f"`{_SUBJECT}` must not repeat, got {n_twice} repeats.")
        if findings:
            raise UsageError(
                f"`table` must hold one row per pupil with the model's {len(self.feature_names)} "
                f"features, got {len(findings)} differences. Mend the table; "
                "`model.feature_names` names the features.",
                findings,
            )


def _read_table(table: Any) -> pd.DataFrame:
    """Return a table of any library as a frame with an index of its own."""
    if isinstance(table, pd.DataFrame):
        return _uncategorise(table.reset_index(drop=True))
    if not hasattr(table, "__arrow_c_stream__") and not isinstance(table, pa.RecordBatch):
        raise UsageError(
            "`table` must be a pandas, Polars or Arrow table, or have Arrow's stream interface, "
            f"got {type(table).__name__}. Make one of them, for example by `pandas.DataFrame`, or "
            "by `collect` of a lazy one."
        )
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    try:
        arrow = pa.table(table)
        kinds = [pa.field(field.name, _plain_type(field.type)) for field in arrow.schema]
        plain = arrow.cast(pa.schema(kinds))
    except pa.ArrowException as error:
        raise UsageError(
            "`table` must be a table of numbers, texts and dates that Arrow can read, got "
            f"{type(table).__name__} with something else. Give features as floats."
        ) from error
    return _uncategorise(plain.to_pandas())


def _uncategorise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose categories are text, which sorts by itself and not by their order."""
    categories = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(categories, "str"))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Return a type that becomes numbers, or text, in a frame even where values are missing."""
    if pa.types.is_boolean(kind):
        return pa.int8()
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        return pa.float64()
    return pa.string() if pa.types.is_string_view(kind) else kind


def load_model(path: str | Path, *, point: str | None = None) -> ScreeningModel:
    """Load the model of a run, ready to score a table.

    Parameters
    ----------
    path : str or pathlib.Path
        A run's folder, of which the chosen model is loaded, or the folder of a single model.
    point : str, optional
        The prediction point; needed where the run has several.

    Returns
    -------
    ScreeningModel
        With `screen`.

    Raises
    ------
    UsageError
        If there is no model, the point must be named or is not there, the model was made by a
        version that this one cannot read, or does not decompose.
    """
    folder = RunFolder(Path(path))
    if (folder.root / "model.json").is_file():
        model = read_model(folder.root)
    else:
        folder.require(artifacts.TRAINING, made_by="train")
        points = list(read_chosen(folder))
        if point is None and len(points) > 1:
            raise UsageError(
                f"`point` must be given, got nothing for a run with {len(points)} prediction "
                f"points. Choose one of {', '.join(points)}."
            )
        model = load_chosen(folder, points[0] if point is None else point)
    if not model.is_interpretable:
        raise UsageError(
            f"`path` must lead to a model that can be explained, got the family '{model.family}'. "
            "Load another model."
        )
    return ScreeningModel(model)
