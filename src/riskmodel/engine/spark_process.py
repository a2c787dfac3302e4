"""Starting and ending the Java process in which Spark's driver runs.

Spark would start it on its own, but then leave it running, with its messages on the user's
terminal: they may quote a cell. Here it is started quietly and always ended.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from riskmodel.core.files import write_text
from riskmodel.engine.specs import FIXED_SPARK_SETTINGS, LOCAL_MASTER, EngineSpec
from riskmodel.errors import ConfigurationError, MissingExtraError

_LOOPBACK = "127.0.0.1"
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_MIB = 2**20
_LEAST_MIB = 450
_CONNECT_SECONDS = 5.0
_WORKERS_SECONDS = 60.0
_QUIET = "rootLogger.level = off\n"


def check_installed() -> None:
    """Raise unless Spark's Python package and Java are there.

    Raises
    ------
    MissingExtraError
        Saying what to install.
    """
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            "`engine` must find the package pyspark to be 'spark', got none. Install it: "
            "pip install 'riskmodel[spark]', or leave the engine at 'duckdb'."
        ) from None
    if find_java() is None:
        raise MissingExtraError(
            "`engine` must find Java 17 or 21 to be 'spark', got none. Install it (on Debian: "
            "apt-get install openjdk-17-jre-headless) and put `java` on the path or set "
            "JAVA_HOME, or leave the engine at 'duckdb'."
        )


def find_java() -> str | None:
    """Return where Java is, as Spark looks for it.

    Returns
    -------
    str or None
        The program, or None where there is none.
    """
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")


def make_settings(spec: EngineSpec, folder: Path) -> dict[str, str]:
    """Return Spark's settings.

    Parameters
    ----------
    spec : EngineSpec
        What the user asks for.
    folder : pathlib.Path
        Where the driver may spill.

    Returns
    -------
    dict of str to str
        The user's own settings replace the library's, but for those that decide a number.

    Raises
    ------
    ConfigurationError
        If the memory is less than Spark can start with.

    Notes
    -----
    On one machine groups are dealt to as many partitions as it has cores, since each partition
    costs tasks whatever it holds: measured with `local[2]`, 400,000 rows and five features took 43
    seconds of processor time, start included, with 2 partitions and 79 with Spark's 200. A
    cluster keeps the 200.
    """
    memory = _to_mebibytes(spec.memory_limit)
    if memory < _LEAST_MIB:
        raise ConfigurationError(
            f"`memory_limit` must be at least {_LEAST_MIB}MiB for Spark, got {spec.memory_limit}. "
            "Raise it."
        )
    quiet = folder / "log4j2.properties"
    write_text(quiet, _QUIET)
    settings = {
        "spark.app.name": "riskmodel",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={quiet.as_uri()}",
        "spark.driver.maxResultSize": "0",
        "spark.driver.memory": f"{memory}m",
        "spark.executor.memory": f"{memory}m",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    master = spec.master
    if master.startswith("local"):
        if spec.threads is not None and master == LOCAL_MASTER:
            master = f"local[{spec.threads}]"
        settings |= {
            "spark.driver.host": _LOOPBACK,
            "spark.driver.bindAddress": _LOOPBACK,
            "spark.sql.shuffle.partitions": str(_count_cores(master)),
        }
    elif spec.threads is not None:
        settings["spark.cores.max"] = str(spec.threads)
    return settings | spec.spark_settings | FIXED_SPARK_SETTINGS | {"spark.master": master}


def start_context(settings: dict[str, str]) -> Any:
    """Start the driver's process and connect it to its master.

    Parameters
    ----------
    settings : dict of str to str
        From `make_settings`.

    Returns
    -------
    pyspark.SparkContext
        Connected, with workers where the master is a cluster.

    Raises
    ------
    ConfigurationError
        If the process does not start, or the master cannot be reached or has no free worker.
    """
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway

    _check_master(settings["spark.master"])
    conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))
    launch: Any = launch_gateway
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        gateway = launch(conf, silent)
    except PySparkException:
        raise MissingExtraError(
            "`engine` must be able to start Spark's Java process, got one that ended at once. "
            "Check that `java -version` says 17 or 21, and that the memory asked for is there."
        ) from None
    try:
        context = SparkContext(conf=conf, gateway=gateway)
        # Spark's own default is whatever `python3` is, which need not have this library.
        context.pythonExec = os.environ.get("PYSPARK_PYTHON", sys.executable)
        _await_workers(context, settings)
    except (Py4JError, PySparkException) as error:
        stop_process()
        raise ConfigurationError(
            f"`master` must be one that Spark can connect to, got {type(error).__name__}. "
            "Check the address, and `spark_settings`."
        ) from None
    except BaseException:
        stop_process()
        raise
    return context


def stop_process() -> None:
    """End the driver's process, whatever state it is in; without one, do nothing."""
    from pyspark import SparkContext

    gateway: Any = SparkContext._gateway
    if gateway is None:
        return
    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()
    gateway.shutdown()
    SparkContext._gateway = None
    SparkContext._jvm = None
    process = gateway.proc
    process.stdin.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _count_cores(master: str) -> int:
    """Return with how many cores a master on this machine works."""
    cores = master.removeprefix("local").strip("[]") or "1"
    return int(cores) if cores.isdecimal() else os.cpu_count() or 1


def _to_mebibytes(text: str) -> int:
    """Return an amount of memory such as ``4GB`` in mebibytes; GB is taken as GiB is not."""
    number = text.rstrip("KMGTiB").strip()
    unit = text[len(number) :].strip()
    step = _UNITS[unit[0]] if "i" in unit else 1000 ** (1 + "KMGT".index(unit[0]))
    return int(float(number) * step) // _MIB


def _check_master(master: str) -> None:
    """Raise if no host of a standalone cluster answers; Spark itself would try for a minute."""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS):
                return
        except (OSError, ValueError):
            continue
    raise ConfigurationError(
        "`master` must be the address of a running cluster such as spark://host:7077, got one "
        "that does not answer. Start the cluster, or check the address."
    )


def _await_workers(context: Any, settings: dict[str, str]) -> None:
    """Wait for the first worker of a standalone cluster; Spark itself would wait forever."""
    if not settings["spark.master"].startswith("spark://"):
        return
    deadline = time.monotonic() + _WORKERS_SECONDS
    while len(context._jsc.sc().statusTracker().getExecutorInfos()) < 2:
        if time.monotonic() > deadline:
            raise ConfigurationError(
                "`master` must have a worker with free cores and "
                f"{settings['spark.executor.memory']} of free memory, got none in "
                f"{_WORKERS_SECONDS:.0f} seconds. Start a worker, or lower `memory_limit`."
            )
        time.sleep(0.1)
