"""The flow `market_data`: ingest, then build; and what both came to."""

import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

from prefect import flow
from prefect.runtime import flow_run

from config.load import load_settings
from config.secrets import load_secrets
from config.settings import Provider, Settings
from flows.build import build_all
from flows.completeness.gap_requests import with_reasks
from flows.ingest import ingest_all, leave_out_providers
from flows.ingestion.market_hours import Exchange, no_session_then, not_trading_then
from flows.ingestion.request_selection import LeftOut, chosen_asks, latest_asks, without_key
from flows.ingestion.source import Ask
from flows.operations.run_summary import RunSummary, conclude, skipped
from jobs.runs.run_context import RunContext, market_clock, new_run_id, open_run_context


def run_asks(ctx: RunContext, asks: Sequence[Ask], left_out: Sequence[LeftOut] = ()) -> RunSummary:
    """Ingests, builds and publishes the artifacts of one run, which says who was left out and why.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        ConfigError, LakeError: what is wrong and what to do.
    """
    began = time.monotonic()
    fetched = [*ingest_all(ctx, asks), *leave_out_providers(ctx, left_out)]
    built = build_all(ctx)
    return conclude(ctx.run_id, fetched, built, time.monotonic() - began, left_out)


@flow(name="market-data", description="Fetch the watch list and bring Silver and Gold up to it.")
def market_data(
    config_file: str | None = None,
    providers: list[Provider] | None = None,
    datasets: list[str] | None = None,
    session_days_of: Exchange | None = None,
    trading_hours_of: Exchange | None = None,
) -> RunSummary:
    """One run for the latest data of the watch list; ends as completed even if single symbols failed.

    What ops.completeness knows to be late or missing is asked for again where the latest does not hold it.
    A provider whose key is not set is left out, and the run ends as completed with failures. A run that has
    nothing to do (closed exchange, nothing to ask for, no key at all) ends at once, completed as Skipped.

    Args:
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.
        providers: Ask these providers only. Empty: all that the settings use.
        datasets: Ask for these datasets only, such as daily or intraday. Empty: all that the settings fetch.
        session_days_of: Skip the run on days without a session of this exchange. Empty: run on any day.
        trading_hours_of: Skip the run before this exchange's open and from 20 minutes after its close, half
            days included. Empty: run at any time.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        PlanError, ConfigError, LakeError: what is wrong and what to do.
    """
    settings = load_settings(os.environ, Path(config_file) if config_file else None)
    if reason := _closed(settings, session_days_of, trading_hours_of):
        return skipped(new_run_id(), reason)
    wanted = chosen_asks(latest_asks(settings), providers or (), datasets or ())
    if not wanted:
        return skipped(new_run_id(), _nothing_to_ask(providers or (), datasets or ()))
    left_out = without_key(settings, load_secrets(), wanted)
    if not _of_others(wanted, left_out):
        return skipped(new_run_id(), "; ".join(str(each) for each in left_out))
    ctx = open_run_context(config_file)
    asks = chosen_asks(with_reasks(ctx, latest_asks(ctx.settings)), providers or (), datasets or ())
    return run_asks(ctx, _of_others(asks, left_out), left_out)


# The same flow under the exchange's name, for runs that ask the exchange itself.
bse = market_data.with_options(name="bse", description="Fetch the Bombay exchange's files and build them.")


def _closed(settings: Settings, session_days_of: str | None, trading_hours_of: str | None) -> str | None:
    """Why the run has nothing to do at the time it is for: a late one is for the time it was scheduled at."""
    as_if_at = settings.as_if_at
    at = market_clock(as_if_at)() if as_if_at else cast(datetime, flow_run.scheduled_start_time)
    if session_days_of and (reason := no_session_then(session_days_of, at)):
        return reason
    return not_trading_then(trading_hours_of, at) if trading_hours_of else None


def _of_others(asks: Sequence[Ask], left_out: Sequence[LeftOut]) -> list[Ask]:
    """The asks without those of the providers that are left out."""
    names = {each.provider for each in left_out}
    return [ask for ask in asks if ask.provider not in names]


def _nothing_to_ask(providers: Sequence[str], datasets: Sequence[str]) -> str:
    what = " ".join([*([f"{', '.join(datasets)} of"] if datasets else []), ", ".join(providers) or "anybody"])
    return f"the settings fetch nothing from {what}" if not datasets else f"the settings do not fetch {what}"
