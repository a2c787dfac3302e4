"""What a feature's value says, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.explanation.wording import TEXTS, Language, write_value
from riskmodel.features.specs import FLAG_SUFFIX, FeatureInfo

Infos = Sequence[FeatureInfo | Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part in a pupil's risk.

    Parameters
    ----------
    feature : str
        The column.
    domain : str
        Which part of the pupil's situation it tells of; empty where that is not known.
    text : str
        The value with its window and the comparison. A missing value is said to be missing.
    contribution : float
        What it adds to the calibrated log-odds: above 0 it raises the risk, below 0 it
        protects.
    changeable : bool
        Whether it can change through support.
    is_missing : bool
        Whether the value is missing.
    """

    feature: str
    domain: str
    text: str
    contribution: float
    changeable: bool
    is_missing: bool

    @property
    def is_protective(self) -> bool:
        """Whether it lowers the risk."""
        return self.contribution < 0


class Phrases:
    """What is said of each value, with what does not depend on the pupil made once.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n, p)
        The features; NaN where missing.
    names : tuple of str
        Which of them.
    infos : sequence of FeatureInfo or of their dictionaries
        Names, windows and units. A feature without one goes by its column's name.
    language : {"sv", "en"}
        The reader's.

    Attributes
    ----------
    is_missing : numpy.ndarray of bool, shape (n, names)
        Whether a value was missing, whatever stands in its place.
    """

    def __init__(
        self,
        X: pd.DataFrame,
        names: tuple[str, ...],
        infos: Infos,
        language: Language,
    ) -> None:
        known = _index_infos(infos)
        self._infos = [known.get(name) or _make_plain_info(name) for name in names]
        self._language = language
        self._values = X[list(names)].to_numpy(dtype=np.float64)
        self.is_missing = np.isnan(self._values)
        for column, name in enumerate(names):
            if name + FLAG_SUFFIX in X.columns:
                self.is_missing[:, column] |= X[name + FLAG_SUFFIX].to_numpy() == 1
        self._comparisons = [""] * len(names)
        self._known: dict[tuple[int, float], str] = {}

    def compare(self, background: Mapping[str, float]) -> None:
        """Set the means of the comparison group.

        Parameters
        ----------
        background : mapping of str to float
            By feature; NaN or absent where there is none.
        """
        compared = TEXTS[self._language]["compared"]
        for column, info in enumerate(self._infos):
            mean = background.get(info.name, np.nan)
            if np.isfinite(mean):
                value = write_value(float(mean), info.unit, self._language)
                self._comparisons[column] = f" ({compared.format(value=value)})"

    def make_reason(
        self, row: int, column: int, contribution: float, earlier: str | None = None
    ) -> Reason:
        """Return the reason that one value is.

        Parameters
        ----------
        row, column : int
            Where the value stands.
        contribution : float
            What it adds, or by how much that has moved.
        earlier : str, optional
            What it was before, which then stands in place of the comparison.

        Returns
        -------
        Reason
            In words.
        """
        info = self._infos[column]
        value = self._find(row, column)
        text = self._say(column, value) if earlier is None else self._write(column, value, earlier)
        is_missing = bool(np.isnan(value))
        return Reason(
            info.name, info.domain, text, float(contribution), info.changeable, is_missing
        )

    def write_value(self, row: int, column: int) -> str:
        """Return one value with its unit, or that it is missing.

        Parameters
        ----------
        row, column : int
            Where the value stands.

        Returns
        -------
        str
            Without the feature's name.
        """
        value = self._find(row, column)
        if np.isnan(value):
            return TEXTS[self._language]["missing"]
        return write_value(float(value), self._infos[column].unit, self._language)

    def _find(self, row: int, column: int) -> float:
        """Return a value, NaN where it was missing whatever stands in its place."""
        return np.nan if self.is_missing[row, column] else float(self._values[row, column])

    def _say(self, column: int, value: float) -> str:
        """Return the text for a value, NaN if missing."""
        key = (column, value) if value == value else (column, np.inf)
        if key not in self._known:
            self._known[key] = self._write(column, value)
        return self._known[key]

    def _write(self, column: int, value: float, earlier: str | None = None) -> str:
        """Write the text for a value, beside the comparison or what it was before."""
        info, language = self._infos[column], self._language
        name, window = (
            (info.name_sv, info.window_sv) if language == "sv" else (info.name_en, info.window_en)
        )
        when = f" {window}" if window else ""
        if earlier is not None:
            earlier = f" ({TEXTS[language]['earlier'].format(value=earlier)})"
        if np.isnan(value):
            aside = earlier or (f" ({window})" if window else "")
            return f"{name}: {TEXTS[language]['missing']}{aside}"
        aside = earlier or self._comparisons[column]
        return f"{name}: {write_value(value, info.unit, language)}{when}{aside}"


def _index_infos(infos: Infos) -> dict[str, FeatureInfo]:
    """Return the infos by name."""
    made = [
        info if isinstance(info, FeatureInfo) else FeatureInfo.from_dict(info) for info in infos
    ]
    return {info.name: info for info in made}


def _make_plain_info(name: str) -> FeatureInfo:
    """Return what can be said of a feature of which nothing is known but its column."""
    return FeatureInfo(
        name=name,
        name_sv=name,
        name_en=name,
        unit="value",
        domain="",
        direction=0,
        changeable=False,
        window_sv="",
        window_en="",
        missing="keep",
    )
