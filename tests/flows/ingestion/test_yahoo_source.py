"""The queries of Yahoo: windows that it accepts, and nothing that has landed."""

from datetime import UTC, date, datetime, timedelta

import pytest

from config.settings import Settings, WatchList
from flows.handlers.models import Query
from flows.handlers.yahoo.handler import period
from flows.ingestion.source import FetchRequest, LandedResponse
from flows.ingestion.sources.yahoo import SOURCE
from jobs.runs.errors import PlanError

TODAY = date(2024, 3, 5)
SETTINGS = Settings(
    watch_list=WatchList(stocks=("AAPL", "BRK.B"), fx=("EURUSD",), crypto=("BTC-USD", "PEPE-USD=pepe")),
    intervals=("1min", "60min"),
)


def _queries(dataset: str, start: date | None = None, end: date | None = None, *symbols: str) -> list[Query]:
    return SOURCE.queries(FetchRequest("yahoo", dataset, symbols or None, start, end), SETTINGS, TODAY)


def test_nothing_is_requested_until_a_dataset_is_set() -> None:
    assert SOURCE.latest_datasets(SETTINGS) == ()


def test_daily_bars_are_requested_for_all_symbols_in_watch_list_order() -> None:
    queries = _queries("daily")
    assert [query.symbol for query in queries] == ["AAPL", "BRK.B", "EURUSD", "BTC-USD", "PEPE-USD"]
    assert {(query.start, query.end, query.interval) for query in queries} == {(None, None, None)}


def test_a_range_of_daily_bars_is_one_query_per_symbol_however_long() -> None:
    (query,) = _queries("daily", date(1990, 1, 1), TODAY, "ibm")
    assert (query.symbol, query.start, query.end) == ("IBM", date(1990, 1, 1), TODAY)


def test_a_range_of_minutes_is_cut_into_windows_of_less_than_seven_days_that_leave_nothing_out() -> None:
    start = TODAY - timedelta(days=20)
    windows = [
        (query.start, query.end)
        for query in _queries("intraday", start, TODAY, "IBM")
        if query.interval == "1min"
    ]
    days = []
    for first, last in windows:
        assert first
        assert last
        seconds = period(first, last)
        assert seconds[1] - seconds[0] <= 7 * 86_400
        days += [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert days == [start + timedelta(days=n) for n in range(21)]


def test_a_range_of_hours_is_one_query() -> None:
    hours = [
        query for query in _queries("intraday", date(2024, 2, 8), TODAY, "IBM") if query.interval == "60min"
    ]
    assert [(query.start, query.end) for query in hours] == [(date(2024, 2, 8), TODAY)]


def test_every_window_begins_within_yahoos_reach_at_any_hour_of_the_day() -> None:
    earliest = TODAY - timedelta(days=28)
    end_of_today = datetime(2024, 3, 6, tzinfo=UTC).timestamp()
    assert end_of_today - period(earliest, TODAY)[0] <= 30 * 86_400
    assert _queries("intraday", earliest, TODAY, "IBM")


def test_a_range_before_yahoos_history_is_refused_with_the_first_possible_date() -> None:
    with pytest.raises(PlanError, match=r"1min bars of the last 30 days only: start at 2024-02-06"):
        _queries("intraday", date(2024, 2, 5), TODAY, "IBM")


def test_an_unknown_dataset_and_an_empty_range_are_refused() -> None:
    with pytest.raises(PlanError, match="daily, intraday"):
        _queries("overview")
    with pytest.raises(PlanError, match="empty"):
        _queries("daily", TODAY, date(2024, 1, 1))


QUERY = Query("daily", "IBM", start=date(2024, 1, 2), end=date(2024, 1, 31))
NOW = datetime(2024, 3, 5, 12, tzinfo=UTC)


def _landed(
    start: date, end: date, fetched_at: datetime, symbol: str = "IBM", interval: str = "1day"
) -> LandedResponse:
    first, last = period(start, end)
    return LandedResponse(
        symbol, interval, f"/v8/finance/chart/IBM?period1={first}&period2={last}", fetched_at
    )


@pytest.mark.parametrize(
    ("landed", "is_covered"),
    [
        (_landed(date(2024, 1, 2), date(2024, 1, 31), NOW), True),
        (_landed(date(1900, 1, 1), date(2024, 3, 5), NOW), True),
        (_landed(date(2024, 1, 3), date(2024, 1, 31), NOW), False),
        (_landed(date(2024, 1, 2), date(2024, 1, 30), NOW), False),
        (_landed(date(2024, 1, 2), date(2024, 1, 31), NOW, symbol="AAPL"), False),
        (_landed(date(2024, 1, 2), date(2024, 1, 31), NOW, interval="60min"), False),
        (_landed(date(2024, 1, 2), date(2024, 1, 31), datetime(2024, 1, 31, 22, tzinfo=UTC)), False),
        (LandedResponse("IBM", "1day", "/v8/finance/chart/IBM?range=1mo", NOW), False),
        (LandedResponse("IBM", "1day", "/v8/finance/chart/IBM?period1=x&period2=y", NOW), False),
    ],
)
def test_a_range_is_covered_by_one_response_that_spans_it_and_was_fetched_after_its_end(
    landed: LandedResponse, *, is_covered: bool
) -> None:
    assert SOURCE.is_covered(QUERY, [landed], NOW) is is_covered
    assert not SOURCE.is_covered(QUERY, [], NOW)


def test_a_range_up_to_today_fetched_within_the_hour_is_not_requested_again() -> None:
    query = Query("daily", "IBM", start=date(2024, 3, 1), end=TODAY)
    recent, older = (_landed(date(2024, 3, 1), TODAY, NOW - timedelta(minutes=m)) for m in (59, 61))
    assert SOURCE.is_covered(query, [recent], NOW)
    assert not SOURCE.is_covered(query, [older], NOW)
