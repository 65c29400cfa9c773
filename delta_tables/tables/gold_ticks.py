"""Gold from ticks: features of each minute, and how bars from trades differ from the vendor's."""

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

MEASURE = DecimalType(38, 12)  # a price or a volume, whichever is compared

_MINUTE = [
    column("provider", StringType(), "provider of the ticks"),
    column("symbol", StringType(), "symbol as the provider writes it"),
    column("trade_dt", DateType(), "session date of the exchange"),
    column("timestamp", TimestampType(), "start of the minute, UTC"),
]
_TAIL = [
    column("is_simulated", BooleanType(), "true where any value behind the row was drawn"),
    column("run_id", StringType(), "run that last changed the row", is_lineage=True),
]


def _metric(name: str, kind: DataType, comment: str) -> StructField:
    return column(name, kind, comment, is_nullable=True)


TICK_FEATURES = Table(
    layer="gold",
    name="tick_features",
    description="Figures of each minute that had a trade or a quote, from corrected trades and quotes.",
    schema=StructType(
        [
            *_MINUTE,
            column("session", StringType(), "pre, regular, post or closed"),
            _metric("spread", PRICE, "ask - bid of the minute's last two-sided quote, currency"),
            _metric("spread_pct", PRICE, "spread / mid_price, %"),
            _metric("mid_price", DecimalType(20, 7), "(bid + ask) / 2 of that quote, currency"),
            _metric("close", PRICE, "last price that counts for the close, currency"),
            column("volume", SIZE, "shares of the trades that count for volume"),
            _metric("volume_avg_20", PRICE, "mean volume of the 20 minutes before; none traded counts as 0"),
            _metric("volume_ratio_20", PRICE, "volume / volume_avg_20"),
            _metric("return", DoubleType(), "close / the session's close before it - 1, a fraction"),
            _metric("log_return", DoubleType(), "ln(close / the session's close before it)"),
            column("quote_count", LongType(), "quotes of the minute"),
            column("trade_count", LongType(), "trades of the minute, cancelled ones left out"),
            *_TAIL,
        ]
    ),
    keys=("provider", "symbol", "trade_dt", "timestamp"),
    partition_by=("trade_dt",),
)

TRADE_BAR_DIFFERENCES = Table(
    layer="gold",
    name="trade_bar_differences",
    description="Where minute bars made from trades differ from the vendor's; equal ones have no row.",
    schema=StructType(
        [
            *_MINUTE,
            column("measure", StringType(), "open, high, low, close or volume"),
            _metric("from_trades", MEASURE, "value of the bar made from trades; null where there is none"),
            _metric("from_vendor", MEASURE, "value of the vendor's bar; null where there is none"),
            _metric("difference", MEASURE, "from_trades - from_vendor"),
            column("is_within", BooleanType(), "both are there and differ by no more than the tolerance"),
            *_TAIL,
        ]
    ),
    keys=("provider", "symbol", "trade_dt", "timestamp", "measure"),
    partition_by=("trade_dt",),
)

TABLES = (TICK_FEATURES, TRADE_BAR_DIFFERENCES)
