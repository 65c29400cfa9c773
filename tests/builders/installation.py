"""A configured lakehouse in a folder of its own, as after its first setup."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from tests.builders.lakes import CONTENT_TABLES

ROOT = Path(__file__).resolve().parents[2]
NOW = "2010-08-20T22:30:00+00:00"
API_KEY = "a-key-of-nobody"


@dataclass(frozen=True)
class Installation:
    """A folder with settings, lake and state; the working folder of whoever uses it."""

    folder: Path
    lake: Lake

    @property
    def config(self) -> str:
        """The settings file."""
        return str(self.folder / "lakehouse.toml")

    def rows(self, table: Table, where: str = "true") -> list[dict[str, Any]]:
        """The table's rows."""
        found: list[dict[str, Any]] = read_rows(self.lake, table, where=where).to_pylist()
        return found

    def versions(self) -> dict[str, int]:
        """The version of every Silver and Gold table; an equal version means that nothing was written."""
        return {table.full_name: DeltaTable(self.lake.uri(table)).version() for table in CONTENT_TABLES}


def install(
    folder: Path,
    url: str,
    *,
    stocks: Sequence[str] = ("AAPL",),
    fx: Sequence[str] = (),
    lake: Path | None = None,
    now: str = NOW,
    **provider: Any,
) -> Installation:
    """An installation that requests from the simulator at `url`; each run's clock starts at `now`."""
    folder.mkdir(parents=True, exist_ok=True)
    place = lake or folder / "lake"
    settings = {"base_url": url, "plan": "unmetered", "attempts": 2, "timeout_seconds": 120.0, **provider}
    lines = [
        f"lake = {json.dumps(str(place))}",
        f"state_dir = {json.dumps(str(folder / 'state'))}",
        f"report = {json.dumps(str(folder / 'report.html'))}",
        f"simulated_now = {now}",
        "[watch_list]",
        f"stocks = {json.dumps(list(stocks))}",
        f"fx = {json.dumps(list(fx))}",
        "[providers.alphavantage]",
        *(f"{name} = {json.dumps(value)}" for name, value in settings.items()),
    ]
    (folder / "lakehouse.toml").write_text("\n".join(lines) + "\n")
    return Installation(folder, Lake(str(place)))


def run_python(
    arguments: Sequence[str], here: Installation, environ: Mapping[str, str]
) -> subprocess.Popen[str]:
    """A Python process in the installation's folder, its output captured."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=here.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
