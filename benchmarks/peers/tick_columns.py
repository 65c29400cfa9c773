"""What every contestant's bars and key figures must agree in after a tick."""

from collections.abc import Mapping
from datetime import date

BARS, KPIS = "silver/bars", "gold/daily_kpis"
ANSWER: Mapping[str, tuple[str, ...]] = {
    BARS: ("symbol", "timestamp", "trade_dt", "session", "open", "high", "low", "close", "volume"),
    KPIS: (
        *("symbol", "trade_dt", "interval", "open", "high", "low", "close", "average_price", "vwap"),
        *("volume", "bar_count", "expected_bars", "price_change", "price_change_pct"),
    ),
}
# The days of which an answer has bars: a hundred of five minutes.
DAYS = (date(2010, 8, 19), date(2010, 8, 20))
# What all bars, or all days, of the tick have alike.
BAR_CONSTANTS = {
    "provider": "alphavantage",
    "asset_class": "stock",
    "calendar": "XNYS",
    "interval": "5min",
    "kind": "candle",
    "adjustment": "raw",
    "position": "/",
    "run_id": "tick",
}
DAY_CONSTANTS = {
    name: BAR_CONSTANTS[name] for name in ("interval", "provider", "asset_class", "calendar", "run_id")
}
KPI_KEYS = ("symbol", "trade_dt", "interval", "provider", "partition_dt")
BAR_KEYS = ("provider", "symbol", "interval", "timestamp", "partition_dt")
MINUTES = 5
# Sessions in which a close is looked for to compare with.
WINDOW = 20
