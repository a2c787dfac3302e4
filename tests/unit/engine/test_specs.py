"""Which engine, where, and with what: what a configuration may say."""

from __future__ import annotations

import pytest

from riskmodel.engine.specs import EngineSpec

CLUSTER = {"kind": "spark", "master": "spark://host:7077"}


def test_duckdb_is_the_default():
    assert EngineSpec().kind == "duckdb"
    assert EngineSpec(kind="spark").master == "local[*]"


@pytest.mark.parametrize(
    "master", ["local", "local[2]", "spark://a:7077,b:7077", "yarn", "k8s://https://a:6443"]
)
def test_a_master_is_one_that_spark_knows(master):
    assert EngineSpec(kind="spark", master=master).master == master


@pytest.mark.parametrize("master", ["", "host:7077", "local[0]", "http://host", "spark://"])
def test_other_masters_are_refused(master):
    with pytest.raises(ValueError, match="master"):
        EngineSpec(kind="spark", master=master)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"executor.memory": "1g"}, "must start with 'spark.'"),
        ({"spark.sql.session.timeZone": "Europe/Stockholm"}, "set by the library"),
        ({"spark.master": "local"}, "set by the library"),
        ({"spark.authenticate.secret": "x"}, "is secret"),
        ({"spark.ssl.keyPassword": "x"}, "is secret"),
    ],
)
def test_settings_that_break_a_promise_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        EngineSpec(kind="spark", spark_settings=settings)


@pytest.mark.parametrize("extra", [{"master": "local[2]"}, {"spark_settings": {"spark.a": "1"}}])
def test_settings_of_spark_are_refused_for_duckdb(extra):
    with pytest.raises(ValueError, match="belong to the kind 'spark'"):
        EngineSpec(**extra)


def test_the_embedded_engine_keeps_the_limits():
    spec = EngineSpec(**CLUSTER, memory_limit="1GB", threads=3, spark_settings={"spark.a": "1"})
    assert spec.embedded == EngineSpec(memory_limit="1GB", threads=3)
