"""What a list says of each pupil besides the risk: how sure it is, what changed, what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.validation import check_columns
from riskmodel.core.windows import is_before
from riskmodel.engine.session import Engine
from riskmodel.errors import UsageError
from riskmodel.evaluation.conformal import ConformalSets, find_conformal_sets
from riskmodel.evaluation.risk_intervals import find_risk_intervals
from riskmodel.explanation.contributions import explain
from riskmodel.explanation.movements import Explained, movement_texts
from riskmodel.explanation.phrases import Reason
from riskmodel.explanation.wording import Language
from riskmodel.features.history import Histories, read_histories
from riskmodel.features.schemas import feature_schemas
from riskmodel.models.risk_model import RiskModel
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.assessment import load_chosen
from riskmodel.pipeline.inputs import InputSource
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import KEYS, open_tables, read_attributes, read_labels
from riskmodel.screening.changes import ListChange, compare_lists
from riskmodel.screening.lists import select_pupils
from riskmodel.screening.specs import ScreeningSpec


@dataclass(frozen=True, eq=False)
class ScoredPupils:
    """All pupils of one prediction date with the model that scored them.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `select_pupils`, with the index of the labels, and `is_listed`: whether the rule
        chose them.
    source : InputSource
        Where their features are read.
    model : RiskModel
        The chosen one.
    """

    rows: pd.DataFrame
    source: InputSource
    model: RiskModel


def describe_certainty(
    config: RunConfig,
    folder: RunFolder,
    predictions: pd.DataFrame,
    selected: pd.DataFrame,
    spec: ScreeningSpec,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Find for each listed pupil an interval and, where asked for, the possible outcomes.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.
    folder : RunFolder
        The run's folder.
    predictions : pandas.DataFrame
        Of the chosen models, on test rows.
    selected : pandas.DataFrame
        The listed rows, with `risk`.
    spec : ScreeningSpec
        Point and conformal sets.

    Returns
    -------
    facts : pandas.DataFrame
        `risk_lower`, `risk_upper` and `possible_outcomes`, with the index of `selected`.
    summary : dict
        JSON values: `interval` (`level`, `method`, `reason`) and `conformal` (`level`, `by`,
        and the coverage of each group), null where not asked for.
    """
    earlier = predictions[predictions["point"] == spec.point]
    level, minimum = config.evaluation.level, config.evaluation.minimum_count
    risk = selected["risk"].to_numpy(dtype="float64")
    found = find_risk_intervals(earlier, risk, level=level, minimum_count=minimum)
    facts = pd.DataFrame(
        {"risk_lower": found.lower, "risk_upper": found.upper}, index=selected.index
    )
    summary: dict[str, Any] = {
        "interval": {"level": level, "method": found.method, "reason": found.reason},
        "conformal": None,
    }
    if spec.conformal is not None:
        sets = _find_sets(folder, earlier, selected, spec, minimum)
        facts["possible_outcomes"] = pd.Series(sets.outcomes, index=facts.index, dtype="str")
        summary["conformal"] = {
            "level": sets.level,
            "by": spec.conformal.by,
            "coverage": list(sets.coverage),
        }
    return facts, summary


def _find_sets(
    folder: RunFolder,
    earlier: pd.DataFrame,
    selected: pd.DataFrame,
    spec: ScreeningSpec,
    minimum_count: int,
) -> ConformalSets:
    """Return the sets of possible outcomes within the groups asked for."""
    assert spec.conformal is not None
    by = spec.conformal.by

    def find_groups(rows: pd.DataFrame) -> pd.Series:
        """Return the group of each row, one for all where there is no attribute."""
        if by is None:
            return pd.Series("", index=rows.index)
        attributes = read_attributes(folder, rows)
        check_columns(list(attributes.columns), (by,), where="screening.conformal.by")
        return attributes[by]

    return find_conformal_sets(
        earlier.assign(group=find_groups(earlier)),
        selected["risk"].to_numpy(dtype="float64"),
        find_groups(selected),
        level=spec.conformal.level,
        minimum_count=minimum_count,
    )


@dataclass(frozen=True, eq=False)
class Comparison:
    """The pupils of a list beside those of an earlier date.

    Parameters
    ----------
    now, earlier : ScoredPupils
        Of the two dates only.
    movements : mapping of str to sequence of Reason
        What moved the risk of each pupil who is new or has left, of those scored at both dates.
    """

    now: ScoredPupils
    earlier: ScoredPupils
    movements: Mapping[str, Sequence[Reason]]

    def for_view(self, spec: ScreeningSpec) -> ListChange:
        """Return what has changed, as one role may read it.

        Parameters
        ----------
        spec : ScreeningSpec
            With what is withheld.

        Returns
        -------
        ListChange
            Who is new and who has left.
        """
        return compare_lists(self.now.rows, self.earlier.rows, self.movements, spec)


def _find_movements(
    now: ScoredPupils, earlier: ScoredPupils, language: Language
) -> dict[str, list[Reason]]:
    """Return what moved the risks of those who are on one list only and were scored for both."""
    dates = [one.rows for one in (now, earlier)]
    listed_now, listed_then = (set(rows.loc[rows["is_listed"], "subject_id"]) for rows in dates)
    scored_now, scored_then = (set(rows["subject_id"]) for rows in dates)
    both = sorted((listed_now ^ listed_then) & scored_now & scored_then)
    if not both:
        return {}
    before, after = _explain(earlier, both), _explain(now, both)
    texts = movement_texts(before, after, now.model.infos, language=language)
    return dict(zip(both, texts, strict=True))


def _explain(scored: ScoredPupils, subjects: Sequence[str]) -> Explained:
    """Return some pupils' features with what each adds to their risks, in the given order."""
    places = pd.Series(scored.rows.index, index=scored.rows["subject_id"])
    rows = scored.rows.loc[places.loc[list(subjects)]]
    inputs = scored.source.read(rows)[list(scored.model.feature_names)]
    return Explained(explain(scored.model, inputs), inputs)


def find_comparison(
    config: RunConfig, folder: RunFolder, engine: Engine, now: ScoredPupils, spec: ScreeningSpec
) -> Comparison | None:
    """Find the earlier date that this list is compared with, and score its pupils.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.
    folder : RunFolder
        The run's folder.
    engine : Engine
        Reads the features.
    now : ScoredPupils
        The pupils of the list's date.
    spec : ScreeningSpec
        Names the earlier point or run, if any.

    Returns
    -------
    Comparison or None
        None where there is no earlier date of the same cohort and none was asked for.

    Raises
    ------
    UsageError
        If the date that was asked for has no pupils of the cohort, or is not earlier.
    """
    cohort, moment = now.rows["cohort"].iloc[0], now.rows["prediction_date"].max()
    if spec.earlier is not None and spec.earlier.run is not None:
        folder = RunFolder(spec.earlier.run)
    labels = read_labels(folder)
    before = labels[labels["cohort"].eq(cohort)]
    before = before[is_before(before["prediction_date"], moment)]
    if spec.earlier is not None:
        before = before[before["point"] == spec.earlier.point]
        if before.empty:
            raise UsageError(
                "`screening.earlier` must name an earlier date of the same cohort, got none there. "
                "Check its point, and its run."
            )
    if before.empty:
        return None
    before = before[before["prediction_date"] == before["prediction_date"].max()]
    model = load_chosen(folder, str(before["point"].iloc[0]))
    source = InputSource(config, folder, engine, labels)
    rows = before[[*KEYS, "school_unit"]]
    size = config.engine.batch_rows
    risks = [
        model.predict_risk(source.read(rows.iloc[start : start + size]))
        for start in range(0, len(rows), size)
    ]
    rows = rows.assign(risk=np.concatenate(risks))
    listed = select_pupils(rows, spec.for_chosen_rows())
    rows = rows.assign(is_listed=rows.index.isin(listed.index))
    earlier = ScoredPupils(rows, source, model)
    return Comparison(now, earlier, _find_movements(now, earlier, spec.language))


def read_listed_histories(
    context: StageContext, subjects: Sequence[str], moment: date
) -> Histories | None:
    """Read the attendance and grades of the listed pupils as they were known.

    Parameters
    ----------
    context : StageContext
        The run.
    subjects : sequence of str
        The listed pupils.
    moment : datetime.date
        The list's prediction date.

    Returns
    -------
    Histories or None
        None for a run from a ready table, which has no events.
    """
    config = context.config
    if config.feature_table is not None:
        return None
    with open_tables(context) as (engine, tables):
        schemas = feature_schemas(config.tables)
        return read_histories(
            engine, tables, subjects, moment, schemas=schemas, calendar=config.calendar
        )
