"""Silver trades: the rows of a trades_v1 file judged one by one."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.column_types import PRICE, SIZE
from delta_tables.views.tick_views import CANCELLED
from jobs.parsing.flat_files import COLUMNS_OF, TRADES, FlatFile
from jobs.silver import trade_conditions
from jobs.silver.tick_rules import TickDay, decimal, integer, raw_values, reasons, shared_rules, with_shared

# enough to find the line again in the file
_POSITION = ("ticker", "sequence_number", "exchange", "id")


def validated_trades(
    staged_df: DataFrame, file: FlatFile, day: TickDay, earlier_sip_ns: int | None = None
) -> DataFrame:
    """Every row of the staged texts with the values of silver.trades, `reasons` and `raw_values`.

    `reasons` is empty where the trade is usable. An empty correction is 0, an empty trf_id 0.
    """
    shared_df = with_shared(staged_df, file, day, earlier_sip_ns).withColumn(
        "position", F.concat_ws("/", *(F.coalesce(name, F.lit("")) for name in _POSITION))
    )
    validated_df = shared_df.withColumn("reasons", reasons(_rules(day)))
    raw = F.when(F.size("reasons") > 0, raw_values(COLUMNS_OF[TRADES]))
    return validated_df.withColumn("raw_values", raw).withColumns(_values())


def _values() -> dict[str, Column]:
    conditions, correction = F.col("conditions"), _zero_if_empty("correction")
    return {
        "sequence_number": F.col("sequence"),
        "trade_id": F.col("id"),
        "exchange": integer("exchange", "int"),
        "tape": integer("tape", "int"),
        "trf_id": _zero_if_empty("trf_id"),
        "price": decimal("price", PRICE),
        "size": decimal("size", SIZE),
        "correction": correction,
        "is_cancelled": correction.isin(*CANCELLED),
        "is_odd_lot": trade_conditions.is_odd_lot(conditions),
        "updates_open_close": trade_conditions.updates_open_close(conditions),
        "updates_high_low": trade_conditions.updates_high_low(conditions),
        "updates_volume": trade_conditions.updates_volume(conditions),
    }


def _rules(day: TickDay) -> dict[str, Column]:
    price, size = decimal("price", PRICE), decimal("size", SIZE)
    unreadable = price.isNull() | size.isNull()
    for name in ("exchange", "tape"):
        unreadable |= integer(name, "int").isNull()
    for name in ("correction", "trf_id"):
        unreadable |= _zero_if_empty(name).isNull()
    return {
        **shared_rules(day),
        "missing_id": F.col("id").isNull(),
        "missing_sequence": F.col("sequence").isNull(),
        "negative_size": size < 0,
        "not_positive_price": price <= 0,
        "unreadable_conditions": trade_conditions.is_unreadable(F.col("conditions")),
        "unreadable_number": unreadable,
    }


def _zero_if_empty(name: str) -> Column:
    return F.when(F.col(name).isNull(), F.lit(0)).otherwise(integer(name, "int"))
