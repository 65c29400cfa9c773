"""What Prefect's server knows, asked over its REST interface."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

_PATIENCE_SECONDS = 15.0


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
        """Whether an event of this name says so; events arrive a moment after they were emitted."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        wanted = {"filter": {"event": {"name": [name]}}}
        while time.monotonic() < deadline:
            found = self._ask("events/filter", wanted)["events"]
            if any(saying in event["payload"]["detail"] for event in found):
                return True
            time.sleep(0.2)
        return False

    def logs_at_debug(self) -> list[dict[str, Any]]:
        """Log lines of level DEBUG that runs have sent, the newest two hundred."""
        return list(self._ask("logs/filter", {"logs": {"level": {"le_": 10}}, "limit": 200}))

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        response = requests.post(f"{self.api_url}/{path}", json=body, timeout=20)
        response.raise_for_status()
        return response.json()
