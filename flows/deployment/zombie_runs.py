"""Ends the runs that dead workers have left behind; Prefect would show them as running for ever.

`python -m flows.deployment.zombie_runs --worker NAME`: before a worker starts; what ran under its name is
dead.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, Worker
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

POOL: Final = "market-data"
_UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
_WORKER_LABEL = "prefect.worker.name"  # a worker gives it to each run that it takes
_MISSED_HEARTBEATS: Final = 3  # as many as Prefect's server waits for before it calls a worker offline
_HEARTBEAT_SECONDS: Final = 30
_TAKING: Final = timedelta(minutes=2)  # a worker that has taken a run has named itself on it by then
_PAGE: Final = 200


def why_dead(
    run: FlowRun, workers: Mapping[str, Worker], now: datetime, starting: str | None = None
) -> str | None:
    """Why nobody works on an unfinished run any more; None where somebody may.

    `workers`: those of the run's pool by name; `starting`: the worker that is about to start and has no runs.
    """
    name = run.labels.get(_WORKER_LABEL)
    if name is None:
        changed = run.state.timestamp if run.state else run.expected_start_time
        is_new = changed is not None and changed > now - _TAKING
        return None if is_new else "no worker has taken it up"
    if name == starting:
        return f"its worker {name} was started anew"
    worker = workers.get(str(name))
    if worker is None:
        return f"its worker {name} is not there any more"
    last = worker.last_heartbeat_time
    interval = worker.heartbeat_interval_seconds or _HEARTBEAT_SECONDS
    if last is None or last < now - _MISSED_HEARTBEATS * timedelta(seconds=interval):
        return f"its worker {name} was heard of last at {last:%Y-%m-%d %H:%M:%S} UTC" if last else f"{name}"
    return None


async def sweep(
    client: PrefectClient, now: datetime, starting: str | None = None, pool: str = POOL
) -> dict[UUID, str]:
    """Why which runs of the pool's dead workers were ended: as crashed or, if that was asked, cancelled."""
    try:
        found = await client.read_workers_for_work_pool(pool)
    except ObjectNotFound:
        return {}
    workers = {worker.name: worker for worker in found}
    ended = {}
    for run in await _unfinished(client, pool):
        if reason := why_dead(run, workers, now, starting):
            await client.set_flow_run_state(run.id, _end_of(run, reason), force=True)
            ended[run.id] = f"{run.name} was {_state_name(run)}; {reason}"
    return ended


def _end_of(run: FlowRun, reason: str) -> State:
    message = f"Ended by the sweep: {reason}."
    return Cancelled(message=message) if run.state_type is StateType.CANCELLING else Crashed(message=message)


def _state_name(run: FlowRun) -> str:
    return (run.state_name or "unfinished").lower()


async def _unfinished(client: PrefectClient, pool: str) -> Sequence[FlowRun]:
    runs: list[FlowRun] = []
    while True:
        page = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED))
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
            limit=_PAGE,
            offset=len(runs),
        )
        runs += page
        if len(page) < _PAGE:
            return runs


async def _main(starting: str | None) -> dict[UUID, str]:
    async with get_client() as client:
        return await sweep(client, datetime.now(UTC), starting)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", help="the name of the worker that is about to start")
    ended = asyncio.run(_main(parser.parse_args().worker))
    lines = [f"runs of dead workers ended: {len(ended)}", *(f"  {run}: {why}" for run, why in ended.items())]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
