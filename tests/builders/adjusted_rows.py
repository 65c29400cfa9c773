"""Rows of silver.bars and silver.corporate_actions, as many as a factor needs; made here, not captured."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
LEARNED = datetime(2020, 7, 1, 12, tzinfo=UTC)


def bar_row(day: str, close: str, **changes: Any) -> Row:
    """A daily bar of APPLE whose four prices are `close`, a thousand shares, known since LEARNED."""
    trade_dt, price = date.fromisoformat(day), Decimal(close)
    row: Row = {"provider": "alphavantage", "symbol": "APPLE", "asset_class": "stock", "calendar": "XNYS"}
    row |= {"interval": "1day", "timestamp": datetime(*trade_dt.timetuple()[:3], 4, tzinfo=UTC)}
    row |= {"trade_dt": trade_dt, "session": "regular", "kind": "candle", "adjustment": "raw"}
    row |= dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": Decimal(1000)}
    row |= {"is_simulated": False, "known_from": LEARNED, "known_to": None, "payload_id": "bars"}
    return row | {"position": day, "run_id": "r", "partition_dt": trade_dt.replace(month=1, day=1)} | changes


def split_row(ex_day: str, ratio: str, **changes: Any) -> Row:
    """A split of APPLE, known since LEARNED."""
    return _action_row("split", ex_day, {"ratio": Decimal(ratio), **changes})


def dividend_row(ex_day: str, amount: str, **changes: Any) -> Row:
    """A dividend of APPLE, known since LEARNED."""
    return _action_row("dividend", ex_day, {"amount": Decimal(amount), **changes})


def hours_after(hours: float) -> datetime:
    """An instant some hours after LEARNED."""
    return LEARNED + timedelta(hours=hours)


def _action_row(action: str, ex_day: str, changes: Row) -> Row:
    row: Row = {"provider": "alphavantage", "symbol": "APPLE", "action": action, "label": "first"}
    row |= {"ex_dt": date.fromisoformat(ex_day), "is_simulated": False, "known_from": LEARNED}
    return row | {"known_to": None, "payload_id": "actions", "position": ex_day, "run_id": "r"} | changes
