import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from riskmodel.engine.session import open_engine
from riskmodel.engine.spark_process import find_java
from riskmodel.engine.specs import EngineSpec

HOST = "127.0.0.1"
START_SECONDS = 120
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For programs that live for a minute: most of their time went into compiling themselves."""

SETTINGS = {
    "spark.driver.extraJavaOptions": QUICK_START,
    "spark.executor.extraJavaOptions": QUICK_START,
    "spark.ui.enabled": "false",
    "spark.driver.host": HOST,
    "spark.driver.bindAddress": HOST,
    "spark.executor.cores": "1",
    "spark.sql.shuffle.partitions": "3",
    "spark.sql.files.maxPartitionBytes": "4096",
    "spark.sql.files.openCostInBytes": "0",
    "spark.shuffle.io.maxRetries": "1",
    "spark.shuffle.io.retryWait": "200ms",
}


@dataclass
class Cluster:
    """A standalone cluster on this machine, from the pip package's own programs."""

    folder: Path
    processes: list = field(default_factory=list)
    port: int = 0

    @property
    def master(self):
        return f"spark://{HOST}:{self.port}"

    def start(self):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        where = ["--host", HOST, "--port", str(self.port), "--webui-port", "0"]
        self._launch("master.Master", *where)
        self._await_master()
        self.add_worker()
        self.add_worker()

    def add_worker(self):
        folder = self.folder / f"worker_{len(self.processes)}"
        where = ["--host", HOST, "--webui-port", "0", "--work-dir", str(folder)]
        size = ["--cores", "2", "--memory", "2g"]
        self._launch("worker.Worker", self.master, *where, *size)

    def kill_worker(self):
        """Kill a worker and its executors, as a machine that loses its power does."""
        end_group(self.processes.pop(), signal.SIGKILL)

    def stop(self):
        for process in reversed(self.processes):
            end_group(process, signal.SIGTERM)
        self.processes.clear()

    def _launch(self, name, *arguments):
        import pyspark

        program = Path(pyspark.__file__).parent / "bin" / "spark-class"
        environment = os.environ | {
            "SPARK_DAEMON_MEMORY": "192m",
            "SPARK_DAEMON_JAVA_OPTS": QUICK_START,
            "SPARK_LOCAL_IP": HOST,
        }
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(program), f"org.apache.spark.deploy.{name}", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,  # so that a worker dies together with its executors
            )
        self.processes.append(process)

    def _await_master(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.port)) == 0:
                    return
            time.sleep(0.1)
        pytest.fail("The master must answer in time.")


def end_group(process, how):
    """End a process that these tests started, and what it started itself."""
    try:
        os.killpg(process.pid, how)
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    except ProcessLookupError:
        process.wait()


@pytest.fixture(scope="session")
def java():
    """Ask for Java, which a machine that tests for others must have."""
    if find_java() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Java must be installed where CI=true.")
        pytest.skip("Java is not installed.")


@pytest.fixture(scope="session")
def cluster(java, tmp_path_factory):
    """Start one master and two workers."""
    if os.name != "posix":
        pytest.skip("A worker is killed with its executors as POSIX knows process groups.")
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        started.start()
        yield started
    finally:
        started.stop()
        shutil.rmtree(started.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def spark(cluster, tmp_path_factory):
    """Open an engine with one core on each worker."""
    spec = EngineSpec(
        kind="spark",
        master=cluster.master,
        memory_limit="600MB",
        threads=2,
        temporary_folder=tmp_path_factory.mktemp("spark"),
        spark_settings=SETTINGS,
    )
    with open_engine(spec) as engine:
        await_executors(engine, 2)
        yield engine


def await_executors(engine, count):
    """Wait until so many executors work for an engine."""
    deadline = time.monotonic() + START_SECONDS
    while count_executors(engine) < count:
        assert time.monotonic() < deadline, "executors must come in time"
        time.sleep(0.1)


def count_executors(engine):
    """Return how many executors work for an engine, the driver apart."""
    context = engine.connection._session.sparkContext
    return len(context._jsc.sc().statusTracker().getExecutorInfos()) - 1


@pytest.fixture(scope="session")
def duckdb():
    with open_engine(EngineSpec(threads=2, memory_limit="1GB")) as engine:
        yield engine
