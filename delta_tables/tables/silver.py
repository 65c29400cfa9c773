"""Silver: deduplicated, corrected, and queryable as of any instant."""

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DateType,
    DecimalType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from delta_tables.table import Table, column
from delta_tables.tables.column_types import BAR_PRICE, BAR_SIZE, KNOWN, PRICE


def _fundamental(name: str, kind: DecimalType | StringType | DateType, comment: str) -> StructField:
    return column(name, kind, comment, is_nullable=True)


BARS = Table(
    layer="silver",
    name="bars",
    description="Price bars of every asset class and interval, bitemporal, prices as received.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the bar"),
            column("symbol", StringType(), "symbol as in the watch list: AAPL, EURUSD, BTC-USD"),
            column("asset_class", StringType(), "stock, fund, bond, index, future, fx or crypto"),
            column("calendar", StringType(), "exchange calendar of the sessions, such as XNYS or 24/7"),
            column("interval", StringType(), "1min, 5min, 15min, 30min, 60min, 4hour, 1day or 4day"),
            column("timestamp", TimestampType(), "start of the bar, UTC; for 1day midnight at the exchange"),
            column("trade_dt", DateType(), "session date of the exchange"),
            column("session", StringType(), "pre, regular, post or 24x7"),
            column("kind", StringType(), "candle, or snapshot: one price at an instant, open = close"),
            column("adjustment", StringType(), "raw as traded, or split: adjusted for later splits"),
            column("open", BAR_PRICE, "first price, quote currency"),
            column("high", BAR_PRICE, "highest price, quote currency"),
            column("low", BAR_PRICE, "lowest price, quote currency"),
            column("close", BAR_PRICE, "last price, quote currency"),
            column("volume", BAR_SIZE, "units traded; null if the market reports none", is_nullable=True),
            column("is_simulated", BooleanType(), "true if the values are simulated"),
            *KNOWN,
            column(
                "partition_dt", DateType(), "partition: trade_dt; for 1day and 4day the first day of its year"
            ),
        ]
    ),
    keys=("provider", "symbol", "interval", "timestamp", "known_from"),
    partition_by=("partition_dt",),
)

FUNDAMENTALS = Table(
    layer="silver",
    name="fundamentals",
    description="Company fundamentals, bitemporal.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the fundamentals"),
            column("symbol", StringType(), "symbol in the provider's spelling"),
            _fundamental("name", StringType(), "company name"),
            _fundamental("asset_type", StringType(), "type of instrument"),
            _fundamental("exchange", StringType(), "listing exchange"),
            _fundamental("currency", StringType(), "currency of the amounts"),
            _fundamental("country", StringType(), "country of the company"),
            _fundamental("sector", StringType(), "sector"),
            _fundamental("industry", StringType(), "industry"),
            _fundamental("latest_quarter", DateType(), "end of the latest reported quarter"),
            _fundamental("market_cap", DecimalType(20, 2), "market capitalisation, currency"),
            _fundamental("pe_ratio", PRICE, "price / earnings, as stated by the provider"),
            _fundamental("eps", PRICE, "earnings per share, trailing twelve months, currency"),
            _fundamental("book_value", PRICE, "book value per share, currency"),
            _fundamental("dividend_per_share", PRICE, "dividend per share, trailing twelve months, currency"),
            _fundamental("dividend_yield", PRICE, "dividend yield, as a fraction"),
            _fundamental("beta", PRICE, "beta"),
            _fundamental("high_52w", PRICE, "highest price of 52 weeks, currency"),
            _fundamental("low_52w", PRICE, "lowest price of 52 weeks, currency"),
            _fundamental("shares_outstanding", DecimalType(20, 0), "shares outstanding"),
            column("is_simulated", BooleanType(), "true if the values are simulated"),
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "known_from"),
)

ENGINE_ERROR = "engine_error"  # the reason of a payload that no engine could read

QUARANTINE = Table(
    layer="silver",
    name="quarantine",
    description="Invalid rows, with the rules that they fail.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the row"),
            column("dataset", StringType(), "dataset of the row"),
            column("symbol", StringType(), "requested symbol"),
            column("interval", StringType(), "bar interval; `none` if there is none"),
            column("position", StringType(), "position inside the payload"),
            column("raw_values", StringType(), "the row's values as received, JSON list of strings"),
            column("reasons", ArrayType(StringType()), "names of the rules that the row fails, sorted"),
            column("first_seen_at", TimestampType(), "when the row was first received, UTC"),
            column("payload_id", StringType(), "payload or file in which the row was first received"),
            column("is_simulated", BooleanType(), "true if the values are simulated"),
            column("run_id", StringType(), "run that last changed the row", is_lineage=True),
        ]
    ),
    keys=("provider", "dataset", "symbol", "interval", "position", "raw_values"),
)

TABLES = (BARS, FUNDAMENTALS, QUARANTINE)
