"""The flow of `make demo`: every daily history of the simulator, and the watch list in full."""

from datetime import date

from prefect import flow

from flows.ingestion.source import Ask
from flows.market_data import run_asks
from flows.operations.run_summary import RunSummary
from flows.simulator.market.real_prices import load_histories
from jobs.runs.run_context import open_run_context

FIRST, LAST = date(2009, 8, 21), date(2010, 8, 20)
INTRADAY_FIRST = date(2010, 8, 2)


@flow(name="demo", description="Real daily prices and simulated intraday bars through the whole lakehouse.")
def demo() -> RunSummary:
    """Lands and builds all daily histories, and intraday bars, overviews and currencies of the watch list."""
    ctx = open_run_context()
    asks = (
        Ask("intraday", None, INTRADAY_FIRST, LAST),
        Ask("overview"),
        Ask("fx_daily", None, FIRST, LAST),
        Ask("daily", tuple(load_histories()), FIRST, LAST),
    )
    return run_asks(ctx, asks)
