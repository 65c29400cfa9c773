"""Soda touches neither the environment, nor the network, nor the home folder, nor the terminal."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from soda.common.env_helper import EnvHelper

from quality.gate import scan_batch
from quality.soda_scan import load_soda
from quality.soda_session import describe_table

NOW = datetime(2024, 3, 5, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checks_path(tmp_path: Path) -> Path:
    path = tmp_path / "things.yml"
    path.write_text("checks for things:\n  - row_count > 0\n  - missing_count(id) = 0\n")
    return path


def test_an_env_file_is_not_loaded(
    spark: SparkSession, checks_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("GATE_CANARY=from-the-file\n")
    monkeypatch.setattr("dotenv.main.find_dotenv", lambda *_, **__: str(env_file))
    monkeypatch.setenv("GATE_CANARY", "from-the-environment")
    EnvHelper.reset()
    load_soda()
    assert os.environ["GATE_CANARY"] == "from-the-environment"
    EnvHelper.reset()
    assert scan_batch(spark, spark.range(3), "things", checks_path, NOW).status == "pass"
    assert os.environ["GATE_CANARY"] == "from-the-environment"

    EnvHelper.reset()
    from soda.scan import Scan  # noqa: PLC0415  after the gate, as the gate demands

    Scan()
    assert os.environ["GATE_CANARY"] == "from-the-file", "left to itself Soda loads the file"


def test_soda_says_nothing_and_its_logger_is_as_before(
    spark: SparkSession,
    checks_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    level = logging.getLogger("soda").level
    checks_path.write_text("checks for things:\n  - missing_count(nowhere) = 0\n")
    with caplog.at_level(logging.INFO):
        result = scan_batch(spark, spark.range(3), "things", checks_path, NOW)
    assert result.errors
    assert capfd.readouterr().out == ""
    assert [r for r in caplog.records if r.name.startswith("soda")] == []
    assert logging.getLogger("soda").level == level


SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        host = args[1][0] if event == "socket.connect" else args[0]
        if host not in ("127.0.0.1", "localhost", "::1"):
            print("went to", host)

sys.addaudithook(refuse)
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession
from quality.gate import scan_batch
server = SparkConnectServer()
server.start(background=True)
spark = SparkSession.builder.remote(f"sc://127.0.0.1:{server.listening_address[1]}").getOrCreate()
result = scan_batch(spark, spark.range(3), "things", Path(sys.argv[1]), datetime(2024, 3, 5, tzinfo=UTC))
from opentelemetry import trace
print(result.status, type(trace.get_tracer_provider()).__name__)
"""


def test_a_scan_leaves_no_file_and_asks_no_host(checks_path: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    config = ROOT / "quality" / "soda_telemetry_off.yml"
    before = config.read_text()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(checks_path)],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.strip() == "pass ProxyTracerProvider", done.stdout + done.stderr
    assert list(home.iterdir()) == []
    assert config.read_text() == before


def test_two_threads_do_not_wipe_each_others_errors(
    spark: SparkSession, tmp_path: Path, checks_path: Path
) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text("checks for things:\n  - row_count > 0\n  - missing_count(nowhere) = 0\n")
    paths = [bad, checks_path] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda p: scan_batch(spark, spark.range(3), "things", p, NOW).status, paths))
    assert found == ["error", "pass"] * 4


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("DESCRIBE silver_bars", "DESCRIBE TABLE silver_bars"),
        ("DESCRIBE TABLE silver_bars", "DESCRIBE TABLE silver_bars"),
        ("select 'DESCRIBE x'", "select 'DESCRIBE x'"),
    ],
)
def test_describe_is_spelled_out_for_the_embedded_engine(query: str, wanted: str) -> None:
    assert describe_table(query) == wanted
