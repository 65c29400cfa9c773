"""A scheduled run ends at once when its exchange is closed."""

from datetime import datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from flows.ingestion.market_hours import Exchange, closed_reason, outside_hours_reason
from flows.simulator.server import Simulator
from jobs.market_calendar.sessions import ALWAYS_OPEN, ZONE_OF
from jobs.runs.errors import PlanError
from tests.builders.installation import install
from tests.builders.runs import run_latest


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))


def test_all_exchanges_with_closed_days_can_be_chosen() -> None:
    assert set(get_args(Exchange)) == set(ZONE_OF) - set(ALWAYS_OPEN)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2026-11-25 17:30", None),
        ("2026-11-26 17:30", "XNYS is closed on Thursday, 2026-11-26"),
        ("2026-11-28 17:30", "XNYS is closed on Saturday, 2026-11-28"),
        # Friday in New York, Saturday in UTC
        ("2026-11-27 21:30", None),
    ],
)
def test_a_day_without_a_session_is_named(at: str, reason: str | None) -> None:
    assert closed_reason("XNYS", new_york(at)) == reason


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-25 09:29", False),
        ("2026-11-25 09:30", True),
        ("2026-11-25 16:20", True),
        ("2026-11-25 16:25", False),
        ("2026-11-27 13:20", True),
        ("2026-11-27 13:25", False),
        ("2026-11-26 12:00", False),
    ],
)
def test_trading_hours_end_shortly_after_the_close_of_whole_and_half_days(at: str, is_open: bool) -> None:
    assert (outside_hours_reason("XNYS", new_york(at)) is None) is is_open


def test_the_reason_on_a_half_day_names_its_hours() -> None:
    said = outside_hours_reason("XNYS", new_york("2026-11-27 15:00"))
    assert said == "XNYS trades from 09:30 to 13:00 on 2026-11-27, and it is 15:00"


def test_a_special_session_on_a_sunday_is_one() -> None:
    muhurat = datetime(2026, 11, 8, 20, 15, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert closed_reason("XBOM", muhurat) is None
    assert closed_reason("XBOM", muhurat.replace(day=15)) is not None


@pytest.mark.usefixtures("environment")
def test_a_run_on_a_closed_day_ends_at_once_and_changes_nothing(simulator: Simulator, tmp_path: Path) -> None:
    here = install(tmp_path, simulator.url, now="2010-08-21T18:00:00+00:00")
    summary = run_latest(here, session_days_of="XNYS")
    assert summary.nothing_to_do == "XNYS is closed on Saturday, 2010-08-21"
    assert summary.stages == ()
    assert not Path(here.lake.root).exists()
    assert simulator.service.stats()["calls"] == 0


@pytest.mark.usefixtures("environment")
def test_a_run_requests_only_the_chosen_providers_and_datasets(simulator: Simulator, tmp_path: Path) -> None:
    here = install(tmp_path, simulator.url)
    summary = run_latest(here, providers=["alphavantage"], datasets=["daily"])
    assert [stage.subject for stage in summary.stages if stage.stage == "ingest"] == ["alphavantage/daily"]

    skipped = run_latest(here, providers=["alphavantage"], datasets=["news", "splits"])
    assert skipped.nothing_to_do == "the settings do not name news, splits of alphavantage"
    skipped = run_latest(here, providers=["bse"])
    assert skipped.nothing_to_do == "the settings name no datasets of bse"
    with pytest.raises(PlanError, match="no provider has a dataset 'dayly'; there is intraday"):
        run_latest(here, datasets=["dayly"])
