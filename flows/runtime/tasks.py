"""Runs the steps of a run as Prefect tasks."""

from collections.abc import Callable
from typing import TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

T = TypeVar("T")


def run_as_task(name: str, step: Callable[[], T]) -> T:
    """Runs the step as a task of the flow run under way; returns and raises what the step does.

    Tasks are not retried: only fetches are, and the HTTP layer does that.
    """
    return task(name=name, task_run_name=name, cache_policy=NO_CACHE)(step)()
