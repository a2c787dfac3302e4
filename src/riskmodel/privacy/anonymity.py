"""How many pupils are alike, how different they are within, and how little to coarsen for it.

Pupils who are alike in all quasi-identifiers are a class. k-anonymity [1]_ is the size of the
smallest class; l-diversity [2]_ is the least number of different values that a sensitive
attribute has within a class.

References
----------
.. [1] L. Sweeney, "k-anonymity: a model for protecting privacy", International Journal of
   Uncertainty, Fuzziness and Knowledge-Based Systems 10(5), 2002.
.. [2] A. Machanavajjhala et al., "l-diversity: privacy beyond k-anonymity", ACM Transactions on
   Knowledge Discovery from Data 1(1), 2007.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.errors import ConfigurationError
from riskmodel.privacy.anonymity_result import (
    AnonymityMeasure,
    AnonymityReport,
    Generalisation,
    Reason,
)
from riskmodel.privacy.anonymity_specs import AnonymitySpec
from riskmodel.privacy.hierarchies import UNKNOWN, Hierarchy, build_hierarchy

_MAX_VALUES = 62
_Ints = npt.NDArray[np.int64]
_Steps = Sequence[int]
_Losses = Sequence[npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class _Pupils:
    """Pupils counted by exact values, with the sensitive values of each as bits."""

    hierarchies: tuple[Hierarchy, ...]
    codes: _Ints  # (n_kinds, n_attributes)
    counts: _Ints  # (n_kinds,)
    values: dict[str, _Ints]  # bits by sensitive attribute, (n_kinds,)


def assess_anonymity(
    counts: pd.DataFrame, sensitive: Sequence[str], spec: AnonymitySpec
) -> AnonymityReport:
    """Measure k-anonymity and l-diversity, and find how little to coarsen to reach them.

    Parameters
    ----------
    counts : pandas.DataFrame
        Pupils who are the same in everything on one row: a column of text for each
        quasi-identifier and each sensitive attribute, missing where not known, and their
        number `n`. Several rows may be the same.
    sensitive : sequence of str
        Names of the sensitive attributes, each with at most 62 values.
    spec : AnonymitySpec
        What is demanded.

    Returns
    -------
    AnonymityReport
        Every pupil of a class takes the same step of every attribute (full-domain
        generalisation). Among the combinations of steps that leave at most
        `spec.max_suppressed_share` of the pupils in failing classes, the one with the least
        loss; of equals the one with the fewest steps, then the first in the order of the
        attributes. What is not known is a value of a quasi-identifier, and none of a
        sensitive attribute: a class where none is known gives nothing away.

    Raises
    ------
    ConfigurationError
        If a sensitive attribute has more values than that.

    Notes
    -----
    Combinations are tried in the order of their loss, which follows from the attributes one by
    one, so that the first that fits is the best and no assumption about the others is needed.
    A trial costs a sort of the different kinds of pupils, not of pupils.
    """
    check_columns(list(counts.columns), [*spec.quasi_identifiers, *sensitive, "n"], where="counts")
    pupils = _encode(counts, sensitive, spec)
    tops = [
        min(spec.most_general.get(one.name, len(one.labels) - 1), len(one.labels) - 1)
        for one in pupils.hierarchies
    ]
    losses = [
        one.find_losses(np.bincount(column, weights=pupils.counts, minlength=len(one.labels[0])))
        for one, column in zip(pupils.hierarchies, pupils.codes.T, strict=True)
    ]
    exact = _try(pupils, (0,) * len(tops), losses, spec)
    if exact.before_suppression.n_pupils == 0:
        return AnonymityReport(spec, exact.before_suppression, None, exact, "no_pupils")
    closest, allowed = exact, spec.max_suppressed_share * int(pupils.counts.sum())
    for steps in _order(tops, losses):
        tried = _try(pupils, steps, losses, spec)
        if tried.n_suppressed <= allowed and tried.kept.n_pupils:
            return AnonymityReport(spec, exact.before_suppression, tried, tried, None)
        if tried.n_suppressed < closest.n_suppressed:
            closest = tried
    reason = _find_reason(pupils, spec)
    return AnonymityReport(spec, exact.before_suppression, None, closest, reason)


def _encode(counts: pd.DataFrame, sensitive: Sequence[str], spec: AnonymitySpec) -> _Pupils:
    """Return pupils with values as numbers, those that are the same together."""
    hierarchies, columns = [], []
    for name in spec.quasi_identifiers:
        column, exact = pd.factorize(counts[name].astype("str").fillna(UNKNOWN), sort=True)
        hierarchies.append(build_hierarchy(name, list(exact), spec.hierarchies.get(name)))
        columns.append(column)
    codes, place = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    place = place.reshape(-1)
    values = {name: _find_bits(counts[name], place, len(codes)) for name in sensitive}
    sizes = np.bincount(place, weights=counts["n"].to_numpy(), minlength=len(codes))
    return _Pupils(tuple(hierarchies), codes.astype(np.int64), sizes.astype(np.int64), values)


def _find_bits(column: pd.Series, place: _Ints, n_kinds: int) -> _Ints:
    """Return which known values of a sensitive attribute each kind of pupil has, as bits."""
    codes, values = pd.factorize(column, sort=True)
    if len(values) > _MAX_VALUES:
        raise ConfigurationError(
            f"`sensitive` must have at most {_MAX_VALUES} values each, got {len(values)} in "
            f"{column.name}. Group them first."
        )
    bits = np.where(codes < 0, 0, np.left_shift(np.int64(1), np.maximum(codes, 0)))
    found = np.zeros(n_kinds, dtype=np.int64)
    np.bitwise_or.at(found, place, bits)
    return found


def _order(tops: Sequence[int], losses: _Losses) -> list[tuple[int, ...]]:
    """Return all combinations of steps, the one that tells most first."""
    every = itertools.product(*(range(top + 1) for top in tops))
    return sorted(every, key=lambda steps: (_find_loss(steps, losses), sum(steps), steps))


def _find_loss(steps: _Steps, losses: _Losses) -> float:
    """Return the mean loss over attributes, rounded so that equals are equal."""
    found = [loss[step] for step, loss in zip(steps, losses, strict=True)]
    return round(float(sum(found)) / len(found), 12)


def _try(
    pupils: _Pupils,
    steps: _Steps,
    losses: _Losses,
    spec: AnonymitySpec,
) -> Generalisation:
    """Return what one combination of steps gives."""
    codes = np.column_stack(
        [
            one.codes[step][column]
            for one, step, column in zip(pupils.hierarchies, steps, pupils.codes.T, strict=True)
        ]
    )
    place = _number_rows(codes)
    sizes = np.bincount(place, weights=pupils.counts).astype(np.int64)
    diversity = {}
    for name, bits in pupils.values.items():
        joined = np.zeros(len(sizes), dtype=np.int64)
        np.bitwise_or.at(joined, place, bits)
        diversity[name] = np.bitwise_count(joined).astype(np.int64)
    names = [one.name for one in pupils.hierarchies]
    kept = ~_find_failing(sizes, diversity, spec)
    return Generalisation(
        dict(zip(names, steps, strict=True)),
        {one.name: len(one.labels) - 1 for one in pupils.hierarchies},
        {
            one.name: (len(set(one.labels[0])), len(set(one.labels[step])))
            for one, step in zip(pupils.hierarchies, steps, strict=True)
        },
        _find_loss(steps, losses),
        _measure(sizes, diversity, spec),
        _measure(sizes[kept], {name: n[kept] for name, n in diversity.items()}, spec),
    )


def _number_rows(codes: _Ints) -> _Ints:
    """Return a number for each row that rows share if they are the same, without gaps."""
    place = np.zeros(len(codes), dtype=np.int64)
    for column in codes.T:
        _, place = np.unique(place * (column.max(initial=0) + 1) + column, return_inverse=True)
    return place


def _find_failing(
    sizes: _Ints, diversity: Mapping[str, _Ints], spec: AnonymitySpec
) -> npt.NDArray[np.bool_]:
    """Return which classes are too small, or have too few of the values that are known."""
    failing = sizes < spec.k
    for n_values in diversity.values():
        failing |= (n_values > 0) & (n_values < spec.l)
    return failing


def _measure(sizes: _Ints, diversity: Mapping[str, _Ints], spec: AnonymitySpec) -> AnonymityMeasure:
    """Return what classes are like."""

    def below(n_values: _Ints) -> int:
        return int(sizes[(n_values > 0) & (n_values < spec.l)].sum())

    return AnonymityMeasure(
        int(sizes.sum()),
        len(sizes),
        int(sizes.min()) if len(sizes) else 0,
        {name: int(n[n > 0].min()) if (n > 0).any() else 0 for name, n in diversity.items()},
        int(sizes[sizes < spec.k].sum()),
        {name: below(n) for name, n in diversity.items()},
        int(sizes[_find_failing(sizes, diversity, spec)].sum()),
    )


def _find_reason(pupils: _Pupils, spec: AnonymitySpec) -> Reason:
    """Return why no combination of steps reaches what is demanded."""
    if pupils.counts.sum() < spec.k:
        return "too_few_pupils"
    for bits in pupils.values.values():
        n_values = int(np.bitwise_or.reduce(bits)).bit_count()
        if 0 < n_values < spec.l:
            return "one_value"
    return "step_limit"
