"""Reads from a Prefect server over its REST API."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
from prefect.client.orchestration import PrefectClient, get_client

_PATIENCE_SECONDS = 300.0

Found = TypeVar("Found")


@dataclass(frozen=True)
class PrefectServer:
    """A running server, the folder that is PREFECT_HOME, and its database file."""

    api_url: str
    home: Path
    database: Path

    def artifacts(self, flow_run_id: object) -> dict[str, dict[str, Any]]:
        """The artifacts of a flow run by key, in their last state."""
        wanted = {"artifacts": {"flow_run_id": {"any_": [str(flow_run_id)]}}}
        return {found["key"]: found for found in self._ask("artifacts/filter", wanted)}

    def has_event(self, name: str, *, saying: str) -> bool:
        """Whether an event of this name has this detail; events arrive shortly after they are emitted."""
        wanted = {"filter": {"event": {"name": [name]}}}

        def is_there() -> bool:
            found = self._ask("events/filter", wanted)["events"]
            return any(saying in event["payload"]["detail"] for event in found)

        return in_patience(is_there)

    def has_event_of(self, flow_run_id: object, name: str) -> bool:
        """Whether there is an event of this name about this flow run."""
        resource = {"id": [f"prefect.flow-run.{flow_run_id}"]}
        wanted = {"filter": {"event": {"name": [name]}, "resource": resource}}
        return in_patience(lambda: bool(self._ask("events/filter", wanted)["events"]))

    def has_warning(self, flow_run_id: object, *, saying: str) -> bool:
        """Whether this flow run's log has such a warning; log lines arrive some seconds later."""
        wanted = {"logs": {"flow_run_id": {"any_": [str(flow_run_id)]}, "level": {"ge_": 30}}}

        def is_there() -> bool:
            return any(saying in line["message"] for line in self._ask("logs/filter", wanted))

        return in_patience(is_there)

    def logs_at_debug(self) -> list[dict[str, Any]]:
        """Log lines of level DEBUG that runs have sent, the newest two hundred."""
        return list(self._ask("logs/filter", {"logs": {"level": {"le_": 10}}, "limit": 200}))

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        response = requests.post(f"{self.api_url}/{path}", json=body, timeout=120)
        response.raise_for_status()
        return response.json()


def in_patience(is_there: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> bool:
    """Whether it becomes true within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_there():
            return True
        time.sleep(0.2)
    return False


def with_client(ctx: Callable[[PrefectClient], Coroutine[Any, Any, Found]]) -> Found:
    """What `ctx` returns for a client of the server."""

    async def run() -> Found:
        async with get_client() as client:
            return await ctx(client)

    return asyncio.run(run())
