"""Gold: figures computed from Silver, per symbol and session."""

from pyspark.sql.types import (
    BooleanType,
    DateType,
    DecimalType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from delta_tables.table import Table, column
from delta_tables.tables.column_types import BAR_PRICE, PRICE, SIZE

_SESSION = [
    column("symbol", StringType(), "symbol"),
    column("trade_dt", DateType(), "session date of the exchange"),
]


def _ohlc(kind: DecimalType) -> list[StructField]:
    return [
        column("open", kind, "first price of the session, quote currency"),
        column("high", kind, "highest price, quote currency"),
        column("low", kind, "lowest price, quote currency"),
        column("close", kind, "last price, quote currency"),
    ]


_VOLUME = column("volume", SIZE, "units traded; null if the market reports none", is_nullable=True)
_CHANGE = [
    column(
        "price_change",
        PRICE,
        "close - close of the previous session, adjusted for splits, currency",
        is_nullable=True,
    ),
    column(
        "price_change_pct",
        PRICE,
        "price_change / adjusted close of the previous session, %",
        is_nullable=True,
    ),
]
_TAIL = [
    column("is_simulated", BooleanType(), "true if any value behind the row is simulated"),
    column("run_id", StringType(), "run that last changed the row", is_lineage=True),
    column("partition_dt", DateType(), "partition: first day of the year of trade_dt"),
]


def _metric(name: str, kind: DecimalType, comment: str) -> StructField:
    return column(name, kind, comment, is_nullable=True)


DAILY_KPIS = Table(
    layer="gold",
    name="daily_kpis",
    description="Key figures of a session, one row per interval and provider of the bars.",
    schema=StructType(
        [
            *_SESSION,
            column("interval", StringType(), "interval of the bars behind the row"),
            column("provider", StringType(), "provider of the bars behind the row"),
            column("asset_class", StringType(), "stock, fund, bond, index, future, fx or crypto"),
            column("calendar", StringType(), "exchange calendar of the sessions, such as XNYS or 24/7"),
            *_ohlc(BAR_PRICE),
            column(
                "average_price",
                PRICE,
                "mean of the bars' typical prices (high + low + close) / 3, quote currency",
            ),
            _metric(
                "vwap",
                PRICE,
                "sum(typical price x volume) / sum(volume), quote currency; null without volume",
            ),
            _VOLUME,
            column("bar_count", LongType(), "number of bars found in the regular session"),
            column("expected_bars", LongType(), "number of bars of a full regular session by the calendar"),
            column(
                "basis_dt",
                DateType(),
                "date whose share count the prices are stated in: trade_dt, or for prices that the "
                "provider adjusted for splits the day on which they were fetched",
                is_nullable=True,
            ),
            *_CHANGE,
            *_TAIL,
        ]
    ),
    keys=("symbol", "trade_dt", "interval", "provider"),
    partition_by=("partition_dt",),
)

SIGNALS = Table(
    layer="gold",
    name="signals",
    description="Result of each signal for each session, triggered or not, with a description.",
    schema=StructType(
        [
            *_SESSION,
            column("signal", StringType(), "Volume Spike % Alert or P/E Ratio Alert"),
            _metric("value", PRICE, "measured value; null if there is none"),
            column("threshold", PRICE, "smallest value that triggers the signal"),
            column("is_triggered", BooleanType(), "true if value >= threshold"),
            column("reason", StringType(), "description of the result"),
            column("provider", StringType(), "provider of the bars behind the row"),
            *_TAIL,
        ]
    ),
    keys=("symbol", "trade_dt", "signal"),
    partition_by=("partition_dt",),
)

STOCK_OVERVIEW = Table(
    layer="gold",
    name="stock_overview",
    description="Overview for BI tools: one wide row per symbol and session.",
    schema=StructType(
        [
            *_SESSION,
            column(
                "interval", StringType(), "interval of the bars behind the row: 1day, otherwise the finest"
            ),
            column("provider", StringType(), "provider of the bars behind the row: first in provider_order"),
            *_ohlc(PRICE),
            _VOLUME,
            *_CHANGE,
            _metric("7d_avg", PRICE, "mean close of the last 7 sessions, adjusted for splits, currency"),
            _metric(
                "volatility_score",
                PRICE,
                "annualised volatility of simple daily returns, adjusted for splits, %",
            ),
            _metric(
                "volume_spike_pct",
                PRICE,
                "volume above its average of recent sessions, adjusted for splits, %",
            ),
            _metric("pe_ratio", PRICE, "close / trailing EPS as known at the end of the session"),
            column("triggered_signals", StringType(), "names of the triggered signals, separated by commas"),
            *_TAIL,
        ]
    ),
    keys=("symbol", "trade_dt"),
    partition_by=("partition_dt",),
)

TABLES = (DAILY_KPIS, SIGNALS, STOCK_OVERVIEW)
