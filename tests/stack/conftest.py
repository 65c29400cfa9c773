"""The stack, built and started once for all tests of this folder; `make test-stack` runs them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.containers import why_no_docker
from tests.stack.running_stack import Stack, checked_out


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running stack with the demo in it; removed at the end, its volumes too."""
    if reason := why_no_docker():
        assert "STACK_REQUIRED" not in os.environ, reason
        pytest.skip(f"needs a Docker engine with compose: {reason}")
    kept = os.environ.get("STACK_FOLDER")  # kept running between runs, for work on these tests
    found = checked_out(Path(kept) if kept else tmp_path_factory.mktemp("stack") / "checkout")
    reason = found.why_not_ours()
    assert reason is None, reason
    try:
        found.compose("build", seconds=3600)
        found.up()
        yield found
    finally:
        if not kept:
            found.compose("down", "--volumes", "--timeout", "20", check=False)
