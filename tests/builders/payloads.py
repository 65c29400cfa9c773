"""Payloads as a provider sends them, for tests; made here, not captured."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Bar = tuple[str, str, str, str, str]
T0 = datetime(2010, 8, 20, 22, tzinfo=UTC)
DAYS = ("2010-08-12", "2010-08-13", "2010-08-16", "2010-08-17", "2010-08-18", "2010-08-19", "2010-08-20")


def at(hours: float) -> datetime:
    """An instant some hours after T0."""
    return T0 + timedelta(hours=hours)


def bar(close: str = "10.5", volume: str = "1000", open_: str = "10") -> Bar:
    """A sane bar with this close."""
    high = max(float(close), float(open_), 11.0)
    low = min(float(close), float(open_), 9.0)
    return (open_, f"{high}", f"{low}", close, volume)


def payload(**fields: Any) -> dict[str, Any]:
    """A row of bronze.raw_payloads around a body."""
    row = {
        "provider": "alphavantage",
        "request": "/query?outputsize=full",
        "status": 200,
        "content_type": "application/json",
        "is_simulated": False,
        "run_id": "landed",
        "interval": None,
        "body_fetched_at": None,
        **fields,
    }
    body = row["body"] if isinstance(row["body"], bytes) else json.dumps(row["body"]).encode()
    return {**row, "body": body, "payload_id": hashlib.sha256(body).hexdigest()}


def daily(symbol: str, bars: Mapping[str, Bar], fetched_at: datetime = T0, **fields: Any) -> dict[str, Any]:
    """A daily history, keyed by date."""
    return _series("daily", "1day", "Time Series (Daily)", symbol, bars, fetched_at, "5", fields)


def intraday(
    symbol: str, bars: Mapping[str, Bar], fetched_at: datetime = T0, **fields: Any
) -> dict[str, Any]:
    """Five-minute bars, keyed by New York time."""
    return _series("intraday", "5min", "Time Series (5min)", symbol, bars, fetched_at, "6", fields)


def overview(symbol: str, fetched_at: datetime = T0, **facts: str) -> dict[str, Any]:
    """A company overview; facts are Alpha Vantage's names."""
    body = {"Symbol": symbol, "Name": f"{symbol} Inc", "LatestQuarter": "2010-06-30", "EPS": "2", **facts}
    return payload(dataset="overview", symbol=symbol, fetched_at=fetched_at, body=body)


def _series(
    dataset: str,
    interval: str,
    series: str,
    symbol: str,
    bars: Mapping[str, Bar],
    fetched_at: datetime,
    zone_number: str,
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    names = ("1. open", "2. high", "3. low", "4. close", "5. volume")
    body = {
        "Meta Data": {"2. Symbol": symbol, f"{zone_number}. Time Zone": "US/Eastern"},
        series: {when: dict(zip(names, values, strict=True)) for when, values in bars.items()},
    }
    row = {"dataset": dataset, "symbol": symbol, "interval": interval, "fetched_at": fetched_at, "body": body}
    return payload(**{**row, **fields})
