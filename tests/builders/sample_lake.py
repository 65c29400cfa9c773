"""A small lake as after a day's run: two symbols, two intervals, a currency, and one fault of each kind."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import DEAD_LETTERS, RAW_PAYLOADS
from delta_tables.tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.tables.ops import COMPLETENESS, GATE_RESULTS, RUNS
from delta_tables.tables.silver import BARS, FUNDAMENTALS, QUARANTINE

Row = dict[str, Any]
RUN = "20260106T220000000Z-0000aaaa"
DAYS = (date(2026, 1, 2), date(2026, 1, 5), date(2026, 1, 6))
FETCHED = datetime(2026, 1, 6, 22, 0, tzinfo=UTC)
CORRECTED = FETCHED + timedelta(days=1)
CLOSES: dict[str, tuple[str | None, ...]] = {
    "AAPL": ("250.10", "251.20", "252.30"),
    "MSFT": ("400.00", None, "402.00"),
}

DAILY_BODY = json.dumps(
    {
        "Meta Data": {"2. Symbol": "AAPL", "3. Last Refreshed": "2026-01-06", "5. Time Zone": "US/Eastern"},
        "Time Series (Daily)": {
            day.isoformat(): {"1. open": "250.0", "4. close": close, "5. volume": "1000"}
            for day, close in zip(DAYS, CLOSES["AAPL"], strict=True)
        },
    },
    indent=4,
).encode()
MSFT_BODY = DAILY_BODY.replace(b"AAPL", b"MSFT")
CSV_BODY = (
    b"timestamp,open,high,low,close,volume\r\n"
    b"2026-01-06 09:35:00,251.0,252.0,250.5,251.5,500\r\n"
    b"2026-01-06 09:30:00,250.0,251.5,249.5,251.0,600\r\n"
)
OVERVIEW_BODY = b'{"Symbol": "AAPL", "Name": "Apple <Inc.>", "EPS": "6.00"}'
FILLED = (RAW_PAYLOADS, BARS, DAILY_KPIS, SIGNALS, STOCK_OVERVIEW)


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def utc(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def add(lake: Lake, table: Table, *rows: Mapping[str, Any]) -> None:
    """Appends rows; columns that a row does not name are null."""
    append_rows(lake, table, [{name: row.get(name) for name in table.columns} for row in rows])


def payload(body: bytes, dataset: str, symbol: str, interval: str | None, **changes: Any) -> Row:
    row: Row = {"payload_id": sha(body), "provider": "alphavantage", "dataset": dataset, "symbol": symbol}
    row |= {"interval": interval, "request": f"/query?apikey=REDACTED&symbol={symbol}", "status": 200}
    row |= {"content_type": "application/json", "fetched_at": FETCHED, "is_simulated": False}
    return row | {"body": body, "run_id": RUN} | changes


def bar(symbol: str, day: date, interval: str, close: str, **changes: Any) -> Row:
    value = Decimal(close)
    row: Row = {"provider": "alphavantage", "symbol": symbol, "asset_class": "stock", "interval": interval}
    row |= {"calendar": "XNYS", "kind": "candle", "adjustment": "raw"}
    row |= {"timestamp": utc(day, 5), "trade_dt": day, "session": "regular", "open": value, "high": value}
    row |= {
        "low": value,
        "close": value,
        "volume": Decimal(1000),
        "is_simulated": False,
        "known_from": FETCHED,
    }
    row |= {"payload_id": sha(DAILY_BODY), "position": f"/Time Series (Daily)/{day}", "run_id": RUN}
    return row | {"partition_dt": day.replace(day=1, month=1) if interval == "1day" else day} | changes


def kpi(symbol: str, day: date, interval: str, close: str, **changes: Any) -> Row:
    value = Decimal(close)
    row: Row = {"symbol": symbol, "trade_dt": day, "interval": interval, "provider": "alphavantage"}
    row |= {
        "asset_class": "stock",
        "calendar": "XNYS",
        "open": value,
        "high": value,
        "low": value,
        "close": value,
    }
    row |= {
        "average_price": value,
        "vwap": value,
        "volume": Decimal(1000),
        "bar_count": 1,
        "expected_bars": 1,
    }
    row |= {"price_change_pct": Decimal("0.44"), "is_simulated": False, "run_id": RUN}
    return row | {"partition_dt": date(day.year, 1, 1)} | changes


def overview(symbol: str, day: date, close: str, **changes: Any) -> Row:
    row = kpi(symbol, day, "1day", close) | {"7d_avg": Decimal(close), "triggered_signals": ""}
    return row | {"pe_ratio": Decimal(42), "volume_spike_pct": Decimal(-5)} | changes


def signal(symbol: str, day: date, name: str, *, is_triggered: bool, **changes: Any) -> Row:
    row: Row = {
        "symbol": symbol,
        "trade_dt": day,
        "signal": name,
        "value": Decimal(42),
        "threshold": Decimal(40),
    }
    row |= {"is_triggered": is_triggered, "reason": "a share costs 42.0 times its yearly earnings"}
    return row | {"is_simulated": False, "run_id": RUN, "partition_dt": date(day.year, 1, 1)} | changes


def fill(lake: Lake) -> None:
    """Creates every table and fills it."""
    create_tables(lake)
    _fill_bronze(lake)
    _fill_silver(lake)
    _fill_gold(lake)
    _fill_ops(lake)


def _fill_bronze(lake: Lake) -> None:
    add(
        lake,
        RAW_PAYLOADS,
        payload(DAILY_BODY, "daily", "AAPL", "1day"),
        payload(DAILY_BODY, "daily", "AAPL", "1day", fetched_at=CORRECTED),
        payload(MSFT_BODY, "daily", "MSFT", "1day"),
        payload(CSV_BODY, "intraday", "AAPL", "5min", is_simulated=True, content_type="text/csv"),
        payload(OVERVIEW_BODY, "overview", "AAPL", None),
    )
    error = {"error_class": "quota_exhausted", "error": "25 calls a day"}
    add(lake, DEAD_LETTERS, payload(b"{}", "daily", "KO", "1day") | error)


def _fill_silver(lake: Lake) -> None:
    add(
        lake,
        BARS,
        *(
            bar("AAPL", day, "1day", str(close))
            for day, close in zip(DAYS[:2], CLOSES["AAPL"][:2], strict=True)
        ),
        bar("AAPL", DAYS[2], "1day", "252.00", known_to=CORRECTED),
        bar("AAPL", DAYS[2], "1day", "252.30", known_from=CORRECTED),
        *(
            bar("MSFT", day, "1day", close, payload_id=sha(MSFT_BODY))
            for day, close in zip(DAYS, CLOSES["MSFT"], strict=True)
            if close
        ),
        *(_five_minute_bar(utc(DAYS[2], 14, minute), line) for minute, line in ((35, 2), (30, 3))),
        _five_minute_bar(utc(DAYS[2], 12), 9) | {"session": "pre"},
        bar(
            "EURUSD", DAYS[2], "1day", "1.1", asset_class="fx", session="24x7", volume=None, is_simulated=True
        ),
    )
    facts: Row = {"provider": "alphavantage", "symbol": "AAPL", "name": "Apple <Inc.>", "eps": Decimal(6)}
    facts |= {"is_simulated": False, "payload_id": sha(OVERVIEW_BODY), "position": "/", "run_id": RUN}
    add(lake, FUNDAMENTALS, facts | {"known_from": FETCHED})
    bad: Row = {"provider": "alphavantage", "dataset": "daily", "symbol": "MSFT", "interval": "1day"}
    bad |= {"position": f"/Time Series (Daily)/{DAYS[1]}", "raw_values": '["2026-01-05","-1"]', "run_id": RUN}
    bad |= {"reasons": ["low_not_lowest", "not_positive_price"], "first_seen_at": FETCHED}
    add(lake, QUARANTINE, bad | {"payload_id": sha(MSFT_BODY), "is_simulated": False})


def _five_minute_bar(at: datetime, line: int) -> Row:
    changes = {"timestamp": at, "payload_id": sha(CSV_BODY), "position": f"line {line}", "is_simulated": True}
    return bar("AAPL", DAYS[2], "5min", "251.0", **changes)


def _fill_gold(lake: Lake) -> None:
    days = [
        (symbol, day, c) for symbol, closes in CLOSES.items() for day, c in zip(DAYS, closes, strict=True)
    ]
    found = [(symbol, day, close) for symbol, day, close in days if close]
    fx = kpi("EURUSD", DAYS[2], "1day", "1.1", asset_class="fx", volume=None, vwap=None, is_simulated=True)
    drawn = kpi("AAPL", DAYS[2], "5min", "251.0", bar_count=2, expected_bars=78, is_simulated=True)
    add(lake, DAILY_KPIS, *(kpi(symbol, day, "1day", close) for symbol, day, close in found), drawn, fx)
    add(lake, STOCK_OVERVIEW, *(overview(symbol, day, close) for symbol, day, close in found))
    for name in ("P/E Ratio Alert", "Volume Spike % Alert"):
        is_triggered = name.startswith("P/E")
        add(
            lake, SIGNALS, *(signal(symbol, day, name, is_triggered=is_triggered) for symbol, day, _ in found)
        )


def _fill_ops(lake: Lake) -> None:
    run = {"run_id": RUN, "rows_in": 9, "rows_out": 8, "rows_bad": 1, "consumed_runs": []}
    add(
        lake,
        RUNS,
        run
        | {"stage": "silver", "subject": "silver.bars", "status": "started", "at": FETCHED, "seconds": 0.0},
        run
        | {"stage": "silver", "subject": "silver.bars", "status": "done", "at": CORRECTED, "seconds": 1.5},
        run | {"stage": "gold", "subject": "gold", "status": "started", "at": CORRECTED, "seconds": 0.0},
    )
    check = {"run_id": RUN, "dataset": "gold_signals", "row_count": 10, "at": CORRECTED}
    add(
        lake,
        GATE_RESULTS,
        check | {"check": "row_count > 0", "outcome": "pass", "value": "10.0"},
        check | {"check": "missing_count(value) = 0", "outcome": "fail", "value": "3.0"},
    )
    add(
        lake,
        COMPLETENESS,
        due("AAPL", DAYS[0], "backfilled", arrived_at=FETCHED),
        due("AAPL", DAYS[2], "on_time", arrived_at=FETCHED),
        due("MSFT", DAYS[1], "missing", bars=0),
        due("MSFT", DAYS[2], "healed", arrived_at=CORRECTED),
        due("MSFT", DAYS[2], "late", dataset="intraday", interval="5min", bars=2, expected_bars=78),
    )


def due(symbol: str, day: date, state: str, **changes: Any) -> Row:
    row: Row = {"provider": "alphavantage", "dataset": "daily", "symbol": symbol, "interval": "1day"}
    row |= {"trade_dt": day, "calendar": "XNYS", "expected_at": utc(day, 21), "late_until": utc(day, 23)}
    row |= {"state": state, "bars": 1, "expected_bars": 1, "checked_at": CORRECTED, "run_id": RUN}
    return row | changes
