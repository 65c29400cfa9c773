"""Which sessions are complete, and which are requested again, on lakes filled by hand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from config.load import ConfigError
from config.settings import CompletenessSettings, PublicationSettings
from delta_tables.storage.arrow_io import upsert_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import DEAD_LETTERS, RAW_FILES
from delta_tables.tables.ops import COMPLETENESS
from delta_tables.tables.silver import BARS
from flows.completeness.check import changed_rows
from flows.completeness.gap_requests import add_gap_requests, gap_requests
from flows.completeness.publication import publications
from flows.handlers import bse
from flows.handlers.coingecko.endpoints import Lookback, endpoint_request
from flows.ingestion.landed_requests import uncovered_queries
from flows.ingestion.registry import PAYLOAD_SOURCES
from flows.ingestion.request_selection import latest_requests, queries
from flows.ingestion.source import FetchRequest
from jobs.runs.run_context import RunContext
from tests.builders.lakes import land_rows, workspace
from tests.builders.payloads import payload
from tests.builders.sample_lake import add, bar

MONDAY = datetime(2026, 11, 30, 22, tzinfo=UTC)  # 17:00 in New York
HALF_DAY = date(2026, 11, 27)
HALF_DAY_OPENS = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
Rows = dict[tuple[str, str, str, date], dict[str, Any]]


def work_on(lake: Lake, now: datetime = MONDAY, **settings: Any) -> RunContext:
    chosen = {"watch_list": {"stocks": ["AAPL"]}, **settings}
    return replace(workspace(lake, **chosen), clock=lambda: now)


def yahoo(*datasets: str, sessions: int = 1) -> dict[str, Any]:
    providers = {"alphavantage": {"datasets": []}, "yahoo": {"datasets": datasets}}
    return {"providers": providers, "completeness": {"lookback_sessions": sessions}}


def check(ctx: RunContext) -> Rows:
    """Checks, stores, and returns what was stored by dataset, symbol, interval and session."""
    rows, _ = changed_rows(ctx)
    upsert_rows(ctx.lake, COMPLETENESS, rows)
    return {(row["dataset"], row["symbol"], row["interval"], row["trade_dt"]): row for row in rows}


def five_minutes(number: int, known_from: datetime, **changes: Any) -> dict[str, Any]:
    at = HALF_DAY_OPENS + timedelta(minutes=5 * number)
    fields = {"provider": "yahoo", "timestamp": at, "known_from": known_from, **changes}
    return bar("AAPL", HALF_DAY, "5min", "1.0", **fields)


def test_a_session_has_arrived_when_enough_of_its_bars_are_known(lake: Lake) -> None:
    ctx = work_on(lake, now=HALF_DAY_OPENS + timedelta(days=1), **yahoo("intraday"))
    noon, night = HALF_DAY_OPENS + timedelta(hours=2), HALF_DAY_OPENS + timedelta(hours=11)
    add(lake, BARS, *(five_minutes(number, noon) for number in range(24)))
    key = ("intraday", "AAPL", "5min", HALF_DAY)
    early = check(ctx)[key]
    assert (early["state"], early["bars"], early["expected_bars"]) == ("missing", 24, 42)
    add(lake, BARS, *(five_minutes(number, night) for number in range(24, 38)))
    healed = check(ctx)[key]
    assert (healed["state"], healed["bars"], healed["arrived_at"]) == ("healed", 38, night)
    corrections = [five_minutes(number, night + timedelta(hours=1)) for number in range(10)]
    add(lake, BARS, *corrections)
    assert check(ctx) == {}, "a corrected bar is not another bar"


def test_bars_before_the_opening_do_not_count(lake: Lake) -> None:
    ctx = work_on(lake, now=HALF_DAY_OPENS + timedelta(days=1), **yahoo("intraday"))
    evening = HALF_DAY_OPENS + timedelta(hours=8)
    add(lake, BARS, *(five_minutes(number, evening, session="pre") for number in range(-42, 0)))
    assert check(ctx)["intraday", "AAPL", "5min", HALF_DAY]["bars"] == 0


def test_a_flat_file_has_arrived_when_its_first_version_did(lake: Lake) -> None:
    providers = {"alphavantage": {"datasets": []}, "massive": {"datasets": ["day_aggs_v1"]}}
    ctx = work_on(lake, providers=providers, completeness={"lookback_sessions": 2})
    first = datetime(2026, 11, 28, 16, 1, tzinfo=UTC)
    file = {"file_id": "a", "provider": "massive", "dataset": "day_aggs_v1", "file_dt": HALF_DAY}
    file |= {"key": "k", "etag": "e", "size_bytes": 1, "path": "p", "is_simulated": False, "run_id": "r"}
    add(lake, RAW_FILES, file | {"fetched_at": first}, file | {"file_id": "b", "fetched_at": MONDAY})
    found = check(ctx)
    assert {key[3]: (row["state"], row["arrived_at"]) for key, row in found.items()} == {
        HALF_DAY: ("on_time", first)
    }, "Monday's file is not expected before Tuesday"


def test_hourly_bars_suffice_when_a_coins_history_has_no_finer_ones(lake: Lake) -> None:
    providers = {"alphavantage": {"datasets": []}, "coingecko": {"datasets": ["market_chart"]}}
    ctx = work_on(
        lake,
        watch_list={"crypto": ["PEPE-USD=pepe"]},
        providers=providers,
        completeness={"lookback_sessions": 1},
    )
    sunday = date(2026, 11, 29)
    rows = [
        bar(
            "PEPE-USD",
            sunday,
            "60min",
            "1.0",
            provider="coingecko",
            calendar="24/7",
            session="24x7",
            timestamp=datetime(2026, 11, 29, hour, tzinfo=UTC),
            known_from=MONDAY,
        )
        for hour in range(22)
    ]
    assert check(ctx)["market_chart", "PEPE-USD", "5min", sunday]["state"] == "missing"
    (fetch_request,) = gap_requests(lake, ctx.settings, MONDAY)
    assert fetch_request == FetchRequest(
        "coingecko", "market_chart", ("PEPE-USD",), sunday, sunday, MONDAY - timedelta(hours=1)
    )
    add(lake, BARS, *rows)
    found = check(ctx)["market_chart", "PEPE-USD", "5min", sunday]
    assert (found["state"], found["bars"], found["expected_bars"]) == ("healed", 22, 24)
    assert gap_requests(lake, ctx.settings, MONDAY) == ()


def test_hourly_bars_also_suffice_after_the_look_back(lake: Lake) -> None:
    watched: dict[str, Any] = {
        "watch_list": {"crypto": ["BTC-USD"]},
        "completeness": {"lookback_sessions": 1},
    }
    watched["providers"] = {"alphavantage": {"datasets": []}, "coingecko": {"datasets": ["market_chart"]}}
    key = ("market_chart", "BTC-USD", "5min", date(2026, 11, 29))
    assert check(work_on(lake, **watched))[key]["state"] == "missing"
    hourly = {"provider": "coingecko", "calendar": "24/7", "session": "24x7", "known_from": MONDAY}
    hours = [datetime(2026, 11, 29, hour, tzinfo=UTC) for hour in range(24)]
    add(lake, BARS, *(bar("BTC-USD", key[3], "60min", "1.0", timestamp=at, **hourly) for at in hours))
    found = check(work_on(lake, now=MONDAY + timedelta(days=3), **watched))[key]
    assert (found["state"], found["bars"], found["expected_bars"]) == ("healed", 24, 24)


def test_only_gaps_that_the_ordinary_request_does_not_bring_are_requested(lake: Lake) -> None:
    ctx = work_on(lake, **yahoo("daily", "intraday", sessions=8))
    assert {row["trade_dt"] for row in check(ctx).values() if row["state"] == "missing"} >= {
        date(2026, 11, 18),
        HALF_DAY,
    }
    not_before = MONDAY - timedelta(hours=1)
    again = gap_requests(lake, ctx.settings, MONDAY)
    # of eight sessions (18 to 30 November, Thanksgiving closed) the newest five come anyway
    assert again == (
        FetchRequest("yahoo", "intraday", ("AAPL",), date(2026, 11, 18), date(2026, 11, 20), not_before),
    )
    requests = add_gap_requests(ctx, latest_requests(ctx.settings))
    assert [(fetch_request.dataset, fetch_request.start) for fetch_request in requests] == [
        ("daily", None),
        ("intraday", None),
        ("intraday", date(2026, 11, 18)),
    ], "after the ordinary requests of its provider"


def test_gaps_of_a_source_that_names_no_number_of_latest_sessions_are_requested(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = work_on(lake, **yahoo("daily", sessions=2))
    check(ctx)
    assert gap_requests(lake, ctx.settings, MONDAY) == ()
    unnamed = replace(PAYLOAD_SOURCES["yahoo"], latest_sessions=lambda _settings: {})
    monkeypatch.setattr(
        "flows.completeness.gap_requests.PAYLOAD_SOURCES", {**PAYLOAD_SOURCES, "yahoo": unnamed}
    )
    (request,) = gap_requests(lake, ctx.settings, MONDAY)
    assert (request.dataset, request.symbols) == ("daily", ("AAPL",))


def test_what_the_ordinary_request_of_a_free_key_brings_is_not_requested_twice(lake: Lake) -> None:
    ctx = work_on(lake, providers={"alphavantage": {"plan": "free"}})
    assert {row["state"] for row in check(ctx).values()} >= {"missing"}
    assert gap_requests(lake, ctx.settings, MONDAY) == ()


def test_an_earlier_response_counts_only_if_it_is_of_the_last_hour(lake: Lake) -> None:
    day = date(2026, 11, 18)
    fetch_request = FetchRequest("yahoo", "intraday", ("AAPL",), day, day, MONDAY - timedelta(hours=1))
    ctx = work_on(lake, **yahoo("intraday"))
    wanted = queries(fetch_request, ctx.settings, MONDAY.date())
    answer: Callable[[datetime], dict[str, Any]] = lambda at: payload(  # noqa: E731 - two calls of one shape
        provider="yahoo",
        dataset="intraday",
        symbol="AAPL",
        interval="5min",
        request="/AAPL?period1=0&period2=9999999999",
        fetched_at=at,
        body={},
    )
    land_rows(lake, [answer(MONDAY - timedelta(days=3))])
    assert uncovered_queries(lake, replace(fetch_request, not_before=None), wanted, MONDAY) == []
    assert uncovered_queries(lake, fetch_request, wanted, MONDAY) == wanted
    land_rows(lake, [answer(MONDAY - timedelta(minutes=5))])
    assert uncovered_queries(lake, fetch_request, wanted, MONDAY) == []


@pytest.mark.parametrize(
    ("minutes_ago", "error_class", "count"),
    [(5, "no_data", 0), (65, "no_data", 1), (5, "unavailable", 1)],
)
def test_a_final_refusal_is_not_repeated_within_the_cooldown(
    lake: Lake, minutes_ago: int, error_class: str, count: int
) -> None:
    day = date(2026, 11, 18)
    fetch_request = FetchRequest("bse", "bhavcopy", None, day, day, MONDAY - timedelta(hours=1))
    wanted = queries(fetch_request, work_on(lake).settings, MONDAY.date())
    at = MONDAY - timedelta(minutes=minutes_ago)
    refusal = payload(provider="bse", dataset="bhavcopy", symbol="ALL", fetched_at=at, body=b"", status=404)
    refusal |= {"request": f"/{bse.file_names(day)[0]}", "error_class": error_class, "error": "none"}
    add(lake, DEAD_LETTERS, refusal)
    assert len(uncovered_queries(lake, fetch_request, wanted, MONDAY)) == count
    assert uncovered_queries(lake, replace(fetch_request, not_before=None), wanted, MONDAY) == wanted, (
        "a backfill requests it"
    )


def test_a_coin_requested_with_its_id_has_its_cooldown_too(lake: Lake) -> None:
    day = date(2026, 11, 18)
    fetch_request = FetchRequest(
        "coingecko", "market_chart", ("PEPE-USD=pepe",), day, day, MONDAY - timedelta(hours=1)
    )
    (wanted,) = queries(fetch_request, work_on(lake).settings, MONDAY.date())
    request = f"https://x{endpoint_request(wanted, Lookback()).canonical}"
    fields = {"provider": "coingecko", "dataset": "market_chart", "symbol": "PEPE-USD", "request": request}
    land_rows(lake, [payload(**fields, fetched_at=MONDAY - timedelta(minutes=5), body={})])
    assert uncovered_queries(lake, fetch_request, [wanted], MONDAY) == []


def test_a_session_older_than_the_look_back_still_heals(lake: Lake) -> None:
    thursday = date(2026, 11, 19)
    then = datetime(2026, 11, 20, 23, tzinfo=UTC)
    check(work_on(lake, now=then, **yahoo("daily", sessions=2)))
    add(lake, BARS, bar("AAPL", thursday, "1day", "1.0", provider="yahoo", known_from=MONDAY))
    found = check(work_on(lake, **yahoo("daily", sessions=2)))
    assert found["daily", "AAPL", "1day", thursday]["state"] == "healed"
    assert found["daily", "AAPL", "1day", date(2026, 11, 20)]["state"] == "missing", "it was late"


def test_a_series_that_the_settings_no_longer_name_is_no_longer_missing(lake: Lake) -> None:
    misspelt = check(work_on(lake, watch_list={"stocks": ["APPL"]}, **yahoo("daily")))
    assert misspelt["daily", "APPL", "1day", MONDAY.date()]["state"] == "late"
    found = check(work_on(lake, now=MONDAY + timedelta(days=2), **yahoo("daily")))
    assert found["daily", "APPL", "1day", MONDAY.date()]["state"] == "not_wanted"
    assert check(work_on(lake, now=MONDAY + timedelta(days=2), **yahoo("daily"))) == {}


def test_a_symbol_of_another_exchange_is_expected_on_its_sessions(lake: Lake) -> None:
    listed = {"stocks": ["OCDO.L"]}
    thanksgiving = date(2026, 11, 26)
    london = {"provider": "yahoo", "calendar": "XLON", "known_from": MONDAY}
    add(lake, BARS, bar("OCDO.L", HALF_DAY, "1day", "1.0", **london))
    ctx = work_on(lake, watch_list=listed, **yahoo("daily", sessions=3))
    assert ("daily", "OCDO.L", "1day", thanksgiving) in check(ctx)


def test_the_publication_of_a_dataset_without_sessions_is_refused() -> None:
    news = PublicationSettings(provider="alphavantage", dataset="news", after_close_minutes=1, wait_minutes=1)
    with pytest.raises(ConfigError, match="alphavantage/news has no sessions"):
        publications(CompletenessSettings(publications=(news,)))


def test_a_publication_has_one_time() -> None:
    with pytest.raises(ValueError, match="either `after_close_minutes` or `at`"):
        PublicationSettings(provider="bse", dataset="bhavcopy", wait_minutes=1)
