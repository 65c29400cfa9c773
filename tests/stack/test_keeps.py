"""`docker compose down`, then `up`: the lake, the runs and the users are all still there."""

from tests.lakes import hashes
from tests.stack.running_stack import Stack


def test_down_and_up_again_keeps_all(stack: Stack) -> None:
    rows, runs = hashes(stack.lake()), stack.api("POST", "flow_runs/count", {})
    stack.compose("down", "--timeout", "30")
    assert stack.containers_are_gone()
    stack.up()
    assert hashes(stack.lake()) == rows
    assert stack.api("POST", "flow_runs/count", {}) >= runs > 0
