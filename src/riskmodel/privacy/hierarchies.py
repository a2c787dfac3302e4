"""Steps from exact values to ever coarser ones, each step joining values of the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import Field, model_validator

from riskmodel.core.spec import Spec

UNKNOWN = ""
"""The value of a pupil of whom an attribute is not known."""

ALL = "*"
"""The value of the last step, which joins all."""


class Step(Spec):
    """One way to join values: bands of years, the beginning of a code, or a list."""

    width: int | None = Field(default=None, ge=2)
    prefix: int | None = Field(default=None, ge=1)
    of: int | None = Field(default=None, ge=2)
    values: dict[str, str] | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Demand one way."""
        given = [kind for kind in (self.width, self.prefix, self.values) if kind is not None]
        if len(given) != 1 or (self.prefix is None) != (self.of is None):
            raise ValueError("a step must be one of `width`, `prefix` with `of`, and `values`")
        return self

    def coarsen(self, value: str) -> str:
        """Return the coarser value.

        Parameters
        ----------
        value : str
            A value of the step before; what is not known stays so.

        Returns
        -------
        str
            The value itself where the step says nothing of it.
        """
        if self.width is not None and value.removeprefix("-").split("–")[0].isdecimal():
            first = int(value.split("–")[0]) // self.width * self.width
            return f"{first}–{first + self.width - 1}"
        if self.prefix is not None and len(value) == self.of and value.isdecimal():
            return value[: self.prefix]
        return (self.values or {}).get(value, value)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The steps of one attribute.

    Parameters
    ----------
    name : str
        The attribute.
    labels : tuple of tuple of str
        For each step, what each exact value becomes; step 0 is the exact values themselves.
    """

    name: str
    labels: tuple[tuple[str, ...], ...]

    @property
    def codes(self) -> npt.NDArray[np.int64]:
        """What `labels` tells apart, as numbers, shape (n_steps, n_values)."""
        rows = [np.unique(np.array(step), return_inverse=True)[1] for step in self.labels]
        return np.array(rows, dtype=np.int64).reshape(len(self.labels), -1)

    def find_losses(self, n_pupils: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return how much each step tells less than the exact values.

        Parameters
        ----------
        n_pupils : numpy.ndarray of int, shape (n_values,)
            Pupils with each exact value.

        Returns
        -------
        numpy.ndarray of float, shape (n_steps,)
            For each pupil the share of the other values that theirs is joined with, on
            average: 0 for exact values, 1 where all are joined [1]_.

        References
        ----------
        .. [1] V. S. Iyengar, "Transforming data to satisfy privacy constraints", KDD 2002.
        """
        n_values = len(n_pupils)
        if n_values < 2:
            return np.zeros(len(self.labels))
        losses = []
        for step in self.codes:
            joined = np.bincount(step)[step] - 1
            losses.append(float(joined @ n_pupils) / (n_values - 1) / n_pupils.sum())
        return np.array(losses)


def build_hierarchy(
    name: str, values: Sequence[str], own_steps: Sequence[Mapping[str, str]] | None = None
) -> Hierarchy:
    """Build the steps of an attribute over the values that occur.

    Parameters
    ----------
    name : str
        The attribute.
    values : sequence of str
        Its different values, `UNKNOWN` among them where it is missing.
    own_steps : sequence of mapping of str to str, optional
        The user's steps in place of the library's.

    Returns
    -------
    Hierarchy
        Exact values first, all joined last; steps that change nothing are left out.

    Examples
    --------
    >>> build_hierarchy("birth_year", ["2010", "2011", "2012"]).labels[1]
    ('2010–2011', '2010–2011', '2012–2013')
    """
    steps = (
        load_steps().get(name, ())
        if own_steps is None
        else [Step(values=dict(step)) for step in own_steps]
    )
    labels = [tuple(values)]
    for step in steps:
        coarser = tuple(step.coarsen(value) for value in labels[-1])
        if len(set(coarser)) < len(set(labels[-1])):
            labels.append(coarser)
    if len(set(labels[-1])) > 1:
        labels.append((ALL,) * len(values))
    return Hierarchy(name, tuple(labels))


@cache
def load_steps() -> dict[str, tuple[Step, ...]]:
    """Load the steps that come with the library.

    Returns
    -------
    dict of str to tuple of Step
        By attribute.
    """
    file = resources.files("riskmodel.privacy") / "data" / "hierarchies.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {
        name: tuple(Step.model_validate(step) for step in steps)
        for name, steps in content["hierarchies"].items()
    }
