"""Fills a lake with the demo's data: every daily history of the simulator, and the watch list in full."""

from datetime import date

from flows.ingestion.source import FetchRequest
from flows.operations.market_data import fetch_and_build
from flows.operations.run_summary import RunSummary
from flows.operations.steps import StepRunner, run_directly
from flows.simulator.market.real_prices import load_histories
from jobs.runs.run_context import RunContext

FIRST, LAST = date(2009, 8, 21), date(2010, 8, 20)
INTRADAY_FIRST = date(2010, 8, 2)


def fill_demo_lake(ctx: RunContext, run_step: StepRunner = run_directly) -> RunSummary:
    """Lands and builds all daily histories, and intraday bars, overviews and currencies of the watch list.

    Raises:
        BuildBlocked, ConfigError, LakeError: as `fetch_and_build`.
    """
    requests = (
        FetchRequest("alphavantage", "intraday", None, INTRADAY_FIRST, LAST),
        FetchRequest("alphavantage", "overview"),
        FetchRequest("alphavantage", "fx_daily", None, FIRST, LAST),
        FetchRequest("alphavantage", "daily", tuple(load_histories()), FIRST, LAST),
    )
    return fetch_and_build(ctx, requests, run_step=run_step)
