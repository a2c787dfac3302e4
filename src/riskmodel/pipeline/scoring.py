"""Scoring many pupils in parts, each kept when it is finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from riskmodel.engine.interface import Engine
from riskmodel.errors import DataContractError
from riskmodel.explanation.contributions import explain_risks
from riskmodel.explanation.reasons import LEAST_CONTRIBUTION, find_largest
from riskmodel.features.specs import FLAG_SUFFIX
from riskmodel.models.risk_model import RiskModel
from riskmodel.pipeline.inputs import InputSource
from riskmodel.pipeline.part_store import PartStore
from riskmodel.pipeline.progress import Progress
from riskmodel.screening.evidence import Ranges, assess_evidence, find_ranges
from riskmodel.screening.fitness import Columns
from riskmodel.screening.lists import find_withheld
from riskmodel.screening.specs import EvidenceSpec, ScreeningSpec

_SHARE = 0.5
"""How much of the stage scoring is; reasons, page and workbook are the rest."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """Gives each pupil's risk and the features that raise it most, wherever it is sent.

    Parameters
    ----------
    model : RiskModel
        Of a family that decomposes.
    n_reasons : int
        How many features.
    ranges : Ranges
        Between which values the training pupils lay.
    evidence : EvidenceSpec
        When a pupil's data are too thin.
    withheld : frozenset of str
        The features that count and are not named.
    """

    model: RiskModel
    n_reasons: int
    ranges: Ranges
    evidence: EvidenceSpec
    withheld: frozenset[str] = frozenset()

    @property
    def schema(self) -> pa.Schema:
        """The columns that are made of a row."""
        columns = [
            ("subject_id", pa.string()),
            ("risk", pa.float64()),
            ("has_enough_data", pa.bool_()),
        ]
        for number in range(1, self.n_reasons + 1):
            columns += [(f"feature_{number}", pa.string())]
            columns += [(f"contribution_{number}", pa.float64())]
        return pa.schema(columns)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Score some rows, each for itself.

        Parameters
        ----------
        rows : pyarrow.Table
            `subject_id` and the model's features.

        Returns
        -------
        pyarrow.Table
            `subject_id`, `risk`, `has_enough_data`, and for each reason ``i`` from 1 `feature_i`
            and `contribution_i` (log-odds above 0, by falling size); null where there are fewer.
        """
        inputs = rows.drop_columns(["subject_id"]).to_pandas()
        risk, explanation = explain_risks(self.model, inputs)
        parts = explanation.merge_flags()
        sizes = parts.contributions
        sizes[:, [name in self.withheld for name in parts.feature_names]] = 0.0
        order, values = find_largest(sizes, self.n_reasons)
        names = pa.array(parts.feature_names, pa.string())
        columns = {
            "subject_id": rows.column("subject_id"),
            "risk": pa.array(risk),
            "has_enough_data": pa.array(assess_evidence(inputs, self.ranges, self.evidence)),
        }
        for at in range(self.n_reasons):
            is_spare = at >= order.shape[1]
            none = np.full(len(rows), True)
            too_small = none if is_spare else values[:, at] < LEAST_CONTRIBUTION
            places = np.zeros(len(rows), dtype=np.int64) if is_spare else order[:, at]
            amounts = np.zeros(len(rows)) if is_spare else values[:, at]
            chosen = names.take(pa.array(places, mask=too_small))
            columns[f"feature_{at + 1}"] = chosen
            columns[f"contribution_{at + 1}"] = pa.array(amounts, mask=too_small)
        return pa.table(columns, schema=self.schema)


def make_scorer(model: RiskModel, spec: ScreeningSpec, trained: Columns) -> Scorer:
    """Return the scorer of a list.

    Parameters
    ----------
    model : RiskModel
        Of a family that decomposes.
    spec : ScreeningSpec
        How many reasons, what is withheld, and when data are too thin.
    trained : Columns
        The features of the pupils that the model was trained on.

    Returns
    -------
    Scorer
        It can be sent to a worker.
    """
    names = [name for name in model.inputs if not name.endswith(FLAG_SUFFIX)]
    return Scorer(
        model,
        spec.n_reasons,
        find_ranges(trained, names),
        spec.evidence,
        find_withheld(model.infos, spec),
    )


def score_pupils(
    rows: pd.DataFrame,
    source: InputSource,
    engine: Engine,
    scorer: Scorer,
    store: PartStore,
    *,
    batch_rows: int,
    progress: Progress,
) -> pa.Table:
    """Score pupils some at a time; parts that a killed run had finished are not scored again.

    Parameters
    ----------
    rows : pandas.DataFrame
        `subject_id` and `prediction_date`, of one date, no pupil twice.
    source : InputSource
        Where the inputs are read.
    engine : Engine
        Reads and, on a cluster, spreads the work.
    scorer : Scorer
        What is made of a row.
    store : PartStore
        Where finished parts are kept.
    batch_rows : int
        The most pupils of a part.
    progress : Progress
        Who listens.

    Returns
    -------
    pyarrow.Table
        The columns of `scorer.schema`, each pupil once, by `subject_id`.

    Raises
    ------
    DataContractError
        If a pupil has no features, or has them twice.

    Notes
    -----
    A row depends on itself alone: the parts' size changes nothing.
    """
    table = source.select(rows)
    subjects = sorted(rows["subject_id"].astype(str).to_list())
    parts = []
    for number, start in enumerate(range(0, len(subjects), batch_rows)):
        wanted = subjects[start : start + batch_rows]
        part = store.read(number)
        if part is None or not _is_of(part, wanted):
            piece = table.filter(table.subject_id.between(wanted[0], wanted[-1]))
            part = _put_in_order(engine.map_rows(piece, scorer, scorer.schema), wanted)
            store.write(number, part)
        parts.append(part)
        progress.advance(_SHARE * min(1.0, (start + batch_rows) / len(subjects)))
    return pa.concat_tables(parts).combine_chunks()


def _is_of(part: pa.Table, wanted: list[str]) -> bool:
    """Tell whether a part is of some pupils, in their order."""
    return bool(part.column("subject_id").to_pylist() == wanted)


def _put_in_order(scored: pa.Table, wanted: list[str]) -> pa.Table:
    """Return the rows of the wanted pupils, in their order; others share the date alone."""
    ids = pd.Index(scored.column("subject_id").to_pandas())
    if not ids.is_unique:
        raise DataContractError(
            "`features.parquet` must hold each pupil once at a date, got some twice. "
            "Run `riskmodel features` again."
        )
    places = ids.get_indexer(pd.Index(wanted))
    if (places < 0).any():
        raise DataContractError(
            f"`features.parquet` must hold every pupil, got {int((places < 0).sum())} without. "
            "Run `riskmodel features` again."
        )
    return scored.take(pa.array(places))


def describe_work(made_from: Mapping[str, Any], scorer: Scorer, batch_rows: int) -> dict[str, Any]:
    """Return all that the scored parts follow from.

    Parameters
    ----------
    made_from : mapping
        The stage's inputs, settings and code.
    scorer : Scorer
        What is made of a row.
    batch_rows : int
        How the work is cut.

    Returns
    -------
    dict
        JSON values.
    """
    return {"stage": dict(made_from), "columns": scorer.schema.names, "batch_rows": batch_rows}
