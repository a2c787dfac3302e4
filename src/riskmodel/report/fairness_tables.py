"""What the sections of the fairness page have in common: names, tables and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from riskmodel.report.fairness_findings import name_attribute, name_group
from riskmodel.report.language import Texts
from riskmodel.report.table_cells import Cell, describe_missing, make_table

Audit = Mapping[str, Any]
Block = dict[str, Any]

SHOWN_RATES = ("miss_rate", "false_positive_rate")
"""The rates that every part of the page shows: whom it misses, and whom it alarms about in vain."""

_FIRST_COLUMNS = {
    "mitigation": "fairness.mitigation.policy",
    "gaps": "fairness.gaps.attribute",
    "retraining": "fairness.mitigation.policy",
}
_VERDICTS: dict[bool | None, str] = {True: "differs", False: "no_sure_difference", None: "unsaid"}


def iterate_groups(audit: Audit, t: Texts) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Give every group with the names of its attribute and itself.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    t : Texts
        The reader's language.

    Yields
    ------
    tuple of str, str and mapping
        The attribute's name, the group's, and its entry.
    """
    for attribute in audit["attributes"]:
        for group in attribute["groups"]:
            yield name_attribute(attribute, t), name_group(group, attribute, t), group


def label_groups(audit: Audit, t: Texts) -> dict[tuple[str, str], str]:
    """Return the groups' names for readers, in the order of the page.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    t : Texts
        The reader's language.

    Returns
    -------
    dict of (str, str) to str
        By attribute and group as they are named in the audit.
    """
    return {
        (attribute["name"], group["group"]): name_group(group, attribute, t)
        for attribute in audit["attributes"]
        for group in attribute["groups"]
    }


def iterate_part(audit: Audit, part: str, t: Texts) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Give every group's entry in a part of the audit, in the order of the page.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    part : str
        The part, with `attributes` that have `groups`.
    t : Texts
        The reader's language.

    Yields
    ------
    tuple of str, str and mapping
        The attribute's name, the group's, and its entry.
    """
    found = {
        (attribute["name"], entry["group"]): entry
        for attribute in audit[part]["attributes"]
        for entry in attribute["groups"]
    }
    for (name, group), label in label_groups(audit, t).items():
        if (name, group) in found:
            yield label_attribute(audit, name, t), label, found[name, group]


def label_attribute(audit: Audit, name: str, t: Texts) -> str:
    """Return an attribute's name for readers.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    name : str
        As it is named in the audit.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        Crossed features with a multiplication sign between them.
    """
    return next(name_attribute(one, t) for one in audit["attributes"] if one["name"] == name)


def label_rate(name: str, t: Texts) -> str:
    """Return a rate's name for readers.

    Parameters
    ----------
    name : str
        As it is named in the audit.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        Its name.
    """
    return (
        t("fairness.sections.base_rate")
        if name == "base_rate"
        else t.named("fairness.measure", name)
    )


def label_columns(part: str, names: Sequence[str], t: Texts) -> list[str]:
    """Return the headings of a part's table.

    Parameters
    ----------
    part : str
        The part.
    names : sequence of str
        The columns.
    t : Texts
        The reader's language.

    Returns
    -------
    list of str
        One per column.
    """
    return [t(f"fairness.{part}.{name}") for name in names]


def make_part_table(
    part: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    t: Texts,
    *,
    suffix: str = "",
    about: str = "",
    numbers: int | None = None,
) -> Block:
    """Return a part's table.

    Parameters
    ----------
    part : str
        The part.
    columns : sequence of str
        Headings, without that of the rows' names.
    rows : sequence of mapping
        Each with `label` and `cells`, perhaps `tag`.
    t : Texts
        The reader's language.
    suffix : str, default ""
        Tells the tables of a part apart.
    about : str, default ""
        The caption, in place of the part's own.
    numbers : int, optional
        How many of the first columns are numbers; all by default.

    Returns
    -------
    dict
        For the templates.
    """
    caption = about or t(f"fairness.{part}.caption")
    first = t(_FIRST_COLUMNS.get(part, "fairness.group"))
    count = len(columns) if numbers is None else numbers
    headings = [(first, False), *((label, at < count) for at, label in enumerate(columns))]
    name = "-".join(text for text in (part.replace("_", "-"), suffix.replace("_", "-")) if text)
    return make_table(f"{name}-table", caption, headings, rows)


def describe_unsaid_part(part: Mapping[str, Any], t: Texts) -> Block:
    """Return why a part cannot be said.

    Parameters
    ----------
    part : mapping
        With the `reason`.
    t : Texts
        The reader's language.

    Returns
    -------
    dict
        A sentence, for the templates.
    """
    reason = describe_missing(part, t)["reason"]
    return {"kind": "text", "text": t("fairness.sections.unsaid", reason=reason)}


def describe_verdict(flagged: bool | None, t: Texts) -> Cell:
    """Return what can be said of a test.

    Parameters
    ----------
    flagged : bool or None
        Whether it is sure; None where it cannot be said.
    t : Texts
        The reader's language.

    Returns
    -------
    dict
        A cell.
    """
    return {"text": t(f"fairness.verdict.{_VERDICTS[flagged]}"), "is_strong": flagged is True}
