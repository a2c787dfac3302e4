"""A catalogue of features for readers: by part of the pupil's situation, in words."""

from __future__ import annotations

import csv
import io
import json
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from riskmodel.features.specs import Domain, FeatureSpec, feature_info
from riskmodel.report.language import LANGUAGES, Texts, load_texts

COLUMNS = ("name", "window", "unit", "direction", "changeable", "missing")
"""What is said of each feature, by the keys of the texts of `catalogue.columns`."""

_DIRECTIONS = {1: "up", -1: "down", 0: "none"}


@dataclass(frozen=True)
class CatalogueEntry:
    """One feature in words.

    Parameters
    ----------
    column : str
        Its column in `features.parquet`.
    description : str
        One sentence on what it measures.
    cells : tuple of str
        What is said of it, in the order of `COLUMNS`.
    """

    column: str
    description: str
    cells: tuple[str, ...]


def describe_features(
    specs: Sequence[FeatureSpec], language: str
) -> dict[str, tuple[CatalogueEntry, ...]]:
    """Return features in words, by domain.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    dict of str to tuple of CatalogueEntry
        By the domain's name for readers; domains without features are left out.

    Raises
    ------
    UsageError
        If there are no texts in that language.
    """
    t = load_texts(language)
    by_domain = {
        domain: tuple(_describe(spec, t) for spec in specs if spec.domain == domain)
        for domain in typing.get_args(Domain)
    }
    return {t.named("domain", domain): found for domain, found in by_domain.items() if found}


def _describe(spec: FeatureSpec, t: Texts) -> CatalogueEntry:
    """Return one feature in words."""
    info = feature_info(spec).to_dict()
    missing = t.named("model_card.features.rule", spec.missing.kind)
    cells = {
        "name": info[f"name_{t.language}"],
        "window": info[f"window_{t.language}"],
        "unit": t.named("unit", spec.unit),
        "direction": t(f"model_card.features.direction_{_DIRECTIONS[spec.direction]}"),
        "changeable": t(f"model_card.features.{'yes' if spec.changeable else 'no'}"),
        "missing": missing + (t("catalogue.flag") if spec.has_flag else ""),
    }
    return CatalogueEntry(
        spec.name, info[f"description_{t.language}"], tuple(cells[name] for name in COLUMNS)
    )


def name_columns(language: str) -> tuple[str, ...]:
    """Return the headings of `COLUMNS`.

    Parameters
    ----------
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    tuple of str
        In the same order.
    """
    t = load_texts(language)
    return tuple(t(f"catalogue.columns.{name}") for name in COLUMNS)


def write_json(specs: Sequence[FeatureSpec]) -> str:
    """Return features as JSON, with both languages.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.

    Returns
    -------
    str
        A list with one object for each feature.
    """
    return json.dumps([_to_record(spec) for spec in specs], ensure_ascii=False, indent=2)


def write_csv(specs: Sequence[FeatureSpec]) -> str:
    """Return features as comma-separated text, with both languages.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        At least one.

    Returns
    -------
    str
        A line of headings, and one line for each feature.
    """
    records = [_to_record(spec) for spec in specs]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().rstrip("\n")


def _to_record(spec: FeatureSpec) -> dict[str, Any]:
    """Return what is known of a feature as plain values."""
    source = {"table": spec.table, "aggregation": spec.aggregation}
    peers = {"relative_to": spec.relative_to, "has_flag": spec.has_flag}
    return feature_info(spec).to_dict() | source | peers


def write_markdown(specs: Sequence[FeatureSpec]) -> str:
    """Return features as a page of documentation, first in Swedish, then in English.

    Parameters
    ----------
    specs : sequence of FeatureSpec
        The features.

    Returns
    -------
    str
        Markdown.
    """
    return "\n".join(line for language in LANGUAGES for line in _write_part(specs, language))


def _write_part(specs: Sequence[FeatureSpec], language: str) -> Iterator[str]:
    """Yield the lines of one language's part of the page."""
    t = load_texts(language)
    yield from (f"{'#' if language == LANGUAGES[0] else '##'} {t('catalogue.title')}", "")
    yield from (t("catalogue.intro", count=len(specs)).strip(), "")
    for key in ("direction", "missing", "background", "source"):
        yield f"- {t(f'catalogue.notes.{key}').strip()}"
    relative = ", ".join(f"`{spec.name}`" for spec in specs if spec.relative_to is not None)
    if relative:
        yield f"- {t('catalogue.notes.peers', names=relative).strip()}"
    head, *others = name_columns(language)
    for domain, entries in describe_features(specs, language).items():
        yield from ("", f"### {domain}", "")
        yield f"| {head} | {' | '.join(others)} |"
        yield "|---" * len(COLUMNS) + "|"
        for entry in entries:
            name, *cells = entry.cells
            text = f"**{name}**<br>{entry.description}<br>`{entry.column}`"
            yield f"| {text} | {' | '.join(cells)} |"
    yield ""
