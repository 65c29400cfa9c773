"""Silver ticks: every trade and quote of a session as reported, bitemporal."""

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
    column("symbol", StringType(), "symbol in the provider's spelling, case kept"),
    column("trade_dt", DateType(), "session date of the exchange: the file's date"),
    column("timestamp", TimestampType(), "when the SIP received it, UTC, truncated to microseconds"),
    column("sip_timestamp_ns", LongType(), "when the SIP received it, nanoseconds since 1970 UTC"),
    column(
        "participant_timestamp_ns",
        LongType(),
        "when the exchange generated it, nanoseconds since 1970 UTC",
        is_nullable=True,
    ),
    column(
        "trf_timestamp_ns",
        LongType(),
        "when the trade reporting facility received it, ns since 1970 UTC; null if there was none",
        is_nullable=True,
    ),
    column("sequence_number", LongType(), "number of the message, increasing per symbol, with gaps"),
]
_SESSION = column("session", StringType(), "pre, regular, post, or closed (outside trading hours)")
_TAPE = column("tape", IntegerType(), "1 NYSE, 2 NYSE Arca and American, 3 Nasdaq listed")
_CONDITIONS = column("conditions", StringType(), "condition ids as received, such as 12,37", is_nullable=True)
_OUT_OF_ORDER = column(
    "is_out_of_order", BooleanType(), "true if sip_timestamp_ns is below that of a lower sequence_number"
)
_SIMULATED = column("is_simulated", BooleanType(), "true if the values are simulated")


def _side(side: str) -> list[StructField]:
    return [
        column(
            f"{side}_price",
            PRICE,
            f"{side} price, quote currency; null if there is none (0 in the file)",
            is_nullable=True,
        ),
        column(f"{side}_size", SIZE, f"size at the {side} as received, in size_unit", is_nullable=True),
        column(
            f"{side}_exchange", IntegerType(), f"exchange of the {side}, the provider's id", is_nullable=True
        ),
    ]


TRADES = Table(
    layer="silver",
    name="trades",
    description="Every trade as reported; corrections and cancels are rows, see the views.",
    schema=StructType(
        [
            *_TICK,
            column("trade_id", StringType(), "id of the trade at the exchange"),
            column("exchange", IntegerType(), "exchange, the provider's id"),
            _TAPE,
            column(
                "trf_id", IntegerType(), "trade reporting facility, the provider's id; 0 if there was none"
            ),
            column("price", PRICE, "price per share, quote currency, as traded"),
            column("size", SIZE, "shares, including fractions"),
            _CONDITIONS,
            column(
                "correction",
                IntegerType(),
                "0 regular, 1 corrected; 7, 8, 10, 11, 12: see delta_tables/views/tick_views.py",
            ),
            _SESSION,
            column("is_odd_lot", BooleanType(), "true for an odd lot (condition 37)"),
            _OUT_OF_ORDER,
            column("updates_open_close", BooleanType(), "true if it updates open and close of a minute bar"),
            column("updates_high_low", BooleanType(), "true if it updates high and low of a minute bar"),
            column("updates_volume", BooleanType(), "true if it updates the volume"),
            column("is_cancelled", BooleanType(), "true if cancelled or erroneous (correction 7, 8, 10, 11)"),
            _SIMULATED,
            *KNOWN,
        ]
    ),
    # by sequence number and id, never by values: several trades can have equal values
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
            column("indicators", StringType(), "indicator ids as received", is_nullable=True),
            _SESSION,
            column("is_one_sided", BooleanType(), "true if bid or ask is missing"),
            column("is_crossed", BooleanType(), "true if the bid is above the ask"),
            column("is_locked", BooleanType(), "true if the bid equals the ask"),
            _OUT_OF_ORDER,
            _SIMULATED,
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "trade_dt", "tape", "sequence_number", "sip_timestamp_ns", "known_from"),
    partition_by=("trade_dt",),
)

TABLES = (TRADES, QUOTES)
