"""The examples' configurations, as far as they can be read without data."""

from pathlib import Path

import pytest

from riskmodel.config.loader import load_spec
from riskmodel.config.models import RunConfig
from riskmodel.features.checks import check_specs
from riskmodel.features.schemas import feature_schemas

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["oulad", "uci320"])
def test_the_configuration_is_valid(name):
    config = load_spec(EXAMPLES / name / "config.yaml", RunConfig)
    assert config.language == "en"
    check_specs(config.features.select(), feature_schemas(config.tables))


def test_the_preparation_makes_every_table_and_column_that_the_configuration_reads(prepared):
    config = load_spec(EXAMPLES / "oulad" / "config.yaml", RunConfig)
    assert {name: source.path.stem for name, source in config.sources.items()} == {
        name: name for name in prepared
    }
    for name, table in config.event_tables.items():
        missing = set(table.columns) - set(prepared[name].columns)
        assert not missing, name


def test_every_feature_has_words_in_both_languages():
    config = load_spec(EXAMPLES / "oulad" / "config.yaml", RunConfig)
    for spec in config.features.declared:
        assert spec.name_sv
        assert spec.name_en
        assert spec.name_sv != spec.name_en
        assert spec.unit in {"count", "days", "share", "points", "value"}
