"""Runs an installation's operations as the commands do, without Prefect."""

import os
from datetime import date
from pathlib import Path
from typing import Any

from config.load import load_settings
from config.secrets import load_secrets
from flows.operations import backfill as backfill_operation
from flows.operations import build as build_operation
from flows.operations import market_data
from flows.operations.backfill import BackfillRange
from flows.operations.market_data import RunFilter
from flows.operations.run_summary import RunSummary
from jobs.runs.run_context import open_run_context
from tests.builders.installation import Installation


def run_latest(here: Installation, **run_filter: Any) -> RunSummary:
    """The summary of a run for the latest data; `run_filter` are fields of RunFilter."""
    settings = load_settings(os.environ, Path(here.config))
    return market_data.run_latest(settings, load_secrets(), RunFilter(**run_filter))


def run_backfill(here: Installation, start: date, end: date, *datasets: str, **more: Any) -> RunSummary:
    """The summary of a backfill; `more` are further fields of BackfillRange."""
    return backfill_operation.backfill(
        open_run_context(here.config), BackfillRange(start, end, datasets, **more)
    )


def run_build(here: Installation) -> RunSummary:
    """The summary of a build of what is pending."""
    return build_operation.build(open_run_context(here.config))
