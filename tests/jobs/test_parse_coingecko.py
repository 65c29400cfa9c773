"""CoinGecko's bodies parse to the rows they hold, each named by its start, the same on both engines."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from delta_tables.tables.bronze import RAW_PAYLOADS
from flows.handlers.coingecko.responses import classify_response
from flows.handlers.errors import ErrorClass
from flows.handlers.transport.http_response import combined_class
from jobs.parsing.coingecko import parse_coingecko_bars, parse_coingecko_overviews
from jobs.parsing.coingecko_json import BAR_COLUMNS, coin_bar_rows, coin_rows
from jobs.parsing.raw_schema import PAYLOAD_COLUMNS, RAW_BAR_COLUMNS
from tests.builders.payloads import payload

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "coingecko"
FETCHED_AT = datetime(2021, 7, 19, tzinfo=UTC)
HALF_HOUR_MS, FOUR_HOURS_MS, FOUR_DAYS_MS = 1_800_000, 14_400_000, 345_600_000

# file: the dataset asked, the days' interval, and the one found
BAR_CAPTURES = {
    "coins_bitcoin_market_chart_days_1_id_bitcoin_vs_currency_usd__200": ("market_chart", "5min"),
    "coins_bitcoin_market_chart_days_1_vs_currency_usd__200": ("market_chart", "5min"),
    "coins_bitcoin_market_chart_days_30_vs_currency_usd__200": ("market_chart", "60min"),
    "coins_bitcoin_market_chart_days_90_interval_daily_vs_currency_usd__200": ("market_chart", "1day"),
    "coins_bitcoin_ohlc_days_30_vs_currency_myr__200": ("ohlc", "4hour"),
    "coins_bitcoin_ohlc_days_7_vs_currency_usd__200": ("ohlc", "4hour"),
}
MARKET_CAPTURES = {
    "coins_markets_ids_bitcoin_20ethereum_vs_currency_eth__200": ["BTC-ETH", "ETH-ETH"],
    "coins_markets_ids_bitcoin_vs_currency_myr__200": ["BTC-MYR"],
    "coins_markets_ids_bitcoin_vs_currency_usd__200": ["BTC-USD"],
}
REFUSALS = {
    "bodies/coins_bitcoin_history__422": ErrorClass.bad_symbol,
    "bodies/coins_bitcoin_history_query_7B_date_3E_2230_12_2017_22_7D__422": ErrorClass.bad_symbol,
    "bodies/coins_bitcoin_market_chart__422": ErrorClass.bad_symbol,
    "bodies/coins_bitcoin_ohlc__500": ErrorClass.unavailable,
    "bodies/coins_markets__422": ErrorClass.bad_symbol,
    "bodies/coins_markets_ids_bitcoin__422": ErrorClass.bad_symbol,
    "bodies/simple_price__422": ErrorClass.bad_symbol,
    "errors/429_rate_limit": ErrorClass.too_fast,
}
OTHER_DOCUMENTS = (
    "coins_bitcoin_history_date_30_12_2017__200",
    "coins_categories__200",
    "simple_price_ids_bitcoin_20ethereum_20litecoin_vs_currencies_usd_20myr_20eth__200",
    "simple_price_ids_bitcoin_20ethereum_vs_currencies_usd__200",
    "simple_price_ids_bitcoin_vs_currencies_eth__200",
    "simple_price_ids_bitcoin_vs_currencies_ethereum__200",
    "simple_price_ids_bitcoin_vs_currencies_myr__200",
    "simple_price_ids_bitcoin_vs_currencies_usd__200",
)


@pytest.fixture
def captures() -> Path:
    if not CAPTURES.is_dir():
        pytest.skip("the captures of CoinGecko's bodies are not part of the project (2026-11)")
    return CAPTURES


def test_every_capture_has_its_case(captures: Path) -> None:
    named = {f"bodies/{name}" for name in (*BAR_CAPTURES, *MARKET_CAPTURES, *OTHER_DOCUMENTS)} | set(REFUSALS)
    assert {str(file.relative_to(captures)) for file in captures.rglob("*.json")} == {
        f"{name}.json" for name in named
    }


@pytest.mark.parametrize("name", REFUSALS)
def test_a_captured_refusal_is_classified(captures: Path, name: str) -> None:
    body = (captures / f"{name}.json").read_bytes()
    status = int(name.rsplit("__", 1)[1]) if "__" in name else 200  # the 429 was seen with 200, too
    for dataset in ("market_chart", "ohlc", "markets"):
        assert combined_class(status, classify_response(body, "application/json", dataset)) is REFUSALS[name]


@pytest.mark.parametrize("name", OTHER_DOCUMENTS)
def test_a_captured_document_of_another_kind_is_no_data_of_ours(captures: Path, name: str) -> None:
    body = (captures / "bodies" / f"{name}.json").read_bytes()
    for dataset in (None, "market_chart", "ohlc", "markets"):
        assert classify_response(body, "application/json", dataset) is ErrorClass.malformed


@pytest.mark.parametrize("name", BAR_CAPTURES)
def test_a_captured_series_parses_to_the_rows_it_holds(
    engine: SparkSession, captures: Path, name: str
) -> None:
    dataset, interval = BAR_CAPTURES[name]
    body = (captures / "bodies" / f"{name}.json").read_bytes()
    assert classify_response(body, "application/json", dataset) is None

    rows = parsed(engine, body, dataset, "1min")  # a wrong interval: the spacing has to win

    held = numbers_of(body)
    held = held["prices"] if isinstance(held, dict) else held
    assert len(rows) == len(held) > 40
    assert {row["interval"] for row in rows} == {interval}
    shift = FOUR_HOURS_MS if dataset == "ohlc" else 0
    expected = [
        (str(int(at) - shift), *(prices * 4 if dataset == "market_chart" else prices)) for at, *prices in held
    ]
    names = ("timestamp_text", "open_text", "high_text", "low_text", "close_text")
    assert sorted(tuple(row[name] for name in names) for row in rows) == sorted(expected)
    assert {row["kind"] for row in rows} == {"candle" if dataset == "ohlc" else "snapshot"}
    assert {row["volume_text"] for row in rows} == {None}


@pytest.mark.parametrize("name", MARKET_CAPTURES)
def test_captured_markets_parse_to_the_coins_they_hold(
    engine: SparkSession, captures: Path, name: str
) -> None:
    symbols = MARKET_CAPTURES[name]
    body = (captures / "bodies" / f"{name}.json").read_bytes()
    assert classify_response(body, "application/json", "markets", "bitcoin") is None

    payloads_df = landed(engine, body, "markets", None, symbol=symbols[0])
    rows = parse_coingecko_overviews(payloads_df).orderBy("position").collect()

    held = numbers_of(body)
    assert [(row.position, row.facts) for row in rows] == [
        (
            f"/{number}",
            {
                "Symbol": symbol,
                "Name": coin["name"],
                "AssetType": "Cryptocurrency",
                "Currency": symbol[4:],
                "MarketCapitalization": coin["market_cap"],
            },
        )
        for number, (symbol, coin) in enumerate(zip(symbols, held, strict=True))
    ]


def test_raw_bars_have_the_columns_of_every_parser(engine: SparkSession) -> None:
    (row,) = parsed(engine, b"[[1620504000000,1.2e-05,2E-5,1.10e-05,12e-6]]", "ohlc", "30min")

    assert tuple(row) == RAW_BAR_COLUMNS
    del row["payload_id"], row["fetched_at"]
    assert row == {
        **{"provider": "coingecko", "dataset": "ohlc", "symbol": "BTC-USD", "interval": "30min"},
        **{"is_simulated": False, "asset_class": "crypto", "calendar": "24/7", "adjustment": "raw"},
        **{"clock": "epoch_ms", "kind": "candle", "position": "/0", "symbol_text": None, "zone_text": None},
        **{"timestamp_text": str(1620504000000 - HALF_HOUR_MS), "volume_text": None},
        **{"open_text": "0.000012", "high_text": "0.00002"},
        **{"low_text": "0.0000110", "close_text": "0.000012"},
    }


def test_a_candle_that_had_not_ended_when_fetched_is_partial(engine: SparkSession) -> None:
    end = int(FETCHED_AT.timestamp() * 1000)
    body = json.dumps([[end, 1, 1, 1, 1], [end + HALF_HOUR_MS, 1, 1, 1, 1]]).encode()

    rows = parsed(engine, body, "ohlc", "30min")

    assert {row["position"]: row["kind"] for row in rows} == {"/0": "candle", "/1": "partial"}


@pytest.mark.parametrize("dataset", ["market_chart", "ohlc"])
def test_a_body_without_rows_does_not_vanish(engine: SparkSession, dataset: str) -> None:
    (row,) = parsed(engine, b'{"prices":[', dataset, "5min")
    assert (row["timestamp_text"], row["close_text"], row["interval"]) == (None, None, "5min")


def test_a_list_of_markets_without_coins_does_not_vanish(engine: SparkSession) -> None:
    (row,) = parse_coingecko_overviews(landed(engine, b"[]", "markets", None)).collect()
    assert row.facts["Symbol"] is None


@pytest.mark.parametrize(
    ("step_ms", "interval"), [(HALF_HOUR_MS, "30min"), (FOUR_HOURS_MS, "4hour"), (FOUR_DAYS_MS, "4day")]
)
def test_a_candle_begins_one_granularity_before_its_stamp(step_ms: int, interval: str) -> None:
    ends = [1620504000000 + number * step_ms for number in (0, 3, 1, 2, 6, 7)]  # out of order, with a gap
    rows = bars([[end, 1, 2, 1, 2] for end in ends], requested="5min")
    assert [(row["interval"], row["timestamp_text"]) for row in rows] == [
        (interval, str(end - step_ms)) for end in ends
    ]


def test_the_interval_asked_for_decides_where_the_spacing_cannot_be_seen() -> None:
    assert bars([[1620504000000, 1, 2, 1, 2]], "4day")[0]["timestamp_text"] == str(
        1620504000000 - FOUR_DAYS_MS
    )
    assert bars([[1620504000000, 1, 2, 1, 2]], None)[0]["timestamp_text"] is None
    two = {"prices": [[1620504000000, 1], [1620504900000, 2]]}  # the day's first point and the present one
    assert {row["interval"] for row in bars(two, "1day")} == {"1day"}


def test_points_of_one_stamp_are_all_kept_in_any_order() -> None:
    points = [[1000 + 300_000 * number, number] for number in range(5)]
    rows = bars({"prices": [*reversed(points), points[2], points[2]]}, "60min")
    assert [row["close_text"] for row in rows] == ["4", "3", "2", "1", "0", "2", "2"]
    assert {row["interval"] for row in rows} == {"5min"}
    assert len({row["position"] for row in rows}) == 7


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("48460.07857593376", "48460.07857593376"),
        ("1.20", "1.20"),
        ("1e2", "100"),
        ("-1.5E-7", "-0.00000015"),
        ("1e999999999", "1e999999999"),  # never written out
        ("NaN", "NaN"),
        ("null", None),
        ("true", "true"),
        ('"12"', "12"),
        ("[1]", '["1"]'),
    ],
)
def test_numbers_keep_their_text_but_for_exponents(written: str, text: str | None) -> None:
    (row,) = coin_bar_rows(f'{{"prices":[[1,{written}]]}}'.encode(), "BTC-USD", "5min")
    assert row[-1] == text


@pytest.mark.parametrize("body", [b"", b"\xff", b"7", b"{}", b"[]", b'{"prices":{}}', b"[" * 100_000])
def test_a_body_that_is_no_series_gives_a_row_of_nulls(body: bytes) -> None:
    (row,) = coin_bar_rows(body, "BTC-USD", "5min")
    assert set(row[2:]) == {None}


@pytest.mark.parametrize(
    "row", [[], [None, None], 7, {}, ["x", 1, 2, 3, 4], [-5, 1, 2, 3, 4], [1.5, 1, 1, 1, 1]]
)
def test_a_row_that_is_no_bar_stays_a_row(row: Any) -> None:
    (chart,) = bars({"prices": [row]}, "5min")
    (candle,) = bars([row], "30min")
    assert chart["position"] == "/prices/0"
    assert candle["position"] == "/0"


def test_the_only_coin_is_the_one_asked_for_whatever_its_ticker() -> None:
    body = b'[{"id":"polygon-ecosystem-token","symbol":"pol","name":"1e2","market_cap":1.5e9}]'
    assert coin_rows(body, "MATIC-USD", None) == [("/0", "MATIC-USD", "1e2", "USD", "1500000000")]


def bars(document: Any, requested: str | None) -> list[dict[str, str | None]]:
    rows = coin_bar_rows(json.dumps(document).encode(), "BTC-USD", requested)
    return [dict(zip(BAR_COLUMNS, row, strict=True)) for row in rows]


def parsed(spark: SparkSession, body: bytes, dataset: str, interval: str | None) -> list[dict[str, Any]]:
    payloads_df = landed(spark, body, dataset, interval)
    return [row.asDict() for row in parse_coingecko_bars(payloads_df).collect()]


def landed(
    spark: SparkSession, body: bytes, dataset: str, interval: str | None, symbol: str = "BTC-USD"
) -> DataFrame:
    row = payload(
        provider="coingecko",
        dataset=dataset,
        symbol=symbol,
        interval=interval,
        fetched_at=FETCHED_AT,
        body=body,
    )
    names = (*PAYLOAD_COLUMNS, "body")
    kinds = (RAW_PAYLOADS.schema[name].dataType.simpleString() for name in names)
    schema = ", ".join(f"`{name}` {kind}" for name, kind in zip(names, kinds, strict=True))
    return spark.createDataFrame([tuple(row[name] for name in names)], schema)


def numbers_of(body: bytes) -> Any:
    """The body with its numbers as the text they have."""
    return json.loads(body, parse_float=str, parse_int=str)
