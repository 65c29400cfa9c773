"""Fetches the latest data of the watch list and builds it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from config.secrets import Secrets
from config.settings import Settings
from flows.completeness.gap_requests import add_gap_requests
from flows.ingestion.fetch_result import SkippedProvider
from flows.ingestion.market_hours import closed_reason, outside_hours_reason
from flows.ingestion.request_selection import (
    filter_requests,
    latest_requests,
    providers_missing_credentials,
    require_credentials,
)
from flows.ingestion.source import FetchRequest
from flows.operations.build import build_all
from flows.operations.ingest import ingest_all, record_skipped_providers
from flows.operations.run_summary import RunSummary, finish_run
from flows.operations.steps import StepRunner, run_directly
from jobs.runs.clock import market_clock
from jobs.runs.records import deferred_records
from jobs.runs.run_context import RunContext, new_run_context, new_run_id


@dataclass(frozen=True)
class RunFilter:
    """What a run is for; empty means everything, at any time.

    Attributes:
        providers: Request these providers only.
        datasets: Request these datasets only, such as daily or intraday.
        session_days_of: Run only on days with a session of this exchange.
        trading_hours_of: Run only from this exchange's open until 20 minutes after its close.
    """

    providers: Sequence[str] = ()
    datasets: Sequence[str] = ()
    session_days_of: str | None = None
    trading_hours_of: str | None = None


def run_latest(
    settings: Settings,
    secrets: Secrets,
    run_filter: RunFilter,
    scheduled_at: datetime | None = None,
    run_step: StepRunner = run_directly,
) -> RunSummary:
    """Fetches the latest data and builds it, even if some symbols fail.

    Sessions that ops.completeness knows to be late or missing are requested again where the latest data does
    not hold them. A provider without its key is skipped. A run with nothing to do (closed exchange, nothing
    to request, no key at all) ends at once; the summary says why. `scheduled_at`: the time that the run is
    for; None means now.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        PlanError, ConfigError, LakeError: what is wrong and what to do.
    """
    if reason := _closed(settings, run_filter, scheduled_at):
        return RunSummary(new_run_id(), nothing_to_do=reason)
    requests = filter_requests(latest_requests(settings), run_filter.providers, run_filter.datasets)
    if not requests:
        return RunSummary(new_run_id(), nothing_to_do=_nothing_to_request(run_filter))
    skipped = providers_missing_credentials(settings, secrets, requests)
    if not _without(requests, skipped):
        return RunSummary(new_run_id(), nothing_to_do="; ".join(map(str, skipped)))
    ctx = new_run_context(settings, secrets)
    requests = filter_requests(add_gap_requests(ctx, requests), run_filter.providers, run_filter.datasets)
    return fetch_and_build(ctx, _without(requests, skipped), skipped, run_step)


def run_watch_list(settings: Settings, secrets: Secrets, run_step: StepRunner = run_directly) -> RunSummary:
    """The same for everything that the settings fetch; it is an error if no provider has its key.

    Raises:
        ConfigError: every provider in use lacks its key; else as `run_latest`.
    """
    require_credentials(settings, secrets)
    return run_latest(settings, secrets, RunFilter(), run_step=run_step)


def fetch_and_build(
    ctx: RunContext,
    requests: Sequence[FetchRequest],
    skipped: Sequence[SkippedProvider] = (),
    run_step: StepRunner = run_directly,
) -> RunSummary:
    """Fetches the requests and builds what has landed; `skipped` providers are part of the summary.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        ConfigError, LakeError: what is wrong and what to do.
    """
    began = time.monotonic()
    with deferred_records(ctx):
        fetched = [*ingest_all(ctx, requests, run_step), *record_skipped_providers(ctx, skipped)]
        built = build_all(ctx, run_step)
    return finish_run(ctx.run_id, fetched, built, time.monotonic() - began, skipped)


def _closed(settings: Settings, run_filter: RunFilter, scheduled_at: datetime | None) -> str | None:
    """Why the run has nothing to do at the time it is for; a late run is for the time it was scheduled at."""
    at = scheduled_at or market_clock(None)()
    if settings.simulated_now:
        at = market_clock(settings.simulated_now)()
    if (days_of := run_filter.session_days_of) and (reason := closed_reason(days_of, at)):
        return reason
    hours_of = run_filter.trading_hours_of
    return outside_hours_reason(hours_of, at) if hours_of else None


def _without(requests: Sequence[FetchRequest], skipped: Sequence[SkippedProvider]) -> list[FetchRequest]:
    """The requests without those of skipped providers."""
    names = {one.provider for one in skipped}
    return [request for request in requests if request.provider not in names]


def _nothing_to_request(run_filter: RunFilter) -> str:
    providers = ", ".join(run_filter.providers)
    if not run_filter.datasets:
        return f"the settings name no datasets of {providers or 'any provider'}"
    return f"the settings do not name {', '.join(run_filter.datasets)} of {providers or 'any provider'}"
