"""The stack's Spark driver as a process, on a lake in a folder: what it does when others around it die."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(__file__).with_name("served_lake.py")
pytestmark = pytest.mark.spark

# Two minutes of work on two cores: 240 tasks, each sleeps a second.
SLOW_WRITE = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(sys.argv[1]).create()
slow = "java_method('java.lang.Thread', 'sleep', 1000L) as slept"
spark.range(0, 240, 1, 240).selectExpr("id", slow).write.parquet(sys.argv[2])
"""


@dataclass(frozen=True)
class Driver:
    """A driver that serves, and the file that it logs to."""

    process: "subprocess.Popen[bytes]"
    remote: str
    log: Path

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    connect, jdbc = free_port(), free_port()
    environment = {
        # a Connect session of this process has made its environment one of clients
        **{name: value for name, value in os.environ.items() if not name.startswith("SPARK_")},
        "PYTHONPATH": str(ROOT),
        "LAKEHOUSE_LAKE": str(tmp_path / "lake"),
        "SPARK_MASTER": "local[2]",
        "SPARK_DRIVER_JAVA_OPTIONS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    log = tmp_path / "driver.log"
    with log.open("wb") as target:
        process = subprocess.Popen(
            [sys.executable, str(SERVER), str(connect), str(jdbc)],
            env=environment,
            cwd=tmp_path,
            stdout=target,
            stderr=subprocess.STDOUT,
        )
    found = Driver(process, f"sc://127.0.0.1:{connect}", log)
    try:
        wait_until(lambda: "Connect on" in found.said() or process.poll() is not None, 600, found.said)
        assert process.poll() is None, found.said()[-4000:]
        yield found
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(look: Callable[[], bool], seconds: float, told: Callable[[], str] = str) -> None:
    """Returns once `look` is true; after `seconds` an AssertionError with the end of what `told` gives."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {told()[-4000:]}"
        time.sleep(0.5)


def jvm_of(process: "subprocess.Popen[bytes]") -> int:
    listed = subprocess.run(
        ["pgrep", "-x", "-P", str(process.pid), "java"], capture_output=True, text=True, check=True
    )
    (pid,) = listed.stdout.split()
    return int(pid)


@pytest.mark.skipif(shutil.which("pgrep") is None, reason="no pgrep: apt-get install procps (2026-11)")
def test_a_driver_whose_jvm_was_killed_ends_with_1_and_says_why_last(driver: Driver) -> None:
    before = len(driver.said())
    os.kill(jvm_of(driver.process), signal.SIGKILL)
    assert driver.process.wait(timeout=300) == 1
    *others, last = driver.said()[before:].strip().splitlines()
    assert "Spark's JVM has ended (killed, as the kernel does when memory is short)" in last
    assert not [line for line in others if "Spark's JVM" in line]  # py4j may say more, of a call under way


def test_what_a_killed_client_asked_for_is_cancelled(driver: Driver, tmp_path: Path) -> None:
    target = tmp_path / "written"
    client = subprocess.Popen([sys.executable, "-c", SLOW_WRITE, driver.remote, str(target)])
    try:
        wait_until(lambda: (target / "_temporary").exists() or client.poll() is not None, 300)
        assert client.poll() is None
    finally:
        client.kill()
        client.wait()
    wait_until(nothing_is_written(target, 15), 300, lambda: str(everything_in(target)))
    assert not (target / "_SUCCESS").exists()


def nothing_is_written(folder: Path, seconds: float) -> Callable[[], bool]:
    """A look that is true once the folder has held the same for so long.

    That the committer's folder is gone would be too much to ask: a task that was still at work when its job
    was cancelled makes it again (SPARK-40647).
    """
    last, since = everything_in(folder), time.monotonic()

    def look() -> bool:
        nonlocal last, since
        if (now := everything_in(folder)) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > seconds

    return look


def everything_in(folder: Path) -> list[str]:
    return sorted(map(str, os.walk(folder)))  # unlike rglob, at peace with a folder that goes meanwhile
