"""Whatever the umask, no other user can read what a run writes: lake, state, ledger, exports."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from flows.simulator.server import Simulator
from tests.builders.command_line import Cli
from tests.builders.installation import Installation, install

BACKFILL = ("backfill", "--from=2010-08-02", "--to=2010-08-04", "--dataset=daily")
Record = Callable[[str, object], None]
pytestmark = pytest.mark.usefixtures("environment", "still_clock")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """The umask lets everybody read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def work(cli: Cli, here: Installation, commands: Sequence[tuple[str, ...]]) -> list[Path]:
    """Runs what writes; returns what was written by it."""
    given = set(here.folder.rglob("*"))
    export = ("export", "silver.bars", "--to", str(here.folder / "export"))
    for command in (*commands, ("report",), export):
        assert cli("--config", here.config, *command).code == 0, command
    return sorted(set(here.folder.rglob("*")) - given)


def rights_of_others(paths: list[Path]) -> dict[str, str]:
    """The paths that the group or others have any right to."""
    return {str(path): stat.filemode(path.stat().st_mode) for path in paths if path.stat().st_mode & 0o077}


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize(
    ("engine", "commands"),
    [
        ("embedded", [BACKFILL, ("maintain",), ("sql", "select count(*) from silver.bars")]),
        pytest.param("spark", [BACKFILL], marks=pytest.mark.spark),  # each command starts a server
    ],
    ids=["embedded", "spark"],
)
def test_files_are_private_with_an_open_umask(
    cli: Cli,
    environment: pytest.MonkeyPatch,
    simulator: Simulator,
    tmp_path: Path,
    engine: str,
    commands: Sequence[tuple[str, ...]],
    record_property: Record,
) -> None:
    environment.setenv("LAKEHOUSE_ENGINE", engine)
    here = install(tmp_path / "here", simulator.url, plan="premium")
    written = work(cli, here, commands)
    names = {path.relative_to(here.folder).parts[0] for path in written}
    assert {"lake", "state", "export", "report.html"} <= names
    assert any(path.suffix.startswith(".sqlite") for path in written)
    assert not rights_of_others(written)
    record_property("happened", f"{len(written)} files and folders, all private, with umask 000")


@pytest.mark.usefixtures("open_umask")
def test_a_setting_shares_the_files(
    cli: Cli, simulator: Simulator, tmp_path: Path, record_property: Record
) -> None:
    here = install(tmp_path / "here", simulator.url)
    config = Path(here.config)
    config.write_text(f'file_mode = "umask"\n{config.read_text()}')
    assert cli("--config", here.config, *BACKFILL).code == 0
    logs = list(Path(here.lake.root).rglob("_delta_log/*.json"))
    assert logs
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in logs)
    record_property("happened", f"{len(logs)} log entries can be read by all, as the umask says")
