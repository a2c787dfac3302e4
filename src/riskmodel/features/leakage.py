"""The leakage test: no fact known on or after a prediction date may move a feature.

`find_leaks` perturbs the user's own data and computes the features anew, as a black box. It
also looks for what perturbation cannot show: known dates that cannot be right, and features or
columns that tell the outcome too well.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.randomness import derive_seed
from riskmodel.core.schema import Table
from riskmodel.core.validation import check_columns
from riskmodel.core.windows import SchoolCalendar
from riskmodel.engine.session import Engine
from riskmodel.errors import UsageError
from riskmodel.features.compiler import compute_features
from riskmodel.features.leakage_evidence import (
    find_date_evidence,
    find_telling_columns,
    find_telling_features,
)
from riskmodel.features.leakage_perturb import (
    CHANGES,
    DAY,
    NUMBER,
    VIRTUAL,
    SampledTable,
    draw_sample,
    perturb,
    read_declared,
    sample_rows,
)
from riskmodel.features.leakage_report import (
    LeakageFinding,
    LeakageReport,
    PerturbedTable,
    mark_accepted,
)
from riskmodel.features.leakage_specs import LeakageSpec
from riskmodel.features.schemas import PREDICTION, SUBJECT
from riskmodel.features.specs import FeatureSpec

_KEYS = [SUBJECT, PREDICTION]
_Moved = dict[str, npt.NDArray[np.bool_]]
_WORDS = {
    "dropped": "dropped",
    "changed": "changed",
    "added": "added",
    "hidden": "columns changed that were not known yet",
    "together": "dropped, changed and added together",
}


def find_leaks(
    engine: Engine,
    tables: Mapping[str, Any],
    cohort: pd.DataFrame,
    specs: Sequence[FeatureSpec],
    *,
    schemas: Mapping[str, Table],
    calendar: SchoolCalendar,
    random_state: int,
    spec: LeakageSpec | None = None,
    features: pd.DataFrame | None = None,
    folder: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> LeakageReport:
    """Test that no feature moves when all that was not known at its date is perturbed.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        The event tables, with `subject_id`.
    cohort : pandas.DataFrame
        ``subject_id`` and ``prediction_date``, one row per pair, and the columns that features
        compare peers within. With ``label`` (1, 0 or missing), and ``split`` where only the
        rows ``"train"`` may be looked at, what tells the outcome too well is found too.
    specs : sequence of FeatureSpec
        The features.
    schemas : mapping of str to Table
        The tables' columns and dates, from `feature_schemas`.
    calendar : SchoolCalendar
        Where school years start.
    random_state : int
        The seed of the sample and of every change.
    spec : LeakageSpec, optional
        How many predictions are tested, and what is accepted.
    features : pandas.DataFrame, optional
        The features of the cohort, as `compute_features` made them. They are computed anew
        where they are not given.
    folder : pathlib.Path, optional
        Where the sample's rows are kept while the test runs; the system's own by default.
    progress : callable, optional
        Called with the share that is done.

    Returns
    -------
    LeakageReport
        What was perturbed, which features held, and all findings.

    Raises
    ------
    UsageError
        If `features` are not those of the cohort and the specs.

    Notes
    -----
    The perturbed features are compared with the given ones, value by value and exactly,
    missing values included. What was computed with the whole cohort is thereby shown to follow
    from the past of each pupil (and of the peers) alone.
    """
    spec = spec or LeakageSpec()
    check_columns(list(cohort.columns), _KEYS, where="cohort")
    peers = sorted({item.relative_to for item in specs if item.relative_to is not None})
    check_columns(list(cohort.columns), peers, where="cohort")
    sample = draw_sample(cohort, peers, spec.sample, random_state)
    with tempfile.TemporaryDirectory(prefix=".partial-leakage-", dir=folder) as place:
        test = _Test(
            engine, specs, schemas, calendar, sample, peers, Path(place),
            virtuals=_register(engine, sample), seed=derive_seed(random_state, "leakage", "rows"),
        )  # fmt: skip
        test.read(tables)
        progress(0.2)
        moved, perturbed = test.perturb_all(_align(test, tables, cohort, features))
        progress(0.7)
        findings = [*test.name_moved(moved), *find_date_evidence(engine, tables, schemas, specs)]
        told, skipped = _find_told(engine, test, cohort, features, specs, spec)
        progress(1.0)
    marked, unused = mark_accepted([*findings, *told], spec.accepted)
    return LeakageReport(
        n_predictions=len(sample),
        n_all=len(cohort),
        n_dates=sample[DAY].nunique(),
        features=tuple(item.name for item in specs),
        moved=tuple(moved),
        tables=perturbed,
        findings=marked,
        skipped=skipped,
        unused=unused,
    )


def _register(engine: Engine, sample: pd.DataFrame) -> Any:
    """Put the predictions of the sample into the engine."""
    return engine.register(sample[[SUBJECT, VIRTUAL, NUMBER, DAY]], "leak_predictions")


@dataclass(eq=False)
class _Test:
    """The sample, its rows, and the features computed of them."""

    engine: Engine
    specs: Sequence[FeatureSpec]
    schemas: Mapping[str, Table]
    calendar: SchoolCalendar
    sample: pd.DataFrame
    peers: Sequence[str]
    place: Path
    virtuals: Any
    seed: int

    def read(self, tables: Mapping[str, Any]) -> None:
        """Gather the rows of the sample from every table that features read."""
        used = dict.fromkeys(spec.table for spec in self.specs)
        self.tables: dict[str, SampledTable] = {}
        self.counts: dict[str, int] = {}
        for name in used:
            source = read_declared(tables[name], self.schemas[name])
            rows = self._keep(sample_rows(source, self.virtuals, self.seed), name)
            self.tables[name] = SampledTable(name, self.schemas[name], source, rows)
            self.counts[name] = int(self.engine.to_pandas(rows.aggregate(n=rows.count()))["n"][0])

    def _keep(self, rows: Any, name: str) -> Any:
        """Compute rows once and return them as they are read back."""
        path = self.place / f"{name}.parquet"
        self.engine.write_parquet(rows, path)
        return self.engine.read_parquet(path)

    def perturb_all(self, expected: pd.DataFrame) -> tuple[_Moved, tuple[PerturbedTable, ...]]:
        """Return which predictions moved by feature, and what was done to each table."""
        self.expected = expected
        changed, told = {}, []
        for name, table in self.tables.items():
            rows, counts = perturb(table, self.virtuals, CHANGES, self.counts[name])
            changed[name] = self._keep(rows, f"{name}-perturbed")
            told.append(self._count(name, changed[name], counts))
        return self.compare(changed, self.specs), tuple(told)

    def _count(self, name: str, changed: Any, counts: Mapping[str, Any]) -> PerturbedTable:
        """Return how many rows of a table were perturbed."""
        rows = self.tables[name].rows
        found = self.engine.to_pandas(rows.aggregate(**counts)).fillna(0).iloc[0]
        left = self.engine.to_pandas(changed.aggregate(n=changed.count()))["n"][0]
        dropped = int(found["dropped"])
        return PerturbedTable(
            name=name,
            rows=self.counts[name],
            dropped=dropped,
            changed=int(found["changed"]),
            added=int(left) - (self.counts[name] - dropped),
            hidden=int(found["hidden"]),
        )

    def compare(self, tables: Mapping[str, Any], specs: Sequence[FeatureSpec]) -> _Moved:
        """Return, for each feature that is not as expected, at which predictions."""
        cohort = self.sample[[VIRTUAL, DAY, *self.peers]]
        return self._find_moved(self._compute(tables, cohort, specs), specs)

    def _compute(
        self, tables: Mapping[str, Any], cohort: pd.DataFrame, specs: Sequence[FeatureSpec]
    ) -> pd.DataFrame:
        """Return features of the predictions as pupils of their own, in their order."""
        after = compute_features(
            self.engine,
            tables,
            cohort.rename(columns={VIRTUAL: SUBJECT, DAY: PREDICTION}),
            specs,
            schemas=self.schemas,
            calendar=self.calendar,
        )
        return after.sort_values(SUBJECT)

    def _find_moved(self, after: pd.DataFrame, specs: Sequence[FeatureSpec]) -> _Moved:
        """Return, for each feature that is not exactly as expected, at which predictions."""
        found = {}
        for spec in specs:
            columns = list(spec.columns)
            one = after[columns].to_numpy(dtype="float64")
            other = self.expected[columns].to_numpy(dtype="float64")
            differs = (one != other) & ~(np.isnan(one) & np.isnan(other))
            if differs.any():
                found[spec.name] = np.asarray(differs.any(axis=1))
        return found

    def name_moved(self, moved: Mapping[str, npt.NDArray[np.bool_]]) -> list[LeakageFinding]:
        """Return a finding for each feature that moved: by which table and kind of change."""
        findings = []
        for name, table in self.tables.items():
            specs = [spec for spec in self.specs if spec.table == name and spec.name in moved]
            if not specs:
                continue
            as_it_is, *apart = self._compare_apart(table, [(), *([c] for c in CHANGES)], specs)
            by_change = dict(zip(CHANGES, apart, strict=True))
            why = _tell_why(self.engine, table)
            for spec in specs:
                if spec.name in as_it_is:
                    findings.append(_name_unsteady(spec, as_it_is[spec.name]))
                    continue
                changes = tuple(change for change in CHANGES if spec.name in by_change[change])
                findings.append(_name_moved(spec, moved[spec.name], changes, why))
        return findings

    def _compare_apart(
        self,
        table: SampledTable,
        variants: Sequence[Collection[str]],
        specs: Sequence[FeatureSpec],
    ) -> list[_Moved]:
        """Return which predictions move by each way of perturbing one table, in one pass."""
        rows, cohorts = [], []
        for number, changes in enumerate(variants):
            changed, _ = perturb(table, self.virtuals, changes, self.counts[table.name])
            mark = f"{number}:"
            rows.append(changed.mutate(**{SUBJECT: ibis.literal(mark) + changed[SUBJECT]}))
            named = [VIRTUAL, *self.peers]
            cohort = self.sample[[DAY, *named]]
            cohorts.append(cohort.assign(**{name: mark + cohort[name] for name in named}))
        together = functools.reduce(lambda one, other: one.union(other), rows)
        after = self._compute(
            {table.name: self._keep(together, f"{table.name}-apart")}, pd.concat(cohorts), specs
        )
        size = len(self.sample)
        parts = [after.iloc[size * n : size * (n + 1)] for n in range(len(variants))]
        return [self._find_moved(part, specs) for part in parts]


def _align(
    test: _Test, tables: Mapping[str, Any], cohort: pd.DataFrame, features: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the features of the sample as they are without perturbation, in its order."""
    columns = [column for spec in test.specs for column in spec.columns]
    if features is None:
        features = compute_features(
            test.engine,
            tables,
            cohort,
            test.specs,
            schemas=test.schemas,
            calendar=test.calendar,
        )
    check_columns(list(features.columns), [*_KEYS, *columns], where="features")
    keyed = features.assign(**{DAY: pd.to_datetime(features[PREDICTION]).dt.date})
    found = test.sample[[SUBJECT, DAY]].merge(
        keyed, on=[SUBJECT, DAY], how="left", validate="one_to_one", indicator="leak_merge"
    )
    absent = int(found["leak_merge"].ne("both").sum())
    if absent:
        raise UsageError(
            f"`features` must have a row for each of the cohort, got {absent} without. "
            "Compute them anew."
        )
    return found[columns]


def _name_unsteady(spec: FeatureSpec, rows: npt.NDArray[np.bool_]) -> LeakageFinding:
    """Return the finding for a feature that is another one without any perturbation."""
    return LeakageFinding(
        kind="unsteady",
        place=spec.name,
        text=f"the feature (table `{spec.table}`) is another one when it is computed for a sample "
        "of the predictions, though nothing was changed: it looks at other prediction dates or "
        "pupils, or was made of other tables",
        severity="leak",
        table=spec.table,
        count=int(rows.sum()),
        total=len(rows),
    )


def _name_moved(
    spec: FeatureSpec, rows: npt.NDArray[np.bool_], changes: tuple[str, ...], why: str
) -> LeakageFinding:
    """Return the finding for a feature that moved with the future."""
    changes = changes or ("together",)
    words = ", ".join(_WORDS[change] for change in changes)
    hidden = changes == ("hidden",)
    reason = "set `known_from` for the columns it reads" if hidden else why
    return LeakageFinding(
        kind="moved",
        place=spec.name,
        text=f"the feature moves when facts of the table `{spec.table}` from the prediction date "
        f"or later are changed ({words}){'; ' if reason else ''}{reason}",
        severity="leak",
        table=spec.table,
        changes=changes,
        count=int(rows.sum()),
        total=len(rows),
    )


def _tell_why(engine: Engine, table: SampledTable) -> str:
    """Return which dates put rows into the future that say they were known before."""
    assert table.schema.date is not None
    own = {table.schema.date, *(("known_date",) if table.has_known else ())}
    others = [name for name in table.dates if name not in own]
    if not others:
        return ""
    believed = table.is_believed()
    sums = {name: (believed & table.is_late(name)).cast("int64").sum() for name in others}
    found = engine.to_pandas(table.rows.aggregate(**sums)).fillna(0).iloc[0]
    late = [f"`{name}`" for name in others if found[name]]
    if not late:
        return ""
    return f"rows that count as known before have {', '.join(late)} on or after that date"


def _find_told(
    engine: Engine,
    test: _Test,
    cohort: pd.DataFrame,
    features: pd.DataFrame | None,
    specs: Sequence[FeatureSpec],
    spec: LeakageSpec,
) -> tuple[list[LeakageFinding], tuple[str, ...]]:
    """Return what tells the outcome too well, and what could not be looked at."""
    if "label" not in cohort.columns:
        return [], ("whether a feature tells the outcome too well: there are no labels",)
    if features is None:
        features = test.sample[[SUBJECT, PREDICTION]].join(test.expected)
    limit = spec.single_feature_auc
    found, skipped = find_telling_features(cohort, features, specs, limit)
    columns = find_telling_columns(engine, test.tables.values(), test.sample, specs, limit)
    return [*found, *columns], skipped
