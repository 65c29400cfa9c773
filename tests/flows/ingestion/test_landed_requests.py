"""The queries of a range that landed responses cover are not requested again."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from delta_tables.storage.lake import Lake
from flows.handlers.models import Query
from flows.ingestion.landed_requests import uncovered_queries
from flows.ingestion.source import FetchRequest
from tests.builders.lakes import land_rows
from tests.builders.payloads import DAYS, bar, daily, intraday

DAILY = FetchRequest("alphavantage", "daily", None, date(2010, 8, 2), date(2010, 8, 13))
INTRADAY = FetchRequest("alphavantage", "intraday", None, date(2010, 7, 1), date(2010, 8, 13))
AFTER = datetime(2010, 8, 14, 4, tzinfo=UTC)
BEFORE = datetime(2010, 8, 14, 3, 59, tzinfo=UTC)
NOW = datetime(2010, 8, 20, tzinfo=UTC)
BARS = {DAYS[0]: bar()}
FULL, COMPACT = "/query?outputsize=full&symbol=A", "/query?outputsize=compact&symbol=A"
MONTHS = [Query("intraday", "A", "5min", month, True) for month in ("2010-07", "2010-08")]


def is_uncovered(lake: Lake, query: Query, fetch_request: FetchRequest = DAILY) -> bool:
    return uncovered_queries(lake, fetch_request, [query], NOW) == [query]


def test_in_a_lake_that_does_not_exist_everything_is_requested(lake: Lake) -> None:
    assert is_uncovered(lake, Query("daily", "A", is_full=True))


@pytest.mark.parametrize(
    ("landed", "is_requested"),
    [
        ({"symbol": "A"}, False),
        ({"symbol": "B"}, True),
        ({"symbol": "A", "fetched_at": BEFORE}, True),
        ({"symbol": "A", "dataset": "fx_daily"}, True),
        ({"symbol": "A", "request": COMPACT}, True),
    ],
    ids=["the same", "another symbol", "before the range had ended", "another dataset", "in part only"],
)
def test_a_whole_history_is_requested_unless_it_landed_after_the_range(
    lake: Lake, landed: dict[str, Any], is_requested: bool
) -> None:
    land_rows(lake, [daily(bars=BARS, **{"fetched_at": AFTER, "request": FULL, **landed})])
    assert is_uncovered(lake, Query("daily", "A", is_full=True)) == is_requested


@pytest.mark.parametrize("request_text", [FULL, COMPACT])
def test_the_newest_rows_are_not_requested_again_after_either_size(lake: Lake, request_text: str) -> None:
    land_rows(lake, [daily("A", BARS, AFTER, request=request_text)])
    assert not is_uncovered(lake, Query("daily", "A"))


def test_intraday_bars_are_missing_by_month_and_interval(lake: Lake) -> None:
    request = "/query?interval=5min&month=2010-07&outputsize=full&symbol=A"
    land_rows(lake, [intraday("A", {"2010-07-01 10:00:00": bar()}, AFTER, request=request)])
    assert uncovered_queries(lake, INTRADAY, MONTHS, NOW) == MONTHS[1:]
    assert is_uncovered(lake, Query("intraday", "A", "1min", "2010-07", True), INTRADAY)


def test_without_a_range_everything_is_requested(lake: Lake) -> None:
    land_rows(lake, [daily("A", BARS, AFTER)])
    assert is_uncovered(lake, Query("daily", "A", is_full=True), FetchRequest("alphavantage", "daily"))


def test_a_month_is_not_requested_again_once_fetched_after_its_own_end(lake: Lake) -> None:
    request = "/query?interval=5min&month=2010-07&outputsize=full&symbol=A"
    in_august = datetime(2010, 8, 2, tzinfo=UTC)
    land_rows(lake, [intraday("A", {"2010-07-01 10:00:00": bar()}, in_august, request=request)])
    assert uncovered_queries(lake, INTRADAY, MONTHS, NOW) == MONTHS[1:]


def test_a_backfill_up_to_today_that_was_killed_within_the_hour_continues(lake: Lake) -> None:
    land_rows(lake, [daily("A", BARS, BEFORE, request=FULL)])
    query = Query("daily", "A", is_full=True)
    assert uncovered_queries(lake, DAILY, [query], BEFORE + timedelta(minutes=59)) == []
    assert uncovered_queries(lake, DAILY, [query], BEFORE + timedelta(minutes=61)) == [query]


@pytest.mark.parametrize(
    ("fetched_on", "is_requested"), [(date(2010, 7, 31), True), (date(2010, 8, 1), False)]
)
def test_a_month_is_complete_when_it_has_ended_even_if_the_range_has_not(
    lake: Lake, fetched_on: date, is_requested: bool
) -> None:
    request = "/query?interval=5min&month=2010-07&outputsize=full&symbol=A"
    fetched_at = datetime.combine(fetched_on, time(23), UTC)
    land_rows(lake, [intraday("A", {"2010-07-01 10:00:00": bar()}, fetched_at, request=request)])
    assert is_uncovered(lake, MONTHS[0], INTRADAY) == is_requested
