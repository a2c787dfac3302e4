"""Telling which subject a grade is in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pandas as pd

from riskmodel.cohort.rules.specs import Subject, SubjectNames, load_subject_names

SCHEMA = {"code": "string", "subject": "string", "valid_from": "date", "valid_to": "date"}
"""The columns of what `name_compulsory_subjects` returns, and their types."""

_LANGUAGE = "[A-ZÅÄÖ]{0,3}"


def tidy_code(text: str) -> str:
    """Return a code or name in the form in which it is compared.

    Parameters
    ----------
    text : str
        As in the grades.

    Returns
    -------
    str
        In upper case, with single spaces.

    Examples
    --------
    >>> tidy_code("  Svenska  som andraspråk ")
    'SVENSKA SOM ANDRASPRÅK'
    """
    return " ".join(text.upper().split())


def name_compulsory_subjects(
    codes: Iterable[str], names: SubjectNames | None = None
) -> pd.DataFrame:
    """Name the subject of compulsory school that each code stands for.

    Parameters
    ----------
    codes : iterable of str
        The different values of the column `subject`.
    names : SubjectNames, optional
        By default those of `load_subject_names`.

    Returns
    -------
    pandas.DataFrame
        The columns of `SCHEMA`: one row for each code known and the days on which it stands for
        the subject. A code that is not known has none.

    Examples
    --------
    >>> found = name_compulsory_subjects(["GRGRSVA01", "m2 spa", "NO"])
    >>> found["subject"].tolist()
    ['swedish', 'language_choice']
    """
    subjects = (names or load_subject_names()).compulsory
    rows = [
        (code, item.subject, item.valid_from, item.valid_to)
        for code in sorted(set(codes))
        for item in subjects
        if _stands_for(tidy_code(code), item)
    ]
    return pd.DataFrame(rows, columns=list(SCHEMA))


def _stands_for(code: str, subject: Subject) -> bool:
    """Tell whether a tidy code or name is one of a subject's."""
    if code in {tidy_code(text) for text in _all_names(subject)}:
        return True
    return any(re.fullmatch(f"{start} ?{_LANGUAGE}", code) for start in subject.languages)


def _all_names(subject: Subject) -> Iterator[str]:
    """Yield a subject's codes and names."""
    yield from subject.codes
    yield from subject.names
