"""Telling which course or level of upper secondary school a grade is in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from riskmodel.cohort.rules.specs import SubjectNames, UpperSecondarySubjects, load_subject_names
from riskmodel.cohort.rules.subjects import tidy_code

COURSE_SCHEMA = {
    "code": "string", "course": "string", "subject": "string", "number": "int64",
    "level": "string", "covers": "boolean", "is_project": "boolean",
}  # fmt: skip
"""The columns of what `name_courses` returns, and their types."""

_Row = tuple[str, str | None, int | None, str | None, bool, bool]


def name_courses(codes: Iterable[str], names: SubjectNames | None = None) -> pd.DataFrame:
    """Name the course or level that each code stands for.

    Parameters
    ----------
    codes : iterable of str
        The different values of the column `subject`, of grades with points.
    names : SubjectNames, optional
        By default those of `load_subject_names`.

    Returns
    -------
    pandas.DataFrame
        The columns of `COURSE_SCHEMA`, one row for each code, in order. Codes with one `course` are
        alternatives, of which one counts: Swedish 1 and Swedish as a second language 1,
        Mathematics 1a and 1c. `number` and `level` are those of 2025, to which the courses of
        2011 answer ("1" and "1a"; English 5 is level 1). `covers` is true for levels, since a
        passed one stands for those below it (skollagen 15:22). A code that is not known is a
        course of its own.

    Examples
    --------
    >>> name_courses(["ENGENG06", "MATE1B00X", "GYARNA"])["course"].tolist()
    ['english 2', 'project', 'mathematics 1']
    """
    known = (names or load_subject_names()).upper_secondary
    rows = [(code, *_name_course(tidy_code(code), known)) for code in sorted(set(codes))]
    frame = pd.DataFrame(rows, columns=list(COURSE_SCHEMA))
    return frame.astype({"number": "Int64"})


def find_programme_courses(
    codes: Iterable[str], subjects: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Find the codes in subjects that are common to a programme.

    Parameters
    ----------
    codes : iterable of str
        The different values of the column `subject`, of grades with points.
    subjects : mapping of str to sequence of str
        For each programme, names of subjects or beginnings of codes.

    Returns
    -------
    pandas.DataFrame
        Columns `programme` and `code`.
    """
    tidy = [(code, tidy_code(code)) for code in sorted(set(codes))]
    rows = [
        (programme, code)
        for programme, names in subjects.items()
        for code, text in tidy
        if any(_is_in_subject(text, tidy_code(name)) for name in names)
    ]
    return pd.DataFrame(rows, columns=["programme", "code"], dtype="str")


def _is_in_subject(text: str, name: str) -> bool:
    """Tell whether a tidy code or name is one of a subject's: Handel 1, but not Handel och."""
    return re.fullmatch(rf"{re.escape(name)}(,? (NIVÅ )?\d\w{{0,2}}|\S*\d\S*)?", text) is not None


def _name_course(text: str, known: UpperSecondarySubjects) -> _Row:
    """Return what a tidy code or name stands for."""
    projects = {tidy_code(name) for name in known.projects.names}
    if text.startswith(known.projects.prefix) or text in projects:
        return "project", None, None, None, False, True
    for course in known.courses:
        for ending, level in course.levels.items():
            name = f"{course.name} {ending.lstrip('0')}"
            if text in (tidy_code(course.stem + ending), tidy_code(name)):
                number = int(level[0])
                return f"{course.subject} {number}", course.subject, number, level, False, False
    for pattern in known.level_codes:
        found = re.fullmatch(pattern, text)
        if found is not None:
            return _name_level(found.groupdict(default=""), known)
    return text, None, None, None, False, False


def _name_level(parts: Mapping[str, str], known: UpperSecondarySubjects) -> _Row:
    """Return what the parts of a level's code stand for."""
    number, level = int(parts["level"]), parts["level"] + parts["track"].lower()
    for subject, names in known.subjects.items():
        if parts["subject"] in {tidy_code(name) for name in names}:
            return f"{subject} {number}", subject, number, level, True, False
    subject = parts["subject"] + parts["language"]
    return f"{subject} {level}{parts['part']}", subject, number, level, True, False
