"""A lake for the readers: two providers, a correction, a split and a dividend, ticks with corrections."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables import silver_ticks
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from tests.builders.sample_lake import RUN, Row, add, bar

SESSIONS = (date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 2), date(2026, 1, 5), date(2026, 1, 6))
CLOSES = {"AAPL": (400, 402, 404, 101, 102), "MSFT": (50, 51, 52, 53, 54)}
LEARNED = datetime(2026, 1, 6, 22, tzinfo=UTC)
CORRECTED = LEARNED + timedelta(days=1)
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def fill(lake: Lake) -> None:
    """Daily bars of AAPL (4:1 split on 2026-01-05, 1.01 paid on 2026-01-06) and MSFT, minutes, ticks."""
    create_tables(lake)
    create_tables(lake, silver_ticks.TABLES)
    for symbol, closes in CLOSES.items():
        days = zip(SESSIONS, closes, strict=True)
        add(lake, BARS, *(bar(symbol, day, "1day", str(close), known_from=LEARNED) for day, close in days))
    add_minutes(lake, SESSIONS[3], 3)
    add_minutes(lake, SESSIONS[4], 2)
    add(lake, CORPORATE_ACTIONS, action("split", SESSIONS[3], ratio=Decimal(4)))
    add(lake, CORPORATE_ACTIONS, action("dividend", SESSIONS[4], amount=Decimal("1.01")))
    add(lake, TRADES, *(trade(number, code) for number, code in enumerate((0, 1, 12, 7, 8, 10, 11))))
    add(lake, TRADES, trade(7, 0, known_to=CORRECTED), trade(7, 0, known_from=CORRECTED, price=Decimal(77)))
    add(lake, QUOTES, *(quote(number) for number in range(3)))


def add_minutes(lake: Lake, day: date, count: int, **changes: Any) -> None:
    """Adds minute bars of AAPL from 14:30 UTC on."""
    first = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    minutes = (first + timedelta(minutes=number) for number in range(count))
    rows = (bar("AAPL", day, "1min", "101", timestamp=at, known_from=LEARNED) | changes for at in minutes)
    add(lake, BARS, *rows)


def action(kind: str, ex_dt: date, **values: Any) -> Row:
    """A corporate action of AAPL."""
    row: Row = {"provider": "alphavantage", "symbol": "AAPL", "action": kind, "label": "cash", "ex_dt": ex_dt}
    row |= {"is_simulated": False, "known_from": LEARNED, "payload_id": "a", "position": "/", "run_id": RUN}
    return row | values


def trade(number: int, correction: int, **changes: Any) -> Row:
    """The trade of this number of AAPL, a second after the one before."""
    row: Row = {"price": Decimal(100 + number), "size": Decimal("10.5"), "trade_id": str(number)}
    row |= {"exchange": 11, "trf_id": 0, "correction": correction, "conditions": "12,37"}
    flags = ("is_odd_lot", "updates_open_close", "updates_high_low", "updates_volume", "is_cancelled")
    return _tick(number, dict.fromkeys(flags, False) | row | changes)


def quote(number: int, **changes: Any) -> Row:
    """The quote of this number of AAPL."""
    row: Row = {"bid_price": Decimal(99), "ask_price": Decimal(101), "size_unit": "share"}
    flags = ("is_one_sided", "is_crossed", "is_locked")
    return _tick(number, dict.fromkeys(flags, False) | row | changes)


def _tick(number: int, values: Row) -> Row:
    at = OPEN + timedelta(seconds=number)
    row: Row = {"provider": "massive", "symbol": "AAPL", "trade_dt": at.date(), "timestamp": at, "tape": 3}
    row |= {"sip_timestamp_ns": int(at.timestamp()) * 10**9, "sequence_number": number, "session": "regular"}
    row |= {"is_out_of_order": False, "is_simulated": False, "known_from": LEARNED}
    return row | {"payload_id": "t", "position": str(number), "run_id": RUN} | values
