"""The sentences of a fairness report that are computed from the audit's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskmodel.report.formatting import format_number, format_percent, format_range
from riskmodel.report.language import Texts

_COMPARED = ("miss_rate", "false_positive_rate")
_MOST_NAMED = 2
_UNKNOWN = "unknown"
Entry = tuple[Mapping[str, Any], Mapping[str, Any]]


def name_attribute(attribute: Mapping[str, Any], t: Texts) -> str:
    """Return an attribute's name for readers.

    Parameters
    ----------
    attribute : mapping
        From `AuditResult.to_dict()`: `features` is read.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        Crossed features with a multiplication sign between them.
    """
    return " × ".join(t.named("attribute", name) for name in attribute["features"])


def name_group(group: Mapping[str, Any], attribute: Mapping[str, Any], t: Texts) -> str:
    """Return a group's name for readers.

    Parameters
    ----------
    group : mapping
        From `AuditResult.to_dict()`: `values` is read.
    attribute : mapping
        The group's attribute: `features` is read.
    t : Texts
        The reader's language.

    Returns
    -------
    str
        Values with a multiplication sign between them; a missing value is named as such.
    """
    values = group["values"]
    return " × ".join(t.named("group", str(values[name])) for name in attribute["features"])


def order_groups(audit: Mapping[str, Any], t: Texts) -> dict[str, Any]:
    """Return an audit with its groups in the order in which readers expect them.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    t : Texts
        Whose order of groups to follow.

    Returns
    -------
    dict
        The audit with known groups in the texts' order, then others as they stood, then the
        unknown.
    """
    known = [key.removeprefix("group.") for key in t.strings if key.startswith("group.")]

    def place(group: Mapping[str, Any]) -> list[int]:
        """Return where each of a group's values stands."""
        values = group["values"].values()
        return [
            len(known) + 1 if value == _UNKNOWN else
            known.index(value) if value in known else len(known)
            for value in values
        ]  # fmt: skip

    attributes = [
        {**attribute, "groups": sorted(attribute["groups"], key=place)}
        for attribute in audit["attributes"]
    ]
    return {**audit, "attributes": attributes}


def describe_findings(
    audit: Mapping[str, Any], past: str, past_done: str, t: Texts
) -> list[dict[str, Any]]:
    """Return three findings in plain words, each computed from the figures.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    past : str
        What happened to pupils with the outcome, such as "inte blev behöriga".
    past_done : str
        What happened to the others, such as "blev behöriga".
    t : Texts
        The reader's language.

    Returns
    -------
    list of dict
        Each with `title` and `lines`.
    """
    words = {"past": past, "past_done": past_done}
    return [
        {"title": t("fairness.findings.overall_title"), "lines": _overall_lines(audit, words, t)},
        *(
            {
                "title": t(f"fairness.findings.{name}_title"),
                "lines": _comparison_lines(audit, name, words, t),
            }
            for name in _COMPARED
        ),
    ]


def describe_unsaid(audit: Mapping[str, Any], t: Texts) -> list[str]:
    """Return what the audit cannot say.

    Parameters
    ----------
    audit : mapping
        `AuditResult.to_dict()`.
    t : Texts
        The reader's language.

    Returns
    -------
    list of str
        Sentences; some hold for every audit.
    """
    lines = []
    for name in _COMPARED:
        silent = [
            _name_fully(group, attribute, t)
            for attribute, group in _groups(audit)
            if group["comparisons"][name]["flagged"] is None
        ]
        if silent:
            key = f"fairness.unsaid.{name}"
            lines.append(t.count(key, len(silent), count=len(silent), groups=_join(silent, t)))
    dropped = audit["n_dropped"].get("value")
    if dropped is None:
        limit = audit["settings"]["minimum_count"]
        lines.append(t("fairness.unsaid.dropped_few", limit=limit))
    elif dropped:
        count = format_number(dropped, t.language)
        lines.append(t.count("fairness.unsaid.dropped", dropped, count=count))
    return [*lines, *(t(f"fairness.unsaid.{name}") for name in ("why", "label", "use"))]


def _groups(audit: Mapping[str, Any]) -> Iterator[Entry]:
    """Give every group with its attribute."""
    for attribute in audit["attributes"]:
        for group in attribute["groups"]:
            yield attribute, group


def _overall_lines(audit: Mapping[str, Any], words: Mapping[str, str], t: Texts) -> list[str]:
    """Return how often the list misses and alarms in vain, over all pupils."""
    lines = []
    for name in _COMPARED:
        figure = audit["overall"]["measures"][name]
        if figure.get("value") is None:
            lines.append(t("fairness.findings.overall_unknown"))
            continue
        share = format_percent(figure["value"], t.language)
        spread = ""
        if figure.get("lower") is not None and figure.get("upper") is not None:
            ends = format_range(figure["lower"], figure["upper"], t.language, percent=True)
            spread = t("fairness.findings.spread", ends=ends)
        lines.append(t(f"fairness.findings.overall_{name}", share=share, spread=spread, **words))
    return list(dict.fromkeys(lines))


def _comparison_lines(
    audit: Mapping[str, Any], name: str, words: Mapping[str, str], t: Texts
) -> list[str]:
    """Return which groups surely differ from all others in one rate, or that none does."""
    compared = [
        entry for entry in _groups(audit) if entry[1]["comparisons"][name]["flagged"] is not None
    ]
    if not compared:
        return [t("fairness.findings.none_compared")]
    flagged = [entry for entry in compared if entry[1]["comparisons"][name]["flagged"]]
    if not flagged:
        return _no_difference_lines(compared, name, t)
    flagged.sort(key=lambda entry: _urgency(entry, name))
    lines = [_difference_line(entry, name, words, t) for entry in flagged[:_MOST_NAMED]]
    rest = len(flagged) - len(lines)
    return [*lines, *([t.count("fairness.findings.more", rest, count=rest)] if rest else [])]


def _urgency(entry: Entry, name: str) -> tuple[bool, bool, bool, float]:
    """Return what puts differences in order: whole attributes, then who fares worse."""
    attribute, group = entry
    difference = group["comparisons"][name]["difference"]
    return (
        len(attribute["features"]) > 1,
        difference is None,
        (difference or 0.0) < 0,
        -abs(difference or 0.0),
    )


def _name_fully(group: Mapping[str, Any], attribute: Mapping[str, Any], t: Texts) -> str:
    """Return a group's name with that of its attribute."""
    names = [t.named("attribute", name) for name in attribute["features"]]
    return t(
        "fairness.findings.group",
        group=name_group(group, attribute, t),
        attribute=" × ".join(name[:1].lower() + name[1:] for name in names),
    )


def _difference_line(entry: Entry, name: str, words: Mapping[str, str], t: Texts) -> str:
    """Return one sure difference with its size."""
    attribute, group = entry
    figure = group["comparisons"][name]
    if figure["difference"] is None:
        return t("fairness.findings.hidden", group=_name_fully(group, attribute, t))
    direction = "more" if figure["difference"] > 0 else "less"
    value = group["measures"][name].get("value")
    points, shares = round(abs(figure["difference"]) * 100), ""
    if value is not None:
        own, others = round(value * 100), round((value - figure["difference"]) * 100)
        points = abs(own - others)  # so that the reader's own subtraction gives the same
        shares = t(
            "fairness.findings.shares",
            own=format_percent(own / 100, t.language),
            others=format_percent(others / 100, t.language),
        )
    ends = sorted(abs(figure[end]) for end in ("lower", "upper"))
    return t(
        f"fairness.findings.{name}_{direction}",
        group=_name_fully(group, attribute, t),
        shares=shares,
        points=points,
        ends=format_range(ends[0], ends[1], t.language, percent=True),
        **words,
    )


def _no_difference_lines(compared: list[Entry], name: str, t: Texts) -> list[str]:
    """Return that no difference is sure, and how large one could still be."""
    lines = [t.count("fairness.findings.no_difference", len(compared), count=len(compared))]
    limits = [
        abs(group["comparisons"][name][end])
        for _, group in compared
        for end in ("lower", "upper")
        if group["comparisons"][name][end] is not None
    ]
    if limits:
        points = format_number(max(limits) * 100, t.language)
        lines.append(t("fairness.findings.no_difference_limit", points=points))
    return lines


def _join(names: list[str], t: Texts) -> str:
    """Return a few names as a list in words, the rest counted."""
    rest = len(names) - _MOST_NAMED
    text = "; ".join(names[:_MOST_NAMED])
    return text + (t("fairness.unsaid.and_more", count=rest) if rest > 0 else "")
