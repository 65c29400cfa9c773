"""What survives: `docker compose down` and `up`; everything deleted and brought back from a backup."""

import shutil
import subprocess
from pathlib import Path

from tests.lakes import hashes
from tests.stack.running_stack import PROJECT, Stack, environment, set_canary

COMPOSED = {"COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_FILE": "docker-compose.yml:override.json"}


def make(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """`make` as a person says it in the stack's folder."""
    return subprocess.run(
        ["make", *words],
        check=False,
        cwd=stack.folder,
        env={**environment(), **COMPOSED},
        capture_output=True,
        text=True,
        timeout=1200,
    )


def test_down_and_up_again_keeps_all(stack: Stack) -> None:
    rows, runs = hashes(stack.lake()), stack.api("POST", "flow_runs/count", {})
    stack.compose("down", "--timeout", "30")
    assert stack.containers_are_gone()
    stack.up()
    assert hashes(stack.lake()) == rows
    assert stack.api("POST", "flow_runs/count", {}) >= runs > 0


def test_a_backup_brings_all_back_on_a_machine_with_other_passwords(stack: Stack, tmp_path: Path) -> None:
    rows, runs = hashes(stack.lake()), stack.api("POST", "flow_runs/count", {})
    done = make(stack, "backup", f"TO={tmp_path}")
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.iterdir()
    assert stack.secret("MINIO_ROOT_PASSWORD") not in (folder / "manifest.json").read_text()
    refused = make(stack, "restore", f"FROM={folder}")
    assert refused.returncode
    assert "nothing was touched" in refused.stderr

    stack.compose("down", "--volumes", "--timeout", "30")
    shutil.rmtree(stack.folder / ".secrets")
    assert make(stack, "env").returncode == 0
    set_canary(stack)
    done = make(stack, "restore", f"FROM={folder}")
    assert done.returncode == 0, done.stderr
    stack.up()
    assert hashes(stack.lake()) == rows
    assert stack.api("POST", "flow_runs/count", {}) >= runs
