"""A clock that was ahead or set back, and a count of calls that was torn, lost or dated by such a clock."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delta_tables.storage.arrow_io import read_rows
from delta_tables.tables.silver import BARS
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from tests.builders.command_line import Cli
from tests.builders.installation import Installation, install

pytestmark = pytest.mark.usefixtures("environment")
Record = Callable[[str, object], None]
YEARS = timedelta(days=3650)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """How far the machine's clock is ahead; its only item may be replaced."""
    ahead = [timedelta(0)]
    for name in ("jobs.runs.clock", "jobs.runs.stage", "jobs.runs.run_context"):
        monkeypatch.setattr(f"{name}.utc_now", lambda: datetime.now(UTC) + ahead[0])

    def seconds() -> float:
        return (datetime.now(UTC) + ahead[0]).timestamp()

    monkeypatch.setattr("flows.handlers.rate_limit.limiter.time.time", seconds)
    return ahead


def in_real_time(folder: Path, url: str, *more: str) -> Installation:
    """An installation without a simulated clock."""
    here = install(folder, url, plan="free")
    config = Path(here.config)
    lines = [line for line in config.read_text().splitlines() if not line.startswith("simulated_now")]
    config.write_text("\n".join([*more, *lines]) + "\n")
    return here


def current(here: Installation) -> dict[object, tuple[object, ...]]:
    rows = read_rows(here.lake, BARS, where="known_to IS NULL").to_pylist()
    return {row["timestamp"]: (row["close"], row["volume"]) for row in rows}


def test_clock_an_hour_ahead_then_right(
    cli: Cli, simulator: Simulator, wall: list[timedelta], tmp_path: Path, record_property: Record
) -> None:
    here = in_real_time(tmp_path / "here", simulator.url)
    wall[0] = timedelta(hours=1)
    assert cli("--config", here.config, "run").code == 0
    wrong = current(here)
    wall[0] = timedelta(0)
    simulator.service.set_faults((Fault(FaultKind.CORRECTIONS, rate=0.5),))
    refused = cli("--config", here.config, "run")
    assert refused.code == 2
    assert "clock" in refused.line
    assert current(here) == wrong

    after = in_real_time(tmp_path / "here", simulator.url, 'clock_behind = "stamp_after"')
    assert cli("--config", after.config, "run").code == 0
    clean = in_real_time(tmp_path / "clean", simulator.url)
    assert cli("--config", clean.config, "run").code == 0
    corrected = sum(values != wrong.get(at) for at, values in current(clean).items())
    assert corrected > 0
    assert current(after) == current(clean)
    record_property(
        "happened",
        f"refused, in one line; with stamp_after all {corrected} corrected bars are current, 0 filed back",
    )


def test_ledger_dated_ten_years_ahead(
    cli: Cli, simulator: Simulator, wall: list[timedelta], tmp_path: Path, record_property: Record
) -> None:
    first = in_real_time(tmp_path / "a", simulator.url)
    wall[0] = YEARS
    assert cli("--config", first.config, "run").code == 0
    made = counted(tmp_path / "a")
    wall[0] = timedelta(0)
    second = in_real_time(tmp_path / "a", simulator.url)
    Path(second.config).write_text(Path(second.config).read_text().replace("/a/lake", "/a/lake2"))
    ended = cli("--config", second.config, "run")
    assert ended.code == 0, ended.error
    newest = max(stamps(tmp_path / "a"))
    assert newest < (datetime.now(UTC) + timedelta(minutes=1)).timestamp() * 1000
    record_property("happened", f"{made} calls of 2036 count as made now; the next run called at once")


@pytest.mark.parametrize("fault", ["lost", "torn"])
def test_ledger(cli: Cli, simulator: Simulator, tmp_path: Path, record_property: Record, fault: str) -> None:
    here = in_real_time(tmp_path / "here", simulator.url)
    assert cli("--config", here.config, "run").code == 0
    (file,) = (tmp_path / "here").rglob("alphavantage-*.sqlite")
    made = counted(tmp_path / "here")
    content = file.read_bytes()
    for part in file.parent.iterdir():
        part.unlink()
    if fault == "torn":
        file.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    assert cli("--config", here.config, "run").code == 0
    assert counted(tmp_path / "here") == simulator.service.stats()["calls"]
    record_property("happened", f"{made} calls were made up from Bronze; the count is the provider's")


def stamps(folder: Path) -> list[int]:
    (file,) = folder.rglob("alphavantage-*.sqlite")
    with sqlite3.connect(file) as connection:
        return [stamp for (stamp,) in connection.execute("SELECT item_timestamp FROM rate_bucket")]


def counted(folder: Path) -> int:
    return len(stamps(folder))
