"""Ctrl-C does not end the embedded engine, which a commit under way still needs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import os, signal, time
from config.settings import Settings
from delta_tables.storage.lake import Lake
from jobs.engine.session import engine_session

signal.signal(signal.SIGINT, lambda *_: print("interrupted"))
with engine_session(Settings(), Lake("/nowhere")) as spark:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)  # Sail would end its server meanwhile
    print(spark.range(3).count())
"""


def test_the_embedded_engine_goes_on_after_an_interrupt() -> None:
    command = [sys.executable, "-c", SCRIPT]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n3\n", "")
