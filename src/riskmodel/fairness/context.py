"""What every part of an audit is computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.randomness import make_generator
from riskmodel.fairness.groups import Counts, Grouping, IntArray, renumber
from riskmodel.fairness.measures import Quantity
from riskmodel.fairness.release import Lattice, Mask
from riskmodel.fairness.specs import AuditSpec


@dataclass(frozen=True)
class AuditedRows:
    """The pupils with a known label.

    Parameters
    ----------
    y_true, risk : numpy.ndarray of float, shape (n,)
        The outcome, 1 or 0, and the risk in [0, 1].
    is_flagged : numpy.ndarray of bool, shape (n,)
        Who is flagged.
    clusters : numpy.ndarray of int, shape (n,), or None
        Each pupil's cluster; None if pupils are independent.
    groupings : tuple of Grouping
        The ways in which the pupils are divided, those by control features last.
    strata : numpy.ndarray of int, shape (n,), optional
        Who is alike in the control features; groups are compared within these.
    covariates : pandas.DataFrame, shape (n, n_covariates), optional
        Among what badly served subgroups are looked for, beside the sensitive features.
    cohorts : numpy.ndarray of str, shape (n,), optional
        Each pupil's cohort.
    """

    y_true: Counts
    risk: Counts
    is_flagged: npt.NDArray[np.bool_]
    clusters: IntArray | None
    groupings: tuple[Grouping, ...]
    strata: IntArray | None = None
    covariates: pd.DataFrame | None = None
    cohorts: npt.NDArray[np.str_] | None = None

    @property
    def n_clusters(self) -> int:
        """The number of clusters, 1 if pupils are independent."""
        return 1 if self.clusters is None else int(self.clusters.max()) + 1

    @property
    def cluster_codes(self) -> IntArray:
        """Each pupil's cluster, 0 for all if pupils are independent."""
        return np.zeros(len(self.risk), dtype=np.int64) if self.clusters is None else self.clusters

    def select(self, rows: npt.NDArray[np.bool_], is_flagged: npt.NDArray[np.bool_]) -> AuditedRows:
        """Return some of the pupils, flagged anew.

        Parameters
        ----------
        rows : numpy.ndarray of bool, shape (n,)
            Whom to keep.
        is_flagged : numpy.ndarray of bool, shape (n_kept,)
            Who of them is flagged.

        Returns
        -------
        AuditedRows
            With the same groups, of which some may now be empty, and clusters without gaps.
        """
        return AuditedRows(
            y_true=self.y_true[rows],
            risk=self.risk[rows],
            is_flagged=is_flagged,
            clusters=None if self.clusters is None else renumber(self.clusters[rows]),
            groupings=tuple(
                Grouping(grouping.features, grouping.values, grouping.codes[rows])
                for grouping in self.groupings
            ),
            strata=None if self.strata is None else self.strata[rows],
            covariates=None if self.covariates is None else self.covariates[rows],
            cohorts=None if self.cohorts is None else self.cohorts[rows],
        )


@dataclass(frozen=True)
class AuditContext:
    """The pupils of an audit, their groups, and what of them may be shown.

    Parameters
    ----------
    rows : AuditedRows
        The pupils.
    spec : AuditSpec
        What is asked.
    lattice : Lattice
        All groups, the whole first, then those of each grouping in order.
    by_atom : numpy.ndarray of float, shape (n_atoms, n_clusters, 4)
        Counts of right and wrong flags, the last axis as in `groups.CELLS`.
    hidden : dict of str to numpy.ndarray of bool, shape (n_groups,)
        For each step of a group's counts, which groups must not be shown.
    random_state : int
        The seed.
    """

    rows: AuditedRows
    spec: AuditSpec
    lattice: Lattice
    by_atom: Counts
    hidden: dict[Quantity, Mask]
    random_state: int

    @property
    def is_clustered(self) -> bool:
        """Whether pupils stand in clusters."""
        return self.rows.clusters is not None

    @cached_property
    def cells(self) -> Counts:
        """Counts by group, cluster and cell, shape (n_groups, n_clusters, 4)."""
        found: Counts = np.tensordot(self.lattice.members, self.by_atom, axes=1)
        return found

    def generator(self, part: str) -> np.random.Generator:
        """Return the random numbers of one part of the audit.

        Parameters
        ----------
        part : str
            Its name.

        Returns
        -------
        numpy.random.Generator
            Independent of those of other parts.
        """
        return make_generator(self.random_state, "fairness", part)


def find_strata(context: AuditContext) -> IntArray | None:
    """Return the stratum of each atom, where there are control features.

    Parameters
    ----------
    context : AuditContext
        The audit; control features are among its groupings, so that an atom is in one stratum.

    Returns
    -------
    numpy.ndarray of int, shape (n_atoms,), or None
        The stratum of the atom's pupils.
    """
    if context.rows.strata is None:
        return None
    strata = np.zeros(context.lattice.members.shape[1], dtype=np.int64)
    strata[context.lattice.atoms] = context.rows.strata
    return strata
