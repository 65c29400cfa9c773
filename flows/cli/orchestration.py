"""Whether a command runs as a flow on a Prefect server, and how it gets the flow's summary."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.load import ConfigError

if TYPE_CHECKING:
    from prefect.client.schemas import State

    from flows.operations.run_summary import RunSummary

PrefectOption = Annotated[
    bool,
    typer.Option(
        "--prefect",
        help="Run as a flow on the Prefect server of PREFECT_API_URL (also the default if that is set) or of "
        "the Prefect profile; otherwise the command runs in this process.",
    ),
]


def uses_prefect(is_requested: bool) -> bool:
    """Whether to run as a flow: requested, or PREFECT_API_URL is set.

    Raises:
        ConfigError: requested, and no server is configured: a command does not start one.
    """
    if os.environ.get("PREFECT_API_URL"):
        return True
    if not is_requested:
        return False
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - slow

    if not PREFECT_API_URL.value():
        raise ConfigError(
            "--prefect needs a Prefect server, and none is configured: set PREFECT_API_URL, or leave the "
            "option out to run without one"
        )
    return True


def summary_of(flow: "Callable[..., Any]", *arguments: object) -> "RunSummary":
    """The summary of a run of the flow.

    Raises:
        BuildBlocked, ConfigError, LakeError, PlanError: as the flow does.
    """
    state: State[RunSummary] = flow(*arguments, return_state=True)
    return state.result()
