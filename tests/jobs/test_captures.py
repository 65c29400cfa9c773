"""Real captures, where they are: each parses to the rows it holds, by the values it holds."""

import csv
import json
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS, FUNDAMENTALS, QUARANTINE
from flows.handlers.alphavantage.responses import classify_response
from jobs.history.pending_payloads import pending_window, read_payloads
from jobs.market_calendar.sessions import FX, STOCKS_US, sessions_frame
from jobs.parsing.alphavantage import parse_alphavantage_bars
from jobs.silver.bar_rules import validate_bars
from tests.builders.lakes import build_lake, land_rows
from tests.builders.payloads import payload

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "alphavantage"
pytestmark = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason="the captures are not part of the project (2026-11)"
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
BAR_CAPTURES = [
    ("romeltorres/mock_time_series", "intraday", "MSFT", "1min"),
    ("crazzyghost_truncated/timeseries/intraday.json", "intraday", "IBM", "5min"),
    ("crazzyghost_truncated/timeseries/daily.json", "daily", "IBM", "1day"),
    ("crazzyghost_truncated/timeseries/dailyadjusted.json", "daily", "IBM", "1day"),
    ("crazzyghost_truncated/forex/daily.json", "fx_daily", "EURUSD", "1day"),
    ("portfoliotree_csv_json/time_series/TIME_SERIES_INTRADAY_3dbdcdc7.csv", "intraday", "IBM", "5min"),
    ("portfoliotree_csv_json/time_series/TIME_SERIES_DAILY_42a08190.csv", "daily", "IBM", "1day"),
    ("portfoliotree_csv_json/time_series/TIME_SERIES_DAILY_ADJUSTED_572d0539.csv", "daily", "IBM", "1day"),
    ("portfoliotree_csv_json/forex/FX_DAILY_b7946c44.csv", "fx_daily", "EURUSD", "1day"),
    ("portfoliotree_csv_json/testdata/intraday_5min_IBM.csv", "intraday", "IBM", "5min"),
    ("portfoliotree_csv_json/testdata/daily_AMJ.csv", "daily", "AMJ", "1day"),
]
OVERVIEW_CAPTURES = [
    ("romeltorres/mock_company_overview", "IBM"),
    ("crazzyghost_truncated/fundamentaldata/companyoverview.json", "IBM"),
    ("portfoliotree_csv_json/fundamental/OVERVIEW_b1e86153.json", "IBM"),
    ("portfoliotree_csv_json/testdata/company_overview.json", "IBM"),
]


def rows_in(body: bytes) -> dict[str, tuple[Decimal | None, ...]]:
    """What a capture holds, read without the project: time to open, high, low, close, volume."""
    if body.startswith(b"timestamp"):
        held = list(csv.DictReader(body.decode().splitlines()))
        return {row["timestamp"]: tuple(_number(row.get(name)) for name in _NAMES) for row in held}
    parsed = json.loads(body)
    series = next(value for key, value in parsed.items() if key.startswith("Time Series"))
    return {when: tuple(_number(_named(values, name)) for name in _NAMES) for when, values in series.items()}


_NAMES = ("open", "high", "low", "close", "volume")


def _named(values: dict[str, str], name: str) -> str | None:
    return next((value for key, value in values.items() if key.split(". ")[1] == name), None)


def _number(text: str | None) -> Decimal | None:
    # silver keeps twelve decimals; the provider itself sends 236.13099999999997
    return None if text is None else Decimal(text).quantize(Decimal("0.000000000001"), ROUND_HALF_UP)


@pytest.mark.parametrize(("file", "dataset", "symbol", "interval"), BAR_CAPTURES)
def test_a_capture_of_bars_parses_to_the_rows_it_holds(
    engine: SparkSession, lake: Lake, file: str, dataset: str, symbol: str, interval: str
) -> None:
    body = (CAPTURES / file).read_bytes()
    kind = "text/csv" if file.endswith(".csv") else "application/json"
    assert classify_response(body, kind) is None
    land_rows(
        lake,
        [
            payload(
                dataset=dataset,
                symbol=symbol,
                interval=interval,
                fetched_at=NOW,
                body=body,
                content_type=kind,
            )
        ],
    )
    payloads_df = read_payloads(engine, lake, pending_window(lake, None))
    sessions_df = sessions_frame(engine, (STOCKS_US, FX), date(2009, 1, 1), date(2027, 1, 1))
    rows = validate_bars(parse_alphavantage_bars(payloads_df), sessions_df).collect()
    found = {row["timestamp_text"]: tuple(row[name] for name in _NAMES) for row in rows}
    assert found == rows_in(body)
    assert {reason for row in rows for reason in row["reasons"]} == set()


@pytest.mark.parametrize(("file", "symbol"), OVERVIEW_CAPTURES)
def test_a_captured_overview_becomes_one_row_of_facts(
    spark: SparkSession, lake: Lake, file: str, symbol: str
) -> None:
    body = (CAPTURES / file).read_bytes()
    land_rows(lake, [payload(dataset="overview", symbol=symbol, fetched_at=NOW, body=body)])
    build_lake(spark, lake)
    (row,) = read_rows(lake, FUNDAMENTALS).to_pylist()
    held: dict[str, Any] = json.loads(body)
    assert (row["name"], row["eps"], row["shares_outstanding"]) == (
        held["Name"],
        Decimal(held["EPS"]),
        Decimal(held["SharesOutstanding"]),
    )
    assert row["latest_quarter"].isoformat() == held["LatestQuarter"]


def test_no_captured_error_body_can_reach_silver_even_if_it_were_landed(
    spark: SparkSession, lake: Lake
) -> None:
    bodies = [file.read_bytes() for file in sorted((CAPTURES / "errors").glob("*.json"))]
    assert bodies
    land_rows(
        lake,
        [
            payload(dataset="daily", symbol="IBM", interval="1day", fetched_at=NOW, body=body)
            for body in bodies
        ],
    )
    build_lake(spark, lake)
    assert read_rows(lake, BARS).num_rows == 0
    assert all(
        row["reasons"] == ["no_rows", "unreadable_number"] for row in read_rows(lake, QUARANTINE).to_pylist()
    )
