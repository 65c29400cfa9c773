"""What every contestant's ticks and minutes must agree in, and what the peers take from the guidelines."""

from datetime import date
from zoneinfo import ZoneInfo

from jobs.silver.trade_conditions import NOT_FOR_HIGH_LOW, NOT_FOR_OPEN_CLOSE, NOT_FOR_VOLUME, ODD_LOT

DAY = date(2010, 8, 20)
NEW_YORK = ZoneInfo("America/New_York")
EXTENDED_HOURS = (4, 20)  # New York
_TIMES = (
    "symbol",
    "trade_dt",
    "timestamp",
    "sip_timestamp_ns",
    "participant_timestamp_ns",
    "trf_timestamp_ns",
)
TRADES = (
    *_TIMES,
    *("sequence_number", "trade_id", "exchange", "tape", "trf_id", "price", "size", "conditions"),
    *("correction", "session", "is_odd_lot", "is_out_of_order", "updates_open_close", "updates_high_low"),
    *("updates_volume", "is_cancelled"),
)
QUOTES = (
    *_TIMES,
    *("sequence_number", "tape", "bid_price", "bid_size", "bid_exchange", "ask_price", "ask_size"),
    *("ask_exchange", "size_unit", "conditions", "indicators", "session", "is_one_sided", "is_crossed"),
    *("is_locked", "is_out_of_order"),
)
FEATURES = (
    *("symbol", "trade_dt", "timestamp", "session", "spread", "spread_pct", "mid_price", "close", "volume"),
    *("volume_avg_20", "volume_ratio_20", "return", "log_return", "quote_count", "trade_count"),
)
TRADE_KEYS = ("symbol", "exchange", "tape", "trade_id", "trf_id", "sequence_number")
QUOTE_KEYS = ("symbol", "tape", "sequence_number", "sip_timestamp_ns")
MINUTES = 20  # whose mean volume a minute is compared with
CANCELLED = (7, 8, 10, 11)
NOT_HAPPENED = (*CANCELLED, 12)


def has_any(ids: tuple[int, ...]) -> str:
    """A pattern of lists of condition ids that name one of these."""
    return f"(^|,)({'|'.join(map(str, ids))})(,|$)"


_UNKNOWN = r"(^|,)(6[1-9]|[7-9]\d|\d{3})(,|$)"  # the list of ids ends at 60
MARKS = {"is_odd_lot": has_any((ODD_LOT,))}
# A trade that matches none of the patterns counts.
COUNTS = {
    "updates_open_close": (has_any(NOT_FOR_OPEN_CLOSE), _UNKNOWN),
    "updates_high_low": (has_any(NOT_FOR_HIGH_LOW), _UNKNOWN),
    "updates_volume": (has_any(NOT_FOR_VOLUME),),
}
