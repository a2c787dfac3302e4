"""Where a run computes its features: as its configuration says, or as one call asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError, UsageError
from riskmodel.pipeline.runs import load_run, use_engine

CONFIG = Path(__file__).parents[3] / "configs" / "compulsory_school.yaml"
CLUSTER = "spark://host:7077"


@pytest.fixture
def run():
    return load_run(CONFIG)


def change_engine(run, **fields):
    return type(run)(run.config.model_copy(update={"engine": EngineSpec(**fields)}), run.project)


def test_a_call_may_ask_for_another_engine(run):
    changed = use_engine(change_engine(run, memory_limit="2GB", threads=3), "spark", CLUSTER)
    assert changed.config.engine == EngineSpec(
        kind="spark", master=CLUSTER, memory_limit="2GB", threads=3
    )
    assert use_engine(changed, "duckdb", None).config.engine == EngineSpec(
        memory_limit="2GB", threads=3
    )


def test_without_a_wish_the_configuration_decides(run):
    own = {"kind": "spark", "master": CLUSTER, "spark_settings": {"spark.executor.cores": "2"}}
    run = change_engine(run, **own)
    assert use_engine(run, None, None).config == run.config
    moved = use_engine(run, "spark", "local[2]").config.engine
    assert moved == EngineSpec(**own | {"master": "local[2]"})


@pytest.mark.parametrize(
    ("kind", "master", "text"),
    [
        ("sparc", None, "kind.*spark"),
        ("duckdb", CLUSTER, "Add `--engine spark`"),
        (None, CLUSTER, "Add `--engine spark`"),
        ("spark", "host:7077", "master"),
    ],
)
def test_a_wish_that_does_not_fit_is_told(run, kind, master, text):
    with pytest.raises((ConfigurationError, UsageError), match=text):
        use_engine(run, kind, master)
