"""Which figures of an audit may be shown, so that no small count follows from any of them.

A group's counts stand in four steps: its size, how many have the outcome, how many are
flagged, and how many are both. Given the others, each step is one number, from which every
cell of the group follows, so it is shown or hidden as a whole. Over the groups each step adds
up: attributes to the whole, intersections to their attributes. Hiding is therefore decided
for every step over all groups of all attributes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from riskmodel.fairness.groups import Counts, Grouping, IntArray
from riskmodel.fairness.measures import Quantity

Mask = npt.NDArray[np.bool_]

_TOLERANCE = 1e-8
_ROUNDING = 1e-6

_PARTS: dict[Quantity, list[tuple[int, ...]]] = {
    "size": [(0, 1, 2, 3)],
    "positives": [(0, 1), (2, 3)],
    "flagged": [(0, 2), (1, 3)],
    "inner": [(0,), (1,), (2,), (3,)],
}
"""The sums of cells that a step gives away."""

_RESTS_ON: dict[Quantity, tuple[Quantity, ...]] = {
    "size": (),
    "positives": ("size",),
    "flagged": ("size",),
    "inner": ("positives", "flagged"),
}


@dataclass(frozen=True)
class Lattice:
    """All groups of an audit, the whole first, and how they consist of one another.

    Parameters
    ----------
    members : numpy.ndarray of float, shape (n_groups, n_atoms)
        1 where a group holds an atom, the finest cross of all features; the first row is the
        whole.
    atoms : numpy.ndarray of int, shape (n,)
        Each pupil's atom.
    families : list of (int, numpy.ndarray of int)
        A group and the groups, of one finer grouping, that make it up.
    """

    members: Counts
    atoms: IntArray
    families: list[tuple[int, IntArray]]


def make_lattice(groupings: Sequence[Grouping]) -> Lattice:
    """Return how the groups of some groupings consist of one another.

    Parameters
    ----------
    groupings : sequence of Grouping
        Of the same pupils.

    Returns
    -------
    Lattice
        Groups in the order of the groupings, after the whole.
    """
    atom_codes = np.zeros(len(groupings[0].codes), dtype=np.int64)
    for grouping in groupings:
        crossed = atom_codes * len(grouping.values) + grouping.codes
        _, first, atom_codes = np.unique(crossed, return_index=True, return_inverse=True)
    atoms = np.column_stack([grouping.codes[first] for grouping in groupings])
    blocks = [np.ones((1, len(atoms)))]
    blocks += [
        (atoms[:, number] == np.arange(len(grouping.values))[:, None]).astype(np.float64)
        for number, grouping in enumerate(groupings)
    ]
    starts = np.cumsum([0, *(len(block) for block in blocks)])
    features: list[set[str]] = [set(), *(set(grouping.features) for grouping in groupings)]
    families = [
        (int(starts[coarse]) + row, np.flatnonzero(blocks[fine] @ block[row]) + int(starts[fine]))
        for coarse, block in enumerate(blocks)
        for fine in range(len(blocks))
        if features[coarse] < features[fine]
        for row in range(len(block))
    ]
    return Lattice(np.vstack(blocks), atom_codes, families)


def find_hidden(cells: Counts, lattice: Lattice, minimum_count: int) -> dict[Quantity, Mask]:
    """Return for each step which groups must not be shown.

    Parameters
    ----------
    cells : numpy.ndarray of float, shape (n_groups, 4)
        Counts of right and wrong flags, in the order of the lattice.
    lattice : Lattice
        How groups consist of one another.
    minimum_count : int
        Counts from 1 to below this must neither be shown nor follow.

    Returns
    -------
    dict of str to numpy.ndarray of bool, shape (n_groups,)
        True where hidden. The hidden parts of a shown group are none, or at least two with
        no small sum, no hidden group that needs hiding is a sum or difference of shown ones,
        and of none does it follow that it is small. A hidden step hides the steps that rest
        on it.

    Notes
    -----
    While something follows, the smallest shown group that helps is hidden too.
    """
    hidden: dict[Quantity, Mask] = {}
    for quantity, parts in _PARTS.items():
        counts = np.stack([cells[:, part].sum(axis=1) for part in parts], axis=1)
        mask: Mask = np.asarray(((counts > 0) & (counts < minimum_count)).any(axis=1))
        for below in _RESTS_ON[quantity]:
            mask |= hidden[below]
        hidden[quantity] = _complete(mask, counts, lattice, minimum_count)
    return hidden


def _complete(primary: Mask, counts: Counts, lattice: Lattice, limit: int) -> Mask:
    """Hide further groups until nothing that must stay hidden follows from what is shown."""
    hidden = primary.copy()
    sizes = counts.sum(axis=1)
    while True:
        unsafe = _find_unsafe_family(hidden, counts, lattice, limit)
        if unsafe is None:
            unsafe = _find_determined(hidden, primary, counts, lattice)
        if unsafe is None:
            unsafe = _find_known_small(hidden, primary, counts, lattice, limit)
        candidates = [] if unsafe is None else [group for group in unsafe if not hidden[group]]
        if not candidates:
            return hidden
        hidden[min(candidates, key=lambda group: (sizes[group], group))] = True


def _find_unsafe_family(
    hidden: Mask, counts: Counts, lattice: Lattice, limit: int
) -> list[int] | None:
    """Return the shown groups of a family whose hidden ones follow from their sum."""
    for parent, children in lattice.families:
        concealed = children[hidden[children]]
        if hidden[parent] or not len(concealed):
            continue
        rest = counts[concealed].sum(axis=0)
        if counts.shape[1] == 1:  # sizes: every other hidden group has at least one pupil
            rest = np.maximum(rest - (len(concealed) - 1), 1)
        if len(concealed) == 1 or ((rest > 0) & (rest < limit)).any():
            shown = [int(child) for child in children[~hidden[children]]]
            occupied = [child for child in shown if counts[child].sum() > 0]
            return occupied or [parent]
    return None


def _find_determined(
    hidden: Mask, primary: Mask, counts: Counts, lattice: Lattice
) -> list[int] | None:
    """Return the shown groups around a hidden one that is a combination of shown groups."""
    single = lattice.members.sum(axis=1) == 1
    for part in counts.T:
        known = (lattice.members[~hidden & (single | (part == 0))] > 0).any(axis=0)
        members = lattice.members[:, ~known]
        rows = _find_basis(members[~hidden & members.any(axis=1)])
        vectors = members[primary]
        distance = np.abs(vectors - (vectors @ rows.T) @ rows).max(axis=1, initial=0.0)
        determined = np.flatnonzero(primary)[(distance < _TOLERANCE) & (part[primary] > 0)]
        if len(determined):
            return _find_near(int(determined[0]), hidden, counts, lattice)
    return None


def _find_known_small(
    hidden: Mask, primary: Mask, counts: Counts, lattice: Lattice, limit: int
) -> list[int] | None:
    """Return the shown groups around a hidden one that can only be small.

    Its greatest possible count, given all shown ones, follows from a linear programme; so does
    its least. That a listed group has somebody in it is known too.
    """
    is_size = counts.shape[1] == 1
    listed = lattice.members if is_size else None
    least = -np.ones(len(lattice.members)) if is_size else None
    for part in counts.T:
        known: dict[str, Any] = {
            "A_eq": lattice.members[~hidden],
            "b_eq": part[~hidden],
            "method": "highs",
        }
        if listed is not None:
            known |= {"A_ub": -listed, "b_ub": least}
        for group in np.flatnonzero(primary & hidden & (part > 0) & (part < limit)):
            aim = lattice.members[group]
            greatest = linprog(-aim, **known)
            if greatest.status != 0 or -greatest.fun > limit - _ROUNDING:
                continue
            if is_size or linprog(aim, **known).fun > _ROUNDING:
                near = _find_near(int(group), hidden, counts, lattice)
                if near:
                    return near
    return None


def _find_near(group: int, hidden: Mask, counts: Counts, lattice: Lattice) -> list[int]:
    """Return the shown groups with somebody in them that overlap with a group."""
    overlap = lattice.members @ lattice.members[group] > 0
    near = np.flatnonzero(overlap & ~hidden & (counts.sum(axis=1) > 0))
    return [int(place) for place in near]


def _find_basis(rows: Counts) -> Counts:
    """Return an orthonormal basis of what some rows span."""
    if not rows.size:
        return np.zeros((0, rows.shape[1]))
    parts = np.linalg.svd(rows, full_matrices=False)
    basis: Counts = parts.Vh[_TOLERANCE * max(1.0, float(parts.S[0])) < parts.S]
    return basis
