"""What moved a pupil's risk between two dates, in words for those who work with the pupil."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskmodel.errors import UsageError
from riskmodel.explanation.contributions import Explanation
from riskmodel.explanation.phrases import Infos, Phrases, Reason
from riskmodel.explanation.reasons import LEAST_CONTRIBUTION
from riskmodel.explanation.wording import Language


@dataclass(frozen=True, eq=False)
class Explained:
    """The features of some pupils at one date, and what each adds to their risks.

    Parameters
    ----------
    explanation : Explanation
        Of the rows of `X`.
    X : pandas.DataFrame of shape (n, p)
        The features; NaN where missing.
    """

    explanation: Explanation
    X: pd.DataFrame


def movement_texts(
    before: Explained, after: Explained, infos: Infos, *, language: Language = "sv"
) -> list[list[Reason]]:
    """Return for each pupil what moved the risk, the largest movement first.

    Parameters
    ----------
    before, after : Explained
        The same pupils, in the same order, at two dates. The models may differ.
    infos : sequence of FeatureInfo or of their dictionaries
        Names, windows and units.
    language : {"sv", "en"}, default "sv"
        The reader's.

    Returns
    -------
    list of list of Reason
        `contribution` is by how much the feature's part of the log-odds has moved: above 0 it
        has raised the risk. The text says what the value is now and what it was.

    Raises
    ------
    UsageError
        If the numbers of pupils differ.

    Notes
    -----
    Only features that both models were given are told of, and only where the value is not the
    same: the parts of the others moved because the two models differ, which says nothing of the
    pupil.
    """
    old, new = before.explanation.merge_flags(), after.explanation.merge_flags()
    if len(old.contributions) != len(new.contributions):
        raise UsageError(
            f"`before` must have the {len(new.contributions)} pupils of `after`, got "
            f"{len(old.contributions)}. Give the same pupils in the same order."
        )
    names = tuple(name for name in new.feature_names if name in set(old.feature_names))
    was = old.contributions[:, [old.feature_names.index(name) for name in names]]
    moved = new.contributions[:, [new.feature_names.index(name) for name in names]] - was
    earlier = Phrases(before.X, names, infos, language)
    now = Phrases(after.X, names, infos, language)
    order = np.argsort(-np.abs(moved), axis=1, kind="stable")
    n_moved = (np.abs(moved) >= LEAST_CONTRIBUTION).sum(axis=1)
    texts: list[list[Reason]] = []
    for row, columns in enumerate(order.tolist()):
        told = []
        for column in columns[: n_moved[row]]:
            was_value, value = earlier.write_value(row, column), now.write_value(row, column)
            if was_value != value:
                told.append(now.make_reason(row, column, moved[row, column], was_value))
        texts.append(told)
    return texts
