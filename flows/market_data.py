"""The flow `market-data`: fetches the latest data of the watch list and builds it."""

import os
from datetime import datetime
from pathlib import Path
from typing import cast

from prefect import flow
from prefect.client.schemas import State
from prefect.runtime import flow_run

from config.load import load_settings
from config.secrets import load_secrets
from config.settings import Provider
from flows.ingestion.market_hours import Exchange
from flows.operations.market_data import RunFilter, run_latest
from flows.operations.run_summary import RunSummary
from flows.runtime.run_report import report_run
from flows.runtime.tasks import run_as_task


@flow(name="market-data", description="Fetch the watch list and bring Silver and Gold up to it.")
def market_data(
    config_file: str | None = None,
    providers: list[Provider] | None = None,
    datasets: list[str] | None = None,
    session_days_of: Exchange | None = None,
    trading_hours_of: Exchange | None = None,
) -> State[RunSummary]:
    """One run for the latest data of the watch list; ends as completed even if single symbols failed.

    Sessions that ops.completeness knows to be late or missing are requested again where the latest data does
    not hold them. A provider without its key is skipped, and the run ends as CompletedWithFailures. A run
    with nothing to do (closed exchange, nothing to request, no key at all) ends at once as Skipped.

    Args:
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.
        providers: Request these providers only. Empty: all that the settings use.
        datasets: Request these datasets only, such as daily or intraday. Empty: all that the settings fetch.
        session_days_of: Skip the run on days without a session of this exchange. Empty: run on any day.
        trading_hours_of: Skip the run before this exchange's open and from 20 minutes after its close, half
            days included. Empty: run at any time.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        PlanError, ConfigError, LakeError: what is wrong and what to do.
    """
    settings = load_settings(os.environ, Path(config_file) if config_file else None)
    run_filter = RunFilter(providers or (), datasets or (), session_days_of, trading_hours_of)
    scheduled_at = cast(datetime, flow_run.scheduled_start_time)
    return report_run(lambda: run_latest(settings, load_secrets(), run_filter, scheduled_at, run_as_task))
