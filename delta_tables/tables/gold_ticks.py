"""Gold from ticks: features per minute, and differences of bars from trades to the vendor's bars."""

from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from delta_tables.table import Table, column
from delta_tables.tables.column_types import PRICE, SIZE

MEASURE = DecimalType(38, 12)  # a price or a volume

_MINUTE = [
    column("provider", StringType(), "provider of the ticks"),
    column("symbol", StringType(), "symbol in the provider's spelling"),
    column("trade_dt", DateType(), "session date of the exchange"),
    column("timestamp", TimestampType(), "start of the minute, UTC"),
]
_TAIL = [
    column("is_simulated", BooleanType(), "true if any value behind the row is simulated"),
    column("run_id", StringType(), "run that last changed the row", is_lineage=True),
]


def _metric(name: str, kind: DataType, comment: str) -> StructField:
    return column(name, kind, comment, is_nullable=True)


TICK_FEATURES = Table(
    layer="gold",
    name="tick_features",
    description="Features of each minute with a trade or a quote, from corrected trades and quotes.",
    schema=StructType(
        [
            *_MINUTE,
            column("session", StringType(), "pre, regular, post or closed"),
            _metric("spread", PRICE, "ask - bid of the minute's last two-sided quote, currency"),
            _metric("spread_pct", PRICE, "spread / mid_price, %"),
            _metric("mid_price", DecimalType(20, 7), "(bid + ask) / 2 of that quote, currency"),
            _metric("close", PRICE, "price of the last trade that updates the close, currency"),
            column("volume", SIZE, "shares of the trades that update the volume"),
            _metric(
                "volume_avg_20",
                PRICE,
                "mean volume of the 20 minutes before; a minute without trades counts as 0",
            ),
            _metric("volume_ratio_20", PRICE, "volume / volume_avg_20"),
            _metric("return", DoubleType(), "close / previous close of the session - 1, as a fraction"),
            _metric("log_return", DoubleType(), "ln(close / previous close of the session)"),
            column("quote_count", LongType(), "number of quotes"),
            column("trade_count", LongType(), "number of trades, without cancelled ones"),
            *_TAIL,
        ]
    ),
    keys=("provider", "symbol", "trade_dt", "timestamp"),
    partition_by=("trade_dt",),
)

TRADE_BAR_DIFFERENCES = Table(
    layer="gold",
    name="trade_bar_differences",
    description="Differences between minute bars from trades and the vendor's; equal values have no row.",
    schema=StructType(
        [
            *_MINUTE,
            column("measure", StringType(), "open, high, low, close or volume"),
            _metric("from_trades", MEASURE, "value of the bar computed from trades; null if there is none"),
            _metric("from_vendor", MEASURE, "value of the vendor's bar; null if there is none"),
            _metric("difference", MEASURE, "from_trades - from_vendor"),
            column("is_within", BooleanType(), "true if both exist and differ by at most the tolerance"),
            *_TAIL,
        ]
    ),
    keys=("provider", "symbol", "trade_dt", "timestamp", "measure"),
    partition_by=("trade_dt",),
)

TABLES = (TICK_FEATURES, TRADE_BAR_DIFFERENCES)
