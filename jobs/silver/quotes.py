"""Silver quotes: validation of the rows of a quotes_v1 file."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.column_types import PRICE, SIZE
from jobs.parsing.flat_files import COLUMNS_OF, QUOTES, FlatFile
from jobs.silver.rules import failed_rules, quoted_raw_values
from jobs.silver.tick_rules import (
    TickDay,
    shared_tick_rules,
    to_exact_decimal,
    to_integer,
    with_tick_columns,
    zero_as_null,
)

# SIP quote sizes are in shares from this day: https://classic.nasdaqtrader.com/TraderNews.aspx?id=UTP2025-10;
# whether Massive restated its older files is not confirmed, so the size is stored as given, with its unit.
SHARES_SINCE = date(2025, 11, 3)
_POSITION = ("ticker", "sequence_number", "sip_timestamp")
_SIDES = ("bid", "ask")


def validated_quotes(
    staged_df: DataFrame, file: FlatFile, day: TickDay, earlier_sip_ns: int | None = None
) -> DataFrame:
    """The staged quotes with the columns of silver.quotes and the rules that each quote fails.

    A price of 0 (or none) means that the side is missing: it becomes null. Crossed and locked quotes occur in
    real markets: they are flagged, not invalid.

    Args:
        staged_df: rows of tick_rules.with_batch_columns.
        file: the file that the rows are from.
        day: the file's day.
        earlier_sip_ns: the latest SIP time of an earlier batch of the symbol, nanoseconds since 1970.

    Returns:
        The raw columns, the columns of tick_rules.with_tick_columns, position (ticker/sequence/SIP time),
        sequence_number, tape, bid_price, ask_price (quote currency), bid_size, ask_size, size_unit (round_lot
        or share), bid_exchange, ask_exchange, conditions, indicators, is_one_sided, is_crossed, is_locked,
        reasons (array of the failed rules' names, sorted, empty for a valid quote),
        raw_values (the strings as received, JSON; null for a valid quote).
    """
    shared_df = with_tick_columns(staged_df, file, day, earlier_sip_ns).withColumn(
        "position", F.concat_ws("/", *(F.coalesce(name, F.lit("")) for name in _POSITION))
    )
    validated_df = shared_df.withColumn("reasons", failed_rules(_rules(day)))
    raw_values = F.when(F.size("reasons") > 0, quoted_raw_values(COLUMNS_OF[QUOTES]))
    typed_df = validated_df.withColumn("raw_values", raw_values).withColumns(_values(file.file_dt))
    return typed_df.withColumns(_flags())


def _values(file_dt: date) -> dict[str, Column]:
    values = {
        "sequence_number": F.col("sequence"),
        "tape": to_integer("tape", "int"),
        "size_unit": F.lit("share" if file_dt >= SHARES_SINCE else "round_lot"),
    }
    for side in _SIDES:
        values[f"{side}_price"] = zero_as_null(to_exact_decimal(f"{side}_price", PRICE))
        values[f"{side}_size"] = to_exact_decimal(f"{side}_size", SIZE)
        values[f"{side}_exchange"] = to_integer(f"{side}_exchange", "int")
    return values


def _flags() -> dict[str, Column]:
    bid, ask = F.col("bid_price"), F.col("ask_price")
    return {
        "is_one_sided": bid.isNull() | ask.isNull(),
        "is_crossed": F.coalesce(bid > ask, F.lit(False)),
        "is_locked": F.coalesce(bid == ask, F.lit(False)),
    }


def _rules(day: TickDay) -> dict[str, Column]:
    """Conditions that are true for an invalid quote, by the name of the rule."""
    unreadable = to_integer("tape", "int").isNull()
    is_negative = F.lit(False)
    for side in _SIDES:
        price, size = to_exact_decimal(f"{side}_price", PRICE), to_exact_decimal(f"{side}_size", SIZE)
        unreadable |= F.col(f"{side}_price").isNotNull() & price.isNull()
        unreadable |= F.col(f"{side}_size").isNotNull() & size.isNull()
        unreadable |= F.col(f"{side}_exchange").isNotNull() & to_integer(f"{side}_exchange", "int").isNull()
        is_negative |= F.coalesce(price < 0, F.lit(False)) | F.coalesce(size < 0, F.lit(False))
    return {
        **shared_tick_rules(day),
        "missing_sequence": F.col("sequence").isNull(),
        "negative_price_or_size": is_negative,
        "unreadable_number": unreadable,
    }
