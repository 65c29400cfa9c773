"""How the steps of a run are executed: one after the other here, each as a task in a Prefect flow."""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class StepRunner(Protocol):
    """Executes one step of a run."""

    def __call__(self, name: str, step: Callable[[], T]) -> T:
        """Returns what the step returns, and raises what it raises; `name` names it for a person."""


def run_directly(name: str, step: Callable[[], T]) -> T:
    """Calls the step."""
    del name  # only an orchestrator shows it
    return step()
