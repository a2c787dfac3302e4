"""Starting Spark: what must be there, what it is told, and what is said where it cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from riskmodel.engine import spark_process
from riskmodel.engine.session import open_engine
from riskmodel.engine.spark_process import check_installed, make_settings
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import ConfigurationError, MissingExtraError


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'riskmodel\[spark\]'") as caught:
        check_installed()
    assert caught.value.exit_code == 14


def test_without_java_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with (
        pytest.raises(MissingExtraError, match="openjdk-17-jre-headless"),
        open_engine(EngineSpec(kind="spark")),
    ):
        pass
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "no-java-here"))
    with pytest.raises(MissingExtraError, match="JAVA_HOME"):
        check_installed()


OPEN = """
import pathlib, sys
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import MissingExtraError
try:
    with open_engine(EngineSpec(kind="spark", temporary_folder=pathlib.Path(sys.argv[1]))):
        pass
except MissingExtraError as error:
    print(error)
"""
"""A process of its own: another test may have Spark open in this one."""


def test_a_java_that_does_not_start_is_a_clear_error(tmp_path):
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    folder = tmp_path / "spill"
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(folder)],
        env={**os.environ, "JAVA_HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "17 or 21" in done.stdout
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "expected"), [("1GiB", "1024m"), ("1.5 GiB", "1536m"), ("1GB", "953m")]
)
def test_memory_is_given_to_each_process(limit, expected, tmp_path):
    settings = make_settings(EngineSpec(kind="spark", memory_limit=limit), tmp_path)
    assert settings["spark.driver.memory"] == settings["spark.executor.memory"] == expected


def test_too_little_memory_for_spark_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="at least 450MiB"):
        make_settings(EngineSpec(kind="spark", memory_limit="400MB"), tmp_path)


def test_the_users_settings_replace_the_librarys(tmp_path):
    own = {"spark.executor.memory": "7g", "spark.speculation": "true"}
    spec = EngineSpec(kind="spark", master="spark://host:7077", threads=5, spark_settings=own)
    settings = make_settings(spec, tmp_path)
    assert own.items() <= settings.items()
    assert settings["spark.cores.max"] == "5"
    assert settings["spark.sql.session.timeZone"] == "UTC"
    assert "spark.driver.host" not in settings


def test_on_one_machine_spark_listens_to_that_machine_alone(tmp_path):
    settings = make_settings(EngineSpec(kind="spark", threads=3), tmp_path)
    assert settings["spark.master"] == "local[3]"
    assert settings["spark.driver.bindAddress"] == "127.0.0.1"
    assert settings["spark.ui.enabled"] == "false"


@pytest.mark.parametrize(
    ("master", "threads", "expected"),
    [("local[*]", 3, "3"), ("local[5]", 3, "5"), ("local", None, "1"), ("local[*]", None, "7")],
)
def test_one_machine_deals_groups_to_as_many_partitions_as_cores(
    tmp_path, monkeypatch, master, threads, expected
):
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    name = "spark.sql.shuffle.partitions"
    spec = EngineSpec(kind="spark", master=master, threads=threads)
    assert make_settings(spec, tmp_path)[name] == expected
    own = spec.model_copy(update={"spark_settings": {name: "40"}})
    assert make_settings(own, tmp_path)[name] == "40"
    cluster = spec.model_copy(update={"master": "spark://host:7077"})
    assert name not in make_settings(cluster, tmp_path)


@pytest.mark.parametrize("master", ["spark://127.0.0.1:{port}", "spark://127.0.0.1:port"])
def test_a_master_that_does_not_answer_is_told_at_once(master, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ConfigurationError, match="does not answer"):
        spark_process._check_master(master.format(port=port))
