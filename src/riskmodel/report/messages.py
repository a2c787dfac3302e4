"""What is said to a team in its own language when a list, or a filled-in file, is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskmodel.report.language import load_texts

_REASONS = ("missing", "drift", "age")
_PROBLEMS = ("unreadable", "absent", "columns", "nameless", "foreign", "repeated", "decision")


def describe_refusal(
    fitness: Mapping[str, Any], *, file: str, language: str
) -> tuple[str, list[str]]:
    """Return why no list is made.

    Parameters
    ----------
    fitness : mapping
        `FitnessReport.to_dict()`, with reasons.
    file : str
        Where all of it stands.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    title : str
        That none is made, and what to do.
    findings : list of str
        One for each reason.
    """
    t = load_texts(language)
    names = {
        reason: [one["name"] for one in fitness["features"] if one[key]]
        for reason, key in (("missing", "is_lacking"), ("drift", "has_drifted"))
    }
    findings = []
    for reason in _REASONS:
        if reason not in fitness["reasons"]:
            continue
        if reason == "age":
            most = fitness["limits"]["oldest_model_months"]
            findings.append(t("refusal.age", count=fitness["model_months"], most=most))
        else:
            listed = ", ".join(names[reason])
            findings.append(t(f"refusal.{reason}", count=len(names[reason]), names=listed))
    return t("refusal.title", file=file), findings


def describe_problem(number: int, kind: str, count: int, *, language: str) -> str:
    """Return what is wrong with a filled-in file.

    Parameters
    ----------
    number : int
        Which of the files, from 1: a file's name may hold anything.
    kind : str
        ``absent``, ``unreadable``, or the kind of a `Problem`.
    count : int
        How often.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    str
        One finding.
    """
    t = load_texts(language)
    said = t(f"feedback.{kind if kind in _PROBLEMS else _PROBLEMS[0]}", count=count)
    return f"{t('feedback.file', number=number)}: {said}"


def describe_feedback(n_read: int | None, n_open: int, *, file: str, language: str) -> str:
    """Return what came of reading filled-in files.

    Parameters
    ----------
    n_read : int or None
        How many decisions; None where the files were refused.
    n_open : int
        How many pupils of the list have none yet.
    file : str
        Where the decisions stand.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    str
        One or two sentences.
    """
    t = load_texts(language)
    if n_read is None:
        return t("feedback.refused")
    return t("feedback.read", count=n_read, open=n_open, file=file)
