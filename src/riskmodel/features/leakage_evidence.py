"""Signs of the future that perturbation cannot show: odd dates, and what tells too well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from riskmodel.core.schema import Table
from riskmodel.core.windows import is_before
from riskmodel.engine.session import Engine
from riskmodel.features.leakage_perturb import VIRTUAL, SampledTable
from riskmodel.features.leakage_report import LeakageFinding
from riskmodel.features.leakage_specs import FINDING_KINDS
from riskmodel.features.rows import find_used_columns
from riskmodel.features.schemas import KNOWN, PREDICTION, SUBJECT
from riskmodel.features.specs import FeatureSpec

_EARLY_SHARE = 0.01
_BULK_SHARE = 0.95
_BULK_DAYS = 31
_LEAST_ROWS = 100
_LEAST_CLASS = 50
_MOST_VALUES = 30
_BINS = 20
_Floats = npt.NDArray[np.float64]


def find_date_evidence(
    engine: Engine,
    tables: Mapping[str, Any],
    schemas: Mapping[str, Table],
    specs: Sequence[FeatureSpec],
) -> list[LeakageFinding]:
    """Find tables whose known dates cannot be what they say.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        The event tables; those that no feature reads are passed over.
    schemas : mapping of str to Table
        Their columns and dates.
    specs : sequence of FeatureSpec
        The features.

    Returns
    -------
    list of LeakageFinding
        Warnings and notes: none of them stops a run.

    Notes
    -----
    Each table is scanned once, for its dates alone.
    """
    findings: list[LeakageFinding] = []
    for name in dict.fromkeys(spec.table for spec in specs):
        if KNOWN not in tables[name].columns or KNOWN not in schemas[name].columns:
            findings.append(_name_table("no_known_dates", name, _NO_DATES))
            continue
        findings += _judge_dates(name, _profile_dates(engine, tables[name], schemas[name]))
    return findings


_NO_DATES = (
    "no row says when it was known; each counts from its own day, late corrections among them"
)


def _profile_dates(engine: Engine, table: Any, schema: Table) -> pd.DataFrame:
    """Return, by known date, how many rows there are, how many are early, and their dates."""
    assert schema.date is not None
    known, happened = table[KNOWN].cast("date"), table[schema.date].cast("date")
    dated = table.select(known=known, happened=happened)
    early = is_before(dated.known, dated.happened).fill_null(False)
    grouped = dated.group_by("known").aggregate(
        rows=dated.count(),
        early=early.cast("int64").sum(),
        first=dated.happened.min(),
        last=dated.happened.max(),
    )
    return engine.to_pandas(grouped)


def _judge_dates(name: str, profile: pd.DataFrame) -> Iterator[LeakageFinding]:
    """Yield what is odd about the known dates of a table."""
    told = profile[profile["known"].notna()]
    n_rows, n_told = int(profile["rows"].sum()), int(told["rows"].sum())
    if not n_told:
        if n_rows:
            yield _name_table("no_known_dates", name, _NO_DATES)
        return
    if n_told < _LEAST_ROWS:
        return
    early = int(told["early"].sum())
    if early >= _EARLY_SHARE * n_told:
        text = "rows were known before they happened; is `known_date` the right column"
        yield _name_table("known_before_date", name, text + "?", early, n_told)
    largest = int(told["rows"].max())
    span = (told["last"].max() - told["first"].min()).days
    if largest >= _BULK_SHARE * n_told and span > _BULK_DAYS:
        text = "rows share one known date, as if it were the day of a load or an export"
        yield _name_table("known_in_bulk", name, text, largest, n_told)


def _name_table(
    kind: str, name: str, text: str, count: int | None = None, total: int | None = None
) -> LeakageFinding:
    """Return a finding about a table."""
    return LeakageFinding(
        kind, name, text, FINDING_KINDS[kind], table=name, count=count, total=total
    )


def find_telling_features(
    cohort: pd.DataFrame, features: pd.DataFrame, specs: Sequence[FeatureSpec], limit: float
) -> tuple[list[LeakageFinding], tuple[str, ...]]:
    """Find features of which each alone tells the outcome almost perfectly.

    Parameters
    ----------
    cohort : pandas.DataFrame
        ``subject_id``, ``prediction_date``, ``label``; only rows of the split ``"train"`` are
        looked at where there is a ``split``. Each ``point`` is looked at by itself.
    features : pandas.DataFrame
        The features, of all of the cohort or of some.
    specs : sequence of FeatureSpec
        Which columns they are.
    limit : float
        The area under the ROC curve from which on a feature is too good to be true.

    Returns
    -------
    tuple of list of LeakageFinding and tuple of str
        The findings, and the points with too few pupils to say.
    """
    keys = [SUBJECT, PREDICTION]
    rows = _select_training(cohort).merge(features, on=keys, how="inner", validate="one_to_one")
    points = rows["point"] if "point" in rows.columns else pd.Series("all", index=rows.index)
    best: dict[str, float] = {}
    skipped = [] if len(rows) else ["whether a feature tells the outcome: no pupil is trained on"]
    for point, group in rows.groupby(points, sort=True):
        labels = group["label"].to_numpy(dtype="float64")
        if not _has_both(labels):
            skipped.append(f"whether a feature tells the outcome at `{point}`: too few pupils")
            continue
        for spec in specs:
            found = measure_separation(group[spec.name].to_numpy(dtype="float64"), labels)
            best[spec.name] = max(best.get(spec.name, 0.0), found)
    tables = {spec.name: spec.table for spec in specs}
    return [
        LeakageFinding(
            kind="tells_outcome",
            place=name,
            text=f"the feature (table `{tables[name]}`) alone tells the outcome almost perfectly "
            f"(AUC {value:.3f}, limit {limit:g}): too good to be true",
            severity="leak",
            table=tables[name],
        )
        for name, value in best.items()
        if value >= limit
    ], tuple(skipped)


def _select_training(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a label that models may learn from."""
    kept = cohort["label"].notna()
    if "split" in cohort.columns:
        kept &= cohort["split"].eq("train")
    return cohort[kept]


def _has_both(labels: _Floats) -> bool:
    """Tell whether there are enough pupils with either outcome to say anything."""
    positive = int((labels == 1).sum())
    return min(positive, len(labels) - positive) >= _LEAST_CLASS


def measure_separation(values: _Floats, labels: _Floats) -> float:
    """Return how well one number tells two classes apart, in whatever way.

    Parameters
    ----------
    values : numpy.ndarray of shape (n,)
        The number; NaN is a value of its own.
    labels : numpy.ndarray of shape (n,)
        1 or 0, both present.

    Returns
    -------
    float
        The area under the ROC curve, from .5 to 1: the greatest over both directions, missing
        values ranked below all others or above, and values put into twenty groups that are
        ranked by the outcome in the other half of the rows.
    """
    low = np.where(np.isnan(values), -np.inf, values)
    high = np.where(np.isnan(values), np.inf, values)
    ranked = [_measure_auc(scores, labels) for scores in (low, high)]
    return max(*(max(auc, 1 - auc) for auc in ranked), _measure_groups(values, labels))


def _measure_auc(scores: _Floats, labels: _Floats) -> float:
    """Return the area under the ROC curve, ties counting half."""
    positive = labels == 1
    n_positive = int(positive.sum())
    n_negative = len(labels) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    total = float(rankdata(scores)[positive].sum()) - n_positive * (n_positive + 1) / 2
    return total / (n_positive * n_negative)


def _measure_groups(values: _Floats, labels: _Floats) -> float:
    """Return the mean of both halves' AUC, groups ranked by their rate in the other half."""
    edges = (
        np.unique(np.nanquantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
        if (~np.isnan(values)).any()
        else np.array([])
    )
    groups = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values))
    half = np.arange(len(values)) % 2 == 0
    areas = []
    for learnt, tested in ((half, ~half), (~half, half)):
        sums = np.bincount(groups[learnt], labels[learnt], minlength=len(edges) + 2)
        sizes = np.bincount(groups[learnt], minlength=len(edges) + 2)
        rates = (sums + labels.mean()) / (sizes + 1)
        areas.append(_measure_auc(rates[groups[tested]], labels[tested]))
    return float(np.mean(areas))


def find_telling_columns(
    engine: Engine,
    tables: Iterable[SampledTable],
    sample: pd.DataFrame,
    specs: Sequence[FeatureSpec],
    limit: float,
) -> list[LeakageFinding]:
    """Find columns of event tables whose values before the prediction date agree with the outcome.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : iterable of SampledTable
        The rows of the sample.
    sample : pandas.DataFrame
        The predictions, with `VIRTUAL` and ``label``.
    specs : sequence of FeatureSpec
        The features: a column that one of them reads is a leak, another a note.
    limit : float
        The area under the ROC curve from which on a column is too good to be true.

    Returns
    -------
    list of LeakageFinding
        One per column.
    """
    chosen = _select_training(sample)
    labels = chosen["label"].to_numpy(dtype="float64")
    if not _has_both(labels):
        return []
    found = []
    for table in tables:
        used = find_used_columns([spec for spec in specs if spec.table == table.name])
        for column, value in _measure_columns(engine, table, chosen[VIRTUAL], labels).items():
            if value >= limit:
                found.append(_name_column(table.name, column, value, limit, column in used))
    return found


def _name_column(
    table: str, column: str, value: float, limit: float, is_used: bool
) -> LeakageFinding:
    """Return the finding for a column that agrees with the outcome."""
    use = "a feature reads it" if is_used else "no feature reads it"
    return LeakageFinding(
        kind="column_tells_outcome",
        place=f"{table}.{column}",
        text=f"the column's values before the prediction date agree with the outcome (AUC "
        f"{value:.3f}, limit {limit:g}), and {use}: was the outcome copied into the table?",
        severity="leak" if is_used else "note",
        table=table,
    )


def _measure_columns(
    engine: Engine, table: SampledTable, virtuals: pd.Series, labels: _Floats
) -> dict[str, float]:
    """Return how well each column's values before the prediction date tell the outcome."""
    kinds = {
        name: table.source[name].type()
        for name, column in table.schema.columns.items()
        if name in table.source.columns and name != SUBJECT and column.type != "date"
    }
    seen = table.rows.filter(table.is_believed())
    numbers = [name for name, kind in kinds.items() if kind.is_numeric() or kind.is_boolean()]
    texts = [name for name, kind in kinds.items() if kind.is_string()]
    measured = {}
    for name, frame in (
        *_summarise_numbers(engine, seen, numbers),
        *_list_values(engine, seen, texts),
    ):
        aligned = frame.reindex(virtuals)
        scores = [measure_separation(aligned[c].to_numpy("float64"), labels) for c in aligned]
        measured[name] = max(scores, default=0.0)
    return measured


def _summarise_numbers(
    engine: Engine, rows: Any, names: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the smallest, mean and greatest value of each numeric column by prediction."""
    if not names:
        return
    sums = {
        f"{how}_{number}": getattr(rows[name].cast("float64"), how)()
        for number, name in enumerate(names)
        for how in ("min", "mean", "max")
    }
    frame = engine.to_pandas(rows.group_by(VIRTUAL).aggregate(**sums)).set_index(VIRTUAL)
    for number, name in enumerate(names):
        yield name, frame[[f"{how}_{number}" for how in ("min", "mean", "max")]]


def _list_values(
    engine: Engine, rows: Any, names: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield whether each value of a text column occurs, by prediction, if there are few values."""
    if not names:
        return
    counts = engine.to_pandas(rows.aggregate(**{name: rows[name].nunique() for name in names}))
    for name in names:
        if not 0 < counts[name][0] <= _MOST_VALUES:
            continue
        pairs = engine.to_pandas(rows.select(VIRTUAL, value=rows[name]).distinct()).dropna()
        yield name, pd.crosstab(pairs[VIRTUAL], pairs["value"]).astype("float64")
