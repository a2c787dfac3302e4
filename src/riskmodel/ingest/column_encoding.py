"""Columns of text as columns of numbers, the same way for the same texts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from riskmodel.errors import PrivacyError
from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.text_tables import TABLE_NAME
from riskmodel.privacy.patterns import KnownIdentifiers, find_kinds

MAX_CATEGORIES = 30
"""A column with more different texts than this is no category."""

_TRUE, _FALSE = ("yes", "true", "ja", "sant"), ("no", "false", "nej", "falskt")


def to_numbers(column: pd.Series, decimal: str) -> pd.Series:
    """Turn text into finite numbers.

    Parameters
    ----------
    column : pandas.Series of str, shape (n,)
        Text; missing is allowed.
    decimal : {',', '.'}
        How decimals are written.

    Returns
    -------
    pandas.Series of float, shape (n,)
        NaN where the text is missing or is not a finite number.
    """
    other = "," if decimal == "." else "."
    text = column.mask(column.str.contains(other, regex=False, na=False))
    numbers = pd.to_numeric(text.str.replace(decimal, ".", regex=False), errors="coerce")
    return numbers.astype("float64").replace([np.inf, -np.inf], np.nan)


def encode_columns(table: pd.DataFrame, decimal: str) -> tuple[pd.DataFrame, list[ContractFinding]]:
    """Turn columns of text into columns of numbers.

    Parameters
    ----------
    table : pandas.DataFrame of str, shape (n_rows, n_columns)
        Text; missing is allowed.
    decimal : {',', '.'}
        How decimals are written.

    Returns
    -------
    encoded : pandas.DataFrame of float, shape (n_rows, n_features)
        A column of numbers keeps its name. One of yes and no becomes ``"name=yes"``, one of
        other texts a column of 0 and 1 per text, ``"name=text"``, in alphabetical order. NaN
        where the text is missing.
    findings : list of ContractFinding
        Columns of too many different texts to be categories, and names that meet.

    Raises
    ------
    PrivacyError
        If a text that would name a feature holds an identifier.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": ["15", "16"], "job": ["b", "a"], "paid": ["no", "yes"]})
    >>> encode_columns(frame, ".")[0].columns.tolist()
    ['age', 'job=a', 'job=b', 'paid=yes']
    """
    parts: list[pd.Series] = []
    findings = []
    for name in table.columns:
        numbers = to_numbers(table[name], decimal)
        if (numbers.notna() == table[name].notna()).all():
            parts.append(numbers.rename(name))
        elif table[name].nunique() > MAX_CATEGORIES:
            detail = f"a number or at most {MAX_CATEGORIES} texts, got {table[name].nunique()}"
            findings.append(ContractFinding(TABLE_NAME, name, "type", None, detail))
        else:
            parts += _encode_texts(table[name], name)
    names = [str(part.name) for part in parts]
    counts = Counter(names)
    meeting = {name.split("=", 1)[0] for name, count in counts.items() if count > 1}
    findings += [
        ContractFinding(TABLE_NAME, name, "header", None, "with a text behind it, as another")
        for name in sorted(meeting)
    ]
    _check_names(names)
    return pd.concat(parts, axis=1) if parts else table[[]].copy(), findings


def _encode_texts(column: pd.Series, name: str) -> list[pd.Series]:
    """Return a column of texts as columns of 0 and 1."""
    lower = column.str.lower()
    if lower.dropna().isin((*_TRUE, *_FALSE)).all():
        return [lower.isin(_TRUE).astype("float64").mask(column.isna()).rename(f"{name}=yes")]
    return [
        (column == text).astype("float64").mask(column.isna()).rename(f"{name}={text}")
        for text in sorted(column.dropna().unique())
    ]


def _check_names(names: list[str]) -> None:
    """Raise if the name of a feature holds an identifier."""
    kinds = find_kinds("\n".join(names).replace("=", "\n").encode("utf-8"), KnownIdentifiers([]))
    if kinds:
        raise PrivacyError(
            f"`feature_columns` must hold no identifiers, got {', '.join(sorted(kinds))} among "
            "the texts. Name the column as `id_column`, or leave it out."
        )
