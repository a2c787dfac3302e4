"""The catalogue for readers: by domain, in two languages, and its page is up to date."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from riskmodel.errors import UsageError
from riskmodel.features.catalogue import load_catalogue
from riskmodel.report.catalogue import (
    COLUMNS,
    describe_features,
    name_columns,
    write_csv,
    write_json,
    write_markdown,
)
from riskmodel.report.language import load_texts

CATALOGUE = load_catalogue()
PAGE = Path(__file__).parents[3] / "docs" / "catalogue.md"


def test_the_page_is_made_from_the_catalogue():
    expected = write_markdown(CATALOGUE)
    assert PAGE.read_text(encoding="utf-8") == expected, (
        "Make it anew: riskmodel features --list --format markdown > docs/catalogue.md"
    )


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_feature_stands_once_in_words(language):
    by_domain = describe_features(CATALOGUE, language)
    entries = [entry for found in by_domain.values() for entry in found]
    assert sorted(entry.column for entry in entries) == sorted(spec.name for spec in CATALOGUE)
    assert len(name_columns(language)) == len(COLUMNS)
    for entry in entries:
        assert len(entry.cells) == len(COLUMNS)
        assert all("_" not in cell for cell in entry.cells)
        assert entry.description.endswith(".")


def test_domains_and_units_have_names_in_both_languages():
    for language in ("sv", "en"):
        texts = load_texts(language)
        for spec in CATALOGUE:
            assert texts.has(f"domain.{spec.domain}")
            assert texts.has(f"unit.{spec.unit}")


def test_other_programs_get_every_feature_in_both_languages():
    as_json = json.loads(write_json(CATALOGUE))
    as_csv = list(csv.DictReader(io.StringIO(write_csv(CATALOGUE))))
    assert [row["name"] for row in as_json] == [spec.name for spec in CATALOGUE]
    assert [row["name"] for row in as_csv] == [spec.name for spec in CATALOGUE]
    first = as_json[0]
    assert (first["name_sv"], first["window_en"], first["direction"]) == (
        "Frånvaro, andel av undervisningstiden",
        "the last 30 days",
        1,
    )
    assert first["has_flag"] is True


def test_a_table_cell_holds_no_bar():
    rows = [line for line in write_markdown(CATALOGUE).splitlines() if line.startswith("| **")]
    assert len(rows) == 2 * len(CATALOGUE)
    assert {len(re.findall(r"\|", row)) for row in rows} == {len(COLUMNS) + 1}


def test_an_unknown_language_is_refused():
    with pytest.raises(UsageError, match="one of sv, en"):
        describe_features(CATALOGUE, "fi")
