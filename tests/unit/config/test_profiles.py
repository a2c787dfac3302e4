"""A source may refer to a profile, shipped or its owner's, and override single entries."""

from pathlib import Path

import pytest
import yaml

from riskmodel.config.profiles import (
    apply_profiles,
    build_vocabularies,
    list_profiles,
    load_profile,
)
from riskmodel.core.schema import TABLES
from riskmodel.errors import ConfigurationError
from riskmodel.ingest.column_mapping import fold_name
from riskmodel.ingest.sniffing.contents import GRADES
from riskmodel.ingest.specs import SourceSpec
from riskmodel.pipeline.runs import load_run

ROOT = Path(__file__).parents[3]
OWN = """
version: 1
title: Vårt system
defaults: {encoding: cp1252, decimal: ","}
tables:
  persons:
    columns: {person_id: PNR}
    names: {sex: [kön]}
    values: {sex: {Flicka: Kvinna}}
    date_format: "%Y%m%d"
"""


def sources_of(folder, **sources):
    content, findings = apply_profiles({"sources": sources}, folder)
    return content["sources"], findings


@pytest.mark.parametrize("name", list_profiles())
def test_what_a_profile_says_can_be_read_by_the_library(name):
    profile = load_profile(name, ROOT)
    for table, said in profile.tables.items():
        schema = TABLES[table]
        spec = SourceSpec(path="a.csv", **profile.reading(table))
        assert set(said.names) <= set(schema.columns)
        for column, values in spec.values.items():
            allowed = schema.columns[column].allowed
            if allowed is not None:
                assert set(values.values()) <= {*allowed, ""}
            elif column == "grade":
                assert {value.lower() for value in values.values()} <= GRADES
            elif schema.columns[column].type in {"integer", "number"}:
                assert all(value.isdigit() for value in values.values())
            folded = {old.lower(): new for old, new in values.items()}
            assert len(folded) == len(values) or all(
                folded[old.lower()] == new for old, new in values.items()
            )


@pytest.mark.parametrize("name", list_profiles())
def test_no_name_stands_for_two_columns_of_one_table(name):
    profile = load_profile(name, ROOT)
    for table in profile.tables:
        names = profile.reading(table)["names"]
        seen = {}
        for column, synonyms in names.items():
            for folded in {fold_name(word) for word in synonyms}:
                assert seen.setdefault(folded, column) == column, (table, folded)


def test_a_source_gets_what_its_profile_says_and_keeps_what_it_says_itself(tmp_path):
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    given = {
        "path": "p.csv",
        "profile": "own.yaml",
        "encoding": "utf-8",
        "columns": {"sex": "Kön 2"},
        "values": {"sex": {"Pojke": "Man"}},
    }
    sources, findings = sources_of(tmp_path, persons=given, grades={"path": "g.csv"})
    assert findings == []
    assert sources["grades"] == {"path": "g.csv"}
    spec = SourceSpec(**sources["persons"])
    assert spec.encoding == "utf-8"
    assert spec.decimal == ","
    assert spec.columns == {"person_id": "PNR", "sex": "Kön 2"}
    assert spec.values == {"sex": {"Flicka": "Kvinna", "Pojke": "Man"}}
    assert spec.date_formats == ("%Y%m%d",)


def test_defaults_hold_only_for_columns_that_the_table_has():
    said = load_profile("swedish", ROOT).reading("attendance")
    assert "sex" not in said.get("values", {})
    assert "known_date" not in load_profile("swedish", ROOT).reading("persons")["names"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"profile": "swedisch"}, "Did you mean 'swedish'?"),
        ({"profile": "none.yaml"}, "must be a readable file"),
        ({"profile": "broken.yaml"}, "tables.persons.encodingg: there is no such setting"),
        ({"profile": "own.yaml"}, "the profile must know the table 'grades', got none"),
        ({"profile": 3}, "got '3'"),
    ],
)
def test_a_profile_that_does_not_fit_is_one_finding_with_its_place(tmp_path, source, expected):
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    broken = OWN.replace("date_format", "encodingg")
    (tmp_path / "broken.yaml").write_text(broken, encoding="utf-8")
    _, findings = sources_of(tmp_path, grades={"path": "g.csv", **source})
    assert any(expected in finding for finding in findings)
    assert all(finding.startswith("sources.grades.profile: ") for finding in findings)


def test_findings_of_profiles_stand_beside_all_others(tmp_path):
    content = yaml.safe_load((ROOT / "configs" / "compulsory_school.yaml").read_text("utf-8"))
    content["sources"]["grades"] = {"path": "g.csv", "profile": "swedisch"}
    content["nme"] = "x"
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_run(path)
    text = "\n".join(caught.value.findings)
    assert "sources.grades.profile" in text
    assert "nme: there is no such setting" in text


def test_a_run_may_use_a_profile(tmp_path):
    content = yaml.safe_load((ROOT / "configs" / "compulsory_school.yaml").read_text("utf-8"))
    content["sources"]["grades"] = {"path": "g.csv", "profile": "swedish"}
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    source = load_run(path).config.sources["grades"]
    assert source.path == tmp_path / "g.csv"
    assert source.values["subject"]["Matematik"] == "MA"


def test_a_users_profile_goes_before_those_that_are_shipped(tmp_path):
    (tmp_path / "own.yaml").write_text(OWN.replace("Flicka: Kvinna", "F: Man"), "utf-8")
    words = build_vocabularies(["own.yaml"], tmp_path)["persons"]
    assert words.names["person_id"][0] == "PNR"
    assert words.values["sex"]["F"] == "Man"
    assert words.values["sex"]["Pojke"] == "Man"
