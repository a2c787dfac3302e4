"""A run's tables: read, joined and written the same way everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.files import read_json, write_atomically
from riskmodel.core.validation import suggest_name
from riskmodel.engine.session import Engine, open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.keys import load_linkage_key
from riskmodel.pipeline.runner import StageContext
from riskmodel.privacy.linkage import open_links

KEYS = ["subject_id", "prediction_date"]
_MAIN, _OWN = "linked_main", "linked_own"


@dataclass(frozen=True, eq=False)
class ModellingTable:
    """Labels and model inputs, one row per pupil and prediction date.

    Parameters
    ----------
    labels : pandas.DataFrame
        The columns of `labels.parquet`.
    inputs : pandas.DataFrame
        One float column per model input, NaN where missing, with the index of `labels`.
    infos : tuple of dict
        What is known of each input.
    """

    labels: pd.DataFrame
    inputs: pd.DataFrame
    infos: tuple[dict[str, Any], ...]

    @property
    def points(self) -> list[str]:
        """The prediction points, in order of time."""
        first = self.labels.groupby("point", sort=False)["prediction_date"].min()
        return [str(point) for point in first.sort_values(kind="stable").index]

    def select(self, rows: pd.Series[bool]) -> ModellingTable:
        """Return the rows that are True.

        Parameters
        ----------
        rows : pandas.Series of bool
            With the index of `labels`.

        Returns
        -------
        ModellingTable
            Some of the rows.
        """
        return ModellingTable(self.labels[rows], self.inputs[rows], self.infos)


@contextmanager
def open_tables(
    context: StageContext, spec: EngineSpec | None = None
) -> Iterator[tuple[Engine, dict[str, Any]]]:
    """Open an engine, and in it the pseudonymised tables.

    Parameters
    ----------
    context : StageContext
        The run.
    spec : EngineSpec, optional
        Which engine; by default the embedded one, within the limits of the configuration.

    Yields
    ------
    engine : Engine
        For the length of the block.
    tables : dict of str to ibis.Table
        By name; those with a key of their own joined to the others by the linkage key, which
        lives in the engine alone.
    """
    with open_engine(spec or context.config.engine.embedded) as engine:
        place = context.folder.require(artifacts.PSEUDONYMISED, made_by="pseudonymise")
        tables = {path.stem: engine.read_parquet(path) for path in sorted(place.glob("*.parquet"))}
        yield engine, tables | _join_linked(engine, tables, context)


def _join_linked(
    engine: Engine, tables: Mapping[str, Any], context: StageContext
) -> dict[str, Any]:
    """Return the tables with keys of their own, by the pseudonyms of all the others."""
    folder = context.folder
    linkage = load_linkage_key(context.config, context.project)
    apart = [name for name in context.config.pseudonyms.sources if name in tables]
    if linkage is None or not apart:
        return {}
    links = pd.read_parquet(folder.require(artifacts.LINKS, made_by="pseudonymise"))
    subjects = pd.read_parquet(folder.path(artifacts.SUBJECTS), columns=["subject_id"])
    main, linked = subjects["subject_id"], {}
    for name in apart:
        own = open_links(links, main, linkage, source=name)
        joined_by = pd.DataFrame({_MAIN: main, _OWN: own}).dropna()
        pairs = engine.register(joined_by, f"linked_{name}")
        rows = tables[name]
        joined = rows.join(pairs, rows["subject_id"] == pairs[_OWN])
        columns = {column: joined[column] for column in rows.columns}
        linked[name] = joined.select(**(columns | {"subject_id": joined[_MAIN]}))
    return linked


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame to a Parquet file, atomically.

    Parameters
    ----------
    path : pathlib.Path
        The file to write.
    frame : pandas.DataFrame
        Its content; the index is left out.
    """
    with write_atomically(path) as partial:
        frame.to_parquet(partial, index=False)


def read_labels(folder: RunFolder) -> pd.DataFrame:
    """Read the labels.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.

    Returns
    -------
    pandas.DataFrame
        The columns of `labels.parquet`.
    """
    return pd.read_parquet(folder.require(artifacts.LABELS, made_by="cohort"))


def read_attributes(folder: RunFolder, labels: pd.DataFrame) -> pd.DataFrame:
    """Read the pupils' attributes, one row for each row of the labels.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.
    labels : pandas.DataFrame
        With the column `subject_id`.

    Returns
    -------
    pandas.DataFrame
        All attributes, NaN where unknown, with the index of `labels`.
    """
    subjects = pd.read_parquet(folder.require(artifacts.SUBJECTS, made_by="pseudonymise"))
    found = subjects.set_index("subject_id").reindex(labels["subject_id"])
    return found.set_index(labels.index)


def read_modelling_table(config: RunConfig, folder: RunFolder) -> ModellingTable:
    """Read labels and model inputs.

    Parameters
    ----------
    config : RunConfig
        Names the sensitive attributes that may be inputs, by default none.
    folder : RunFolder
        The run's folder.

    Returns
    -------
    ModellingTable
        One row per pupil and prediction date.

    Raises
    ------
    ConfigurationError
        If an attribute that is to be an input does not exist.
    """
    labels = read_labels(folder)
    features = pd.read_parquet(folder.require(artifacts.FEATURES, made_by="features"))
    infos = read_json(folder.require(artifacts.FEATURE_INFO, made_by="features"))
    joined = labels[KEYS].merge(features, on=KEYS, how="left", validate="one_to_one")
    inputs = joined.drop(columns=KEYS).set_index(labels.index)
    inputs = pd.concat([inputs, make_sensitive_inputs(config, folder, labels)], axis=1)
    return ModellingTable(labels, inputs, tuple(infos))


def make_sensitive_inputs(
    config: RunConfig, folder: RunFolder, labels: pd.DataFrame
) -> pd.DataFrame:
    """Return the sensitive attributes that may be inputs, one column for each value.

    Parameters
    ----------
    config : RunConfig
        Names them, by default none.
    folder : RunFolder
        The run's folder.
    labels : pandas.DataFrame
        All rows of `labels.parquet`, so that every value has its column.

    Returns
    -------
    pandas.DataFrame
        Columns ``attribute=value`` of 0 and 1 with the index of `labels`; none by default.

    Raises
    ------
    ConfigurationError
        If an attribute does not exist.
    """
    names = config.models.sensitive_inputs
    if not names:
        return pd.DataFrame(index=labels.index)
    attributes = _select_attributes(folder, labels, names)
    return pd.get_dummies(attributes, prefix_sep="=", dtype=float)


def _select_attributes(
    folder: RunFolder, labels: pd.DataFrame, names: tuple[str, ...]
) -> pd.DataFrame:
    """Return the attributes that the configuration allows as inputs."""
    attributes = read_attributes(folder, labels)
    findings = [
        f"models.sensitive_inputs: there is no attribute '{name}'."
        f"{suggest_name(name, attributes.columns)}"
        for name in names
        if name not in attributes.columns
    ]
    if findings:
        raise ConfigurationError(
            f"`sensitive_inputs` must name attributes, got {len(findings)} unknown. "
            "Mend the configuration.",
            findings,
        )
    return attributes[list(names)].astype("str")


def find_groups(labels: pd.DataFrame) -> pd.Series[str] | None:
    """Return the school units, by which rows go together.

    Parameters
    ----------
    labels : pandas.DataFrame
        With the column `school_unit`.

    Returns
    -------
    pandas.Series or None
        None where no school is known.
    """
    return None if labels["school_unit"].isna().all() else labels["school_unit"]
