"""Real captures of coins, currencies and reference data, where they are: each parses to what it holds."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from flows.handlers.alphavantage.responses import classify_response
from jobs.market_calendar.sessions import CRYPTO, FX, STOCKS_US, sessions_frame
from jobs.parsing.alphavantage import parse_alphavantage_bars
from jobs.parsing.alphavantage_reference import (
    parse_alphavantage_actions,
    parse_alphavantage_instruments,
    parse_alphavantage_news,
)
from jobs.silver.bar_rules import validate_bars
from jobs.silver.corporate_actions import validated_corporate_actions
from jobs.silver.instruments import validated_instruments
from jobs.silver.news import validated_news
from tests.builders.reference_frames import listed, payloads_frame

CAPTURES = Path(__file__).resolve().parents[2] / "../shared/data/alphavantage"
pytestmark = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason="the captures are not part of the project (2026-11)"
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
PORTFOLIOTREE = "portfoliotree_csv_json"
CRAZZYGHOST = "crazzyghost_truncated"
BARS = [
    (f"{CRAZZYGHOST}/crypto/daily.json", "crypto_daily", "BTC-EUR", "1day"),
    (f"{CRAZZYGHOST}/crypto/daily_2020_old_dual_currency_format.json", "crypto_daily", "BTC-CNY", "1day"),
    (f"{CRAZZYGHOST}/crypto/intraday.json", "crypto_intraday", "ETH-USD", "5min"),
    (f"{CRAZZYGHOST}/forex/intraday.json", "fx_intraday", "EURUSD", "5min"),
    (f"{PORTFOLIOTREE}/crypto/DIGITAL_CURRENCY_DAILY_ffab6e21.csv", "crypto_daily", "BTC-EUR", "1day"),
    (f"{PORTFOLIOTREE}/crypto/CRYPTO_INTRADAY_38f15660.csv", "crypto_intraday", "ETH-USD", "5min"),
    (f"{PORTFOLIOTREE}/forex/FX_INTRADAY_f0be5c32.csv", "fx_intraday", "EURUSD", "5min"),
]
_NAMES = ("open", "high", "low", "close", "volume")

Judge = Callable[[DataFrame], DataFrame]


def captured(file: str, dataset: str, symbol: str, interval: str | None = None) -> dict[str, Any]:
    """The capture as a landed payload, after the handler has judged it to be data."""
    body = (CAPTURES / file).read_bytes()
    assert (
        classify_response(body, "application/x-download" if file.endswith(".csv") else "application/json")
        is None
    )
    return listed(dataset, body, symbol, interval=interval, fetched_at=NOW)


def bars_in(body: bytes) -> dict[str, tuple[Decimal | None, ...]]:
    """What a capture holds, read without the project; of two currencies the market's, which comes first."""
    if body.startswith(b"timestamp"):
        lines = list(csv.DictReader(body.decode().splitlines()))
        return {line["timestamp"]: tuple(_number(line.get(name)) for name in _NAMES) for line in lines}
    series = next(value for key, value in json.loads(body).items() if "Time Series" in key)
    return {when: tuple(_number(_named(values, name)) for name in _NAMES) for when, values in series.items()}


def _named(values: dict[str, Any], name: str) -> Any:
    return next((value for key, value in values.items() if key.split(" ")[1] == name), None)


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


@pytest.mark.parametrize(("file", "dataset", "symbol", "interval"), BARS)
def test_captured_coins_and_currencies_parse_to_the_bars_they_hold(
    engine: SparkSession, file: str, dataset: str, symbol: str, interval: str
) -> None:
    row = captured(file, dataset, symbol, interval)
    sessions_df = sessions_frame(engine, (STOCKS_US, FX, CRYPTO), date(2019, 1, 1), date(2027, 1, 1))
    rows = validate_bars(parse_alphavantage_bars(payloads_frame(engine, row)), sessions_df).collect()
    assert {bar["timestamp_text"]: tuple(bar[name] for name in _NAMES) for bar in rows} == bars_in(
        row["body"]
    )
    assert {reason for bar in rows for reason in bar["reasons"]} == set()
    calendar, asset_class = (CRYPTO, "crypto") if "-" in symbol else (FX, "fx")
    assert {(bar["calendar"], bar["asset_class"], bar["session"]) for bar in rows} == {
        (calendar, asset_class, "24x7")
    }


def test_captured_bars_of_coins_say_what_they_are_about_and_another_coin_is_not_believed(
    engine: SparkSession,
) -> None:
    row = captured(f"{CRAZZYGHOST}/crypto/intraday.json", "crypto_intraday", "BTC-USD", "5min")
    sessions_df = sessions_frame(engine, (CRYPTO,), date(2025, 1, 1), date(2026, 1, 1))
    rows = validate_bars(parse_alphavantage_bars(payloads_frame(engine, row)), sessions_df).collect()
    assert {bar["symbol_text"] for bar in rows} == {"ETH-USD"}
    assert [bar["reasons"] for bar in rows] == [["other_symbol"]] * 3
    assert rows[0]["position"].startswith("/Time Series Crypto (5min)/2025-08-24 15:")


@pytest.mark.parametrize(
    ("file", "dataset", "symbol", "interval", "fetched_at"),
    [
        (BARS[4][0], "crypto_daily", "BTC-EUR", "1day", datetime(2026, 5, 17, 17, 12, tzinfo=UTC)),
        (BARS[5][0], "crypto_intraday", "ETH-USD", "5min", datetime(2026, 5, 17, 17, 12, tzinfo=UTC)),
    ],
)
def test_the_bar_that_was_under_way_when_it_was_fetched_is_not_taken_for_a_whole_one(
    engine: SparkSession, file: str, dataset: str, symbol: str, interval: str, fetched_at: datetime
) -> None:
    row = {**captured(file, dataset, symbol, interval), "fetched_at": fetched_at}
    sessions_df = sessions_frame(engine, (CRYPTO,), date(2025, 1, 1), date(2026, 6, 1))
    validated_df = validate_bars(parse_alphavantage_bars(payloads_frame(engine, row)), sessions_df)
    newest, *others = validated_df.orderBy(F.desc("timestamp")).collect()
    assert newest["reasons"] == ["partial_bar"]
    assert {reason for bar in others for reason in bar["reasons"]} == set()


def test_the_captured_splits_of_ibm_are_three(engine: SparkSession) -> None:
    row = captured(f"{PORTFOLIOTREE}/fundamental/SPLITS_358e2618.csv", "splits", "IBM")
    rows = (
        validated_corporate_actions(parse_alphavantage_actions(payloads_frame(engine, row)))
        .orderBy("ex_dt")
        .collect()
    )
    held = list(csv.DictReader(row["body"].decode().splitlines()))
    assert {(each["ex_dt"].isoformat(), each["ratio"]) for each in rows} == {
        (line["effective_date"], Decimal(line["split_factor"])) for line in held
    }
    assert [each["reasons"] for each in rows] == [[]] * len(held)


def test_the_captured_dividends_of_ibm_are_all_there(engine: SparkSession) -> None:
    row = captured(f"{PORTFOLIOTREE}/fundamental/DIVIDENDS_5b9f5d9f.csv", "dividends", "IBM")
    rows = validated_corporate_actions(parse_alphavantage_actions(payloads_frame(engine, row))).collect()
    held = list(csv.DictReader(row["body"].decode().splitlines()))
    dates = {"ex_dt": "ex_dividend_date", "declared_dt": "declaration_date"}
    dates |= {"record_dt": "record_date", "payment_dt": "payment_date"}
    found = [(*(str(each[name]) for name in dates), each["amount"]) for each in rows]
    wanted = [(*(line[name] for name in dates.values()), Decimal(line["amount"])) for line in held]
    assert sorted(found) == sorted(wanted)
    assert [each["reasons"] for each in rows] == [[]] * len(held)


def test_the_captured_news_is_a_row_for_each_article_and_ticker(engine: SparkSession) -> None:
    row = captured(f"{PORTFOLIOTREE}/intelligence/NEWS_SENTIMENT_37784e1e.json", "news", "AAPL")
    rows = validated_news(parse_alphavantage_news(payloads_frame(engine, row))).collect()
    held = json.loads(row["body"])["feed"]
    assert {
        (each["url"], each["symbol"], each["ticker_sentiment_score"], each["title"], each["summary"])
        for each in rows
    } == {
        (
            each["url"],
            ticker["ticker"],
            Decimal(ticker["ticker_sentiment_score"]),
            each["title"],
            each["summary"],
        )
        for each in held
        for ticker in each["ticker_sentiment"]
    }
    assert {f"{each['published_at']:%Y%m%dT%H%M%S}" for each in rows} == {
        each["time_published"] for each in held
    }
    assert [each["reasons"] for each in rows] == [[]] * 160


@pytest.mark.parametrize(
    ("file", "count"),
    [("fundamental/LISTING_STATUS_42ba3c24.csv", 13_411), ("testdata/listing_status.csv", 8)],
)
def test_the_captured_listing_is_an_instrument_for_each_line(
    engine: SparkSession, file: str, count: int
) -> None:
    row = captured(f"{PORTFOLIOTREE}/{file}", "listing_status", "ALL")
    validated_df = validated_instruments(parse_alphavantage_instruments(payloads_frame(engine, row)))
    (found,) = validated_df.agg(
        F.count("*"),
        F.countDistinct("symbol", "valid_from"),
        F.sum(F.size("reasons")),
        F.count(F.when(F.col("valid_to").isNotNull() | (F.col("status") != "active"), 1)),
    ).collect()
    assert tuple(found) == (count, count, 0, 0)
    (agilent,) = validated_df.filter("symbol = 'A'").collect()
    assert (agilent["name"], agilent["valid_from"]) == ("Agilent Technologies Inc", date(1999, 11, 18))
