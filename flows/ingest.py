"""The flow `ingest`: asks a provider and lands its answers in Bronze."""

import time
from collections.abc import Sequence

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from config.load import ConfigError
from flows.already_landed import not_landed_yet
from flows.fetching import Fetched, fetch_and_land, leave_out
from flows.handlers.records import Query
from flows.providers import Handler, connect
from flows.requests_plan import Ask, latest_asks, queries
from flows.run_log import INGEST, StageResult, record, recorded_clocks
from flows.run_summary import RunSummary, conclude
from flows.workspace import Workspace, open_workspace

PROVIDER = "alphavantage"


@task(name="fetch-and-land", task_run_name="fetch-{dataset}", cache_policy=NO_CACHE)
def fetch_dataset(dataset: str, work: Workspace, handler: Handler, wanted: Sequence[Query]) -> Fetched:
    """One dataset's queries, asked and landed; the HTTP layer retries, this does not."""
    del dataset  # names the task run
    return fetch_and_land(work, PROVIDER, handler, wanted)


def ingest_all(work: Workspace, asks: Sequence[Ask]) -> list[Fetched]:
    """Asks everything and lands it; of a range, what an earlier run has landed is not asked again.

    After a refusal that concerns every query the datasets that are left are not asked.

    Raises:
        ConfigError: the lake was filled under another clock, or a secret is missing.
        LakeError: what was received could not be stored.
    """
    handler = connect(PROVIDER, work)
    try:
        _require_same_clock(work)
        now = work.clock()
        wanted = [
            (ask.dataset, not_landed_yet(work.lake, ask, queries(ask, work.settings), now)) for ask in asks
        ]
        return _fetch_each(work, handler, [(dataset, some) for dataset, some in wanted if some])
    finally:
        handler.close()


def _fetch_each(
    work: Workspace, handler: Handler, wanted: Sequence[tuple[str, Sequence[Query]]]
) -> list[Fetched]:
    fetched: list[Fetched] = []
    for dataset, some in wanted:
        is_refused = any(each.is_refused for each in fetched)
        fetched.append(leave_out(work, some) if is_refused else fetch_dataset(dataset, work, handler, some))
    return fetched


@flow(name="ingest", description="Ask a provider and land its answers in Bronze.")
def ingest(config_file: str | None = None) -> RunSummary:
    """Lands the latest data of the watch list; ends as completed with failures if symbols failed."""
    work = open_workspace(config_file)
    began = time.monotonic()
    fetched = ingest_all(work, latest_asks(work.settings))
    return conclude(work.run_id, fetched, [], time.monotonic() - began)


def _require_same_clock(work: Workspace) -> None:
    as_if_at = work.settings.as_if_at
    clock = f"as if at {as_if_at:%Y-%m-%d}" if as_if_at else "real time"
    other = recorded_clocks(work.lake) - {clock}
    if other:
        raise ConfigError(
            f"the lake {work.lake.root} was filled under another clock ({', '.join(sorted(other))}, now "
            f"{clock}): the demo's data and yours do not mix; set another `lake`, or move this one away"
        )
    record(work.lake, work.run_id, StageResult(INGEST, PROVIDER, "started", detail=clock))
