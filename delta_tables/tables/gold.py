"""Gold: what is computed from Silver, one row a symbol and session."""

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


_VOLUME = column("volume", SIZE, "units traded; null where the market reports none", is_nullable=True)
_CHANGE = [
    column(
        "price_change",
        PRICE,
        "close - close of the session before in this one's shares, currency",
        is_nullable=True,
    ),
    column("price_change_pct", PRICE, "price_change / that close of the session before, %", is_nullable=True),
]
_TAIL = [
    column("is_simulated", BooleanType(), "true where any value behind the row was drawn"),
    column("run_id", StringType(), "run that last changed the row", is_lineage=True),
    column("partition_dt", DateType(), "layout: first day of trade_dt's year"),
]


def _metric(name: str, kind: DecimalType, comment: str) -> StructField:
    return column(name, kind, comment, is_nullable=True)


DAILY_KPIS = Table(
    layer="gold",
    name="daily_kpis",
    description="A session's key figures, one row for each interval of bars they were computed from.",
    schema=StructType(
        [
            *_SESSION,
            column("interval", StringType(), "interval of the bars behind the row"),
            column("provider", StringType(), "provider of the bars behind the row"),
            column("asset_class", StringType(), "stock, fund, bond, index, future, fx or crypto"),
            column("calendar", StringType(), "exchange calendar of the sessions, such as XNYS or 24/7"),
            *_ohlc(BAR_PRICE),
            column("average_price", PRICE, "mean of the bars' typical prices (high + low + close) / 3"),
            _metric("vwap", PRICE, "sum(typical price x volume) / sum(volume); null without volume"),
            _VOLUME,
            column("bar_count", LongType(), "bars of the regular session found"),
            column("expected_bars", LongType(), "bars of a full regular session by the calendar"),
            column(
                "basis_dt",
                DateType(),
                "day whose shares the row counts: trade_dt; of prices that the "
                "provider adjusted for splits the day they were fetched",
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
    description="Each signal's verdict on each session, triggered or not, with the reason in words.",
    schema=StructType(
        [
            *_SESSION,
            column("signal", StringType(), "Volume Spike % Alert or P/E Ratio Alert"),
            _metric("value", PRICE, "what was measured; null where it cannot be"),
            column("threshold", PRICE, "from which value on the signal is triggered"),
            column("is_triggered", BooleanType(), "true where value >= threshold"),
            column("reason", StringType(), "the verdict in words"),
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
    description="The BI view: one wide row a symbol and session.",
    schema=StructType(
        [
            *_SESSION,
            column("interval", StringType(), "interval of the bars behind the row: 1day, else the finest"),
            column("provider", StringType(), "provider of the bars behind the row: first in provider_order"),
            *_ohlc(PRICE),
            _VOLUME,
            *_CHANGE,
            _metric("7d_avg", PRICE, "mean close of the last 7 sessions, in this one's shares, currency"),
            _metric(
                "volatility_score", PRICE, "annualised volatility of simple daily returns, splits left out, %"
            ),
            _metric(
                "volume_spike_pct", PRICE, "volume over its window's average in this session's shares, %"
            ),
            _metric("pe_ratio", PRICE, "close / trailing EPS known at the session's end"),
            column("triggered_signals", StringType(), "names of the signals triggered, comma separated"),
            *_TAIL,
        ]
    ),
    keys=("symbol", "trade_dt"),
    partition_by=("partition_dt",),
)

TABLES = (DAILY_KPIS, SIGNALS, STOCK_OVERVIEW)
