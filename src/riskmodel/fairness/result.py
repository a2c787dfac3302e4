"""What an audit found, with nothing in it that may not be shown."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

SCHEMA_VERSION = 2
"""The version of the form of `AuditResult.to_dict`."""


@dataclass(frozen=True)
class AuditResult:
    """The figures of an audit, already fit to be released.

    Every figure is a dictionary: `value` with `lower`, `upper` and `method`, or `value` None
    with the `reason`: ``suppressed`` (it would show or give away a small count),
    ``no_positives``, ``no_negatives``, ``nobody_flagged`` (not defined), ``too_few`` (nothing
    can be said) or ``no_variation`` (all alike, nothing to compare).

    Parameters
    ----------
    settings : dict
        What was asked: capacity or threshold, level, minimum count, resamples, clusters.
    n_dropped : dict
        How many had no known label.
    overall : dict
        `counts` and `measures` of all pupils together.
    attributes : tuple of dict
        For each attribute and intersection its `name`, its `features` and its `groups`. Each
        group has its `group` name, its `values` by feature, `counts` (count, n_positive,
        n_flagged), `measures` and `comparisons` with all others (difference, lower, upper,
        p_value, and `flagged`: true, false, or None where it cannot be said).
    sections : dict
        The other parts of the audit by name, each a dictionary for JSON.
    """

    settings: dict[str, Any]
    n_dropped: dict[str, Any]
    overall: dict[str, Any]
    attributes: tuple[dict[str, Any], ...]
    sections: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures for JSON.

        Returns
        -------
        dict
            With `schema_version`, `settings`, `n_dropped`, `overall`, `attributes`, and one entry
            for each of `sections`.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "settings": copy.deepcopy(self.settings),
            "n_dropped": dict(self.n_dropped),
            "overall": copy.deepcopy(self.overall),
            "attributes": copy.deepcopy(list(self.attributes)),
            **copy.deepcopy(self.sections),
        }

    def measures_frame(self) -> pd.DataFrame:
        """Return the counts and measures, one row for each group and figure.

        Returns
        -------
        pandas.DataFrame
            Columns attribute, group, measure, value, lower, upper, method and reason. All
            pupils together have the attribute and the group ``all``.
        """
        rows = [
            {"attribute": attribute, "group": group, "measure": name} | figure
            for attribute, group, entry in self._entries()
            for name, figure in (entry["counts"] | entry["measures"]).items()
        ]
        columns = ["attribute", "group", "measure", "value", "lower", "upper", "method", "reason"]
        frame = pd.DataFrame(rows).reindex(columns=columns)
        return frame.astype({"value": "float64", "lower": "float64", "upper": "float64"})

    def comparisons_frame(self) -> pd.DataFrame:
        """Return the comparisons, one row for each group and rate.

        Returns
        -------
        pandas.DataFrame
            Columns attribute, group, measure, difference, lower, upper, p_value, flagged
            (True, False or None), method and reason.
        """
        rows = [
            {"attribute": attribute, "group": group, "measure": name} | figure
            for attribute, group, entry in self._entries()
            for name, figure in entry.get("comparisons", {}).items()
        ]
        columns = ["attribute", "group", "measure", "difference", "lower", "upper", "p_value"]
        frame = pd.DataFrame(rows).reindex(columns=[*columns, "flagged", "method", "reason"])
        return frame.astype(dict.fromkeys(columns[3:], "float64"))

    def _entries(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Give every group with its attribute, the whole first."""
        yield "all", "all", self.overall
        for attribute in self.attributes:
            for entry in attribute["groups"]:
                yield attribute["name"], entry["group"], entry
