"""Silver quotes: the rows of a quotes_v1 file judged one by one."""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.column_types import PRICE, SIZE
from jobs.parsing.flat_files import COLUMNS_OF, QUOTES, FlatFile
from jobs.silver.tick_rules import (
    TickDay,
    decimal,
    integer,
    raw_values,
    reasons,
    shared_rules,
    with_shared,
    zero_as_null,
)

# SIP quote sizes are in shares from this day on: https://classic.nasdaqtrader.com/TraderNews.aspx?id=UTP2025-10;
# whether Massive restated its older files is not confirmed, so the unit stands beside the size as given.
SHARES_SINCE = date(2025, 11, 3)
_POSITION = ("ticker", "sequence_number", "sip_timestamp")
_SIDES = ("bid", "ask")


def validated_quotes(
    staged_df: DataFrame, file: FlatFile, day: TickDay, earlier_sip_ns: int | None = None
) -> DataFrame:
    """Every row of the staged texts with the values of silver.quotes, `reasons` and `raw_values`.

    `reasons` is empty where the quote is usable. A price of 0 (or none) means no side: it becomes null.
    Crossed and locked quotes are real: they are marked, not set aside.
    """
    shared_df = with_shared(staged_df, file, day, earlier_sip_ns).withColumn(
        "position", F.concat_ws("/", *(F.coalesce(name, F.lit("")) for name in _POSITION))
    )
    validated_df = shared_df.withColumn("reasons", reasons(_rules(day)))
    raw = F.when(F.size("reasons") > 0, raw_values(COLUMNS_OF[QUOTES]))
    typed_df = validated_df.withColumn("raw_values", raw).withColumns(_values(file.file_dt))
    return typed_df.withColumns(_shapes())


def _values(file_dt: date) -> dict[str, Column]:
    values = {
        "sequence_number": F.col("sequence"),
        "tape": integer("tape", "int"),
        "size_unit": F.lit("share" if file_dt >= SHARES_SINCE else "round_lot"),
    }
    for side in _SIDES:
        values[f"{side}_price"] = zero_as_null(decimal(f"{side}_price", PRICE))
        values[f"{side}_size"] = decimal(f"{side}_size", SIZE)
        values[f"{side}_exchange"] = integer(f"{side}_exchange", "int")
    return values


def _shapes() -> dict[str, Column]:
    bid, ask = F.col("bid_price"), F.col("ask_price")
    return {
        "is_one_sided": bid.isNull() | ask.isNull(),
        "is_crossed": F.coalesce(bid > ask, F.lit(False)),
        "is_locked": F.coalesce(bid == ask, F.lit(False)),
    }


def _rules(day: TickDay) -> dict[str, Column]:
    unreadable = integer("tape", "int").isNull()
    is_negative = F.lit(False)
    for side in _SIDES:
        price, size = decimal(f"{side}_price", PRICE), decimal(f"{side}_size", SIZE)
        unreadable |= F.col(f"{side}_price").isNotNull() & price.isNull()
        unreadable |= F.col(f"{side}_size").isNotNull() & size.isNull()
        unreadable |= F.col(f"{side}_exchange").isNotNull() & integer(f"{side}_exchange", "int").isNull()
        is_negative |= F.coalesce(price < 0, F.lit(False)) | F.coalesce(size < 0, F.lit(False))
    return {
        **shared_rules(day),
        "missing_sequence": F.col("sequence").isNull(),
        "negative_price_or_size": is_negative,
        "unreadable_number": unreadable,
    }
