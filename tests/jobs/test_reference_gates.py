"""The gates of the reference tables: what is sane passes, what is not is refused, on both engines."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import quality
from delta_tables.table import Table
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS, INSTRUMENTS, NEWS
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.parsing.alphavantage_reference import (
    parse_alphavantage_actions,
    parse_alphavantage_instruments,
    parse_alphavantage_news,
)
from jobs.silver.corporate_actions import corporate_action_changes, validated_corporate_actions
from jobs.silver.instruments import instrument_changes, validated_instruments
from jobs.silver.news import news_changes, validated_news
from quality.gate import GateResult, scan_batch
from tests.builders.reference_frames import as_values, empty_frame, listed, payloads_frame, plain_schema

CHECKS = Path(quality.__file__).parent / "checks"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ARTICLE = {"title": "T", "url": "https://example.org/a", "time_published": "20260517T110100"}
LISTING = (
    b"symbol,name,exchange,assetType,ipoDate,delistingDate,status\nA,A Inc,NYSE,Stock,1999-11-18,null,Active"
)


@cache
def batch(engine: SparkSession, table: Table) -> DataFrame:
    """A small sane batch of the table, built from payloads."""
    split = {"symbol": "IBM", "data": [{"effective_date": "1999-05-27", "split_factor": "2.0"}]}
    paid = {"symbol": "IBM", "data": [{"ex_dividend_date": "2026-05-08", "amount": "1.69"}]}
    rows = [listed("splits", split, fetched_at=NOW), listed("dividends", paid, fetched_at=NOW)]
    rows += [listed("news", {"feed": [ARTICLE]}, fetched_at=NOW)]
    rows += [listed("listing_status", LISTING, "ALL", fetched_at=NOW)]
    payloads_df, stored_df = payloads_frame(engine, *rows), empty_frame(engine, table)
    if table is CORPORATE_ACTIONS:
        validated_df = validated_corporate_actions(parse_alphavantage_actions(payloads_df))
        changes_df = corporate_action_changes(as_values(validated_df), stored_df, "r1")
    elif table is NEWS:
        changes_df = news_changes(validated_news(parse_alphavantage_news(payloads_df)), stored_df, "r1")
    else:
        validated_df = validated_instruments(parse_alphavantage_instruments(payloads_df))
        changes_df = instrument_changes(validated_df, stored_df, "r1")
    found = table.conform(changes_df.drop(CHANGE_TYPE)).collect()
    # as values, not as a plan: a gate reads its batch once for each check
    return engine.createDataFrame(found, plain_schema(table))


def scan(frame_df: DataFrame, table: Table) -> GateResult:
    return scan_batch(frame_df.sparkSession, frame_df, table.dataset, CHECKS / f"{table.dataset}.yml", NOW)


@pytest.mark.parametrize("table", [CORPORATE_ACTIONS, NEWS, INSTRUMENTS], ids=lambda table: table.name)
def test_a_sane_batch_passes(engine: SparkSession, table: Table) -> None:
    result = scan(batch(engine, table), table)
    assert (result.status, result.errors) == ("pass", ()), result.summary()


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        (CORPORATE_ACTIONS, "action", "'merger'"),
        (CORPORATE_ACTIONS, "ratio", "CAST('-1' AS decimal(20,10))"),
        (CORPORATE_ACTIONS, "amount", "CAST(NULL AS decimal(20,8))"),
        (CORPORATE_ACTIONS, "ex_dt", "CAST('2062-01-01' AS date)"),
        (NEWS, "article_id", "'short'"),
        (NEWS, "ticker_sentiment_score", "CAST('2' AS decimal(10,6))"),
        (NEWS, "published_at", "CAST('2062-01-01 00:00:00' AS timestamp)"),
        (INSTRUMENTS, "status", "'asleep'"),
        (INSTRUMENTS, "valid_to", "CAST('1990-01-01' AS date)"),
        (INSTRUMENTS, "known_to", "CAST('1990-01-01 00:00:00' AS timestamp)"),
    ],
)
def test_a_batch_with_a_value_that_cannot_be_is_refused(
    spark: SparkSession, table: Table, name: str, value: str
) -> None:
    result = scan(batch(spark, table).withColumn(name, F.expr(value)), table)
    assert result.status == "fail", result.summary()
