"""The main reasons for a risk, in words for those who work with the pupil."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskmodel.core.validation import check_columns
from riskmodel.errors import UsageError
from riskmodel.explanation.contributions import Explanation
from riskmodel.explanation.wording import TEXTS, Language, write_value
from riskmodel.features.specs import FLAG_SUFFIX, FeatureInfo

FloatArray = npt.NDArray[np.float64]
Infos = Sequence[FeatureInfo | Mapping[str, Any]]
Background = Mapping[str, float] | Sequence[float]

LEAST_CONTRIBUTION = 0.01
"""Contributions smaller than this, in log-odds, move a risk by less than a quarter of a
percentage point and are no reasons."""


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


def reason_texts(
    explanation: Explanation,
    X: pd.DataFrame,
    infos: Infos,
    *,
    language: Language = "sv",
    n_reasons: int = 3,
    n_protective: int = 0,
    background: Background | None = None,
) -> list[list[Reason]]:
    """Return each pupil's main reasons, those that raise the risk first.

    Parameters
    ----------
    explanation : Explanation
        Of the rows of `X`.
    X : pandas.DataFrame of shape (n, p)
        The features that were explained; NaN where missing.
    infos : sequence of FeatureInfo or of their dictionaries
        Names, windows and units. A feature without one goes by its column's name.
    language : {"sv", "en"}, default "sv"
        The reader's.
    n_reasons : int, default 3
        At most so many that raise the risk, by falling contribution.
    n_protective : int, default 0
        At most so many that lower it, the most protective first, after the others.
    background : mapping of str to float, or sequence of float of length p, optional
        Each feature's mean in the comparison group, by name or in the order of the
        explained features; NaN or absent where there is none.

    Returns
    -------
    list of list of Reason
        One list for each row; shorter where fewer contributions count. A missing flag speaks
        through its feature: their contributions are one reason.

    Raises
    ------
    UsageError
        If the rows or columns do not fit the explanation.

    Notes
    -----
    Among equal contributions the order is that of the features. A value that was missing is
    never shown, whatever the model put in its place.
    """
    _check_fit(explanation, X, language)
    merged = explanation.merge_flags()
    phrases = _Phrases(X, merged.feature_names, _index_infos(infos), language)
    phrases.compare(_index_background(background, explanation.feature_names))
    raising = _pick(merged.contributions, n_reasons)
    protecting = _pick(-merged.contributions, n_protective)
    return [
        [
            phrases.make_reason(row, column, merged.contributions[row, column])
            for column in (*upward, *downward)
        ]
        for row, (upward, downward) in enumerate(zip(raising, protecting, strict=True))
    ]


def group_by_domain(reasons: Iterable[Reason]) -> dict[str, list[Reason]]:
    """Return one pupil's reasons by the part of the situation that they tell of.

    Parameters
    ----------
    reasons : iterable of Reason
        In any order.

    Returns
    -------
    dict of str to list of Reason
        Domains in the order of their first reason, reasons in the given order.
    """
    grouped: dict[str, list[Reason]] = {}
    for reason in reasons:
        grouped.setdefault(reason.domain, []).append(reason)
    return grouped


class _Phrases:
    """What is said of each value, with what does not depend on the pupil made once."""

    def __init__(
        self,
        X: pd.DataFrame,
        names: tuple[str, ...],
        infos: Mapping[str, FeatureInfo],
        language: Language,
    ) -> None:
        self._infos = [infos.get(name) or _make_plain_info(name) for name in names]
        self._language = language
        self._values = X[list(names)].to_numpy(dtype=np.float64)
        self._missing = np.isnan(self._values)
        for column, name in enumerate(names):
            if name + FLAG_SUFFIX in X.columns:
                self._missing[:, column] |= X[name + FLAG_SUFFIX].to_numpy() == 1
        self._comparisons = [""] * len(names)
        self._known: dict[tuple[int, float], str] = {}

    def compare(self, background: Mapping[str, float]) -> None:
        """Set the comparison group's means."""
        compared = TEXTS[self._language]["compared"]
        for column, info in enumerate(self._infos):
            mean = background.get(info.name, np.nan)
            if np.isfinite(mean):
                value = write_value(float(mean), info.unit, self._language)
                self._comparisons[column] = f" ({compared.format(value=value)})"

    def make_reason(self, row: int, column: int, contribution: float) -> Reason:
        """Return the reason that one value is."""
        info = self._infos[column]
        is_missing = bool(self._missing[row, column])
        return Reason(
            info.name,
            info.domain,
            self._say(column, np.nan if is_missing else self._values[row, column]),
            float(contribution),
            info.changeable,
            is_missing,
        )

    def _say(self, column: int, value: float) -> str:
        """Return the text for a value, NaN if missing."""
        key = (column, value) if value == value else (column, np.inf)
        if key not in self._known:
            self._known[key] = self._write(column, value)
        return self._known[key]

    def _write(self, column: int, value: float) -> str:
        """Write the text for a value."""
        info, language = self._infos[column], self._language
        name, window = (
            (info.name_sv, info.window_sv) if language == "sv" else (info.name_en, info.window_en)
        )
        if np.isnan(value):
            when = f" ({window})" if window else ""
            return f"{name}: {TEXTS[language]['missing']}{when}"
        when = f" {window}" if window else ""
        return f"{name}: {write_value(value, info.unit, language)}{when}{self._comparisons[column]}"


def _check_fit(explanation: Explanation, X: pd.DataFrame, language: str) -> None:
    """Raise unless rows, columns and language fit."""
    check_columns([str(name) for name in X.columns], explanation.feature_names, where="X")
    if len(X) != len(explanation.contributions):
        raise UsageError(
            f"`X` must have the {len(explanation.contributions)} rows that were explained, got "
            f"{len(X)}. Explain these rows."
        )
    if language not in TEXTS:
        raise UsageError(
            f"`language` must be one of {', '.join(TEXTS)}, got another. Choose one of them."
        )


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


def _index_background(
    background: Background | None, feature_names: tuple[str, ...]
) -> Mapping[str, float]:
    """Return the comparison group's means by feature."""
    if background is None:
        return {}
    if isinstance(background, Mapping):
        return background
    if len(background) != len(feature_names):
        raise UsageError(
            f"`background` must have {len(feature_names)} means, got {len(background)}. "
            "Give one for each explained feature."
        )
    return dict(zip(feature_names, background, strict=True))


def _pick(weights: FloatArray, count: int) -> list[list[int]]:
    """Return for each row the columns with the largest weights that count, largest first."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    n_picked = (np.take_along_axis(weights, order, axis=1) >= LEAST_CONTRIBUTION).sum(axis=1)
    return [row[:n] for row, n in zip(order.tolist(), n_picked.tolist(), strict=True)]
