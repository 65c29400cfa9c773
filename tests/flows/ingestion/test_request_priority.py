"""The order of queries when a quota is too small for all."""

from datetime import UTC, datetime, timedelta

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import DEAD_LETTERS
from flows.handlers.models import Query, RateLimit
from flows.ingestion.landed_requests import last_fetched_at
from flows.ingestion.quota_plan import prioritise
from flows.ingestion.request_priority import by_staleness, group_by_dataset, window_start
from tests.builders.lakes import land_rows
from tests.builders.payloads import DAYS, T0, at, bar, daily, intraday, overview

NOW = datetime(2024, 3, 5, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)
DAILY = [Query("daily", symbol) for symbol in "ABCDEF"]
SECOND, DAY, MONTH = RateLimit(1, 1.1), RateLimit(25, 86_400.0), RateLimit(10_000, 31 * 86_400.0)


def names(queries: list[Query]) -> str:
    return "".join(query.symbol for query in queries)


def hours_ago(**symbols: float) -> dict[tuple[str, str, str | None], datetime]:
    return {("daily", symbol, None): NOW - timedelta(hours=hours) for symbol, hours in symbols.items()}


def test_when_nothing_was_fetched_the_watch_list_decides() -> None:
    assert by_staleness(DAILY, {}, SINCE) == DAILY


def test_first_the_never_fetched_then_the_oldest_then_the_window_in_watch_list_order() -> None:
    answered = hours_ago(A=2, B=30, C=1, E=48)
    assert names(by_staleness(DAILY, answered, SINCE)) == "DFEBAC"


def test_a_coin_with_its_id_is_known_by_its_symbol_and_a_currency_pair_is_not_cut() -> None:
    coins = [Query("daily", "PEPE-USD=pepe"), Query("daily", "BTC-USD"), Query("daily", "EURUSD=X")]
    answered = hours_ago(**{"PEPE-USD": 1, "BTC-USD": 30, "EURUSD=X": 40, "EURUSD": 1})
    assert by_staleness(coins, answered, SINCE) == [coins[2], coins[1], coins[0]]


def test_a_run_an_hour_later_fetches_deferred_symbols_before_fetched_ones() -> None:
    answered = hours_ago(A=1, B=1, C=1)
    assert names(by_staleness(DAILY, answered, SINCE)[:3]) == "DEF"


def test_no_dataset_starves_another() -> None:
    queries = [*DAILY, *(Query("overview", symbol) for symbol in "AB")]
    answered = hours_ago(A=30, B=30, C=30, D=30, E=30, F=30)
    ordered = by_staleness(queries, answered, SINCE)
    assert [query.dataset for query in ordered[:2]] == ["overview", "overview"]


def test_days_of_25_calls_fetch_100_symbols_in_turn_forever() -> None:
    queries = [Query("daily", f"S{number:03}") for number in range(100)]
    answered: dict[tuple[str, str, str | None], datetime] = {}
    for day in range(8):
        now = NOW + timedelta(days=day, minutes=day)
        asked = by_staleness(queries, answered, window_start([SECOND, DAY], now))[:25]
        assert asked == queries[25 * (day % 4) :][:25]
        answered |= {("daily", query.symbol, None): now for query in asked}


def test_intervals_are_told_apart() -> None:
    queries = [Query("intraday", "A", interval) for interval in ("1min", "5min")]
    answered = {("intraday", "A", "1min"): NOW, ("intraday", "A", None): NOW}
    assert [query.interval for query in by_staleness(queries, answered, SINCE)] == ["5min", "1min"]


def test_the_window_is_the_longest_of_the_limits_and_a_day_at_most() -> None:
    starts = [window_start(limits, NOW) for limits in ([], [SECOND], [SECOND, DAY], [SECOND, MONTH])]
    assert [(NOW - start).total_seconds() for start in starts] == [0, 1.1, 86_400, 86_400]


def test_groups_keep_the_order_and_have_one_dataset_each() -> None:
    ordered = [Query("daily", "A"), Query("daily", "B"), Query("overview", "A"), Query("daily", "C")]
    turns = group_by_dataset(ordered)
    assert [(dataset, names(some)) for dataset, some in turns] == [
        ("daily", "AB"),
        ("overview", "A"),
        ("daily", "C"),
    ]


def test_bronze_says_when_a_symbol_was_last_fetched(lake: Lake) -> None:
    bars = {DAYS[0]: bar()}
    land_rows(lake, [daily("A", bars, at(1)), daily("A", bars, at(3)), daily("A", bars, at(2))])
    land_rows(lake, [overview("A", at(4)), intraday("B", {"2010-08-20 10:00:00": bar()}, at(5))])
    land_rows(lake, [daily("C", bars, at(9), provider="yahoo")])
    assert last_fetched_at(lake, "alphavantage") == {
        ("daily", "A", "1day"): at(3),
        ("daily", "A", None): at(3),
        ("overview", "A", None): at(4),
        ("intraday", "B", "5min"): at(5),
        ("intraday", "B", None): at(5),
    }


def test_a_final_refusal_counts_as_fetched_and_a_transient_error_does_not(lake: Lake) -> None:
    letters = [
        {**daily(symbol, {}, at(1)), "status": status, "error_class": why, "error": why}
        for symbol, why, status in (
            ("A", "bad_symbol", 200),
            ("B", "unavailable", 503),
            ("C", "quota_exhausted", 200),
            ("D", "not_entitled", 403),
            ("E", "bad_symbol", 0),  # refused before any call
        )
    ]
    land_rows(lake, [])
    append_rows(lake, DEAD_LETTERS, letters)
    assert names(prioritise(lake, "alphavantage", DAILY, [SECOND, DAY], T0)) == "BCEFAD"


def test_an_empty_lake_and_limits_that_a_run_waits_out_change_nothing(lake: Lake) -> None:
    assert prioritise(lake, "alphavantage", DAILY, [SECOND, DAY], T0) == DAILY
    land_rows(lake, [daily("A", {DAYS[0]: bar()}, at(-50))])
    assert prioritise(lake, "alphavantage", DAILY, [SECOND], T0) == DAILY
    assert names(prioritise(lake, "alphavantage", DAILY, [SECOND, DAY], T0)) == "BCDEFA"
