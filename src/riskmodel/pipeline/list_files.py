"""The files of a list: one table, one page and one workbook for each role."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.cohort.population import CLASS_SIGN
from riskmodel.config.models import RunConfig
from riskmodel.core.files import write_text
from riskmodel.explanation.phrases import Reason
from riskmodel.features.history import ABSENCE_DOMAIN, GRADES_DOMAIN, Histories
from riskmodel.pipeline.listed_pupils import Comparison
from riskmodel.pipeline.tables import write_frame
from riskmodel.report.screening_page import collect_screening, render_screening
from riskmodel.report.workbook import write_screening_workbook
from riskmodel.screening.changes import ListChange, no_changes
from riskmodel.screening.lists import ScreeningList, build_screening_list
from riskmodel.screening.specs import ScreeningSpec, ViewSpec


@dataclass(frozen=True, eq=False)
class ListMaterial:
    """All that the lists of a run are made of, before anything is withheld.

    Parameters
    ----------
    rows : pandas.DataFrame
        All scored pupils, as in `select_pupils`.
    selected : pandas.DataFrame
        The rows of the listed ones, as `select_pupils` returned them.
    reasons : callable
        Returns the reasons of the listed ones, in their order, that a role may read.
    facts : pandas.DataFrame
        What else is known of them, with their index.
    comparison : Comparison or None
        An earlier date, where there is one.
    histories : Histories or None
        Their attendance and grades over time.
    performance : dict
        What the rule gave on earlier pupils.
    run : dict
        About the run.
    domains : mapping of str to str
        The focus area of each feature.
    summary : dict
        JSON values about all: how intervals and sets were made, and `n_without_enough_data` (how
        many pupils of the date cannot be judged, a small count only as being small).
    """

    rows: pd.DataFrame
    selected: pd.DataFrame
    reasons: Callable[[ScreeningSpec], Sequence[Sequence[Reason]]]
    facts: pd.DataFrame
    comparison: Comparison | None
    histories: Histories | None
    performance: dict[str, Any]
    run: dict[str, Any]
    domains: Mapping[str, str]
    summary: dict[str, Any]


def write_list(
    config: RunConfig,
    material: ListMaterial,
    spec: ScreeningSpec,
    path: Path,
    view: ViewSpec | None = None,
) -> ScreeningList:
    """Write one role's list as a table, and beside it as a page and a workbook.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.
    material : ListMaterial
        What the list is made of.
    spec : ScreeningSpec
        With what is withheld from the role.
    path : pathlib.Path
        The table's file; page and workbook have the same name. Pupils who are new or have left
        since an earlier list stand in a table of their own, ``NAME_changes.parquet``.
    view : ViewSpec, optional
        The role, where it is one of several.

    Returns
    -------
    ScreeningList
        As written.
    """
    change = material.comparison.for_view(spec) if material.comparison is not None else None
    facts = _add_facts(material, change)
    screening = build_screening_list(
        material.rows,
        lambda _: material.reasons(spec),
        spec,
        facts=facts,
        selected=material.selected,
    )
    write_frame(path, screening.frame)
    changes = no_changes(spec) if change is None else change.pupils
    write_frame(path.with_name(f"{path.stem}_changes.parquet"), changes)
    page = collect_screening(
        screening.frame,
        screening.to_dict() | material.summary,
        run=material.run if view is None else material.run | {"view": view.title},
        performance=material.performance,
        language=config.language,
        change=None if change is None else (change.to_dict(), change.pupils),
        histories=_withhold(material, spec),
    )
    write_text(path.with_suffix(".html"), render_screening(page))
    write_screening_workbook(page, path.with_suffix(".xlsx"))
    return screening


def _withhold(material: ListMaterial, spec: ScreeningSpec) -> Histories | None:
    """Return the histories without those of an area of which something is withheld."""
    if material.histories is None:
        return None
    hidden = {
        *spec.withheld_domains,
        *(material.domains.get(one) for one in spec.withheld_features),
    }
    absence, grades = material.histories.absence, material.histories.grades
    return Histories(
        absence.head(0) if ABSENCE_DOMAIN in hidden else absence,
        grades.head(0) if GRADES_DOMAIN in hidden else grades,
    )


def _add_facts(material: ListMaterial, change: ListChange | None) -> pd.DataFrame:
    """Return the facts with the pupils' classes, and whether they are new on the list."""
    facts = material.facts
    rows = material.rows.loc[facts.index]
    if "school_class" in rows.columns and rows["school_class"].notna().any():
        classes = rows["school_class"].str.rpartition(CLASS_SIGN)[2]
        facts = facts.assign(school_class=classes.where(rows["school_class"].notna()))
    if change is not None:
        new = set(change.pupils.loc[change.pupils["is_new"], "subject_id"])
        facts = facts.assign(is_new=rows["subject_id"].isin(new))
    return facts
