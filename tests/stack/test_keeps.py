"""What survives: `docker compose down` and `up`; everything deleted and brought back from a backup."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.builders.lakes import hashes
from tests.stack.running_stack import Stack, set_canary, until

pytestmark = pytest.mark.disruptive

POOL = "work_pools/market-data"


def completed(stack: Stack) -> set[str]:
    """The ids of the runs that have completed; the oldest ones, where they are many."""
    wanted = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}, "sort": "START_TIME_ASC"}
    return {run["id"] for run in stack.api("POST", "flow_runs/filter", wanted)}


@contextmanager
def nobody_writes(stack: Stack) -> Iterator[None]:
    """No run starts meanwhile, whatever the schedules say, and those at work have ended before."""
    stack.api("PATCH", POOL, {"is_paused": True})
    try:
        at_work = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}}
        until(lambda: None if stack.api("POST", "flow_runs/filter", at_work) else True, "runs end", 600, 2)
        yield
    finally:
        stack.api("PATCH", POOL, {"is_paused": False})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_down_and_up_again_keeps_all(stack: Stack) -> None:
    with nobody_writes(stack):
        rows, runs = hashes(stack.lake()), completed(stack)
        stack.compose("down", "--timeout", "30")
        assert stack.containers() == []
        stack.up()
        assert hashes(stack.lake()) == rows
        assert runs
        assert runs <= completed(stack)


def test_a_backup_brings_all_back_on_a_machine_with_other_passwords(stack: Stack, tmp_path: Path) -> None:
    with nobody_writes(stack):
        rows, runs = hashes(stack.lake()), completed(stack)
        stack.make("backup", f"TO={tmp_path}")
        (folder,) = tmp_path.iterdir()
        assert mode(folder) == 0o700  # the archives hold the store's keys
        assert {file.name: mode(file) for file in folder.iterdir()} == {
            name: 0o600 for name in ("manifest.json", "minio.tar.gz", "postgres.tar.gz", "state.tar.gz")
        }
        refused = stack.made("restore", f"FROM={folder}")
        assert refused.returncode
        assert "nothing was changed" in refused.stderr

        stack.compose("down", "--volumes", "--timeout", "30")
        shutil.rmtree(stack.folder / ".secrets")
        stack.make("env")
        set_canary(stack)
        stack.make("restore", f"FROM={folder}")
        stack.up()
        assert hashes(stack.lake()) == rows
        assert runs
        assert runs <= completed(stack)
