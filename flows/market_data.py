"""The flow `market_data`: ingest, then build; and what both came to."""

import time
from collections.abc import Sequence

from prefect import flow

from flows.build import build_all
from flows.completeness.reasks import with_reasks
from flows.ingest import ingest_all
from flows.requests_plan import latest_asks
from flows.run_summary import RunSummary, conclude
from flows.sources.source import Ask
from flows.workspace import Workspace, open_workspace


def run_asks(work: Workspace, asks: Sequence[Ask]) -> RunSummary:
    """Ingests, builds and publishes the artifacts of one run.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        ConfigError, LakeError: what is wrong and what to do.
    """
    began = time.monotonic()
    fetched = ingest_all(work, asks)
    built = build_all(work)
    return conclude(work.run_id, fetched, built, time.monotonic() - began)


@flow(name="market-data", description="Fetch the watch list and bring Silver and Gold up to it.")
def market_data(config_file: str | None = None) -> RunSummary:
    """One run for the latest data of the watch list; ends as completed even if single symbols failed.

    What ops.completeness knows to be late or missing is asked for again where the latest does not hold it.
    """
    work = open_workspace(config_file)
    return run_asks(work, with_reasks(work, latest_asks(work.settings)))
