"""The margins that came about, beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskmodel.simulation.diploma import KINDS, is_born_abroad
from riskmodel.simulation.geography import FloatArray
from riskmodel.simulation.grades import GradeDraw
from riskmodel.simulation.latent import Pupils
from riskmodel.simulation.parameters import EDUCATION, MIGRATION, SEX, Margins, PerformanceChoices
from riskmodel.simulation.paths import Paths
from riskmodel.simulation.performance import CORE, FINAL_TERM, YEAR_6_TERM, subject_position
from riskmodel.simulation.spec import COMPULSORY_YEARS

NOT_ELIGIBLE = "not_eligible"
"""Name of the first outcome's margins."""

NO_DIPLOMA = "no_diploma"
"""Name of the second outcome's margins."""

_ROWS = 3

Key = tuple[str, str, str]
"""What is counted, by what, and in which group."""


@dataclass
class MarginCounts:
    """Numbers of pupils, summed over blocks.

    Parameters
    ----------
    sums : dict
        For each margin the number of pupils, the sum of their true risks (NaN where there is no
        such thing) and the number in whom it came true.
    """

    sums: dict[Key, FloatArray] = field(default_factory=dict)

    def add(self, key: Key, happened: NDArray[np.bool_], risk: FloatArray | None = None) -> None:
        """Count pupils under one margin.

        Parameters
        ----------
        key : tuple of str
            What, by what, and in which group.
        happened : numpy.ndarray of bool
            One entry per pupil of the group.
        risk : numpy.ndarray of float, optional
            Their true risks.
        """
        expected = np.nan if risk is None else risk.sum()
        self.merge({key: np.array([len(happened), expected, happened.sum()])})

    def merge(self, other: Mapping[Key, FloatArray]) -> None:
        """Add another block's sums.

        Parameters
        ----------
        other : mapping
            Like `sums`.
        """
        for key, values in other.items():
            self.sums[key] = self.sums.get(key, np.zeros(_ROWS)) + values

    def to_rows(self, margins: Margins) -> list[dict[str, Any]]:
        """Return the margins as rows.

        Parameters
        ----------
        margins : Margins
            The published shares.

        Returns
        -------
        list of dict
            measure, by, group, pupils, observed, expected (mean true risk, or None) and
            published (or None).
        """
        return [
            {
                "measure": measure,
                "by": by,
                "group": group,
                "pupils": int(pupils),
                "observed": None if pupils == 0 else float(happened / pupils),
                "expected": None if pupils == 0 or np.isnan(risk) else float(risk / pupils),
                "published": _published(margins, measure, by, group),
            }
            for (measure, by, group), (pupils, risk, happened) in sorted(self.sums.items())
        ]


def count_margins(
    pupils: Pupils,
    paths: Paths,
    grades: GradeDraw,
    eligibility_risk: FloatArray,
    choices: PerformanceChoices,
) -> MarginCounts:
    """Count a block's pupils under all margins but that of absence.

    Parameters
    ----------
    pupils : Pupils
        Background, as it truly is.
    paths : Paths
        What became of each, also beyond the extract.
    grades : GradeDraw
        Grades of all terms.
    eligibility_risk : numpy.ndarray of float, shape (n,)
        True risk of not being eligible.
    choices : PerformanceChoices
        Subjects.

    Returns
    -------
    MarginCounts
        To add to those of the other blocks.
    """
    counts = MarginCounts()
    everyone = np.ones(len(pupils), dtype=bool)
    groups = _background_groups(pupils)
    _count_outcome(counts, NOT_ELIGIBLE, groups, everyone, ~paths.eligible, eligibility_risk)
    started = paths.started
    kinds = {("programme", name): paths.kind == number for number, name in enumerate(KINDS)}
    _count_outcome(
        counts, NO_DIPLOMA, groups | kinds, started, ~paths.has_diploma, paths.diploma_risk
    )
    for (by, name), member in kinds.items():
        counts.add(("programmes", by, name), member[started])
    _count_fails(counts, pupils, grades, choices)
    return counts


def _background_groups(pupils: Pupils) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Return the members of each background group."""
    groups = {("total", "all"): np.ones(len(pupils), dtype=bool)}
    for by, names, position in (
        ("sex", SEX, pupils.boy),
        ("parental_education", EDUCATION, pupils.education),
        ("migration_background", MIGRATION, pupils.migration),
        ("birthplace", ("Sverige", "utomlands"), is_born_abroad(pupils)),
    ):
        groups |= {(by, name): position == number for number, name in enumerate(names)}
    return groups


def _count_outcome(
    counts: MarginCounts,
    measure: str,
    groups: Mapping[tuple[str, str], NDArray[np.bool_]],
    here: NDArray[np.bool_],
    happened: NDArray[np.bool_],
    risk: FloatArray,
) -> None:
    """Count one outcome in every group."""
    for (by, name), member in groups.items():
        chosen = here & member
        counts.add((measure, by, name), happened[chosen], risk[chosen])


def _count_fails(
    counts: MarginCounts, pupils: Pupils, grades: GradeDraw, choices: PerformanceChoices
) -> None:
    """Count how F in year 6 lasts to year 9, among pupils who were there in year 6."""
    there = pupils.arrival_grade == COMPULSORY_YEARS[0]
    early, final = grades.fails[there, YEAR_6_TERM], grades.fails[there, FINAL_TERM]
    for code in CORE:
        at = subject_position(choices, code)
        counts.add(("persistence", "subject", code), final[early[:, at], at])
    number, any_final = early.sum(axis=1), final.any(axis=1)
    counts.add(("fails_year_6", "total", "all"), number > 0)
    counts.add(("fails_year_9", "total", "all"), any_final)
    counts.add(("fails_year_9_after_year_6", "fails", "one"), any_final[number == 1])
    counts.add(("fails_year_9_after_year_6", "fails", "several"), any_final[number > 1])


def _published(margins: Margins, measure: str, by: str, group: str) -> float | None:
    """Return the published share, unscaled, where there is one."""
    entry = getattr(margins, measure, None)
    if isinstance(entry, dict):
        name = "introductory" if by == "programme" and group == "introductory" else by
        group = "all" if name == "introductory" else group
        entry = entry.get(name)
    return None if entry is None else entry.values.get(group)
