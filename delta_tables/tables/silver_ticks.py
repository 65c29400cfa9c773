"""Silver ticks: every trade and quote of a session as reported, bitemporal, queryable as of any instant."""

from pyspark.sql.types import (
    BooleanType,
    DateType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from delta_tables.table import Table, column
from delta_tables.tables.column_types import KNOWN, PRICE, SIZE

_TICK = [
    column("provider", StringType(), "provider of the file"),
    column("symbol", StringType(), "symbol as the provider writes it, case kept"),
    column("trade_dt", DateType(), "session date of the exchange: the file's date"),
    column("timestamp", TimestampType(), "when the SIP received it, UTC, cut to microseconds"),
    column("sip_timestamp_ns", LongType(), "when the SIP received it, nanoseconds since 1970 UTC"),
    column(
        "participant_timestamp_ns",
        LongType(),
        "when the exchange made it, nanoseconds since 1970 UTC",
        is_nullable=True,
    ),
    column(
        "trf_timestamp_ns",
        LongType(),
        "when the trade reporting facility received it, ns since 1970; null off it",
        is_nullable=True,
    ),
    column("sequence_number", LongType(), "order of the symbol's messages, increasing, with gaps"),
]
_SESSION = column("session", StringType(), "pre, regular, post, or closed outside the trading hours")
_TAPE = column("tape", IntegerType(), "1 NYSE, 2 NYSE Arca and American, 3 Nasdaq listed")
_CONDITIONS = column("conditions", StringType(), "condition ids as given: 12,37", is_nullable=True)
_OUT_OF_ORDER = column(
    "is_out_of_order", BooleanType(), "sip_timestamp_ns less than that of a lower sequence_number"
)
_SIMULATED = column("is_simulated", BooleanType(), "true where the provider drew the values")


def _side(side: str) -> list[StructField]:
    return [
        column(
            f"{side}_price",
            PRICE,
            f"{side}, quote currency; null where there is none (0 in the file)",
            is_nullable=True,
        ),
        column(f"{side}_size", SIZE, f"size at the {side} as given; its unit is size_unit", is_nullable=True),
        column(f"{side}_exchange", IntegerType(), f"exchange of the {side}, provider's id", is_nullable=True),
    ]


TRADES = Table(
    layer="silver",
    name="trades",
    description="Every trade as reported: corrections and cancels are rows, the reader chooses (views).",
    schema=StructType(
        [
            *_TICK,
            column("trade_id", StringType(), "the exchange's id of the trade"),
            column("exchange", IntegerType(), "exchange, provider's id"),
            _TAPE,
            column("trf_id", IntegerType(), "trade reporting facility, provider's id; 0 off it"),
            column("price", PRICE, "price of a share, quote currency, raw as traded"),
            column("size", SIZE, "shares, fractions kept"),
            _CONDITIONS,
            column("correction", IntegerType(), "0 regular, 1 corrected, 7 8 10 11 12: see tick_views"),
            _SESSION,
            column("is_odd_lot", BooleanType(), "marked an odd lot by the SIP (condition 37)"),
            _OUT_OF_ORDER,
            column("updates_open_close", BooleanType(), "counts for open and close of a minute bar"),
            column("updates_high_low", BooleanType(), "counts for high and low of a minute bar"),
            column("updates_volume", BooleanType(), "counts for volume"),
            column("is_cancelled", BooleanType(), "cancelled or marked an error (correction 7, 8, 10, 11)"),
            _SIMULATED,
            *KNOWN,
        ]
    ),
    # by sequence and id, never by values: equal-looking prints are genuine
    keys=(
        *("provider", "symbol", "trade_dt", "exchange", "tape"),
        *("trade_id", "trf_id", "sequence_number", "known_from"),
    ),
    partition_by=("trade_dt",),
)

QUOTES = Table(
    layer="silver",
    name="quotes",
    description="Every best bid and offer as reported.",
    schema=StructType(
        [
            *_TICK,
            _TAPE,
            *_side("bid"),
            *_side("ask"),
            column("size_unit", StringType(), "round_lot until 2025-11-02, share from 2025-11-03"),
            _CONDITIONS,
            column("indicators", StringType(), "indicator ids as given", is_nullable=True),
            _SESSION,
            column("is_one_sided", BooleanType(), "bid or ask is missing, or both"),
            column("is_crossed", BooleanType(), "bid above ask"),
            column("is_locked", BooleanType(), "bid equal to ask"),
            _OUT_OF_ORDER,
            _SIMULATED,
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "trade_dt", "tape", "sequence_number", "sip_timestamp_ns", "known_from"),
    partition_by=("trade_dt",),
)

TABLES = (TRADES, QUOTES)
