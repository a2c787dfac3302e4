"""A finished run with many more pupils of today, drawn from its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from riskmodel.core.files import read_json

PER_SCHOOL = 10
ROW_GROUP_SIZE = 122_880
_KEYS = ["subject_id", "prediction_date"]
_SHOWN = ("attendance", "grades")
_VIEWS = {
    "school": {"title": "Skolans elevhälsa"},
    "medical": {"title": "Elevhälsans medicinska del", "withheld_domains": []},
}
_COPY = """
COPY (
    SELECT drawn.subject_id, event.* EXCLUDE (subject_id) REPLACE (
        (event.date + to_years(drawn.years::INTEGER))::DATE AS date,
        (event.known_date + to_years(drawn.years::INTEGER))::DATE AS known_date)
    FROM drawn JOIN read_parquet('{source}') AS event ON event.subject_id = drawn.source
    ORDER BY ALL
) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)
"""


@dataclass(frozen=True)
class Size:
    """How large a run is to grow.

    Parameters
    ----------
    pupils, schools : int
        How many there are to be at today's date.
    is_full : bool
        Whether the list has two roles' views and an earlier list to be compared with, and the
        pupils attendance and grades for their cards.
    """

    pupils: int
    schools: int
    is_full: bool


def grow_run(config: Path, folder: Path, size: Size) -> Path:
    """Copy a finished run with many more pupils of today, and return its configuration.

    Parameters
    ----------
    config : pathlib.Path
        The finished run's.
    folder : pathlib.Path
        Where the copy goes.
    size : Size
        How large.

    Returns
    -------
    pathlib.Path
        The copy's configuration.
    """
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    source, out = config.parent / settings["out"], folder / "run"
    copytree(source, out, ignore=ignore_patterns("mlflow*", ".*"))
    labels = pd.read_parquet(source / "labels.parquet")
    order = read_json(source / "training.json")["order"]
    points = order[:2] if size.is_full else order[:1]
    # Features of a later point may lie after the extract, where the outcome is not known either.
    by_point = _find_pool(labels[labels["label"].notna()] if size.is_full else labels, points)
    rng = np.random.default_rng(0)
    subjects = np.sort([rng.bytes(16).hex() for _ in range(size.pupils)])
    chosen = rng.integers(len(by_point[0]), size=size.pupils)
    schools = rng.choice([f"school-{number:04d}" for number in range(size.schools)], size.pupils)
    todays = [rows[rows["prediction_date"].eq(rows["prediction_date"].max())] for rows in by_point]
    _write_features(source, out, [rows.iloc[chosen] for rows in by_point], subjects, todays)
    new = [
        pd.DataFrame({name: [rows.iloc[0][name]] * size.pupils for name in labels.columns}).assign(
            subject_id=subjects, school_unit=schools
        )
        for rows in todays
    ]
    dates = {rows.iloc[0]["prediction_date"] for rows in todays}
    kept = labels[~labels["prediction_date"].isin(dates)]
    pd.concat([kept, *new], ignore_index=True).to_parquet(out / "labels.parquet")
    if size.is_full:
        own = by_point[-1].iloc[chosen]
        _write_events(source, out, own, subjects, max(dates).year)
    return _write_config(settings, folder, points[-1], str(todays[-1].iloc[0]["cohort"]), size)


def _find_pool(labels: pd.DataFrame, points: Sequence[str]) -> list[pd.DataFrame]:
    """Return the rows to draw from at each point, of the same pupils in the same order."""
    tables = [labels[labels["point"].eq(point)] for point in points]
    both = ["subject_id", "cohort"]
    known = tables[0][both]
    for rows in tables[1:]:
        known = known.merge(rows[both], on=both)
    return [known.merge(rows, on=both) for rows in tables]


def _write_features(
    source: Path,
    out: Path,
    drawn: Sequence[pd.DataFrame],
    subjects: Any,
    todays: Sequence[pd.DataFrame],
) -> None:
    """Write the features of the drawn pupils in place of those of today."""
    features = pq.read_table(source / "features.parquet")
    keys = features.select(_KEYS).to_pandas()
    places = pd.Series(range(len(keys)), index=pd.MultiIndex.from_frame(keys))
    dates = [rows.iloc[0]["prediction_date"] for rows in todays]
    parts = [features.filter(pa.array(~keys["prediction_date"].isin(dates).to_numpy()))]
    for rows, date in zip(drawn, dates, strict=True):
        taken = features.take(pa.array(places[pd.MultiIndex.from_frame(rows[_KEYS])].to_numpy()))
        day = pa.array([date] * len(rows), features.schema.field(1).type)
        taken = taken.set_column(0, "subject_id", pa.array(subjects))
        parts.append(taken.set_column(1, "prediction_date", day).cast(features.schema))
    ordered = pa.concat_tables(parts).sort_by([(name, "ascending") for name in _KEYS])
    pq.write_table(
        ordered, out / "features.parquet", compression="zstd", row_group_size=ROW_GROUP_SIZE
    )


def _write_events(source: Path, out: Path, own: pd.DataFrame, subjects: Any, year: int) -> None:
    """Give each drawn pupil the attendance and grades of its original, moved to this year."""
    years = [year - date.year for date in own["prediction_date"]]
    drawn = pd.DataFrame(
        {"subject_id": subjects, "source": own["subject_id"].to_numpy(), "years": years}
    )
    with duckdb.connect() as connection:
        connection.register("drawn", drawn)
        for name in _SHOWN:
            path = Path("pseudonymised") / f"{name}.parquet"
            connection.execute(_COPY.format(source=source / path, target=out / path))


def _write_config(
    settings: dict[str, Any], folder: Path, point: str, cohort: str, size: Size
) -> Path:
    """Write the copy's configuration."""
    settings["out"] = str(folder / "run")
    settings["screening"].pop("capacity_overall", None)
    settings["screening"] |= {"capacity_per_school": PER_SCHOOL, "point": point, "cohort": cohort}
    if size.is_full:
        settings["screening"]["views"] = _VIEWS
    target = folder / "run.yaml"
    target.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return target
